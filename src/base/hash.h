/*
 * hash - a keyed hash for tables whose keys strangers choose (SipHash-like strength is not needed where the key is
 * secret and collisions only cost time; this is multiply-and-fold over 64-bit words). The same on every machine.
 */
#ifndef KAD_BASE_HASH_H
#define KAD_BASE_HASH_H

#include "base/types.h"

uint64_t kad_hash(uint64_t key, const void *data, size_t size);

/* Mixes one word; good enough to spread small integers. */
static inline uint64_t kad_hash_word(uint64_t key, uint64_t word)
{
    uint64_t x = word ^ key;

    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}

#endif
