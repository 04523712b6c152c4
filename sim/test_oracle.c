#include "sim/test_oracle.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_MOST 1024
#define K_MOST     64
#define TABLE_MOST (64 * K_MOST)

struct oracle {
    uint64_t *ids; /* sorted, when tables are ideal */
    size_t n;
    unsigned k;
    uint64_t seed;
    const struct test_oracle_graph *graph; /* NULL: ideal tables */
};

struct known {
    size_t node;
    uint64_t distance;
    unsigned hop;
    uint64_t answers_at; /* 0: not asked */
    bool answered;
};

struct lookup {
    struct known known[KNOWN_MOST];
    size_t n;
};

/* xorshift64*, seeded by a multiplication: a generator of its own. */
static uint64_t next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* First of ids[from..to) that is at least `least`. */
static size_t lower(const struct oracle *oracle, uint64_t least)
{
    size_t from = 0, to = oracle->n;

    while (from < to) {
        const size_t middle = (from + to) / 2;

        if (oracle->ids[middle] < least)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* The bucket of `node` for ids that share exactly `bit` bits with it: k of them at most. */
static size_t bucket(const struct oracle *oracle, size_t node, unsigned bit, size_t *out)
{
    const uint64_t size = UINT64_C(1) << (63 - bit);
    const uint64_t base = (oracle->ids[node] ^ size) & ~(size - 1);
    const size_t from = lower(oracle, base);
    const size_t to = base + size == 0 ? oracle->n : lower(oracle, base + size);
    uint64_t state = (oracle->seed * 31 + node) * UINT64_C(0x9e3779b97f4a7c15) + bit * 977 + 1;
    size_t n = 0;

    if (to - from <= oracle->k) {
        for (size_t i = from; i < to; i++)
            out[n++] = i;
        return n;
    }
    while (n < oracle->k) {
        const size_t pick = from + (size_t)((next(&state) >> 16) % (to - from));
        bool twice = false;

        for (size_t i = 0; i < n; i++)
            twice = twice || out[i] == pick;
        if (!twice)
            out[n++] = pick;
    }
    return n;
}

static size_t table(const struct oracle *oracle, size_t node, size_t *out)
{
    size_t n = 0;

    for (unsigned bit = 0; bit < 40 && !oracle->graph; bit++)
        n += bucket(oracle, node, bit, out + n);
    for (size_t i = 0; oracle->graph && i < oracle->graph->first[node + 1] - oracle->graph->first[node]; i++)
        out[n++] = oracle->graph->known[oracle->graph->first[node] + i];
    return n;
}

/* The k closest to `target` of the whole table of `node`, nearest first. */
static size_t reply(const struct oracle *oracle, size_t node, uint64_t target, size_t *out)
{
    size_t found[TABLE_MOST], n;

    n = table(oracle, node, found);
    for (size_t i = 1; i < n; i++) { /* insertion sort */
        const size_t moved = found[i];
        size_t j = i;

        for (; j && (oracle->ids[found[j - 1]] ^ target) > (oracle->ids[moved] ^ target); j--)
            found[j] = found[j - 1];
        found[j] = moved;
    }
    n = n < oracle->k ? n : oracle->k;
    memcpy(out, found, n * sizeof(*out));
    return n;
}

static void learn(const struct oracle *oracle, struct lookup *lookup, size_t node, uint64_t target,
                  unsigned hop)
{
    const uint64_t distance = oracle->ids[node] ^ target;
    size_t at = lookup->n;

    for (size_t i = 0; i < lookup->n; i++) {
        if (lookup->known[i].node == node)
            return;
    }
    if (lookup->n == KNOWN_MOST)
        return;
    for (; at && lookup->known[at - 1].distance > distance; at--)
        lookup->known[at] = lookup->known[at - 1];
    lookup->known[at] = (struct known){.node = node, .distance = distance, .hop = hop};
    lookup->n++;
}

/* All nodes by distance: brute force. */
static void truth(const struct oracle *oracle, size_t asker, uint64_t target, size_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < oracle->n; i++) {
        size_t at;

        if (i == asker)
            continue;
        if (n == oracle->k && (oracle->ids[i] ^ target) >= (oracle->ids[out[n - 1]] ^ target))
            continue;
        at = n < oracle->k ? n++ : n - 1;
        for (; at && (oracle->ids[out[at - 1]] ^ target) > (oracle->ids[i] ^ target); at--)
            out[at] = out[at - 1];
        out[at] = i;
    }
}

static bool is_true(const struct oracle *oracle, const size_t *nearest, size_t node)
{
    for (unsigned i = 0; i < oracle->k; i++) {
        if (nearest[i] == node)
            return true;
    }
    return false;
}

static void one(const struct oracle *oracle, unsigned alpha, uint64_t *state, struct test_oracle_result *sum)
{
    static struct lookup lookup;
    const size_t asker = (size_t)((next(state) >> 16) % oracle->n);
    const uint64_t target = next(state);
    size_t nearest[K_MOST], named[K_MOST], n;
    uint64_t now = 1;
    bool met = false;
    unsigned in_flight = 0;

    lookup.n = 0;
    truth(oracle, asker, target, nearest);
    n = reply(oracle, asker, target, named);
    for (size_t i = 0; i < n; i++)
        learn(oracle, &lookup, named[i], target, 1);
    for (;;) {
        struct known *first = NULL;

        for (size_t i = 0; i < lookup.n && i < oracle->k && in_flight < alpha; i++) {
            if (!lookup.known[i].answers_at) { /* answers take between 50 and 250 units of time */
                lookup.known[i].answers_at = now + 50 + (next(state) >> 16) % 200;
                in_flight++;
                sum->queries++;
            }
        }
        for (size_t i = 0; i < lookup.n; i++) {
            struct known *known = &lookup.known[i];

            if (known->answers_at && !known->answered && (!first || known->answers_at < first->answers_at))
                first = known;
        }
        if (!first)
            break;
        now = first->answers_at;
        first->answered = true;
        in_flight--;
        if (!met && is_true(oracle, nearest, first->node)) {
            met = true;
            sum->hops_to_holder += first->hop;
        }
        n = reply(oracle, first->node, target, named);
        for (size_t i = 0, hop = first->hop + 1; i < n; i++) {
            if (named[i] != asker)
                learn(oracle, &lookup, named[i], target, (unsigned)hop);
        }
    }
    for (size_t i = 0; i < lookup.n && i < oracle->k; i++)
        sum->closest_percent += is_true(oracle, nearest, lookup.known[i].node);
}

static struct test_oracle_result run(const struct oracle *oracle, unsigned alpha, size_t n_lookups,
                                     uint64_t *state)
{
    struct test_oracle_result sum = {0};

    for (size_t i = 0; i < n_lookups; i++)
        one(oracle, alpha, state, &sum);
    sum.hops_to_holder /= (double)n_lookups;
    sum.queries /= (double)n_lookups;
    sum.closest_percent *= 100 / ((double)n_lookups * oracle->k);
    return sum;
}

static uint64_t first_state(uint64_t seed)
{
    return seed * UINT64_C(0x9e3779b97f4a7c15) + 12345;
}

struct test_oracle_result test_oracle_run(size_t n_nodes, unsigned k, unsigned alpha, size_t n_lookups,
                                          uint64_t seed)
{
    struct oracle oracle = {.ids = malloc(n_nodes * sizeof(uint64_t)), .n = n_nodes, .k = k, .seed = seed};
    struct test_oracle_result result;
    uint64_t state = first_state(seed);

    for (size_t i = 0; i < n_nodes; i++)
        oracle.ids[i] = next(&state);
    qsort(oracle.ids, n_nodes, sizeof(uint64_t), by_value);
    result = run(&oracle, alpha, n_lookups, &state);
    free(oracle.ids);
    return result;
}

struct test_oracle_result test_oracle_run_on(const struct test_oracle_graph *graph, unsigned k,
                                             unsigned alpha, size_t n_lookups, uint64_t seed)
{
    const struct oracle oracle = {
        .ids = graph->ids, .n = graph->n_nodes, .k = k, .seed = seed, .graph = graph};
    uint64_t state = first_state(seed);

    return run(&oracle, alpha, n_lookups, &state);
}
