/* What one peer alone may say to a node of libp2p's network: requests as go, rust and js send them, and as nobody should. */
#include "engine/swarm.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "base/varint.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"
#include "engine/test_swarm.h"
#include "wire/libp2p/codec.h"
#include "wire/libp2p/identify.h"
#include "wire/libp2p/message.h"

/* A peer that is a link and nothing else, connected to the first node. */
struct peer {
    struct swarm_net *net;
    struct kad_link *link;
    struct kad_link_identity identity;
    uint8_t id[KAD_PEER_ID_MAX];
    size_t n_id;
    uint32_t connection;
    bool closed; /* by the node */
    /* of the stream looked at */
    uint32_t stream;
    uint8_t read[65536];
    size_t n_read;
    bool ended, reset;
    bool does_not_read;
    unsigned n_streams; /* that the node opened */
};

static const uint8_t addr[8] = {4, 10, 9, 9, 9, 6, 0x23, 0x28};

static void hear(void *context, uint32_t connection, struct kad_bytes bytes)
{
    struct peer *peer = context;

    EXPECT_EQ(connection, peer->connection);
    if (bytes.size)
        kad_link_bytes(peer->link, (uint8_t *)bytes.data, bytes.size, peer->net->now);
    else
        peer->closed = true;
}

static void take_events(struct peer *peer)
{
    struct kad_link_event event;

    while (kad_link_next_event(peer->link, &event)) {
        const struct kad_bytes unread = kad_link_unread(peer->link, event.stream);

        peer->n_streams += event.kind == KAD_LINK_STREAM;
        if (event.stream != peer->stream)
            continue;
        if (event.kind == KAD_LINK_DATA && !peer->does_not_read &&
            unread.size <= sizeof(peer->read) - peer->n_read) {
            memcpy(peer->read + peer->n_read, unread.data, unread.size);
            peer->n_read += unread.size;
            kad_link_read(peer->link, event.stream, unread.size);
        }
        peer->ended |= event.kind == KAD_LINK_ENDED;
        peer->reset |= event.kind == KAD_LINK_RESET;
    }
}

static void run(struct peer *peer, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        const struct kad_bytes out = kad_link_out(peer->link);
        uint8_t *copy = malloc(out.size + 1);

        EXPECT(copy != NULL);
        if (out.size) {
            memcpy(copy, out.data, out.size);
            kad_link_sent(peer->link, out.size);
            if (!peer->closed)
                kad_swarm_bytes(peer->net->nodes[0].swarm, peer->connection, copy, out.size, peer->net->now);
        }
        free(copy);
        swarm_net_run(peer->net, 1);
        kad_link_tick(peer->link, peer->net->now);
        take_events(peer);
    }
}

static struct peer *meet(unsigned n_nodes)
{
    static const char *const spoken[] = {"/nothing/1"};
    struct swarm_net *net = calloc(1, sizeof(*net));
    struct peer *peer = calloc(1, sizeof(*peer));
    uint8_t seed[32] = {0x77}, key[KAD_PEER_KEY_OWN], public_key[32], secret[64];
    const uint8_t host[4] = {10, 9, 9, 9};
    const struct kad_endpoint from = {.family = KAD_IPV4, .port = 41000};
    struct kad_endpoint at = from;
    struct kad_link_config config = {
        .allocator = &kad_allocator_system,
        .suite = &kad_suite_libp2p,
        .identity = &peer->identity,
        .initiator = true,
        .protocols = spoken,
        .n_protocols = 1,
        .max_in = 64,
        .max_out = 256,
        .max_buffered = 1 << 20,
        .max_unsent = 1 << 20,
        .handshake_ms = 10000,
        .idle_ms = 3600000,
        .ping_ms = 0,
    };

