/*
 * grind - identities searched for until they stand where somebody wants them.
 *
 * A pool of key pairs, sorted by the ids that follow from them; who wants to stand near a key takes those of the pool that do. One
 * search serves all keys, as it would an attacker.
 */
#ifndef SIM_GRIND_H
#define SIM_GRIND_H

#include "base/types.h"
#include "sim/fixed.h"

struct sim_grind {
    struct sim_ground {
        uint64_t head; /* of the id */
        uint32_t number;
        bool taken;
    } * pool;
    uint32_t n;
    uint64_t seed;
};

KAD_CHECK int sim_grind_new(struct sim_grind *grind, uint32_t n, uint64_t seed); /* 0, KAD_E_MEMORY */
void sim_grind_clear(struct sim_grind *grind);
/* The nearest to `target` that is farther than `beyond` and was not taken; it is now. False: there is none. */
bool sim_grind_take(struct sim_grind *grind, uint64_t target, uint64_t beyond, uint8_t out_secret[32]);

#endif
