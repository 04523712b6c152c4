/*
 * krpc_decode - a datagram becomes a message.
 *
 * Keys come in any order, so the values are noted first (parts.h) and understood here, when it is known what they belong
 * to. A value of the wrong type or size is as good as absent: in a query that may be a reason to refuse, in a reply it
 * costs just that value.
 */
#include <string.h>

#include "base/endpoint.h"
#include "wire/krpc/krpc.h"
#include "wire/krpc/parts.h"
#include "wire/krpc/record.h"
#include "wire/krpc/usual.h"

static void set_id(struct kad_id *id, const uint8_t *bytes)
{
    memcpy(id->bytes, bytes, KAD_KRPC_ID);
    memset(id->bytes + KAD_KRPC_ID, 0, sizeof id->bytes - KAD_KRPC_ID);
}

/* The message's own ids were cleared with it. */
static bool get_id(const struct krpc_parts *parts, enum krpc_field field, struct kad_id *out_id)
{
    return krpc_get_exactly(parts, field, KAD_KRPC_ID, out_id->bytes);
}

/* Address and port as 6 or 18 bytes. False if there is none: port 0, or the unspecified address in any form. */
static bool read_endpoint(const uint8_t *bytes, size_t size, struct kad_endpoint *out_endpoint)
{
    static const uint8_t nowhere[sizeof out_endpoint->address];
    const uint16_t port = (uint16_t)(bytes[size - 2] << 8 | bytes[size - 1]);
    const struct kad_endpoint endpoint =
        size == KAD_KRPC_PEER_V4 ? kad_endpoint_v4(bytes, port) : kad_endpoint_v6(bytes, port);

    if (port == 0 || memcmp(endpoint.address, nowhere, sizeof nowhere) == 0)
        return false;
    *out_endpoint = endpoint;
    return true;
}

/* Somebody's endpoint, that is one of the family its size says: IPv4 in the clothes of IPv6 would slip past whoever
 * looks only at "nodes". */
static bool read_theirs(const uint8_t *bytes, size_t size, struct kad_endpoint *out_endpoint)
{
    return read_endpoint(bytes, size, out_endpoint) &&
           out_endpoint->family == (size == KAD_KRPC_PEER_V4 ? KAD_IPV4 : KAD_IPV6);
}

/* BEP 42 "ip". Here the mapped form is taken too: a node on a dual-stack socket sees IPv4 so. */
static void get_your_address(const struct krpc_parts *parts, struct kad_message *message)
{
    if (parts->address.size == KAD_KRPC_PEER_V4 || parts->address.size == KAD_KRPC_PEER_V6)
        read_endpoint(parts->address.data, parts->address.size, &message->your_address);
}

/* Arrays of replies. What passes the message's ceilings is left out. */

static void get_contacts(const struct krpc_parts *parts, enum krpc_field field, size_t size,
                         struct kad_message *message)
{
    struct kad_bytes nodes;

    if (!krpc_get_string(parts, field, &nodes))
        return;
    for (size_t at = 0; nodes.size - at >= size && message->n_contacts < KAD_MESSAGE_CONTACTS; at += size) {
        struct kad_contact *contact = &message->contacts[message->n_contacts];

        if (!read_theirs(nodes.data + at + KAD_KRPC_ID, size - KAD_KRPC_ID, &contact->endpoint))
            continue;
        set_id(&contact->id, nodes.data + at);
        message->n_contacts++;
    }
}

static void add_peers(struct kad_message *message, struct kad_bytes string, size_t size)
{
    for (size_t at = 0; string.size - at >= size && message->n_peers < KAD_MESSAGE_PEERS; at += size)
        if (read_theirs(string.data + at, size, &message->peers[message->n_peers]))
            message->n_peers++;
}

/* A string a peer, told apart by size (BEP 32). The oldest clients put all their IPv4 peers into one string, and
 * libtorrent still reads that. */
static void get_peers(const struct krpc_parts *parts, enum kad_family family, struct kad_message *message)
{
    const struct kad_bencode_item *values = krpc_get(parts, KRPC_VALUES, KAD_BENCODE_LIST);
    struct kad_bencode_reader reader;
    struct kad_bencode_item value;

    if (!values)
        return;
    reader = kad_bencode_reader(values->raw);
    kad_bencode_open(&reader, KAD_BENCODE_LIST);
    while (message->n_peers < KAD_MESSAGE_PEERS && kad_bencode_next(&reader, &value)) {
        if (value.type != KAD_BENCODE_STRING)
            continue;
        if (value.string.size == KAD_KRPC_PEER_V6)
            add_peers(message, value.string, KAD_KRPC_PEER_V6);
        else if (value.string.size == KAD_KRPC_PEER_V4 ||
                 (family == KAD_IPV4 && value.string.size % KAD_KRPC_PEER_V4 == 0))
            add_peers(message, value.string, KAD_KRPC_PEER_V4);
    }
}