    swarm_net_init(net, kad_network_libp2p_icn());
    for (unsigned i = 0; i < n_nodes; i++) {
        struct swarm_node *node = swarm_net_add(net, KAD_SWARM_SERVER);

        if (i > 0)
            swarm_node_connect(node, &net->nodes[0]);
        swarm_net_run(net, 200);
    }
    swarm_net_run(net, 10000);
    memcpy(at.address, host, sizeof(host));
    kad_ed25519_keypair(seed, public_key, secret);
    kad_peer_key_ed25519(public_key, key);
    EXPECT_EQ(kad_peer_id_of_key((struct kad_bytes){key, sizeof(key)}, peer->id, &peer->n_id), 0);
    kad_link_identity_make(&peer->identity, config.suite, secret, seed);
    memset(config.ephemeral, 0x78, sizeof(config.ephemeral));
    peer->net = net;
    net->outside = hear;
    net->outsider = peer;
    EXPECT_EQ(kad_link_new(&config, net->now, &peer->link), 0);
    EXPECT_EQ(kad_swarm_accepted(net->nodes[0].swarm, &at, KAD_TRANSPORT_TCP, net->now, &peer->connection),
              0);
    run(peer, 20);
    EXPECT(kad_link_is_up(peer->link));
    return peer;
}

static void part(struct peer *peer)
{
    swarm_net_clear(peer->net);
    kad_link_free(peer->link);
    free(peer->net);
    free(peer);
}

static void open_stream(struct peer *peer, const char *protocol)
{
    peer->stream = kad_link_open(peer->link, protocol, NULL, peer->net->now);
    EXPECT(peer->stream != 0);
    peer->n_read = 0;
    peer->ended = peer->reset = false;
}

static void say(struct peer *peer, struct kad_bytes message, bool last)
{
    uint8_t head[KAD_VARINT_MAX];
    const struct kad_bytes length = {head, kad_varint_write(message.size, head)};

    EXPECT(kad_link_write(peer->link, peer->stream, length, false, peer->net->now));
    EXPECT(kad_link_write(peer->link, peer->stream, message, last, peer->net->now));
}

/* The next answer of the stream; it is taken off. */
static struct kad_p2p_message *heard(struct peer *peer)
{
    static struct kad_p2p_message message;
    static uint8_t bytes[65536];
    uint64_t size = 0;
    const int n = kad_varint_read((struct kad_bytes){peer->read, peer->n_read}, &size);

    EXPECT(n > 0 && peer->n_read >= (size_t)n + size);
    memcpy(bytes, peer->read + n, size);
    peer->n_read -= (size_t)n + size;
    memmove(peer->read, peer->read + n + size, peer->n_read);
    EXPECT_EQ(kad_p2p_decode((struct kad_bytes){bytes, size}, &message), 0);
    return &message;
}

static bool is(struct kad_bytes id, struct kad_bytes other)
{
    return id.size == other.size && memcmp(id.data, other.data, id.size) == 0;
}

static void ask(struct peer *peer, enum kad_p2p_type type, struct kad_bytes key)
{
    uint8_t bytes[128];
    struct kad_proto_writer writer = {.bytes = bytes, .room = sizeof(bytes)};

    kad_p2p_put_head(&writer, type, key);
    say(peer, (struct kad_bytes){bytes, writer.n}, false);
    run(peer, 20);
}

static const struct kad_bytes some_key = {(const uint8_t *)"\x12\x20"
                                                           "01234567890123456789012345678901",
                                          34};

static void announce(struct peer *peer, bool other, bool own, bool where)
{
    uint8_t bytes[512];
    struct kad_proto_writer writer = {.bytes = bytes, .room = sizeof(bytes)};
    const struct kad_bytes list[1] = {{addr, sizeof(addr)}};

    kad_p2p_put_head(&writer, KAD_P2P_ADD_PROVIDER, some_key);
    for (int i = 0; other && i < 2; i++)
        kad_p2p_put_peer(&writer, KAD_P2P_PROVIDERS_FIELD, kad_swarm_self(peer->net->nodes[1].swarm), list, 1,
                         0);
    if (own)
        kad_p2p_put_peer(&writer, KAD_P2P_PROVIDERS_FIELD, (struct kad_bytes){peer->id, peer->n_id}, list,
                         where, 0);
    say(peer, (struct kad_bytes){bytes, writer.n}, false);
    run(peer, 20);
}

