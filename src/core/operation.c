#include "core/operation.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"

#define POOL_FULL_WAIT 10 /* ms until queries are tried again when too many are unanswered */

static bool stores(const struct kad_request *request)
{
    return request->kind == KAD_REQUEST_ANNOUNCE || request->kind == KAD_REQUEST_PUT;
}

static bool asks_one(const struct kad_request *request)
{
    return request->endpoint.family != KAD_FAMILY_NONE;
}

/* -- beginning -------------------------------------------------------------------------------------------------- */

static int check(const struct kad_dht *dht, const struct kad_request *request)
{
    const struct kad_record *record = &request->record;

    switch (request->kind) {
    case KAD_REQUEST_PING:
        if (!asks_one(request))
            return KAD_E_INVALID;
        break;
    case KAD_REQUEST_PUT:
        if (dht->rules->check_record(record) != KAD_REFUSAL_NONE ||
            !kad_id_equal(&record->key, &request->target))
            return KAD_E_INVALID;
        break;
    case KAD_REQUEST_GET:
        if (record->salt.size > KAD_RECORD_SALT_MAX)
            return KAD_E_INVALID;
        break;
    case KAD_REQUEST_CLOSEST:
    case KAD_REQUEST_FIND:
    case KAD_REQUEST_PEERS:
    case KAD_REQUEST_ANNOUNCE:
    case KAD_REQUEST_SAMPLE:
        break;
    default:
        return KAD_E_INVALID;
    }
    if (asks_one(request)) {
        if (stores(request))
            return KAD_E_INVALID;
        if (kad_endpoint_scope(&request->endpoint) == KAD_SCOPE_INVALID ||
            !dht->tables[kad_family_index(request->endpoint.family)])
            return KAD_E_INVALID;
    }
    return 0;
}

static bool copy_record(struct kad_dht *dht, struct kad_operation *operation)
{
    struct kad_record *record = &operation->request.record;
    const size_t n = record->value.size + record->salt.size;

    if (!n)
        return true;
    operation->put_bytes = kad_alloc(dht->allocator, n);
    if (!operation->put_bytes)
        return false;
    operation->n_put_bytes = n;
    if (record->value.size)
        memcpy(operation->put_bytes, record->value.data, record->value.size);
    if (record->salt.size)
        memcpy(operation->put_bytes + record->value.size, record->salt.data, record->salt.size);
    record->value.data = operation->put_bytes;
    record->salt.data = operation->put_bytes + record->value.size;
    return true;
}

static void seed_lookups(struct kad_dht *dht, struct kad_operation *operation)
{
    const struct kad_settings *settings = dht->settings;
    const struct kad_lookup_config config = {
        .width = settings->k,
        .parallel = settings->alpha,
        .parallel_end = settings->alpha_end,
        .narrow_per_lookup = settings->narrow_per_lookup,
        .limit_local = settings->limit_local,
    };

    for (int i = 0; i < KAD_FAMILIES; i++) {
        kad_contact_ref closest[64];
        size_t n;

        if (!dht->tables[i])
            continue;
        operation->families[i] = true;
        kad_lookup_init(&operation->lookups[i], dht->allocator, dht->book, &operation->request.target,
                        &config);
        /* Twice the width: when the nearest have all just died, there is somebody left to ask. */
        n = kad_table_closest(dht->tables[i], &operation->request.target,
                              settings->k < 32 ? 2 * settings->k : 64, closest);
        for (size_t j = 0; j < n; j++)
            kad_lookup_add(&operation->lookups[i], closest[j]);
    }
}

int kad_operation_begin(struct kad_dht *dht, const struct kad_request *request,
                        enum kad_operation_owner owner, kad_ms now, struct kad_operation **out_operation)
{
    const kad_ms patience = request->timeout_ms > 0 ? request->timeout_ms : dht->settings->request_timeout_ms;
    struct kad_operation *operation;
    const int error = check(dht, request);

    if (error)
        return error;
    if (owner == KAD_OWNER_HOST && dht->n_host_operations >= dht->settings->max_requests)
        return KAD_E_LIMIT;
    operation = kad_alloc_zero(dht->allocator, sizeof(*operation));
    if (!operation)
        return KAD_E_MEMORY;
    operation->id = ++dht->last_request;
    operation->request = *request;
    operation->owner = (uint8_t)owner;
    operation->started_at = now;
    operation->first_at = KAD_NEVER;
    operation->deadline_at = now + kad_ms_min(patience, 24 * KAD_HOUR);
    operation->wake_at = now;
    if (!copy_record(dht, operation)) {
        kad_free(dht->allocator, operation, sizeof(*operation));
        return KAD_E_MEMORY;
    }
    if (asks_one(request))
        operation->phase = KAD_PHASE_SINGLE;
    else
        seed_lookups(dht, operation);

