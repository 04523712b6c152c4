#include "base/multibase.h"

#include <string.h>

struct alphabet {
    char letters[60];
    unsigned bits; /* of a digit; 0: the text is a number, and each leading zero byte a first letter */
    unsigned radix;
};

static const struct alphabet *alphabet_of(enum kad_multibase base)
{
    static const struct alphabet hex = {"0123456789abcdef", 4, 16};
    static const struct alphabet base32 = {"abcdefghijklmnopqrstuvwxyz234567", 5, 32};
    static const struct alphabet base36 = {"0123456789abcdefghijklmnopqrstuvwxyz", 0, 36};
    static const struct alphabet base58 = {"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", 0,
                                           58};

    switch (base) {
    case KAD_BASE16:
        return &hex;
    case KAD_BASE32:
        return &base32;
    case KAD_BASE36:
        return &base36;
    case KAD_BASE58:
        return &base58;
    }
    return NULL;
}

/* The value of a digit, or -1. */
static int digit(const struct alphabet *alphabet, char letter)
{
    const char *found = letter ? strchr(alphabet->letters, letter) : NULL;

    return found ? (int)(found - alphabet->letters) : -1;
}

static int read_bits(const struct alphabet *alphabet, const char *text, size_t n, uint8_t *out_bytes,
                     size_t room, size_t *out_size)
{
    uint32_t held = 0;
    unsigned n_held = 0;

    *out_size = 0;
    for (size_t i = 0; i < n; i++) {
        const int value = digit(alphabet, text[i]);

        if (value < 0)
            return KAD_E_INVALID;
        held = held << alphabet->bits | (uint32_t)value;
        n_held += alphabet->bits;
        if (n_held < 8)
            continue;
        if (*out_size == room)
            return KAD_E_SPACE;
        n_held -= 8;
        out_bytes[(*out_size)++] = (uint8_t)(held >> n_held);
        held &= (1u << n_held) - 1;
    }
    return n_held < alphabet->bits && held == 0 ? 0 : KAD_E_INVALID;
}

static void reverse(uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        const uint8_t swapped = bytes[i];

        bytes[i] = bytes[n - 1 - i];
        bytes[n - 1 - i] = swapped;
    }
}

/* number = number * radix + more, the least significant byte first. False: it does not fit. */
static bool grow(uint8_t *number, size_t *n, size_t room, unsigned radix, unsigned more)
{
    unsigned carry = more;

    for (size_t i = 0; i < *n; i++) {
        carry += radix * number[i];
        number[i] = (uint8_t)carry;
        carry >>= 8;
    }
    if (carry && *n == room)
        return false;
    if (carry)
        number[(*n)++] = (uint8_t)carry;
    return true;
}

static int read_number(const struct alphabet *alphabet, const char *text, size_t n, uint8_t *out_bytes,
                       size_t room, size_t *out_size)
{
    size_t n_zeros = 0, size = 0;

    while (n_zeros < n && text[n_zeros] == alphabet->letters[0])
        n_zeros++;
    if (n_zeros > room)
        return KAD_E_SPACE;
    for (size_t i = n_zeros; i < n; i++) {
        const int value = digit(alphabet, text[i]);

        if (value < 0)
            return KAD_E_INVALID;
        if (!grow(out_bytes, &size, room - n_zeros, alphabet->radix, (unsigned)value))
            return KAD_E_SPACE;
    }
    memset(out_bytes + size, 0, n_zeros);
    *out_size = size + n_zeros;
    reverse(out_bytes, *out_size);
    return 0;
}

int kad_base_read(enum kad_multibase base, const char *text, size_t n, uint8_t *out_bytes, size_t room,
                  size_t *out_size)
{
    const struct alphabet *alphabet = alphabet_of(base);

    if (!alphabet)
        return KAD_E_INVALID;
    if (n > KAD_MULTIBASE_TEXT(KAD_MULTIBASE_MAX))
        return KAD_E_SPACE;
    return (alphabet->bits ? read_bits : read_number)(alphabet, text, n, out_bytes, room, out_size);
}

static int write_bits(const struct alphabet *alphabet, struct kad_bytes bytes, char *out_text, size_t room)
{
    const size_t size = (bytes.size * 8 + alphabet->bits - 1) / alphabet->bits;
    uint32_t held = 0;
    unsigned n_held = 0;
    size_t n = 0;

    if (size >= room)
        return KAD_E_SPACE;
    for (size_t i = 0; i < bytes.size; i++) {
        held = held << 8 | bytes.data[i];
        n_held += 8;
        for (; n_held >= alphabet->bits; n_held -= alphabet->bits)
            out_text[n++] = alphabet->letters[held >> (n_held - alphabet->bits) & (alphabet->radix - 1)];
        held &= (1u << n_held) - 1;
    }
    if (n_held)
        out_text[n++] = alphabet->letters[held << (alphabet->bits - n_held) & (alphabet->radix - 1)];
    out_text[n] = '\0';
    return 0;
}

static int write_number(const struct alphabet *alphabet, struct kad_bytes bytes, char *out_text, size_t room)
{
    uint8_t left[KAD_MULTIBASE_MAX];
    size_t n_zeros = 0, n = 0;

    while (n_zeros < bytes.size && bytes.data[n_zeros] == 0)
        n_zeros++;
    memcpy(left, bytes.data + n_zeros, bytes.size - n_zeros);
    for (size_t from = 0, end = bytes.size - n_zeros; from < end; n++) { /* the last digit first */
        unsigned rest = 0;

        for (size_t i = from; i < end; i++) {
            rest = rest << 8 | left[i];
            left[i] = (uint8_t)(rest / alphabet->radix);
            rest %= alphabet->radix;
        }
        if (n == room)
            return KAD_E_SPACE;
        out_text[n] = alphabet->letters[rest];
        while (from < end && left[from] == 0)
            from++;
    }
    if (n_zeros >= room || n >= room - n_zeros)
        return KAD_E_SPACE;
    memset(out_text + n, alphabet->letters[0], n_zeros);
    n += n_zeros;
    reverse((uint8_t *)out_text, n);
    out_text[n] = '\0';
    return 0;
}

int kad_base_write(enum kad_multibase base, struct kad_bytes bytes, char *out_text, size_t room)
{
    const struct alphabet *alphabet = alphabet_of(base);

    if (!alphabet)
        return KAD_E_INVALID;
    if (!bytes.size && room) {
        out_text[0] = '\0';
        return 0;
    }
    if (bytes.size > KAD_MULTIBASE_MAX)
        return KAD_E_SPACE;
    return (alphabet->bits ? write_bits : write_number)(alphabet, bytes, out_text, room);
}

int kad_multibase_read(const char *text, size_t n, uint8_t *out_bytes, size_t room, size_t *out_size)
{
    return n ? kad_base_read((enum kad_multibase)text[0], text + 1, n - 1, out_bytes, room, out_size)
             : KAD_E_INVALID;
}

int kad_multibase_write(enum kad_multibase base, struct kad_bytes bytes, char *out_text, size_t room)
{
    if (room < 2)
        return KAD_E_SPACE;
    out_text[0] = (char)base;
    return kad_base_write(base, bytes, out_text + 1, room - 1);
}
