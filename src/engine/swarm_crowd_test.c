/* How many connections one host and one network of hosts may have with a node; and what becomes of who is refused. */
#include "engine/swarm.h"

#include <string.h>

#include "base/test.h"

static struct kad_swarm *make(bool limit_loopback)
{
    const struct kad_swarm_config config = {.allocator = &kad_allocator_system,
                                            .protocols = {"/icn/kad/1.0.0"},
                                            .max_links = 400,
                                            .accept_per_s = 1000,
                                            .max_per_host = 5,
                                            .max_per_subnet = 12,
                                            .limit_loopback = limit_loopback};
    struct kad_swarm *swarm;

    EXPECT_EQ(kad_swarm_new(&config, 1000, &swarm), 0);
    return swarm;
}

static unsigned come(struct kad_swarm *swarm, struct kad_endpoint from, unsigned n, uint32_t *out_last)
{
    unsigned accepted = 0;

    for (unsigned i = 0; i < n; i++)
        accepted += kad_swarm_accepted(swarm, &from, KAD_TRANSPORT_TCP, 1000, out_last) == 0;
    return accepted;
}

static struct kad_endpoint v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct kad_endpoint){.family = KAD_IPV4, .address = {a, b, c, d}, .port = 4000};
}

static struct kad_endpoint v6(uint8_t of_48, uint8_t of_64, uint8_t host)
{
    struct kad_endpoint from = {.family = KAD_IPV6, .address = {0x2a, 0x01, 4, 5, 6}, .port = 4000};

    from.address[5] = of_48;
    from.address[7] = of_64;
    from.address[15] = host;
    return from;
}

/* I147: a host has its share, whatever its ports, and a network of hosts has one; others are let in all the same. */
TEST(a_host_and_a_subnet_have_their_shares)
{
    struct kad_swarm *swarm = make(false);
    uint32_t last = 0, other;

    EXPECT_EQ(come(swarm, v4(93, 1, 2, 3), 9, &last), 5);
    EXPECT_EQ(kad_swarm_counters(swarm)->crowded, 4);
    EXPECT_EQ(come(swarm, v4(93, 1, 2, 4), 9, &other), 5);
    EXPECT_EQ(come(swarm, v4(93, 1, 2, 5), 9, &other), 2); /* its /24 has twelve */
    EXPECT_EQ(come(swarm, v4(93, 1, 3, 5), 9, &other), 5);
    EXPECT_EQ(come(swarm, v6(1, 1, 1), 3, &other), 3);
    EXPECT_EQ(come(swarm, v6(1, 1, 2), 9, &other), 2); /* a /64 is one host */
    EXPECT_EQ(come(swarm, v6(1, 2, 1), 9, &other), 5);
    EXPECT_EQ(come(swarm, v6(1, 3, 1), 9, &other), 2); /* its /48 has twelve */
    EXPECT_EQ(come(swarm, v6(2, 3, 1), 9, &other), 5);
    EXPECT_EQ(kad_swarm_counters(swarm)->refused, kad_swarm_counters(swarm)->crowded);
    kad_swarm_closed(swarm, last, 1000); /* who leaves makes room */
    EXPECT_EQ(come(swarm, v4(93, 1, 2, 3), 9, &other), 1);
    kad_swarm_free(swarm);
}

/* Many nodes of one machine or one home are no crowd, unless the operator says so. */
TEST(local_addresses_are_no_crowd)
{
    for (unsigned limited = 0; limited < 2; limited++) {
        struct kad_swarm *swarm = make(limited);
        uint32_t last;

        EXPECT_EQ(come(swarm, v4(127, 0, 0, 1), 20, &last), limited ? 5 : 20);
        EXPECT_EQ(come(swarm, v4(192, 168, 1, 1), 20, &last), limited ? 5 : 20);
        kad_swarm_free(swarm);
    }
}

/* A swarm of few places, and one peer that it is to meet. */
static struct kad_swarm *lonely(void)
{
    static const uint8_t id[34] = {0x12, 0x20, 1};
    const struct kad_swarm_config config = {
        .allocator = &kad_allocator_system, .protocols = {"/icn/kad/1.0.0"}, .local = true};
    struct kad_endpoint endpoint = v4(10, 0, 0, 1);
    uint8_t addr[KAD_MULTIADDR_MAX];
    size_t n = kad_multiaddr_make(&endpoint, KAD_TRANSPORT_TCP, addr, sizeof(addr));
    struct kad_swarm *swarm;