/* js and go ignore what is not the sender's, and go resets the stream if nothing is left: LIBP2P-WIRE 7. */
TEST(a_provider_counts_wherever_in_the_list_it_stands)
{
    struct peer *peer = meet(2);
    struct kad_p2p_message *answer;

    open_stream(peer, "/icn/kad/1.0.0");
    announce(peer, true, false, true);
    EXPECT(peer->reset);
    open_stream(peer, "/icn/kad/1.0.0");
    announce(peer, false, true, false); /* nowhere */
    EXPECT(peer->reset);
    open_stream(peer, "/icn/kad/1.0.0");
    announce(peer, true, true, true);
    EXPECT(!peer->reset);
    EXPECT_EQ(peer->n_read, 0); /* nobody answers it: the next answer on this stream is the next question's */
    ask(peer, KAD_P2P_GET_PROVIDERS, some_key);
    answer = heard(peer);
    EXPECT_EQ(answer->type, KAD_P2P_GET_PROVIDERS);
    EXPECT_EQ(answer->n_providers, 1);
    EXPECT(is(answer->providers[0].id, (struct kad_bytes){peer->id, peer->n_id}));
    EXPECT_EQ(peer->n_read, 0);
    part(peer);
}

/* Who is asked for is named first, once, were it the node that is asked; nobody is told of itself, as js goes astray over that. */
TEST(who_is_asked_for_is_named_first)
{
    struct peer *peer = meet(8);
    const struct kad_bytes own = {peer->id, peer->n_id}, where = {addr, sizeof(addr)};
    struct kad_p2p_message *answer;

    kad_swarm_learn_peer(peer->net->nodes[0].swarm, own, &where, 1);
    open_stream(peer, "/icn/kad/1.0.0");
    ask(peer, KAD_P2P_FIND_NODE, own);
    answer = heard(peer);
    EXPECT_EQ(answer->n_closer, 7);
    for (unsigned i = 0; i < answer->n_closer; i++)
        EXPECT(!is(answer->closer[i].id, own));
    for (unsigned wanted = 0; wanted < 9; wanted++) {
        const struct kad_bytes id = wanted < 8 ? kad_swarm_self(peer->net->nodes[wanted].swarm) : some_key;

        ask(peer, KAD_P2P_FIND_NODE, id);
        answer = heard(peer);
        EXPECT_EQ(answer->type, KAD_P2P_FIND_NODE);
        EXPECT_EQ(answer->key.size, 0);
        EXPECT_EQ(answer->n_closer, wanted == 0 ? 8 : 7);
        EXPECT(wanted == 8 || is(answer->closer[0].id, id));
        for (unsigned i = 0; i < answer->n_closer; i++) {
            EXPECT(!is(answer->closer[i].id, own)); /* we are a client, and have no address */
            EXPECT(wanted == 0 || !is(answer->closer[i].id, kad_swarm_self(peer->net->nodes[0].swarm)));
            for (unsigned k = 0; k < i; k++)
                EXPECT(!is(answer->closer[i].id, answer->closer[k].id));
        }
    }
    EXPECT_EQ(peer->n_read, 0);
    part(peer);
}

/* go discards an identify whose stream is reset, and js takes one stream for it at a time: it ends, with FIN. */
TEST(identify_ends_with_fin_and_leaves_nothing)
{
    struct peer *peer = meet(1);

    open_stream(peer, "/ipfs/id/1.0.0");
    run(peer, 400);
    EXPECT(peer->n_read > 100);
    EXPECT(peer->ended && !peer->reset);
    EXPECT(kad_link_write(peer->link, peer->stream, (struct kad_bytes){0}, true, peer->net->now));
    run(peer, 20);
    EXPECT_EQ(kad_link_n_streams(peer->link), 0);
    part(peer);
}

/* Relays are looked up by what peers say they speak (I018, I027); who says it no more is none. */
TEST(a_peer_that_forwards_is_known_I018)
{
    static const char hop[] = "/libp2p/circuit/relay/0.2.0/hop";
    struct peer *peer = meet(1);
    struct kad_swarm_peer known;

    for (unsigned n = 2; n >= 1; n--) {
        uint8_t bytes[512];
        const struct kad_identify identify = {.n_protocols = n,
                                              .protocols = {{(const uint8_t *)"/ipfs/ping/1.0.0", 16},
                                                            {(const uint8_t *)hop, sizeof(hop) - 1}}};

        open_stream(peer, "/ipfs/id/push/1.0.0");
        say(peer, (struct kad_bytes){bytes, kad_identify_encode(&identify, bytes, sizeof(bytes))}, true);
        run(peer, 20);
        EXPECT(
            kad_swarm_find_peer(peer->net->nodes[0].swarm, (struct kad_bytes){peer->id, peer->n_id}, &known));
        EXPECT(known.connected && known.is_relay == (n == 2));
    }
    part(peer);
}

