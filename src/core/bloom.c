#include "core/bloom.h"

#include <math.h>

#include "base/endpoint.h"
#include "crypto/crypto.h"

#define N_BITS (8 * KAD_BLOOM_SIZE)

void kad_bloom_add(uint8_t filter[KAD_BLOOM_SIZE], const struct kad_endpoint *peer)
{
    uint8_t hash[KAD_SHA1_SIZE];

    kad_sha1(peer->address, kad_endpoint_address_size(peer), hash);
    for (unsigned i = 0; i < 4; i += 2) {
        const unsigned bit = (hash[i] | (unsigned)hash[i + 1] << 8) % N_BITS;

        filter[bit / 8] |= (uint8_t)(1u << bit % 8);
    }
}

void kad_bloom_merge(uint8_t into[KAD_BLOOM_SIZE], const uint8_t from[KAD_BLOOM_SIZE])
{
    for (size_t i = 0; i < KAD_BLOOM_SIZE; i++)
        into[i] |= from[i];
}

double kad_bloom_estimate(const uint8_t filter[KAD_BLOOM_SIZE])
{
    unsigned n_zero = N_BITS;

    for (size_t i = 0; i < KAD_BLOOM_SIZE; i++)
        n_zero -= (unsigned)__builtin_popcount(filter[i]);
    if (n_zero == N_BITS)
        return 0;
    if (n_zero == 0)
        n_zero = 1;
    return log((double)n_zero / N_BITS) / (2 * log(1 - 1.0 / N_BITS));
}
