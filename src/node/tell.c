/* tell - what is logged, as fields. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/endpoint.h"
#include "base/text.h"
#include "engine/network.h"
#include "node/parts.h"

#define FIELDS_MAX 12
#define WORK_MS    (5 * KAD_SECOND) /* between two lines of what it did by itself */

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

/* Together what came of it in some seconds: of many it would be a line each. */
void kad_tell_work(struct kad_node *node)
{
    const struct kad_counters *counters = kad_engine_counters(node->engine);
    char n[24], of[24];
    struct kad_info info;

    if (node->now - node->told_work.at < WORK_MS || (counters->published == node->told_work.published &&
                                                     counters->refreshes == node->told_work.refreshes))
        return;
    if (counters->published != node->told_work.published) {
        kad_engine_info(node->engine, &info);
        snprintf(n, sizeof(n), "%" PRIu64, counters->published - node->told_work.published);
        snprintf(of, sizeof(of), "%u", info.n_publications);
        kad_tell(node, KAD_LOG_DEBUG, "published_again", "n", n, "of", of, NULL);
    }
    if (counters->refreshes != node->told_work.refreshes) {
        snprintf(n, sizeof(n), "%" PRIu64, counters->refreshes - node->told_work.refreshes);
        kad_tell(node, KAD_LOG_DEBUG, "refreshed", "buckets", n, NULL);
    }
    node->told_work.published = counters->published;
    node->told_work.refreshes = counters->refreshes;
    node->told_work.at = node->now;
}

/* -- requests: every line of one has its number, as its events and traces have -------------------------------------- */

static const char *kind_of(enum kad_request_kind kind, uint8_t record_type)
{
    static const char *const texts[] = {
        [KAD_REQUEST_PING] = "ping",   [KAD_REQUEST_CLOSEST] = "closest",   [KAD_REQUEST_FIND] = "find",
        [KAD_REQUEST_PEERS] = "peers", [KAD_REQUEST_ANNOUNCE] = "announce", [KAD_REQUEST_GET] = "get",
        [KAD_REQUEST_PUT] = "put",     [KAD_REQUEST_SAMPLE] = "sample",     [KAD_REQUEST_TAKE] = "take",
    };

    if (record_type == KAD_CLASS_PROVIDER && kind == KAD_REQUEST_GET)
        return "providers";
    if (record_type == KAD_CLASS_PROVIDER && kind == KAD_REQUEST_PUT)
        return "provide";
    return texts[kind];
}

void kad_tell_asked(const struct kad_node *node, uint64_t id, const struct kad_request *request)
{
    char number[24], key[2 * KAD_ID_SIZE + 1];

    if (!node->config.log || node->config.log_level < KAD_LOG_DEBUG)
        return;
    snprintf(number, sizeof(number), "%" PRIu64, id);
    kad_tell(node, KAD_LOG_DEBUG, "request_begun", "request", number, "kind",
             kind_of(request->kind, request->record.type), "key",
             kad_hex(request->target.bytes, sizeof(request->target.bytes), key), NULL);
}

void kad_tell_done(const struct kad_node *node, const struct kad_event *event, uint8_t record_type)
{
    const size_t n_found = event->done.kind == KAD_REQUEST_PEERS ? event->peers.n
                           : event->done.n_records               ? event->done.n_records
                                                                 : event->done.n_closest;
    char number[24], key[2 * KAD_ID_SIZE + 1], ms[24], found[24], stored[24], asked[24];

    if (!node->config.log || node->config.log_level < KAD_LOG_DEBUG)
        return;
    snprintf(number, sizeof(number), "%" PRIu64, event->request);
    snprintf(ms, sizeof(ms), "%" PRId64, event->done.duration_ms);
    snprintf(found, sizeof(found), "%zu", n_found);
    snprintf(stored, sizeof(stored), "%u", (unsigned)event->done.n_stored);
    snprintf(asked, sizeof(asked), "%u", (unsigned)event->done.n_queries);
    kad_tell(node, KAD_LOG_DEBUG, "request_done", "request", number, "kind",
             kind_of(event->done.kind, record_type), "key",
             kad_hex(event->done.target.bytes, sizeof(event->done.target.bytes), key), "result",
             event->done.error ? kad_error_text(event->done.error) : "ok", "after_ms", ms, "queries", asked,
             "found", found, "stored", stored, NULL);
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