static void get_samples(const struct krpc_parts *parts, struct kad_message *message)
{
    struct kad_bytes samples;
    int64_t number;

    if (!krpc_get_string(parts, KRPC_SAMPLES, &samples))
        return;
    message->has_samples = true;
    for (size_t at = 0; samples.size - at >= KAD_KRPC_ID && message->n_samples < KAD_MESSAGE_SAMPLES;
         at += KAD_KRPC_ID)
        set_id(&message->samples[message->n_samples++], samples.data + at);
    if (krpc_get_integer(parts, KRPC_NUM, 0, UINT32_MAX, &number))
        message->sample_total = (uint32_t)number;
    if (krpc_get_integer(parts, KRPC_INTERVAL, 0, UINT32_MAX, &number))
        message->sample_interval_s = (uint32_t)number;
}

static const uint8_t *get_bloom(const struct krpc_parts *parts, enum krpc_field field)
{
    struct kad_bytes filter;

    return krpc_get_string(parts, field, &filter) && filter.size == KAD_BLOOM_SIZE ? filter.data : NULL;
}

/* The answer to a get. With "k" it is mutable and must be whole; otherwise the value stands alone. */
static void get_record(const struct krpc_parts *parts, struct kad_message *message)
{
    struct kad_record record = {.type = KAD_RECORD_NONE};
    const bool has_value = krpc_has(parts, KRPC_V) && parts->fields[KRPC_V].raw.size <= KAD_RECORD_VALUE_MAX;
    const bool has_sequence = krpc_get_integer(parts, KRPC_SEQ, 0, INT64_MAX, &record.sequence);

    if (has_value && !krpc_has(parts, KRPC_K)) {
        message->record.type = KAD_RECORD_IMMUTABLE;
        message->record.value = parts->fields[KRPC_V].raw;
    } else if (has_value && has_sequence &&
               krpc_get_exactly(parts, KRPC_K, sizeof record.public_key, record.public_key) &&
               krpc_get_exactly(parts, KRPC_SIG, sizeof record.signature, record.signature)) {
        record.type = KAD_RECORD_MUTABLE;
        record.value = parts->fields[KRPC_V].raw;
        message->record = record;
    } else if (has_sequence) {
        message->has_sequence = true;
        message->sequence = record.sequence;
    }
}

static enum kad_decode decode_reply(const struct krpc_parts *parts, enum kad_family family,
                                    struct kad_message *message)
{
    if (parts->body != 'r')
        return KAD_DECODE_MALFORMED;
    message->kind = KAD_REPLY;
    message->method = KAD_UNKNOWN;
    get_your_address(parts, message);
    message->has_sender = get_id(parts, KRPC_ID, &message->sender);
    krpc_get_string(parts, KRPC_TOKEN, &message->token);
    get_contacts(parts, KRPC_NODES, KAD_KRPC_CONTACT_V4, message);
    get_contacts(parts, KRPC_NODES6, KAD_KRPC_CONTACT_V6, message);
    get_peers(parts, family, message);
    get_samples(parts, message);
    get_record(parts, message);
    message->bloom_seeds = get_bloom(parts, KRPC_BFSD);
    message->bloom_peers = get_bloom(parts, KRPC_BFPE);
    return KAD_DECODED;
}

/* [code, text]; also the code or the text alone, and nothing at all, for an error is an error. */
static enum kad_decode decode_error(const struct krpc_parts *parts, struct kad_message *message)
{
    struct kad_bencode_item item;
    int64_t code = 0;

    message->kind = KAD_ERROR;
    message->method = KAD_UNKNOWN;
    get_your_address(parts, message);
    if (parts->body == 'r') /* libtorrent says who it is even there */
        message->has_sender = get_id(parts, KRPC_ID, &message->sender);
    if (parts->has_error) {
        struct kad_bencode_reader reader = kad_bencode_reader(parts->error.raw);
        bool list = parts->error.type == KAD_BENCODE_LIST && kad_bencode_open(&reader, KAD_BENCODE_LIST);

        while (list ? kad_bencode_next(&reader, &item) : kad_bencode_item(&reader, &item)) {
            if (item.type == KAD_BENCODE_INTEGER && code == 0)
                code = item.integer;
            else if (item.type == KAD_BENCODE_STRING && message->refusal_text.size == 0)
                message->refusal_text = item.string;
        }
    }
    if (code <= 0 || code > INT32_MAX)
        code = kad_krpc_refusal_code(KAD_REFUSAL_GENERIC);
    message->refusal = kad_krpc_refusal_of(code);
    message->refusal_code = (int32_t)code;
    return KAD_DECODED;
}

