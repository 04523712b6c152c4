/* sound - the dht's invariants, checked after every event of a simulation or fuzzing run. */
#include "core/dht.h"

#include "core/operation.h"

static bool operations_sound(const struct kad_dht *dht, kad_ms now, const char **out_why)
{
    for (const struct kad_operation *operation = dht->operations; operation; operation = operation->next) {
        uint32_t waiting = 0;

        if (operation->phase == KAD_PHASE_ENDED) {
            *out_why = "an ended operation is among the running";
            return false;
        }
        for (uint32_t i = kad_query_oldest(&dht->queries); i != KAD_NO_QUERY;
             i = dht->queries.queries[i].newer)
            waiting += dht->queries.queries[i].operation == operation;
        if (waiting != operation->n_in_flight) {
            *out_why = "an operation miscounts its queries in flight";
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

bool kad_dht_sound(const struct kad_dht *dht, kad_ms now, const char **out_why)
{
    uint32_t n_queries = 0;
    kad_ms before = INT64_MIN;

    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (dht->tables[i] && !kad_table_sound(dht->tables[i], out_why))
            return false;
    }
    for (uint32_t i = kad_query_oldest(&dht->queries); i != KAD_NO_QUERY; i = dht->queries.queries[i].newer) {
        if (dht->queries.queries[i].sent_at < before) {
            *out_why = "queries are out of order";
            return false;
        }
        before = dht->queries.queries[i].sent_at;
        n_queries++;
    }
    if (n_queries != dht->queries.n_used || n_queries > dht->settings->max_queries) {
        *out_why = "the pool miscounts its queries";
        return false;
    }
    if (dht->n_host_operations > dht->settings->max_requests) {
        *out_why = "more requests than allowed";
        return false;
    }
    return operations_sound(dht, now, out_why);
}
