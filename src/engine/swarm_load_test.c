/* What a thousand connections take of a node of libp2p's network: bytes of its allocator, so that no clock and no kernel has a say. */
#include "engine/swarm.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "base/varint.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"
#include "wire/libp2p/identify.h"

#define N       1000
#define IDLE    (3 * 1024)  /* bytes of a connection that proved who it is and was identified */
#define USED    (12 * 1024) /* and of one on which much was said: what its buffers keep */
#define KNOWN   512         /* bytes that are kept of a peer that is gone */
#define PAYLOAD 2048        /* bytes that are echoed: of the size that buffers keep */

struct client {
    struct kad_link *link;
    struct kad_link_identity identity;
    uint8_t key[KAD_PEER_KEY_OWN];
    uint32_t connection, ping;
    size_t echoed;
    bool was_asked;
};

struct world {
    size_t in_use; /* bytes of the swarm's */
    struct kad_allocator allocator;
    struct kad_swarm *swarm;
    struct client clients[N];
    kad_ms now;
};

static void *count(void *context, void *old, size_t old_size, size_t new_size)
{
    struct world *world = context;

    world->in_use += new_size - old_size;
    return kad_allocator_system.resize(NULL, old, old_size, new_size);
}

static void come(struct world *world, uint32_t i)
{
    static const char *const spoken[] = {"/ipfs/id/1.0.0"};
    const struct kad_endpoint from = {
        .family = KAD_IPV4, .address = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}, .port = 4000};
    struct client *client = &world->clients[i];
    struct kad_link_config config = {
        .allocator = &kad_allocator_system,
        .suite = &kad_suite_toy,
        .identity = &client->identity,
        .initiator = true,
        .protocols = spoken,
        .n_protocols = 1,
        .max_in = 8,
        .max_out = 8,
        .max_buffered = 1 << 18,
        .max_unsent = 1 << 18,
        .handshake_ms = 10000,
        .idle_ms = 600000,
    };
    uint8_t seed[32] = {0x33}, public_key[32], secret[64];

    memcpy(seed + 1, &i, sizeof(i));
    kad_ed25519_keypair(seed, public_key, secret);
    kad_peer_key_ed25519(public_key, client->key);
    kad_link_identity_make(&client->identity, &kad_suite_toy, secret, seed);
    memcpy(config.ephemeral, secret, sizeof(config.ephemeral));
    EXPECT_EQ(kad_link_new(&config, world->now, &client->link), 0);
    EXPECT_EQ(kad_swarm_accepted(world->swarm, &from, KAD_TRANSPORT_TCP, world->now, &client->connection), 0);
}

static void tell_who(struct world *world, struct client *client, uint32_t stream)
{
    uint8_t message[KAD_IDENTIFY_SENT_MAX], bytes[KAD_IDENTIFY_SENT_MAX + KAD_VARINT_MAX];
    static const char protocol[] = "/icn/kad/1.0.0";
    const struct kad_identify who = {.public_key = {client->key, sizeof(client->key)},
                                     .agent_version = {(const uint8_t *)"test", 4},
                                     .n_protocols = 1,
                                     .protocols = {{(const uint8_t *)protocol, sizeof(protocol) - 1}}};
    const size_t n = kad_identify_encode(&who, message, sizeof(message));
    const unsigned head = kad_varint_write(n, bytes);

    memcpy(bytes + head, message, n);
    EXPECT(kad_link_write(client->link, stream, (struct kad_bytes){bytes, head + n}, true, world->now));
    client->was_asked = true;
}

static void take_events(struct world *world, struct client *client)
{
    struct kad_link_event event;

    while (kad_link_next_event(client->link, &event)) {
        const size_t n = kad_link_unread(client->link, event.stream).size;

        EXPECT(event.kind != KAD_LINK_DOWN);
        if (event.kind == KAD_LINK_STREAM)
            tell_who(world, client, event.stream);
        if (event.kind != KAD_LINK_DATA)
            continue;
        client->echoed += event.stream == client->ping ? n : 0;
        kad_link_read(client->link, event.stream, n);
    }
}

