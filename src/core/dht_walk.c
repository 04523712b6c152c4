/* dht_walk - all that a participant's future depends on, field by field (core/walk.h). */
#include <assert.h>
#include <string.h>

#include "core/active.h"
#include "core/bundle.h"
#include "core/gather.h"
#include "core/operation.h"
#include "core/peers.h"
#include "core/records.h"
#include "core/walk.h"

#define MOST_LISTED    UINT16_MAX
#define MOST_PUBLISHED 1000000
#define MOST_SEEN_S    (INT64_C(1) << 40) /* far above what churn counts */

/* -- small things ----------------------------------------------------------------------------------------------- */

static void walk_rng(struct kad_walk *walk, struct kad_rng *rng)
{
    KAD_WALK_BYTES(walk, rng->key);
    KAD_WALK_BYTES(walk, rng->block);
    KAD_WALK(walk, rng->counter);
    KAD_WALK(walk, rng->used);
    if (rng->used > sizeof(rng->block))
        kad_walk_fail(walk);
}

/* A record, whose value and salt stand one after the other in bytes of its holder's. */
static void walk_held(struct kad_walk *walk, struct kad_record *record, uint8_t **bytes, size_t *n,
                      size_t least)
{
    size_t size;

    record->value.size = kad_walk_count(walk, record->value.size, KAD_RECORD_VALUE_MOST);
    record->salt.size = kad_walk_count(walk, record->salt.size, KAD_RECORD_SALT_MOST);
    size = record->value.size + record->salt.size;
    if (!kad_walk_reads(walk)) {
        kad_walk_bytes(walk, *bytes, size);
        return;
    }
    *n = size > least ? size : least;
    *bytes = size > walk->left ? NULL : kad_walk_room(walk, *n, 1);
    if (!*bytes && *n) {
        *n = 0;
        record->value = record->salt = (struct kad_bytes){0};
        kad_walk_fail(walk);
        return;
    }
    kad_walk_bytes(walk, *bytes, size);
    record->value.data = *bytes;
    record->salt.data = *bytes ? *bytes + record->value.size : NULL;
}

/* Of what a host may ask for, only what is possible gets as far as an operation or a publication. */
static void walk_request(struct kad_walk *walk, struct kad_request *request)
{
    kad_request_walk(walk, request);
    if (request->kind > KAD_REQUEST_TAKE)
        kad_walk_fail(walk);
}

/* -- operations ------------------------------------------------------------------------------------------------- */

/* Who was asked about a region is one of the candidates. */
static void walk_beyond(struct kad_walk *walk, struct kad_lookup *lookup)
{
    const size_t n = kad_walk_count(walk, lookup->n_beyond, KAD_LOOKUP_BEYOND);

    if (kad_walk_reads(walk))
        lookup->beyond = n ? kad_walk_room(walk, KAD_LOOKUP_BEYOND, sizeof(*lookup->beyond)) : NULL;
    for (size_t i = 0; i < n && !walk->bad; i++) {
        struct kad_lookup_beyond *beyond = &lookup->beyond[i];
        size_t at = 0;

        while (!kad_walk_reads(walk) && lookup->candidates[at].contact != beyond->contact)
            at++;
        KAD_WALK(walk, at);
        KAD_WALK(walk, beyond->bit);
        KAD_WALK(walk, beyond->state);
        KAD_WALK(walk, beyond->late_at);
        if (at >= lookup->n_candidates || beyond->bit > 63 || beyond->state > KAD_BEYOND_OVER) {
            kad_walk_fail(walk);
            return;
        }
        if (kad_walk_reads(walk)) {
            beyond->contact = lookup->candidates[at].contact;
            lookup->n_beyond = (uint16_t)(i + 1);
        }
    }
}

