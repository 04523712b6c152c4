/* world_words - what engines of libp2p's networks say to each other, as it comes out of the asker's swarm and into the other's: keys
 * have names, answers stand beside their questions. What stream a question came on, its transaction says here. */
#include "sim/world_links.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"
#include "engine/network.h"
#include "wire/libp2p/codec.h"
#include "wire/libp2p/message.h"

#define INVENTED 65536             /* names to choose from where a key has none */
#define HELD_FOR (10 * KAD_MINUTE) /* as swarm.c has it */
#define PACKED \
    (KAD_P2P_KEY_MAX + 2) /* of a transaction on its way: type, key, and the asker's own behind them */

struct name {
    struct kad_id key;
    uint8_t n;
    uint8_t bytes[KAD_P2P_KEY_MAX];
};

struct sim_names {
    struct kad_index by_key;
    struct name *names;
    uint32_t n, room;
    struct invented {
        uint64_t head; /* of its hash */
        uint32_t number;
    } invented[INVENTED];
};

/* -- names ------------------------------------------------------------------------------------------------------ */

static void invent(uint32_t number, uint8_t out_name[8])
{
    memcpy(out_name, "sim:", 4);
    for (unsigned i = 0; i < 4; i++)
        out_name[4 + i] = (uint8_t)(number >> 8 * i);
}

