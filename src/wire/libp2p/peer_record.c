/* peer_record - a peer's addresses under its signature: Envelope { key 1; type 2; payload 3; signature 5 }, and inside PeerRecord
 * { peer id 1; sequence 2; addresses 3, repeated { multiaddr 1 } }. */
#include "wire/libp2p/identify.h"

#include <string.h>

#include "base/varint.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"

#define COVERED_MAX 8192 /* bytes that are signed */

enum { ENVELOPE_KEY = 1, ENVELOPE_TYPE = 2, ENVELOPE_PAYLOAD = 3, ENVELOPE_SIGNATURE = 5 };
enum { RECORD_ID = 1, RECORD_SEQUENCE = 2, RECORD_ADDRESSES = 3, ADDRESS_MULTIADDR = 1 };

static const char domain[] = "libp2p-peer-record";
static const uint8_t payload_type[2] = {0x03, 0x01};

/* What is signed: domain, type and payload, each with its length before it. Bytes; 0: none, or too many. */
static size_t cover(struct kad_bytes payload, uint8_t out[COVERED_MAX])
{
    size_t n = 0;

    if (!payload.size || payload.size > COVERED_MAX - 64)
        return 0;
    n += kad_varint_write(sizeof(domain) - 1, out + n);
    memcpy(out + n, domain, sizeof(domain) - 1);
    n += sizeof(domain) - 1;
    n += kad_varint_write(sizeof(payload_type), out + n);
    memcpy(out + n, payload_type, sizeof(payload_type));
    n += sizeof(payload_type);
    n += kad_varint_write(payload.size, out + n);
    memcpy(out + n, payload.data, payload.size);
    return n + payload.size;
}

struct envelope {
    struct kad_bytes key, type, payload, signature;
};

static bool read_envelope(struct kad_bytes rest, struct envelope *envelope)
{
    struct kad_proto_field field;
    int verdict;

    memset(envelope, 0, sizeof(*envelope));
    while ((verdict = kad_proto_next(&rest, &field)) > 0) {
        if (field.kind != KAD_PROTO_BYTES)
            continue;
        if (field.number == ENVELOPE_KEY)
            envelope->key = field.bytes;
        else if (field.number == ENVELOPE_TYPE)
            envelope->type = field.bytes;
        else if (field.number == ENVELOPE_PAYLOAD)
            envelope->payload = field.bytes;
        else if (field.number == ENVELOPE_SIGNATURE)
            envelope->signature = field.bytes;
    }
    return verdict == 0;
}

static bool verified(const struct envelope *envelope)
{
    uint8_t covered[COVERED_MAX];
    const size_t n = cover(envelope->payload, covered);

    return envelope->type.size == sizeof(payload_type) &&
           memcmp(envelope->type.data, payload_type, sizeof(payload_type)) == 0 && n &&
           kad_peer_key_verify(envelope->key, (struct kad_bytes){covered, n}, envelope->signature);
}

static bool read_address(struct kad_bytes rest, struct kad_bytes *out_addr)
{
    struct kad_proto_field field;
    int verdict;

    out_addr->size = 0;
    while ((verdict = kad_proto_next(&rest, &field)) > 0) {
        if (field.number == ADDRESS_MULTIADDR && field.kind == KAD_PROTO_BYTES)
            *out_addr = field.bytes;
    }
    return verdict == 0;
}

int kad_peer_record_open(struct kad_bytes envelope, struct kad_bytes *out_peer_id, uint64_t *out_sequence,
                         struct kad_bytes out_addrs[KAD_IDENTIFY_ADDRS], unsigned *out_n_addrs)
{
    struct kad_proto_field field;
    struct kad_bytes rest, addr;
    struct envelope opened;
    uint8_t id[KAD_PEER_ID_MAX];
    size_t n_id;
    int verdict;

    *out_peer_id = (struct kad_bytes){0};
    *out_sequence = *out_n_addrs = 0;
    if (!read_envelope(envelope, &opened) || !verified(&opened) ||
        kad_peer_id_of_key(opened.key, id, &n_id) < 0)
        return KAD_E_INVALID;
    rest = opened.payload;
    while ((verdict = kad_proto_next(&rest, &field)) > 0) {
        if (field.number == RECORD_SEQUENCE && field.kind == KAD_PROTO_VARINT) {
            *out_sequence = field.value;
        } else if (field.kind == KAD_PROTO_BYTES && field.number == RECORD_ID) {
            *out_peer_id = field.bytes;
        } else if (field.kind == KAD_PROTO_BYTES && field.number == RECORD_ADDRESSES) {
            if (!read_address(field.bytes, &addr))
                return KAD_E_INVALID;
            if (addr.size && *out_n_addrs < KAD_IDENTIFY_ADDRS)
                out_addrs[(*out_n_addrs)++] = addr;
        }
    }
    if (verdict < 0 || out_peer_id->size != n_id || memcmp(out_peer_id->data, id, n_id) != 0)
        return KAD_E_INVALID;
    return 0;
}

size_t kad_peer_record_seal(const uint8_t secret[64], uint64_t sequence, const struct kad_bytes *addrs,
                            size_t n_addrs, uint8_t *out_bytes, size_t room)
{
    uint8_t key[KAD_PEER_KEY_OWN], id[KAD_PEER_ID_MAX], payload[4096], covered[COVERED_MAX], signature[64];
    struct kad_proto_writer inner = {.bytes = payload, .room = sizeof(payload)};
    struct kad_proto_writer writer = {.bytes = out_bytes, .room = room};
    size_t n_id, n;

    kad_peer_key_ed25519(secret + 32, key);
    if (kad_peer_id_of_key((struct kad_bytes){key, sizeof(key)}, id, &n_id) < 0)
        return 0;
    kad_proto_put_bytes(&inner, RECORD_ID, (struct kad_bytes){id, n_id});
    kad_proto_put_varint(&inner, RECORD_SEQUENCE, sequence);
    for (size_t i = 0; i < n_addrs; i++) {
        kad_proto_begin(&inner, RECORD_ADDRESSES, kad_proto_size_bytes(ADDRESS_MULTIADDR, addrs[i].size));
        kad_proto_put_bytes(&inner, ADDRESS_MULTIADDR, addrs[i]);
    }
    n = inner.full ? 0 : cover((struct kad_bytes){payload, inner.n}, covered);
    if (!n)
        return 0;
    kad_ed25519_sign(secret, covered, n, signature);
    kad_proto_put_bytes(&writer, ENVELOPE_KEY, (struct kad_bytes){key, sizeof(key)});
    kad_proto_put_bytes(&writer, ENVELOPE_TYPE, (struct kad_bytes){payload_type, sizeof(payload_type)});
    kad_proto_put_bytes(&writer, ENVELOPE_PAYLOAD, (struct kad_bytes){payload, inner.n});
    kad_proto_put_bytes(&writer, ENVELOPE_SIGNATURE, (struct kad_bytes){signature, sizeof(signature)});
    return writer.full ? 0 : writer.n;
}