    operation->next = dht->operations;
    if (dht->operations)
        dht->operations->previous = operation;
    dht->operations = operation;
    dht->operations_wake_at = kad_ms_min(dht->operations_wake_at, now);
    if (owner == KAD_OWNER_HOST) {
        dht->n_host_operations++;
        dht->counters->requests++;
    }
    *out_operation = operation;
    return 0;
}

/* -- ending ----------------------------------------------------------------------------------------------------- */

void kad_operation_free(struct kad_dht *dht, struct kad_operation *operation)
{
    const struct kad_allocator *allocator = dht->allocator;

    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (operation->families[i])
            kad_lookup_clear(&operation->lookups[i]);
    }
    kad_free(allocator, operation->put_bytes, operation->n_put_bytes);
    kad_free(allocator, operation->best_bytes, operation->n_best_bytes);
    for (size_t i = 0; i < operation->n_tokens; i++)
        kad_book_release(dht->book, operation->tokens[i].contact);
    kad_free(allocator, operation->tokens, KAD_OPERATION_TOKENS * sizeof(*operation->tokens));
    kad_free(allocator, operation->peers, operation->room_peers * sizeof(*operation->peers));
    kad_free(allocator, operation->samples, operation->room_samples * sizeof(*operation->samples));
    kad_free(allocator, operation->blooms, sizeof(*operation->blooms));
    kad_free(allocator, operation->found, operation->n_found * sizeof(*operation->found));
    kad_free(allocator, operation, sizeof(*operation));
}

static void learn_from_lookups(struct kad_dht *dht, struct kad_operation *operation, kad_ms now)
{
    if (operation->reason == KAD_REASON_CANCELLED)
        return; /* nobody needs to know; and kad_dht_clear() has no time to give */
    for (int i = 0; i < KAD_FAMILIES; i++) {
        kad_contact_ref closest[64];
        size_t n;

        if (!operation->families[i] || operation->lookups[i].reason != KAD_REASON_CONVERGED)
            continue;
        if (operation->owner !=
            KAD_OWNER_JOIN) /* which sees our own neighbourhood only, not the rest of its bucket */
            kad_table_touch(dht->tables[i], &operation->request.target, now);
        n = kad_lookup_closest(&operation->lookups[i], dht->settings->k, closest);
        if (n == dht->settings->k && n > 1 && operation->owner != KAD_OWNER_JOIN)
            kad_estimate_add(&dht->estimates[i], &operation->request.target,
                             &kad_book_contact(dht->book, closest[n - 1])->id, (unsigned)n);
    }
}

/* Both families' answered contacts in one list, nearest first. */
static void list_found(struct kad_dht *dht, struct kad_operation *operation)
{
    kad_contact_ref closest[KAD_FAMILIES][64];
    size_t n[KAD_FAMILIES] = {0}, at[KAD_FAMILIES] = {0}, total;

    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (operation->families[i])
            n[i] = kad_lookup_closest(&operation->lookups[i], dht->settings->k, closest[i]);
    }
    total = n[0] + n[1];
    if (!total || operation->found)
        return;
    operation->found = kad_alloc(dht->allocator, total * sizeof(*operation->found));
    if (!operation->found)
        return;
    operation->n_found = (uint32_t)total;
    for (size_t j = 0; j < total; j++) {
        int family = at[0] < n[0] ? 0 : 1;
        const struct kad_candidate *candidate;
        const struct kad_slot *slot;
        kad_contact_ref contact;

        if (at[0] < n[0] && at[1] < n[1] &&
            kad_id_compare(&operation->request.target, &kad_book_contact(dht->book, closest[1][at[1]])->id,
                           &kad_book_contact(dht->book, closest[0][at[0]])->id) < 0)
            family = 1;
        contact = closest[family][at[family]++];
        candidate = kad_lookup_candidate(&operation->lookups[family], contact);
        slot = kad_table_find(dht->tables[family], contact);
        operation->found[j] = (struct kad_found){
            .contact = *kad_book_contact(dht->book, contact),
            .hop = candidate ? candidate->hop : 0,
            .rtt_ms = slot && slot->rtt_ms != UINT16_MAX ? slot->rtt_ms : -1,
        };
    }
}

