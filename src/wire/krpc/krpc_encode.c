/* krpc_encode - a message becomes a datagram. Keys stand in the order that bencode demands, which is the order below. */
#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "wire/krpc/bencode.h"
#include "wire/krpc/krpc.h"

/* A literal, already encoded. */
#define PUT(writer, literal) kad_bencode_put((writer), (literal), sizeof(literal) - 1)

static void put_string(struct kad_bencode_writer *writer, struct kad_bytes string)
{
    kad_bencode_put_string(writer, string.data, string.size);
}

/* A key and the id that is its value. */
#define PUT_ID(writer, key, id)       \
    do {                              \
        PUT((writer), key "20:");     \
        put_id_bytes((writer), (id)); \
    } while (0)

static inline void put_id_bytes(struct kad_bencode_writer *writer, const struct kad_id *id)
{
    static_assert(KAD_KRPC_ID == 20, "PUT_ID says so");
    kad_bencode_put(writer, id->bytes, KAD_KRPC_ID);
}

/* Returns the end. */
static inline uint8_t *write_endpoint(uint8_t *at, const struct kad_endpoint *endpoint,
                                      enum kad_family family)
{
    const size_t size = family == KAD_IPV4 ? 4 : 16;

    memcpy(at, endpoint->address, size);
    at[size] = (uint8_t)(endpoint->port >> 8);
    at[size + 1] = (uint8_t)endpoint->port;
    return at + size + 2;
}

static void put_endpoint(struct kad_bencode_writer *writer, const struct kad_endpoint *endpoint)
{
    uint8_t text[KAD_KRPC_PEER_V6];

    if (endpoint->family == KAD_IPV4) {
        static_assert(KAD_KRPC_PEER_V4 == 6, "as written here");
        write_endpoint(text, endpoint, KAD_IPV4);
        PUT(writer, "6:");
        kad_bencode_put(writer, text, KAD_KRPC_PEER_V4);
    } else {
        write_endpoint(text, endpoint, KAD_IPV6);
        kad_bencode_put_string(writer, text, KAD_KRPC_PEER_V6);
    }
}

/* Replies. */

static inline const struct kad_contact *contact_of(const struct kad_message *message, size_t i)
{
    return message->named ? message->named[i] : &message->contacts[i];
}

/* The contacts of one family; none gives nothing, unless `even_none`. */
static inline void put_contacts(struct kad_bencode_writer *writer, const struct kad_message *message,
                                enum kad_family family, bool even_none)
{
    const size_t size = family == KAD_IPV4 ? KAD_KRPC_CONTACT_V4 : KAD_KRPC_CONTACT_V6;
    size_t n = 0;
    uint8_t *at;

    for (size_t i = 0; i < message->n_contacts; i++)
        n += contact_of(message, i)->endpoint.family == family;
    if (n == 0 && !even_none)
        return;
    if (family == KAD_IPV4)
        PUT(writer, "5:nodes");
    else
        PUT(writer, "6:nodes6");
    at = kad_bencode_put_room(writer, n * size);
    for (size_t i = 0; at && i < message->n_contacts; i++) {
        const struct kad_contact *contact = contact_of(message, i);

        if (contact->endpoint.family != family)
            continue;
        memcpy(at, contact->id.bytes, KAD_KRPC_ID);
        at = write_endpoint(at + KAD_KRPC_ID, &contact->endpoint, family);
    }
}

static void put_samples(struct kad_bencode_writer *writer, const struct kad_message *message)
{
    const struct kad_id *samples = message->sampled ? message->sampled : message->samples;
    uint8_t *room;

    PUT(writer, "7:samples");
    room = kad_bencode_put_room(writer, (size_t)message->n_samples * KAD_KRPC_ID);
    for (size_t i = 0; room && i < message->n_samples; i++)
        memcpy(room + i * KAD_KRPC_ID, samples[i].bytes, KAD_KRPC_ID);
}

static void put_bloom(struct kad_bencode_writer *writer, const uint8_t *filter)
{
    kad_bencode_put_string(writer, filter, KAD_BLOOM_SIZE);
}

