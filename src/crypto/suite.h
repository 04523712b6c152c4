/*
 * suite - the cryptography of sessions as a table of functions, so that a toy can stand in for it.
 *
 * kad_suite_real: X25519, AES-256-GCM and SHA-256, with the names and rules the Noise framework gives them (revision 34).
 * kad_suite_toy: the same lengths and the same refusals, no security at all: for simulations of many nodes, whose subject
 * is not cryptography. Nothing here allocates, and nothing is kept between calls; any thread.
 *
 * AES-GCM is libsodium's where the processor has instructions for it, and libcrypto's elsewhere: same bytes, see
 * docs/adr/0007. The key is set up anew for each message; for sessions that say much there is ready.h.
 */
#ifndef KAD_CRYPTO_SUITE_H
#define KAD_CRYPTO_SUITE_H

#include "base/types.h"

#define KAD_DH_SIZE   32 /* secrets, public keys and what two of them share */
#define KAD_SEAL_KEY  32
#define KAD_SEAL_TAG  16
#define KAD_HASH_SIZE 32

struct kad_suite {
    const char *noise; /* "Noise_IK_...": the protocol's name, 33 characters at most */
    bool ready;        /* its keys can be made ready (ready.h) */

    void (*keypair)(const uint8_t secret[KAD_DH_SIZE], uint8_t out_public[KAD_DH_SIZE]);
    /* False: a public key of low order, which makes the result known to everybody. */
    bool (*dh)(const uint8_t secret[KAD_DH_SIZE], const uint8_t public_key[KAD_DH_SIZE],
               uint8_t out_shared[KAD_DH_SIZE]);

    /* The n bytes become n + KAD_SEAL_TAG, in place. One key never sees a counter twice: that is the caller's to keep. */
    void (*seal)(const uint8_t key[KAD_SEAL_KEY], uint64_t counter, const void *aside, size_t n_aside,
                 uint8_t *data, size_t n);
    /* The n bytes become n - KAD_SEAL_TAG, in place. False: not sealed with this key, counter and `aside`; the data is spoilt. */
    bool (*open)(const uint8_t key[KAD_SEAL_KEY], uint64_t counter, const void *aside, size_t n_aside,
                 uint8_t *data, size_t n);

    void (*hash)(const void *a, size_t n_a, const void *b, size_t n_b,
                 uint8_t out_hash[KAD_HASH_SIZE]); /* of b after a */
    /* Noise's HKDF with two outputs; out_first may be `chaining`. */
    void (*hkdf)(const uint8_t chaining[KAD_HASH_SIZE], const void *input, size_t n_input,
                 uint8_t out_first[KAD_HASH_SIZE], uint8_t out_second[KAD_HASH_SIZE]);

    /* An Ed25519 identity's key pair for DH (RFC 7748, section 4.1: the birational map). */
    void (*dh_secret)(const uint8_t identity_secret[64], uint8_t out_secret[KAD_DH_SIZE]);
    bool (*dh_public)(const uint8_t identity[32], uint8_t out_public[KAD_DH_SIZE]); /* false: no such key */
    /* Is `public_key` what dh_public() makes of it? A hundredth of its price. */
    bool (*dh_matches)(const uint8_t identity[32], const uint8_t public_key[KAD_DH_SIZE]);
};

extern const struct kad_suite kad_suite_real;
extern const struct kad_suite
    kad_suite_portable; /* the real one as it is without AES instructions: for tests */
extern const struct kad_suite kad_suite_libp2p; /* ChaCha20-Poly1305 for AES-GCM: libp2p's */
extern const struct kad_suite kad_suite_toy;

#endif
