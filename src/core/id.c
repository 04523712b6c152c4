#include "core/id.h"

#include <assert.h>
#include <string.h>

#define WORDS (KAD_ID_SIZE / 8)

/* The i-th 64 bits as a number, so that words compare like the bytes do. */
static uint64_t word(const struct kad_id *id, unsigned i)
{
    const uint8_t *b = id->bytes + 8 * i;

    return (uint64_t)b[0] << 56 | (uint64_t)b[1] << 48 | (uint64_t)b[2] << 40 | (uint64_t)b[3] << 32 |
           (uint64_t)b[4] << 24 | (uint64_t)b[5] << 16 | (uint64_t)b[6] << 8 | (uint64_t)b[7];
}

bool kad_id_equal(const struct kad_id *a, const struct kad_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool kad_id_is_zero(const struct kad_id *id)
{
    return (word(id, 0) | word(id, 1) | word(id, 2) | word(id, 3)) == 0;
}

struct kad_id kad_id_xor(const struct kad_id *a, const struct kad_id *b)
{
    struct kad_id distance;

    for (unsigned i = 0; i < KAD_ID_SIZE; i++)
        distance.bytes[i] = a->bytes[i] ^ b->bytes[i];
    return distance;
}

int kad_id_compare(const struct kad_id *target, const struct kad_id *a, const struct kad_id *b)
{
    for (unsigned i = 0; i < WORDS; i++) {
        const uint64_t of_a = word(a, i), of_b = word(b, i);

        if (of_a != of_b)
            return (of_a ^ word(target, i)) < (of_b ^ word(target, i)) ? -1 : 1;
    }
    return 0;
}

unsigned kad_id_prefix(const struct kad_id *a, const struct kad_id *b)
{
    for (unsigned i = 0; i < WORDS; i++) {
        const uint64_t difference = word(a, i) ^ word(b, i);

        if (difference)
            return 64 * i + (unsigned)__builtin_clzll(difference);
    }
    return 8 * KAD_ID_SIZE;
}

bool kad_id_bit(const struct kad_id *id, unsigned bit)
{
    assert(bit < 8 * KAD_ID_SIZE);
    return id->bytes[bit / 8] >> (7 - bit % 8) & 1;
}

uint64_t kad_id_head(const struct kad_id *id)
{
    return word(id, 0);
}

uint32_t kad_id_bits_from(const struct kad_id *id, unsigned bit)
{
    const unsigned at = bit / 64, before = bit % 64;
    uint64_t window; /* the 64 bits from `bit` on */

    if (at >= WORDS)
        return 0;
    window = word(id, at) << before;
    if (before > 32 && at + 1 < WORDS)
        window |= word(id, at + 1) >> (64 - before);
    return (uint32_t)(window >> 32);
}

struct kad_id kad_id_from_bytes(const void *bytes, size_t size)
{
    struct kad_id id = {{0}};

    assert(size <= KAD_ID_SIZE);
    if (size > 0)
        memcpy(id.bytes, bytes, size);
    return id;
}

struct kad_id kad_id_random(struct kad_rng *rng, unsigned bits)
{
    struct kad_id id = {{0}};

    assert(bits <= 8 * KAD_ID_SIZE);
    kad_rng_bytes(rng, id.bytes, (bits + 7) / 8);
    if (bits % 8)
        id.bytes[bits / 8] &= (uint8_t)(0xff00u >> bits % 8);
    return id;
}

struct kad_id kad_id_random_at(struct kad_rng *rng, const struct kad_id *near, unsigned prefix, unsigned bits)
{
    struct kad_id id = kad_id_random(rng, bits);
    const unsigned whole = prefix / 8;
    const uint8_t kept = (uint8_t)(0xff00u >> prefix % 8), flipped = (uint8_t)(0x80u >> prefix % 8);

    assert(prefix < bits);
    memcpy(id.bytes, near->bytes, whole);
    id.bytes[whole] = (uint8_t)((near->bytes[whole] & kept) | (~near->bytes[whole] & flipped) |
                                (id.bytes[whole] & ~(kept | flipped)));
    return id;
}
