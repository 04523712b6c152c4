/* I159: a server looks for the providers that it names, and names none that is gone; and what a victim has of that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "engine/swarm_parts.h"
#include "engine/test_swarm.h"

#define EVERY KAD_HOUR

enum { HOLDER, FIRST, SECOND, ASKER };

static const uint8_t content[34] = {0x12, 0x20, 7};
static struct swarm_net *net;

static const struct kad_swarm_counters *counters(void)
{
    return kad_swarm_counters(net->nodes[HOLDER].swarm);
}

/* Its connections end; what the others know of that they see themselves. */
static void disconnect(unsigned number)
{
    for (unsigned i = 0; i < net->n_wires; i++) {
        struct swarm_wire *wire = &net->wires[i];

        if (!wire->used || (wire->node[0] != number && wire->node[1] != number))
            continue;
        wire->used = false;
        for (unsigned side = 0; side < 2; side++)
            kad_swarm_closed(net->nodes[wire->node[side]].swarm, wire->connection[side], net->now);
    }
}

static void provide(unsigned number)
{
    struct kad_request put = {.kind = KAD_REQUEST_PUT};
    uint8_t addr[32];
    const size_t n = kad_multiaddr_make(&net->nodes[number].endpoint, KAD_TRANSPORT_TCP, addr, sizeof(addr));

    swarm_node_provide(&net->nodes[number], &put, content, (struct kad_bytes){addr, n});
    EXPECT_EQ(net->nodes[number].n_stored, 1);
}

/* A holder; two that provide the same; and one that asks, none of which holds anything. */
static void make(void)
{
    net = calloc(1, sizeof(*net));
    EXPECT(net != NULL);
    swarm_net_init(net, kad_network_libp2p_icn());
    net->probe_ms = EVERY;
    (void)swarm_net_add(net, KAD_SWARM_SERVER);
    for (unsigned i = FIRST; i <= ASKER; i++)
        swarm_node_connect(swarm_net_add(net, KAD_SWARM_CLIENT), &net->nodes[HOLDER]);
    swarm_net_run(net, 20000);
    provide(FIRST);
    provide(SECOND);
}

static void end(void)
{
    for (unsigned i = 0; i < net->n_nodes; i++)
        net->nodes[i].on = true;
    swarm_net_free(net);
}

/* How many the holder names. */
static unsigned n_named(void)
{
    struct kad_request get = {.kind = KAD_REQUEST_GET, .record = {.type = KAD_CLASS_PROVIDER}};

    kad_swarm_learn_key(net->nodes[ASKER].swarm, (struct kad_bytes){content, sizeof(content)}, &get.target);
    swarm_node_request(&net->nodes[ASKER], &get);
    return net->nodes[ASKER].n_records;
}

/* The one that is killed is named until it was missed three times, over half of the interval; the one that lives is found by
 * its probe, and is named on. Who comes again is named at once: its record never went. */
TEST(a_provider_that_is_dead_is_named_no_more_I159)
{
    struct kad_info info;
    kad_ms killed_at;
    uint64_t up;

    make();
    EXPECT_EQ(n_named(), 2);
    swarm_net_run(net, 3 * EVERY);
    EXPECT_EQ(counters()->probes, 0); /* both are connected */
    killed_at = net->now;
    disconnect(FIRST);
    net->nodes[FIRST].on = false;
    net->nodes[SECOND].idle = true; /* it does not come by itself */
    disconnect(SECOND);
    up = counters()->up;
    swarm_net_run(net, EVERY - KAD_MINUTE);
    EXPECT_EQ(counters()->probes, 0);
    EXPECT_EQ(n_named(), 2);
    swarm_net_run(net, 2 * KAD_MINUTE);
    EXPECT_EQ(counters()->probes, 2);
    EXPECT_EQ(counters()->probes_failed, 1);
    EXPECT_EQ(counters()->up, up + 1);                                /* the other was there, ... */
    EXPECT_EQ(kad_swarm_peers(net->nodes[HOLDER].swarm, NULL, 0), 1); /* ... and was left in peace then */
    EXPECT_EQ(n_named(), 2);
    swarm_net_run(net, killed_at + EVERY + EVERY / 2 + KAD_MINUTE - net->now);
    EXPECT_EQ(counters()->probes_failed, 3);
    EXPECT_EQ(counters()->providers_gone, 1);
    EXPECT_EQ(n_named(), 1);
    kad_engine_info(net->nodes[SECOND].engine, &info);
    EXPECT_MEM(net->nodes[ASKER].owners[0], info.id.bytes, 32);
    net->nodes[FIRST].on = true;
    swarm_node_connect(&net->nodes[FIRST], &net->nodes[HOLDER]);
    swarm_net_run(net, KAD_SECOND);
    EXPECT_EQ(counters()->providers_gone, 0);
    EXPECT_EQ(n_named(), 2);
    end();
}

