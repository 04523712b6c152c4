#include "engine/test_swarm.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/multiaddr.h"
#include "base/protobuf.h"
#include "base/test.h"
#include "engine/network.h"

#define BATCH 64

void swarm_net_init(struct swarm_net *net, const struct kad_network *network)
{
    memset(net, 0, sizeof(*net));
    net->now = 1700000000000;
    net->network = network;
}

static bool name_of(void *context, const struct kad_id *key, struct kad_bytes *out_name)
{
    const struct swarm_node *node = context;

    return kad_engine_name(node->engine, key, out_name);
}

struct swarm_node *swarm_net_add(struct swarm_net *net, enum kad_swarm_mode mode)
{
    struct swarm_node *node = &net->nodes[net->n_nodes];
    struct kad_swarm_config config = {
        .allocator = &kad_allocator_system,
        .protocols = {net->network == kad_network_libp2p_icn() ? "/icn/kad/1.0.0" : "/ipfs/kad/1.0.0"},
        .mode = mode,
        .local = true,
        .probe_ms = net->probe_ms,
        .name_of = name_of,
        .context = node,
    };
    struct kad_engine_config engine = {
        .network = net->network,
        .settings = &node->settings,
        .gate = net->gate,
        .has_secret = true,
        .ipv4 = true,
    };
    const uint8_t address[4] = {10, 0, (uint8_t)(net->n_nodes + 1), 1};
    uint8_t addr[32];
    struct kad_bytes listening;

    EXPECT(net->n_nodes < SWARM_NODES);
    memset(node, 0, sizeof(*node));
    node->net = net;
    node->number = net->n_nodes++;
    node->on = true;
    node->endpoint = kad_endpoint_v4(address, 9000);
    config.seed[0] = config.random[0] = engine.secret[0] = engine.seed[0] = (uint8_t)(node->number + 1);
    config.random[1] = 1;
    kad_settings_default(net->network, &node->settings);
    node->settings.read_only = mode == KAD_SWARM_CLIENT;
    if (net->adjust)
        net->adjust(&node->settings);
    EXPECT_EQ(kad_swarm_new(&config, net->now, &node->swarm), 0);
    EXPECT_EQ(kad_engine_new(&engine, net->now, &node->engine), 0);
    node->memory = malloc(BATCH * kad_network_datagram(net->network));
    node->batch = (struct kad_batch){.datagrams = node->datagrams,
                                     .room = BATCH,
                                     .memory = node->memory,
                                     .each = kad_network_datagram(net->network)};
    listening =
        (struct kad_bytes){addr, kad_multiaddr_make(&node->endpoint, KAD_TRANSPORT_TCP, addr, sizeof(addr))};
    EXPECT_EQ(kad_swarm_listening(node->swarm, &listening, 1, net->now), 0);
    return node;
}

void swarm_node_connect(struct swarm_node *node, const struct swarm_node *other)
{
    uint8_t addr[KAD_MULTIADDR_MAX];
    size_t n = kad_multiaddr_make(&other->endpoint, KAD_TRANSPORT_TCP, addr, sizeof(addr));

    n = kad_multiaddr_append_peer(addr, n, sizeof(addr), kad_swarm_self(other->swarm));
    EXPECT_EQ(kad_swarm_connect(node->swarm, (struct kad_bytes){addr, n}, node->net->now), 0);
}

static void take_events(struct swarm_node *node)
{
    struct kad_event event;

    while (kad_engine_next_event(node->engine, &event)) {
        if (event.kind != KAD_EVENT_DONE)
            continue;
        node->done = event.request;
        node->reason = event.done.reason;
        node->n_stored = event.done.n_stored;
        node->n_records = (unsigned)event.done.n_records;
        node->n_contacts = (unsigned)event.done.n_closest;
        for (unsigned i = 0; i < node->n_contacts && i < 64; i++)
            node->found[i] = event.done.closest[i].contact.id;
        for (unsigned i = 0; i < node->n_records && i < 64; i++)
            memcpy(node->owners[i], event.done.records[i].public_key, 32);
    }
}

static void send_batch(struct swarm_node *node)
{
    for (unsigned i = 0; i < node->batch.n; i++)
        kad_swarm_send(node->swarm, &node->batch.datagrams[i], node->net->now);
    node->batch.n = 0;
}

