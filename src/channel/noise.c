#include "channel/noise_parts.h"

#include <assert.h>
#include <string.h>

#include "crypto/crypto.h"

void kad_noise_mix_hash(struct kad_noise *noise, const struct kad_suite *suite, const void *data, size_t size)
{
    suite->hash(noise->hash, KAD_HASH_SIZE, data, size, noise->hash);
}

static void mix_key(struct kad_noise *noise, const struct kad_suite *suite, const void *input, size_t size,
                    uint8_t out_key[KAD_SEAL_KEY])
{
    suite->hkdf(noise->chaining, input, size, noise->chaining, out_key);
}

bool kad_noise_mix_dh(struct kad_noise *noise, const struct kad_suite *suite,
                      const uint8_t secret[KAD_DH_SIZE], const uint8_t public_key[KAD_DH_SIZE],
                      uint8_t out_key[KAD_SEAL_KEY])
{
    uint8_t shared[KAD_DH_SIZE];
    const bool good = suite->dh(secret, public_key, shared);

    if (good)
        mix_key(noise, suite, shared, sizeof(shared), out_key);
    kad_wipe(shared, sizeof(shared));
    return good;
}

void kad_noise_seal(struct kad_noise *noise, const struct kad_suite *suite, const uint8_t key[KAD_SEAL_KEY],
                    uint64_t counter, uint8_t *data, size_t n)
{
    suite->seal(key, counter, noise->hash, KAD_HASH_SIZE, data, n);
    kad_noise_mix_hash(noise, suite, data, n + KAD_SEAL_TAG);
}

bool kad_noise_open(struct kad_noise *noise, const struct kad_suite *suite, const uint8_t key[KAD_SEAL_KEY],
                    uint64_t counter, uint8_t *data, size_t n)
{
    uint8_t aside[KAD_HASH_SIZE];

    memcpy(aside, noise->hash, sizeof(aside));
    kad_noise_mix_hash(noise, suite, data, n); /* of what is sealed, so before it is opened in place */
    return suite->open(key, counter, aside, sizeof(aside), data, n);
}

void kad_noise_init(struct kad_noise *noise, const struct kad_suite *suite, const void *prologue,
                    size_t n_prologue)
{
    const size_t n = strlen(suite->noise);

    assert(n <= KAD_HASH_SIZE && "a longer name would have to be hashed");
    memset(noise->hash, 0, sizeof(noise->hash));
    memcpy(noise->hash, suite->noise, n);
    memcpy(noise->chaining, noise->hash, sizeof(noise->chaining));
    kad_noise_mix_hash(noise, suite, prologue, n_prologue);
}

bool kad_noise_write_first(struct kad_noise *noise, const struct kad_suite *suite,
                           const struct kad_noise_keys *ours, const struct kad_noise_keys *ephemeral,
                           const uint8_t theirs[KAD_DH_SIZE], uint8_t out_ephemeral[KAD_DH_SIZE],
                           uint8_t out_static[KAD_NOISE_SEALED_KEY], uint8_t *payload, size_t n)
{
    uint8_t key[KAD_SEAL_KEY];
    bool good;

    kad_noise_mix_hash(noise, suite, theirs, KAD_DH_SIZE);
    memcpy(out_ephemeral, ephemeral->public_key, KAD_DH_SIZE); /* e */
    kad_noise_mix_hash(noise, suite, out_ephemeral, KAD_DH_SIZE);
    good = kad_noise_mix_dh(noise, suite, ephemeral->secret, theirs, key); /* es */
    if (good) {
        memcpy(out_static, ours->public_key, KAD_DH_SIZE); /* s */
        kad_noise_seal(noise, suite, key, 0, out_static, KAD_DH_SIZE);
        good = kad_noise_mix_dh(noise, suite, ours->secret, theirs, key); /* ss */
    }
    if (good)
        kad_noise_seal(noise, suite, key, 0, payload, n);
    kad_wipe(key, sizeof(key));
    return good;
}

bool kad_noise_read_first(struct kad_noise *noise, const struct kad_suite *suite,
                          const struct kad_noise_keys *ours, const uint8_t ephemeral[KAD_DH_SIZE],
                          const uint8_t sealed_static[KAD_NOISE_SEALED_KEY], uint8_t *payload, size_t n,
                          uint8_t out_theirs[KAD_DH_SIZE])
{
    uint8_t key[KAD_SEAL_KEY], theirs[KAD_NOISE_SEALED_KEY];
    bool good;

    kad_noise_mix_hash(noise, suite, ours->public_key, KAD_DH_SIZE);
    kad_noise_mix_hash(noise, suite, ephemeral, KAD_DH_SIZE);
    memcpy(theirs, sealed_static, sizeof(theirs));
    good = kad_noise_mix_dh(noise, suite, ours->secret, ephemeral, key) &&
           kad_noise_open(noise, suite, key, 0, theirs, sizeof(theirs)) &&
           kad_noise_mix_dh(noise, suite, ours->secret, theirs, key) &&
           kad_noise_open(noise, suite, key, 0, payload, n);
    if (good)
        memcpy(out_theirs, theirs, KAD_DH_SIZE);
    kad_wipe(key, sizeof(key));
    return good;
}

bool kad_noise_write_answer(struct kad_noise *noise, const struct kad_suite *suite,
                            const struct kad_noise_keys *ephemeral,
                            const uint8_t their_ephemeral[KAD_DH_SIZE], const uint8_t theirs[KAD_DH_SIZE],
                            uint8_t out_ephemeral[KAD_DH_SIZE], uint8_t *payload, size_t n)
{
    uint8_t key[KAD_SEAL_KEY];
    bool good;

    memcpy(out_ephemeral, ephemeral->public_key, KAD_DH_SIZE);
    kad_noise_mix_hash(noise, suite, out_ephemeral, KAD_DH_SIZE);
    good = kad_noise_mix_dh(noise, suite, ephemeral->secret, their_ephemeral, key) && /* ee */
           kad_noise_mix_dh(noise, suite, ephemeral->secret, theirs, key);            /* se */
    if (good)
        kad_noise_seal(noise, suite, key, 0, payload, n);
    kad_wipe(key, sizeof(key));
    return good;
}

bool kad_noise_read_answer(struct kad_noise *noise, const struct kad_suite *suite,
                           const struct kad_noise_keys *ours, const uint8_t ephemeral_secret[KAD_DH_SIZE],
                           const uint8_t their_ephemeral[KAD_DH_SIZE], uint8_t *payload, size_t n)
{
    uint8_t key[KAD_SEAL_KEY];
    bool good;

    kad_noise_mix_hash(noise, suite, their_ephemeral, KAD_DH_SIZE);
    good = kad_noise_mix_dh(noise, suite, ephemeral_secret, their_ephemeral, key) &&
           kad_noise_mix_dh(noise, suite, ours->secret, their_ephemeral, key) &&
           kad_noise_open(noise, suite, key, 0, payload, n);
    kad_wipe(key, sizeof(key));
    return good;
}

void kad_noise_split(struct kad_noise *noise, const struct kad_suite *suite,
                     uint8_t out_initiator[KAD_SEAL_KEY], uint8_t out_responder[KAD_SEAL_KEY])
{
    suite->hkdf(noise->chaining, NULL, 0, out_initiator, out_responder);
    kad_wipe(noise, sizeof(*noise));
}
