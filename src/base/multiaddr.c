#include "base/multiaddr.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/multibase.h"
#include "base/text.h"
#include "base/varint.h"

/* What a protocol's value is. */
enum value {
    VALUE_NONE,
    VALUE_IP4,
    VALUE_IP6,
    VALUE_PORT,
    VALUE_NAME,  /* of a host, or a zone: text */
    VALUE_PEER,  /* a peer id */
    VALUE_BYTES, /* other, in multibase */
};

struct protocol {
    const char *name;
    uint16_t code;
    uint8_t value;
};

/* The table of multiformats (multiaddr/protocols.csv), as far as libp2p uses it. Of two names for a code the first is written. */
static const struct protocol protocols[] = {
    {"ip4", 0x04, VALUE_IP4},          {"tcp", 0x06, VALUE_PORT},
    {"ip6", 0x29, VALUE_IP6},          {"ip6zone", 0x2a, VALUE_NAME},
    {"dns", 0x35, VALUE_NAME},         {"dns4", 0x36, VALUE_NAME},
    {"dns6", 0x37, VALUE_NAME},        {"dnsaddr", 0x38, VALUE_NAME},
    {"udp", 0x0111, VALUE_PORT},       {"webrtc-direct", 0x0118, VALUE_NONE},
    {"webrtc", 0x0119, VALUE_NONE},    {"p2p-circuit", 0x0122, VALUE_NONE},
    {"p2p", 0x01a5, VALUE_PEER},       {"ipfs", 0x01a5, VALUE_PEER},
    {"tls", 0x01c0, VALUE_NONE},       {"sni", 0x01c1, VALUE_NAME},
    {"noise", 0x01c6, VALUE_NONE},     {"quic", 0x01cc, VALUE_NONE},
    {"quic-v1", 0x01cd, VALUE_NONE},   {"webtransport", 0x01d1, VALUE_NONE},
    {"certhash", 0x01d2, VALUE_BYTES}, {"http", 0x01e0, VALUE_NONE},
    {"ws", 0x01dd, VALUE_NONE},        {"wss", 0x01de, VALUE_NONE},
};

static const struct protocol *by_code(uint64_t code)
{
    for (size_t i = 0; i < KAD_COUNT_OF(protocols); i++) {
        if (protocols[i].code == code)
            return &protocols[i];
    }
    return NULL;
}

/* -- bytes ------------------------------------------------------------------------------------------------------ */

static bool take(struct kad_bytes *rest, size_t n, struct kad_bytes *out_value)
{
    if (rest->size < n)
        return false;
    *out_value = (struct kad_bytes){rest->data, n};
    rest->data += n;
    rest->size -= n;
    return true;
}

static bool take_varint(struct kad_bytes *rest, uint64_t *out_value)
{
    const int n = kad_varint_read(*rest, out_value);
    struct kad_bytes read;

    return n > 0 && take(rest, (size_t)n, &read);
}

/* The next protocol of the chain and its value; NULL: unknown, or cut off. */
static const struct protocol *next(struct kad_bytes *rest, struct kad_bytes *out_value)
{
    const struct protocol *protocol;
    uint64_t code, size = 0;

    if (!take_varint(rest, &code) || !(protocol = by_code(code)))
        return NULL;
    switch (protocol->value) {
    case VALUE_NONE:
        break;
    case VALUE_IP4:
        size = 4;
        break;
    case VALUE_IP6:
        size = 16;
        break;
    case VALUE_PORT:
        size = 2;
        break;
    default:
        if (!take_varint(rest, &size) || !size)
            return NULL;
    }
    return size <= rest->size && take(rest, (size_t)size, out_value) ? protocol : NULL;
}

/* A first protocol, which names the host. */
static bool take_host(struct kad_multiaddr *parts, const struct protocol *protocol, struct kad_bytes value)
{
    static const struct {
        const char *protocol;
        enum kad_multiaddr_host host;
    } names[] = {{"dns", KAD_HOST_DNS},
                 {"dns4", KAD_HOST_DNS4},
                 {"dns6", KAD_HOST_DNS6},
                 {"dnsaddr", KAD_HOST_DNSADDR}};

    if (protocol->value == VALUE_IP4 || protocol->value == VALUE_IP6) {
        parts->host = KAD_HOST_IP;
        parts->endpoint =
            protocol->value == VALUE_IP4 ? kad_endpoint_v4(value.data, 0) : kad_endpoint_v6(value.data, 0);
        return true;
    }
    for (size_t i = 0; i < KAD_COUNT_OF(names); i++) {
        if (strcmp(protocol->name, names[i].protocol) == 0) {
            parts->host = names[i].host;
            parts->name = value;
            return true;
        }
    }
    return false;
}