/* Own contacts through which others were named: candidates, too. */
static void walk_introducers(struct kad_walk *walk, struct kad_lookup *lookup,
                             struct kad_candidate *candidate)
{
    for (size_t i = 0; i < KAD_LOOKUP_INTRODUCERS; i++) {
        kad_contact_ref *introducer = &candidate->introducers[i];
        size_t at = 0;

        while (!kad_walk_reads(walk) && at < lookup->n_candidates &&
               lookup->candidates[at].contact != *introducer)
            at++;
        at = kad_walk_count(walk, at, lookup->n_candidates);
        if (kad_walk_reads(walk))
            *introducer = at < lookup->n_candidates ? lookup->candidates[at].contact : KAD_NO_CONTACT;
    }
}

static void walk_lookup(struct kad_walk *walk, struct kad_lookup *lookup)
{
    size_t n;

    KAD_WALK(walk, lookup->config.width);
    KAD_WALK(walk, lookup->config.parallel);
    KAD_WALK(walk, lookup->config.parallel_end);
    KAD_WALK(walk, lookup->config.patience_ms);
    KAD_WALK(walk, lookup->config.narrow_per_lookup);
    KAD_WALK(walk, lookup->config.limit_local);
    KAD_WALK(walk, lookup->config.retries);
    KAD_WALK(walk, lookup->config.spare);
    KAD_WALK(walk, lookup->config.beyond);
    KAD_WALK(walk, lookup->config.per_introducer);
    KAD_WALK(walk, lookup->config.region);
    KAD_WALK(walk, lookup->config.alike);
    KAD_WALK(walk, lookup->config.alike_seed);
    if (lookup->config.width < 1 || lookup->config.width > 64 || lookup->config.parallel < 1)
        kad_walk_fail(walk);
    KAD_WALK(walk, lookup->n_asked);
    KAD_WALK(walk, lookup->n_answered);
    KAD_WALK(walk, lookup->n_failed);
    KAD_WALK(walk, lookup->n_late);
    KAD_WALK(walk, lookup->reason);
    KAD_WALK(walk, lookup->deepest_hop);
    n = kad_walk_count(walk, lookup->n_candidates, KAD_LOOKUP_CANDIDATES);
    if (kad_walk_reads(walk)) {
        lookup->candidates = kad_walk_room(walk, n, sizeof(*lookup->candidates));
        lookup->room = lookup->candidates ? (uint16_t)n : 0;
        lookup->n_candidates = 0;
    }
    for (size_t i = 0; i < n && !walk->bad; i++) {
        struct kad_candidate *candidate = &lookup->candidates[i];

        kad_walk_contact(walk, &candidate->contact);
        if (kad_walk_reads(walk)) {
            if (candidate->contact == KAD_NO_CONTACT) {
                kad_walk_fail(walk);
                return;
            }
            lookup->n_candidates++;
        }
        KAD_WALK(walk, candidate->near);
        KAD_WALK(walk, candidate->state);
        KAD_WALK(walk, candidate->hop);
        KAD_WALK(walk, candidate->group_mark);
        KAD_WALK(walk, candidate->late_at);
        KAD_WALK(walk, candidate->n_asked);
        KAD_WALK(walk, candidate->n_named);
        KAD_WALK(walk, candidate->rank);
        KAD_WALK(walk, candidate->n_pending);
        if (candidate->state > KAD_CANDIDATE_TAKEN)
            kad_walk_fail(walk);
    }
    for (size_t i = 0; i < lookup->n_candidates && !walk->bad; i++)
        walk_introducers(walk, lookup, &lookup->candidates[i]);
    if (!walk->bad)
        walk_beyond(walk, lookup);
}

