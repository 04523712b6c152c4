/*
 * world_hostile - nodes that take part in everything, and lie.
 *
 * A hostile node is an engine as everybody's: it joins, has sessions and a table, pings and is pinged, so that it stands in others'
 * tables like an honest one. Only what it answers passes through somebody else's hands (sim_config.lie), and what it should store
 * elsewhere for others it does not.
 */
#include "sim/world_parts.h"

#include "core/dht.h"
#include "engine/carrier.h"
#include "engine/network.h"

struct mouth {
    struct kad_outbox outbox; /* first: core hands it back */
    struct kad_carrier *carrier;
    struct sim_world *world;
    const struct kad_peer *asker; /* NULL: nobody asked */
    const struct kad_message *query;
    struct kad_message lie;
    uint32_t node;
};

/* Whoever keeps records alive does an attacker no service. */
static bool keeps_to_itself(const struct kad_message *message)
{
    return message->kind == KAD_QUERY && (message->method == KAD_PUT || message->method == KAD_ANNOUNCE);
}

static bool say(struct kad_outbox *outbox, const struct kad_peer *to, const struct kad_message *message)
{
    struct mouth *mouth = (struct mouth *)(void *)outbox;
    struct sim_world *world = mouth->world;
    bool sent;

    outbox->n_sent = 0;
    if (keeps_to_itself(message))
        return true;
    if (message->kind == KAD_REPLY && mouth->query && world->config.lie) {
        mouth->lie = *message;
        if (!world->config.lie(world->config.context, world, mouth->node,
                               sim_node_at(world, &mouth->asker->endpoint), mouth->query, &mouth->lie))
            return true;
        message = &mouth->lie;
    }
    sent = mouth->carrier->outbox.send(&mouth->carrier->outbox, to, message);
    outbox->n_sent = mouth->carrier->outbox.n_sent;
    outbox->room = mouth->carrier->outbox.room;
    return sent;
}

static void open_mouth(struct mouth *mouth, struct sim_world *world, uint32_t node,
                       struct kad_carrier *carrier)
{
    mouth->outbox = (struct kad_outbox){.send = say, .room = carrier->outbox.room};
    mouth->carrier = carrier;
    mouth->world = world;
    mouth->asker = NULL;
    mouth->query = NULL;
    mouth->node = node;
}

/* As kad_engine_datagram(), but that it does not keep to limits nor bears grudges. */
void sim_hostile_datagram(struct sim_world *world, uint32_t node, const struct kad_datagram *in)
{
    struct kad_engine *engine = world->nodes[node].engine;
    const kad_ms now = sim_world_ms(world);
    struct kad_carrier carrier = kad_carrier_for(engine, &world->batch, now);
    struct kad_received received = {.drop = KAD_DROP_NONE};
    struct kad_opened opened;
    struct kad_message message;
    struct mouth mouth; /* large, and only its beginning is set */

    (void)kad_limit_receive(engine->limit, &in->peer, in->bytes.size, now);
    if (kad_carrier_open(&carrier, in, &opened) != KAD_DROP_NONE)
        return;
    if (!opened.none && engine->network->codec->decode(opened.bytes, (enum kad_family)in->peer.family,
                                                       &message) != KAD_DECODE_MALFORMED) {
        if (opened.from.identity.size) {
            message.sender = opened.id;
            message.has_sender = true;
        }
        open_mouth(&mouth, world, node, &carrier);
        mouth.asker = &opened.from;
        mouth.query = message.kind == KAD_QUERY ? &message : NULL;
        received = kad_dht_receive(&engine->dht, &opened.from, &message, now, &mouth.outbox);
    }
    kad_carrier_close(&carrier);
    if (received.proved)
        kad_limit_proved(engine->limit, &in->peer, now);
}

void sim_hostile_tick(struct sim_world *world, uint32_t node)
{
    struct kad_engine *engine = world->nodes[node].engine;
    const kad_ms now = sim_world_ms(world);
    struct kad_carrier carrier = kad_carrier_for(engine, &world->batch, now);
    struct mouth mouth;

    open_mouth(&mouth, world, node, &carrier);
    kad_dht_tick(&engine->dht, now, &mouth.outbox);
}
