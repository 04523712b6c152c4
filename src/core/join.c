/*
 * join - gets into the network, and back into it: a lookup for our own id that starts from the table, from saved
 * contacts and from whoever answers at the bootstrap addresses, all at once. While contacts are too few it is tried
 * again, in growing intervals.
 */
#include "core/dht.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "core/operation.h"

#define RETRY_FIRST (1 * KAD_SECOND)
#define RETRY_MOST  (60 * KAD_SECOND)

static const kad_ms deepen_after[] = {5 * KAD_SECOND, 60 * KAD_SECOND};

static void soon(struct kad_dht *dht, kad_ms now)
{
    if (!dht->join.operation)
        dht->join.next_at = kad_ms_min(dht->join.next_at, now);
}

static bool lonely(const struct kad_dht *dht)
{
    const size_t n = kad_dht_n_contacts(dht);

    return n == 0 || n < dht->settings->min_contacts || dht->n_silent >= KAD_SILENCE_REJOIN;
}

/* Who has to be at this bootstrap's address. */
static int pin(struct kad_dht *dht, unsigned at, struct kad_bytes identity)
{
    struct kad_contact contact = {.endpoint = dht->join.bootstraps[at]};
    kad_contact_ref *const pinned = kad_join_pinned(dht);
    kad_contact_ref ref = KAD_NO_CONTACT;

    if (!pinned)
        return 0;
    if (identity.size) {
        if (!dht->rules->id_of(identity, &contact.id) || kad_id_equal(&contact.id, &dht->self))
            return KAD_E_INVALID;
        ref = kad_dht_intern(dht, &contact, identity);
        if (ref == KAD_NO_CONTACT)
            return KAD_E_LIMIT;
    }
    kad_book_release(dht->book, pinned[at]);
    pinned[at] = ref;
    return 0;
}

int kad_join_add_bootstrap(struct kad_dht *dht, const struct kad_endpoint *endpoint,
                           struct kad_bytes identity, kad_ms now)
{
    struct kad_join *join = &dht->join;
    int error;

    if (kad_endpoint_scope(endpoint) == KAD_SCOPE_INVALID)
        return KAD_E_INVALID;
    if (!dht->tables[kad_family_index(endpoint->family)] ||
        (identity.size && identity.size > dht->rules->identity_size))
        return KAD_E_INVALID;
    for (unsigned i = 0; i < join->n_bootstraps; i++) {
        if (kad_endpoint_equal(&join->bootstraps[i], endpoint)) {
            error = pin(dht, i, identity);
            if (!error)
                soon(dht, now);
            return error;
        }
    }
    if (join->n_bootstraps == KAD_BOOTSTRAP_MAX)
        return KAD_E_LIMIT;
    if (!join->bootstraps) {
        join->bootstraps = kad_alloc_zero(dht->allocator, kad_join_bootstraps_size(dht));
        if (!join->bootstraps)
            return KAD_E_MEMORY;
    }
    join->bootstraps[join->n_bootstraps] = *endpoint;
    error = pin(dht, join->n_bootstraps, identity);
    if (error)
        return error;
    join->n_bootstraps++;
    soon(dht, now);
    return 0;
}

int kad_join_add_saved(struct kad_dht *dht, const struct kad_contact *contact, struct kad_bytes identity,
                       kad_ms now)
{
    struct kad_join *join = &dht->join;
    kad_contact_ref ref;

    if (!kad_dht_acceptable(dht, contact, &contact->endpoint))
        return KAD_E_INVALID;
    if (join->n_saved == KAD_SAVED_MAX)
        return KAD_E_LIMIT;
    if (!join->saved) {
        join->saved = kad_alloc(dht->allocator, KAD_SAVED_MAX * sizeof(*join->saved));
        if (!join->saved)
            return KAD_E_MEMORY;
    }
    ref = kad_dht_intern(dht, contact, identity);
    if (ref == KAD_NO_CONTACT)
        return KAD_E_LIMIT;
    join->saved[join->n_saved++] = ref;
    if (!join->ready || lonely(dht)) /* else the ping is enough: the host wants to know whether it is there */
        soon(dht, now);
    return 0;
}

static void forget_saved(struct kad_dht *dht)
{
    struct kad_join *join = &dht->join;

    for (size_t i = 0; i < join->n_saved; i++)
        kad_book_release(dht->book, join->saved[i]);
    kad_free(dht->allocator, join->saved, KAD_SAVED_MAX * sizeof(*join->saved));
    join->saved = NULL;
    join->n_saved = 0;
}

void kad_join_clear(struct kad_dht *dht)
{
    const kad_contact_ref *const pinned = kad_join_pinned(dht);

    forget_saved(dht);
    for (unsigned i = 0; pinned && i < KAD_BOOTSTRAP_MAX; i++)
        kad_book_release(dht->book, pinned[i]);
    kad_free(dht->allocator, dht->join.bootstraps, kad_join_bootstraps_size(dht));
    dht->join.bootstraps = NULL;
    dht->join.n_bootstraps = 0;
}