/* Claims are made anew: who was asked stands in the paths. */
static void walk_paths(struct kad_walk *walk, struct kad_paths *paths)
{
    const struct kad_lookup_config config = {.width = 1,
                                             .parallel = 1,
                                             .rank = paths->first.config.rank,
                                             .rank_context = paths->first.config.rank_context};
    const size_t n_more = kad_walk_count(walk, paths->n_more, KAD_PATHS_MAX - 1);

    KAD_WALK(walk, paths->turn);
    KAD_WALK(walk, paths->keep_going);
    if (kad_walk_reads(walk) && !walk->bad &&
        (paths->turn > n_more || kad_paths_open(paths, (unsigned)n_more, &config, NULL, 0) != n_more))
        kad_walk_fail(walk);
    for (unsigned i = 0; i < kad_paths_count(paths) && !walk->bad; i++)
        walk_lookup(walk, kad_paths_at(paths, i));
    if (kad_walk_reads(walk) && paths->n_more)
        kad_paths_claim(paths);
}

static void walk_tokens(struct kad_walk *walk, struct kad_operation *operation)
{
    const size_t n = kad_walk_count(walk, operation->n_tokens, KAD_OPERATION_TOKENS_REGION);

    KAD_WALK(walk, operation->room_tokens);
    if (operation->room_tokens > KAD_OPERATION_TOKENS_REGION || n > operation->room_tokens) {
        kad_walk_fail(walk);
        return;
    }
    if (kad_walk_reads(walk)) {
        operation->tokens =
            n ? kad_walk_room(walk, operation->room_tokens, sizeof(*operation->tokens)) : NULL;
        operation->n_tokens = 0;
    }
    for (size_t i = 0; i < n && !walk->bad; i++) {
        struct kad_operation_token *token = &operation->tokens[i];

        kad_walk_contact(walk, &token->contact);
        if (kad_walk_reads(walk))
            operation->n_tokens++;
        token->size = (uint8_t)kad_walk_count(walk, token->size, KAD_OPERATION_TOKEN_MAX);
        kad_walk_bytes(walk, token->bytes, token->size);
    }
}

/* Those who are asked to store are among those whose tokens are kept, which retains them. */
static void walk_storing(struct kad_walk *walk, struct kad_operation *operation)
{
    operation->n_storing =
        (uint8_t)kad_walk_count(walk, operation->n_storing, KAD_COUNT_OF(operation->storing));
    for (size_t i = 0; i < operation->n_storing; i++) {
        size_t at = 0;

        while (!kad_walk_reads(walk) && operation->tokens[at].contact != operation->storing[i])
            at++;
        KAD_WALK(walk, at);
        if (kad_walk_reads(walk) && at >= operation->n_tokens) {
            kad_walk_fail(walk);
            operation->n_storing = 0;
        } else if (kad_walk_reads(walk)) {
            operation->storing[i] = operation->tokens[at].contact;
        }
    }
    operation->next_storing = (uint8_t)kad_walk_count(walk, operation->next_storing, operation->n_storing);
}

static void walk_early(struct kad_walk *walk, struct kad_operation *operation)
{
    const size_t n = kad_walk_count(walk, operation->n_early, KAD_COUNT_OF(operation->early));

    if (kad_walk_reads(walk))
        operation->n_early = 0;
    for (size_t i = 0; i < n && !walk->bad; i++) {
        kad_walk_contact(walk, &operation->early[i]);
        if (kad_walk_reads(walk))
            operation->n_early++;
    }
    KAD_WALK(walk, operation->taken);
}

static void walk_found(struct kad_walk *walk, const struct kad_dht *dht, struct kad_operation *operation)
{
    const size_t n = kad_walk_count(walk, operation->n_found, 4 * KAD_LOOKUP_CANDIDATES);

    if (kad_walk_reads(walk)) {
        operation->found = kad_walk_room(walk, n, sizeof(*operation->found));
        operation->n_found = operation->found ? (uint32_t)n : 0;
    }
    for (size_t i = 0; i < n && !walk->bad; i++) {
        struct kad_found *found = &operation->found[i];

        KAD_WALK_BYTES(walk, found->contact.id);
        kad_walk_endpoint(walk, &found->contact.endpoint);
        KAD_WALK(walk, found->rtt_ms);
        KAD_WALK(walk, found->hop);
        if (dht->rules->identity_size)
            KAD_WALK_BYTES(walk, found->public_key);
    }
}