/* The fault may be ours. */
TEST(who_has_no_connection_takes_nobody_for_gone)
{
    make();
    for (unsigned i = FIRST; i <= ASKER; i++) {
        disconnect(i);
        net->nodes[i].on = false;
    }
    swarm_net_run(net, 4 * EVERY);
    EXPECT(counters()->probes_failed >= 4);
    EXPECT_EQ(counters()->providers_gone, 0);
    net->nodes[ASKER].on = true;
    swarm_node_connect(&net->nodes[ASKER], &net->nodes[HOLDER]);
    swarm_net_run(net, 2 * EVERY);
    EXPECT_EQ(counters()->providers_gone, 2);
    end();
}

/* A record that names a victim brings a few dials upon it, and no more while nobody asks; nor is one that is back lost for ever. */
TEST(who_is_gone_is_looked_for_again_when_somebody_asks)
{
    uint64_t probes;

    make();
    disconnect(FIRST);
    net->nodes[FIRST].on = false;
    swarm_net_run(net, 3 * EVERY);
    EXPECT_EQ(counters()->providers_gone, 1);
    probes = counters()->probes;
    EXPECT_EQ(probes, 3);
    swarm_net_run(net, 3 * EVERY);
    EXPECT_EQ(counters()->probes, probes);
    EXPECT_EQ(n_named(), 1);
    swarm_net_run(net, 2 * EVERY);
    EXPECT_EQ(counters()->probes, probes + 1);
    net->nodes[FIRST].on = net->nodes[FIRST].idle = true;
    EXPECT_EQ(n_named(), 1);
    swarm_net_run(net, EVERY);
    EXPECT_EQ(counters()->providers_gone, 0);
    EXPECT_EQ(n_named(), 2);
    end();
}

/* -- what is dialled, by a swarm alone -------------------------------------------------------------------------- */

static struct kad_swarm *alone;
static kad_ms now;
static uint32_t max_peers; /* 0: as usual */

static void begin(bool local)
{
    const struct kad_swarm_config config = {.allocator = &kad_allocator_system,
                                            .protocols = {"/icn/kad/1.0.0"},
                                            .mode = KAD_SWARM_SERVER,
                                            .local = local,
                                            .max_peers = max_peers,
                                            .probe_ms = EVERY};

    now = 1700000000000;
    EXPECT_EQ(kad_swarm_new(&config, now, &alone), 0);
}

/* A provider that is named at these addresses, as in a record. */
static void name(unsigned number, const char *const *addrs, unsigned n_addrs)
{
    uint8_t id[34] = {0x12, 0x20, (uint8_t)number, (uint8_t)(number >> 8)}, bytes[4][64];
    struct kad_bytes list[4];
    struct swarm_peer *peer;

    for (unsigned i = 0; i < n_addrs; i++) {
        list[i].data = bytes[i];
        EXPECT_EQ(kad_multiaddr_read(addrs[i], bytes[i], sizeof(bytes[i]), &list[i].size), 0);
    }
    kad_swarm_learn_peer(alone, (struct kad_bytes){id, sizeof(id)}, list, n_addrs);
    peer = kad_swarm_peer_find(alone, (struct kad_bytes){id, sizeof(id)});
    EXPECT(peer != NULL);
    kad_swarm_provides(alone, peer);
}