/* Those not asked yet: some names are still being resolved while the first bootstraps answer. */
static void ask_bootstraps(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    const kad_contact_ref *const pinned = kad_join_pinned(dht);
    struct kad_join *join = &dht->join;
    struct kad_message message;

    kad_message_init(&message);
    message.method = KAD_FIND_NODE;
    message.target = dht->self;
    message.want_ipv4 = dht->tables[0];
    message.want_ipv6 = dht->tables[1];
    for (; join->n_asked < join->n_bootstraps && out->room; join->n_asked++) {
        struct kad_query query = {
            .operation = join->operation,
            .to = join->bootstraps[join->n_asked],
            .contact = pinned ? pinned[join->n_asked] : KAD_NO_CONTACT,
            .purpose = KAD_FOR_BOOTSTRAP,
            .method = KAD_FIND_NODE,
        };

        if (kad_dht_ask(dht, &query, &message, now, out)) {
            join->operation->n_in_flight++;
            join->operation->n_bootstraps++;
            join->operation->n_queries++;
        }
    }
}

/* The nearest go to the lookup, which asks them for more than a sign of life. Those it refuses stay. */
static void hand_nearest_over(struct kad_dht *dht, struct kad_lookup *lookup, int family)
{
    struct kad_join *join = &dht->join;
    unsigned n_open = join->n_saved; /* those behind were refused */

    for (unsigned taken = 0; taken < 2 * dht->settings->k && n_open;) {
        const struct kad_contact *nearest = NULL;
        kad_contact_ref chosen;
        unsigned at = 0;

        for (unsigned i = 0; i < n_open; i++) {
            const struct kad_contact *contact = kad_book_contact(dht->book, join->saved[i]);

            if (kad_family_index(contact->endpoint.family) != family ||
                (nearest && kad_id_compare(&dht->self, &nearest->id, &contact->id) <= 0))
                continue;
            nearest = contact;
            at = i;
        }
        if (!nearest)
            return;
        chosen = join->saved[at];
        join->saved[at] = join->saved[--n_open];
        join->saved[n_open] = chosen;
        if (!kad_lookup_add(lookup, chosen))
            continue;
        join->saved[n_open] = join->saved[--join->n_saved];
        kad_book_release(dht->book, chosen);
        taken++;
    }
}

/* Whom the lookup did not come to ask was saved for nothing otherwise. */
static void take_unasked_back(struct kad_dht *dht, const struct kad_lookup *lookup, int family)
{
    struct kad_join *join = &dht->join;

    for (size_t i = 0; i < lookup->n_candidates && join->n_saved < KAD_SAVED_MAX && join->saved; i++) {
        const struct kad_candidate *candidate = &lookup->candidates[i];

        if (candidate->n_asked || candidate->hop > 1 ||
            kad_table_find(dht->tables[family], candidate->contact))
            continue;
        kad_book_retain(dht->book, candidate->contact);
        join->saved[join->n_saved++] = candidate->contact;
    }
}

/* The other saved contacts are asked at once: a table that was good an hour ago is mostly good now, and one round trip fills
 * it again. */
static void ask_saved(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    struct kad_join *join = &dht->join;

    join->paused_until = 0;
    while (join->n_saved && out->room && !kad_query_pool_full(&dht->queries)) {
        const kad_ms wait = kad_dht_budget_wait(dht, false, now);
        kad_contact_ref contact;

        if (wait) {
            join->paused_until = now + wait;
            return;
        }
        contact = join->saved[--join->n_saved];

        kad_dht_ping(dht, contact, now, out);
        kad_book_release(dht->book, contact);
    }
    if (!join->n_saved && join->saved && !join->operation)
        forget_saved(dht);
}

/* All of them for who knows nobody. Who has contacts asks one, and only after a long while: two halves of a network that
 * have forgotten each other meet again in those whom both know from elsewhere. */
static void choose_bootstraps(struct kad_dht *dht)
{
    struct kad_join *join = &dht->join;
    struct kad_endpoint *const list = join->bootstraps;
    kad_contact_ref *const pinned = kad_join_pinned(dht);
    struct kad_endpoint chosen;
    uint32_t i;

    join->n_asked = 0;
    if (lonely(dht) || !join->n_bootstraps)
        return;
    join->n_asked = join->n_bootstraps;
    if (join->n_deepened <= KAD_COUNT_OF(deepen_after))
        return;
    i = kad_rng_below(&dht->rng, join->n_bootstraps);
    chosen = list[i];
    list[i] = list[join->n_bootstraps - 1];
    list[--join->n_asked] = chosen;
    if (pinned) {
        const kad_contact_ref who = pinned[i];

        pinned[i] = pinned[join->n_bootstraps - 1];
        pinned[join->n_bootstraps - 1] = who;
    }
}

static void begin(struct kad_dht *dht, kad_ms now)
{
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .target = dht->self};
    struct kad_join *join = &dht->join;

    join->next_at = KAD_NEVER;
    if (kad_operation_begin(dht, &request, KAD_OWNER_JOIN, now, &join->operation) != 0) {
        join->next_at = now + RETRY_FIRST;
        return;
    }
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (join->operation->families[i])
            hand_nearest_over(dht, &join->operation->paths[i].first, i);
    }
    choose_bootstraps(dht);
}

