#include "sim/test_real.h"

#include <stdlib.h>
#include <string.h>

#include "base/cid.h"
#include "base/endpoint.h"
#include "base/heap.h"
#include "base/multiaddr.h"
#include "base/protobuf.h"
#include "base/test.h"
#include "core/message.h"
#include "crypto/crypto.h"
#include "engine/network.h"

#define BATCH  64
#define PLACES 1024
#define EPOCH  ((kad_ms)1700000000000)

enum kind { CONNECTED, ACCEPTED, BYTES, CLOSED, WAKE };

struct wire {
    uint32_t node[2]; /* who dialled, whom */
    uint32_t connection[2];
    bool open[2];
    sim_us last[2]; /* when the last of its bytes, to this side, come */
};

struct event {
    enum kind kind;
    uint32_t wire;
    unsigned side; /* whom it is for */
    uint32_t node; /* WAKE */
    size_t n;
    uint8_t *bytes; /* owned */
};

struct member {
    struct kad_swarm *swarm; /* NULL: off */
    struct kad_engine *engine;
    struct kad_endpoint endpoint;
    struct sim_position position;
    sim_us wakes_at;
    uint32_t wires[PLACES]; /* by connection: which wire it is, and one */
    uint64_t done;
    int error;
    kad_ms took, first;
};

struct real_net {
    struct kad_settings settings;
    struct sim_latency latency;
    struct sim_rng rng;
    unsigned links;
    struct member *members;
    uint32_t n_members;
    struct wire *wires;
    uint32_t n_wires, room_wires;
    struct event *events;
    uint32_t *free_events;
    uint32_t n_events, n_free, room_events;
    struct kad_heap heap;
    sim_us now;
    struct kad_batch batch;
    struct kad_datagram datagrams[BATCH];
};

static kad_ms ms(const struct real_net *net)
{
    return EPOCH + net->now / 1000;
}

/* -- events ----------------------------------------------------------------------------------------------------- */

static void happen(struct real_net *net, sim_us at, const struct event *event)
{
    uint32_t slot;

    if (!net->n_free) {
        if (net->n_events == net->room_events) {
            net->room_events = net->room_events ? 2 * net->room_events : 1024;
            net->events = realloc(net->events, net->room_events * sizeof(*net->events));
            net->free_events = realloc(net->free_events, net->room_events * sizeof(*net->free_events));
            EXPECT(net->events && net->free_events);
        }
        net->free_events[net->n_free++] = net->n_events++;
    }
    slot = net->free_events[--net->n_free];
    net->events[slot] = *event;
    EXPECT_EQ(kad_heap_add(&net->heap, at, slot), 0);
}

static sim_us rtt(const struct real_net *net, uint32_t a, uint32_t b)
{
    return sim_rtt(&net->latency, a, &net->members[a].position, b, &net->members[b].position);
}

/* To this side of a wire, behind what is on its way already. */
static void send(struct real_net *net, uint32_t number, unsigned side, enum kind kind, const uint8_t *bytes,
                 size_t n)
{
    struct wire *wire = &net->wires[number];
    struct event event = {.kind = kind, .wire = number, .side = side, .n = n};
    sim_us at = net->now + sim_delay(&net->latency, rtt(net, wire->node[0], wire->node[1]), &net->rng);

    if (n) {
        event.bytes = malloc(n);
        EXPECT(event.bytes != NULL);
        memcpy(event.bytes, bytes, n);
    }
    if (at < wire->last[side])
        at = wire->last[side];
    wire->last[side] = at;
    happen(net, at, &event);
}

/* -- a node's turn ---------------------------------------------------------------------------------------------- */

static void take_events(struct member *member)
{
    struct kad_event event;

    while (kad_engine_next_event(member->engine, &event)) {
        if (event.kind != KAD_EVENT_DONE)
            continue;
        member->done = event.request;
        member->error = event.done.error;
        member->took = event.done.duration_ms;
        member->first = event.done.first_ms;
    }
}

static void send_batch(struct real_net *net, struct member *member)
{
    for (unsigned i = 0; i < net->batch.n; i++)
        kad_swarm_send(member->swarm, &net->batch.datagrams[i], ms(net));
    net->batch.n = 0;
}