static void walk_collected(struct kad_walk *walk, struct kad_operation *operation)
{
    const size_t n_peers = kad_walk_count(walk, operation->n_peers, KAD_OPERATION_PEERS);
    const size_t n_samples = kad_walk_count(walk, operation->n_samples, KAD_OPERATION_SAMPLES);
    bool blooms = operation->blooms;

    if (kad_walk_reads(walk)) {
        operation->peers = kad_walk_room(walk, n_peers, sizeof(*operation->peers));
        operation->n_peers = operation->room_peers = operation->peers ? (uint32_t)n_peers : 0;
        operation->samples = kad_walk_room(walk, n_samples, sizeof(*operation->samples));
        operation->n_samples = operation->room_samples = operation->samples ? (uint32_t)n_samples : 0;
    }
    for (size_t i = 0; i < n_peers && !walk->bad; i++)
        kad_walk_endpoint(walk, &operation->peers[i]);
    for (size_t i = 0; i < n_samples && !walk->bad; i++)
        KAD_WALK_BYTES(walk, operation->samples[i]);
    KAD_WALK(walk, blooms);
    if (kad_walk_reads(walk))
        operation->blooms = blooms ? kad_walk_room(walk, 1, sizeof(*operation->blooms)) : NULL;
    if (operation->blooms)
        KAD_WALK_BYTES(walk, *operation->blooms);
}

static void walk_operation(struct kad_walk *walk, struct kad_dht *dht, struct kad_operation *operation)
{
    bool gathers;

    KAD_WALK(walk, operation->id);
    walk_request(walk, &operation->request);
    walk_held(walk, &operation->request.record, &operation->put_bytes, &operation->n_put_bytes, 0);
    KAD_WALK(walk, operation->started_at);
    KAD_WALK(walk, operation->deadline_at);
    KAD_WALK(walk, operation->wake_at);
    KAD_WALK(walk, operation->first_at);
    KAD_WALK(walk, operation->ask_at);
    KAD_WALK(walk, operation->stored_own);
    KAD_WALK(walk, operation->looked_at_own);
    KAD_WALK(walk, operation->looked_further);
    KAD_WALK(walk, operation->owner);
    KAD_WALK(walk, operation->phase);
    KAD_WALK(walk, operation->reason);
    KAD_WALK(walk, operation->hops);
    KAD_WALK(walk, operation->hops_to_first);
    KAD_WALK(walk, operation->n_in_flight);
    KAD_WALK(walk, operation->n_bootstraps);
    KAD_WALK(walk, operation->n_queries);
    KAD_WALK(walk, operation->n_answers);
    KAD_WALK(walk, operation->n_timeouts);
    KAD_WALK(walk, operation->n_stored);
    KAD_WALK(walk, operation->n_refused);
    KAD_WALK(walk, operation->refusal);
    KAD_WALK(walk, operation->n_copies);
    KAD_WALK(walk, operation->error);
    if (operation->owner > KAD_OWNER_REST || operation->phase > KAD_PHASE_ENDED || operation->reason > 7)
        kad_walk_fail(walk);
    gathers = operation->gathered;
    KAD_WALK(walk, gathers);
    if (gathers) {
        kad_gather_walk(walk, operation);
    } else {
        kad_record_walk(walk, &operation->best);
        if (operation->best.type != KAD_RECORD_NONE)
            walk_held(walk, &operation->best, &operation->best_bytes, &operation->n_best_bytes, 1);
    }
    walk_tokens(walk, operation);
    kad_bundle_walk(walk, operation);
    walk_storing(walk, operation);
    walk_early(walk, operation);
    walk_collected(walk, operation);
    walk_found(walk, dht, operation);
    KAD_WALK(walk, operation->confidence.all);
    KAD_WALK(walk, operation->confidence.density);
    KAD_WALK(walk, operation->confidence.groups);
    KAD_WALK(walk, operation->confidence.agreement);
    KAD_WALK(walk, operation->confidence.sparse);
    KAD_WALK_BYTES(walk, operation->answerer.id);
    kad_walk_endpoint(walk, &operation->answerer.endpoint);
    KAD_WALK_BYTES(walk, operation->version);
    for (int i = 0; i < KAD_FAMILIES; i++) {
        bool uses = operation->families[i];

        KAD_WALK(walk, uses);
        if (kad_walk_reads(walk) && uses && !walk->bad) {
            const struct kad_lookup_config config = {
                .width = 1, .parallel = 1, .rank = kad_operation_rank, .rank_context = dht};

            kad_paths_init(&operation->paths[i], dht->allocator, dht->book, &operation->request.target,
                           &config);
            operation->families[i] = true;
        }
        if (operation->families[i])
            walk_paths(walk, &operation->paths[i]);
    }
}

