/* tell - what is logged, as fields. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/endpoint.h"
#include "base/text.h"
#include "engine/network.h"
#include "node/parts.h"

#define FIELDS_MAX 12

/* Then each line says of which it is. */
static bool is_one_of_several(const struct kad_node *node)
{
    return node->config.with || (node->storage && node->storage->users && node->storage->users->storage_next);
}

void kad_tell(const struct kad_node *node, enum kad_log_level level, const char *event, ...)
{
    struct kad_log_field fields[FIELDS_MAX];
    size_t n = 0;
    va_list list;
    const char *name;

    if (!node->config.log || level > node->config.log_level)
        return;
    va_start(list, event);
    while (n < FIELDS_MAX - 1 && (name = va_arg(list, const char *)))
        fields[n++] = (struct kad_log_field){name, va_arg(list, const char *)};
    va_end(list);
    if (is_one_of_several(node))
        fields[n++] = (struct kad_log_field){"network", kad_network_name(node->config.network)};
    node->config.log(node->config.log_context, level, event, fields, n);
}

static void tell_ready(const struct kad_node *node)
{
    struct kad_info info;
    char v4[24], v6[24], ms[24];

    kad_engine_info(node->engine, &info);
    snprintf(v4, sizeof(v4), "%zu", info.n_contacts[0]);
    snprintf(v6, sizeof(v6), "%zu", info.n_contacts[1]);
    snprintf(ms, sizeof(ms), "%" PRId64, node->now - node->started_at);
    kad_tell(node, KAD_LOG_INFO, "ready", "contacts_v4", v4, "contacts_v6", v6, "after_ms", ms, NULL);
}

/* Once when it falls behind, once when it has caught up. */
void kad_tell_load(const struct kad_node *node, uint32_t overflows)
{
    const uint64_t shed = kad_engine_counters(node->engine)->received[KAD_DROP_SHED];
    char dropped[24], shed_text[24];

    snprintf(dropped, sizeof(dropped), "%" PRIu32, overflows);
    snprintf(shed_text, sizeof(shed_text), "%" PRIu64, shed);
    if (node->load.percent)
        kad_tell(node, KAD_LOG_WARN, "overloaded", "dropped_by_kernel", dropped, "what",
                 "strangers' queries are shed", NULL);
    else
        kad_tell(node, KAD_LOG_INFO, "keeps_up_again", "dropped_by_kernel", dropped, "shed", shed_text, NULL);
}

static void tell_contact(const struct kad_node *node, enum kad_log_level level, const char *event,
                         const struct kad_contact *contact)
{
    char id[2 * KAD_ID_SIZE + 1], address[KAD_ENDPOINT_TEXT];

    if (!node->config.log || level > node->config.log_level)
        return; /* formatting is most of the work */
    kad_tell(node, level, event, "id", kad_hex(contact->id.bytes, sizeof(contact->id.bytes), id), "address",
             kad_endpoint_format(&contact->endpoint, address), NULL);
}

void kad_tell_event(const struct kad_node *node, const struct kad_event *event)
{
    char text[2 * KAD_ID_SIZE + 1];

    switch (event->kind) {
    case KAD_EVENT_READY:
        tell_ready(node);
        break;
    case KAD_EVENT_WARNING:
        kad_tell(node, KAD_LOG_WARN, "warning", "what", kad_warning_text(event->warning), NULL);
        break;
    case KAD_EVENT_ADDRESS:
        tell_contact(node, KAD_LOG_INFO, "outside_address", &event->contact);
        break;
    case KAD_EVENT_ID:
        tell_contact(node, KAD_LOG_INFO, "new_id", &event->contact);
        break;
    case KAD_EVENT_NODE:
        tell_contact(node, KAD_LOG_TRACE, "node", &event->contact);
        break;
    case KAD_EVENT_TABLE:
        tell_contact(node, KAD_LOG_DEBUG, event->table.added ? "contact_added" : "contact_removed",
                     event->table.added ? &event->contact : &event->table.gone);
        break;
    case KAD_EVENT_STORED:
        if (node->config.log && node->config.log_level >= KAD_LOG_DEBUG)
            kad_tell(node, KAD_LOG_DEBUG, "stored", "key",
                     kad_hex(event->key.bytes, sizeof(event->key.bytes), text), NULL);
        break;
    case KAD_EVENT_DONE:
    case KAD_EVENT_HOP:
    case KAD_EVENT_PEERS:
        break;
    }
}
