/* libcrypto's one-digest functions (SHA1_Init and so on) are deprecated since OpenSSL 3.0, not removed. They cost 0.13
 * us where EVP costs 0.5 more to look the digest up each time, or a writable global to keep it in. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "crypto/crypto.h"

#include <assert.h>
#include <openssl/sha.h>
#include <sodium.h>

int kad_crypto_init(void)
{
    return sodium_init() < 0 ? KAD_E_SYSTEM : KAD_OK;
}

void kad_sha1(const void *data, size_t size, uint8_t out_hash[KAD_SHA1_SIZE])
{
    SHA_CTX context;

    SHA1_Init(&context);
    SHA1_Update(&context, data, size);
    SHA1_Final(out_hash, &context);
}

void kad_sha256(const void *data, size_t size, uint8_t out_hash[KAD_SHA256_SIZE])
{
    SHA256_CTX context;

    SHA256_Init(&context);
    SHA256_Update(&context, data, size);
    SHA256_Final(out_hash, &context);
}

uint64_t kad_siphash(const uint8_t key[16], const void *data, size_t size)
{
    uint8_t hash[crypto_shorthash_siphash24_BYTES];
    uint64_t number = 0;

    crypto_shorthash_siphash24(hash, data, size, key);
    for (unsigned i = 0; i < sizeof hash; i++)
        number |= (uint64_t)hash[i] << 8 * i;
    return number;
}

void kad_siphash_128(const uint8_t key[16], const void *data, size_t size, uint8_t out_hash[16])
{
    crypto_shorthash_siphashx24(out_hash, data, size, key);
}

/* Four bits at a time: BEP 42 hashes eight bytes, and sixteen words stay in the cache beside everything else. */
uint32_t kad_crc32c(const void *data, size_t size)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    const uint8_t *bytes = data;
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

void kad_ed25519_keypair(const uint8_t seed[KAD_ED25519_SEED], uint8_t out_public[KAD_ED25519_PUBLIC],
                         uint8_t out_secret[KAD_ED25519_SECRET])
{
    crypto_sign_ed25519_seed_keypair(out_public, out_secret, seed);
}

void kad_ed25519_sign(const uint8_t secret[KAD_ED25519_SECRET], const void *data, size_t size,
                      uint8_t out_signature[KAD_ED25519_SIGNATURE])
{
    crypto_sign_ed25519_detached(out_signature, NULL, data, size, secret);
}

bool kad_ed25519_verify(const uint8_t public_key[KAD_ED25519_PUBLIC], const void *data, size_t size,
                        const uint8_t signature[KAD_ED25519_SIGNATURE])
{
    return crypto_sign_ed25519_verify_detached(signature, data, size, public_key) == 0;
}

/* RFC 8032, section 5.1.6, from step 2: r = H(prefix, data), S = r + H(R, A, data) * scalar. */
void kad_ed25519_sign_expanded(const uint8_t expanded[64], const uint8_t public_key[KAD_ED25519_PUBLIC],
                               const void *data, size_t size, uint8_t out_signature[KAD_ED25519_SIGNATURE])
{
    crypto_hash_sha512_state state;
    uint8_t hash[crypto_hash_sha512_BYTES], nonce[32], challenge[32], signature[KAD_ED25519_SIGNATURE];
    int failed;

    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, expanded + 32, 32);
    crypto_hash_sha512_update(&state, data, size);
    crypto_hash_sha512_final(&state, hash);
    crypto_core_ed25519_scalar_reduce(nonce, hash);
    failed = crypto_scalarmult_ed25519_base_noclamp(signature, nonce);
    assert(!failed && "a hash that is a multiple of the group's order");
    (void)failed;

    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, signature, 32);
    crypto_hash_sha512_update(&state, public_key, KAD_ED25519_PUBLIC);
    crypto_hash_sha512_update(&state, data, size);
    crypto_hash_sha512_final(&state, hash);
    crypto_core_ed25519_scalar_reduce(challenge, hash);
    crypto_core_ed25519_scalar_mul(challenge, challenge, expanded);
    crypto_core_ed25519_scalar_add(signature + 32, challenge, nonce);

    for (unsigned i = 0; i < sizeof signature; i++) /* now: the output may be where the input was */
        out_signature[i] = signature[i];
    kad_wipe(nonce, sizeof nonce);
    kad_wipe(hash, sizeof hash);
    kad_wipe(&state, sizeof state);
}

void kad_entropy(void *out_data, size_t size)
{
    randombytes_buf(out_data, size);
}

void kad_wipe(void *data, size_t size)
{
    sodium_memzero(data, size);
}
