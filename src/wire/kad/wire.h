/* wire - numbers in network order, and the few bytes that record and codec must write alike. For wire/kad's own files. */
#ifndef KAD_WIRE_KAD_WIRE_H
#define KAD_WIRE_KAD_WIRE_H

#include <assert.h>

#include "core/record.h"

#define KAD_WIRE_MANY      1 /* flags of a record */
#define KAD_WIRE_WITHDRAWN 2

static inline uint8_t kad_wire_record_flags(const struct kad_record *record)
{
    return (uint8_t)((record->many ? KAD_WIRE_MANY : 0) | (record->withdrawn ? KAD_WIRE_WITHDRAWN : 0));
}

/* Each returns where the next goes. */
static inline uint8_t *kad_wire_put_u16(uint8_t *at, size_t number)
{
    assert(number <= UINT16_MAX && "lengths are bounded before");
    at[0] = (uint8_t)(number >> 8);
    at[1] = (uint8_t)number;
    return at + 2;
}

static inline uint8_t *kad_wire_put_u32(uint8_t *at, uint32_t number)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (24 - 8 * i));
    return at + 4;
}

static inline uint8_t *kad_wire_put_u64(uint8_t *at, uint64_t number)
{
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(number >> (56 - 8 * i));
    return at + 8;
}

/* An instant; for good is all ones. */
static inline uint8_t *kad_wire_put_until(uint8_t *at, kad_ms until)
{
    return kad_wire_put_u64(at, until == KAD_NEVER ? UINT64_MAX : (uint64_t)until);
}

static inline uint16_t kad_wire_get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t kad_wire_get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t kad_wire_get_u64(const uint8_t *at)
{
    return (uint64_t)kad_wire_get_u32(at) << 32 | kad_wire_get_u32(at + 4);
}

/* A number from 0 to KAD_NEVER - 1. False: above. */
static inline bool kad_wire_get_number(const uint8_t *at, int64_t *out_number)
{
    const uint64_t number = kad_wire_get_u64(at);

    if (number >= INT64_MAX)
        return false;
    *out_number = (int64_t)number;
    return true;
}

static inline bool kad_wire_get_until(const uint8_t *at, kad_ms *out_until)
{
    if (kad_wire_get_u64(at) == UINT64_MAX) {
        *out_until = KAD_NEVER;
        return true;
    }
    return kad_wire_get_number(at, out_until);
}

#endif
