/*
 * test_oracle - Kademlia once more, as small as it can be: what the simulator is held against.
 *
 * It shares nothing with the engine or the world: 64-bit ids, its own generator, tables that are never stored (a bucket is a
 * seeded choice from the sorted ids) or that are given to it as plain numbers, a lookup in rounds of nothing but a sorted list. SCORECARD 1.4 has the recipe.
 */
#ifndef SIM_TEST_ORACLE_H
#define SIM_TEST_ORACLE_H

#include <stddef.h>
#include <stdint.h>

struct test_oracle_result {
    double hops_to_holder;  /* first answer of one of the k closest; from one's own table is hop 1 */
    double queries;         /* until the k closest known have answered */
    double closest_percent; /* of the true k closest, found */
};

/* Ideal tables: every bucket has k random ones of those that belong there. */
struct test_oracle_result test_oracle_run(size_t n_nodes, unsigned k, unsigned alpha, size_t n_lookups,
                                          uint64_t seed);

/* Who knows whom: node i has ids[i], and knows nodes known[first[i]] .. known[first[i + 1] - 1]. */
struct test_oracle_graph {
    uint64_t *ids;
    size_t *first; /* n_nodes + 1 */
    size_t *known;
    size_t n_nodes;
};

/* The tables are these, however they came about. */
struct test_oracle_result test_oracle_run_on(const struct test_oracle_graph *graph, unsigned k,
                                             unsigned alpha, size_t n_lookups, uint64_t seed);

#endif