static void put_reply(struct kad_bencode_writer *writer, const struct kad_message *message)
{
    const struct kad_record *record = &message->record;
    const bool is_mutable = record->type == KAD_RECORD_MUTABLE;
    const bool find = message->method == KAD_FIND_NODE;

    PUT(writer, "1:rd");
    if (message->bloom_peers) {
        PUT(writer, "4:BFpe");
        put_bloom(writer, message->bloom_peers);
    }
    if (message->bloom_seeds) {
        PUT(writer, "4:BFsd");
        put_bloom(writer, message->bloom_seeds);
    }
    if (message->has_sender) {
        PUT_ID(writer, "2:id", &message->sender);
    }
    if (message->has_samples) {
        PUT(writer, "8:interval");
        kad_bencode_put_integer(writer, message->sample_interval_s);
    }
    if (is_mutable) {
        PUT(writer, "1:k");
        kad_bencode_put_string(writer, record->public_key, sizeof record->public_key);
    }
    put_contacts(writer, message, KAD_IPV4, find && message->want_ipv4);
    put_contacts(writer, message, KAD_IPV6, find && message->want_ipv6);
    if (message->has_samples) {
        PUT(writer, "3:num");
        kad_bencode_put_integer(writer, message->sample_total);
        put_samples(writer, message);
    }
    if (is_mutable || (message->has_sequence && record->type == KAD_RECORD_NONE)) {
        PUT(writer, "3:seq");
        kad_bencode_put_integer(writer, is_mutable ? record->sequence : message->sequence);
    }
    if (is_mutable) {
        PUT(writer, "3:sig");
        kad_bencode_put_string(writer, record->signature, sizeof record->signature);
    }
    if (message->token.size > 0) {
        PUT(writer, "5:token");
        put_string(writer, message->token);
    }
    if (record->type != KAD_RECORD_NONE) {
        PUT(writer, "1:v");
        kad_bencode_put(writer, record->value.data, record->value.size);
    }
    if (message->n_peers > 0) {
        PUT(writer, "6:valuesl");
        for (size_t i = 0; i < message->n_peers; i++)
            put_endpoint(writer, &message->peers[i]);
        PUT(writer, "e");
    }
    PUT(writer, "e");
}

static void put_error(struct kad_bencode_writer *writer, const struct kad_message *message)
{
    const char *text = kad_krpc_refusal_text(message->refusal);

    PUT(writer, "1:el");
    kad_bencode_put_integer(writer, message->refusal_code ? message->refusal_code
                                                          : kad_krpc_refusal_code(message->refusal));
    if (message->refusal_text.size > 0)
        put_string(writer, message->refusal_text);
    else
        kad_bencode_put_string(writer, text, strlen(text));
    PUT(writer, "e");
}

/* Queries. */

static void put_want(struct kad_bencode_writer *writer, const struct kad_message *message)
{
    if (!message->want_ipv4 && !message->want_ipv6)
        return;
    PUT(writer, "4:wantl");
    if (message->want_ipv4)
        PUT(writer, "2:n4");
    if (message->want_ipv6)
        PUT(writer, "2:n6");
    PUT(writer, "e");
}

static void put_announce(struct kad_bencode_writer *writer, const struct kad_message *message)
{
    if (message->implied_port)
        PUT(writer, "12:implied_porti1e");
    PUT_ID(writer, "9:info_hash", &message->target);
    PUT(writer, "4:port");
    kad_bencode_put_integer(writer, message->port);
    if (message->seed)
        PUT(writer, "4:seedi1e");
    PUT(writer, "5:token");
    put_string(writer, message->token);
}