static void work_engine(struct real_net *net, struct member *member)
{
    struct kad_datagram datagram;
    struct kad_swarm_event event;

    while (kad_swarm_next_datagram(member->swarm, ms(net), &datagram)) {
        kad_engine_datagram(member->engine, &datagram, ms(net), &net->batch);
        send_batch(net, member);
        take_events(member);
    }
    while (kad_swarm_next_event(member->swarm, &event)) {
        if (event.kind == KAD_SWARM_DEAD)
            kad_engine_unreachable(member->engine, &event.endpoint, ms(net));
    }
    for (bool full = true; full;) {
        kad_engine_tick(member->engine, ms(net), &net->batch);
        full = net->batch.n == net->batch.room;
        send_batch(net, member);
    }
    take_events(member);
}

/* The low bits of a connection's number are its place among the node's. */

static uint32_t wire_of(const struct real_net *net, uint32_t node, uint32_t connection, unsigned *out_side)
{
    const uint32_t number = net->members[node].wires[connection % PLACES];
    const struct wire *wire = number ? &net->wires[number - 1] : NULL;

    for (unsigned side = 0; wire && side < 2; side++) {
        if (wire->open[side] && wire->node[side] == node && wire->connection[side] == connection) {
            *out_side = side;
            return number - 1;
        }
    }
    return UINT32_MAX;
}

static void dial(struct real_net *net, uint32_t node, const struct kad_swarm_order *order)
{
    struct kad_multiaddr parts;
    uint32_t other = 0;
    struct wire *wire;
    struct event event = {.kind = CONNECTED};

    EXPECT_EQ(kad_multiaddr_parse(order->addr, &parts), 0);
    while (other < net->n_members && !kad_endpoint_equal(&net->members[other].endpoint, &parts.endpoint))
        other++;
    if (other == net->n_members || !net->members[other].swarm)
        return; /* nobody says a word there */
    if (net->n_wires == net->room_wires) {
        net->room_wires = net->room_wires ? 2 * net->room_wires : 1024;
        net->wires = realloc(net->wires, net->room_wires * sizeof(*net->wires));
        EXPECT(net->wires != NULL);
    }
    wire = &net->wires[net->n_wires];
    *wire = (struct wire){.node = {node, other}, .connection = {order->connection, 0}, .open = {true, false}};
    event.wire = net->n_wires++;
    net->members[node].wires[order->connection % PLACES] = net->n_wires;
    wire->last[0] = net->now + rtt(net, node, other);
    wire->last[1] = wire->last[0] + rtt(net, node, other) / 2;
    happen(net, wire->last[0], &event);
    event.kind = ACCEPTED;
    event.side = 1;
    happen(net, wire->last[1], &event);
}

static void work_sockets(struct real_net *net, uint32_t node)
{
    struct member *member = &net->members[node];
    struct kad_swarm_order order;

    while (kad_swarm_next_order(member->swarm, &order)) {
        unsigned side = 0;
        uint32_t wire;

        if (order.kind == KAD_SWARM_DIAL) {
            dial(net, node, &order);
            continue;
        }
        wire = wire_of(net, node, order.connection, &side);
        if (order.kind == KAD_SWARM_WRITE) {
            const struct kad_bytes out = kad_swarm_out(member->swarm, order.connection);

            if (wire != UINT32_MAX)
                send(net, wire, 1 - side, BYTES, out.data, out.size);
            kad_swarm_sent(member->swarm, order.connection, out.size);
        } else if (wire != UINT32_MAX) {
            net->wires[wire].open[side] = false;
            send(net, wire, 1 - side, CLOSED, NULL, 0);
        }
    }
}

static void turn(struct real_net *net, uint32_t node)
{
    struct member *member = &net->members[node];
    kad_ms wake, engine;
    sim_us at;

    if (kad_swarm_wake_at(member->swarm) <= ms(net))
        kad_swarm_tick(member->swarm, ms(net));
    work_engine(net, member);
    work_sockets(net, node);
    work_engine(net, member);
    work_sockets(net, node);
    wake = kad_swarm_wake_at(member->swarm);
    engine = kad_engine_wake_at(member->engine);
    wake = engine < wake ? engine : wake;
    at = wake <= ms(net) ? net->now + 1000 : (wake - EPOCH) * 1000;
    if (member->wakes_at <= net->now || at < member->wakes_at) {
        const struct event event = {.kind = WAKE, .node = node};

        member->wakes_at = at;
        happen(net, at, &event);
    }
}

