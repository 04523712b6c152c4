/* swarm_words - what the engine says in frames (wire/libp2p/codec.h), in the words of the wire: with names for keys, and with all the
 * addresses of a peer that are known. */
#include "engine/swarm_parts.h"

#include <string.h>

#include "base/varint.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"

#define LENGTH_MAX 3    /* bytes of a message's length: ours are short */
#define TRIES      4096 /* names that are tried for one near a key */

int kad_swarm_message(struct kad_bytes came, size_t most, struct kad_bytes *out_message, size_t *out_size)
{
    uint64_t size = 0;
    const int n = kad_varint_read(came, &size);

    if (n < 0 || (n > 0 && size > most))
        return KAD_E_INVALID;
    if (n == 0)
        return came.size >= KAD_VARINT_MAX ? KAD_E_INVALID : 0;
    if (came.size - (size_t)n < size)
        return 0;
    *out_message = (struct kad_bytes){came.data + n, (size_t)size};
    *out_size = (size_t)n + (size_t)size;
    return 1;
}

static unsigned shared_bits(const uint8_t *a, const uint8_t *b)
{
    unsigned n = 0;

    while (n < 32 && a[n] == b[n])
        n++;
    if (n == 32)
        return 256;
    return 8 * n + (unsigned)__builtin_clz((unsigned)(a[n] ^ b[n])) - 24;
}

/* Somewhere near a key that has no name: what is hashed to there, as far as a search finds it. The engine looks around such a
 * place to keep its table fresh, and any place there will do. */
static struct kad_bytes invent_name(struct kad_swarm *swarm, const uint8_t *key, uint8_t out_name[32])
{
    const unsigned wanted = shared_bits(key, swarm->place.bytes) + 1;
    uint8_t tried[32], hash[32];
    unsigned best = 0;

    kad_rng_bytes(&swarm->rng, tried, sizeof(tried));
    for (unsigned i = 0; i < TRIES && best < wanted; i++) {
        unsigned bits;

        tried[0] = (uint8_t)i;
        tried[1] = (uint8_t)(i >> 8);
        kad_sha256(tried, sizeof(tried), hash);
        bits = shared_bits(hash, key);
        if (i && bits <= best)
            continue;
        best = bits;
        memcpy(out_name, tried, sizeof(tried));
    }
    return (struct kad_bytes){out_name, 32};
}

static struct kad_bytes name_of(struct kad_swarm *swarm, struct kad_bytes key, uint8_t room[32])
{
    struct kad_id id;
    struct kad_bytes name;
    const struct swarm_peer *peer;

    if (key.size != sizeof(id.bytes))
        return key;
    memcpy(id.bytes, key.data, sizeof(id.bytes));
    name = kad_swarm_name(swarm, &id);
    if (name.size)
        return name;
    if (swarm->config.name_of && swarm->config.name_of(swarm->config.context, &id, &name))
        return name;
    if (memcmp(id.bytes, swarm->place.bytes, sizeof(id.bytes)) == 0)
        return (struct kad_bytes){swarm->self, swarm->n_self};
    peer = kad_swarm_peer_at(swarm, &id);
    if (peer)
        return (struct kad_bytes){peer->id, peer->n_id};
    return invent_name(swarm, key.data, room);
}

/* Moves a message of `n` bytes, written LENGTH_MAX bytes behind the beginning, to where its length ends. */
static size_t put_length(uint8_t *out, size_t n)
{
    const unsigned size = kad_varint_size(n);

    memmove(out + size, out + LENGTH_MAX, n);
    (void)kad_varint_write(n, out);
    return size + n;
}

/* We ourselves, where we listen now. */
static void put_self(struct kad_swarm *swarm, struct kad_proto_writer *writer, uint32_t field)
{
    struct kad_bytes addrs[KAD_SWARM_LISTEN];

    for (unsigned i = 0; i < swarm->n_listen; i++)
        addrs[i] = (struct kad_bytes){swarm->listen[i], swarm->n_listen_bytes[i]};
    kad_p2p_put_peer(writer, field, (struct kad_bytes){swarm->self, swarm->n_self}, addrs, swarm->n_listen,
                     0);
}

/* Among those who are closer, a peer with all that we know of it. */
static void put_peer(struct kad_proto_writer *writer, const struct swarm_peer *peer)
{
    struct kad_bytes addrs[KAD_SWARM_ADDRS];

    for (unsigned i = 0; i < peer->n_addrs; i++)
        addrs[i] = (struct kad_bytes){peer->addrs[i].bytes, peer->addrs[i].n};
    kad_p2p_put_peer(writer, KAD_P2P_CLOSER_FIELD, (struct kad_bytes){peer->id, peer->n_id}, addrs,
                     peer->n_addrs, peer->conn != NULL);
}

static bool is(struct kad_bytes id, struct kad_bytes other)
{
    return id.size == other.size && memcmp(id.data, other.data, id.size) == 0;
}

static bool is_self(const struct kad_swarm *swarm, struct kad_bytes id)
{
    return is(id, kad_swarm_self(swarm));
}

