#include "channel/noise_xx.h"

#include <string.h>

#include "channel/noise_parts.h"
#include "crypto/crypto.h"

void kad_noise_xx_init(struct kad_noise_xx *xx, const struct kad_suite *suite,
                       const struct kad_noise_keys *ours, const uint8_t ephemeral_secret[KAD_DH_SIZE])
{
    memset(xx, 0, sizeof(*xx));
    xx->ours = *ours;
    memcpy(xx->ephemeral.secret, ephemeral_secret, KAD_DH_SIZE);
    suite->keypair(ephemeral_secret, xx->ephemeral.public_key);
    kad_noise_init(&xx->noise, suite, NULL, 0);
}

/* e, and what an empty payload without a key comes to: nothing, mixed in. */
void kad_noise_xx_write_first(struct kad_noise_xx *xx, const struct kad_suite *suite,
                              uint8_t out_message[KAD_NOISE_XX_FIRST])
{
    memcpy(out_message, xx->ephemeral.public_key, KAD_DH_SIZE);
    kad_noise_mix_hash(&xx->noise, suite, out_message, KAD_DH_SIZE);
    kad_noise_mix_hash(&xx->noise, suite, NULL, 0);
}

void kad_noise_xx_read_first(struct kad_noise_xx *xx, const struct kad_suite *suite,
                             const uint8_t message[KAD_NOISE_XX_FIRST])
{
    memcpy(xx->their_ephemeral, message, KAD_DH_SIZE);
    kad_noise_mix_hash(&xx->noise, suite, message, KAD_DH_SIZE);
    kad_noise_mix_hash(&xx->noise, suite, NULL, 0);
}

bool kad_noise_xx_write_second(struct kad_noise_xx *xx, const struct kad_suite *suite, uint8_t *message,
                               size_t n)
{
    uint8_t *sealed = message + KAD_DH_SIZE;

    memcpy(message, xx->ephemeral.public_key, KAD_DH_SIZE); /* e */
    kad_noise_mix_hash(&xx->noise, suite, message, KAD_DH_SIZE);
    if (!kad_noise_mix_dh(&xx->noise, suite, xx->ephemeral.secret, xx->their_ephemeral, xx->key)) /* ee */
        return false;
    memcpy(sealed, xx->ours.public_key, KAD_DH_SIZE); /* s */
    kad_noise_seal(&xx->noise, suite, xx->key, 0, sealed, KAD_DH_SIZE);
    if (!kad_noise_mix_dh(&xx->noise, suite, xx->ours.secret, xx->their_ephemeral, xx->key)) /* es */
        return false;
    kad_noise_seal(&xx->noise, suite, xx->key, 0, sealed + KAD_NOISE_SEALED_KEY, n);
    return true;
}

bool kad_noise_xx_read_second(struct kad_noise_xx *xx, const struct kad_suite *suite, uint8_t *message,
                              size_t size, struct kad_bytes *out_payload)
{
    uint8_t *sealed = message + KAD_DH_SIZE, *payload = sealed + KAD_NOISE_SEALED_KEY;

    if (size < KAD_NOISE_XX_SECOND)
        return false;
    memcpy(xx->their_ephemeral, message, KAD_DH_SIZE);
    kad_noise_mix_hash(&xx->noise, suite, message, KAD_DH_SIZE);
    if (!kad_noise_mix_dh(&xx->noise, suite, xx->ephemeral.secret, xx->their_ephemeral, xx->key) ||
        !kad_noise_open(&xx->noise, suite, xx->key, 0, sealed, KAD_NOISE_SEALED_KEY))
        return false;
    memcpy(xx->theirs, sealed, KAD_DH_SIZE);
    *out_payload = (struct kad_bytes){payload, size - KAD_NOISE_XX_SECOND};
    return kad_noise_mix_dh(&xx->noise, suite, xx->ephemeral.secret, xx->theirs, xx->key) &&
           kad_noise_open(&xx->noise, suite, xx->key, 0, payload, out_payload->size + KAD_SEAL_TAG);
}

bool kad_noise_xx_write_third(struct kad_noise_xx *xx, const struct kad_suite *suite, uint8_t *message,
                              size_t n)
{
    memcpy(message, xx->ours.public_key, KAD_DH_SIZE); /* s, with the key that sealed the payload before */
    kad_noise_seal(&xx->noise, suite, xx->key, 1, message, KAD_DH_SIZE);
    if (!kad_noise_mix_dh(&xx->noise, suite, xx->ours.secret, xx->their_ephemeral, xx->key)) /* se */
        return false;
    kad_noise_seal(&xx->noise, suite, xx->key, 0, message + KAD_NOISE_SEALED_KEY, n);
    return true;
}

bool kad_noise_xx_read_third(struct kad_noise_xx *xx, const struct kad_suite *suite, uint8_t *message,
                             size_t size, struct kad_bytes *out_payload)
{
    uint8_t *payload = message + KAD_NOISE_SEALED_KEY;

    if (size < KAD_NOISE_XX_THIRD ||
        !kad_noise_open(&xx->noise, suite, xx->key, 1, message, KAD_NOISE_SEALED_KEY))
        return false;
    memcpy(xx->theirs, message, KAD_DH_SIZE);
    *out_payload = (struct kad_bytes){payload, size - KAD_NOISE_XX_THIRD};
    return kad_noise_mix_dh(&xx->noise, suite, xx->ephemeral.secret, xx->theirs, xx->key) &&
           kad_noise_open(&xx->noise, suite, xx->key, 0, payload, out_payload->size + KAD_SEAL_TAG);
}

void kad_noise_xx_split(struct kad_noise_xx *xx, const struct kad_suite *suite,
                        uint8_t out_initiator[KAD_SEAL_KEY], uint8_t out_responder[KAD_SEAL_KEY])
{
    kad_noise_split(&xx->noise, suite, out_initiator, out_responder);
    kad_wipe(&xx->ours, sizeof(xx->ours));
    kad_wipe(&xx->ephemeral, sizeof(xx->ephemeral));
    kad_wipe(xx->key, sizeof(xx->key));
}
