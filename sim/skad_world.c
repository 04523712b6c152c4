/* skad_world - sorted ids, and tables that are worked out when they are looked at (SCORECARD 1.4's recipe). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "core/id.h"
#include "sim/skad.h"

#define KNOWN_MOST 4096

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static struct kad_id id_of(uint64_t id)
{
    struct kad_id out = {{0}};

    for (int i = 0; i < 8; i++)
        out.bytes[i] = (uint8_t)(id >> (56 - 8 * i));
    return out;
}

int skad_world_new(struct skad_world *world, uint32_t n, unsigned k, uint64_t seed)
{
    struct sim_rng rng = {seed};

    *world = (struct skad_world){.n = n, .k = k, .seed = seed};
    world->ids = calloc(n, sizeof(*world->ids));
    world->contacts = calloc(n, sizeof(*world->contacts));
    world->book = kad_book_new(&kad_allocator_system, n, 1);
    if (!world->ids || !world->contacts || !world->book)
        return KAD_E_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        world->ids[i] = sim_random(&rng);
    qsort(world->ids, n, sizeof(*world->ids), by_value);
    for (uint32_t i = 0; i < n; i++) {
        const struct kad_id id = id_of(world->ids[i]);
        const uint32_t at = i + 1;
        const uint8_t address[4] = {(uint8_t)(1 + at % 120), (uint8_t)(at >> 16), (uint8_t)(at >> 8),
                                    (uint8_t)at};
        const struct kad_endpoint endpoint = kad_endpoint_v4(address, 4242);

        world->contacts[i] = kad_book_intern(world->book, &id, &endpoint, (struct kad_bytes){0});
        if (world->contacts[i] == KAD_NO_CONTACT)
            return KAD_E_MEMORY;
        if (world->contacts[i] >= world->n_handles)
            world->n_handles = world->contacts[i] + 1;
    }
    world->node_of = calloc(world->n_handles, sizeof(*world->node_of));
    if (!world->node_of)
        return KAD_E_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        world->node_of[world->contacts[i]] = i;
    return 0;
}

void skad_world_free(struct skad_world *world)
{
    for (uint32_t i = 0; world->book && world->node_of && i < world->n; i++)
        kad_book_release(world->book, world->contacts[i]);
    if (world->book)
        kad_book_free(world->book);
    free(world->ids);
    free(world->contacts);
    free(world->node_of);
}

struct range {
    uint32_t from, to;
};

static uint32_t lower_bound(const struct skad_world *world, uint64_t id, struct range in)
{
    while (in.from < in.to) {
        const uint32_t middle = in.from + (in.to - in.from) / 2;

        if (world->ids[middle] < id)
            in.from = middle + 1;
        else
            in.to = middle;
    }
    return in.from;
}

/* Those whose first `bits` bits are those of `id`. */
static struct range subtree(const struct skad_world *world, uint64_t id, unsigned bits)
{
    const struct range all = {0, world->n};
    const uint64_t mask = bits ? ~UINT64_C(0) << (64 - bits) : 0;
    struct range range;

    range.from = lower_bound(world, id & mask, all);
    range.to = (id | ~mask) == UINT64_MAX ? world->n : lower_bound(world, (id | ~mask) + 1, all);
    return range;
}

/* Bucket `depth` of a node: those that share exactly so many bits; all of them, or k that the seed picks. */
static size_t bucket(const struct skad_world *world, uint32_t node, unsigned depth, uint32_t *out)
{
    const struct range range = subtree(world, world->ids[node] ^ (UINT64_C(1) << (63 - depth)), depth + 1);
    const uint32_t size = range.to - range.from;
    size_t n = 0;

    if (size <= world->k) {
        for (uint32_t i = range.from; i < range.to; i++)
            out[n++] = i;
        return n;
    }
    for (uint64_t draw = 0; n < world->k; draw++) {
        struct sim_rng rng = {world->seed ^ ((uint64_t)node << 32 | depth << 24 | draw)};
        const uint32_t pick = range.from + sim_below(&rng, size);
        size_t i = 0;

        while (i < n && out[i] != pick)
            i++;
        if (i == n)
            out[n++] = pick;
    }
    return n;
}