static void put_put(struct kad_bencode_writer *writer, const struct kad_message *message)
{
    const struct kad_record *record = &message->record;

    if (record->type == KAD_RECORD_MUTABLE) {
        PUT(writer, "1:k");
        kad_bencode_put_string(writer, record->public_key, sizeof record->public_key);
        if (record->salt.size > 0) {
            PUT(writer, "4:salt");
            put_string(writer, record->salt);
        }
        PUT(writer, "3:seq");
        kad_bencode_put_integer(writer, record->sequence);
        PUT(writer, "3:sig");
        kad_bencode_put_string(writer, record->signature, sizeof record->signature);
    }
    PUT(writer, "5:token");
    put_string(writer, message->token);
    PUT(writer, "1:v");
    kad_bencode_put(writer, record->value.data, record->value.size);
}

/* What stands between "id" and "want". */
static void put_arguments(struct kad_bencode_writer *writer, const struct kad_message *message)
{
    switch (message->method) {
    case KAD_GET_PEERS:
        PUT_ID(writer, "9:info_hash", &message->target);
        if (message->no_seeds)
            PUT(writer, "6:noseedi1e");
        if (message->scrape)
            PUT(writer, "6:scrapei1e");
        break;
    case KAD_GET:
        if (message->has_sequence) {
            PUT(writer, "3:seq");
            kad_bencode_put_integer(writer, message->sequence);
        }
        /* fall through */
    case KAD_FIND_NODE:
    case KAD_SAMPLE:
        PUT_ID(writer, "6:target", &message->target);
        break;
    case KAD_ANNOUNCE:
        put_announce(writer, message);
        break;
    case KAD_PUT:
        put_put(writer, message);
        break;
    default:
        break;
    }
}

static void put_query(struct kad_bencode_writer *writer, const struct kad_message *message)
{
    static const char *const names[KAD_UNKNOWN] = {
        [KAD_PING] = "4:ping",
        [KAD_FIND_NODE] = "9:find_node",
        [KAD_GET_PEERS] = "9:get_peers",
        [KAD_ANNOUNCE] = "13:announce_peer",
        [KAD_GET] = "3:get",
        [KAD_PUT] = "3:put",
        [KAD_SAMPLE] = "17:sample_infohashes",
    };

    assert(message->method < KAD_UNKNOWN && "we ask nothing that we do not know");
    assert((message->method != KAD_PUT || message->record.type != KAD_RECORD_NONE) && "a put of nothing");
    PUT(writer, "1:ad");
    if (message->method == KAD_PUT && message->record.type == KAD_RECORD_MUTABLE && message->has_cas) {
        PUT(writer, "3:cas");
        kad_bencode_put_integer(writer, message->cas);
    }
    PUT_ID(writer, "2:id", &message->sender);
    put_arguments(writer, message);
    put_want(writer, message);
    PUT(writer, "e1:q");
    kad_bencode_put(writer, names[message->method], strlen(names[message->method]));
    if (message->read_only)
        PUT(writer, "2:roi1e");
}

static void put_your_address(struct kad_bencode_writer *writer, const struct kad_message *message)
{
    if (message->your_address.family == KAD_FAMILY_NONE)
        return;
    PUT(writer, "2:ip");
    put_endpoint(writer, &message->your_address);
}

size_t kad_krpc_encode(const struct kad_message *message, uint8_t *out_bytes, size_t room)
{
    static const char *const kinds[] = {
        [KAD_QUERY] = "1:y1:qe", [KAD_REPLY] = "1:y1:re", [KAD_ERROR] = "1:y1:ee"};
    struct kad_bencode_writer writer = kad_bencode_writer(out_bytes, room);

    PUT(&writer, "d");
    switch (message->kind) {
    case KAD_QUERY:
        put_query(&writer, message);
        break;
    case KAD_REPLY:
        put_your_address(&writer, message);
        put_reply(&writer, message);
        break;
    case KAD_ERROR:
        put_error(&writer, message);
        put_your_address(&writer, message);
        break;
    }
    PUT(&writer, "1:t");
    put_string(&writer, message->transaction);
    if (message->version.size > 0) {
        PUT(&writer, "1:v");
        put_string(&writer, message->version);
    }
    kad_bencode_put(&writer, kinds[message->kind], 7);
    return writer.full ? 0 : (size_t)(writer.at - out_bytes);
}
