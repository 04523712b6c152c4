/* world - see world.h */
#include "world.h"

#include <assert.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>

enum {
    CANDIDATES_MAX = 2048,
    DEEPEST = 64, /* bits two of a hundred thousand random ids never share */
};

struct range {
    uint32_t from, to; /* in by_id */
};

static const uint32_t spread = 0x9e3779;   /* odd: numbers and 24-bit addresses map one to one */
static const uint32_t gathered = 0xb382c9; /* its inverse modulo 2^24, checked by world_make() */
static const uint32_t address_bits = 0xffffff;

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct world_node *)a)->id, ((const struct world_node *)b)->id, KRPC_ID);
}

void world_id(const struct world *world, uint32_t number, uint8_t out_id[KRPC_ID])
{
    krpc_fill(out_id, KRPC_ID, krpc_mix(world->seed + number));
}

void world_make(struct world *out_world, uint32_t n_nodes, uint32_t top, double dead, uint64_t seed)
{
    assert(((spread * gathered) & address_bits) == 1);
    *out_world = (struct world){.n_nodes = n_nodes, .top = top, .seed = seed};
    out_world->dead_share = (uint32_t)(dead * 4294967295.0);
    out_world->by_id = calloc(n_nodes, sizeof *out_world->by_id);
    if (!out_world->by_id)
        err(1, "calloc");
    for (uint32_t i = 0; i < n_nodes; i++) {
        out_world->by_id[i].number = i;
        world_id(out_world, i, out_world->by_id[i].id);
    }
    qsort(out_world->by_id, n_nodes, sizeof *out_world->by_id, by_id);
}

/* Numbers begin at 1 here, so that nobody is top.0.0.0. */
uint32_t world_address(const struct world *world, uint32_t number)
{
    return world->top << 24 | (((number + 1) * spread) & address_bits);
}

uint32_t world_number(const struct world *world, uint32_t address)
{
    const uint32_t number = (((address & address_bits) * gathered) & address_bits) - 1;

    return address >> 24 == world->top && number < world->n_nodes ? number : UINT32_MAX;
}

bool world_dead(const struct world *world, uint32_t number)
{
    return (uint32_t)krpc_mix(world->seed ^ ((uint64_t)number << 32)) < world->dead_share;
}

static bool bit(const uint8_t *id, unsigned i)
{
    return id[i / 8] >> (7 - i % 8) & 1;
}

static unsigned shared_bits(const uint8_t *a, const uint8_t *b)
{
    unsigned i = 0;

    while (i < KRPC_ID * 8 && bit(a, i) == bit(b, i))
        i++;
    return i;
}