static int judge(const struct kad_operation *operation)
{
    const enum kad_reason reason = (enum kad_reason)operation->reason;
    bool found = true;

    if (reason == KAD_REASON_CANCELLED)
        return KAD_E_CLOSED;
    switch (operation->request.kind) {
    case KAD_REQUEST_PING:
        return operation->n_answers ? 0 : KAD_E_TIMEOUT;
    case KAD_REQUEST_CLOSEST:
        found = operation->n_answers > 0;
        break;
    case KAD_REQUEST_FIND:
        found = operation->first_at != KAD_NEVER;
        break;
    case KAD_REQUEST_PEERS:
        found = operation->request.scrape ? operation->n_answers > 0 : operation->n_peers > 0;
        break;
    case KAD_REQUEST_GET:
        found = operation->best.type != KAD_RECORD_NONE;
        break;
    case KAD_REQUEST_SAMPLE:
        found = operation->n_samples > 0;
        break;
    case KAD_REQUEST_ANNOUNCE:
    case KAD_REQUEST_PUT:
        if (operation->n_stored)
            return 0;
        if (operation->refusal != KAD_REFUSAL_NONE)
            return KAD_E_REFUSED;
        return reason == KAD_REASON_DEADLINE ? KAD_E_TIMEOUT : KAD_E_NOT_FOUND;
    }
    if (found)
        return 0;
    return reason == KAD_REASON_DEADLINE || (operation->n_queries && !operation->n_answers) ? KAD_E_TIMEOUT
                                                                                            : KAD_E_NOT_FOUND;
}

/* Our own copy keeps nothing alive once we are gone. */
static bool stored_elsewhere(const struct kad_operation *operation)
{
    return operation->n_stored > (uint32_t)operation->stored_own;
}

void kad_operation_end(struct kad_dht *dht, struct kad_operation *operation, enum kad_reason reason,
                       kad_ms now)
{
    assert(operation->phase != KAD_PHASE_ENDED && "ended twice");
    operation->phase = KAD_PHASE_ENDED;
    operation->reason = (uint8_t)reason;
    operation->error = judge(operation);
    if (operation->n_in_flight)
        kad_query_forget(&dht->queries, operation);
    if (operation->next)
        operation->next->previous = operation->previous;
    if (operation->previous)
        operation->previous->next = operation->next;
    else
        dht->operations = operation->next;
    operation->next = operation->previous = NULL;
    learn_from_lookups(dht, operation, now);

    switch ((enum kad_operation_owner)operation->owner) {
    case KAD_OWNER_HOST:
        if (stores(&operation->request) && operation->request.keep && reason != KAD_REASON_CANCELLED &&
            operation->error != KAD_E_REFUSED &&
            kad_publish_keep(dht, &operation->request, stored_elsewhere(operation), now) != 0)
            operation->error = KAD_E_LIMIT;
        dht->counters->requests_done[reason]++;
        operation->wake_at = now; /* when it ended */
        list_found(dht, operation);
        for (int i = 0; i < KAD_FAMILIES;
             i++) { /* the host may take its time; contacts should not wait for it */
            if (operation->families[i])
                kad_lookup_clear(&operation->lookups[i]);
            operation->families[i] = false;
        }
        if (dht->finished_last && dht->finished)
            dht->finished_last->next = operation;
        else
            dht->finished = operation;
        dht->finished_last = operation;
        return;
    case KAD_OWNER_JOIN:
        kad_join_ended(dht, now);
        break;
    case KAD_OWNER_REFRESH:
        if (dht->upkeep.n_running)
            dht->upkeep.n_running--;
        break;
    case KAD_OWNER_PUBLISH:
        kad_publish_ended(dht, &operation->request.target, operation->request.kind,
                          stored_elsewhere(operation) || operation->refusal == KAD_REFUSAL_SEQUENCE, now);
        break;
    }
    kad_operation_free(dht, operation);
}

