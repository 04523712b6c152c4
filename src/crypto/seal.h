/*
 * seal - values under a key that readers have, and letters for one reader (libsodium).
 *
 * Neither draws randomness: whoever calls gives the nonce, or the seed of the ephemeral key.
 */
#ifndef KAD_CRYPTO_SEAL_H
#define KAD_CRYPTO_SEAL_H

#include "base/types.h"

#define KAD_SEAL_KEY   32
#define KAD_SEAL_NONCE 24
#define KAD_SEAL_TAG   16 /* bytes that a sealed value is longer */
#define KAD_BOX_EXTRA  48 /* bytes that a letter is longer: ephemeral public key and tag */

/* XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), without associated data. The output, plain.size + KAD_SEAL_TAG bytes, may be where the
 * input is. */
void kad_seal(const uint8_t key[KAD_SEAL_KEY], const uint8_t nonce[KAD_SEAL_NONCE], struct kad_bytes plain,
              uint8_t *out_sealed);
/* False: it is shorter than its tag, or does not open. The output, sealed.size - KAD_SEAL_TAG bytes, may be where the input is. */
bool kad_unseal(const uint8_t key[KAD_SEAL_KEY], const uint8_t nonce[KAD_SEAL_NONCE], struct kad_bytes sealed,
                uint8_t *out_plain);

/* libsodium's sealed box (crypto_box_seal) to the X25519 form of an Ed25519 public key; the ephemeral key comes from `seed`, which
 * serves once. False: that public key is none. */
bool kad_box_seal(const uint8_t public_key[32], const uint8_t seed[32], struct kad_bytes plain,
                  uint8_t *out_sealed);
/* With the Ed25519 seed that belongs to the public key. False: it does not open. */
bool kad_box_open(const uint8_t seed[32], struct kad_bytes sealed, uint8_t *out_plain);

#endif