/* What follows the host, word by word, and how far the words make a transport of ours. */
static enum kad_multiaddr_transport follow(enum kad_multiaddr_transport before, bool *tls, const char *word)
{
    if (before == KAD_TRANSPORT_NONE && strcmp(word, "tcp") == 0)
        return KAD_TRANSPORT_TCP;
    if (before == KAD_TRANSPORT_TCP && !*tls && strcmp(word, "tls") == 0) {
        *tls = true;
        return KAD_TRANSPORT_TCP;
    }
    if (before == KAD_TRANSPORT_TCP && *tls && strcmp(word, "sni") == 0)
        return KAD_TRANSPORT_TCP;
    if (before == KAD_TRANSPORT_TCP && strcmp(word, "ws") == 0)
        return *tls ? KAD_TRANSPORT_WSS : KAD_TRANSPORT_WS;
    if (before == KAD_TRANSPORT_TCP && !*tls && strcmp(word, "wss") == 0) {
        *tls = true;
        return KAD_TRANSPORT_WSS;
    }
    return KAD_TRANSPORT_OTHER;
}

int kad_multiaddr_parse(struct kad_bytes bytes, struct kad_multiaddr *out_parts)
{
    struct kad_bytes rest = bytes, value;
    bool tls = false;

    *out_parts = (struct kad_multiaddr){.transport = KAD_TRANSPORT_NONE};
    if (!bytes.size || bytes.size > KAD_MULTIADDR_MAX)
        return KAD_E_INVALID;
    for (size_t at = 0; rest.size; at++) {
        const size_t from = bytes.size - rest.size;
        const struct protocol *protocol = next(&rest, &value);

        if (!protocol)
            return KAD_E_INVALID;
        if (protocol->value == VALUE_PEER && !rest.size) {
            out_parts->peer = value;
            out_parts->n_bare = from;
            break;
        }
        out_parts->n_bare = bytes.size - rest.size;
        if (at == 0 && take_host(out_parts, protocol, value))
            continue;
        out_parts->transport = follow(out_parts->transport, &tls, protocol->name);
        if (protocol->value == VALUE_PORT)
            out_parts->endpoint.port = (uint16_t)(value.data[0] << 8 | value.data[1]);
        if (protocol->code == 0x01c1) /* the name that the certificate is to have */
            out_parts->name = value;
    }
    if (out_parts->transport == KAD_TRANSPORT_TCP && tls) /* TLS without WebSocket: not ours */
        out_parts->transport = KAD_TRANSPORT_OTHER;
    if (out_parts->host == KAD_HOST_NONE)
        out_parts->transport = KAD_TRANSPORT_OTHER;
    return 0;
}

/* Appends a protocol and its value. False: no room. */
static bool append(uint8_t *bytes, size_t *n, size_t room, const struct protocol *protocol,
                   struct kad_bytes value)
{
    const bool sized = protocol->value >= VALUE_NAME;
    const size_t size =
        kad_varint_size(protocol->code) + (sized ? kad_varint_size(value.size) : 0) + value.size;

    if (room - *n < size)
        return false;
    *n += kad_varint_write(protocol->code, bytes + *n);
    if (sized)
        *n += kad_varint_write(value.size, bytes + *n);
    if (value.size)
        memcpy(bytes + *n, value.data, value.size);
    *n += value.size;
    return true;
}

static const struct protocol *by_name(const char *name, size_t n)
{
    for (size_t i = 0; i < KAD_COUNT_OF(protocols); i++) {
        if (strlen(protocols[i].name) == n && memcmp(protocols[i].name, name, n) == 0)
            return &protocols[i];
    }
    return NULL;
}

