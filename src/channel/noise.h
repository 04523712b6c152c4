/*
 * noise - the handshake pattern IK of the Noise protocol framework, revision 34, unchanged (noiseprotocol.org):
 *
 *     <- s
 *     ...
 *     -> e, es, s, ss
 *     <- e, ee, se
 *
 * Two messages, each with a payload; then two keys, one for each way. Each cipher key of the pattern seals one thing, so
 * its counter is always 0 and is not kept. Of two messages only what is between them is kept: 64 bytes, and for
 * the initiator its ephemeral secret. A function that returns false leaves a state that is of no more use.
 */
#ifndef KAD_CHANNEL_NOISE_H
#define KAD_CHANNEL_NOISE_H

#include "crypto/suite.h"

#define KAD_NOISE_SEALED_KEY (KAD_DH_SIZE + KAD_SEAL_TAG)

struct kad_noise {
    uint8_t chaining[KAD_HASH_SIZE];
    uint8_t hash[KAD_HASH_SIZE];
};

/* A pair of X25519 keys. */
struct kad_noise_keys {
    uint8_t secret[KAD_DH_SIZE];
    uint8_t public_key[KAD_DH_SIZE];
};

/* The state before anybody's key is in it; a copy of it begins each handshake. */
void kad_noise_init(struct kad_noise *noise, const struct kad_suite *suite, const void *prologue,
                    size_t n_prologue);

/* The initiator's first message: its ephemeral key, its sealed static key, and the payload, sealed in place, where `n` bytes
 * become n + KAD_SEAL_TAG. 3 operations with public keys, and the ephemeral pair is given. */
bool kad_noise_write_first(struct kad_noise *noise, const struct kad_suite *suite,
                           const struct kad_noise_keys *ours, const struct kad_noise_keys *ephemeral,
                           const uint8_t theirs[KAD_DH_SIZE], uint8_t out_ephemeral[KAD_DH_SIZE],
                           uint8_t out_static[KAD_NOISE_SEALED_KEY], uint8_t *payload, size_t n);
/* Opens the payload in place: n bytes become n - KAD_SEAL_TAG. */
bool kad_noise_read_first(struct kad_noise *noise, const struct kad_suite *suite,
                          const struct kad_noise_keys *ours, const uint8_t ephemeral[KAD_DH_SIZE],
                          const uint8_t sealed_static[KAD_NOISE_SEALED_KEY], uint8_t *payload, size_t n,
                          uint8_t out_theirs[KAD_DH_SIZE]);
/* The responder's answer. */
bool kad_noise_write_answer(struct kad_noise *noise, const struct kad_suite *suite,
                            const struct kad_noise_keys *ephemeral,
                            const uint8_t their_ephemeral[KAD_DH_SIZE], const uint8_t theirs[KAD_DH_SIZE],
                            uint8_t out_ephemeral[KAD_DH_SIZE], uint8_t *payload, size_t n);
bool kad_noise_read_answer(struct kad_noise *noise, const struct kad_suite *suite,
                           const struct kad_noise_keys *ours, const uint8_t ephemeral_secret[KAD_DH_SIZE],
                           const uint8_t their_ephemeral[KAD_DH_SIZE], uint8_t *payload, size_t n);
/* The keys of what the initiator sends and of what the responder sends. Wipes the state. */
void kad_noise_split(struct kad_noise *noise, const struct kad_suite *suite,
                     uint8_t out_initiator[KAD_SEAL_KEY], uint8_t out_responder[KAD_SEAL_KEY]);

#endif