/* Running, newest first; and finished, oldest first. The last one is returned. */
static struct kad_operation *walk_operations(struct kad_walk *walk, struct kad_dht *dht,
                                             struct kad_operation **list, bool both_ways)
{
    struct kad_operation **link = list, *last = NULL;
    size_t n = 0;

    for (struct kad_operation *operation = *list; operation; operation = operation->next)
        n++;
    n = kad_walk_count(walk, n, MOST_LISTED);
    for (size_t i = 0; i < n && !walk->bad; i++) {
        if (kad_walk_reads(walk)) {
            *link = kad_walk_room(walk, 1, sizeof(**link));
            if (!*link)
                return last;
            (*link)->previous = both_ways ? last : NULL;
        }
        last = *link;
        walk_operation(walk, dht, last);
        link = &last->next;
    }
    return last;
}

static void walk_operation_named(struct kad_walk *walk, const struct kad_dht *dht,
                                 struct kad_operation **operation)
{
    uint64_t id = *operation ? (*operation)->id : 0;

    KAD_WALK(walk, id);
    if (!kad_walk_reads(walk))
        return;
    *operation = NULL;
    for (struct kad_operation *each = dht->operations; id && each; each = each->next) {
        if (each->id == id)
            *operation = each;
    }
    if (id && !*operation)
        kad_walk_fail(walk);
}

/* -- queries ---------------------------------------------------------------------------------------------------- */

static void walk_query(struct kad_walk *walk, const struct kad_dht *dht, struct kad_query *query)
{
    walk_operation_named(walk, dht, &query->operation);
    kad_walk_contact(walk, &query->contact);
    kad_walk_endpoint(walk, &query->to);
    KAD_WALK(walk, query->sent_at);
    KAD_WALK(walk, query->nonce);
    KAD_WALK(walk, query->method);
    KAD_WALK(walk, query->purpose);
    KAD_WALK(walk, query->hop);
    KAD_WALK(walk, query->again);
    if (query->method >= KAD_N_METHODS || query->purpose > KAD_FOR_NEAR)
        kad_walk_fail(walk);
}

