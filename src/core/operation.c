/* operation - where a request begins and how it ends. */
#include "core/operation_parts.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "core/bundle.h"
#include "core/gather.h"
#include "core/hold.h"
#include "core/measure.h"
#include "core/records.h"

static bool asks_one(const struct kad_request *request)
{
    return request->endpoint.family != KAD_FAMILY_NONE;
}

/* -- beginning -------------------------------------------------------------------------------------------------- */

/* Is the target what the key begins with, and nothing behind? */
static bool is_prefix(const struct kad_request *request)
{
    struct kad_id target = request->record.key;

    for (unsigned bit = request->prefix_bits; bit < 8 * KAD_ID_SIZE; bit++)
        target.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    return kad_id_equal(&target, &request->target);
}

static int check(const struct kad_dht *dht, const struct kad_request *request)
{
    const struct kad_record *record = &request->record;

    switch (request->kind) {
    case KAD_REQUEST_PING:
        if (!asks_one(request))
            return KAD_E_INVALID;
        break;
    case KAD_REQUEST_PUT:
        if ((dht->rules->class_of ? kad_hold_check(dht, record) : dht->rules->check_record(record)) !=
                KAD_REFUSAL_NONE ||
            !kad_id_equal(&record->key, &request->target))
            return KAD_E_INVALID;
        if (request->later && (!dht->rules->class_of || !request->keep || request->has_cas))
            return KAD_E_INVALID;
        if (request->keep_until && dht->rules->class_of && !dht->rules->lives_by_settings &&
            record->valid_until > request->keep_until)
            return KAD_E_INVALID; /* holders would have it when nobody says it any more */
        break;
    case KAD_REQUEST_GET:
        if (record->salt.size > (dht->rules->class_of ? KAD_RECORD_SALT_MOST : KAD_RECORD_SALT_MAX))
            return KAD_E_INVALID;
        if (request->prefix_bits && (!dht->rules->class_of || !is_prefix(request)))
            return KAD_E_INVALID;
        break;
    case KAD_REQUEST_TAKE:
        if (!dht->rules->is_for || asks_one(request))
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
    if (request->keep_until && !(request->keep && kad_request_stores(request)))
        return KAD_E_INVALID;
    if (asks_one(request)) {
        if (kad_request_stores(request))
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
    else if (!request->later)
        kad_operation_seed(dht, operation);
    if (owner == KAD_OWNER_HOST)
        kad_closest_seed(dht, operation, now);

    if (dht->rules->class_of && request->kind == KAD_REQUEST_PUT && owner == KAD_OWNER_HOST)
        kad_results_forget(dht, &request->target);

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

int kad_operation_begin_at(struct kad_dht *dht, const struct kad_request *request,
                           const kad_contact_ref *contacts, size_t n, kad_ms now,
                           struct kad_operation **out_operation)
{
    struct kad_operation *operation;
    const int error = kad_operation_begin(dht, request, KAD_OWNER_RECORDS, now, &operation);

    if (error)
        return error;
    *out_operation = operation;
    operation->only = true;
    if (kad_region_begin_at(dht, operation, contacts, n, now))
        return 0;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (!operation->families[i])
            continue;
        kad_operation_restart(dht, operation, i);
        operation->paths[i].first.config.width = (unsigned)n;
        operation->paths[i].first.config.spare = 0;
        operation->paths[i].first.config.beyond = 0;
        for (size_t j = 0; j < n; j++) {
            if (kad_family_index(kad_book_contact(dht->book, contacts[j])->endpoint.family) == i)
                kad_paths_add(&operation->paths[i], contacts[j]);
        }
    }
    return 0;
}

/* -- ending ----------------------------------------------------------------------------------------------------- */

void kad_operation_free(struct kad_dht *dht, struct kad_operation *operation)
{
    const struct kad_allocator *allocator = dht->allocator;

    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (operation->families[i])
            kad_paths_clear(&operation->paths[i]);
    }
    kad_gather_free(dht, operation);
    kad_bundle_free(dht, operation);
    kad_free(allocator, operation->put_bytes, operation->n_put_bytes);
    kad_free(allocator, operation->best_bytes, operation->n_best_bytes);
    for (size_t i = 0; i < operation->n_tokens; i++)
        kad_book_release(dht->book, operation->tokens[i].contact);
    for (size_t i = 0; i < operation->n_early; i++)
        kad_book_release(dht->book, operation->early[i]);
    kad_free(allocator, operation->tokens, operation->room_tokens * sizeof(*operation->tokens));
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

        if (!operation->families[i] || kad_paths_reason(&operation->paths[i]) != KAD_REASON_CONVERGED)
            continue;
        if (operation->owner !=
            KAD_OWNER_JOIN) /* which sees our own neighbourhood only, not the rest of its bucket */
            kad_table_touch(dht->tables[i], &operation->request.target, now);
        n = kad_paths_closest(&operation->paths[i], dht->settings->k, closest);
        if (n == dht->settings->k && n > 1 && operation->owner != KAD_OWNER_JOIN &&
            !operation->request.prefix_bits) /* a target with zeros is not anywhere */
            kad_operation_learn_size(dht, operation, i, &kad_book_contact(dht->book, closest[n - 1])->id);
    }
}

