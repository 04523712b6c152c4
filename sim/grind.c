#include "sim/grind.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "core/id.h"
#include "crypto/identity.h"

static void secret_of(uint64_t seed, uint32_t number, uint8_t out_secret[32])
{
    for (uint64_t i = 0; i < 4; i++) {
        const uint64_t word = sim_mix(seed, number, 0x67726900 + i);

        for (size_t j = 0; j < 8; j++)
            out_secret[8 * i + j] = (uint8_t)(word >> 8 * j);
    }
}

static int by_head(const void *a, const void *b)
{
    const struct sim_ground *x = a, *y = b;

    return (x->head > y->head) - (x->head < y->head);
}

int sim_grind_new(struct sim_grind *grind, uint32_t n, uint64_t seed)
{
    *grind = (struct sim_grind){.n = n, .seed = seed};
    grind->pool = kad_allocator_system.resize(NULL, NULL, 0, n * sizeof(*grind->pool));
    if (!grind->pool)
        return KAD_E_MEMORY;
    for (uint32_t i = 0; i < n; i++) {
        struct kad_identity identity;
        struct kad_id id;
        uint8_t secret[32];

        secret_of(seed, i, secret);
        kad_identity_from_seed(&identity, secret);
        id = kad_identity_id(identity.public_key);
        grind->pool[i] = (struct sim_ground){.head = kad_id_head(&id), .number = i};
    }
    qsort(grind->pool, n, sizeof(*grind->pool), by_head);
    return 0;
}

void sim_grind_clear(struct sim_grind *grind)
{
    kad_allocator_system.resize(NULL, grind->pool, grind->n * sizeof(*grind->pool), 0);
    grind->pool = NULL;
}

/* Ids at a distance from 2^bit to 2^(bit+1) are one subtree, and stand together. */
static struct sim_ground *nearest_beyond(const struct sim_grind *grind, uint64_t target, uint64_t beyond)
{
    struct sim_ground *best = NULL;

    for (unsigned bit = 0; bit < 64; bit++) { /* the subtree at each distance 2^bit, nearest first */
        const uint64_t least = UINT64_C(1) << bit, corner = (target ^ least) & ~(least - 1);
        uint32_t from = 0, to = grind->n;

        if (2 * (least - 1) + 1 <= beyond)
            continue;
        while (from < to) {
            const uint32_t middle = from + (to - from) / 2;

            if (grind->pool[middle].head < corner)
                from = middle + 1;
            else
                to = middle;
        }
        for (; from < grind->n && (grind->pool[from].head ^ corner) < least; from++) {
            struct sim_ground *one = &grind->pool[from];
            const uint64_t distance = one->head ^ target;

            if (!one->taken && distance > beyond && (!best || distance < (best->head ^ target)))
                best = one;
        }
        if (best)
            return best;
    }
    return NULL;
}

bool sim_grind_take(struct sim_grind *grind, uint64_t target, uint64_t beyond, uint8_t out_secret[32])
{
    struct sim_ground *one = nearest_beyond(grind, target, beyond);

    if (!one)
        return false;
    one->taken = true;
    secret_of(grind->seed, one->number, out_secret);
    return true;
}