/* Queries. */

static enum kad_decode refuse(struct kad_message *message, enum kad_refusal refusal, const char *text)
{
    message->refusal = refusal;
    message->refusal_code = kad_krpc_refusal_code(refusal);
    message->refusal_text = (struct kad_bytes){(const uint8_t *)text, strlen(text)};
    return KAD_DECODE_BAD_QUERY;
}

static enum kad_method method_of(struct kad_bytes name)
{
    switch (name.size) {
    case 3:
        return krpc_is(name, "get", 3) ? KAD_GET : krpc_is(name, "put", 3) ? KAD_PUT : KAD_UNKNOWN;
    case 4:
        return krpc_is(name, "ping", 4) ? KAD_PING : KAD_UNKNOWN;
    case 9:
        return krpc_is(name, "find_node", 9)   ? KAD_FIND_NODE
               : krpc_is(name, "get_peers", 9) ? KAD_GET_PEERS
                                               : KAD_UNKNOWN;
    case 13:
        return krpc_is(name, "announce_peer", 13) ? KAD_ANNOUNCE : KAD_UNKNOWN;
    case 17:
        return krpc_is(name, "sample_infohashes", 17) ? KAD_SAMPLE : KAD_UNKNOWN;
    default:
        return KAD_UNKNOWN;
    }
}

static void add_want(struct kad_message *message, const struct kad_bencode_item *flag)
{
    if (flag->type != KAD_BENCODE_STRING || flag->string.size != 2)
        return;
    message->want_ipv4 |= krpc_is(flag->string, "n4", 2);
    message->want_ipv6 |= krpc_is(flag->string, "n6", 2);
}

/* A list of flags; the first draft of BEP 32 had a string. */
static void get_want(const struct krpc_parts *parts, struct kad_message *message)
{
    struct kad_bencode_reader reader;
    struct kad_bencode_item flag;

    if (!krpc_has(parts, KRPC_WANT))
        return;
    add_want(message, &parts->fields[KRPC_WANT]);
    if (parts->fields[KRPC_WANT].type != KAD_BENCODE_LIST)
        return;
    reader = kad_bencode_reader(parts->fields[KRPC_WANT].raw);
    kad_bencode_open(&reader, KAD_BENCODE_LIST);
    while (kad_bencode_next(&reader, &flag))
        add_want(message, &flag);
}

static enum kad_decode decode_announce(const struct krpc_parts *parts, struct kad_message *message)
{
    int64_t port;

    if (!get_id(parts, KRPC_INFO_HASH, &message->target))
        return refuse(message, KAD_REFUSAL_PROTOCOL, "missing or invalid info_hash");
    if (!krpc_get_string(parts, KRPC_TOKEN, &message->token))
        return refuse(message, KAD_REFUSAL_PROTOCOL, "missing token");
    message->implied_port = krpc_get_flag(parts, KRPC_IMPLIED_PORT);
    message->seed = krpc_get_flag(parts, KRPC_SEED);
    if (krpc_get_integer(parts, KRPC_PORT, 1, UINT16_MAX, &port))
        message->port = (uint16_t)port;
    else if (!message->implied_port)
        return refuse(message, KAD_REFUSAL_PROTOCOL, "missing or invalid port");
    return KAD_DECODED;
}

static enum kad_decode decode_put(const struct krpc_parts *parts, struct kad_message *message)
{
    struct kad_record *record = &message->record;
    const bool is_mutable = krpc_has(parts, KRPC_K);