static int by_head(const void *a, const void *b)
{
    const struct invented *x = a, *y = b;

    if (x->head != y->head)
        return x->head < y->head ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

int sim_words_new(struct sim_world *world, struct sim_names **out_names)
{
    struct sim_names *names = kad_alloc_zero(&world->memory.allocator, sizeof(*names));

    if (!names)
        return KAD_E_MEMORY;
    kad_index_init(&names->by_key, &world->memory.allocator, (1u << 30) - 1);
    for (uint32_t i = 0; i < INVENTED; i++) {
        uint8_t name[8];
        struct kad_id hash;

        invent(i, name);
        kad_sha256(name, sizeof(name), hash.bytes);
        names->invented[i] = (struct invented){kad_id_head(&hash), i};
    }
    qsort(names->invented, INVENTED, sizeof(names->invented[0]), by_head);
    *out_names = names;
    return 0;
}

void sim_words_free(struct sim_world *world, struct sim_names *names)
{
    const struct kad_allocator *allocator = &world->memory.allocator;

    if (!names)
        return;
    kad_index_clear(&names->by_key);
    kad_free(allocator, names->names, names->room * sizeof(*names->names));
    kad_free(allocator, names, sizeof(*names));
}

static const struct name *find(const struct sim_names *names, const struct kad_id *key)
{
    const uint64_t hash = kad_id_head(key);

    for (uint32_t at = kad_index_first(&names->by_key, hash); at != KAD_INDEX_END;
         at = kad_index_next(&names->by_key, hash, at)) {
        const struct name *name = &names->names[kad_index_slot(&names->by_key, at)];

        if (kad_id_equal(&name->key, key))
            return name;
    }
    return NULL;
}

int sim_world_name(struct sim_world *world, struct kad_bytes bytes, struct kad_id *out_key)
{
    struct sim_names *names = world->names;
    struct name *name;

    kad_sha256(bytes.data, bytes.size, out_key->bytes);
    if (!names || bytes.size > KAD_P2P_KEY_MAX || find(names, out_key))
        return 0;
    if (names->n == names->room) {
        const uint32_t room = names->room ? 2 * names->room : 256;
        struct name *more = kad_resize(&world->memory.allocator, names->names, names->room * sizeof(*more),
                                       room * sizeof(*more));

        if (!more)
            return KAD_E_MEMORY;
        names->names = more;
        names->room = room;
    }
    name = &names->names[names->n];
    name->key = *out_key;
    name->n = (uint8_t)bytes.size;
    memcpy(name->bytes, bytes.data, bytes.size);
    if (kad_index_add(&names->by_key, kad_id_head(out_key), names->n) != 0)
        return KAD_E_MEMORY;
    names->n++;
    return 0;
}

size_t sim_node_peer_id(const struct sim_world *world, uint32_t node, uint8_t out_id[KAD_IDENTITY_MAX])
{
    return world->config.network->rules.identity_of(world->keys[node], out_id);
}

/* As the swarm has it: what it was told of, whom it knows, or something that is hashed near there. */
static struct kad_bytes name_of(const struct sim_world *world, const struct kad_id *key,
                                uint8_t room[KAD_IDENTITY_MAX])
{
    const struct sim_names *names = world->names;
    const struct name *name = find(names, key);
    const uint64_t head = kad_id_head(key);
    const uint32_t node = name ? SIM_NOBODY : sim_node_with_id(world, key);
    uint32_t from = 0, to = INVENTED;

    if (name)
        return (struct kad_bytes){name->bytes, name->n};
    if (node != SIM_NOBODY)
        return (struct kad_bytes){room, sim_node_peer_id(world, node, room)};
    while (from < to) {
        const uint32_t middle = from + (to - from) / 2;

        if (names->invented[middle].head < head)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == INVENTED ||
        (from && (names->invented[from - 1].head ^ head) < (names->invented[from].head ^ head)))
        from--;
    invent(names->invented[from].number, room);
    return (struct kad_bytes){room, 8};
}

/* -- frames ----------------------------------------------------------------------------------------------------- */

static size_t finish(struct kad_p2p_frame *frame, struct kad_bytes message, uint8_t out[SIM_WORDS_MAX])
{
    const size_t n = kad_p2p_frame_write_head(frame, out, SIM_WORDS_MAX);

    if (!n || SIM_WORDS_MAX - n < message.size)
        return 0;
    if (message.size)
        memcpy(out + n, message.data, message.size);
    return n + message.size;
}

/* Puts type, key and the asker's transaction into one. */
static size_t pack(enum kad_p2p_type type, struct kad_bytes key, struct kad_bytes transaction, uint8_t *out)
{
    out[0] = (uint8_t)type;
    out[1] = (uint8_t)key.size;
    if (key.size)
        memcpy(out + 2, key.data, key.size);
    if (transaction.size)
        memcpy(out + 2 + key.size, transaction.data, transaction.size);
    return 2 + key.size + transaction.size;
}

static bool unpack(struct kad_bytes packed, enum kad_p2p_type *out_type, struct kad_bytes *out_key,
                   struct kad_bytes *out_transaction)
{
    if (packed.size < 2 || packed.size - 2 < packed.data[1])
        return false;
    *out_type = (enum kad_p2p_type)packed.data[0];
    *out_key = (struct kad_bytes){packed.data + 2, packed.data[1]};
    *out_transaction = (struct kad_bytes){packed.data + 2 + out_key->size, packed.size - 2 - out_key->size};
    return true;
}

static size_t carry_question(struct sim_world *world, uint32_t from, struct kad_p2p_frame *frame,
                             uint8_t out[SIM_WORDS_MAX])
{
    uint8_t bytes[KAD_P2P_PEER_MAX + KAD_P2P_KEY_MAX + 64], packed[PACKED + 64], room[KAD_IDENTITY_MAX];
    struct kad_proto_writer writer = {.bytes = bytes, .room = sizeof(bytes)};
    struct kad_bytes message = frame->message;
    static const struct kad_p2p_message none;
    struct kad_p2p_message read = none;
    struct kad_bytes key;
    struct kad_id id;

    if (kad_p2p_decode(message, &read) < 0 || frame->transaction.size > 64)
        return 0;
    key = read.key;
    if (read.type != KAD_P2P_PUT_VALUE && read.type != KAD_P2P_ADD_PROVIDER && key.size == sizeof(id.bytes)) {
        memcpy(id.bytes, key.data, sizeof(id.bytes));
        key = name_of(world, &id, room);
        kad_p2p_put_head(&writer, read.type, key);
        message = (struct kad_bytes){bytes, writer.n};
    }
    frame->transaction = (struct kad_bytes){packed, pack(read.type, key, frame->transaction, packed)};
    frame->flags = (uint8_t)(KAD_P2P_MADE_AT | (sim_node_client(world, from) ? KAD_P2P_CLIENT : 0));
    frame->made_at = sim_world_ms(world);
    return finish(frame, message, out);
}

static size_t carry_answer(const struct sim_world *world, struct kad_p2p_frame *frame,
                           uint8_t out[SIM_WORDS_MAX])
{
    uint8_t bytes[KAD_P2P_ANSWER_MAX + KAD_P2P_KEY_MAX + 64];
    struct kad_proto_writer writer = {.bytes = bytes, .room = sizeof(bytes)};
    enum kad_p2p_type type;
    struct kad_bytes key;

    if (!unpack(frame->transaction, &type, &key, &frame->transaction))
        return 0;
    frame->flags = KAD_P2P_MADE_AT;
    frame->made_at = sim_world_ms(world) - HELD_FOR;
    if (frame->kind == KAD_P2P_REPLY && type != KAD_P2P_ADD_PROVIDER) {
        kad_p2p_put_head(&writer, type, type == KAD_P2P_FIND_NODE ? (struct kad_bytes){0} : key);
        kad_proto_put_raw(&writer, frame->message.data, frame->message.size);
    }
    return writer.full ? 0 : finish(frame, (struct kad_bytes){bytes, writer.n}, out);
}

enum sim_words sim_words_carry(struct sim_world *world, uint32_t from, struct kad_bytes bytes,
                               uint8_t out[SIM_WORDS_MAX], size_t *out_size)
{
    struct kad_p2p_frame frame;

    *out_size = 0;
    if (kad_p2p_frame_read(bytes, &frame) < 0)
        return SIM_WORDS_NONE;
    if (frame.flags & KAD_P2P_PINGS) {
        if (frame.kind != KAD_P2P_QUERY) /* to a greeting: pings of others never reach an engine */
            return SIM_WORDS_NONE;
        *out_size = finish(&frame, (struct kad_bytes){0}, out);
        return SIM_WORDS_PING;
    }
    *out_size = frame.kind == KAD_P2P_QUERY ? carry_question(world, from, &frame, out)
                                            : carry_answer(world, &frame, out);
    if (!*out_size)
        return SIM_WORDS_NONE;
    return frame.kind == KAD_P2P_QUERY ? SIM_WORDS_QUESTION : SIM_WORDS_ANSWER;
}

enum sim_words sim_words_kind(struct kad_bytes bytes, bool *out_greets)
{
    struct kad_p2p_frame frame;

    *out_greets = false;
    if (kad_p2p_frame_read(bytes, &frame) < 0)
        return SIM_WORDS_NONE;
    *out_greets = frame.kind == KAD_P2P_QUERY && !frame.transaction.size;
    if (frame.kind != KAD_P2P_QUERY)
        return SIM_WORDS_ANSWER;
    return frame.flags & KAD_P2P_PINGS ? SIM_WORDS_PING : SIM_WORDS_QUESTION;
}

size_t sim_words_pong(struct kad_bytes bytes, uint8_t out[SIM_WORDS_MAX])
{
    struct kad_p2p_frame frame;

    if (kad_p2p_frame_read(bytes, &frame) < 0)
        return 0;
    frame.kind = KAD_P2P_REPLY;
    frame.flags = KAD_P2P_PINGS;
    return finish(&frame, (struct kad_bytes){0}, out);
}

size_t sim_words_refuse(struct kad_bytes bytes, uint8_t out[SIM_WORDS_MAX])
{
    struct kad_p2p_frame frame;
    enum kad_p2p_type type;
    struct kad_bytes key;

    if (kad_p2p_frame_read(bytes, &frame) < 0 || !unpack(frame.transaction, &type, &key, &frame.transaction))
        return 0;
    frame.kind = KAD_P2P_ERROR;
    frame.flags = 0;
    return finish(&frame, (struct kad_bytes){0}, out);
}

size_t sim_words_greeting(uint8_t out[SIM_WORDS_MAX])
{
    struct kad_p2p_frame frame = {.kind = KAD_P2P_QUERY, .flags = KAD_P2P_PINGS};

    return finish(&frame, (struct kad_bytes){0}, out);
}
