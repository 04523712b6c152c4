#include "base/cid.h"

#include <string.h>

#define BYTES_MAX 80 /* of a whole CID: version, codec, multihash */

struct bytes {
    uint8_t at[BYTES_MAX];
    size_t n;
};

/* The value of a digit in an alphabet, or -1. */
static int digit(const char *alphabet, char letter)
{
    const char *found = letter ? strchr(alphabet, letter) : NULL;

    return found ? (int)(found - alphabet) : -1;
}

/* Digits of 4 or 5 bits each (RFC 4648, without padding); what is left over must be zero. */
static bool read_bits(const char *text, const char *alphabet, unsigned width, struct bytes *out)
{
    uint32_t held = 0;
    unsigned n_held = 0;

    for (out->n = 0; *text; text++) {
        const int value = digit(alphabet, *text);

        if (value < 0)
            return false;
        held = held << width | (uint32_t)value;
        n_held += width;
        if (n_held < 8)
            continue;
        if (out->n == BYTES_MAX)
            return false;
        n_held -= 8;
        out->at[out->n++] = (uint8_t)(held >> n_held);
        held &= (1u << n_held) - 1;
    }
    return n_held < width && held == 0;
}

/* A number in base 58, each leading '1' a zero byte. */
static bool read_base58(const char *text, struct bytes *out)
{
    static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    size_t n_zeros = strspn(text, "1");

    out->n = 0;
    for (const char *at = text; *at; at++) {
        int carry = digit(alphabet, *at);

        if (carry < 0)
            return false;
        for (size_t i = 0; i < out->n; i++) { /* the least significant first, until the end */
            carry += 58 * out->at[i];
            out->at[i] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry && out->n == BYTES_MAX)
            return false;
        if (carry)
            out->at[out->n++] = (uint8_t)carry;
    }
    if (out->n + n_zeros > BYTES_MAX)
        return false;
    for (; n_zeros > 0; n_zeros--)
        out->at[out->n++] = 0;
    for (size_t i = 0; i < out->n / 2; i++) {
        const uint8_t swapped = out->at[i];

        out->at[i] = out->at[out->n - 1 - i];
        out->at[out->n - 1 - i] = swapped;
    }
    return true;
}

/* An unsigned varint of at most four bytes, in its shortest form. */
static bool read_varint(const struct bytes *bytes, size_t *at, uint32_t *out_value)
{
    *out_value = 0;
    for (unsigned shift = 0; shift < 28 && *at < bytes->n; shift += 7) {
        const uint8_t byte = bytes->at[(*at)++];

        *out_value |= (uint32_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return byte || shift == 0;
    }
    return false;
}

static int take_multihash(const struct bytes *bytes, size_t from, uint8_t *out_multihash, size_t *out_size)
{
    uint32_t code, length;
    size_t at = from;

    if (!read_varint(bytes, &at, &code) || !read_varint(bytes, &at, &length) || bytes->n - at != length ||
        length == 0 || bytes->n - from > KAD_MULTIHASH_MAX)
        return KAD_E_INVALID;
    *out_size = bytes->n - from;
    memcpy(out_multihash, bytes->at + from, *out_size);
    return 0;
}

int kad_cid_multihash(const char *text, uint8_t out_multihash[KAD_MULTIHASH_MAX], size_t *out_size)
{
    struct bytes bytes;
    uint32_t version, codec;
    size_t at = 0;
    bool read;

    if (strlen(text) == 46 && strncmp(text, "Qm", 2) == 0)
        return read_base58(text, &bytes) ? take_multihash(&bytes, 0, out_multihash, out_size) : KAD_E_INVALID;
    if (*text == 'b')
        read = read_bits(text + 1, "abcdefghijklmnopqrstuvwxyz234567", 5, &bytes);
    else if (*text == 'f')
        read = read_bits(text + 1, "0123456789abcdef", 4, &bytes);
    else
        read = *text == 'z' && read_base58(text + 1, &bytes);
    if (!read || !read_varint(&bytes, &at, &version) || version != 1 || !read_varint(&bytes, &at, &codec))
        return KAD_E_INVALID;
    return take_multihash(&bytes, at, out_multihash, out_size);
}
