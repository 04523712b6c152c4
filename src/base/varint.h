/*
 * varint - unsigned integers of seven bits a byte, the least significant first, as multiformats write them (unsigned-varint
 * specification): at most nine bytes, 63 bits, and never longer than need be.
 */
#ifndef KAD_BASE_VARINT_H
#define KAD_BASE_VARINT_H

#include "base/types.h"

#define KAD_VARINT_MAX 9 /* bytes */

/* Bytes read, 1 .. 9; 0: there are more to come; negative (KAD_E_INVALID): none, too long, or not the shortest form. */
static inline int kad_varint_read(struct kad_bytes bytes, uint64_t *out_value)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < KAD_VARINT_MAX; i++) {
        if (i == bytes.size)
            return 0;
        value |= (uint64_t)(bytes.data[i] & 0x7f) << (7 * i);
        if (bytes.data[i] & 0x80)
            continue;
        if (i && !bytes.data[i])
            return KAD_E_INVALID;
        *out_value = value;
        return (int)i + 1;
    }
    return KAD_E_INVALID;
}

/* Bytes that `value`, below 2^63, takes. */
static inline unsigned kad_varint_size(uint64_t value)
{
    unsigned n = 1;

    for (; value >= 0x80; value >>= 7)
        n++;
    return n;
}

/* Writes it, kad_varint_size() bytes, and says how many. */
static inline unsigned kad_varint_write(uint64_t value, uint8_t *out_bytes)
{
    unsigned n = 0;

    for (; value >= 0x80; value >>= 7)
        out_bytes[n++] = (uint8_t)(value | 0x80);
    out_bytes[n++] = (uint8_t)value;
    return n;
}

#endif
