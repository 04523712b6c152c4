/* suite_toy - the lengths of cryptography without it. Whoever reads a datagram reads all; only accidents are noticed. */
#include "crypto/suite.h"

#include <string.h>

#include "base/hash.h"

static void spread(uint64_t state, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        state = kad_hash_word(i + 1, state);
        for (size_t j = 0; j < 8; j++)
            out[i + j] = (uint8_t)(state >> 8 * j);
    }
}

static void toy_hash(const void *a, size_t n_a, const void *b, size_t n_b, uint8_t out_hash[KAD_HASH_SIZE])
{
    spread(kad_hash(kad_hash(n_a, a, n_a), b, n_b), out_hash, KAD_HASH_SIZE);
}

/* A secret is its own public key, so what two share is a hash of both, in an order that both know. */
static void toy_keypair(const uint8_t secret[KAD_DH_SIZE], uint8_t out_public[KAD_DH_SIZE])
{
    memmove(out_public, secret, KAD_DH_SIZE);
}

static bool toy_dh(const uint8_t secret[KAD_DH_SIZE], const uint8_t public_key[KAD_DH_SIZE],
                   uint8_t out_shared[KAD_DH_SIZE])
{
    static const uint8_t zero[KAD_DH_SIZE] = {0};

    if (memcmp(public_key, zero, KAD_DH_SIZE) == 0)
        return false;
    if (memcmp(secret, public_key, KAD_DH_SIZE) < 0)
        toy_hash(secret, KAD_DH_SIZE, public_key, KAD_DH_SIZE, out_shared);
    else
        toy_hash(public_key, KAD_DH_SIZE, secret, KAD_DH_SIZE, out_shared);
    return true;
}

static void tag(const uint8_t key[KAD_SEAL_KEY], uint64_t counter, const void *aside, size_t n_aside,
                const uint8_t *data, size_t n, uint8_t out_tag[KAD_SEAL_TAG])
{
    const uint64_t keyed = kad_hash(counter, key, KAD_SEAL_KEY);

    spread(kad_hash(kad_hash(keyed, aside, n_aside), data, n), out_tag, KAD_SEAL_TAG);
}

static void toy_seal(const uint8_t key[KAD_SEAL_KEY], uint64_t counter, const void *aside, size_t n_aside,
                     uint8_t *data, size_t n)
{
    tag(key, counter, aside, n_aside, data, n, data + n);
}

static bool toy_open(const uint8_t key[KAD_SEAL_KEY], uint64_t counter, const void *aside, size_t n_aside,
                     uint8_t *data, size_t n)
{
    uint8_t expected[KAD_SEAL_TAG];

    if (n < KAD_SEAL_TAG)
        return false;
    tag(key, counter, aside, n_aside, data, n - KAD_SEAL_TAG, expected);
    return memcmp(expected, data + n - KAD_SEAL_TAG, KAD_SEAL_TAG) == 0;
}

static void toy_hkdf(const uint8_t chaining[KAD_HASH_SIZE], const void *input, size_t n_input,
                     uint8_t out_first[KAD_HASH_SIZE], uint8_t out_second[KAD_HASH_SIZE])
{
    const uint64_t mixed = kad_hash(kad_hash(3, chaining, KAD_HASH_SIZE), input, n_input);

    spread(mixed, out_first, KAD_HASH_SIZE);
    spread(~mixed, out_second, KAD_HASH_SIZE);
}

/* The identity's public key, which stands behind its seed. */
static void toy_dh_secret(const uint8_t identity_secret[64], uint8_t out_secret[KAD_DH_SIZE])
{
    memcpy(out_secret, identity_secret + 32, KAD_DH_SIZE);
}

static bool toy_dh_public(const uint8_t identity[32], uint8_t out_public[KAD_DH_SIZE])
{
    memcpy(out_public, identity, KAD_DH_SIZE);
    return true;
}

static bool toy_dh_matches(const uint8_t identity[32], const uint8_t public_key[KAD_DH_SIZE])
{
    return memcmp(identity, public_key, KAD_DH_SIZE) == 0;
}

const struct kad_suite kad_suite_toy = {
    .noise = "Noise_IK_toy_toy_toy",
    .keypair = toy_keypair,
    .dh = toy_dh,
    .seal = toy_seal,
    .open = toy_open,
    .hash = toy_hash,
    .hkdf = toy_hkdf,
    .dh_secret = toy_dh_secret,
    .dh_public = toy_dh_public,
    .dh_matches = toy_dh_matches,
};
