/* test_seed - randomness for tests: a small number names the whole stream, so that a failure can print it. */
#ifndef KAD_CRYPTO_TEST_SEED_H
#define KAD_CRYPTO_TEST_SEED_H

#include "crypto/rng.h"

static inline struct kad_rng kad_test_rng(uint64_t seed)
{
    uint8_t bytes[KAD_SEED_SIZE] = {0};
    struct kad_rng rng;

    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(seed >> 8 * i);
    kad_rng_init(&rng, bytes);
    return rng;
}

#endif