/* First place in by_id whose id is not below `id`. */
static uint32_t lower_bound(const struct world *world, const uint8_t *id)
{
    uint32_t from = 0, to = world->n_nodes;

    while (from < to) {
        const uint32_t middle = from + (to - from) / 2;

        if (memcmp(world->by_id[middle].id, id, KRPC_ID) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* The nodes whose ids begin with the first `n_bits` of `id`, the last of these turned over if so asked. */
static struct range subtree(const struct world *world, const uint8_t *id, unsigned n_bits, bool turned)
{
    uint8_t low[KRPC_ID] = {0}, high[KRPC_ID];
    struct range range;

    memset(high, 0xff, sizeof high);
    for (unsigned i = 0; i < n_bits; i++) {
        const uint8_t mask = (uint8_t)(0x80 >> i % 8);

        if (bit(id, i) != (turned && i + 1 == n_bits))
            low[i / 8] |= mask;
        else
            high[i / 8] = (uint8_t)(high[i / 8] & ~mask);
    }
    range.from = lower_bound(world, low);
    range.to = lower_bound(world, high); /* no id is all ones down to its end */
    return range;
}

/* Bucket `depth` of a node: those that share exactly `depth` bits with it; WORLD_K of them at most. */
static size_t bucket(const struct world *world, const struct world_node *node, unsigned depth,
                     uint32_t *out_places)
{
    const struct range all = subtree(world, node->id, depth + 1, true);
    const uint32_t size = all.to - all.from;
    size_t n = 0;

    if (size <= WORLD_K) {
        for (uint32_t i = all.from; i < all.to; i++)
            out_places[n++] = i;
        return n;
    }
    for (uint64_t draw = 0; n < WORLD_K; draw++) {
        const uint64_t dice =
            krpc_mix(world->seed ^ krpc_mix((uint64_t)node->number << 32 | depth << 16 | draw));
        const uint32_t place = all.from + (uint32_t)(dice % size);
        size_t i = 0;

        while (i < n && out_places[i] != place)
            i++;
        if (i == n)
            out_places[n++] = place;
    }
    return n;
}

static bool closer(const uint8_t *a, const uint8_t *b, const uint8_t *target)
{
    for (size_t i = 0; i < KRPC_ID; i++)
        if (a[i] != b[i])
            return (a[i] ^ target[i]) < (b[i] ^ target[i]);
    return false;
}

static size_t select_closest(const struct world *world, uint32_t *places, size_t n, const uint8_t *target,
                             uint32_t out_numbers[WORLD_K])
{
    size_t n_out = 0;

    for (; n_out < WORLD_K && n_out < n; n_out++) {
        size_t best = n_out;
        uint32_t place;

        for (size_t i = n_out + 1; i < n; i++)
            if (closer(world->by_id[places[i]].id, world->by_id[places[best]].id, target))
                best = i;
        place = places[best];
        places[best] = places[n_out];
        places[n_out] = place;
        out_numbers[n_out] = world->by_id[place].number;
    }
    return n_out;
}

size_t world_answer(const struct world *world, uint32_t number, const uint8_t target[KRPC_ID],
                    uint32_t out_numbers[WORLD_K])
{
    struct world_node node = {.number = number};
    uint32_t places[CANDIDATES_MAX];
    unsigned shared;
    size_t n;

    world_id(world, number, node.id);
    shared = shared_bits(node.id, target);
    /* Closest are those in the target's own bucket, then the deeper ones, then the shallower. */
    n = shared < DEEPEST ? bucket(world, &node, shared, places) : 0;
    for (unsigned depth = shared + 1; n < WORLD_K && depth < DEEPEST; depth++) {
        struct range rest = subtree(world, node.id, depth, false);

        if (rest.to - rest.from <= 1)
            break;
        /* Together they are one subtree: all of it counts before anything shallower does. */
        n += bucket(world, &node, depth, places + n);
        if (n >= WORLD_K)
            for (depth++; depth < DEEPEST && n + WORLD_K < CANDIDATES_MAX; depth++) {
                rest = subtree(world, node.id, depth, false);
                if (rest.to - rest.from <= 1)
                    break;
                n += bucket(world, &node, depth, places + n);
            }
    }
    for (unsigned depth = shared < DEEPEST ? shared : DEEPEST; n < WORLD_K && depth-- > 0;)
        n += bucket(world, &node, depth, places + n);
    return select_closest(world, places, n, target, out_numbers);
}

size_t world_closest(const struct world *world, const uint8_t target[KRPC_ID], uint32_t out_numbers[WORLD_K])
{
    uint32_t places[CANDIDATES_MAX];
    size_t n = 0;

    for (int depth = 40; depth >= 0 && n < WORLD_K; depth--) {
        const struct range range = subtree(world, target, (unsigned)depth, false);

        if (range.to - range.from > CANDIDATES_MAX)
            break; /* so many, and not WORLD_K alive among them: hardly anyone lives */
        n = 0;
        for (uint32_t i = range.from; i < range.to; i++)
            if (!world_dead(world, world->by_id[i].number))
                places[n++] = i;
    }
    return select_closest(world, places, n, target, out_numbers);
}
