#include "engine/test_net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"

#define ROOM 64

void test_net_init_on(struct test_net *net, const struct kad_network *network)
{
    memset(net, 0, sizeof(*net));
    net->now = 1000000;
    net->delay_ms = 10;
    net->watch = KAD_WATCH_ALL;
    net->network = network;
    kad_settings_default(network, &net->settings);
}

void test_net_init(struct test_net *net)
{
    test_net_init_on(net, kad_network_mainline());
}

void test_net_clear(struct test_net *net)
{
    for (size_t i = 0; i < net->n_nodes; i++)
        kad_engine_free(net->nodes[i].engine);
    for (size_t i = 0; i < net->n_packets; i++)
        free(net->packets[i].bytes);
    free(net->packets);
}

struct test_net *test_net_make(const struct kad_network *network, size_t n)
{
    struct test_net *net = calloc(1, sizeof(*net));

    assert(net);
    test_net_init_on(net, network);
    test_net_grow(net, n);
    return net;
}

void test_net_free(struct test_net *net)
{
    test_net_clear(net);
    free(net);
}

static void post(struct test_net *net, const struct kad_endpoint *from, const struct kad_endpoint *to,
                 const void *bytes, size_t size)
{
    struct test_packet packet = {.from = *from, .to = *to, .at = net->now + net->delay_ms, .size = size};

    net->n_sent++;
    packet.bytes = (uint8_t *)(uintptr_t)bytes; /* to look at */
    if (net->lose && net->lose(net, &packet))
        return;
    packet.bytes = malloc(size ? size : 1);
    if (size)
        memcpy(packet.bytes, bytes, size);
    if (net->n_packets == net->room_packets) {
        net->room_packets = net->room_packets ? net->room_packets * 2 : 64;
        net->packets = realloc(net->packets, net->room_packets * sizeof(*net->packets));
    }
    net->packets[net->n_packets++] = packet;
}

void test_net_inject(struct test_net *net, const struct kad_endpoint *from, const struct kad_endpoint *to,
                     const void *bytes, size_t size)
{
    post(net, from, to, bytes, size);
}

static void keep_records(struct test_node *node, const struct kad_record *records, size_t n)
{
    node->n_records = n < TEST_NET_RECORDS ? n : TEST_NET_RECORDS;
    for (size_t i = 0; i < node->n_records; i++) {
        node->records[i] = records[i];
        node->records[i].value.data = node->record_values[i];
        if (records[i].value.size)
            memcpy(node->record_values[i], records[i].value.data, records[i].value.size);
    }
}

static void note(struct test_node *node, const struct kad_event *event)
{
    switch (event->kind) {
    case KAD_EVENT_DONE:
        node->last_done = *event;
        node->n_done++;
        node->n_value = event->done.record ? event->done.record->value.size : 0;
        node->sequence = event->done.record ? event->done.record->sequence : -1;
        if (node->n_value)
            memcpy(node->value, event->done.record->value.data, node->n_value);
        if (event->done.n_records)
            keep_records(node, event->done.records, event->done.n_records);
        else
            keep_records(node, event->done.record, event->done.record ? 1 : 0);
        node->n_peers = event->peers.n < 256 ? event->peers.n : 256;
        if (node->n_peers)
            memcpy(node->peers, event->peers.peers, node->n_peers * sizeof(*node->peers));
        node->n_closest = event->done.n_closest < 64 ? event->done.n_closest : 64;
        if (node->n_closest)
            memcpy(node->closest, event->done.closest, node->n_closest * sizeof(*node->closest));
        break;
    case KAD_EVENT_HOP:
        node->n_hops++;
        break;
    case KAD_EVENT_READY:
        node->n_ready++;
        break;
    case KAD_EVENT_WARNING:
        node->n_warnings++;
        node->n_wrong_keys += event->warning == KAD_WARN_WRONG_KEY;
        node->warning = event->warning;
        break;
    case KAD_EVENT_STORED:
        node->n_stored_events++;
        break;
    case KAD_EVENT_NODE:
        node->n_discovered++;
        break;
    case KAD_EVENT_PEERS:
    case KAD_EVENT_TABLE:
    case KAD_EVENT_ADDRESS:
    case KAD_EVENT_ID:
        break;
    }
}

static void settle(struct test_node *node, struct kad_batch *batch)
{
    struct kad_event event;
    const char *why = NULL;

    for (unsigned i = 0; i < batch->n; i++)
        post(node->net, &node->endpoint, &batch->datagrams[i].peer, batch->datagrams[i].bytes.data,
             batch->datagrams[i].bytes.size);
    batch->n = 0;
    while (kad_engine_next_event(node->engine, &event))
        note(node, &event);
    if (!kad_engine_sound(node->engine, node->net->now, &why)) {
        fprintf(stderr, "unsound: %s\n", why);
        abort();
    }
}

static void turn(struct test_node *node, const struct kad_datagram *in)
{
    struct kad_datagram datagrams[ROOM];
    static uint8_t memory[ROOM * KAD_DATAGRAM_MAX];
    struct kad_batch batch = {.datagrams = datagrams, .memory = memory, .room = ROOM};
    const kad_ms now = node->net->now;

    if (in) {
        kad_engine_datagram(node->engine, in, now, &batch);
        settle(node, &batch);
    }
    for (int i = 0; kad_engine_wake_at(node->engine) <= now; i++) {
        assert(i < 1000 && "an engine that never comes to rest");
        kad_engine_tick(node->engine, now, &batch);
        settle(node, &batch);
    }
}

