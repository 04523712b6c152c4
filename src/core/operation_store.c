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
    message.token = token ? (struct kad_bytes){token->bytes, token->size} : (struct kad_bytes){0};
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

/* -- before the lookups are over -------------------------------------------------------------------------------- */

bool kad_operation_hurries(const struct kad_dht *dht, const struct kad_operation *operation)
{
    const struct kad_request *request = &operation->request;

    return dht->settings->put_enough && dht->rules->no_tokens && request->kind == KAD_REQUEST_PUT &&
           request->record.many && !request->has_cas && !operation->only &&
           (operation->owner == KAD_OWNER_HOST || operation->owner == KAD_OWNER_REST);
}

static int early_at(const struct kad_operation *operation, kad_contact_ref contact)
{
    for (int i = 0; i < operation->n_early; i++) {
        if (operation->early[i] == contact)
            return i;
    }
    return -1;
}

void kad_operation_store_early(struct kad_dht *dht, struct kad_operation *operation, kad_contact_ref contact,
                               kad_ms now, struct kad_outbox *out)
{
    const int family = kad_family_index(kad_book_contact(dht->book, contact)->endpoint.family);

    if (operation->phase != KAD_PHASE_LOOKUP || !kad_operation_hurries(dht, operation) || !out ||
        operation->n_early == KAD_OPERATION_EARLY || early_at(operation, contact) >= 0 ||
        !is_within(dht, operation, contact, kad_operation_nearby(dht, family)) ||
        !kad_operation_may_ask(dht, operation, now, out) || !store_at(dht, operation, contact, now, out))
        return;
    kad_book_retain(dht->book, contact);
    operation->early[operation->n_early++] = contact;
}

void kad_operation_taken(struct kad_operation *operation, kad_contact_ref contact)
{
    const int at = early_at(operation, contact);

    if (at >= 0)
        operation->taken |= 1u << at;
}

/* Of the k nearest known, without those who said nothing, how many have taken it. */
static unsigned taken_by_nearest(const struct kad_dht *dht, const struct kad_operation *operation,
                                 const struct kad_lookup *lookup)
{
    unsigned n_seen = 0, n_taken = 0;

    for (size_t i = 0; i < lookup->n_candidates && n_seen < dht->settings->k; i++) {
        const struct kad_candidate *candidate = &lookup->candidates[i];
        const int at = early_at(operation, candidate->contact);

        n_seen += candidate->state != KAD_CANDIDATE_FAILED && candidate->state != KAD_CANDIDATE_LATE;
        n_taken += at >= 0 && operation->taken >> at & 1;
    }
    return n_taken;
}

bool kad_operation_has_enough(const struct kad_dht *dht, const struct kad_operation *operation)
{
    const unsigned enough = dht->settings->put_enough;
    bool has = false;

    if (operation->owner != KAD_OWNER_HOST || !kad_operation_hurries(dht, operation))
        return false;
    if (operation->phase == KAD_PHASE_STORING)
        return operation->n_stored - operation->stored_own >= enough;
    for (int i = 0; operation->phase == KAD_PHASE_LOOKUP && i < KAD_FAMILIES; i++) {
        if (!operation->families[i] || !kad_paths_candidates(&operation->paths[i]))
            continue;
        has = !operation->paths[i].n_more &&
              taken_by_nearest(dht, operation, &operation->paths[i].first) >= enough;
        if (!has)
            return false;
    }
    return has;
}

void kad_operation_advance_storing(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                                   struct kad_outbox *out)
{
    while (operation->next_storing < operation->n_storing && out->room) {
        if (early_at(operation, operation->storing[operation->next_storing]) >= 0) {
            operation->next_storing++;
            continue;
        }
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
