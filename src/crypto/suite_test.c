#include "crypto/suite.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/test.h"
#include "base/types.h"
#include "crypto/crypto.h"

static const struct kad_suite *const suites[] = {&kad_suite_real, &kad_suite_portable, &kad_suite_toy};

static uint32_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1;
    return (uint32_t)(*state >> 33);
}

static void fill(uint64_t *state, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)draw(state);
}

/* Two who know each other's public key share a secret; whatever suite. */
TEST(two_share_a_secret)
{
    uint64_t state = 1;

    EXPECT_EQ(kad_crypto_init(), KAD_OK);
    for (unsigned s = 0; s < KAD_COUNT_OF(suites); s++) {
        for (unsigned i = 0; i < 20; i++) {
            uint8_t a[KAD_DH_SIZE], b[KAD_DH_SIZE], a_public[KAD_DH_SIZE], b_public[KAD_DH_SIZE];
            uint8_t one[KAD_DH_SIZE], two[KAD_DH_SIZE];

            fill(&state, a, sizeof(a));
            fill(&state, b, sizeof(b));
            suites[s]->keypair(a, a_public);
            suites[s]->keypair(b, b_public);
            EXPECT(suites[s]->dh(a, b_public, one));
            EXPECT(suites[s]->dh(b, a_public, two));
            EXPECT_MEM(one, two, sizeof(one));
        }
    }
}

TEST(what_is_sealed_opens_and_what_was_changed_does_not)
{
    uint64_t state = 2;

    for (unsigned s = 0; s < KAD_COUNT_OF(suites); s++) {
        for (size_t n = 0; n < 200; n += 7) {
            uint8_t key[KAD_SEAL_KEY], aside[16], plain[200], data[200 + KAD_SEAL_TAG],
                bad[200 + KAD_SEAL_TAG];
            const size_t size = n + KAD_SEAL_TAG;

            fill(&state, key, sizeof(key));
            fill(&state, aside, sizeof(aside));
            fill(&state, plain, n);
            memcpy(data, plain, n);
            suites[s]->seal(key, n, aside, sizeof(aside), data, n);
            for (size_t bit = 0; bit < 8 * size; bit += 5) {
                memcpy(bad, data, size);
                bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
                EXPECT(!suites[s]->open(key, n, aside, sizeof(aside), bad, size));
            }
            memcpy(bad, data, size);
            EXPECT(!suites[s]->open(key, n + 1, aside, sizeof(aside), bad, size));
            memcpy(bad, data, size);
            EXPECT(!suites[s]->open(key, n, aside, 15, bad, size));
            EXPECT(!suites[s]->open(key, n, aside, sizeof(aside), bad, 15));
            EXPECT(suites[s]->open(key, n, aside, sizeof(aside), data, size));
            EXPECT_MEM(data, plain, n);
        }
    }
}

/* libsodium's and libcrypto's AES-GCM are the same: whatever processor a peer has. */
TEST(both_libraries_seal_the_same)
{
    uint64_t state = 3;

    for (size_t n = 0; n < 1200; n += 37) {
        uint8_t key[KAD_SEAL_KEY], aside[16], data[1200 + KAD_SEAL_TAG], same[1200 + KAD_SEAL_TAG],
            nonce[12] = {0};
        const uint64_t counter = UINT64_C(0x0102030405060708) + n;
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        int size;

        for (unsigned i = 0; i < 8; i++)
            nonce[4 + i] = (uint8_t)(counter >> 8 * (7 - i));
        fill(&state, key, sizeof(key));
        fill(&state, aside, sizeof(aside));
        fill(&state, data, n);
        EXPECT(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce));
        EXPECT(EVP_EncryptUpdate(context, NULL, &size, aside, sizeof(aside)));
        EXPECT(n == 0 || EVP_EncryptUpdate(context, same, &size, data, (int)n));
        EXPECT(EVP_EncryptFinal_ex(context, same + n, &size));
        EXPECT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, KAD_SEAL_TAG, same + n));
        kad_suite_real.seal(key, counter, aside, sizeof(aside), data, n);
        EXPECT_MEM(data, same, n + KAD_SEAL_TAG);
        EXPECT(kad_suite_portable.open(key, counter, aside, sizeof(aside), data, n + KAD_SEAL_TAG));
        kad_suite_portable.seal(key, counter, aside, sizeof(aside), data, n);
        EXPECT_MEM(data, same, n + KAD_SEAL_TAG);
        EXPECT(kad_suite_real.open(key, counter, aside, sizeof(aside), data, n + KAD_SEAL_TAG));
        EVP_CIPHER_CTX_free(context);
    }
}