bool kad_operation_event(struct kad_dht *dht, struct kad_event *out_event)
{
    struct kad_operation *operation = dht->finished;

    if (dht->told) {
        kad_operation_free(dht, dht->told);
        dht->told = NULL;
    }
    if (!operation)
        return false;
    dht->finished = operation->next;
    dht->told = operation;
    dht->n_host_operations--;
    memset(out_event, 0, sizeof(*out_event));
    out_event->kind = KAD_EVENT_DONE;
    out_event->request = operation->id;
    out_event->user = operation->request.user;
    out_event->key = operation->request.target;
    out_event->peers.peers = operation->peers;
    out_event->peers.n = operation->n_peers;
    out_event->done.kind = operation->request.kind;
    out_event->done.error = operation->error;
    out_event->done.reason = (enum kad_reason)operation->reason;
    out_event->done.target = operation->request.target;
    out_event->done.duration_ms = operation->wake_at - operation->started_at;
    out_event->done.hops = operation->hops;
    out_event->done.hops_to_first = operation->hops_to_first;
    out_event->done.first_ms =
        operation->first_at == KAD_NEVER ? -1 : operation->first_at - operation->started_at;
    out_event->done.n_queries = operation->n_queries;
    out_event->done.n_answers = operation->n_answers;
    out_event->done.n_timeouts = operation->n_timeouts;
    out_event->done.closest = operation->found;
    out_event->done.n_closest = operation->n_found;
    out_event->done.record = operation->best.type != KAD_RECORD_NONE ? &operation->best : NULL;
    out_event->done.n_copies = operation->n_copies;
    out_event->done.n_stored = operation->n_stored;
    out_event->done.stored_here = operation->stored_own;
    out_event->done.n_refused = operation->n_refused;
    out_event->done.refusal = operation->refusal;
    out_event->done.samples = operation->samples;
    out_event->done.n_samples = operation->n_samples;
    if (operation->blooms)
        kad_operation_scrape(operation, &out_event->done.seeds, &out_event->done.peers);
    return true;
}

bool kad_operation_cancel(struct kad_dht *dht, uint64_t id, kad_ms now)
{
    for (struct kad_operation *operation = dht->operations; operation; operation = operation->next) {
        if (operation->id == id && operation->owner == KAD_OWNER_HOST) {
            kad_operation_end(dht, operation, KAD_REASON_CANCELLED, now);
            return true;
        }
    }
    return false;
}

/* -- under way -------------------------------------------------------------------------------------------------- */

static void trace(struct kad_dht *dht, const struct kad_operation *operation, const struct kad_query *query,
                  enum kad_hop_what what, const struct kad_message *answer, kad_ms now)
{
    struct kad_event *event;

    if (!operation->request.trace)
        return;
    event = kad_events_push(&dht->events, KAD_EVENT_HOP);
    if (!event)
        return;
    event->request = operation->id;
    event->user = operation->request.user;
    event->contact.endpoint = query->to;
    if (query->contact != KAD_NO_CONTACT) {
        event->contact = *kad_book_contact(dht->book, query->contact);
        event->hop.prefix = (uint16_t)kad_id_prefix(&event->contact.id, &operation->request.target);
    }
    event->hop.what = what;
    event->hop.hop = query->hop;
    event->hop.at_ms = now - operation->started_at;
    event->hop.rtt_ms =
        what == KAD_HOP_ASKED || what == KAD_HOP_FAILED ? -1 : (int32_t)(now - query->sent_at);
    if (answer) {
        event->hop.n_contacts = answer->n_contacts;
        event->hop.n_peers = answer->n_peers;
        event->hop.value = answer->record.type != KAD_RECORD_NONE;
    }
}

static enum kad_method method_of(const struct kad_operation *operation)
{
    switch (operation->request.kind) {
    case KAD_REQUEST_PING:
        return KAD_PING;
    case KAD_REQUEST_PEERS:
    case KAD_REQUEST_ANNOUNCE:
        return KAD_GET_PEERS;
    case KAD_REQUEST_GET:
    case KAD_REQUEST_PUT:
        return KAD_GET;
    case KAD_REQUEST_SAMPLE:
        return KAD_SAMPLE;
    case KAD_REQUEST_CLOSEST:
    case KAD_REQUEST_FIND:
        break;
    }
    return KAD_FIND_NODE;
}

static bool ask(struct kad_dht *dht, struct kad_operation *operation, struct kad_query *query, kad_ms now,
                struct kad_outbox *out)
{
    struct kad_message message;

