/* harvest - what an operation takes out of answers, and of our own store: peers, records, tokens, samples. */
#include "core/operation.h"

#include <string.h>

#include "base/endpoint.h"
#include "core/bloom.h"
#include "core/gather.h"
#include "core/hold.h"
#include "core/records.h"

static void keep_token(struct kad_dht *dht, struct kad_operation *operation, kad_contact_ref contact,
                       struct kad_bytes token)
{
    struct kad_operation_token *kept;

    if (!token.size || token.size > KAD_OPERATION_TOKEN_MAX)
        return;
    if (!operation->tokens) {
        const size_t room = dht->settings->region_k ? KAD_OPERATION_TOKENS_REGION : KAD_OPERATION_TOKENS;

        operation->tokens = kad_alloc(dht->allocator, room * sizeof(*operation->tokens));
        if (!operation->tokens)
            return;
        operation->room_tokens = (uint16_t)room;
    }
    if (operation->n_tokens < operation->room_tokens) {
        kept = &operation->tokens[operation->n_tokens++];
    } else { /* full: the farthest gives way, if it is farther than this one */
        const struct kad_id *target = &operation->request.target;

        kept = &operation->tokens[0];
        for (size_t i = 1; i < operation->n_tokens; i++) {
            if (kad_id_compare(target, &kad_book_contact(dht->book, operation->tokens[i].contact)->id,
                               &kad_book_contact(dht->book, kept->contact)->id) > 0)
                kept = &operation->tokens[i];
        }
        if (kad_id_compare(target, &kad_book_contact(dht->book, kept->contact)->id,
                           &kad_book_contact(dht->book, contact)->id) <= 0)
            return;
        kad_book_release(dht->book, kept->contact);
    }
    kad_book_retain(dht->book, contact);
    kept->contact = contact;
    kept->size = (uint8_t)token.size;
    memcpy(kept->bytes, token.data, token.size);
}

/* Room for `n` more of `size` bytes, by doubling up to `most`. */
static bool make_room(struct kad_dht *dht, void **list, uint32_t *room, uint32_t n, size_t size,
                      uint32_t most)
{
    uint32_t wanted = *room ? *room : 16;
    void *larger;

    if (n > most)
        return false;
    while (wanted < n)
        wanted *= 2;
    if (wanted == *room)
        return true;
    larger = kad_resize(dht->allocator, *list, *room * size, wanted * size);
    if (!larger)
        return false;
    *list = larger;
    *room = wanted;
    return true;
}

static bool knows_peer(const struct kad_operation *operation, const struct kad_endpoint *peer)
{
    for (size_t i = 0; i < operation->n_peers; i++) {
        if (kad_endpoint_equal(&operation->peers[i], peer))
            return true;
    }
    return false;
}

static void take_peers(struct kad_dht *dht, struct kad_operation *operation, enum kad_scope least,
                       const struct kad_endpoint *peers, size_t n)
{
    const uint32_t before = operation->n_peers;
    struct kad_event *event;

    for (size_t i = 0; i < n; i++) {
        void *list = operation->peers;

        if (kad_endpoint_scope(&peers[i]) == KAD_SCOPE_INVALID || kad_endpoint_scope(&peers[i]) < least ||
            knows_peer(operation, &peers[i]))
            continue;
        if (!make_room(dht, &list, &operation->room_peers, operation->n_peers + 1, sizeof(*operation->peers),
                       KAD_OPERATION_PEERS))
            break;
        operation->peers = list;
        operation->peers[operation->n_peers++] = peers[i];
    }
    if (operation->n_peers == before || !operation->request.progress || operation->owner != KAD_OWNER_HOST)
        return;
    event = kad_events_push(&dht->events, KAD_EVENT_PEERS);
    if (event) { /* the list may move until the event is taken: kad_dht_next_event() finds it again */
        event->request = operation->id;
        event->user = operation->request.user;
        event->key = operation->request.target;
        event->hop.at_ms = before;
        event->peers.n = operation->n_peers - before;
    }
}

static void take_samples(struct kad_dht *dht, struct kad_operation *operation,
                         const struct kad_message *answer)
{
    for (size_t i = 0; i < answer->n_samples; i++) {
        void *list = operation->samples;
        bool known = false;

        for (size_t j = 0; j < operation->n_samples && !known; j++)
            known = kad_id_equal(&operation->samples[j], &answer->samples[i]);
        if (known)
            continue;
        if (!make_room(dht, &list, &operation->room_samples, operation->n_samples + 1,
                       sizeof(*operation->samples), KAD_OPERATION_SAMPLES))
            return;
        operation->samples = list;
        operation->samples[operation->n_samples++] = answer->samples[i];
    }
}