size_t kad_swarm_write_question(struct kad_swarm *swarm, const struct kad_p2p_frame *frame, uint8_t *out_type,
                                uint8_t *out, size_t room)
{
    static const size_t least = LENGTH_MAX + KAD_P2P_KEY_MAX + 8;
    struct kad_p2p_message message;
    struct kad_proto_writer writer = {.bytes = out + LENGTH_MAX, .room = room - LENGTH_MAX};
    uint8_t invented[32];

    if (room < least || kad_p2p_decode(frame->message, &message) < 0)
        return 0;
    *out_type = (uint8_t)message.type;
    if (message.type == KAD_P2P_PUT_VALUE || message.type == KAD_P2P_ADD_PROVIDER) { /* its name is in it */
        kad_p2p_put_head(&writer, message.type, message.key);
        if (message.has_record)
            kad_p2p_put_record(&writer, &message.record);
        if (message.n_providers && is_self(swarm, message.providers[0].id))
            put_self(swarm, &writer, KAD_P2P_PROVIDERS_FIELD);
        else if (message.n_providers)
            kad_proto_put_bytes(&writer, KAD_P2P_PROVIDERS_FIELD, message.providers[0].body);
    } else {
        kad_p2p_put_head(&writer, message.type, name_of(swarm, message.key, invented));
    }
    return writer.full ? 0 : put_length(out, writer.n);
}

/* A peer of an answer, with all the addresses that are known of it instead of the one that the engine knows. */
static void put_known(struct kad_swarm *swarm, struct kad_proto_writer *writer, uint32_t field,
                      const struct kad_p2p_peer *named)
{
    const struct swarm_peer *peer = kad_swarm_peer_find(swarm, named->id);
    const size_t before = writer->n;

    if (is_self(swarm, named->id))
        put_self(swarm, writer, field);
    else if (field == KAD_P2P_PROVIDERS_FIELD || !peer || !peer->n_addrs)
        kad_proto_put_bytes(writer, field, named->body);
    else if (!peer->is_client)
        put_peer(writer, peer);
    if (writer->full) { /* as many as fit */
        writer->n = before;
        writer->full = false;
        writer->room = before;
    }
}

/* Who is asked for by its name is named in front, be it a client or ourselves, if we know where it is. Not the asker: js-libp2p 3.3.11,
 * told of itself when it looks for itself, is not found by others after it. */
static bool put_wanted(struct kad_swarm *swarm, struct kad_proto_writer *writer, struct kad_bytes id)
{
    const struct swarm_peer *peer = kad_swarm_peer_find(swarm, id);
    const bool self = is_self(swarm, id) && swarm->n_listen;

    if (self)
        put_self(swarm, writer, KAD_P2P_CLOSER_FIELD);
    else if (peer && peer->n_addrs)
        put_peer(writer, peer);
    return self || (peer && peer->n_addrs);
}

size_t kad_swarm_write_answer(struct kad_swarm *swarm, const struct kad_p2p_frame *frame, uint8_t type,
                              struct kad_bytes key, struct kad_bytes asker, uint8_t *out, size_t room)
{
    const bool has_key = type != KAD_P2P_FIND_NODE;
    unsigned n_unknown = 0;
    bool wanted;
    struct kad_p2p_message message;
    struct kad_proto_writer writer = {.bytes = out + LENGTH_MAX, .room = room - LENGTH_MAX};

    if (room < LENGTH_MAX || kad_p2p_decode(frame->message, &message) < 0)
        return 0;
    kad_p2p_put_head(&writer, (enum kad_p2p_type)type, has_key ? key : (struct kad_bytes){0});
    if (message.has_record)
        kad_p2p_put_record(&writer, &message.record);
    wanted = type == KAD_P2P_FIND_NODE && !is(asker, key) && put_wanted(swarm, &writer, key);
    if (writer.full)
        return 0;
    for (unsigned i = 0; i < message.n_providers; i++) {
        if (is_self(swarm, message.providers[i].id) ||
            kad_swarm_names(swarm, &message.providers[i], &n_unknown))
            put_known(swarm, &writer, KAD_P2P_PROVIDERS_FIELD, &message.providers[i]);
    }
    for (unsigned i = 0; i < message.n_closer; i++) {
        const struct kad_bytes id = message.closer[i].id;

        if (!wanted || !is(id, key))
            put_known(swarm, &writer, KAD_P2P_CLOSER_FIELD, &message.closer[i]);
    }
    return put_length(out, writer.n);
}

void kad_swarm_learn_from(struct kad_swarm *swarm, struct kad_bytes bytes)
{
    struct kad_p2p_message message;
    const struct kad_p2p_peer *const lists[] = {message.closer, message.providers};

    if (kad_p2p_decode(bytes, &message) < 0)
        return;
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < (k ? message.n_providers : message.n_closer); i++) {
            struct kad_bytes rest = lists[k][i].body, addr;
            struct swarm_peer *peer = NULL;

            if (is_self(swarm, lists[k][i].id))
                continue;
            for (unsigned n = 0; n < KAD_P2P_ADDRS && kad_p2p_next_addr(&rest, &addr); n++) {
                if (!peer)
                    peer = kad_swarm_peer_add(swarm, lists[k][i].id);
                if (peer && !peer->sequence && !peer->conn) /* what it said itself is better */
                    kad_swarm_peer_addr(swarm, peer, addr);
            }
        }
    }
}
