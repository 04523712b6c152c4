#include "wire/libp2p/cbor.h"

enum { NUMBER = 0, BYTES = 2, TEXT = 3, MAP = 5 };

/* The major type and its number. False: cut off, or not the shortest form. */
static bool take_head(struct kad_bytes *rest, unsigned *out_major, uint64_t *out_number)
{
    unsigned small, n = 0;

    if (!rest->size)
        return false;
    *out_major = rest->data[0] >> 5;
    small = rest->data[0] & 31;
    if (small > 27)
        return false;
    if (small >= 24)
        n = 1u << (small - 24);
    if (rest->size < 1 + n)
        return false;
    *out_number = n ? 0 : small;
    for (unsigned i = 0; i < n; i++)
        *out_number = *out_number << 8 | rest->data[1 + i];
    rest->data += 1 + n;
    rest->size -= 1 + n;
    switch (n) {
    case 1:
        return *out_number >= 24;
    case 2:
        return *out_number > UINT8_MAX;
    case 4:
        return *out_number > UINT16_MAX;
    case 8:
        return *out_number > UINT32_MAX;
    default:
        return true;
    }
}

static bool take_string(struct kad_bytes *rest, uint64_t size, struct kad_bytes *out_bytes)
{
    if (size > rest->size)
        return false;
    *out_bytes = (struct kad_bytes){rest->data, (size_t)size};
    rest->data += size;
    rest->size -= (size_t)size;
    return true;
}

int kad_cbor_map(struct kad_bytes *rest, uint64_t *out_n)
{
    unsigned major;

    return take_head(rest, &major, out_n) && major == MAP ? 0 : KAD_E_INVALID;
}

int kad_cbor_entry(struct kad_bytes *rest, struct kad_cbor_entry *out_entry)
{
    unsigned major;
    uint64_t number;

    *out_entry = (struct kad_cbor_entry){.is_number = false};
    if (!take_head(rest, &major, &number) || major != TEXT || !take_string(rest, number, &out_entry->key) ||
        !take_head(rest, &major, &number))
        return KAD_E_INVALID;
    if (major == NUMBER) {
        out_entry->is_number = true;
        out_entry->number = number;
        return 0;
    }
    return (major == BYTES || major == TEXT) && take_string(rest, number, &out_entry->bytes) ? 0
                                                                                             : KAD_E_INVALID;
}
