#include "crypto/rng.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static void make_block(struct kad_rng *rng)
{
    static const uint8_t zeros[sizeof rng->block] = {0};
    static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = {0};

    crypto_stream_chacha20_ietf_xor_ic(rng->block, zeros, sizeof rng->block, nonce, rng->counter, rng->key);
}

static void refill(struct kad_rng *rng)
{
    /* After 256 GiB the counter is used up: its last block is not given out but becomes the next key. */
    if (rng->counter == UINT32_MAX) {
        make_block(rng);
        memcpy(rng->key, rng->block, sizeof rng->key);
        rng->counter = 0;
    }
    make_block(rng);
    rng->counter++;
    rng->used = 0;
}

void kad_rng_init(struct kad_rng *rng, const uint8_t seed[KAD_SEED_SIZE])
{
    *rng = (struct kad_rng){.used = sizeof rng->block};
    memcpy(rng->key, seed, KAD_SEED_SIZE);
}

void kad_rng_bytes(struct kad_rng *rng, void *out_data, size_t size)
{
    uint8_t *out = out_data;

    while (size > 0) {
        size_t taken;

        if (rng->used == sizeof rng->block)
            refill(rng);
        taken = sizeof rng->block - rng->used;
        if (taken > size)
            taken = size;
        memcpy(out, rng->block + rng->used, taken);
        rng->used += (uint32_t)taken;
        out += taken;
        size -= taken;
    }
}

uint32_t kad_rng_u32(struct kad_rng *rng)
{
    uint8_t bytes[4];

    kad_rng_bytes(rng, bytes, sizeof bytes);
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

uint64_t kad_rng_u64(struct kad_rng *rng)
{
    const uint64_t low = kad_rng_u32(rng);

    return low | (uint64_t)kad_rng_u32(rng) << 32;
}

/* Lemire's way: the product's upper half is the number, and its lower half says when one number would come too often. */
uint32_t kad_rng_below(struct kad_rng *rng, uint32_t bound)
{
    uint64_t product;

    assert(bound > 0);
    do {
        product = (uint64_t)kad_rng_u32(rng) * bound;
    } while ((uint32_t)product < bound && (uint32_t)product < (UINT32_MAX - bound + 1) % bound);
    return (uint32_t)(product >> 32);
}

kad_ms kad_rng_jitter(struct kad_rng *rng, kad_ms value, uint32_t percent)
{
    uint64_t span, choices;

    assert(value >= 0 && percent <= 100);
    if (value == KAD_NEVER)
        return value;
    assert(value <= INT64_MAX / 2 && "twice the value must fit");
    span = (uint64_t)value / 100 * percent + (uint64_t)value % 100 * percent / 100;
    choices = 2 * span + 1;
    if (choices <= UINT32_MAX)
        return value - (kad_ms)span + (kad_ms)kad_rng_below(rng, (uint32_t)choices);
    /* Too wide for 32 bits: more than three weeks, whose milliseconds the remainder does not favour visibly. */
    return value - (kad_ms)span + (kad_ms)(kad_rng_u64(rng) % choices);
}
