/*
 * noise_xx - the handshake pattern XX of the Noise protocol framework, revision 34, unchanged:
 *
 *     -> e
 *     <- e, ee, s, es      and a payload
 *     -> s, se             and a payload
 *
 * Neither knows the other before. A cipher key of the pattern seals two things once only: what the responder's payload is
 * sealed with seals the initiator's static key after it, under counter 1. Each function that returns false leaves a state
 * that is of no more use.
 */
#ifndef KAD_CHANNEL_NOISE_XX_H
#define KAD_CHANNEL_NOISE_XX_H

#include "channel/noise.h"

#define KAD_NOISE_XX_FIRST KAD_DH_SIZE /* bytes of the first message */
#define KAD_NOISE_XX_SECOND \
    (KAD_DH_SIZE + KAD_NOISE_SEALED_KEY + KAD_SEAL_TAG)          /* of the second, payload aside */
#define KAD_NOISE_XX_THIRD (KAD_NOISE_SEALED_KEY + KAD_SEAL_TAG) /* of the third, payload aside */

/* One side's, from the first message to the third. */
struct kad_noise_xx {
    struct kad_noise noise; /* kad_noise_init() with an empty prologue */
    struct kad_noise_keys ours, ephemeral;
    uint8_t their_ephemeral[KAD_DH_SIZE];
    uint8_t theirs[KAD_DH_SIZE]; /* the other's static key, once it was read */
    uint8_t key[KAD_SEAL_KEY];   /* of the second message's payload */
};

void kad_noise_xx_init(struct kad_noise_xx *xx, const struct kad_suite *suite,
                       const struct kad_noise_keys *ours, const uint8_t ephemeral_secret[KAD_DH_SIZE]);

void kad_noise_xx_write_first(struct kad_noise_xx *xx, const struct kad_suite *suite,
                              uint8_t out_message[KAD_NOISE_XX_FIRST]);
void kad_noise_xx_read_first(struct kad_noise_xx *xx, const struct kad_suite *suite,
                             const uint8_t message[KAD_NOISE_XX_FIRST]);
/* The payload's `n` bytes stand at KAD_NOISE_XX_SECOND - KAD_SEAL_TAG of the message; it becomes KAD_NOISE_XX_SECOND + n long. */
bool kad_noise_xx_write_second(struct kad_noise_xx *xx, const struct kad_suite *suite, uint8_t *message,
                               size_t n);
/* Opens it in place: the payload is borrowed from it. */
bool kad_noise_xx_read_second(struct kad_noise_xx *xx, const struct kad_suite *suite, uint8_t *message,
                              size_t size, struct kad_bytes *out_payload);
/* The same at KAD_NOISE_XX_THIRD - KAD_SEAL_TAG. */
bool kad_noise_xx_write_third(struct kad_noise_xx *xx, const struct kad_suite *suite, uint8_t *message,
                              size_t n);
bool kad_noise_xx_read_third(struct kad_noise_xx *xx, const struct kad_suite *suite, uint8_t *message,
                             size_t size, struct kad_bytes *out_payload);
/* The keys of what the initiator sends and of what the responder sends. Wipes the state, `theirs` excepted. */
void kad_noise_xx_split(struct kad_noise_xx *xx, const struct kad_suite *suite,
                        uint8_t out_initiator[KAD_SEAL_KEY], uint8_t out_responder[KAD_SEAL_KEY]);

#endif
