/*
 * rng - seeded randomness: ChaCha20's key stream.
 *
 * One seed, one stream, on every machine; and nobody who sees numbers from it (transaction ids, tokens' secrets)
 * can tell the others.
 */
#ifndef KAD_CRYPTO_RNG_H
#define KAD_CRYPTO_RNG_H

#include "base/types.h"

#define KAD_SEED_SIZE 32

struct kad_rng {
    uint8_t key[KAD_SEED_SIZE];
    uint8_t block[64];
    uint32_t counter;
    uint32_t used; /* bytes of block given out */
};

void kad_rng_init(struct kad_rng *rng, const uint8_t seed[KAD_SEED_SIZE]);
void kad_rng_bytes(struct kad_rng *rng, void *out_data, size_t size);
uint32_t kad_rng_u32(struct kad_rng *rng);
uint64_t kad_rng_u64(struct kad_rng *rng);
uint32_t kad_rng_below(struct kad_rng *rng, uint32_t bound); /* 0 .. bound-1, unbiased; bound > 0 */
kad_ms kad_rng_jitter(struct kad_rng *rng, kad_ms value, uint32_t percent); /* value +- percent, uniform */

#endif
