/* sound - the dht's invariants, checked after every event of a simulation or fuzzing run. */
#include "core/sound.h"

#include "base/hash.h"
#include "core/dht.h"
#include "core/operation.h"
#include "core/peers.h"

/* A number that stands for this operation, so that a sum of them says how many there are of each: two different
 * selections have the same sum by an accident of 1 in 2^64, and counting needs one walk instead of one per operation. */
static uint64_t weight_of(const struct kad_operation *operation)
{
    return kad_hash_word(UINT64_C(0x9e3779b97f4a7c15), (uint64_t)(uintptr_t)operation);
}

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static bool queries_sound(const struct kad_dht *dht, const char **out_why)
{
    const struct kad_query_pool *pool = &dht->queries;
    uint32_t n_queries = 0;
    uint64_t waiting = 0;
    kad_ms before = INT64_MIN;

    for (uint32_t i = kad_query_oldest(pool); i != KAD_NO_QUERY; i = pool->queries[i].newer) {
        if (pool->queries[i].sent_at < before) {
            *out_why = "queries are out of order";
            return false;
        }
        before = pool->queries[i].sent_at;
        if (pool->queries[i].operation)
            waiting += weight_of(pool->queries[i].operation);
        n_queries++;
    }
    if (n_queries != pool->n_used || n_queries > larger(dht->settings->max_queries, dht->n_queries_over)) {
        *out_why = "the pool miscounts its queries";
        return false;
    }
    for (const struct kad_operation *operation = dht->operations; operation; operation = operation->next)
        waiting -= operation->n_in_flight * weight_of(operation);
    if (waiting != 0) {
        *out_why = "an operation miscounts its queries in flight";
        return false;
    }
    return true;
}

static bool operations_sound(const struct kad_dht *dht, kad_ms now, const char **out_why)
{
    for (const struct kad_operation *operation = dht->operations; operation; operation = operation->next) {
        if (operation->phase == KAD_PHASE_ENDED) {
            *out_why = "an ended operation is among the running";
            return false;
        }
        if (operation->wake_at == KAD_NEVER || operation->deadline_at == KAD_NEVER) {
            *out_why = "an operation waits for nothing";
            return false;
        }
        if (operation->wake_at < dht->operations_wake_at) {
            *out_why = "an operation is due before the dht wakes";
            return false;
        }
        if (operation->deadline_at < now - KAD_MINUTE) {
            *out_why = "an operation has outlived its deadline by a minute";
            return false;
        }
    }
    return true;
}

static bool lost_sound(const struct kad_dht *dht, const char **out_why)
{
    const struct kad_lost *lost = dht->lost;

    for (unsigned i = 0; lost && i < KAD_LOST_MAX; i++) {
        if ((i < lost->n) != (lost->contacts[i] != KAD_NO_CONTACT)) {
            *out_why = "the lost are miscounted";
            return false;
        }
        if (i < lost->n &&
            kad_table_find(dht->tables[kad_family_index(
                               kad_book_contact(dht->book, lost->contacts[i])->endpoint.family)],
                           lost->contacts[i])) {
            *out_why = "who stands in the table is not lost";
            return false;
        }
    }
    return true;
}

/* Of tables that may have been looked at `before`; NULL: they have not. */
static bool tables_sound(const struct kad_dht *dht, struct kad_table_print *before, const char **out_why)
{
    bool sound = true;

    for (int i = 0; i < KAD_FAMILIES && sound; i++) {
        if (dht->tables[i])
            sound = before ? kad_table_still_sound(dht->tables[i], &before[i], out_why)
                           : kad_table_sound(dht->tables[i], out_why);
    }
    return sound;
}

bool kad_dht_still_sound(const struct kad_dht *dht, kad_ms now, struct kad_table_print *before,
                         const char **out_why)
{
    if (!tables_sound(dht, before, out_why))
        return false;
    if (dht->n_host_operations > larger(dht->settings->max_requests, dht->n_requests_over)) {
        *out_why = "more requests than allowed";
        return false;
    }
    if (kad_peers_scores(dht) && !kad_score_sound(kad_peers_scores(dht), out_why))
        return false;
    return lost_sound(dht, out_why) && kad_closest_sound(dht, out_why) && queries_sound(dht, out_why) &&
           operations_sound(dht, now, out_why);
}

bool kad_dht_sound(const struct kad_dht *dht, kad_ms now, const char **out_why)
{
    return kad_dht_still_sound(dht, now, NULL, out_why);
}