/* The cheap question agrees with the costly conversion; the sign of x does not matter to X25519, all else does. */
TEST(a_converted_key_is_known_again)
{
    for (unsigned s = 0; s < KAD_COUNT_OF(suites); s++) {
        for (uint8_t i = 0; i < 50; i++) {
            uint8_t seed[32] = {i, 1}, identity[32], whole[64], secret[KAD_DH_SIZE], made[KAD_DH_SIZE],
                    same[KAD_DH_SIZE];

            kad_ed25519_keypair(seed, identity, whole);
            suites[s]->dh_secret(whole, secret);
            suites[s]->keypair(secret, made);
            EXPECT(suites[s]->dh_public(identity, same));
            EXPECT_MEM(made, same, sizeof(made));
            EXPECT(suites[s]->dh_matches(identity, made));
            for (unsigned bit = 0; bit < 256; bit += 3) {
                made[bit / 8] ^= (uint8_t)(1u << bit % 8);
                EXPECT(!suites[s]->dh_matches(identity, made));
                made[bit / 8] ^= (uint8_t)(1u << bit % 8);
                if (bit == 255)
                    continue;
                identity[bit / 8] ^= (uint8_t)(1u << bit % 8);
                EXPECT(!suites[s]->dh_matches(identity, made));
                identity[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
        }
    }
}

/* Encodings that are none: y >= p, u >= p, the neutral element, whose u would be infinite. */
TEST(what_is_no_key_matches_nothing)
{
    uint8_t p[32], one[32] = {1}, zero[32] = {0}, big[32];

    memset(p, 0xff, sizeof(p));
    p[0] = 0xed;
    p[31] = 0x7f;
    memset(big, 0xff, sizeof(big));
    EXPECT(!kad_suite_real.dh_matches(one, zero));
    EXPECT(!kad_suite_real.dh_matches(one, one));
    EXPECT(!kad_suite_real.dh_matches(p, one));   /* y = p, that is 0, whose u is 1 */
    EXPECT(kad_suite_real.dh_matches(zero, one)); /* and this is how it is written */
    EXPECT(!kad_suite_real.dh_matches(big, one));
    EXPECT(!kad_suite_real.dh_matches(zero, big));
    EXPECT(!kad_suite_real.dh_public(one, big));
}

/* RFC 5869's construction with Noise's two outputs: the second depends on the first. Against HMAC of libcrypto. */
TEST(hkdf_is_that_of_noise)
{
    uint8_t chaining[32] = {1, 2, 3}, input[32] = {4, 5}, first[32], second[32], expected[32];
    uint8_t temporary[32], block[33] = {1};
    size_t size = 0;

    kad_suite_real.hkdf(chaining, input, sizeof(input), first, second);
    EXPECT(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, chaining, 32, input, 32, temporary, 32, &size) !=
           NULL);
    EXPECT(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, temporary, 32, block, 1, expected, 32, &size) !=
           NULL);
    EXPECT_MEM(first, expected, 32);
    memcpy(block, expected, 32);
    block[32] = 2;
    EXPECT(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, temporary, 32, block, 33, expected, 32, &size) !=
           NULL);
    EXPECT_MEM(second, expected, 32);
    kad_suite_real.hkdf(chaining, input, sizeof(input), chaining, second); /* in place */
    EXPECT_MEM(chaining, first, 32);
}
