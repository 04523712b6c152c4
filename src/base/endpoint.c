#include "base/endpoint.h"

#include <string.h>

struct kad_endpoint kad_endpoint_v4(const uint8_t address[4], uint16_t port)
{
    struct kad_endpoint endpoint = {.port = port, .family = KAD_IPV4};

    memcpy(endpoint.address, address, 4);
    return endpoint;
}

struct kad_endpoint kad_endpoint_v6(const uint8_t address[16], uint16_t port)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct kad_endpoint endpoint = {.port = port, .family = KAD_IPV6};

    if (memcmp(address, mapped, sizeof mapped) == 0)
        return kad_endpoint_v4(address + sizeof mapped, port);
    memcpy(endpoint.address, address, 16);
    return endpoint;
}

bool kad_endpoint_equal(const struct kad_endpoint *a, const struct kad_endpoint *b)
{
    /* In two steps of sizes that compilers compare without a call. */
    return memcmp(a->address, b->address, 16) == 0 && memcmp(&a->port, &b->port, sizeof *a - 16) == 0;
}

bool kad_endpoint_same_host(const struct kad_endpoint *a, const struct kad_endpoint *b)
{
    return a->family == b->family && memcmp(a->address, b->address, sizeof a->address) == 0;
}

size_t kad_endpoint_address_size(const struct kad_endpoint *endpoint)
{
    switch (endpoint->family) {
    case KAD_IPV4:
        return 4;
    case KAD_IPV6:
        return 16;
    default:
        return 0;
    }
}

/* The first 64 bits of the address as a number. */
static uint64_t head(const uint8_t *address)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < 8; i++)
        number = number << 8 | address[i];
    return number;
}

/* What IANA's special-purpose registries (RFC 6890 and after) say of a range; the first row that matches counts. */
struct range {
    uint32_t prefix; /* the first 32 bits of the address */
    uint8_t bits;
    uint8_t scope;
};

static const struct range ranges_v6[] = {
    {0x20010db8, 32, KAD_SCOPE_INVALID}, /* documentation */
    {0x3fff0000, 20, KAD_SCOPE_INVALID}, /* documentation, RFC 9637 */
    {0x20000000, 3, KAD_SCOPE_PUBLIC},   {0xfc000000, 7, KAD_SCOPE_PRIVATE}, {0xfe800000, 10, KAD_SCOPE_LINK},
    {0xfec00000, 10, KAD_SCOPE_PRIVATE}, /* site-local, as it was called */
    {0x00000000, 0, KAD_SCOPE_INVALID},  /* multicast, and what IANA has given to nobody */
};

static enum kad_scope scope_in(const struct range *range, uint32_t start)
{
    while (range->bits > 0 && (start ^ range->prefix) >> (32 - range->bits) != 0)
        range++;
    return (enum kad_scope)range->scope;
}

/* Asked several times a datagram, so not a table to walk. */
static enum kad_scope scope_v4(const uint8_t *address)
{
    const unsigned first = address[0], second = address[1], third = address[2];

    switch (first) {
    case 0: /* "this network" */
        return KAD_SCOPE_INVALID;
    case 10: /* RFC 1918 */
        return KAD_SCOPE_PRIVATE;
    case 100: /* 100.64/10: RFC 6598, carriers' NAT */
        return second >> 6 == 1 ? KAD_SCOPE_PRIVATE : KAD_SCOPE_PUBLIC;
    case 127:
        return KAD_SCOPE_LOOPBACK;
    case 169: /* 169.254/16 */
        return second == 254 ? KAD_SCOPE_LINK : KAD_SCOPE_PUBLIC;
    case 172: /* 172.16/12: RFC 1918 */
        return second >> 4 == 1 ? KAD_SCOPE_PRIVATE : KAD_SCOPE_PUBLIC;
    case 192:
        if (second == 168 || (second == 0 && third == 0)) /* RFC 1918; protocol assignments, DS-Lite */
            return KAD_SCOPE_PRIVATE;
        return second == 0 && third == 2 ? KAD_SCOPE_INVALID : KAD_SCOPE_PUBLIC; /* documentation */
    case 198:
        if (second >> 1 == 9) /* 198.18/15: RFC 2544, benchmarks */
            return KAD_SCOPE_PRIVATE;
        return second == 51 && third == 100 ? KAD_SCOPE_INVALID : KAD_SCOPE_PUBLIC; /* documentation */
    case 203: /* 203.0.113/24: documentation */
        return second == 0 && third == 113 ? KAD_SCOPE_INVALID : KAD_SCOPE_PUBLIC;
    default: /* from 224 on: multicast, reserved, broadcast */
        return first >= 224 ? KAD_SCOPE_INVALID : KAD_SCOPE_PUBLIC;
    }
}