static bool same_value(const struct kad_record *a, const struct kad_record *b)
{
    return a->sequence == b->sequence && a->value.size == b->value.size &&
           memcmp(a->value.data, b->value.data, a->value.size) == 0;
}

static bool better(const struct kad_record *a, const struct kad_record *than)
{
    return than->type == KAD_RECORD_NONE || a->sequence > than->sequence;
}

/* True when it is valid; copies it when it is the best so far. */
static bool take_record(struct kad_dht *dht, struct kad_operation *operation,
                        const struct kad_record *offered)
{
    struct kad_record record = *offered;
    uint8_t *bytes;
    size_t n;

    record.key = operation->request.target;
    record.salt = operation->request.record.salt; /* answers do not repeat it */
    if (dht->rules->check_record(&record) != KAD_REFUSAL_NONE)
        return false;
    if (operation->best.type != KAD_RECORD_NONE && same_value(&record, &operation->best)) {
        operation->n_copies++;
        return true;
    }
    if (!better(&record, &operation->best))
        return true;
    n = record.value.size + record.salt.size;
    bytes = kad_alloc(dht->allocator, n ? n : 1);
    if (!bytes)
        return true;
    memcpy(bytes, record.value.data, record.value.size);
    if (record.salt.size)
        memcpy(bytes + record.value.size, record.salt.data, record.salt.size);
    kad_free(dht->allocator, operation->best_bytes, operation->n_best_bytes);
    operation->best_bytes = bytes;
    operation->n_best_bytes = n ? n : 1;
    operation->best = record;
    operation->best.value.data = bytes;
    operation->best.salt.data = bytes + record.value.size;
    operation->n_copies = 1;
    return true;
}

static bool enough(const struct kad_dht *dht, const struct kad_operation *operation)
{
    const struct kad_request *request = &operation->request;

    if (request->kind == KAD_REQUEST_PEERS)
        return request->first && operation->n_peers > 0 && !request->scrape;
    if (request->kind != KAD_REQUEST_GET || operation->best.type == KAD_RECORD_NONE)
        return false;
    return operation->best.type == KAD_RECORD_IMMUTABLE || request->first ||
           (dht->settings->quorum && operation->n_copies >= dht->settings->quorum);
}

static void take_blooms(struct kad_dht *dht, struct kad_operation *operation,
                        const struct kad_message *answer)
{
    if (!operation->request.scrape || (!answer->bloom_peers && !answer->bloom_seeds))
        return;
    if (!operation->blooms) {
        operation->blooms = kad_alloc_zero(dht->allocator, sizeof(*operation->blooms));
        if (!operation->blooms)
            return;
    }
    if (answer->bloom_seeds)
        kad_bloom_merge(operation->blooms->seeds, answer->bloom_seeds);
    if (answer->bloom_peers)
        kad_bloom_merge(operation->blooms->peers, answer->bloom_peers);
}

void kad_operation_scrape(const struct kad_operation *operation, double *out_seeds, double *out_peers)
{
    *out_seeds = kad_bloom_estimate(operation->blooms->seeds);
    *out_peers = kad_bloom_estimate(operation->blooms->peers);
}

bool kad_operation_harvest(struct kad_dht *dht, struct kad_operation *operation,
                           const struct kad_query *query, const struct kad_message *answer, kad_ms now,
                           bool *out_broke_rules)
{
    const enum kad_request_kind kind = operation->request.kind;

    if (query->purpose == KAD_FOR_BEYOND)
        return false; /* it was asked about somewhere else */
    if (dht->rules->class_of &&
        (kind == KAD_REQUEST_PUT || kind == KAD_REQUEST_GET || kind == KAD_REQUEST_TAKE)) {
        if (operation->phase == KAD_PHASE_LOOKUP && kind != KAD_REQUEST_TAKE)
            keep_token(dht, operation, query->contact, answer->token);
        kad_region_token(dht, query->contact, answer->token, now);
        *out_broke_rules = !kad_gather_take(dht, operation, query, answer, now);
        return kad_gather_enough(dht, operation);
    }
    switch (kind) {
    case KAD_REQUEST_ANNOUNCE:
    case KAD_REQUEST_PUT:
        if (operation->phase == KAD_PHASE_LOOKUP)
            keep_token(dht, operation, query->contact, answer->token);
        if (answer->record.type != KAD_RECORD_NONE && operation->request.kind == KAD_REQUEST_PUT)
            *out_broke_rules = !take_record(dht, operation, &answer->record);
        break;
    case KAD_REQUEST_PEERS:
        take_peers(dht, operation, kad_endpoint_scope(&query->to), answer->peers, answer->n_peers);
        take_blooms(dht, operation, answer);
        break;
    case KAD_REQUEST_GET:
    case KAD_REQUEST_TAKE:
        if (answer->record.type != KAD_RECORD_NONE)
            *out_broke_rules = !take_record(dht, operation, &answer->record);
        break;
    case KAD_REQUEST_SAMPLE:
        take_samples(dht, operation, answer);
        break;
    case KAD_REQUEST_PING:
    case KAD_REQUEST_CLOSEST:
    case KAD_REQUEST_FIND:
        break;
    }
    return enough(dht, operation);
}

