/* One-digest functions as in crypto.c: deprecated since OpenSSL 3.0, not removed, and cheaper than looking them up. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "crypto/suite.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#include "crypto/crypto.h"

/* -- X25519 ------------------------------------------------------------------------------------------------------ */

static void real_keypair(const uint8_t secret[KAD_DH_SIZE], uint8_t out_public[KAD_DH_SIZE])
{
    (void)crypto_scalarmult_base(out_public, secret); /* never fails: the base point is not of low order */
}

static bool real_dh(const uint8_t secret[KAD_DH_SIZE], const uint8_t public_key[KAD_DH_SIZE],
                    uint8_t out_shared[KAD_DH_SIZE])
{
    return crypto_scalarmult(out_shared, secret, public_key) == 0;
}

/* -- an Ed25519 key as one of X25519 ------------------------------------------------------------------------------ */

static void real_dh_secret(const uint8_t identity_secret[64], uint8_t out_secret[KAD_DH_SIZE])
{
    (void)crypto_sign_ed25519_sk_to_curve25519(out_secret, identity_secret);
}

static bool real_dh_public(const uint8_t identity[32], uint8_t out_public[KAD_DH_SIZE])
{
    return crypto_sign_ed25519_pk_to_curve25519(out_public, identity) == 0;
}

/* u = (1 + y) / (1 - y) mod p, said without the division: u * (1 - y) = 1 + y. A key has one encoding: y < p, u < p. */
static bool matches(BN_CTX *context, const uint8_t identity[32], const uint8_t public_key[KAD_DH_SIZE])
{
    BIGNUM *p = BN_CTX_get(context), *y = BN_CTX_get(context), *u = BN_CTX_get(context);
    BIGNUM *left = BN_CTX_get(context), *right = BN_CTX_get(context);
    uint8_t coordinate[32];

    memcpy(coordinate, identity, sizeof(coordinate));
    coordinate[31] &= 0x7f; /* x's sign */
    if (!right || !BN_set_bit(p, 255) || !BN_sub_word(p, 19) ||
        !BN_lebin2bn(coordinate, sizeof(coordinate), y) || !BN_lebin2bn(public_key, KAD_DH_SIZE, u))
        return false;
    if (BN_cmp(y, p) >= 0 || BN_cmp(u, p) >= 0 || BN_is_one(y))
        return false;
    return BN_mod_sub(left, BN_value_one(), y, p, context) && BN_mod_mul(left, left, u, p, context) &&
           BN_mod_add(right, BN_value_one(), y, p, context) && BN_cmp(left, right) == 0;
}

static bool real_dh_matches(const uint8_t identity[32], const uint8_t public_key[KAD_DH_SIZE])
{
    BN_CTX *context = BN_CTX_new();
    bool match = false;

    if (!context)
        return false;
    BN_CTX_start(context);
    match = matches(context, identity, public_key);
    BN_CTX_end(context);
    BN_CTX_free(context);
    return match;
}

/* -- AES-256-GCM -------------------------------------------------------------------------------------------------- */

/* Noise, section 12.4: 32 zero bits, then the counter, big-endian. */
static void nonce_of(uint64_t counter, uint8_t out_nonce[12])
{
    memset(out_nonce, 0, 4);
    for (unsigned i = 0; i < 8; i++)
        out_nonce[4 + i] = (uint8_t)(counter >> 8 * (7 - i));
}

/* What libcrypto does where the processor has no instructions for it. It allocates: with libcrypto's own malloc. A message
 * that cannot be sealed for want of memory becomes zeros, which nobody can open: lost, like any other datagram. */
static bool evp_gcm(bool seal, const uint8_t key[KAD_SEAL_KEY], const uint8_t nonce[12], const void *aside,
                    size_t n_aside, uint8_t *data, size_t n, uint8_t tag[KAD_SEAL_TAG])
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool done;
    int size;

    done = context && EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce, seal) &&
           (n_aside == 0 || EVP_CipherUpdate(context, NULL, &size, aside, (int)n_aside)) &&
           (n == 0 || EVP_CipherUpdate(context, data, &size, data, (int)n)) &&
           (seal || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, KAD_SEAL_TAG, tag)) &&
           EVP_CipherFinal_ex(context, data + n, &size) > 0 &&
           (!seal || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, KAD_SEAL_TAG, tag));
    EVP_CIPHER_CTX_free(context);
    return done;
}

static void portable_seal(const uint8_t key[KAD_SEAL_KEY], uint64_t counter, const void *aside,
                          size_t n_aside, uint8_t *data, size_t n)
{
    uint8_t nonce[12];

    nonce_of(counter, nonce);
    if (!evp_gcm(true, key, nonce, aside, n_aside, data, n, data + n))
        memset(data, 0, n + KAD_SEAL_TAG);
}

static bool portable_open(const uint8_t key[KAD_SEAL_KEY], uint64_t counter, const void *aside,
                          size_t n_aside, uint8_t *data, size_t n)
{
    uint8_t nonce[12], tag[KAD_SEAL_TAG];

    if (n < KAD_SEAL_TAG)
        return false;
    n -= KAD_SEAL_TAG;
    nonce_of(counter, nonce);
    memcpy(tag, data + n, sizeof(tag));
    return evp_gcm(false, key, nonce, aside, n_aside, data, n, tag);
}