    EXPECT_EQ(kad_swarm_new(&config, 1000, &swarm), 0);
    n = kad_multiaddr_append_peer(addr, n, sizeof(addr), (struct kad_bytes){id, sizeof(id)});
    EXPECT_EQ(kad_swarm_connect(swarm, (struct kad_bytes){addr, n}, 1000), 0);
    return swarm;
}

enum fate { NOBODY, CLOSES, BABBLES };

/* When it was dialled, up to a minute on. How often. */
static unsigned dials(struct kad_swarm *swarm, enum fate fate, kad_ms out_at[8])
{
    static const uint8_t babble[] = "HTTP/1.1 400 Bad Request";
    unsigned n = 0;

    for (kad_ms now = 1000; now < 61000; now += 100) {
        struct kad_swarm_order order;

        kad_swarm_tick(swarm, now);
        while (kad_swarm_next_order(swarm, &order)) {
            uint8_t bytes[sizeof(babble)];

            if (order.kind == KAD_SWARM_WRITE)
                kad_swarm_sent(swarm, order.connection, kad_swarm_out(swarm, order.connection).size);
            if (order.kind != KAD_SWARM_DIAL)
                continue;
            EXPECT(n < 8);
            out_at[n++] = now - 1000;
            if (fate == NOBODY) {
                kad_swarm_failed(swarm, order.connection, now);
                continue;
            }
            kad_swarm_connected(swarm, order.connection, now);
            memcpy(bytes, babble, sizeof(bytes));
            if (fate == BABBLES)
                kad_swarm_bytes(swarm, order.connection, bytes, sizeof(bytes), now);
            else
                kad_swarm_closed(swarm, order.connection, now);
        }
    }
    return n;
}

/* Who accepts and closes has no place for us just now, and is asked again a little later; not so who is not there, or says something
 * else than libp2p does. */
TEST(who_is_refused_comes_again_a_little_later)
{
    struct kad_swarm *swarm = lonely();
    kad_ms at[8];

    EXPECT_EQ(dials(swarm, CLOSES, at), 4);
    EXPECT(at[0] == 0 && at[1] == 1500 && at[2] == 4500 && at[3] == 10500);
    kad_swarm_free(swarm);
    for (enum fate fate = NOBODY; fate <= BABBLES; fate += 2) {
        swarm = lonely();
        EXPECT_EQ(dials(swarm, fate, at), 1);
        kad_swarm_free(swarm);
    }
}

/* Of its addresses one has no place for us and the others lead nowhere: that one is tried again, and it alone. A peer that is said to be at
 * a victim's ports has it dialled once at each, and three times more. */
TEST(where_somebody_is_is_tried_again_and_nowhere_else)
{
    for (unsigned refusing = 0; refusing < 3; refusing++) {
        struct kad_swarm *swarm = lonely();
        unsigned n[3] = {0};

        for (uint8_t i = 1; i < 3; i++) {
            static const uint8_t id[34] = {0x12, 0x20, 1};
            struct kad_endpoint endpoint = v4(10, 0, 0, (uint8_t)(1 + i));
            uint8_t bytes[KAD_MULTIADDR_MAX];
            const struct kad_bytes addr = {
                bytes, kad_multiaddr_make(&endpoint, KAD_TRANSPORT_TCP, bytes, sizeof(bytes))};

            kad_swarm_learn_peer(swarm, (struct kad_bytes){id, sizeof(id)}, &addr, 1);
        }
        for (kad_ms now = 1000; now < 31000; now += 100) {
            struct kad_swarm_order order;

            kad_swarm_tick(swarm, now);
            while (kad_swarm_next_order(swarm, &order)) {
                struct kad_multiaddr parts;
                unsigned at;

                if (order.kind != KAD_SWARM_DIAL)
                    continue;
                EXPECT_EQ(kad_multiaddr_parse(order.addr, &parts), 0);
                at = parts.endpoint.address[3] - 1u;
                n[at]++;
                if (at != refusing) /* the dial hangs, until it counts as dead */
                    continue;
                kad_swarm_connected(swarm, order.connection, now);
                kad_swarm_closed(swarm, order.connection, now);
            }
        }
        for (unsigned i = 0; i < 3; i++)
            EXPECT_EQ(n[i], i == refusing ? 4u : 1u);
        kad_swarm_free(swarm);
    }
}