bool kad_operation_harvest_own(struct kad_dht *dht, struct kad_operation *operation, kad_ms now)
{
    struct kad_store *store = dht->store;
    struct kad_endpoint peers[KAD_MESSAGE_PEERS];
    struct kad_record record;

    if (dht->rules->class_of &&
        (operation->request.kind == KAD_REQUEST_PUT || operation->request.kind == KAD_REQUEST_GET ||
         operation->request.kind == KAD_REQUEST_TAKE)) {
        const struct kad_record *known = NULL;

        kad_gather_own(dht, operation, now);
        if (operation->request.kind == KAD_REQUEST_GET && !operation->request.fresh)
            known = kad_results_find(dht, &operation->request.target, operation->request.record.type, now);
        if (known && kad_gather_offer(dht, operation, known, now))
            operation->gathered->cached = true;
        if (operation->best.type != KAD_RECORD_NONE && operation->first_at == KAD_NEVER &&
            operation->request.kind != KAD_REQUEST_PUT)
            operation->first_at = now;
        return kad_gather_enough(dht, operation);
    }
    if (operation->request.kind == KAD_REQUEST_PUT) {
        /* What we hold ourselves counts as seen: ours must not replace a newer one, here or elsewhere. */
        if (store->ops->get(store, &operation->request.target, now, &record) == 0)
            take_record(dht, operation, &record);
    } else if (operation->request.kind == KAD_REQUEST_GET) {
        if (store->ops->get(store, &operation->request.target, now, &record) == 0)
            take_record(dht, operation, &record);
        if (operation->best.type != KAD_RECORD_NONE)
            operation->first_at = now;
    } else if (operation->request.kind == KAD_REQUEST_PEERS && !operation->request.scrape) {
        const size_t n = store->ops->peers(store, &operation->request.target, KAD_FAMILY_NONE, false,
                                           &dht->rng, now, peers, KAD_COUNT_OF(peers));

        take_peers(dht, operation, KAD_SCOPE_INVALID, peers, n);
        if (operation->n_peers)
            operation->first_at = now;
    }
    return enough(dht, operation);
}

void kad_operation_store_own(struct kad_dht *dht, struct kad_operation *operation, kad_ms now)
{
    const struct kad_request *request = &operation->request;
    struct kad_store *store = dht->store;
    struct kad_record record = request->record;
    struct kad_endpoint self = dht->reach.believed;
    const unsigned replicas = request->replicas ? request->replicas : dht->settings->replicas;
    int result = KAD_E_REFUSED;

    if (dht->settings->read_only)
        return;
    if (operation->n_storing >= replicas &&
        kad_id_compare(&request->target, &kad_book_contact(dht->book, operation->storing[replicas - 1])->id,
                       &dht->self) < 0)
        return; /* enough others are closer */
    if (request->kind == KAD_REQUEST_PUT) {
        const struct kad_endpoint nobody = {.family = KAD_FAMILY_NONE};

        if (dht->rules->class_of) {
            const struct kad_hold_kept kept =
                kad_hold_keep(dht, &record, &nobody, request->has_cas ? &request->cas : NULL, now);

            result = kept.refusal == KAD_REFUSAL_NONE     ? KAD_OK
                     : kept.refusal == KAD_REFUSAL_SERVER ? kept.error
                                                          : KAD_E_REFUSED;
        } else {
            record.expires_at = now + dht->settings->record_ttl_ms;
            result = store->ops->put(store, &record, &nobody, now);
        }
    } else if (self.family != KAD_FAMILY_NONE) {
        if (request->port)
            self.port = request->port;
        result = store->ops->add_peer(store, &request->target, &self, request->seed,
                                      now + dht->settings->peer_ttl_ms, now);
    }
    if (result == 0) {
        operation->n_stored++;
        operation->stored_own = true;
        kad_dht_stored(dht, now);
        if (operation->first_at == KAD_NEVER)
            operation->first_at = now;
    } else if (result == KAD_E_LIMIT) {
        kad_dht_warn(dht, KAD_WARN_STORE_FULL, now);
    } else if (result == KAD_E_SYSTEM) {
        kad_dht_warn(dht, KAD_WARN_STORE_FAILED, now);
    }
}