size_t kad_multiaddr_make(const struct kad_endpoint *endpoint, enum kad_multiaddr_transport transport,
                          uint8_t *out_bytes, size_t room)
{
    const uint8_t port[2] = {(uint8_t)(endpoint->port >> 8), (uint8_t)endpoint->port};
    const struct kad_bytes none = {0};
    size_t n = 0;
    bool fits;

    if (!kad_endpoint_address_size(endpoint))
        return 0;
    fits = append(out_bytes, &n, room, by_code(endpoint->family == KAD_IPV4 ? 0x04 : 0x29),
                  (struct kad_bytes){endpoint->address, kad_endpoint_address_size(endpoint)}) &&
           append(out_bytes, &n, room, by_code(0x06), (struct kad_bytes){port, 2});
    if (transport == KAD_TRANSPORT_WSS)
        fits = fits && append(out_bytes, &n, room, by_code(0x01c0), none);
    if (transport == KAD_TRANSPORT_WS || transport == KAD_TRANSPORT_WSS)
        fits = fits && append(out_bytes, &n, room, by_code(0x01dd), none);
    return fits ? n : 0;
}

size_t kad_multiaddr_append_peer(uint8_t *bytes, size_t n, size_t room, struct kad_bytes peer)
{
    return append(bytes, &n, room, by_code(0x01a5), peer) ? n : 0;
}

/* -- text ------------------------------------------------------------------------------------------------------- */

#define PEER_MAX 44

/* The multihash of a key (libp2p peer-ids): the key itself, or its SHA-256. */
static bool is_peer(const uint8_t *bytes, size_t n)
{
    return n > 2 && bytes[1] == n - 2 && (bytes[0] == 0x00 || (bytes[0] == 0x12 && bytes[1] == 32));
}

/* base58, or a CIDv1 with the codec of keys (0x72), whose multihash it is. */
static int read_peer(const char *text, size_t n, uint8_t *out_bytes, size_t room, size_t *out_size)
{
    const bool bare = n >= 2 && (text[0] == '1' || strncmp(text, "Qm", 2) == 0);
    const int error = bare ? kad_base_read(KAD_BASE58, text, n, out_bytes, room, out_size)
                           : kad_multibase_read(text, n, out_bytes, room, out_size);

    if (error)
        return error;
    if (!bare) {
        if (*out_size < 2 || out_bytes[0] != 1 || out_bytes[1] != 0x72)
            return KAD_E_INVALID;
        *out_size -= 2;
        memmove(out_bytes, out_bytes + 2, *out_size);
    }
    return is_peer(out_bytes, *out_size) ? 0 : KAD_E_INVALID;
}

static int read_ip(const char *text, size_t n, enum kad_family family, uint8_t *out_bytes, size_t *out_size)
{
    struct kad_endpoint endpoint;
    char copy[KAD_ENDPOINT_TEXT];

    if (n >= sizeof(copy) || memchr(text, '[', n))
        return KAD_E_INVALID;
    memcpy(copy, text, n);
    copy[n] = '\0';
    if (kad_endpoint_parse(copy, 1, &endpoint) < 0 || endpoint.family != family || endpoint.port != 1)
        return KAD_E_INVALID;
    *out_size = kad_endpoint_address_size(&endpoint);
    memcpy(out_bytes, endpoint.address, *out_size);
    return 0;
}

static int read_port(const char *text, size_t n, uint8_t *out_bytes, size_t *out_size)
{
    char copy[8];
    int64_t port;

    if (n >= sizeof(copy))
        return KAD_E_INVALID;
    memcpy(copy, text, n);
    copy[n] = '\0';
    if (kad_parse_number(copy, 0, UINT16_MAX, &port) < 0)
        return KAD_E_INVALID;
    out_bytes[0] = (uint8_t)(port >> 8);
    out_bytes[1] = (uint8_t)port;
    *out_size = 2;
    return 0;
}

static int read_value(enum value value, const char *text, size_t n, uint8_t *out_bytes, size_t room,
                      size_t *out_size)
{
    *out_size = 0;
    if (!n)
        return KAD_E_INVALID;
    switch (value) {
    case VALUE_IP4:
    case VALUE_IP6:
        return read_ip(text, n, value == VALUE_IP4 ? KAD_IPV4 : KAD_IPV6, out_bytes, out_size);
    case VALUE_PORT:
        return read_port(text, n, out_bytes, out_size);
    case VALUE_PEER:
        return read_peer(text, n, out_bytes, room, out_size);
    case VALUE_BYTES:
        return kad_multibase_read(text, n, out_bytes, room, out_size);
    case VALUE_NAME:
        if (n > room)
            return KAD_E_SPACE;
        memcpy(out_bytes, text, n);
        *out_size = n;
        return 0;
    case VALUE_NONE:
        break;
    }
    return KAD_E_INVALID;
}

