/* operation_advance - what a request under way sends, and when it is over. */
#include "core/gather.h"
#include "core/operation_parts.h"
#include "core/region.h"

void kad_operation_trace(struct kad_dht *dht, const struct kad_operation *operation,
                         const struct kad_query *query, enum kad_hop_what what,
                         const struct kad_message *answer, kad_ms now)
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
    case KAD_REQUEST_TAKE:
        return KAD_TAKE;
    case KAD_REQUEST_CLOSEST:
    case KAD_REQUEST_FIND:
        break;
    }
    return KAD_FIND_NODE;
}

/* `beyond`: not about the target, but about this. */
static bool ask(struct kad_dht *dht, struct kad_operation *operation, struct kad_query *query,
                const struct kad_id *beyond, kad_ms now, struct kad_outbox *out)
{
    struct kad_message message;

    kad_message_init(&message);
    query->operation = operation;
    message.method = beyond ? KAD_FIND_NODE : method_of(operation);
    message.target = beyond ? *beyond
                     : dht->rules->class_of && query->contact != KAD_NO_CONTACT
                         ? kad_region_ask(dht, operation, query->contact)
                         : operation->request.target;
    query->method = (uint8_t)message.method;
    message.want_ipv4 = dht->tables[0];
    message.want_ipv6 = dht->tables[1];
    message.scrape = operation->request.scrape && !beyond;
    if (message.method == KAD_GET || message.method == KAD_TAKE) {
        message.record_type = dht->rules->class_of ? operation->request.record.type : 0;
        message.prefix_bits = operation->request.prefix_bits;
        message.wants_attest = dht->rules->class_of && kad_operation_is_hosts(operation) &&
                               operation->request.kind != KAD_REQUEST_PUT && !message.prefix_bits;
    }
    if (!kad_dht_ask(dht, query, &message, now, out))
        return false;
    operation->n_in_flight++;
    operation->n_queries++;
    kad_operation_trace(dht, operation, query, KAD_HOP_ASKED, NULL, now);
    return true;
}

bool kad_operation_may_ask(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                           const struct kad_outbox *out)
{
    const kad_ms jitter = dht->settings->jitter_ms;
    kad_ms wait;

    if (!out->room) {
        operation->wake_at = now;
        return false;
    }
    if (jitter && !operation->ask_at)
        operation->ask_at = now + kad_rng_below(&dht->rng, (uint32_t)jitter + 1);
    if (jitter && now < operation->ask_at) {
        operation->wake_at = kad_ms_min(operation->wake_at, operation->ask_at);
        return false;
    }
    /* Whoever could not be asked for want of a place would count as silent. */
    wait = kad_query_pool_full(&dht->queries) || out->crowded
               ? KAD_POOL_FULL_WAIT
               : kad_dht_budget_wait(dht, operation->owner == KAD_OWNER_HOST, now);
    if (wait)
        operation->wake_at = kad_ms_min(operation->wake_at, now + kad_ms_max(wait, KAD_POOL_FULL_WAIT));
    return !wait;
}

/* Sends what one family's lookup wants. True when it is over. */
static bool step(struct kad_dht *dht, struct kad_operation *operation, int family, kad_ms now,
                 struct kad_outbox *out)
{
    struct kad_paths *paths = &operation->paths[family];

    if (!kad_paths_candidates(paths) && operation->n_bootstraps && !operation->n_answers)
        return false; /* the first contacts are still to come */
    kad_paths_set_patience(paths, kad_dht_patience(dht));
    for (;;) {
        struct kad_query query = {.purpose = KAD_FOR_LOOKUP};
        struct kad_lookup_step next;

        if (kad_paths_reason(paths) != KAD_REASON_NONE)
            return true;
        if (!kad_operation_may_ask(dht, operation, now, out))
            return false;
        next = kad_paths_next(paths, now);
        if (next.verdict == KAD_LOOKUP_DONE)
            return true;
        if (next.verdict == KAD_LOOKUP_WAIT) {
            operation->ask_at = 0; /* what there will be to ask is drawn for when it is known */
            operation->wake_at = kad_ms_min(operation->wake_at, next.wake_at);
            return false;
        }
        query.contact = next.ask;
        query.to = kad_book_contact(dht->book, next.ask)->endpoint;
        query.hop = next.hop;
        query.again = next.again;
        query.purpose = next.beyond ? KAD_FOR_BEYOND : KAD_FOR_LOOKUP;
        if (ask(dht, operation, &query, next.beyond ? &next.target : NULL, now, out)) {
            if (!next.beyond)
                kad_operation_store_early(dht, operation, next.ask, now, out);
            continue;
        }
        if (next.beyond)
            kad_paths_beyond_fail(paths, next.ask);
        else
            kad_paths_fail(paths, next.ask);
    }
}