static void work_engine(struct swarm_node *node)
{
    struct kad_datagram datagram;
    struct kad_swarm_event event;
    bool full;

    while (kad_swarm_next_datagram(node->swarm, node->net->now, &datagram)) {
        kad_engine_datagram(node->engine, &datagram, node->net->now, &node->batch);
        send_batch(node);
        take_events(node);
    }
    while (kad_swarm_next_event(node->swarm, &event)) {
        if (event.kind == KAD_SWARM_DEAD)
            kad_engine_unreachable(node->engine, &event.endpoint, node->net->now);
    }
    do {
        if (node->idle)
            break;
        kad_engine_tick(node->engine, node->net->now, &node->batch);
        full = node->batch.n == node->batch.room;
        send_batch(node);
    } while (full);
    take_events(node);
}

static struct swarm_node *node_at(struct swarm_net *net, struct kad_bytes addr)
{
    struct kad_multiaddr parts;

    EXPECT_EQ(kad_multiaddr_parse(addr, &parts), 0);
    for (unsigned i = 0; i < net->n_nodes; i++) {
        if (net->nodes[i].on && kad_endpoint_equal(&net->nodes[i].endpoint, &parts.endpoint))
            return &net->nodes[i];
    }
    return NULL;
}

static struct swarm_wire *wire_of(struct swarm_net *net, unsigned number, uint32_t connection,
                                  unsigned *out_side)
{
    for (unsigned i = 0; i < net->n_wires; i++) {
        struct swarm_wire *wire = &net->wires[i];

        for (unsigned side = 0; side < 2; side++) {
            if (wire->used && wire->node[side] == number && wire->connection[side] == connection) {
                *out_side = side;
                return wire;
            }
        }
    }
    return NULL;
}

static void dial(struct swarm_net *net, struct swarm_node *node, const struct kad_swarm_order *order)
{
    struct swarm_node *other = node_at(net, order->addr);
    struct kad_endpoint from = node->endpoint;
    struct swarm_wire *wire;
    unsigned at = 0;
    uint32_t connection;

    from.port = (uint16_t)(40000 + order->connection % 20000);
    if (!other || kad_swarm_accepted(other->swarm, &from, KAD_TRANSPORT_TCP, net->now, &connection) < 0) {
        kad_swarm_failed(node->swarm, order->connection, net->now);
        return;
    }
    while (at < net->n_wires && net->wires[at].used)
        at++;
    EXPECT(at < KAD_COUNT_OF(net->wires));
    if (at == net->n_wires)
        net->n_wires++;
    wire = &net->wires[at];
    *wire = (struct swarm_wire){
        .used = true, .node = {node->number, other->number}, .connection = {order->connection, connection}};
    kad_swarm_connected(node->swarm, order->connection, net->now);
}

static void hand_over(struct swarm_net *net, struct swarm_node *node, uint32_t connection)
{
    const struct kad_bytes out = kad_swarm_out(node->swarm, connection);
    const size_t n = net->piece && out.size > net->piece ? net->piece : out.size;
    unsigned side;
    struct swarm_wire *wire = wire_of(net, node->number, connection, &side);
    uint8_t *copy;

    if (!n)
        return;
    copy = malloc(n);
    EXPECT(copy != NULL);
    memcpy(copy, out.data, n);
    kad_swarm_sent(node->swarm, connection, n);
    if (!wire && net->outside)
        net->outside(net->outsider, connection, (struct kad_bytes){copy, n});
    else if (wire && net->nodes[wire->node[1 - side]].on && !net->nodes[wire->node[1 - side]].silent)
        kad_swarm_bytes(net->nodes[wire->node[1 - side]].swarm, wire->connection[1 - side], copy, n,
                        net->now);
    free(copy);
}

static void hang_up(struct swarm_net *net, const struct swarm_node *node, uint32_t connection)
{
    unsigned side;
    struct swarm_wire *wire = wire_of(net, node->number, connection, &side);

    if (!wire && net->outside)
        net->outside(net->outsider, connection, (struct kad_bytes){0});
    if (!wire)
        return;
    wire->used = false;
    if (net->nodes[wire->node[1 - side]].on)
        kad_swarm_closed(net->nodes[wire->node[1 - side]].swarm, wire->connection[1 - side], net->now);
}

/* True: something moved. */
static bool work_sockets(struct swarm_net *net, struct swarm_node *node)
{
    struct kad_swarm_order order;
    bool moved = false;

    while (node->on && kad_swarm_next_order(node->swarm, &order)) {
        moved = true;
        if (order.kind == KAD_SWARM_DIAL)
            dial(net, node, &order);
        else if (order.kind == KAD_SWARM_WRITE)
            hand_over(net, node, order.connection);
        else
            hang_up(net, node, order.connection);
    }
    return moved;
}