/* True: something was said. */
static bool carry(struct world *world, struct client *client)
{
    uint8_t bytes[16384];
    struct kad_bytes out = kad_link_out(client->link);
    const size_t n = out.size < sizeof(bytes) ? out.size : sizeof(bytes);
    size_t back;

    if (n) {
        memcpy(bytes, out.data, n);
        kad_link_sent(client->link, n);
        kad_swarm_bytes(world->swarm, client->connection, bytes, n, world->now);
    }
    out = kad_swarm_out(world->swarm, client->connection);
    back = out.size < sizeof(bytes) ? out.size : sizeof(bytes);
    if (back) {
        memcpy(bytes, out.data, back);
        kad_swarm_sent(world->swarm, client->connection, back);
        kad_link_bytes(client->link, bytes, back, world->now);
    }
    take_events(world, client);
    return n || back;
}

static void settle(struct world *world)
{
    struct kad_swarm_order order;
    struct kad_datagram datagram;
    struct kad_swarm_event event;

    for (uint32_t i = 0; i < N; i++) {
        while (carry(world, &world->clients[i]))
            ;
    }
    while (kad_swarm_next_order(world->swarm, &order))
        EXPECT(order.kind == KAD_SWARM_WRITE);
    while (kad_swarm_next_datagram(world->swarm, world->now, &datagram))
        ;
    while (kad_swarm_next_event(world->swarm, &event))
        ;
}

static void ping(struct world *world, struct client *client)
{
    static const uint8_t payload[PAYLOAD];

    client->ping = kad_link_open(client->link, "/ipfs/ping/1.0.0", NULL, world->now);
    EXPECT(client->ping != 0);
    EXPECT(kad_link_write(client->link, client->ping, (struct kad_bytes){payload, sizeof(payload)}, false,
                          world->now));
}

/* A thousand connections are 40 MB at most with all that the system adds (docs/libp2p.md): here each is counted to the byte, and nothing
 * of it stays when they have gone but who they were. */
TEST(a_thousand_connections_take_little)
{
    struct world *world = calloc(1, sizeof(*world));
    struct kad_swarm_config config = {.suite = &kad_suite_toy,
                                      .protocols = {"/icn/kad/1.0.0"},
                                      .mode = KAD_SWARM_SERVER,
                                      .local = true,
                                      .max_links = 2 * N,
                                      .accept_per_s = N};
    size_t before;
    const char *why;

    EXPECT(world != NULL);
    world->now = 1700000000000;
    world->allocator = (struct kad_allocator){count, world};
    config.allocator = &world->allocator;
    EXPECT_EQ(kad_swarm_new(&config, world->now, &world->swarm), 0);
    before = world->in_use;

    for (uint32_t i = 0; i < N; i++)
        come(world, i);
    settle(world);
    EXPECT_EQ(kad_swarm_peers(world->swarm, NULL, 0), N);
    for (uint32_t i = 0; i < N; i++)
        EXPECT(world->clients[i].was_asked);
    EXPECT_EQ(kad_swarm_counters(world->swarm)->identified, N);
    EXPECT_MSG((world->in_use - before) / N <= IDLE, "%zu bytes a connection", (world->in_use - before) / N);

    for (uint32_t i = 0; i < N; i++)
        ping(world, &world->clients[i]);
    settle(world);
    for (uint32_t i = 0; i < N; i++)
        EXPECT_EQ(world->clients[i].echoed, PAYLOAD);
    EXPECT_MSG((world->in_use - before) / N <= USED, "%zu bytes a connection", (world->in_use - before) / N);
    EXPECT(kad_swarm_sound(world->swarm, &why));

    for (uint32_t i = 0; i < N; i++) {
        kad_swarm_closed(world->swarm, world->clients[i].connection, world->now);
        kad_link_free(world->clients[i].link);
    }
    EXPECT_EQ(kad_swarm_peers(world->swarm, NULL, 0), 0);
    EXPECT_MSG((world->in_use - before) / N <= KNOWN, "%zu bytes a peer", (world->in_use - before) / N);
    kad_swarm_free(world->swarm);
    EXPECT_EQ(world->in_use, 0);
    free(world);
}