void kad_join_deepen(struct kad_dht *dht, kad_ms now)
{
    struct kad_join *join = &dht->join;

    join->n_deepened = 0;
    if (join->ready && !join->operation)
        join->next_at = kad_ms_min(join->next_at, now + kad_rng_jitter(&dht->rng, deepen_after[1], 20));
}

bool kad_join_through(struct kad_dht *dht, kad_contact_ref contact, kad_ms now)
{
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .target = dht->self};
    struct kad_join *join = &dht->join;
    const int family = kad_family_index(kad_book_contact(dht->book, contact)->endpoint.family);

    if (join->operation || kad_operation_begin(dht, &request, KAD_OWNER_JOIN, now, &join->operation) != 0)
        return false;
    join->next_at = KAD_NEVER;
    join->n_asked = join->n_bootstraps;
    join->n_deepened = 0; /* twice more soon: by then others will have met, too */
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (join->operation->families[i])
            kad_operation_restart(dht, join->operation, i);
    }
    kad_paths_add(&join->operation->paths[family], contact);
    return true;
}

void kad_join_ended(struct kad_dht *dht, kad_ms now)
{
    struct kad_join *join = &dht->join;
    const bool alone = kad_dht_n_contacts(dht) == 0;
    kad_ms wait = RETRY_FIRST;

    assert(join->operation && "ended without having begun");
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (join->operation->families[i])
            take_unasked_back(dht, &join->operation->paths[i].first, i);
    }
    join->operation = NULL;
    if (!alone && !join->ready) {
        join->ready = true;
        join->warned = false;
        dht->upkeep.next_at = now; /* the far buckets are next */
        if (dht->watch & KAD_WATCH_STATE)
            kad_events_push(&dht->events, KAD_EVENT_READY);
    }
    if (!lonely(dht)) {
        /* Who joined when we did was not there to be found the first time. */
        join->next_at = now + kad_rng_jitter(&dht->rng,
                                             join->n_deepened < KAD_COUNT_OF(deepen_after)
                                                 ? deepen_after[join->n_deepened]
                                                 : dht->settings->refresh_after_ms,
                                             20);
        join->n_deepened = (uint8_t)(join->n_deepened + (join->n_deepened < UINT8_MAX));
        join->attempts = 0;
        return;
    }
    if (join->attempts < 16)
        join->attempts++;
    if (alone && join->n_bootstraps && !join->warned && join->attempts >= 2) {
        join->warned = true;
        kad_dht_warn(dht, KAD_WARN_NO_BOOTSTRAP, now);
    }
    for (int i = 1; i < join->attempts && wait < RETRY_MOST; i++)
        wait *= 2;
    if (join->n_bootstraps || !alone)
        join->next_at = now + kad_rng_jitter(&dht->rng, kad_ms_min(wait, RETRY_MOST), 20);
}

void kad_join_met(struct kad_dht *dht, kad_ms now)
{
    if (!dht->join.ready && !dht->join.operation)
        soon(dht, now);
}

enum kad_standing kad_join_standing(const struct kad_dht *dht)
{
    const struct kad_join *join = &dht->join;

    if (join->ready)
        return dht->n_silent < KAD_SILENCE_REJOIN ? KAD_STANDING_JOINED : KAD_STANDING_LOST;
    if (join->was_ready)
        return KAD_STANDING_LOST;
    return join->n_bootstraps || join->n_saved || join->operation ? KAD_STANDING_JOINING : KAD_STANDING_ALONE;
}

void kad_join_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    struct kad_join *join = &dht->join;

    if (!join->operation && now >= join->next_at)
        begin(dht, now);
    if (join->operation && join->n_asked < join->n_bootstraps)
        ask_bootstraps(dht, now, out);
    if (join->saved)
        ask_saved(dht, now, out);
    if (join->ready && !join->operation && join->next_at > now + 2 * RETRY_MOST &&
        dht->n_silent >= KAD_SILENCE_REJOIN)
        join->next_at = now + RETRY_FIRST;
    if (join->ready && !join->operation && kad_dht_n_contacts(dht) == 0) {
        join->ready =
            false; /* everybody left, or our link is down; who has no bootstraps waits to be found */
        join->was_ready = true;
        join->attempts = 0;
        join->next_at = join->n_bootstraps ? now + RETRY_FIRST : KAD_NEVER;
        kad_dht_warn(dht, KAD_WARN_FEW_CONTACTS, now);
    }
}

kad_ms kad_join_wake_at(const struct kad_dht *dht)
{
    if (dht->join.operation && dht->join.n_asked < dht->join.n_bootstraps)
        return 0; /* at once, with the next batch */
    if (dht->join.n_saved && !kad_query_pool_full(&dht->queries))
        return kad_ms_min(dht->join.paused_until, dht->join.next_at);
    return dht->join.next_at;
}
