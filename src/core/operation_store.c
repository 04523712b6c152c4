/* operation_store - after the lookups: where to store, and whether. */
#include "core/bundle.h"
#include "core/gather.h"
#include "core/operation_parts.h"
#include "core/records.h"

#include <string.h>

static const struct kad_operation_token *token_of(const struct kad_operation *operation,
                                                  kad_contact_ref contact)
{
    for (size_t i = 0; i < operation->n_tokens; i++) {
        if (operation->tokens[i].contact == contact)
            return &operation->tokens[i];
    }
    return NULL;
}

/* The newest value seen on the way decides whether storing ours makes sense at all. */
static enum kad_refusal outdated(const struct kad_operation *operation)
{
    const struct kad_record *ours = &operation->request.record, *best = &operation->best;

    if (operation->request.kind != KAD_REQUEST_PUT || best->type != KAD_RECORD_MUTABLE)
        return KAD_REFUSAL_NONE;
    if (operation->request.has_cas && best->sequence != operation->request.cas)
        return KAD_REFUSAL_CAS;
    if (best->sequence > ours->sequence)
        return KAD_REFUSAL_SEQUENCE;
    if (best->sequence == ours->sequence &&
        (best->value.size != ours->value.size ||
         memcmp(best->value.data, ours->value.data, ours->value.size) != 0))
        return KAD_REFUSAL_SEQUENCE;
    return KAD_REFUSAL_NONE;
}

/* As many as there are: whoever wants to keep a value from being found would have to stand nearer than all of the region. */
static bool is_within(const struct kad_dht *dht, const struct kad_operation *operation,
                      kad_contact_ref contact, uint64_t region)
{
    const struct kad_id distance =
        kad_id_xor(&operation->request.target, &kad_book_contact(dht->book, contact)->id);

    return region && kad_id_head(&distance) <= region;
}

void kad_operation_begin_storing(struct kad_dht *dht, struct kad_operation *operation, kad_ms now)
{
    const unsigned replicas =
        operation->request.replicas ? operation->request.replicas : dht->settings->replicas;

    operation->phase = KAD_PHASE_STORING;
    kad_operation_harvest_own(dht, operation, now); /* something newer may have come to us meanwhile */
    operation->refusal = dht->rules->class_of && operation->request.kind == KAD_REQUEST_PUT
                             ? kad_gather_outdated(dht, operation)
                             : outdated(operation);
    if (dht->rules->class_of && operation->owner != KAD_OWNER_HOST)
        kad_region_learn(dht, operation, now);
    kad_gather_recount(dht, operation);
    if (operation->owner == KAD_OWNER_RECORDS && !kad_restore_should_store(dht, operation))
        return; /* something better stands there, and is taken over at the end */
    if (operation->refusal != KAD_REFUSAL_NONE)
        return; /* with nothing to store it ends at once */
    for (int i = 0; i < KAD_FAMILIES; i++) {
        const uint64_t region = operation->paths[i].first.config.region;
        kad_contact_ref closest[KAD_OPERATION_STORING];
        size_t n, chosen = 0;

        if (!operation->families[i])
            continue;
        n = kad_paths_closest(&operation->paths[i], KAD_COUNT_OF(closest), closest);
        for (size_t j = 0; j < n && (chosen < replicas || is_within(dht, operation, closest[j], region));
             j++) {
            if (operation->n_storing == KAD_COUNT_OF(operation->storing))
                break;
            if (token_of(operation, closest[j])) {
                operation->storing[operation->n_storing++] = closest[j];
                chosen++;
            }
        }
    }
    if (!operation->only)
        kad_operation_store_own(dht, operation, now);
    kad_bundle_begin(dht, operation, now);
}

static bool store_at(struct kad_dht *dht, struct kad_operation *operation, kad_contact_ref contact,
                     kad_ms now, struct kad_outbox *out)
{
    const struct kad_operation_token *token = token_of(operation, contact);
    const struct kad_request *request = &operation->request;
    struct kad_query query = {
        .operation = operation,
        .contact = contact,
        .to = kad_book_contact(dht->book, contact)->endpoint,
        .purpose = KAD_FOR_STORING,
        .method = request->kind == KAD_REQUEST_PUT ? KAD_PUT : KAD_ANNOUNCE,
    };
    struct kad_message message;

    kad_message_init(&message);
    message.method = (enum kad_method)query.method;
    message.target = request->target;
    message.token = (struct kad_bytes){token->bytes, token->size};
    message.record = request->record;
    message.cas = request->cas;
    message.has_cas = request->has_cas;
    message.port = request->port;
    message.implied_port = request->port == 0;
    message.seed = request->seed;
    message.wants_attest = dht->rules->class_of && kad_operation_wants_receipts(operation);
    if (!kad_dht_ask(dht, &query, &message, now, out))
        return false;
    operation->n_in_flight++;
    operation->n_queries++;
    return true;
}

void kad_operation_advance_storing(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                                   struct kad_outbox *out)
{
    while (operation->next_storing < operation->n_storing && out->room) {
        if (!kad_operation_may_ask(dht, operation, now, out))
            return;
        if (!store_at(dht, operation, operation->storing[operation->next_storing], now, out) && !out->room)
            break; /* the batch is full: once more with the next */
        operation->next_storing++;
    }
    if (operation->next_storing < operation->n_storing)
        operation->wake_at = now;
    else if (kad_bundle_advance(dht, operation, now, out) && !operation->n_in_flight)
        kad_operation_end(dht, operation, (enum kad_reason)operation->reason, now);
}