/* More than 4 MiB (and much less) is refused before it comes; the connection stays. */
TEST(a_message_too_long_is_refused_from_its_length)
{
    static const uint8_t length[] = {0x81, 0x80, 0x80, 0x02}; /* 4 MiB and 1 */
    struct peer *peer = meet(1);

    open_stream(peer, "/icn/kad/1.0.0");
    EXPECT(kad_link_write(peer->link, peer->stream, (struct kad_bytes){length, sizeof(length)}, false,
                          peer->net->now));
    run(peer, 10);
    EXPECT(peer->reset && !peer->closed);
    open_stream(peer, "/icn/kad/1.0.0");
    ask(peer, KAD_P2P_FIND_NODE, some_key);
    EXPECT_EQ(heard(peer)->n_closer, 0);
    part(peer);
}

/* rust says its end with the question; go asks many a stream; both get all their answers, and an end. */
TEST(questions_of_one_stream_are_answered_in_order_and_after_its_end)
{
    struct peer *peer = meet(3);

    open_stream(peer, "/icn/kad/1.0.0");
    for (unsigned i = 0; i < 40; i++) {
        uint8_t bytes[64];
        struct kad_proto_writer writer = {.bytes = bytes, .room = sizeof(bytes)};

        kad_p2p_put_head(&writer, i % 2 ? KAD_P2P_FIND_NODE : KAD_P2P_GET_PROVIDERS, some_key);
        say(peer, (struct kad_bytes){bytes, writer.n}, i == 39);
    }
    run(peer, 400);
    for (unsigned i = 0; i < 40; i++)
        EXPECT_EQ(heard(peer)->type, i % 2 ? KAD_P2P_FIND_NODE : KAD_P2P_GET_PROVIDERS);
    EXPECT_EQ(peer->n_read, 0);
    EXPECT(peer->ended && !peer->reset);
    EXPECT_EQ(kad_link_n_streams(peer->link), 0);
    part(peer);
}

/* Questions that nobody answers make room for others: 16 at once, and each for 15 seconds; who asked has given them up before. */
TEST(a_node_that_never_answers_keeps_no_question)
{
    struct swarm_net *net = calloc(1, sizeof(*net));
    struct swarm_node *asks, *silent;
    const struct kad_swarm_counters *counters;

    swarm_net_init(net, kad_network_libp2p_icn());
    silent = swarm_net_add(net, KAD_SWARM_SERVER);
    asks = swarm_net_add(net, KAD_SWARM_SERVER);
    swarm_node_connect(asks, silent);
    swarm_net_run(net, 2000);
    counters = kad_swarm_counters(asks->swarm);
    silent->silent = true;
    for (int round = 1; round <= 3; round++) {
        const uint64_t before = counters->requests_out;

        for (uint8_t i = 0; i < 40; i++) {
            uint8_t bytes[64], question[64];
            struct kad_proto_writer writer = {.bytes = question, .room = sizeof(question)};
            struct kad_p2p_frame frame = {.kind = KAD_P2P_QUERY, .transaction = {&i, 1}};
            struct kad_datagram datagram = {.peer = silent->endpoint,
                                            .identity = kad_swarm_self(silent->swarm)};
            size_t n;

            kad_p2p_put_head(&writer, KAD_P2P_FIND_NODE, some_key);
            frame.message = (struct kad_bytes){question, writer.n};
            n = kad_p2p_frame_write_head(&frame, bytes, sizeof(bytes));
            memcpy(bytes + n, question, writer.n);
            datagram.bytes = (struct kad_bytes){bytes, n + writer.n};
            kad_swarm_send(asks->swarm, &datagram, net->now);
        }
        EXPECT(counters->requests_out - before <= 16);
        EXPECT(counters->requests_out > before);
        swarm_net_run(net, 16000);
    }
    swarm_net_clear(net);
    free(net);
}

/* Who asks on and on and reads no answer is not answered for ever: what waits for it is bounded, and when it reads, the rest is looked
 * at. What it asked is answered, all of it, although it said that no more comes. */