static void deliver(struct real_net *net, uint32_t slot)
{
    const struct event event = net->events[slot];
    struct wire *wire;
    struct member *member;
    uint32_t node;

    net->free_events[net->n_free++] = slot;
    if (event.kind == WAKE) {
        if (net->members[event.node].swarm && net->members[event.node].wakes_at <= net->now)
            turn(net, event.node);
        return;
    }
    wire = &net->wires[event.wire];
    node = wire->node[event.side];
    member = &net->members[node];
    if (event.kind == ACCEPTED) {
        struct kad_endpoint from = net->members[wire->node[0]].endpoint;

        from.port = (uint16_t)(40000 + event.wire % 20000);
        if (kad_swarm_accepted(member->swarm, &from, KAD_TRANSPORT_TCP, ms(net), &wire->connection[1]) == 0) {
            wire->open[1] = true;
            member->wires[wire->connection[1] % PLACES] = event.wire + 1;
        } else {
            send(net, event.wire, 0, CLOSED, NULL, 0);
        }
    } else if (wire->open[event.side]) {
        if (event.kind == CONNECTED)
            kad_swarm_connected(member->swarm, wire->connection[0], ms(net));
        else if (event.kind == BYTES)
            kad_swarm_bytes(member->swarm, wire->connection[event.side], event.bytes, event.n, ms(net));
        else
            kad_swarm_closed(member->swarm, wire->connection[event.side], ms(net));
        wire->open[event.side] = wire->open[event.side] && event.kind != CLOSED;
    }
    free(event.bytes);
    turn(net, node);
}

void real_net_run(struct real_net *net, sim_us us)
{
    const sim_us until = net->now + us;
    struct kad_heap_entry entry;

    while (kad_heap_pop(&net->heap, until, &entry)) {
        net->now = entry.at;
        deliver(net, entry.slot);
    }
    net->now = until;
}

/* -- life ------------------------------------------------------------------------------------------------------- */

struct real_net *real_net_new(uint32_t n, unsigned links, const struct sim_latency *latency,
                              const struct kad_settings *settings)
{
    struct real_net *net = calloc(1, sizeof(*net));

    EXPECT(net != NULL);
    *net = (struct real_net){.settings = *settings, .latency = *latency, .links = links, .n_members = n};
    net->rng.state = latency->seed;
    net->members = calloc(n, sizeof(*net->members));
    EXPECT(net->members != NULL);
    kad_heap_init(&net->heap, &kad_allocator_system, UINT32_MAX / 2);
    net->batch = (struct kad_batch){
        .datagrams = net->datagrams, .room = BATCH, .each = kad_network_datagram(kad_network_libp2p_ipfs())};
    net->batch.memory = malloc((size_t)BATCH * net->batch.each);
    EXPECT(net->batch.memory != NULL);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t address[4] = {(uint8_t)(60 + i / 60), (uint8_t)(1 + i % 60), 7, 1};

        net->members[i].endpoint = kad_endpoint_v4(address, 4001);
        net->members[i].position = sim_position_of(latency, i);
    }
    return net;
}

void real_net_free(struct real_net *net)
{
    struct kad_heap_entry entry;

    while (kad_heap_pop(&net->heap, INT64_MAX, &entry))
        free(net->events[entry.slot].bytes);
    for (uint32_t i = 0; i < net->n_members; i++) {
        kad_engine_free(net->members[i].engine);
        kad_swarm_free(net->members[i].swarm);
    }
    kad_heap_clear(&net->heap);
    free(net->batch.memory);
    free(net->events);
    free(net->free_events);
    free(net->wires);
    free(net->members);
    free(net);
}

static bool name_of(void *context, const struct kad_id *key, struct kad_bytes *out_name)
{
    const struct member *member = context;

    return kad_engine_name(member->engine, key, out_name);
}

static void meet(struct real_net *net, uint32_t node, uint32_t other)
{
    uint8_t addr[KAD_MULTIADDR_MAX];
    size_t n = kad_multiaddr_make(&net->members[other].endpoint, KAD_TRANSPORT_TCP, addr, sizeof(addr));

    n = kad_multiaddr_append_peer(addr, n, sizeof(addr), kad_swarm_self(net->members[other].swarm));
    EXPECT_EQ(kad_swarm_connect(net->members[node].swarm, (struct kad_bytes){addr, n}, ms(net)), 0);
}