    kad_message_init(&message);
    query->operation = operation;
    query->method = (uint8_t)method_of(operation);
    message.method = method_of(operation);
    message.target = operation->request.target;
    message.want_ipv4 = dht->tables[0];
    message.want_ipv6 = dht->tables[1];
    message.scrape = operation->request.scrape;
    if (!kad_dht_ask(dht, query, &message, now, out))
        return false;
    operation->n_in_flight++;
    operation->n_queries++;
    trace(dht, operation, query, KAD_HOP_ASKED, NULL, now);
    return true;
}

/* Sends what one family's lookup wants. True when it is over. */
static bool step(struct kad_dht *dht, struct kad_operation *operation, int family, kad_ms now,
                 struct kad_outbox *out)
{
    struct kad_lookup *lookup = &operation->lookups[family];

    if (!lookup->n_candidates && operation->n_bootstraps && !operation->n_answers)
        return false; /* the first contacts are still to come */
    lookup->config.patience_ms = kad_dht_patience(dht);
    for (;;) {
        struct kad_query query = {.purpose = KAD_FOR_LOOKUP};
        struct kad_lookup_step next;

        if (!out->room || kad_query_pool_full(&dht->queries)) {
            if (lookup->reason != KAD_REASON_NONE)
                return true;
            operation->wake_at = kad_query_pool_full(&dht->queries) ? now + POOL_FULL_WAIT : now;
            return false;
        }
        next = kad_lookup_next(lookup, now);
        if (next.verdict == KAD_LOOKUP_DONE)
            return true;
        if (next.verdict == KAD_LOOKUP_WAIT) {
            operation->wake_at = kad_ms_min(operation->wake_at, next.wake_at);
            return false;
        }
        query.contact = next.ask;
        query.to = kad_book_contact(dht->book, next.ask)->endpoint;
        query.hop = next.hop;
        if (!ask(dht, operation, &query, now, out))
            kad_lookup_fail(lookup, next.ask);
    }
}

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

static void begin_storing(struct kad_dht *dht, struct kad_operation *operation, kad_ms now)
{
    operation->phase = KAD_PHASE_STORING;
    kad_operation_harvest_own(dht, operation, now); /* something newer may have come to us meanwhile */
    operation->refusal = outdated(operation);
    if (operation->refusal != KAD_REFUSAL_NONE)
        return; /* with nothing to store it ends at once */
    for (int i = 0; i < KAD_FAMILIES; i++) {
        kad_contact_ref closest[64];
        size_t n, chosen = 0;

        if (!operation->families[i])
            continue;
        n = kad_lookup_closest(&operation->lookups[i], KAD_COUNT_OF(closest), closest);
        for (size_t j = 0; j < n && chosen < dht->settings->replicas; j++) {
            if (operation->n_storing == KAD_COUNT_OF(operation->storing))
                break;
            if (token_of(operation, closest[j])) {
                operation->storing[operation->n_storing++] = closest[j];
                chosen++;
            }
        }
    }
    kad_operation_store_own(dht, operation, now);
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
    if (!kad_dht_ask(dht, &query, &message, now, out))
        return false;
    operation->n_in_flight++;
    operation->n_queries++;
    return true;
}

static void advance_storing(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                            struct kad_outbox *out)
{
    while (operation->next_storing < operation->n_storing && out->room) {
        if (kad_query_pool_full(&dht->queries)) {
            operation->wake_at = now + POOL_FULL_WAIT;
            return;
        }
        if (!store_at(dht, operation, operation->storing[operation->next_storing], now, out) && !out->room)
            break; /* the batch is full: once more with the next */
        operation->next_storing++;
    }
    if (operation->next_storing < operation->n_storing)
        operation->wake_at = now;
    else if (!operation->n_in_flight)
        kad_operation_end(dht, operation, (enum kad_reason)operation->reason, now);
}

static enum kad_reason reason_of(const struct kad_operation *operation)
{
    enum kad_reason reason = KAD_REASON_NO_CONTACTS;

    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (!operation->families[i])
            continue;
        if (operation->lookups[i].reason == KAD_REASON_CONVERGED)
            return KAD_REASON_CONVERGED;
        if (operation->lookups[i].reason == KAD_REASON_EXHAUSTED)
            reason = KAD_REASON_EXHAUSTED;
    }
    return reason;
}