/* The slots by sending time, then the free ones in the order they will be used: both lists are built anew. */
static void walk_queries(struct kad_walk *walk, const struct kad_dht *dht, struct kad_query_pool *pool)
{
    /* More than the ceiling, if that has come down. */
    const size_t room = kad_walk_count(walk, pool->n_room, UINT16_MAX);
    const size_t n_used = kad_walk_count(walk, pool->n_used, room);
    uint32_t slot = pool->oldest, before = KAD_NO_QUERY;

    if (kad_walk_reads(walk)) {
        pool->queries = kad_walk_room(walk, room, sizeof(*pool->queries));
        pool->n_room = pool->queries ? (uint32_t)room : 0;
    }
    for (size_t i = 0; i < room && !walk->bad; i++) {
        const bool used = i < n_used;
        struct kad_query *query;

        if (i == n_used) {
            slot = pool->first_free;
            before = KAD_NO_QUERY;
        }
        KAD_WALK(walk, slot);
        if (walk->bad || slot >= room) {
            kad_walk_fail(walk);
            return;
        }
        query = &pool->queries[slot];
        if (kad_walk_reads(walk)) {
            if (query->in_use) { /* 2: free, and listed */
                kad_walk_fail(walk);
                return;
            }
            query->in_use = used ? 1 : 2;
            query->newer = KAD_NO_QUERY;
            query->older = used ? before : 0;
            if (before != KAD_NO_QUERY)
                pool->queries[before].newer = slot;
            else if (used)
                pool->oldest = slot;
            else
                pool->first_free = slot;
            if (used) {
                pool->newest = slot;
                pool->n_used++;
            }
        }
        if (used)
            walk_query(walk, dht, query);
        before = slot;
        slot = query->newer;
    }
    for (uint32_t i = 0; kad_walk_reads(walk) && i < pool->n_room; i++)
        pool->queries[i].in_use &= 1u;
}

/* -- the rest --------------------------------------------------------------------------------------------------- */

static void walk_join(struct kad_walk *walk, const struct kad_dht *dht, struct kad_join *join)
{
    const size_t n_bootstraps = kad_walk_count(walk, join->n_bootstraps, KAD_BOOTSTRAP_MAX);
    const size_t n_saved = kad_walk_count(walk, join->n_saved, KAD_SAVED_MAX);
    kad_contact_ref *pinned;

    if (kad_walk_reads(walk)) {
        join->bootstraps = n_bootstraps ? kad_walk_room(walk, 1, kad_join_bootstraps_size(dht)) : NULL;
        join->n_bootstraps = join->bootstraps ? (uint16_t)n_bootstraps : 0;
        join->saved = n_saved ? kad_walk_room(walk, KAD_SAVED_MAX, sizeof(*join->saved)) : NULL;
        join->n_saved = 0;
    }
    for (size_t i = 0; i < n_bootstraps && !walk->bad; i++)
        kad_walk_endpoint(walk, &join->bootstraps[i]);
    pinned = kad_join_pinned(dht);
    for (size_t i = 0; pinned && i < n_bootstraps && !walk->bad; i++)
        kad_walk_contact(walk, &pinned[i]);
    for (size_t i = 0; i < n_saved && !walk->bad; i++) {
        kad_walk_contact(walk, &join->saved[i]);
        if (kad_walk_reads(walk))
            join->n_saved++;
    }
    walk_operation_named(walk, dht, &join->operation);
    KAD_WALK(walk, join->next_at);
    KAD_WALK(walk, join->attempts);
    KAD_WALK(walk, join->n_asked);
    KAD_WALK(walk, join->n_deepened);
    KAD_WALK(walk, join->ready);
    KAD_WALK(walk, join->warned);
    KAD_WALK(walk, join->was_ready);
}

static void walk_lost(struct kad_walk *walk, struct kad_dht *dht)
{
    bool has_lost = dht->lost;
    size_t n;

    KAD_WALK(walk, has_lost);
    if (kad_walk_reads(walk))
        dht->lost = has_lost ? kad_walk_room(walk, 1, sizeof(*dht->lost)) : NULL;
    if (!dht->lost)
        return;
    n = kad_walk_count(walk, dht->lost->n, KAD_LOST_MAX);
    dht->lost->n = (uint8_t)n;
    for (size_t i = 0; i < n; i++)
        kad_walk_contact(walk, &dht->lost->contacts[i]);
    KAD_WALK(walk, dht->lost->counted_from);
    KAD_WALK(walk, dht->lost->until);
    KAD_WALK(walk, dht->lost->ask_at);
    KAD_WALK(walk, dht->lost->meet_at);
    KAD_WALK(walk, dht->lost->n_left);
    KAD_WALK(walk, dht->lost->n_before);
    KAD_WALK(walk, dht->lost->next);
}