static enum kad_scope scope_v6(const uint8_t *address)
{
    static const uint8_t loopback[16] = {[15] = 1};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    const uint8_t *inner = NULL;

    if (memcmp(address, loopback, 16) == 0)
        return KAD_SCOPE_LOOPBACK;
    /* An IPv4 address in disguise (RFC 6052, RFC 3056): what a translator would send to our own network does not
     * become public by its wrapping. */
    if (memcmp(address, nat64, sizeof nat64) == 0)
        inner = address + 12;
    else if (address[0] == 0x20 && address[1] == 0x02)
        inner = address + 2;
    if (inner)
        return scope_v4(inner) == KAD_SCOPE_PUBLIC ? KAD_SCOPE_PUBLIC : KAD_SCOPE_INVALID;
    return scope_in(ranges_v6, (uint32_t)(head(address) >> 32));
}

enum kad_scope kad_endpoint_scope(const struct kad_endpoint *endpoint)
{
    if (endpoint->port == 0)
        return KAD_SCOPE_INVALID;
    switch (endpoint->family) {
    case KAD_IPV4:
        return scope_v4(endpoint->address);
    case KAD_IPV6:
        return scope_v6(endpoint->address);
    default:
        return KAD_SCOPE_INVALID;
    }
}

/* IPv6 groups are their prefix. No host has one in ff00::/8 (multicast), so there is room for the others: IPv4, the
 * all-zero prefix of ::1, and no address at all. */
#define GROUP_V4   (UINT64_C(0xff04) << 48)
#define GROUP_ZERO (UINT64_C(0xff06) << 48)
#define GROUP_NONE (UINT64_C(0xff00) << 48)

static uint64_t group(const struct kad_endpoint *endpoint, unsigned bits_v4, unsigned bits_v6)
{
    uint64_t start = head(endpoint->address);

    switch (endpoint->family) {
    case KAD_IPV4:
        return GROUP_V4 | start >> (64 - bits_v4);
    case KAD_IPV6:
        start = start >> (64 - bits_v6) << (64 - bits_v6);
        return start ? start : GROUP_ZERO;
    default:
        return GROUP_NONE;
    }
}

uint64_t kad_endpoint_narrow_group(const struct kad_endpoint *endpoint)
{
    return group(endpoint, 24, 64);
}

uint64_t kad_endpoint_wide_group(const struct kad_endpoint *endpoint)
{
    return group(endpoint, 16, 48);
}

/* Parsing. Each reader takes what it can from *text and moves it on; false leaves the whole parse invalid. */

/* Decimal, no leading zeros: "010" is eight to some readers and ten to others. */
static bool read_decimal(const char **text, unsigned most, unsigned *out_number)
{
    const char *at = *text;
    unsigned number = 0;

    if (*at < '0' || *at > '9' || (at[0] == '0' && at[1] >= '0' && at[1] <= '9'))
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        number = 10 * number + (unsigned)(*at - '0');
        if (number > most)
            return false;
    }
    *text = at;
    *out_number = number;
    return true;
}