/* Paths that used each other's contacts up have converged all the same, if together they found k. */
static enum kad_reason reason_of(const struct kad_dht *dht, const struct kad_operation *operation)
{
    enum kad_reason reason = KAD_REASON_NO_CONTACTS;

    for (int i = 0; i < KAD_FAMILIES; i++) {
        const struct kad_paths *paths = &operation->paths[i];
        kad_contact_ref closest[64];

        if (!operation->families[i])
            continue;
        if (kad_paths_reason(paths) == KAD_REASON_CONVERGED ||
            (paths->n_more && kad_paths_closest(paths, dht->settings->k, closest) == dht->settings->k))
            return KAD_REASON_CONVERGED;
        if (kad_paths_reason(paths) == KAD_REASON_EXHAUSTED)
            reason = KAD_REASON_EXHAUSTED;
    }
    return reason;
}

static bool step_all(struct kad_dht *dht, struct kad_operation *operation, kad_ms now, struct kad_outbox *out)
{
    bool over = true;

    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (operation->families[i])
            over = step(dht, operation, i, now, out) && over;
    }
    return over;
}

static void advance_lookup(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                           struct kad_outbox *out)
{
    const bool over = step_all(dht, operation, now, out);

    /* While nobody has answered, bootstraps may still: then the lookup begins again with what they name. */
    if (!over || (operation->n_bootstraps && !operation->n_answers))
        return;
    if (kad_operation_look_further(dht, operation) && !step_all(dht, operation, now, out))
        return;
    if (!kad_request_stores(&operation->request) && !kad_gather_wants_more(operation)) {
        kad_operation_end(dht, operation, reason_of(dht, operation), now);
        return;
    }
    operation->reason = (uint8_t)reason_of(dht, operation);
    /* Late lookup answers no longer matter to us. */
    operation->n_in_flight = (uint16_t)kad_query_forget_but(&dht->queries, operation, KAD_FOR_STORING);
    if (!kad_request_stores(&operation->request)) {
        kad_gather_advance(dht, operation, now, out);
        return;
    }
    kad_operation_begin_storing(dht, operation, now);
    kad_operation_advance_storing(dht, operation, now, out);
}

static void advance_single(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                           struct kad_outbox *out)
{
    struct kad_query query = {.to = operation->request.endpoint, .purpose = KAD_FOR_SINGLE, .hop = 1};

    if (operation->n_queries)
        return; /* asked; the answer or its absence ends it */
    if (!kad_operation_may_ask(dht, operation, now, out))
        return;
    if (!ask(dht, operation, &query, NULL, now, out))
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
    if (operation->request.later) {
        kad_operation_end(dht, operation, KAD_REASON_SATISFIED, now);
        return;
    }
    if (operation->phase == KAD_PHASE_LOOKUP && !operation->looked_at_own) {
        operation->looked_at_own = true;
        if (kad_operation_harvest_own(dht, operation, now)) {
            kad_operation_end(dht, operation, KAD_REASON_SATISFIED, now);
            return;
        }
    }
    if (kad_operation_has_enough(dht, operation))
        kad_operation_report(dht, operation, now);
    if (operation->phase == KAD_PHASE_LOOKUP)
        advance_lookup(dht, operation, now, out);
    else if (operation->phase == KAD_PHASE_STORING)
        kad_operation_advance_storing(dht, operation, now, out);
    else if (operation->phase == KAD_PHASE_GATHERING)
        kad_gather_advance(dht, operation, now, out);
    else
        advance_single(dht, operation, now, out);
}

/* After an operation was touched outside of the tick: the tick must know when it wants to be woken. */
void kad_operation_go_on(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                         struct kad_outbox *out)
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
            kad_operation_go_on(dht, operation, now, out);
        else
            dht->operations_wake_at = kad_ms_min(dht->operations_wake_at, operation->wake_at);
    }
}