static void advance_lookup(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                           struct kad_outbox *out)
{
    bool over = true;

    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (operation->families[i])
            over = step(dht, operation, i, now, out) && over;
    }
    /* While nobody has answered, bootstraps may still: then the lookup begins again with what they name. */
    if (!over || (operation->n_bootstraps && !operation->n_answers))
        return;
    if (!stores(&operation->request)) {
        kad_operation_end(dht, operation, reason_of(operation), now);
        return;
    }
    operation->reason = (uint8_t)reason_of(operation);
    kad_query_forget(&dht->queries, operation); /* late lookup answers no longer matter to us */
    operation->n_in_flight = 0;
    begin_storing(dht, operation, now);
    advance_storing(dht, operation, now, out);
}

static void advance_single(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                           struct kad_outbox *out)
{
    struct kad_query query = {.to = operation->request.endpoint, .purpose = KAD_FOR_SINGLE, .hop = 1};

    if (operation->n_queries)
        return; /* asked; the answer or its absence ends it */
    if (!out->room || kad_query_pool_full(&dht->queries)) {
        operation->wake_at = out->room ? now + POOL_FULL_WAIT : now;
        return;
    }
    if (!ask(dht, operation, &query, now, out))
        kad_operation_end(dht, operation, KAD_REASON_NO_CONTACTS, now);
}

void kad_operation_advance(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                           struct kad_outbox *out)
{
    struct kad_outbox full = {.room = 0};

    if (!out)
        out = &full;
    if (now >= operation->deadline_at) {
        kad_operation_end(dht, operation, KAD_REASON_DEADLINE, now);
        return;
    }
    operation->wake_at = operation->deadline_at;
    if (operation->phase == KAD_PHASE_LOOKUP && !operation->looked_at_own) {
        operation->looked_at_own = true;
        if (kad_operation_harvest_own(dht, operation, now)) {
            kad_operation_end(dht, operation, KAD_REASON_SATISFIED, now);
            return;
        }
    }
    if (operation->phase == KAD_PHASE_LOOKUP)
        advance_lookup(dht, operation, now, out);
    else if (operation->phase == KAD_PHASE_STORING)
        advance_storing(dht, operation, now, out);
    else
        advance_single(dht, operation, now, out);
}

/* After an operation was touched outside of the tick: the tick must know when it wants to be woken. */
static void go_on(struct kad_dht *dht, struct kad_operation *operation, kad_ms now, struct kad_outbox *out)
{
    const uint64_t id = operation->id;

    kad_operation_advance(dht, operation, now, out);
    for (operation = dht->operations; operation; operation = operation->next) {
        if (operation->id == id) {
            dht->operations_wake_at = kad_ms_min(dht->operations_wake_at, operation->wake_at);
            return;
        }
    }
}

void kad_operations_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    struct kad_operation *next;

    if (now < dht->operations_wake_at)
        return;
    dht->operations_wake_at = KAD_NEVER;
    for (struct kad_operation *operation = dht->operations; operation; operation = next) {
        next = operation->next;
        if (operation->wake_at <= now)
            go_on(dht, operation, now, out);
        else
            dht->operations_wake_at = kad_ms_min(dht->operations_wake_at, operation->wake_at);
    }
}

/* -- what comes back -------------------------------------------------------------------------------------------- */

static void restart_lookup(struct kad_dht *dht, struct kad_operation *operation, int family)
{
    struct kad_lookup *lookup = &operation->lookups[family];
    const struct kad_lookup_config config = lookup->config;

    kad_lookup_clear(lookup);
    kad_lookup_init(lookup, dht->allocator, dht->book, &operation->request.target, &config);
}

static void restart_lookups(struct kad_dht *dht, struct kad_operation *operation)
{
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (operation->families[i] && operation->lookups[i].reason != KAD_REASON_NONE &&
            !operation->lookups[i].n_answered)
            restart_lookup(dht, operation, i);
    }
}

static void note_first(struct kad_operation *operation, uint8_t hop, kad_ms now)
{
    if (operation->first_at != KAD_NEVER)
        return;
    operation->first_at = now;
    operation->hops_to_first = hop;
}

/* A single node was asked: the result is itself (ping), or whom it named. */
static void list_named(struct kad_dht *dht, struct kad_operation *operation, const struct kad_query *query,
                       const kad_contact_ref *contacts, size_t n_contacts, kad_ms now)
{
    const bool itself = operation->request.kind == KAD_REQUEST_PING;
    const size_t n = itself ? 1 : n_contacts;

    if (!n)
        return;
    operation->found = kad_alloc(dht->allocator, n * sizeof(*operation->found));
    if (!operation->found)
        return;
    operation->n_found = (uint32_t)n;
    for (size_t i = 0; i < n; i++)
        operation->found[i] = (struct kad_found){
            .contact = *kad_book_contact(dht->book, itself ? query->contact : contacts[i]),
            .rtt_ms = itself ? (int32_t)(now - query->sent_at) : -1,
            .hop = itself ? 1 : 2,
        };
}