int kad_multiaddr_read(const char *text, uint8_t *out_bytes, size_t room, size_t *out_size)
{
    uint8_t value[KAD_MULTIADDR_MAX];

    *out_size = 0;
    if (*text != '/')
        return KAD_E_INVALID;
    while (*text) {
        const size_t n_name = strcspn(text + 1, "/");
        const struct protocol *protocol = by_name(text + 1, n_name);
        struct kad_bytes bytes = {value, 0};
        int error;

        if (!protocol)
            return KAD_E_INVALID;
        text += 1 + n_name;
        if (protocol->value != VALUE_NONE) {
            const size_t n = *text ? strcspn(text + 1, "/") : 0;

            error = read_value((enum value)protocol->value, text + 1, n, value, sizeof(value), &bytes.size);
            if (error)
                return error;
            text += 1 + n;
        }
        if (!append(out_bytes, out_size, room, protocol, bytes))
            return KAD_E_SPACE;
    }
    return 0;
}

static int write_ip(struct kad_bytes value, char *out_text)
{
    const struct kad_endpoint endpoint =
        value.size == 4 ? kad_endpoint_v4(value.data, 1) : kad_endpoint_v6(value.data, 1);
    char text[KAD_ENDPOINT_TEXT], *from = text, *end;

    if (value.size == 16 && endpoint.family == KAD_IPV4) /* mapped: no such thing between peers */
        return KAD_E_INVALID;
    kad_endpoint_format(&endpoint, text);
    end = strrchr(text, ':');
    if (*from == '[') {
        from++;
        end--;
    }
    memcpy(out_text, from, (size_t)(end - from));
    out_text[end - from] = '\0';
    return 0;
}

static int write_port(struct kad_bytes value, char *out_text)
{
    unsigned port = (unsigned)value.data[0] << 8 | value.data[1];
    char digits[5];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + port % 10);
        port /= 10;
    } while (port);
    for (size_t i = 0; i < n; i++)
        out_text[i] = digits[n - 1 - i];
    out_text[n] = '\0';
    return 0;
}

/* A name goes into a text that others read again: nothing in it may end it or be taken for another protocol. */
static int write_name(struct kad_bytes value, char *out_text, size_t room)
{
    if (value.size >= room)
        return KAD_E_SPACE;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] <= ' ' || value.data[i] >= 0x7f || value.data[i] == '/')
            return KAD_E_INVALID;
    }
    memcpy(out_text, value.data, value.size);
    out_text[value.size] = '\0';
    return 0;
}

static int write_value(enum value value, struct kad_bytes bytes, char *out_text, size_t room)
{
    switch (value) {
    case VALUE_IP4:
    case VALUE_IP6:
        return write_ip(bytes, out_text);
    case VALUE_PORT:
        return write_port(bytes, out_text);
    case VALUE_PEER:
        return bytes.size <= PEER_MAX ? kad_base_write(KAD_BASE58, bytes, out_text, room) : KAD_E_INVALID;
    case VALUE_BYTES:
        return kad_multibase_write(KAD_BASE16, bytes, out_text, room);
    case VALUE_NAME:
        return write_name(bytes, out_text, room);
    case VALUE_NONE:
        break;
    }
    return KAD_E_INVALID;
}

static bool append_word(char *text, size_t *n, size_t room, const char *word)
{
    const size_t n_word = strlen(word);

    if (room - *n < n_word + 2)
        return false;
    text[(*n)++] = '/';
    memcpy(text + *n, word, n_word + 1);
    *n += n_word;
    return true;
}

int kad_multiaddr_write(struct kad_bytes bytes, char *out_text, size_t room)
{
    char word[KAD_MULTIBASE_TEXT(KAD_MULTIADDR_MAX)];
    struct kad_bytes rest = bytes, value;
    size_t n = 0;

    if (!bytes.size || bytes.size > KAD_MULTIADDR_MAX)
        return KAD_E_INVALID;
    while (rest.size) {
        const struct protocol *protocol = next(&rest, &value);
        int error;

        if (!protocol)
            return KAD_E_INVALID;
        if (!append_word(out_text, &n, room, protocol->name))
            return KAD_E_SPACE;
        if (protocol->value == VALUE_NONE)
            continue;
        error = write_value((enum value)protocol->value, value, word, sizeof(word));
        if (error)
            return error;
        if (!append_word(out_text, &n, room, word))
            return KAD_E_SPACE;
    }
    return 0;
}