TEST(who_does_not_read_is_not_answered_on)
{
    static uint8_t question[64];
    struct kad_proto_writer writer = {.bytes = question, .room = sizeof(question)};
    struct peer *peer = meet(12);
    const struct kad_swarm_counters *counters = kad_swarm_counters(peer->net->nodes[0].swarm);
    const unsigned n_asked = 1500;
    uint64_t before, answered;
    unsigned n = 0;

    kad_p2p_put_head(&writer, KAD_P2P_FIND_NODE, some_key);
    open_stream(peer, "/icn/kad/1.0.0");
    run(peer, 20);
    before = counters->requests_in;
    peer->does_not_read = true;
    for (unsigned i = 0; i < n_asked; i++) {
        say(peer, (struct kad_bytes){question, writer.n}, i == n_asked - 1);
        if (i % 50 == 0)
            run(peer, 1);
    }
    run(peer, 200);
    answered = counters->requests_in - before;
    EXPECT_MSG(answered > 100 && answered < n_asked - 100, "%llu", (unsigned long long)answered);
    for (unsigned i = 0; i < 2000 && n < n_asked; i++) {
        struct kad_bytes came = kad_link_unread(peer->link, peer->stream);
        const size_t there = came.size;
        uint64_t size;
        int head;

        while ((head = kad_varint_read(came, &size)) > 0 && came.size >= (size_t)head + size) {
            came.data += (size_t)head + size;
            came.size -= (size_t)head + size;
            n++;
        }
        kad_link_read(peer->link, peer->stream, there - came.size);
        run(peer, 1);
    }
    run(peer, 20);
    EXPECT_MSG(n == n_asked && !peer->reset && peer->ended, "%u answers read of %u", n,
               (unsigned)(counters->requests_in - before));
    EXPECT_EQ(counters->requests_in - before, n_asked);
    part(peer);
}

/* However many come, there are places to dial from; and who comes is let in again once somebody can go. */
TEST(others_do_not_take_all_places)
{
    struct kad_swarm_config config = {.allocator = &kad_allocator_system,
                                      .protocols = {"/icn/kad/1.0.0"},
                                      .local = true,
                                      .max_links = 16,
                                      .accept_per_s = 1000};
    struct kad_endpoint from = {.family = KAD_IPV4, .address = {10, 1, 1, 1}, .port = 4000};
    struct kad_swarm_order order;
    struct kad_swarm *swarm;
    const uint8_t other[8] = {4, 10, 2, 2, 2, 6, 1, 1};
    uint32_t connection = 0, last = 0;
    unsigned n = 0;
    const char *why;

    EXPECT_EQ(kad_swarm_new(&config, 1000, &swarm), 0);
    while (n < 100 && kad_swarm_accepted(swarm, &from, KAD_TRANSPORT_TCP, 1000, &connection) == 0) {
        last = connection;
        n++;
    }
    EXPECT_EQ(n, 14);
    EXPECT_EQ(kad_swarm_connect(swarm, (struct kad_bytes){other, sizeof(other)}, 1000), 0);
    EXPECT(kad_swarm_next_order(swarm, &order) && order.kind == KAD_SWARM_DIAL);
    kad_swarm_connected(swarm, order.connection, 1000);
    EXPECT(kad_swarm_accepted(swarm, &from, KAD_TRANSPORT_TCP, 1000, &connection) < 0);
    kad_swarm_closed(swarm, last, 1000);
    EXPECT_EQ(kad_swarm_accepted(swarm, &from, KAD_TRANSPORT_TCP, 1000, &connection), 0);
    EXPECT(kad_swarm_sound(swarm, &why));
    kad_swarm_tick(swarm, 20000); /* who does not say who it is goes */
    while (kad_swarm_next_order(swarm, &order)) {
        if (order.kind == KAD_SWARM_WRITE)
            kad_swarm_sent(swarm, order.connection, kad_swarm_out(swarm, order.connection).size);
    }
    kad_swarm_tick(swarm, 21000);
    EXPECT_EQ(kad_swarm_wake_at(swarm), KAD_NEVER); /* nothing is left to wait for */
    EXPECT_EQ(kad_swarm_accepted(swarm, &from, KAD_TRANSPORT_TCP, 21000, &connection), 0);
    EXPECT(kad_swarm_sound(swarm, &why));
    kad_swarm_free(swarm);
}