static void real_seal(const uint8_t key[KAD_SEAL_KEY], uint64_t counter, const void *aside, size_t n_aside,
                      uint8_t *data, size_t n)
{
    uint8_t nonce[12];

    if (!crypto_aead_aes256gcm_is_available()) {
        portable_seal(key, counter, aside, n_aside, data, n);
        return;
    }
    nonce_of(counter, nonce);
    crypto_aead_aes256gcm_encrypt_detached(data, data + n, NULL, data, n, aside, n_aside, NULL, nonce, key);
}

static bool real_open(const uint8_t key[KAD_SEAL_KEY], uint64_t counter, const void *aside, size_t n_aside,
                      uint8_t *data, size_t n)
{
    uint8_t nonce[12];

    if (!crypto_aead_aes256gcm_is_available())
        return portable_open(key, counter, aside, n_aside, data, n);
    if (n < KAD_SEAL_TAG)
        return false;
    n -= KAD_SEAL_TAG;
    nonce_of(counter, nonce);
    return crypto_aead_aes256gcm_decrypt_detached(data, NULL, data, n, data + n, aside, n_aside, nonce,
                                                  key) == 0;
}

/* -- ChaCha20-Poly1305 -------------------------------------------------------------------------------------------- */

/* Noise, section 12.3: 32 zero bits, then the counter, little-endian. */
static void chacha_nonce(uint64_t counter, uint8_t out_nonce[12])
{
    memset(out_nonce, 0, 4);
    for (unsigned i = 0; i < 8; i++)
        out_nonce[4 + i] = (uint8_t)(counter >> 8 * i);
}

static void chacha_seal(const uint8_t key[KAD_SEAL_KEY], uint64_t counter, const void *aside, size_t n_aside,
                        uint8_t *data, size_t n)
{
    uint8_t nonce[12];

    chacha_nonce(counter, nonce);
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(data, data + n, NULL, data, n, aside, n_aside, NULL,
                                                       nonce, key);
}

static bool chacha_open(const uint8_t key[KAD_SEAL_KEY], uint64_t counter, const void *aside, size_t n_aside,
                        uint8_t *data, size_t n)
{
    uint8_t nonce[12];

    if (n < KAD_SEAL_TAG)
        return false;
    n -= KAD_SEAL_TAG;
    chacha_nonce(counter, nonce);
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(data, NULL, data, n, data + n, aside, n_aside,
                                                              nonce, key) == 0;
}

/* -- SHA-256 ------------------------------------------------------------------------------------------------------ */

static void real_hash(const void *a, size_t n_a, const void *b, size_t n_b, uint8_t out_hash[KAD_HASH_SIZE])
{
    SHA256_CTX context;

    SHA256_Init(&context);
    SHA256_Update(&context, a, n_a);
    SHA256_Update(&context, b, n_b);
    SHA256_Final(out_hash, &context);
}

enum { BLOCK = 64 };

static void hmac(const uint8_t key[KAD_HASH_SIZE], const void *a, size_t n_a, uint8_t out[KAD_HASH_SIZE])
{
    uint8_t inner[BLOCK], outer[BLOCK];

    memset(inner, 0x36, sizeof(inner));
    memset(outer, 0x5c, sizeof(outer));
    for (unsigned i = 0; i < KAD_HASH_SIZE; i++) {
        inner[i] ^= key[i];
        outer[i] ^= key[i];
    }
    real_hash(inner, sizeof(inner), a, n_a, out);
    real_hash(outer, sizeof(outer), out, KAD_HASH_SIZE, out);
    kad_wipe(inner, sizeof(inner));
    kad_wipe(outer, sizeof(outer));
}

static void real_hkdf(const uint8_t chaining[KAD_HASH_SIZE], const void *input, size_t n_input,
                      uint8_t out_first[KAD_HASH_SIZE], uint8_t out_second[KAD_HASH_SIZE])
{
    uint8_t temporary[KAD_HASH_SIZE], second[KAD_HASH_SIZE + 1] = {1};

    hmac(chaining, input, n_input, temporary);
    hmac(temporary, second, 1, out_first);
    memcpy(second, out_first, KAD_HASH_SIZE);
    second[KAD_HASH_SIZE] = 2;
    hmac(temporary, second, sizeof(second), out_second);
    kad_wipe(temporary, sizeof(temporary));
    kad_wipe(second, sizeof(second));
}

#define SUITE(noise_, ready_, seal_, open_)                                                            \
    {                                                                                                  \
        .noise = (noise_), .ready = (ready_), .keypair = real_keypair, .dh = real_dh, .seal = (seal_), \
        .open = (open_), .hash = real_hash, .hkdf = real_hkdf, .dh_secret = real_dh_secret,            \
        .dh_public = real_dh_public, .dh_matches = real_dh_matches,                                    \
    }

const struct kad_suite kad_suite_real = SUITE("Noise_IK_25519_AESGCM_SHA256", true, real_seal, real_open);
const struct kad_suite kad_suite_portable =
    SUITE("Noise_IK_25519_AESGCM_SHA256", false, portable_seal, portable_open);
const struct kad_suite kad_suite_libp2p =
    SUITE("Noise_XX_25519_ChaChaPoly_SHA256", false, chacha_seal, chacha_open);