/* Both families' answered contacts in one list, nearest first. */
static void list_found(struct kad_dht *dht, struct kad_operation *operation)
{
    kad_contact_ref closest[KAD_FAMILIES][64];
    size_t n[KAD_FAMILIES] = {0}, at[KAD_FAMILIES] = {0}, total;

    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (operation->families[i])
            n[i] = kad_paths_closest(&operation->paths[i], dht->settings->k, closest[i]);
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
        candidate = kad_paths_candidate(&operation->paths[family], contact);
        slot = kad_table_find(dht->tables[family], contact);
        operation->found[j] = (struct kad_found){
            .contact = *kad_book_contact(dht->book, contact),
            .hop = candidate ? candidate->hop : 0,
            .rtt_ms = slot && slot->rtt_ms != UINT16_MAX ? slot->rtt_ms : -1,
        };
        kad_dht_copy_key(dht, contact, operation->found[j].public_key);
    }
}

/* Of two families, the one that can be believed less. A lookup that ended early says nothing about the nearest. */
static void judge_result(const struct kad_dht *dht, struct kad_operation *operation)
{
    operation->confidence = (struct kad_confidence){.all = -1, .density = -1, .groups = -1, .agreement = -1};
    if (operation->reason != KAD_REASON_CONVERGED && operation->reason != KAD_REASON_EXHAUSTED)
        return;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        const struct kad_confidence its = kad_operation_confidence(dht, operation, i);

        if (its.all >= 0 && (operation->confidence.all < 0 || its.all < operation->confidence.all))
            operation->confidence = its;
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
    case KAD_REQUEST_TAKE:
        found = operation->best.type != KAD_RECORD_NONE && !operation->best.withdrawn;
        break;
    case KAD_REQUEST_SAMPLE:
        found = operation->n_samples > 0;
        break;
    case KAD_REQUEST_ANNOUNCE:
    case KAD_REQUEST_PUT:
        if (operation->request.later)
            return 0;
        if (operation->gathered && operation->gathered->n_owner > operation->n_stored)
            return KAD_E_REFUSED; /* those who took it lack what the others know */
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

/* It waits for the host, as what has ended. */
static void hand_over(struct kad_dht *dht, struct kad_operation *operation, kad_ms now)
{
    const enum kad_reason reason = (enum kad_reason)operation->reason;

    dht->counters->requests_done[reason]++;
    if (dht->measures && reason != KAD_REASON_CANCELLED) {
        kad_histogram_add(&dht->measures->request_ms, KAD_HISTOGRAM_MS, now - operation->started_at);
        kad_histogram_add(&dht->measures->request_hops, KAD_HISTOGRAM_HOPS, operation->hops);
        dht->measures->gets += operation->request.kind == KAD_REQUEST_GET;
        dht->measures->gets_cached += operation->gathered && operation->gathered->cached;
    }
    operation->wake_at = now; /* when it ended */
    if (dht->finished_last && dht->finished)
        dht->finished_last->next = operation;
    else
        dht->finished = operation;
    dht->finished_last = operation;
}

/* Who puts a great many waits for what they leave behind: it is not counted among the host's. */
static bool too_many_rests(const struct kad_dht *dht)
{
    unsigned n = 0;

    for (const struct kad_operation *operation = dht->operations; operation; operation = operation->next)
        n += operation->owner == KAD_OWNER_REST;
    return n >= dht->settings->max_requests / 4;
}

void kad_operation_report(struct kad_dht *dht, struct kad_operation *operation, kad_ms now)
{
    struct kad_operation *report =
        too_many_rests(dht) ? NULL : kad_alloc_zero(dht->allocator, sizeof(*report));

    if (!report)
        return; /* it will be told when all is over */
    report->id = operation->id;
    report->request = operation->request;
    report->request.record = (struct kad_record){0};
    report->phase = KAD_PHASE_ENDED;
    report->reason = KAD_REASON_SATISFIED;
    report->started_at = operation->started_at;
    report->deadline_at = operation->deadline_at;
    report->first_at = operation->first_at;
    report->hops = operation->hops;
    report->hops_to_first = operation->hops_to_first;
    report->n_queries = operation->n_queries;
    report->n_answers = operation->n_answers;
    report->n_timeouts = operation->n_timeouts;
    report->n_stored = operation->n_stored;
    report->n_refused = operation->n_refused;
    report->stored_own = operation->stored_own;
    list_found(dht, operation);
    report->found = operation->found;
    report->n_found = operation->n_found;
    operation->found = NULL;
    operation->n_found = 0;
    judge_result(dht, report);
    if (operation->request.keep && kad_publish_keep(dht, &operation->request, true, now) != 0)
        report->error = KAD_E_LIMIT;
    operation->owner = KAD_OWNER_REST;
    hand_over(dht, report, now);
}

void kad_operation_end(struct kad_dht *dht, struct kad_operation *operation, enum kad_reason reason,
                       kad_ms now)
{
    assert(operation->phase != KAD_PHASE_ENDED && "ended twice");
    operation->phase = KAD_PHASE_ENDED;
    operation->reason = (uint8_t)reason;
    kad_gather_settle(dht, operation);
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
        if (kad_request_stores(&operation->request) && operation->request.keep &&
            reason != KAD_REASON_CANCELLED && operation->error != KAD_E_REFUSED &&
            kad_publish_keep(dht, &operation->request, stored_elsewhere(operation), now) != 0)
            operation->error = KAD_E_LIMIT;
        if (dht->rules->class_of && reason != KAD_REASON_CANCELLED)
            kad_results_got(dht, operation, now);
        if (reason != KAD_REASON_CANCELLED)
            kad_closest_keep(dht, operation, now);
        list_found(dht, operation);
        judge_result(dht, operation);
        for (int i = 0; i < KAD_FAMILIES;
             i++) { /* the host may take its time; contacts should not wait for it */
            if (operation->families[i])
                kad_paths_clear(&operation->paths[i]);
            operation->families[i] = false;
        }
        hand_over(dht, operation, now);
        return;
    case KAD_OWNER_JOIN:
        kad_join_ended(dht, now);
        break;
    case KAD_OWNER_REFRESH:
        if (dht->upkeep.n_running)
            dht->upkeep.n_running--;
        break;
    case KAD_OWNER_COVER:
        break;
    case KAD_OWNER_RECORDS:
        kad_restore_ended(dht, operation, now);
        break;
    case KAD_OWNER_PUBLISH:
        kad_bundle_end(dht, operation);
        kad_publish_ended(dht, &operation->request.target, operation->request.kind,
                          stored_elsewhere(operation) || operation->refusal == KAD_REFUSAL_SEQUENCE,
                          operation->n_stored, now);
        break;
    case KAD_OWNER_REST:
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
    out_event->done.confidence = operation->confidence;
    out_event->done.samples = operation->samples;
    out_event->done.n_samples = operation->n_samples;
    out_event->contact = operation->answerer;
    memcpy(out_event->done.version, operation->version, sizeof(out_event->done.version));
    kad_gather_tell(operation, out_event);
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