static struct test_node *at(struct test_net *net, const struct kad_endpoint *endpoint)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        if (net->nodes[i].engine && kad_endpoint_equal(&net->nodes[i].endpoint, endpoint))
            return &net->nodes[i];
    }
    return NULL;
}

void test_net_run(struct test_net *net, kad_ms duration_ms)
{
    const kad_ms end = net->now + duration_ms;

    for (;;) {
        kad_ms next = KAD_NEVER;
        size_t first = SIZE_MAX;

        for (size_t i = 0; i < net->n_packets; i++) {
            if (net->packets[i].at < next) {
                next = net->packets[i].at;
                first = i;
            }
        }
        for (size_t i = 0; i < net->n_nodes; i++) {
            if (net->nodes[i].engine && kad_engine_wake_at(net->nodes[i].engine) < next) {
                next = kad_engine_wake_at(net->nodes[i].engine);
                first = SIZE_MAX;
            }
        }
        if (next > end)
            break;
        if (next > net->now)
            net->now = next;
        if (first != SIZE_MAX) {
            const struct test_packet packet = net->packets[first];
            struct test_node *to = at(net, &packet.to);

            memmove(net->packets + first, net->packets + first + 1,
                    (net->n_packets - first - 1) * sizeof(*net->packets));
            net->n_packets--;
            if (to)
                turn(to, &(struct kad_datagram){.peer = packet.from, .bytes = {packet.bytes, packet.size}});
            free(packet.bytes);
            continue;
        }
        for (size_t i = 0; i < net->n_nodes; i++) {
            if (net->nodes[i].engine && kad_engine_wake_at(net->nodes[i].engine) <= net->now)
                turn(&net->nodes[i], NULL);
        }
    }
    net->now = end;
}

void test_net_secret(const struct test_node *node, uint8_t out_secret[32])
{
    memset(out_secret, (int)(node - node->net->nodes) + 1, 32);
}

void test_net_on(struct test_node *node)
{
    const struct test_net *net = node->net;
    const bool ipv6 = node->endpoint.family == KAD_IPV6;
    struct kad_engine_config config = {
        .network = net->network,
        .settings = &net->settings,
        .gate = net->gate,
        .ipv4 = !ipv6,
        .ipv6 = ipv6,
        .watch = net->watch,
        .address = node->endpoint,
        .has_secret = kad_network_has_identities(net->network),
    };
    int error;

    test_net_secret(node, config.secret);
    memset(config.seed, (int)(node - net->nodes) + 1, sizeof(config.seed));
    config.seed[0] = (uint8_t)(config.seed[0] + node->n_restarts++);
    error = kad_engine_new(&config, net->now, &node->engine);
    assert(error == 0);
    (void)error;
}

struct test_node *test_net_add(struct test_net *net, bool ipv6)
{
    struct test_node *node = &net->nodes[net->n_nodes];
    const uint8_t n = (uint8_t)(net->n_nodes + 1);

    assert(net->n_nodes < TEST_NET_MAX);
    memset(node, 0, sizeof(*node));
    node->net = net;
    if (ipv6)
        node->endpoint =
            kad_endpoint_v6((const uint8_t[16]){0x2a, n, n, n, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n}, 6881);
    else
        node->endpoint = kad_endpoint_v4((const uint8_t[4]){(uint8_t)(20 + n % 60), n, n, n}, 6881);
    test_net_on(node);
    net->n_nodes++;
    return node;
}

void test_net_off(struct test_node *node)
{
    kad_engine_free(node->engine);
    node->engine = NULL;
}

void test_net_leave(struct test_node *node)
{
    struct kad_datagram datagrams[ROOM];
    static uint8_t memory[ROOM * KAD_DATAGRAM_MAX];
    struct kad_batch batch = {.datagrams = datagrams, .memory = memory, .room = ROOM};

    kad_engine_leave(node->engine, node->net->now, &batch);
    settle(node, &batch);
    test_net_off(node);
}

int test_net_request(struct test_node *node, const struct kad_request *request)
{
    const size_t before = node->n_done;
    uint64_t id;
    int error = kad_engine_request(node->engine, request, node->net->now, &id);

    if (error)
        return error;
    for (int i = 0; i < 1200 && node->n_done == before; i++)
        test_net_run(node->net, 100);
    assert(node->n_done == before + 1 && "exactly one end");
    assert(node->last_done.request == id);
    return node->last_done.done.error;
}

void test_net_grow(struct test_net *net, size_t n)
{
    while (net->n_nodes < n) {
        struct test_node *node = test_net_add(net, net->n_nodes && net->nodes[0].endpoint.family == KAD_IPV6);
        int error = 0;

        if (node != &net->nodes[0])
            error = kad_engine_bootstrap(node->engine, &net->nodes[0].endpoint, net->now);
        assert(error == 0);
        (void)error;
        test_net_run(net, 300);
    }
    test_net_run(net, 30 * KAD_SECOND);
}

const struct kad_info *test_net_info(struct test_node *node)
{
    static struct kad_info info;

    kad_engine_info(node->engine, &info);
    return &info;
}