static void walk_publications(struct kad_walk *walk, struct kad_dht *dht)
{
    struct kad_publications *all = &dht->publications;
    const size_t n = kad_walk_count(walk, all->n, MOST_PUBLISHED);

    if (kad_walk_reads(walk)) {
        all->list = kad_walk_room(walk, n, sizeof(*all->list));
        all->room = all->list ? (uint32_t)n : 0;
        all->n = 0;
    }
    for (size_t i = 0; i < n && !walk->bad; i++) {
        struct kad_publication *publication = &all->list[i];

        walk_request(walk, &publication->request);
        walk_held(walk, &publication->request.record, &publication->bytes, &publication->n_bytes, 0);
        KAD_WALK(walk, publication->due_at);
        KAD_WALK(walk, publication->last_at);
        KAD_WALK(walk, publication->n_stored);
        KAD_WALK(walk, publication->running);
        KAD_WALK(walk, publication->along);
        if (kad_walk_reads(walk))
            all->n++;
    }
    KAD_WALK(walk, all->n_running);
    KAD_WALK(walk, all->next_at);
    if (kad_walk_reads(walk) && !walk->bad && !kad_publish_reorder(dht))
        kad_walk_fail(walk);
}

static void walk_reach(struct kad_walk *walk, struct kad_dht *dht)
{
    struct kad_reach *reach = &dht->reach;
    bool has_votes = dht->votes;

    kad_walk_endpoint(walk, &reach->believed);
    KAD_WALK(walk, reach->quorum);
    KAD_WALK(walk, reach->count_local);
    KAD_WALK(walk, has_votes);
    if (kad_walk_reads(walk))
        reach->votes = dht->votes =
            has_votes ? kad_walk_room(walk, KAD_REACH_VOTERS, sizeof(*dht->votes)) : NULL;
    reach->n_votes = (uint16_t)kad_walk_count(walk, reach->n_votes, dht->votes ? KAD_REACH_VOTERS : 0);
    for (size_t i = 0; i < reach->n_votes; i++) {
        KAD_WALK(walk, dht->votes[i].group);
        kad_walk_endpoint(walk, &dht->votes[i].address);
        KAD_WALK(walk, dht->votes[i].at);
    }
}

static void walk_sample(struct kad_walk *walk, struct kad_dht *dht)
{
    bool has_sample = dht->sample;

    KAD_WALK(walk, has_sample);
    if (kad_walk_reads(walk))
        dht->sample = has_sample ? kad_walk_room(walk, 1, sizeof(*dht->sample)) : NULL;
    if (!dht->sample)
        return;
    KAD_WALK(walk, dht->sample->period);
    KAD_WALK(walk, dht->sample->total);
    dht->sample->n = (uint32_t)kad_walk_count(walk, dht->sample->n, KAD_SAMPLE_SIZE);
    for (uint32_t i = 0; i < dht->sample->n; i++)
        KAD_WALK_BYTES(walk, dht->sample->keys[i]);
}

static void walk_counters(struct kad_walk *walk, struct kad_counters *counters)
{
    uint64_t *each = (uint64_t *)(void *)counters;

    static_assert(sizeof(*counters) % sizeof(*each) == 0, "counters are 64-bit numbers, all of them");
    for (size_t i = 0; i < sizeof(*counters) / sizeof(*each); i++)
        KAD_WALK(walk, each[i]);
}

static void walk_churn(struct kad_walk *walk, struct kad_churn *churn)
{
    KAD_WALK(walk, churn->seen_s);
    KAD_WALK(walk, churn->deaths_1024);
    if (churn->seen_s < 0 || churn->seen_s > MOST_SEEN_S || (churn->seen_s && !churn->deaths_1024))
        kad_walk_fail(walk); /* it is divided by */
}

