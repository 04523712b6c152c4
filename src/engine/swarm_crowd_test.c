/* How many connections one host and one network of hosts may have with a node. */
#include "engine/swarm.h"

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
