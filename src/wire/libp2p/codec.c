#include "wire/libp2p/codec.h"

#include <string.h>

#include "base/multiaddr.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"
#include "wire/libp2p/message.h"
#include "wire/libp2p/records.h"

#define HEAD       3
#define NAMED_MOST 20 /* contacts in an answer, as all have it */

/* -- frames ----------------------------------------------------------------------------------------------------- */

int kad_p2p_frame_read(struct kad_bytes bytes, struct kad_p2p_frame *out_frame)
{
    size_t at = HEAD;

    *out_frame = (struct kad_p2p_frame){.made_at = 0};
    if (bytes.size < HEAD || bytes.data[0] > KAD_P2P_ERROR || bytes.size - HEAD < bytes.data[2])
        return KAD_E_INVALID;
    out_frame->kind = (enum kad_p2p_kind)bytes.data[0];
    out_frame->flags = bytes.data[1];
    out_frame->transaction = (struct kad_bytes){bytes.data + HEAD, bytes.data[2]};
    at += bytes.data[2];
    if (out_frame->flags & KAD_P2P_MADE_AT) {
        uint64_t made_at = 0;

        if (bytes.size - at < 8)
            return KAD_E_INVALID;
        for (unsigned i = 0; i < 8; i++)
            made_at = made_at << 8 | bytes.data[at + i];
        if (made_at > INT64_MAX / 2)
            return KAD_E_INVALID;
        out_frame->made_at = (int64_t)made_at;
        at += 8;
    }
    out_frame->message = (struct kad_bytes){bytes.data + at, bytes.size - at};
    return 0;
}

size_t kad_p2p_frame_write_head(const struct kad_p2p_frame *frame, uint8_t *out_bytes, size_t room)
{
    const size_t size = HEAD + frame->transaction.size + (frame->flags & KAD_P2P_MADE_AT ? 8 : 0);
    uint8_t *at = out_bytes + HEAD;

    if (room < size || frame->transaction.size > UINT8_MAX)
        return 0;
    out_bytes[0] = (uint8_t)frame->kind;
    out_bytes[1] = frame->flags;
    out_bytes[2] = (uint8_t)frame->transaction.size;
    if (frame->transaction.size)
        memcpy(at, frame->transaction.data, frame->transaction.size);
    at += frame->transaction.size;
    for (unsigned i = 0; (frame->flags & KAD_P2P_MADE_AT) && i < 8; i++)
        at[i] = (uint8_t)((uint64_t)frame->made_at >> 8 * (7 - i));
    return size;
}

/* -- identities ------------------------------------------------------------------------------------------------- */

bool kad_p2p_id_of(struct kad_bytes identity, struct kad_id *out_id)
{
    if (!kad_peer_id_is_valid(identity))
        return false;
    kad_peer_id_place(identity, out_id);
    return true;
}

bool kad_p2p_endpoint_of(struct kad_bytes peer_body, struct kad_endpoint *out_endpoint)
{
    struct kad_multiaddr parts;
    struct kad_bytes addr;

    for (unsigned i = 0; i < KAD_P2P_ADDRS && kad_p2p_next_addr(&peer_body, &addr); i++) {
        if (kad_multiaddr_parse(addr, &parts) == 0 && parts.host == KAD_HOST_IP &&
            parts.transport >= KAD_TRANSPORT_TCP && parts.endpoint.port) {
            *out_endpoint = parts.endpoint;
            return true;
        }
    }
    return false;
}

/* -- reading ---------------------------------------------------------------------------------------------------- */

/* Peer ids are checked by then. Those without an address that we could dial are of no use to anybody. */
static void take_contacts(const struct kad_p2p_message *from, struct kad_message *to)
{
    for (unsigned i = 0; i < from->n_closer && to->n_contacts < KAD_MESSAGE_CONTACTS; i++) {
        struct kad_contact *contact = &to->contacts[to->n_contacts];

        if (!kad_p2p_endpoint_of(from->closer[i].body, &contact->endpoint))
            continue;
        kad_peer_id_place(from->closer[i].id, &contact->id);
        to->identities[to->n_contacts++] = from->closer[i].id;
    }
}

static void name_record(struct kad_record *record, struct kad_bytes name, int64_t made_at)
{
    record->salt = name;
    kad_sha256(name.data, name.size, record->key.bytes);
    record->made_at = record->sequence = made_at;
    record->valid_until = KAD_NEVER;
}

static void take_value(const struct kad_p2p_record *from, int64_t made_at, struct kad_record *to)
{
    struct kad_ipns ipns;

    name_record(to, from->key, made_at);
    to->type = kad_p2p_type_of(from->key);
    to->value = from->value;
    if (to->type == KAD_CLASS_USER)
        to->valid_until = to->made_at + KAD_P2P_VALUE_LIFE;
    if (to->type == KAD_P2P_VALUE &&
        kad_ipns_read(from->key, from->value, &ipns) == 0) { /* signed or not: check_record() looks */
        to->sequence = (int64_t)ipns.sequence;
        to->valid_until = ipns.valid_until;
    }
}

