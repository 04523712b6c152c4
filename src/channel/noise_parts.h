/* noise_parts - the operations on a handshake's state, named as in the specification, section 5.2: for the patterns' files. */
#ifndef KAD_CHANNEL_NOISE_PARTS_H
#define KAD_CHANNEL_NOISE_PARTS_H

#include "channel/noise.h"

void kad_noise_mix_hash(struct kad_noise *noise, const struct kad_suite *suite, const void *data,
                        size_t size);
/* MixKey with what the two keys share; the cipher's key. False: a public key of low order. */
bool kad_noise_mix_dh(struct kad_noise *noise, const struct kad_suite *suite,
                      const uint8_t secret[KAD_DH_SIZE], const uint8_t public_key[KAD_DH_SIZE],
                      uint8_t out_key[KAD_SEAL_KEY]);
/* EncryptAndHash and its opposite, in place, with the counter that is the key's turn. */
void kad_noise_seal(struct kad_noise *noise, const struct kad_suite *suite, const uint8_t key[KAD_SEAL_KEY],
                    uint64_t counter, uint8_t *data, size_t n);
bool kad_noise_open(struct kad_noise *noise, const struct kad_suite *suite, const uint8_t key[KAD_SEAL_KEY],
                    uint64_t counter, uint8_t *data, size_t n);

#endif
