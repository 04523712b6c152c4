#include "crypto/bech32.h"

#include <assert.h>
#include <string.h>

#define CHECKSUM 6
#define FINAL    UINT32_C(0x2bc830a3) /* BIP-350; BIP-173 has 1 */
#define NO_GROUP 0xff

static const char characters[32] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static char lower(char c)
{
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

/* Enough of it to see that it is too long. */
static size_t length_of(const char *text)
{
    const char *end = memchr(text, 0, KAD_BECH32_MAX + 1);

    return end ? (size_t)(end - text) : KAD_BECH32_MAX + 1;
}

static uint8_t group_of(char c)
{
    const char *at = c ? memchr(characters, lower(c), sizeof(characters)) : NULL;

    return at ? (uint8_t)(at - characters) : NO_GROUP;
}

/* -- the checksum ------------------------------------------------------------------------------------------------ */

/* One more coefficient of the polynomial over GF(32), modulo BIP-173's generator. */
static uint32_t step(uint32_t remainder, uint8_t group)
{
    static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    const uint32_t top = remainder >> 25;

    remainder = (remainder & 0x1ffffff) << 5 ^ group;
    for (unsigned i = 0; i < 5; i++)
        remainder ^= top >> i & 1 ? generator[i] : 0;
    return remainder;
}

static uint32_t remainder_of(const char *prefix, size_t n_prefix, const uint8_t *groups, size_t n)
{
    uint32_t remainder = 1;

    for (size_t i = 0; i < n_prefix; i++)
        remainder = step(remainder, (uint8_t)(lower(prefix[i]) >> 5));
    remainder = step(remainder, 0);
    for (size_t i = 0; i < n_prefix; i++)
        remainder = step(remainder, (uint8_t)(lower(prefix[i]) & 31));
    for (size_t i = 0; i < n; i++)
        remainder = step(remainder, groups[i]);
    return remainder;
}

static void swap(uint8_t *a, uint8_t *b)
{
    const uint8_t was = *a;

    *a = *b;
    *b = was;
}

/* Which one character, changed, would make it right; with the code's distance of five there is at most one. */
static size_t find_typo(const char *prefix, size_t n_prefix, const uint8_t *groups, size_t n)
{
    uint8_t tried[KAD_BECH32_MAX];

    memcpy(tried, groups, n);
    for (size_t i = 0; i < n; i++) {
        for (uint8_t change = 1; change < 32; change++) {
            tried[i] = groups[i] ^ change;
            if (remainder_of(prefix, n_prefix, tried, n) == FINAL)
                return i;
        }
        tried[i] = groups[i];
    }
    for (size_t i = 0; i + 1 < n; i++) {
        swap(&tried[i], &tried[i + 1]);
        if (remainder_of(prefix, n_prefix, tried, n) == FINAL)
            return i;
        swap(&tried[i], &tried[i + 1]);
    }
    return KAD_BECH32_NOWHERE;
}

/* -- encoding ---------------------------------------------------------------------------------------------------- */

int kad_bech32_encode(const char *prefix, struct kad_bytes bytes, char *out_text, size_t room)
{
    const size_t n_prefix = strlen(prefix);
    uint8_t groups[KAD_BECH32_MAX] = {0};
    size_t n = 0, n_bits = 0;
    uint32_t bits = 0, remainder;

    if (bytes.size > KAD_BECH32_MAX || KAD_BECH32_LENGTH(n_prefix, bytes.size) > KAD_BECH32_MAX)
        return KAD_E_LIMIT;
    if (room <= KAD_BECH32_LENGTH(n_prefix, bytes.size))
        return KAD_E_SPACE;
    for (size_t i = 0; i < bytes.size; i++) {
        bits = bits << 8 | bytes.data[i];
        for (n_bits += 8; n_bits >= 5; n_bits -= 5)
            groups[n++] = bits >> (n_bits - 5) & 31;
    }
    if (n_bits)
        groups[n++] = bits << (5 - n_bits) & 31;
    remainder = remainder_of(prefix, n_prefix, groups, n + CHECKSUM) ^ FINAL;
    for (unsigned i = 0; i < CHECKSUM; i++)
        groups[n++] = remainder >> 5 * (CHECKSUM - 1 - i) & 31;

    memcpy(out_text, prefix, n_prefix);
    out_text[n_prefix] = '1';
    for (size_t i = 0; i < n; i++)
        out_text[n_prefix + 1 + i] = characters[groups[i]];
    out_text[n_prefix + 1 + n] = '\0';
    return KAD_OK;
}

/* -- decoding ---------------------------------------------------------------------------------------------------- */

static struct kad_bech32_fault fault(enum kad_bech32_kind kind, size_t at)
{
    return (struct kad_bech32_fault){.kind = kind, .at = at};
}

/* The first letter of another case than the first one's; NOWHERE: all are alike. */
static size_t find_mixed(const char *text, size_t size)
{
    bool any_upper = false, any_lower = false;

    for (size_t i = 0; i < size; i++) {
        any_upper |= is_upper(text[i]);
        any_lower |= is_lower(text[i]);
        if (any_upper && any_lower)
            return i;
    }
    return KAD_BECH32_NOWHERE;
}

/* A text whose prefix has n_prefix characters. */
static struct kad_bech32_fault take(const char *text, size_t size, size_t n_prefix, uint8_t *out_groups,
                                    size_t *out_n)
{
    const size_t first = n_prefix + 1, n = size - first;
    const size_t mixed = find_mixed(text, size);
    size_t typo;

    for (size_t i = first; i < size; i++) {
        out_groups[i - first] = group_of(text[i]);
        if (out_groups[i - first] == NO_GROUP)
            return fault(KAD_BECH32_CHARACTER, i);
    }
    if (mixed != KAD_BECH32_NOWHERE)
        return fault(KAD_BECH32_CASE, mixed);
    if (n < CHECKSUM)
        return fault(KAD_BECH32_LENGTHS, KAD_BECH32_NOWHERE);
    if (remainder_of(text, n_prefix, out_groups, n) != FINAL) {
        typo = find_typo(text, n_prefix, out_groups, n);
        return fault(KAD_BECH32_CHECKSUM, typo == KAD_BECH32_NOWHERE ? typo : first + typo);
    }
    *out_n = n - CHECKSUM;
    return fault(KAD_BECH32_GOOD, 0);
}

struct kad_bech32_fault kad_bech32_groups(const char *text, char out_prefix[KAD_BECH32_MAX],
                                          uint8_t out_groups[KAD_BECH32_MAX], size_t *out_n)
{
    const size_t size = length_of(text);
    struct kad_bech32_fault result;
    size_t n_prefix = size;

    if (size > KAD_BECH32_MAX)
        return fault(KAD_BECH32_LENGTHS, KAD_BECH32_NOWHERE);
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '!' || text[i] > '~')
            return fault(KAD_BECH32_CHARACTER, i);
        n_prefix = text[i] == '1' ? i : n_prefix; /* the last one: a prefix may contain it */
    }
    if (n_prefix == size || n_prefix == 0)
        return fault(KAD_BECH32_PREFIX, KAD_BECH32_NOWHERE);
    result = take(text, size, n_prefix, out_groups, out_n);
    if (result.kind != KAD_BECH32_GOOD)
        return result;
    for (size_t i = 0; i < n_prefix; i++)
        out_prefix[i] = lower(text[i]);
    out_prefix[n_prefix] = '\0';
    return result;
}

