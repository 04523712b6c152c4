#include "wire/libp2p/message.h"

#include <string.h>

#include "crypto/peer_id.h"

enum { MESSAGE_TYPE = 1, MESSAGE_KEY = 2, MESSAGE_RECORD = 3 };
enum { PEER_ID = 1, PEER_ADDRS = 2, PEER_CONNECTION = 3 };
enum { RECORD_KEY = 1, RECORD_VALUE = 2, RECORD_TIME = 5 };

#define CONNECTIONS 4

static bool read_record(struct kad_bytes rest, struct kad_p2p_record *out_record)
{
    struct kad_proto_field field;
    int verdict;

    memset(out_record, 0, sizeof(*out_record));
    while ((verdict = kad_proto_next(&rest, &field)) > 0) {
        if (field.kind != KAD_PROTO_BYTES)
            continue;
        if (field.number == RECORD_KEY)
            out_record->key = field.bytes;
        else if (field.number == RECORD_VALUE)
            out_record->value = field.bytes;
        else if (field.number == RECORD_TIME)
            out_record->time_received = field.bytes;
    }
    return verdict == 0;
}

static bool read_peer(struct kad_bytes body, struct kad_p2p_peer *out_peer)
{
    struct kad_bytes rest = body;
    struct kad_proto_field field;
    int verdict;

    *out_peer = (struct kad_p2p_peer){.body = body};
    while ((verdict = kad_proto_next(&rest, &field)) > 0) {
        if (field.number == PEER_ID && field.kind == KAD_PROTO_BYTES)
            out_peer->id = field.bytes;
        else if (field.number == PEER_CONNECTION && field.kind == KAD_PROTO_VARINT)
            out_peer->connection = field.value < CONNECTIONS ? (uint8_t)field.value : 0;
    }
    return verdict == 0;
}

/* Adds one to a list that has room. False: it is broken. */
static bool take_peer(struct kad_bytes body, struct kad_p2p_peer *list, uint16_t *n, size_t room)
{
    struct kad_p2p_peer peer;

    if (!read_peer(body, &peer))
        return false;
    if (*n < room && kad_peer_id_is_valid(peer.id))
        list[(*n)++] = peer;
    return true;
}

int kad_p2p_decode(struct kad_bytes bytes, struct kad_p2p_message *out_message)
{
    struct kad_bytes rest = bytes;
    struct kad_proto_field field;
    uint64_t type = KAD_P2P_PUT_VALUE;
    int verdict;

    memset(out_message, 0, offsetof(struct kad_p2p_message, closer));
    while ((verdict = kad_proto_next(&rest, &field)) > 0) {
        bool good = true;

        if (field.number == MESSAGE_TYPE && field.kind == KAD_PROTO_VARINT) {
            type = field.value;
        } else if (field.kind != KAD_PROTO_BYTES) {
            continue;
        } else if (field.number == MESSAGE_KEY) {
            out_message->key = field.bytes;
        } else if (field.number == MESSAGE_RECORD) {
            good = read_record(field.bytes, &out_message->record);
            out_message->has_record = true;
        } else if (field.number == KAD_P2P_CLOSER_FIELD) {
            good = take_peer(field.bytes, out_message->closer, &out_message->n_closer, KAD_P2P_CLOSER);
        } else if (field.number == KAD_P2P_PROVIDERS_FIELD) {
            good =
                take_peer(field.bytes, out_message->providers, &out_message->n_providers, KAD_P2P_PROVIDERS);
        }
        if (!good)
            return KAD_E_INVALID;
    }
    if (verdict < 0 || type > KAD_P2P_PING)
        return KAD_E_INVALID;
    out_message->type = (enum kad_p2p_type)type;
    return 0;
}

bool kad_p2p_is_request(const struct kad_p2p_message *message)
{
    const struct kad_bytes key = message->key, of = message->record.key;

    if (message->type == KAD_P2P_PING)
        return true;
    if (!key.size || key.size > KAD_P2P_KEY_MAX)
        return false;
    if (message->type == KAD_P2P_ADD_PROVIDER || message->type == KAD_P2P_GET_PROVIDERS)
        return key.size <= KAD_P2P_CONTENT_MAX;
    if (message->type != KAD_P2P_PUT_VALUE)
        return true;
    return message->has_record && of.size == key.size && memcmp(of.data, key.data, key.size) == 0;
}

bool kad_p2p_next_peer(struct kad_bytes *rest, uint32_t number, struct kad_p2p_peer *out_peer)
{
    struct kad_proto_field field;

    while (kad_proto_next(rest, &field) > 0) {
        if (field.number == number && field.kind == KAD_PROTO_BYTES && read_peer(field.bytes, out_peer) &&
            kad_peer_id_is_valid(out_peer->id))
            return true;
    }
    return false;
}

bool kad_p2p_next_addr(struct kad_bytes *rest, struct kad_bytes *out_addr)
{
    struct kad_proto_field field;

    while (kad_proto_next(rest, &field) > 0) {
        if (field.number == PEER_ADDRS && field.kind == KAD_PROTO_BYTES) {
            *out_addr = field.bytes;
            return true;
        }
    }
    return false;
}

/* -- writing ---------------------------------------------------------------------------------------------------- */

void kad_p2p_put_head(struct kad_proto_writer *writer, enum kad_p2p_type type, struct kad_bytes key)
{
    if (type != KAD_P2P_PUT_VALUE)
        kad_proto_put_varint(writer, MESSAGE_TYPE, type);
    if (key.size)
        kad_proto_put_bytes(writer, MESSAGE_KEY, key);
}

void kad_p2p_put_record(struct kad_proto_writer *writer, const struct kad_p2p_record *record)
{
    size_t size = kad_proto_size_bytes(RECORD_KEY, record->key.size) +
                  kad_proto_size_bytes(RECORD_VALUE, record->value.size);

    if (record->time_received.size)
        size += kad_proto_size_bytes(RECORD_TIME, record->time_received.size);
    kad_proto_begin(writer, MESSAGE_RECORD, size);
    kad_proto_put_bytes(writer, RECORD_KEY, record->key);
    kad_proto_put_bytes(writer, RECORD_VALUE, record->value);
    if (record->time_received.size)
        kad_proto_put_bytes(writer, RECORD_TIME, record->time_received);
}

void kad_p2p_put_peer(struct kad_proto_writer *writer, uint32_t field, struct kad_bytes id,
                      const struct kad_bytes *addrs, size_t n_addrs, uint8_t connection)
{
    size_t size = kad_proto_size_bytes(PEER_ID, id.size), n = 0;

    if (connection)
        size += kad_proto_size_varint(PEER_CONNECTION, connection);
    for (; n < n_addrs && size + kad_proto_size_bytes(PEER_ADDRS, addrs[n].size) <= KAD_P2P_PEER_MAX; n++)
        size += kad_proto_size_bytes(PEER_ADDRS, addrs[n].size);
    kad_proto_begin(writer, field, size);
    kad_proto_put_bytes(writer, PEER_ID, id);
    for (size_t i = 0; i < n; i++)
        kad_proto_put_bytes(writer, PEER_ADDRS, addrs[i]);
    if (connection)
        kad_proto_put_varint(writer, PEER_CONNECTION, connection);
}