    if (!krpc_get_string(parts, KRPC_TOKEN, &message->token))
        return refuse(message, KAD_REFUSAL_PROTOCOL, "missing token");
    if (!krpc_has(parts, KRPC_V))
        return refuse(message, KAD_REFUSAL_PROTOCOL, "missing v");
    if (is_mutable) {
        if (!krpc_get_exactly(parts, KRPC_K, sizeof record->public_key, record->public_key))
            return refuse(message, KAD_REFUSAL_PROTOCOL, "invalid k");
        if (!krpc_get_exactly(parts, KRPC_SIG, sizeof record->signature, record->signature))
            return refuse(message, KAD_REFUSAL_PROTOCOL, "missing or invalid sig");
        if (!krpc_get_integer(parts, KRPC_SEQ, 0, INT64_MAX, &record->sequence))
            return refuse(message, KAD_REFUSAL_PROTOCOL, "missing or invalid seq");
        krpc_get_string(parts, KRPC_SALT, &record->salt);
        message->has_cas = krpc_get_integer(parts, KRPC_CAS, INT64_MIN, INT64_MAX, &message->cas);
    }
    record->value = parts->fields[KRPC_V].raw;
    if (record->value.size > KAD_RECORD_VALUE_MAX)
        return refuse(message, KAD_REFUSAL_TOO_BIG, kad_krpc_refusal_text(KAD_REFUSAL_TOO_BIG));
    if (record->salt.size > KAD_RECORD_SALT_MAX)
        return refuse(message, KAD_REFUSAL_SALT_TOO_BIG, kad_krpc_refusal_text(KAD_REFUSAL_SALT_TOO_BIG));
    if (!kad_bencode_canonical(record->value))
        return refuse(message, KAD_REFUSAL_PROTOCOL, "v is not canonical bencoding");
    record->type = is_mutable ? KAD_RECORD_MUTABLE : KAD_RECORD_IMMUTABLE;
    record->key = message->target = kad_krpc_record_key(record);
    message->record_checked = !is_mutable; /* all but a signature */
    return KAD_DECODED;
}

static enum kad_decode decode_query(const struct krpc_parts *parts, struct kad_message *message)
{
    message->kind = KAD_QUERY;
    message->method = method_of(parts->method);
    message->read_only = parts->read_only;
    if (!parts->has_method)
        return refuse(message, KAD_REFUSAL_PROTOCOL, "missing q");
    if (parts->body != 'a' || !get_id(parts, KRPC_ID, &message->sender))
        return refuse(message, KAD_REFUSAL_PROTOCOL, "missing or invalid id");
    message->has_sender = true;
    get_want(parts, message);

    switch (message->method) {
    case KAD_PING:
        return KAD_DECODED;
    case KAD_GET_PEERS:
        message->no_seeds = krpc_get_flag(parts, KRPC_NOSEED);
        message->scrape = krpc_get_flag(parts, KRPC_SCRAPE);
        if (!get_id(parts, KRPC_INFO_HASH, &message->target))
            return refuse(message, KAD_REFUSAL_PROTOCOL, "missing or invalid info_hash");
        return KAD_DECODED;
    case KAD_GET:
        message->has_sequence = krpc_get_integer(parts, KRPC_SEQ, INT64_MIN, INT64_MAX, &message->sequence);
        /* fall through */
    case KAD_FIND_NODE:
    case KAD_SAMPLE:
        if (!get_id(parts, KRPC_TARGET, &message->target))
            return refuse(message, KAD_REFUSAL_PROTOCOL, "missing or invalid target");
        return KAD_DECODED;
    case KAD_ANNOUNCE:
        return decode_announce(parts, message);
    case KAD_PUT:
        return decode_put(parts, message);
    default:
        if (!get_id(parts, KRPC_TARGET, &message->target) && !get_id(parts, KRPC_INFO_HASH, &message->target))
            return refuse(message, KAD_REFUSAL_METHOD, kad_krpc_refusal_text(KAD_REFUSAL_METHOD));
        return KAD_DECODED;
    }
}

enum kad_decode kad_krpc_decode_any(struct kad_bytes bytes, enum kad_family family,
                                    struct kad_message *out_message)
{
    struct krpc_parts parts;

    if (!kad_krpc_read_parts(bytes, &parts))
        return KAD_DECODE_MALFORMED;
    kad_message_init(out_message);
    out_message->transaction = parts.transaction;
    out_message->version = parts.version;
    switch (parts.kind) {
    case 'q':
        return decode_query(&parts, out_message);
    case 'r':
        return decode_reply(&parts, family, out_message);
    case 'e':
        return decode_error(&parts, out_message);
    default:
        return KAD_DECODE_MALFORMED;
    }
}

enum kad_decode kad_krpc_decode(struct kad_bytes bytes, enum kad_family family,
                                struct kad_message *out_message)
{
    if (kad_krpc_decode_usual(bytes, out_message))
        return KAD_DECODED;
    return kad_krpc_decode_any(bytes, family, out_message);
}