/* The prefix is known, so its length is: a "1" typed within the data is a wrong character there, not a longer prefix. */
struct kad_bech32_fault kad_bech32_decode(const char *text, const char *prefix, uint8_t *out_bytes,
                                          size_t size)
{
    const size_t length = length_of(text), n_prefix = strlen(prefix);
    struct kad_bech32_fault result;
    uint8_t groups[KAD_BECH32_MAX];
    size_t n = 0, n_written = 0, n_bits = 0;
    uint32_t bits = 0;

    assert(size && KAD_BECH32_LENGTH(n_prefix, size) <= KAD_BECH32_MAX && "no text holds so much");
    for (size_t i = 0; i <= n_prefix; i++) {
        if (i >= length || lower(text[i]) != (i < n_prefix ? prefix[i] : '1'))
            return fault(KAD_BECH32_PREFIX, i);
    }
    if (length > KAD_BECH32_MAX)
        return fault(KAD_BECH32_LENGTHS, KAD_BECH32_NOWHERE);
    result = take(text, length, n_prefix, groups, &n);
    if (result.kind == KAD_BECH32_CHECKSUM && length != KAD_BECH32_LENGTH(n_prefix, size))
        return fault(KAD_BECH32_LENGTHS, KAD_BECH32_NOWHERE); /* which explains the checksum */
    if (result.kind != KAD_BECH32_GOOD)
        return result;
    if (n * 5 / 8 != size)
        return fault(KAD_BECH32_LENGTHS, KAD_BECH32_NOWHERE);
    if (n != (size * 8 + 4) / 5)
        return fault(KAD_BECH32_PADDING, length - CHECKSUM - 1);
    /* What is left over of the last group says nothing, and must not: one run of bytes has one text. */
    if (groups[n - 1] & ((1u << (n * 5 - size * 8)) - 1))
        return fault(KAD_BECH32_PADDING, length - CHECKSUM - 1);
    for (size_t i = 0; i < n && n_written < size; i++) {
        bits = (bits << 5 | groups[i]) & 0xffff;
        n_bits += 5;
        if (n_bits >= 8) {
            n_bits -= 8;
            out_bytes[n_written++] = (uint8_t)(bits >> n_bits);
        }
    }
    return result;
}
