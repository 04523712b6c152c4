#include "base/hash.h"

/* Bytes as a little-endian number: a hash is the same on every machine, so a simulation is too. */
static uint64_t load(const uint8_t *b)
{
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 |
           (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

static uint64_t load_some(const uint8_t *bytes, size_t size)
{
    uint64_t word = 0;

    for (size_t i = 0; i < size && i < 8; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

/* Both halves of the 128-bit product, folded. */
static uint64_t fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    __extension__ const unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    const uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
    const uint64_t low = a_low * b_low;
    const uint64_t middle = a_high * b_low + (low >> 32), other = a_low * b_high + (uint32_t)middle;

    return (other << 32 | (uint32_t)low) ^ (a_high * b_high + (middle >> 32) + (other >> 32));
#endif
}

/* Every word meets a secret before it is multiplied (the key, or what the key has become), so which inputs collide
 * depends on the key: nobody can prepare them. */
uint64_t kad_hash(uint64_t key, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    const uint64_t secret = kad_hash_word(key, UINT64_C(0x9e3779b97f4a7c15));
    uint64_t hash = key ^ (size * UINT64_C(0xc2b2ae3d27d4eb4f));
    size_t left = size;

    for (; left >= 16; left -= 16, bytes += 16)
        hash = fold(load(bytes) ^ secret, load(bytes + 8) ^ hash);
    if (left > 8)
        hash = fold(load(bytes) ^ secret, load_some(bytes + 8, left - 8) ^ hash);
    else if (left > 0)
        hash = fold(load_some(bytes, left) ^ secret, hash);
    return fold(hash ^ UINT64_C(0xa0761d6478bd642f), secret);
}