/* When its holder got it is the holder's word, and that of a value that proves nothing is no better: where the newest stands, it
 * says which that is. It was not later than now. */
static void take_time(const struct kad_p2p_record *from, struct kad_record *to)
{
    kad_ms at;

    if (to->type != KAD_CLASS_USER || kad_ipns_read_time(from->time_received, &at) < 0 || at > to->made_at)
        return;
    to->made_at = to->sequence = at;
    to->valid_until = at + KAD_P2P_VALUE_LIFE;
}

static void take_provider(const struct kad_p2p_peer *from, struct kad_bytes key, int64_t made_at,
                          struct kad_record *to)
{
    struct kad_id place;

    name_record(to, key, made_at);
    to->type = KAD_CLASS_PROVIDER;
    to->many = true;
    to->value = from->body;
    kad_peer_id_place(from->id, &place);
    memcpy(to->public_key, place.bytes, sizeof(to->public_key));
}

static enum kad_decode take_query(const struct kad_p2p_message *from, int64_t made_at, struct kad_message *to)
{
    if (!kad_p2p_is_request(from))
        return KAD_DECODE_MALFORMED;
    kad_sha256(from->key.data, from->key.size, to->target.bytes);
    to->want_ipv4 = to->want_ipv6 = true;
    switch (from->type) {
    case KAD_P2P_FIND_NODE:
        to->method = KAD_FIND_NODE;
        return KAD_DECODED;
    case KAD_P2P_GET_PROVIDERS:
        to->method = KAD_GET;
        to->record_type = KAD_CLASS_PROVIDER;
        return KAD_DECODED;
    case KAD_P2P_GET_VALUE:
        to->method = KAD_GET;
        to->record_type = kad_p2p_type_of(from->key);
        return KAD_DECODED;
    case KAD_P2P_PUT_VALUE:
        to->method = KAD_PUT;
        take_value(&from->record, made_at, &to->record);
        return KAD_DECODED;
    case KAD_P2P_ADD_PROVIDER:
        to->method = KAD_PUT;
        if (!from->n_providers)
            return KAD_DECODE_MALFORMED;
        take_provider(&from->providers[0], from->key, made_at,
                      &to->record); /* the host lets only the sender's own through */
        return KAD_DECODED;
    case KAD_P2P_PING:
        break;
    }
    to->method = KAD_PING;
    return KAD_DECODED;
}

/* Of the providers behind the first. */
static bool next_provider(struct kad_values *values, const struct kad_message *message,
                          struct kad_record *out_record)
{
    struct kad_p2p_peer peer;
    struct kad_id place;

    if (values->n == KAD_P2P_PROVIDERS || !kad_p2p_next_peer(&values->rest, KAD_P2P_PROVIDERS_FIELD, &peer))
        return false;
    values->n++;
    *out_record = message->record; /* the same key, and as old */
    out_record->value = peer.body;
    kad_peer_id_place(peer.id, &place);
    memcpy(out_record->public_key, place.bytes, sizeof(out_record->public_key));
    return true;
}

/* Providers of a list: the first as `record`, the others as `more`. */
static void take_providers(const struct kad_p2p_message *from, struct kad_bytes bytes, int64_t made_at,
                           struct kad_message *to)
{
    struct kad_p2p_peer first;

    if (!from->n_providers || !kad_p2p_next_peer(&bytes, KAD_P2P_PROVIDERS_FIELD, &first))
        return;
    take_provider(&first, from->key, made_at, &to->record);
    to->more = (struct kad_values){.next = next_provider, .rest = bytes, .n = 1};
}

static enum kad_decode decode(struct kad_bytes bytes, enum kad_family family, struct kad_message *out_message)
{
    static const uint8_t token = 0; /* a connection has two ends: nothing else is to be shown */
    struct kad_p2p_message message;
    struct kad_p2p_frame frame;

    (void)family;
    kad_message_init(out_message);
    if (kad_p2p_frame_read(bytes, &frame) < 0)
        return KAD_DECODE_MALFORMED;
    out_message->transaction = frame.transaction;
    out_message->read_only = frame.flags & KAD_P2P_CLIENT;
    out_message->token = (struct kad_bytes){&token, 1};
    out_message->kind = frame.kind == KAD_P2P_QUERY   ? KAD_QUERY
                        : frame.kind == KAD_P2P_REPLY ? KAD_REPLY
                                                      : KAD_ERROR;
    if (frame.kind == KAD_P2P_ERROR) {
        out_message->refusal = KAD_REFUSAL_GENERIC;
        return KAD_DECODED;
    }
    if (frame.flags & KAD_P2P_PINGS) {
        out_message->method = KAD_PING;
        return KAD_DECODED;
    }
    if (kad_p2p_decode(frame.message, &message) < 0)
        return KAD_DECODE_MALFORMED;
    if (frame.kind == KAD_P2P_QUERY)
        return take_query(&message, frame.made_at, out_message);
    take_contacts(&message, out_message);
    if (message.has_record && message.type == KAD_P2P_GET_VALUE &&
        message.record.key.size <= KAD_P2P_KEY_MAX) {
        take_value(&message.record, frame.made_at, &out_message->record);
        take_time(&message.record, &out_message->record);
    } else if (message.type == KAD_P2P_GET_PROVIDERS && message.key.size &&
               message.key.size <= KAD_P2P_KEY_MAX) {
        take_providers(&message, frame.message, frame.made_at, out_message);
    }
    return KAD_DECODED;
}