/* Dials over so long, none of which finds anybody. */
static unsigned n_dials(kad_ms ms)
{
    const kad_ms end = now + ms;
    unsigned n = 0;

    do {
        struct kad_swarm_order order;

        kad_swarm_tick(alone, now);
        while (kad_swarm_next_order(alone, &order)) {
            n += order.kind == KAD_SWARM_DIAL;
            if (order.kind == KAD_SWARM_DIAL)
                kad_swarm_failed(alone, order.connection, now);
        }
        now = kad_swarm_wake_at(alone) > now ? kad_swarm_wake_at(alone) : now + 1;
    } while (now < end);
    now = end;
    return n;
}

/* A hundred identities say that they are at a victim's address, each at three ports of it: it sees eight dials in an
 * hour, and no more in the next. */
TEST(a_victim_sees_few_dials_whoever_names_it)
{
    static const char *const victim[] = {"/ip4/93.184.1.1/tcp/80", "/ip4/93.184.1.1/tcp/443",
                                         "/ip4/93.184.1.1/tcp/22", "/ip4/93.184.1.1/tcp/25"};
    static const char *const elsewhere[] = {"/ip4/93.184.1.2/tcp/80"};
    unsigned n;

    begin(false);
    for (unsigned i = 0; i < 100; i++)
        name(i, victim, 4);
    EXPECT_EQ(n_dials(EVERY), 0); /* who was just heard of, is there */
    n = n_dials(EVERY);
    EXPECT(n > 0 && n <= 8);
    EXPECT(n_dials(10 * EVERY) <= 10 * 8);
    n = (unsigned)kad_swarm_counters(alone)->dialled;
    name(200, elsewhere, 1); /* others are looked for all the same */
    (void)n_dials(EVERY + KAD_MINUTE);
    EXPECT(kad_swarm_counters(alone)->dialled > n);
    kad_swarm_free(alone);
}

/* Those that were looked for are forgotten as soon as enough others are named; how often somebody was dialled is not. */
TEST(a_victim_sees_no_more_dials_when_those_looked_for_are_forgotten)
{
    static const char *const victim[] = {"/ip6/2a00:1:2:3::1/tcp/80", "/ip6/2a00:1:2:3::2/tcp/443"};
    unsigned n = 0;

    max_peers = 64;
    begin(false);
    for (unsigned i = 0; i < 60; i++)
        name(i, victim, 2);
    EXPECT_EQ(n_dials(EVERY - KAD_SECOND), 0);
    for (unsigned i = 0, named = 60; i < 59; i++) {
        n += n_dials(20 * KAD_SECOND);
        for (unsigned j = 0; j < 60; j++) { /* who has been looked for gives way to others */
            uint8_t id[34] = {0x12, 0x20, (uint8_t)j};
            const struct kad_bytes bytes = {id, sizeof(id)};
            const struct swarm_peer *peer = kad_swarm_peer_find(alone, bytes);

            if (peer && !peer->n_failed)
                kad_swarm_learn_peer(alone, bytes, NULL, 0);
        }
        for (unsigned j = 0; j < 5; j++)
            name(1000 + named++, victim, 0);
    }
    EXPECT(n > 0 && n <= 8);
    kad_swarm_free(alone);
    max_peers = 0;
}

/* A host that is dialled as often as may be is not held against those who are there, nor the address that is left to try. */
TEST(who_cannot_be_dialled_for_a_hosts_sake_was_not_missed)
{
    static const char *const host[] = {"/ip4/93.184.1.1/tcp/80", "/ip4/93.184.1.1/tcp/443"};
    static const char *const there[] = {"/ip4/93.184.1.3/tcp/4001", "/ip4/93.184.1.1/tcp/4001"};

    begin(false);
    name(4, there, 2);
    for (unsigned i = 0; i < 4; i++)
        name(i, host, 2);
    EXPECT_EQ(n_dials(EVERY), 0);
    EXPECT_EQ(n_dials(EVERY - KAD_MINUTE), 8);
    EXPECT_EQ(kad_swarm_counters(alone)->probes, 4);
    kad_swarm_free(alone);
}

