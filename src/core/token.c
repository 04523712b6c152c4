#include "core/token.h"

#include "crypto/crypto.h"

#include <string.h>

static void renew(struct kad_token_maker *maker, struct kad_rng *rng, kad_ms now)
{
    const kad_ms age = now - maker->renewed_at;

    if (age < KAD_TOKEN_LIFE)
        return;
    if (age >= 2 * KAD_TOKEN_LIFE) {
        /* Nobody asked for long: the tokens of either secret are too old. */
        kad_token_init(maker, rng, now);
        return;
    }
    memcpy(maker->secret[1], maker->secret[0], sizeof maker->secret[1]);
    kad_rng_bytes(rng, maker->secret[0], sizeof maker->secret[0]);
    maker->renewed_at += KAD_TOKEN_LIFE; /* not `now`: that would stretch the life of tokens made before */
}

static void make(const uint8_t secret[16], const struct kad_endpoint *peer, uint8_t out_token[KAD_TOKEN_SIZE])
{
    uint8_t input[17];
    uint64_t hash;

    input[0] = peer->family;
    memcpy(input + 1, peer->address, 16);
    hash = kad_siphash(secret, input, 1 + kad_endpoint_address_size(peer));
    for (unsigned i = 0; i < KAD_TOKEN_SIZE; i++)
        out_token[i] = (uint8_t)(hash >> 8 * i);
}

void kad_token_init(struct kad_token_maker *maker, struct kad_rng *rng, kad_ms now)
{
    kad_rng_bytes(rng, maker->secret, sizeof maker->secret);
    maker->renewed_at = now;
}

void kad_token_make(struct kad_token_maker *maker, struct kad_rng *rng, const struct kad_endpoint *peer,
                    kad_ms now, uint8_t out_token[KAD_TOKEN_SIZE])
{
    renew(maker, rng, now);
    make(maker->secret[0], peer, out_token);
}

bool kad_token_check(struct kad_token_maker *maker, struct kad_rng *rng, const struct kad_endpoint *peer,
                     kad_ms now, struct kad_bytes token)
{
    renew(maker, rng, now);
    if (token.size != KAD_TOKEN_SIZE)
        return false;
    for (unsigned i = 0; i < 2; i++) { /* nearly always it is of the first */
        uint8_t made[KAD_TOKEN_SIZE], difference = 0;

        make(maker->secret[i], peer, made);
        for (unsigned j = 0; j < KAD_TOKEN_SIZE;
             j++) /* all of it: how much of a guess was right stays unknown */
            difference |= (uint8_t)(made[j] ^ token.data[j]);
        if (difference == 0)
            return true;
    }
    return false;
}