bool kad_operation_answered(struct kad_dht *dht, struct kad_operation *operation,
                            const struct kad_query *query, const struct kad_message *answer,
                            const kad_contact_ref *contacts, size_t n_contacts, kad_ms now,
                            struct kad_outbox *out)
{
    const struct kad_contact *from = kad_book_contact(dht->book, query->contact);
    bool broke_rules = false, satisfied;

    operation->n_in_flight--;
    operation->n_answers++;
    trace(dht, operation, query, query->purpose == KAD_FOR_STORING ? KAD_HOP_STORED : KAD_HOP_ANSWERED,
          answer, now);
    if (query->purpose == KAD_FOR_STORING) {
        operation->n_stored++;
        go_on(dht, operation, now, out);
        return true;
    }
    if (query->purpose == KAD_FOR_BOOTSTRAP) {
        operation->n_bootstraps--;
        restart_lookups(dht, operation);
        kad_lookup_add(&operation->lookups[kad_family_index(from->endpoint.family)], query->contact);
    }
    if (query->hop > operation->hops)
        operation->hops = query->hop;
    for (int i = 0; i < KAD_FAMILIES && operation->phase == KAD_PHASE_LOOKUP; i++) {
        struct kad_lookup *lookup = &operation->lookups[i];
        kad_contact_ref named[KAD_MESSAGE_CONTACTS];
        size_t n = 0;

        if (!operation->families[i])
            continue;
        for (size_t j = 0; j < n_contacts; j++) {
            if (kad_family_index(kad_book_contact(dht->book, contacts[j])->endpoint.family) == i)
                named[n++] = contacts[j];
        }
        if (kad_lookup_reply(lookup, query->contact, named, n))
            continue;
        if (n && lookup->reason == KAD_REASON_NO_CONTACTS)
            restart_lookup(dht, operation,
                           i); /* the other family's nodes are the first to name any of this one */
        for (size_t j = 0; j < n; j++)
            kad_lookup_add(lookup, named[j]);
    }
    satisfied = kad_operation_harvest(dht, operation, query, answer, now, &broke_rules);
    if (operation->n_peers || operation->best.type != KAD_RECORD_NONE || operation->n_samples)
        note_first(operation, query->hop, now);
    if (operation->request.kind == KAD_REQUEST_FIND && kad_id_equal(&from->id, &operation->request.target)) {
        note_first(operation, query->hop, now);
        satisfied = true;
    }
    if (operation->phase == KAD_PHASE_SINGLE)
        list_named(dht, operation, query, contacts, n_contacts, now);
    if (satisfied || operation->phase == KAD_PHASE_SINGLE)
        kad_operation_end(dht, operation, KAD_REASON_SATISFIED, now);
    else
        go_on(dht, operation, now, out);
    return !broke_rules;
}

void kad_operation_failed(struct kad_dht *dht, struct kad_operation *operation, const struct kad_query *query,
                          const struct kad_message *error, kad_ms now, struct kad_outbox *out)
{
    operation->n_in_flight--;
    operation->n_timeouts += !error;
    trace(dht, operation, query, error ? KAD_HOP_REFUSED : KAD_HOP_FAILED, NULL, now);
    switch ((enum kad_query_purpose)query->purpose) {
    case KAD_FOR_LOOKUP:
        for (int i = 0; i < KAD_FAMILIES; i++) {
            if (operation->families[i])
                kad_lookup_fail(&operation->lookups[i], query->contact);
        }
        break;
    case KAD_FOR_STORING:
        operation->n_refused++;
        if (error && operation->refusal == KAD_REFUSAL_NONE)
            operation->refusal = error->refusal;
        break;
    case KAD_FOR_BOOTSTRAP:
        operation->n_bootstraps--;
        break;
    case KAD_FOR_SINGLE:
        if (error) {
            operation->n_answers++; /* alive, if unwilling */
            operation->refusal = error->refusal;
        }
        kad_operation_end(dht, operation, error ? KAD_REASON_SATISFIED : KAD_REASON_DEADLINE, now);
        return;
    case KAD_FOR_TABLE:
        break;
    }
    go_on(dht, operation, now, out);
}