/* What is on our own network is not the business of records that came from elsewhere; nor is what a name may mean. */
TEST(no_private_address_and_no_name_is_dialled)
{
    static const char *const addrs[] = {"/ip4/192.168.1.1/tcp/80", "/ip4/127.0.0.1/tcp/22",
                                        "/dns4/victim.example/tcp/80"};

    for (unsigned local = 0; local < 2; local++) {
        begin(local);
        for (unsigned i = 0; i < 10; i++)
            name(i, addrs, 3);
        EXPECT_EQ(n_dials(5 * EVERY), 0);
        EXPECT_EQ(kad_swarm_counters(alone)->probes, 0);
        EXPECT_EQ(kad_swarm_counters(alone)->providers_gone, 0);
        kad_swarm_free(alone);
    }
}

/* Of a provider that only a record knows, all that the record says is known: one address may be dead. */
TEST(a_record_says_more_than_one_address)
{
    static const char *const addrs[] = {"/ip4/93.184.1.1/tcp/80", "/ip4/93.184.1.2/tcp/80"};
    const uint8_t id[34] = {0x12, 0x20, 9};
    uint8_t bytes[256], room[2][64];
    struct kad_proto_writer writer = {.bytes = bytes, .room = sizeof(bytes)};
    struct kad_bytes list[2];
    struct kad_p2p_message message;
    unsigned n_unknown = 0;

    begin(false);
    for (unsigned i = 0; i < 2; i++) {
        list[i].data = room[i];
        EXPECT_EQ(kad_multiaddr_read(addrs[i], room[i], sizeof(room[i]), &list[i].size), 0);
    }
    kad_p2p_put_head(&writer, KAD_P2P_ADD_PROVIDER, (struct kad_bytes){content, sizeof(content)});
    kad_p2p_put_peer(&writer, KAD_P2P_PROVIDERS_FIELD, (struct kad_bytes){id, sizeof(id)}, list, 2, 0);
    EXPECT_EQ(kad_p2p_decode((struct kad_bytes){bytes, writer.n}, &message), 0);
    EXPECT_EQ(message.n_providers, 1);
    EXPECT(kad_swarm_names(alone, &message.providers[0], &n_unknown));
    EXPECT_EQ(n_dials(EVERY + KAD_MINUTE), 2);
    kad_swarm_free(alone);
}

/* Who has two addresses of one family, and one of the other, is looked for by both: we may have but one. */
TEST(both_families_are_tried)
{
    static const char *const addrs[] = {"/ip6/2a00:1:2:3::1/tcp/80", "/ip6/2a00:1:2:4::1/tcp/80",
                                        "/ip4/93.184.1.1/tcp/80"};
    struct kad_swarm_order order;
    unsigned n_v4 = 0, n = 0;

    begin(false);
    name(1, addrs, 3);
    for (const kad_ms end = now + EVERY + KAD_MINUTE; now < end; now += KAD_SECOND) {
        kad_swarm_tick(alone, now);
        while (kad_swarm_next_order(alone, &order)) {
            struct kad_multiaddr parts;

            if (order.kind != KAD_SWARM_DIAL)
                continue;
            EXPECT_EQ(kad_multiaddr_parse(order.addr, &parts), 0);
            n_v4 += parts.endpoint.family == KAD_IPV4;
            n++;
            kad_swarm_failed(alone, order.connection, now);
        }
    }
    EXPECT_EQ(n, 2);
    EXPECT_EQ(n_v4, 1);
    kad_swarm_free(alone);
}

/* However many providers there are: 240 probes in an hour, and as many are looked for as there is room for. */
TEST(probes_are_bounded_by_the_hour)
{
    char text[64];
    const char *addr = text;

    begin(false);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(text, sizeof(text), "/ip4/93.%u.%u.1/tcp/80", 1 + i / 250, i % 250);
        name(i, &addr, 1);
    }
    EXPECT_EQ(alone->n_provides, 1024);
    EXPECT_EQ(n_dials(EVERY), 0);
    EXPECT(n_dials(EVERY) <= 240);
    EXPECT(kad_swarm_counters(alone)->dialled >= 230);
    kad_swarm_free(alone);
}