struct near {
    uint64_t distance;
    uint32_t node;
};

static int by_distance(const void *a, const void *b)
{
    const struct near *x = a, *y = b;

    return (x->distance > y->distance) - (x->distance < y->distance);
}

static size_t sort_out(const struct skad_world *world, uint64_t target, const uint32_t *nodes, size_t n,
                       size_t n_out, uint32_t *out)
{
    struct near near[KNOWN_MOST];

    assert(n <= KNOWN_MOST);
    for (size_t i = 0; i < n; i++)
        near[i] = (struct near){world->ids[nodes[i]] ^ target, nodes[i]};
    if (n <= 64) {
        for (size_t i = 1; i < n; i++) { /* few: faster than asking qsort() to */
            const struct near one = near[i];
            size_t at = i;

            for (; at > 0 && near[at - 1].distance > one.distance; at--)
                near[at] = near[at - 1];
            near[at] = one;
        }
    } else {
        qsort(near, n, sizeof(*near), by_distance);
    }
    n_out = n < n_out ? n : n_out;
    for (size_t i = 0; i < n_out; i++)
        out[i] = near[i].node;
    return n_out;
}

size_t skad_known(const struct skad_world *world, uint32_t node, uint64_t target, size_t n,
                  uint32_t *out_nodes)
{
    const uint64_t apart = world->ids[node] ^ target;
    const unsigned shared = apart ? (unsigned)__builtin_clzll(apart) : 63;
    uint32_t known[KNOWN_MOST];
    size_t n_known = bucket(world, node, shared, known);

    /* Nearest are those in the target's own bucket; then all deeper ones, which are one subtree; then one bucket after the
     * other. */
    if (n_known < n) {
        for (unsigned depth = shared + 1; depth < 64; depth++) {
            const struct range rest = subtree(world, world->ids[node], depth);

            if (rest.to - rest.from <= 1)
                break;
            n_known += bucket(world, node, depth, known + n_known);
        }
    }
    for (unsigned depth = shared; n_known < n && depth-- > 0;)
        n_known += bucket(world, node, depth, known + n_known);
    return sort_out(world, target, known, n_known, n, out_nodes);
}

size_t skad_nearest(const struct skad_world *world, uint64_t target, size_t n, uint32_t *out_nodes)
{
    uint32_t nodes[KNOWN_MOST];
    struct range range = {0, world->n};
    size_t n_nodes = 0;

    for (unsigned bits = 1; bits < 64; bits++) {
        const struct range deeper = subtree(world, target, bits);

        if (deeper.to - deeper.from < n)
            break;
        range = deeper;
    }
    if (range.to - range.from <= KNOWN_MOST) {
        for (uint32_t i = range.from; i < range.to; i++)
            nodes[n_nodes++] = i;
        return sort_out(world, target, nodes, n_nodes, n, out_nodes);
    }
    return 0; /* more than was ever asked for */
}

/* -- what a lookup's number decides ------------------------------------------------------------------------------ */

uint64_t skad_target(const struct skad_world *world, const struct skad_case *what)
{
    return sim_mix(world->seed, what->number, 1);
}

bool skad_is_bad(const struct skad_world *world, const struct skad_case *what, uint32_t node)
{
    struct sim_rng rng = {world->seed + what->number * UINT64_C(0x9e3779b97f4a7c15) + ((uint64_t)node << 20)};

    return sim_below(&rng, 1000000) < what->bad_ppm;
}

uint32_t skad_start(const struct skad_world *world, const struct skad_case *what)
{
    for (uint64_t draw = 2;; draw++) {
        const uint32_t node = (uint32_t)(sim_mix(world->seed, what->number, draw) % world->n);

        if (!skad_is_bad(world, what, node))
            return node;
    }
}
