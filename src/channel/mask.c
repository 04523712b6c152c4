#include "channel/mask.h"

#include <assert.h>
#include <string.h>

#include "crypto/crypto.h"

enum { BLOCK = 16, PURPOSE_MAX = 32, TEXT_MAX = 256 };

void kad_mask_key(const char *purpose, const void *text, size_t size, uint8_t out_key[KAD_MASK_KEY])
{
    const size_t n = strlen(purpose) + 1;
    uint8_t bytes[PURPOSE_MAX + TEXT_MAX], hash[KAD_SHA256_SIZE];

    assert(n <= PURPOSE_MAX && size <= TEXT_MAX);
    memcpy(bytes, purpose, n);
    if (size)
        memcpy(bytes + n, text, size);
    kad_sha256(bytes, n + size, hash);
    memcpy(out_key, hash, KAD_MASK_KEY);
}

/* Block i of the mask is SipHash-2-4 with 128 bits of the datagram's last 16 bytes and i. */
static void block_of(const uint8_t key[KAD_MASK_KEY], const uint8_t *datagram, size_t size, uint8_t i,
                     uint8_t out[BLOCK])
{
    uint8_t input[BLOCK + 1];

    memcpy(input, datagram + size - BLOCK, BLOCK);
    input[BLOCK] = i;
    kad_siphash_128(key, input, sizeof(input), out);
}

void kad_mask(const uint8_t key[KAD_MASK_KEY], uint8_t *datagram, size_t size, size_t n)
{
    kad_mask_part(key, datagram, size, 0, n);
}

void kad_mask_part(const uint8_t key[KAD_MASK_KEY], uint8_t *datagram, size_t size, size_t from, size_t to)
{
    uint8_t mask[BLOCK];

    assert(from % BLOCK == 0 && to % BLOCK == 0 && size >= to + BLOCK);
    for (size_t at = from; at < to; at += BLOCK) {
        block_of(key, datagram, size, (uint8_t)(at / BLOCK), mask);
        for (size_t i = 0; i < BLOCK; i++)
            datagram[at + i] ^= mask[i];
    }
}

void kad_mask_peek(const uint8_t key[KAD_MASK_KEY], const uint8_t *datagram, size_t size, uint8_t out[16])
{
    uint8_t mask[BLOCK];

    assert(size >= 2 * BLOCK);
    block_of(key, datagram, size, 0, mask);
    for (size_t i = 0; i < BLOCK; i++)
        out[i] = datagram[i] ^ mask[i];
}