/* -- writing ---------------------------------------------------------------------------------------------------- */

static void put_contacts(const struct kad_message *message, struct kad_proto_writer *writer)
{
    for (unsigned i = 0; i < message->n_contacts && i < NAMED_MOST; i++) {
        const struct kad_contact *contact = message->named ? message->named[i] : &message->contacts[i];
        const struct kad_bytes peer =
            message->named_identities ? message->named_identities[i] : message->identities[i];
        uint8_t bytes[32];
        const struct kad_bytes addr = {
            bytes, kad_multiaddr_make(&contact->endpoint, KAD_TRANSPORT_TCP, bytes, sizeof(bytes))};

        if (peer.size && addr.size)
            kad_p2p_put_peer(writer, KAD_P2P_CLOSER_FIELD, peer, &addr, 1, 0);
    }
}

static void put_value(const struct kad_record *record, struct kad_proto_writer *writer)
{
    char time[25];
    struct kad_p2p_record of = {.key = record->salt, .value = record->value};

    if (record->made_at > 0) {
        kad_ipns_write_time(record->made_at, time);
        of.time_received = (struct kad_bytes){(const uint8_t *)time, sizeof(time) - 1};
    }
    kad_p2p_put_record(writer, &of);
}

static void put_record(const struct kad_record *record, struct kad_proto_writer *writer)
{
    if (record->type == KAD_CLASS_PROVIDER)
        kad_proto_put_bytes(writer, KAD_P2P_PROVIDERS_FIELD, record->value);
    else if (record->type != KAD_RECORD_NONE)
        put_value(record, writer);
}

static void put_query(const struct kad_message *message, struct kad_proto_writer *writer)
{
    const struct kad_bytes target = {message->target.bytes, sizeof(message->target.bytes)};
    const bool provider =
        (message->method == KAD_PUT ? message->record.type : message->record_type) == KAD_CLASS_PROVIDER;

    switch (message->method) {
    case KAD_GET:
        kad_p2p_put_head(writer, provider ? KAD_P2P_GET_PROVIDERS : KAD_P2P_GET_VALUE, target);
        break;
    case KAD_PUT:
        kad_p2p_put_head(writer, provider ? KAD_P2P_ADD_PROVIDER : KAD_P2P_PUT_VALUE, message->record.salt);
        put_record(&message->record, writer);
        break;
    default:
        kad_p2p_put_head(writer, KAD_P2P_FIND_NODE, target);
    }
}

static void put_reply(const struct kad_message *message, struct kad_proto_writer *writer)
{
    struct kad_values more = message->more;
    struct kad_record record;

    put_record(&message->record, writer);
    for (unsigned i = 0; i < message->n_records; i++)
        put_record(&message->records[i], writer);
    while (more.next && more.next(&more, message, &record)) {
        if (writer->n + kad_proto_size_bytes(KAD_P2P_PROVIDERS_FIELD, record.value.size) <= KAD_P2P_NAMED_MAX)
            put_record(&record, writer);
    }
    put_contacts(message, writer);
}

static size_t encode(const struct kad_message *message, uint8_t *out_bytes, size_t room)
{
    const struct kad_p2p_frame frame = {
        .kind = message->kind == KAD_QUERY   ? KAD_P2P_QUERY
                : message->kind == KAD_REPLY ? KAD_P2P_REPLY
                                             : KAD_P2P_ERROR,
        .flags = (uint8_t)((message->read_only ? KAD_P2P_CLIENT : 0) |
                           (message->method == KAD_PING && message->kind != KAD_ERROR ? KAD_P2P_PINGS : 0)),
        .transaction = message->transaction,
    };
    const size_t n = kad_p2p_frame_write_head(&frame, out_bytes, room);
    struct kad_proto_writer writer = {.bytes = out_bytes + n, .room = room - n};

    if (!n)
        return 0;
    if (frame.flags & KAD_P2P_PINGS || message->kind == KAD_ERROR)
        return n;
    if (message->kind == KAD_QUERY)
        put_query(message, &writer);
    else
        put_reply(message, &writer);
    return writer.full ? 0 : n + writer.n;
}

const struct kad_codec kad_libp2p_codec = {
    .name = "libp2p",
    .decode = decode,
    .encode = encode,
    .check_record = kad_p2p_check_record,
};