static void settle(struct swarm_net *net)
{
    const char *why;
    bool moved;

    do {
        moved = false;
        for (unsigned i = 0; i < net->n_nodes; i++) {
            if (!net->nodes[i].on)
                continue;
            work_engine(&net->nodes[i]);
            moved |= work_sockets(net, &net->nodes[i]);
        }
    } while (moved);
    for (unsigned i = 0; i < net->n_nodes; i++) {
        if (net->nodes[i].on && !kad_swarm_sound(net->nodes[i].swarm, &why))
            kad_test_expect(false, why, __FILE__, __LINE__);
    }
}

void swarm_net_run(struct swarm_net *net, kad_ms ms)
{
    const kad_ms end = net->now + ms;

    settle(net);
    while (net->now < end) {
        kad_ms at = end;

        for (unsigned i = 0; i < net->n_nodes; i++) {
            if (!net->nodes[i].on)
                continue;
            if (!net->nodes[i].idle && kad_engine_wake_at(net->nodes[i].engine) < at)
                at = kad_engine_wake_at(net->nodes[i].engine);
            if (kad_swarm_wake_at(net->nodes[i].swarm) < at)
                at = kad_swarm_wake_at(net->nodes[i].swarm);
        }
        net->now = at > net->now ? at : net->now + 1;
        for (unsigned i = 0; i < net->n_nodes; i++) {
            if (net->nodes[i].on)
                kad_swarm_tick(net->nodes[i].swarm, net->now);
        }
        settle(net);
    }
}

void swarm_node_request(struct swarm_node *node, const struct kad_request *request)
{
    uint64_t id;

    EXPECT_EQ(kad_engine_request(node->engine, request, node->net->now, &id), 0);
    for (int i = 0; i < 600 && node->done != id; i++)
        swarm_net_run(node->net, 100);
    EXPECT_EQ(node->done, id);
}

void swarm_node_provide(struct swarm_node *node, struct kad_request *request, const uint8_t multihash[34],
                        struct kad_bytes addr)
{
    uint8_t value[128];
    struct kad_proto_writer writer = {.bytes = value, .room = sizeof(value)};
    const struct kad_bytes content = {multihash, 34};
    struct kad_info info;

    kad_engine_info(node->engine, &info);
    kad_proto_put_bytes(&writer, 1, kad_swarm_self(node->swarm));
    kad_proto_put_bytes(&writer, 2, addr);
    kad_swarm_learn_key(node->swarm, content, &request->target);
    request->record = (struct kad_record){
        .type = KAD_CLASS_PROVIDER,
        .many = true,
        .key = request->target,
        .salt = content,
        .value = {value, writer.n},
        .made_at = node->net->now,
        .sequence = node->net->now,
        .valid_until = KAD_NEVER,
    };
    memcpy(request->record.public_key, info.id.bytes, 32);
    swarm_node_request(node, request);
}

void swarm_node_stop(struct swarm_node *node)
{
    struct swarm_net *net = node->net;

    node->on = false;
    for (unsigned i = 0; i < net->n_wires; i++) {
        struct swarm_wire *wire = &net->wires[i];

        for (unsigned side = 0; side < 2; side++) {
            if (!wire->used || wire->node[side] != node->number)
                continue;
            wire->used = false;
            if (net->nodes[wire->node[1 - side]].on)
                kad_swarm_closed(net->nodes[wire->node[1 - side]].swarm, wire->connection[1 - side],
                                 net->now);
        }
    }
    kad_engine_free(node->engine);
    kad_swarm_free(node->swarm);
    free(node->memory);
}

void swarm_net_clear(struct swarm_net *net)
{
    for (unsigned i = 0; i < net->n_nodes; i++) {
        if (net->nodes[i].on)
            swarm_node_stop(&net->nodes[i]);
    }
}

struct swarm_net *swarm_net_make(unsigned n, kad_ms apart, void (*adjust)(struct kad_settings *settings))
{
    struct swarm_net *net = calloc(1, sizeof(*net));

    EXPECT(net != NULL);
    swarm_net_init(net, kad_network_libp2p_icn());
    net->adjust = adjust;
    for (unsigned i = 0; i < n; i++) {
        struct swarm_node *node = swarm_net_add(net, KAD_SWARM_SERVER);

        if (i > 0)
            swarm_node_connect(node, &net->nodes[0]);
        swarm_net_run(net, apart);
    }
    swarm_net_run(net, 20000);
    return net;
}

void swarm_net_free(struct swarm_net *net)
{
    swarm_net_clear(net);
    free(net);
}

size_t swarm_node_contacts(const struct swarm_node *node)
{
    struct kad_info info;

    kad_engine_info(node->engine, &info);
    return info.n_contacts[0];
}