void kad_dht_walk(struct kad_walk *walk, struct kad_dht *dht)
{
    struct kad_operation *last;

    assert(!dht->events.n && "events are the host's; they are taken first");
    KAD_WALK_BYTES(walk, dht->self);
    walk_rng(walk, &dht->rng);
    KAD_WALK_BYTES(walk, dht->tokens.secret);
    KAD_WALK(walk, dht->tokens.renewed_at);
    for (int i = 0; i < KAD_FAMILIES; i++) {
        bool speaks = dht->tables[i];

        KAD_WALK_BYTES(walk, dht->estimates[i].ranks);
        KAD_WALK_BYTES(walk, dht->estimates[i].distances);
        KAD_WALK(walk, dht->estimates[i].n_samples);
        KAD_WALK(walk, speaks);
        if (speaks != (dht->tables[i] != NULL))
            kad_walk_fail(walk);
        if (dht->tables[i] && !walk->bad)
            kad_table_walk(walk, dht->tables[i]);
    }
    walk_reach(walk, dht);
    KAD_WALK(walk, dht->last_request);
    walk_operations(walk, dht, &dht->operations, true);
    last = walk_operations(walk, dht, &dht->finished, false);
    if (kad_walk_reads(walk))
        dht->finished_last = last;
    KAD_WALK(walk, dht->n_host_operations);
    KAD_WALK(walk, dht->operations_wake_at);
    walk_queries(walk, dht, &dht->queries);
    walk_join(walk, dht, &dht->join);
    walk_lost(walk, dht);
    kad_closest_walk(walk, dht);
    walk_publications(walk, dht);
    walk_sample(walk, dht);
    if (dht->rules->class_of)
        kad_records_walk(walk, dht);
    KAD_WALK(walk, dht->upkeep.next_at);
    KAD_WALK(walk, dht->upkeep.verify_at);
    KAD_WALK(walk, dht->upkeep.verify_left);
    KAD_WALK(walk, dht->upkeep.n_running);
    KAD_WALK(walk, dht->near.next_at);
    KAD_WALK(walk, dht->near.wait_ms);
    KAD_WALK(walk, dht->near.n_won);
    walk_churn(walk, &dht->churn);
    KAD_WALK(walk, dht->budget.bytes_1000);
    KAD_WALK(walk, dht->budget.packets_1000);
    KAD_WALK(walk, dht->budget.filled_at);
    KAD_WALK(walk, dht->join.paused_until);
    KAD_WALK(walk, dht->n_requests_over);
    KAD_WALK(walk, dht->n_queries_over);
    KAD_WALK(walk, dht->expire_at);
    for (size_t i = 0; i < KAD_N_WARNINGS; i++)
        KAD_WALK(walk, dht->warn_again_at[i]);
    KAD_WALK(walk, dht->rtt_8);
    KAD_WALK(walk, dht->rtt_deviation_4);
    KAD_WALK(walk, dht->n_measured);
    KAD_WALK(walk, dht->n_silent);
    KAD_WALK(walk, dht->watch);
    KAD_WALK(walk, dht->events.n_lost);
    walk_counters(walk, dht->counters);
    if (dht->member) {
        KAD_WALK(walk, dht->member->told_at);
        KAD_WALK(walk, dht->member->cover.began_at);
        KAD_WALK(walk, dht->member->cover.due_at);
    }
    if (kad_peers_scores(dht)) {
        KAD_WALK(walk, dht->member->scored_at);
        kad_score_walk(walk, dht->member->scores);
        dht->member->n_reserved = (uint8_t)kad_walk_count(walk, dht->member->n_reserved, KAD_RESERVED_MAX);
        for (unsigned i = 0; i < dht->member->n_reserved; i++)
            KAD_WALK_BYTES(walk, dht->member->reserved[i]);
        kad_active_walk(walk, dht);
    }
}
