#include "wire/libp2p/identify.h"

#include <string.h>

enum {
    PUBLIC_KEY = 1,
    LISTEN_ADDRS = 2,
    PROTOCOLS = 3,
    OBSERVED = 4,
    VERSION = 5,
    AGENT = 6,
    SIGNED_RECORD = 8
};

static void add(struct kad_bytes bytes, struct kad_bytes *list, unsigned *n, unsigned room)
{
    if (*n < room)
        list[(*n)++] = bytes;
}

static void take(struct kad_identify *identify, const struct kad_proto_field *field)
{
    switch (field->number) {
    case PUBLIC_KEY:
        identify->public_key = field->bytes;
        break;
    case LISTEN_ADDRS:
        add(field->bytes, identify->addrs, &identify->n_addrs, KAD_IDENTIFY_ADDRS);
        break;
    case PROTOCOLS:
        if (field->bytes.size <= KAD_IDENTIFY_TEXT)
            add(field->bytes, identify->protocols, &identify->n_protocols, KAD_IDENTIFY_PROTOCOLS);
        break;
    case OBSERVED:
        identify->observed = field->bytes;
        break;
    case VERSION:
        identify->protocol_version = field->bytes;
        break;
    case AGENT:
        identify->agent_version = field->bytes;
        break;
    case SIGNED_RECORD:
        identify->signed_record = field->bytes;
        break;
    default:
        break;
    }
}

int kad_identify_decode(struct kad_bytes bytes, struct kad_identify *identify)
{
    struct kad_proto_field field;
    int verdict;

    while ((verdict = kad_proto_next(&bytes, &field)) > 0) {
        if (field.kind == KAD_PROTO_BYTES)
            take(identify, &field);
    }
    return verdict;
}

static void put(struct kad_proto_writer *writer, uint32_t number, struct kad_bytes bytes)
{
    if (bytes.size)
        kad_proto_put_bytes(writer, number, bytes);
}

size_t kad_identify_encode(const struct kad_identify *identify, uint8_t *out_bytes, size_t room)
{
    struct kad_proto_writer writer = {.bytes = out_bytes, .room = room};

    put(&writer, PUBLIC_KEY, identify->public_key);
    for (unsigned i = 0; i < identify->n_addrs; i++)
        put(&writer, LISTEN_ADDRS, identify->addrs[i]);
    for (unsigned i = 0; i < identify->n_protocols; i++)
        put(&writer, PROTOCOLS, identify->protocols[i]);
    put(&writer, OBSERVED, identify->observed);
    put(&writer, VERSION, identify->protocol_version);
    put(&writer, AGENT, identify->agent_version);
    put(&writer, SIGNED_RECORD, identify->signed_record);
    return writer.full ? 0 : writer.n;
}

bool kad_identify_speaks(const struct kad_identify *identify, const char *protocol)
{
    const size_t n = strlen(protocol);

    for (unsigned i = 0; i < identify->n_protocols; i++) {
        if (identify->protocols[i].size == n && memcmp(identify->protocols[i].data, protocol, n) == 0)
            return true;
    }
    return false;
}