void real_net_start(struct real_net *net, uint32_t node, uint32_t through)
{
    struct member *member = &net->members[node];
    struct kad_swarm_config config = {
        .allocator = &kad_allocator_system,
        .protocols = {"/ipfs/kad/1.0.0"},
        .mode = KAD_SWARM_SERVER,
        .max_links = net->links,
        .name_of = name_of,
        .context = member,
    };
    struct kad_engine_config engine = {
        .network = kad_network_libp2p_ipfs(),
        .settings = &net->settings,
        .has_secret = true,
        .ipv4 = true,
    };
    uint8_t addr[32];
    const struct kad_bytes listening = {
        addr, kad_multiaddr_make(&member->endpoint, KAD_TRANSPORT_TCP, addr, sizeof(addr))};

    for (unsigned i = 0; i < 4; i++)
        config.seed[i] = config.random[i] = engine.secret[i] = engine.seed[i] =
            (uint8_t)((node + 1) >> 8 * i);
    config.random[8] = 1;
    EXPECT_EQ(kad_swarm_new(&config, ms(net), &member->swarm), 0);
    EXPECT_EQ(kad_engine_new(&engine, ms(net), &member->engine), 0);
    EXPECT_EQ(kad_swarm_listening(member->swarm, &listening, 1, ms(net)), 0);
    if (through != node)
        meet(net, node, through);
    turn(net, node);
}

/* -- requests --------------------------------------------------------------------------------------------------- */

static void request(struct real_net *net, uint32_t node, const struct kad_request *request)
{
    struct member *member = &net->members[node];
    uint64_t id;

    EXPECT_EQ(kad_engine_request(member->engine, request, ms(net), &id), 0);
    turn(net, node);
    for (int i = 0; i < 6000 && member->done != id; i++)
        real_net_run(net, 10000);
    EXPECT_EQ(member->done, id);
}

static void name_content(const struct member *member, uint32_t content, uint8_t multihash[34],
                         struct kad_id *out_key)
{
    uint8_t digest[32];

    kad_sha256((const uint8_t *)&content, sizeof(content), digest);
    kad_multihash_sha256(digest, multihash);
    kad_swarm_learn_key(member->swarm, (struct kad_bytes){multihash, 34}, out_key);
}

kad_ms real_net_provide(struct real_net *net, uint32_t node, uint32_t content)
{
    struct member *member = &net->members[node];
    uint8_t multihash[34], value[128], addr[32];
    struct kad_proto_writer writer = {.bytes = value, .room = sizeof(value)};
    struct kad_request put = {.kind = KAD_REQUEST_PUT};
    struct kad_info info;

    name_content(member, content, multihash, &put.target);
    kad_engine_info(member->engine, &info);
    kad_proto_put_bytes(&writer, 1, kad_swarm_self(member->swarm));
    kad_proto_put_bytes(&writer, 2,
                        (struct kad_bytes){addr, kad_multiaddr_make(&member->endpoint, KAD_TRANSPORT_TCP,
                                                                    addr, sizeof(addr))});
    put.record = (struct kad_record){
        .type = KAD_CLASS_PROVIDER,
        .many = true,
        .key = put.target,
        .salt = {multihash, 34},
        .value = {value, writer.n},
        .made_at = ms(net),
        .sequence = ms(net),
        .valid_until = KAD_NEVER,
    };
    memcpy(put.record.public_key, info.id.bytes, 32);
    request(net, node, &put);
    return member->error ? -1 : member->took;
}

kad_ms real_net_find(struct real_net *net, uint32_t node, uint32_t content)
{
    struct member *member = &net->members[node];
    struct kad_request get = {.kind = KAD_REQUEST_GET, .first = true, .record.type = KAD_CLASS_PROVIDER};
    uint8_t multihash[34];

    name_content(member, content, multihash, &get.target);
    request(net, node, &get);
    return member->error ? -1 : member->first;
}

kad_ms real_net_ping(struct real_net *net, uint32_t node, uint32_t other)
{
    struct kad_request ping = {.kind = KAD_REQUEST_PING, .endpoint = net->members[other].endpoint};

    uint8_t bytes[32];
    const struct kad_bytes addr = {
        bytes, kad_multiaddr_make(&ping.endpoint, KAD_TRANSPORT_TCP, bytes, sizeof(bytes))};

    kad_swarm_learn_peer(net->members[node].swarm, kad_swarm_self(net->members[other].swarm), &addr, 1);
    request(net, node, &ping);
    return net->members[node].error ? -1 : net->members[node].took;
}

unsigned real_net_links(const struct real_net *net, uint32_t node)
{
    return (unsigned)kad_swarm_peers(net->members[node].swarm, NULL, 0);
}

size_t real_net_contacts(const struct real_net *net, uint32_t node)
{
    struct kad_info info;

    kad_engine_info(net->members[node].engine, &info);
    return info.n_contacts[0];
}
