/*
 * crypto - the few pure functions kad needs of libsodium and libcrypto.
 *
 * kad_crypto_init() once per process before the rest (libsodium's own start-up; safe to call again, thread-safe).
 */
#ifndef KAD_CRYPTO_CRYPTO_H
#define KAD_CRYPTO_CRYPTO_H

#include "base/types.h"

#define KAD_SHA1_SIZE         20
#define KAD_SHA256_SIZE       32
#define KAD_ED25519_PUBLIC    32
#define KAD_ED25519_SECRET    64 /* libsodium's form: seed and public key */
#define KAD_ED25519_SEED      32
#define KAD_ED25519_SIGNATURE 64

KAD_CHECK int kad_crypto_init(void); /* 0 or KAD_E_SYSTEM */

void kad_sha1(const void *data, size_t size, uint8_t out_hash[KAD_SHA1_SIZE]);
void kad_sha256(const void *data, size_t size, uint8_t out_hash[KAD_SHA256_SIZE]);
/* SipHash-2-4 under a 16-byte secret: tokens, and hashes that strangers must not guess. */
uint64_t kad_siphash(const uint8_t key[16], const void *data, size_t size);
/* The same with 128 bits. */
void kad_siphash_128(const uint8_t key[16], const void *data, size_t size, uint8_t out_hash[16]);
uint32_t kad_crc32c(const void *data, size_t size); /* Castagnoli, as BEP 42 */

void kad_ed25519_keypair(const uint8_t seed[KAD_ED25519_SEED], uint8_t out_public[KAD_ED25519_PUBLIC],
                         uint8_t out_secret[KAD_ED25519_SECRET]);
void kad_ed25519_sign(const uint8_t secret[KAD_ED25519_SECRET], const void *data, size_t size,
                      uint8_t out_signature[KAD_ED25519_SIGNATURE]);
bool kad_ed25519_verify(const uint8_t public_key[KAD_ED25519_PUBLIC], const void *data, size_t size,
                        const uint8_t signature[KAD_ED25519_SIGNATURE]);
/* From the 64-byte expanded secret (scalar and prefix) that BEP 44's vectors and some clients use. */
void kad_ed25519_sign_expanded(const uint8_t expanded[64], const uint8_t public_key[KAD_ED25519_PUBLIC],
                               const void *data, size_t size, uint8_t out_signature[KAD_ED25519_SIGNATURE]);

/* kad_entropy(), the operating system's random bytes, is public: kad/types.h. */
void kad_wipe(void *data, size_t size);

#endif