static bool read_v4(const char **text, uint8_t address[4])
{
    const char *at = *text;

    for (unsigned i = 0; i < 4; i++) {
        unsigned octet;

        if (i > 0 && *at++ != '.')
            return false;
        if (!read_decimal(&at, 255, &octet))
            return false;
        address[i] = (uint8_t)octet;
    }
    *text = at;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One to four hexadecimal digits, not the start of more. */
static bool read_hextet(const char **text, uint8_t out[2])
{
    const char *at = *text;
    unsigned number = 0, n_digits = 0;

    for (; hex_digit(*at) >= 0 && n_digits < 5; at++, n_digits++)
        number = number << 4 | (unsigned)hex_digit(*at);
    if (n_digits == 0 || n_digits == 5)
        return false;
    *text = at;
    out[0] = (uint8_t)(number >> 8);
    out[1] = (uint8_t)number;
    return true;
}

/* RFC 4291, section 2.2: eight hextets, the last two possibly as IPv4, one run of zeros possibly as "::". */
static bool read_v6(const char **text, uint8_t address[16])
{
    const char *at = *text;
    size_t n_bytes = 0, gap = SIZE_MAX;

    memset(address, 0, 16);
    if (at[0] == ':' && at[1] == ':') {
        gap = 0;
        at += 2;
    }
    while (n_bytes < 16 && hex_digit(*at) >= 0) {
        const char *before = at;

        if (!read_hextet(&at, address + n_bytes))
            return false;
        if (*at == '.') {
            at = before;
            if (n_bytes > 12 || !read_v4(&at, address + n_bytes))
                return false;
            n_bytes += 4;
            break;
        }
        n_bytes += 2;
        if (*at != ':')
            break;
        if (at[1] == ':') {
            if (gap != SIZE_MAX)
                return false;
            gap = n_bytes;
            at += 2;
        } else if (n_bytes == 16 || hex_digit(at[1]) < 0) {
            return false; /* a colon must lead to something */
        } else {
            at++;
        }
    }
    if (gap == SIZE_MAX ? n_bytes != 16 : n_bytes == 16)
        return false;
    if (gap != SIZE_MAX) {
        memmove(address + 16 - (n_bytes - gap), address + gap, n_bytes - gap);
        memset(address + gap, 0, 16 - n_bytes);
    }
    *text = at;
    return true;
}

static bool read_port(const char **text, unsigned default_port, unsigned *out_port)
{
    if (**text == '\0' && default_port != 0) {
        *out_port = default_port;
        return true;
    }
    if (**text != ':')
        return false;
    ++*text;
    return read_decimal(text, UINT16_MAX, out_port);
}

int kad_endpoint_parse(const char *text, uint16_t default_port, struct kad_endpoint *out_endpoint)
{
    const char *at = text;
    uint8_t address[16];
    unsigned port;

    if (read_v4(&at, address)) {
        if (!read_port(&at, default_port, &port) || *at != '\0')
            return KAD_E_INVALID;
        *out_endpoint = kad_endpoint_v4(address, (uint16_t)port);
        return KAD_OK;
    }
    at = text;
    if (*at == '[') {
        at++;
        if (!read_v6(&at, address) || *at++ != ']' || !read_port(&at, default_port, &port) || *at != '\0')
            return KAD_E_INVALID;
    } else {
        /* Without brackets a colon belongs to the address. */
        if (default_port == 0 || !read_v6(&at, address) || *at != '\0')
            return KAD_E_INVALID;
        port = default_port;
    }
    *out_endpoint = kad_endpoint_v6(address, (uint16_t)port);
    return KAD_OK;
}

/* Formatting. Each writer returns where it ended. */

static char *write_decimal(char *at, unsigned number)
{
    if (number >= 10)
        at = write_decimal(at, number / 10);
    *at = (char)('0' + number % 10);
    return at + 1;
}

static char *write_hextet(char *at, unsigned number)
{
    if (number >= 16)
        at = write_hextet(at, number / 16);
    *at = "0123456789abcdef"[number % 16];
    return at + 1;
}

static char *write_v4(char *at, const uint8_t *address)
{
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0)
            *at++ = '.';
        at = write_decimal(at, address[i]);
    }
    return at;
}

/* RFC 5952: lower case, no leading zeros, the longest run of two or more zero hextets (the first of equals) as "::". */
static char *write_v6(char *at, const uint8_t *address)
{
    unsigned hextets[8], gap = 8, gap_size = 1;

    for (unsigned i = 0; i < 8; i++)
        hextets[i] = (unsigned)address[2 * i] << 8 | address[2 * i + 1];
    for (unsigned i = 0, size; i < 8; i += size ? size : 1) {
        for (size = 0; i + size < 8 && hextets[i + size] == 0; size++)
            ;
        if (size > gap_size) {
            gap = i;
            gap_size = size;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        if (i == gap) {
            *at++ = ':';
            *at++ = ':';
            i += gap_size - 1;
            continue;
        }
        if (i > 0 && i != gap + gap_size)
            *at++ = ':';
        at = write_hextet(at, hextets[i]);
    }
    return at;
}

char *kad_endpoint_format(const struct kad_endpoint *endpoint, char text[KAD_ENDPOINT_TEXT])
{
    char *at = text;

    switch (endpoint->family) {
    case KAD_IPV4:
        at = write_v4(at, endpoint->address);
        break;
    case KAD_IPV6:
        *at++ = '[';
        at = write_v6(at, endpoint->address);
        *at++ = ']';
        break;
    default:
        *at++ = '-';
        *at = '\0';
        return text;
    }
    *at++ = ':';
    at = write_decimal(at, endpoint->port);
    *at = '\0';
    return text;
}
