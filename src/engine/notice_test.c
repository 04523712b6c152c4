/* P046: a node tells its neighbours that it stops, or has moved, and nobody else can say so in its name. */
#include "kad/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "core/notice.h"
#include "engine/carrier.h"
#include "engine/engine_parts.h"
#include "engine/journal.h"
#include "engine/test_journal.h"
#include "engine/test_net.h"

#define CAUGHT_MAX 128

/* Somebody on the way of what one node sends: keeps it, and lets it through or not. */
struct listener {
    struct kad_endpoint watched;
    bool listens, holds_back;
    struct test_packet caught[CAUGHT_MAX];
    size_t n_caught;
};

static bool overhear(struct test_net *net, const struct test_packet *packet)
{
    struct listener *listener = net->user;
    struct test_packet *copy;

    if (!listener->listens || !kad_endpoint_equal(&packet->from, &listener->watched))
        return false;
    EXPECT(listener->n_caught < CAUGHT_MAX);
    copy = &listener->caught[listener->n_caught++];
    *copy = *packet;
    copy->bytes = malloc(packet->size);
    memcpy(copy->bytes, packet->bytes, packet->size);
    return listener->holds_back;
}

static void listen_to(struct listener *listener, struct test_node *node, bool holds_back)
{
    *listener = (struct listener){.watched = node->endpoint, .listens = true, .holds_back = holds_back};
    node->net->user = listener;
    node->net->lose = overhear;
}

static void hush(struct listener *listener)
{
    for (size_t i = 0; i < listener->n_caught; i++)
        free(listener->caught[i].bytes);
    listener->n_caught = 0;
}

static void play_again(struct test_net *net, const struct listener *listener, const struct kad_endpoint *from)
{
    for (size_t i = 0; i < listener->n_caught; i++)
        test_net_inject(net, from, &listener->caught[i].to, listener->caught[i].bytes,
                        listener->caught[i].size);
}

/* In how many tables, replacements among them, somebody at this address stands. */
static size_t n_knowing(const struct test_net *net, const struct kad_endpoint *endpoint)
{
    size_t n = 0;

    for (size_t i = 0; i < net->n_nodes; i++) {
        struct kad_table_row rows[256];
        const size_t n_rows =
            net->nodes[i].engine ? kad_engine_table(net->nodes[i].engine, KAD_IPV4, rows, 256) : 0;

        for (size_t j = 0; j < n_rows; j++)
            n += kad_endpoint_equal(&rows[j].contact.endpoint, endpoint);
    }
    return n;
}

static uint64_t n_heard(const struct test_net *net, enum kad_drop why)
{
    uint64_t n = 0;

    for (size_t i = 0; i < net->n_nodes; i++) {
        if (!net->nodes[i].engine)
            continue;
        n += why == KAD_DROP_NONE ? kad_engine_counters(net->nodes[i].engine)->queries_in[KAD_LEAVE]
                                  : kad_engine_counters(net->nodes[i].engine)->received[why];
    }
    return n;
}

/* Entries of tables that stand for the second half, which is off. */
static size_t n_dead(const struct test_net *net)
{
    size_t n = 0;

    for (size_t i = net->n_nodes / 2; i < net->n_nodes; i++)
        n += n_knowing(net, &net->nodes[i].endpoint);
    return n;
}

/* Half of a network leaves. The others need not find out: within the time of one datagram no table has them any more, not even
 * in a place of those who wait, and those who stay find each other. Half that is killed is in all tables then. */
TEST(p046_half_leaves_and_tables_are_clean)
{
    struct test_net *told = test_net_make(kad_network_kad_easy(), 40),
                    *killed = test_net_make(kad_network_kad_easy(), 40);
    struct kad_request request = {.kind = KAD_REQUEST_FIND};

    EXPECT(n_dead(told) > 300);
    for (size_t i = 20; i < 40; i++) {
        test_net_leave(&told->nodes[i]);
        test_net_off(&killed->nodes[i]);
    }
    test_net_run(told, told->delay_ms);
    test_net_run(killed, killed->delay_ms);
    EXPECT_EQ(n_dead(told), 0);
    EXPECT(n_dead(killed) > 150);
    EXPECT(n_heard(told, KAD_DROP_NONE) > 150);
    test_net_run(told, KAD_MINUTE);
    EXPECT_EQ(n_dead(told), 0); /* and nobody was brought back by others' words */
    for (size_t i = 0; i < 20; i++) {
        request.target = test_net_info(&told->nodes[i])->id;
        EXPECT_EQ(test_net_request(&told->nodes[(i + 7) % 20], &request), 0);
    }
    test_net_free(told);
    test_net_free(killed);
}

/* One datagram of the smallest size to each of a bounded number, and only to those there is a session with. */
TEST(p046_it_is_said_in_small_words_to_a_few)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 100);
    struct listener listener;
    struct kad_session_counts before, after;
    struct test_node *node = &net->nodes[70], *asks_only = &net->nodes[71];
    static uint8_t memory[KAD_NOTICE_MOST * KAD_DATAGRAM_MAX];
    struct kad_datagram datagrams[KAD_NOTICE_MOST];
    struct kad_batch batch = {.datagrams = datagrams, .memory = memory, .room = KAD_NOTICE_MOST};
    struct kad_settings settings = net->settings;
    const char *field;

    EXPECT(kad_engine_sessions(node->engine, &before));
    kad_engine_leave(node->engine, net->now, &batch);
    EXPECT(kad_engine_sessions(node->engine, &after));
    EXPECT(batch.n >= 20 && batch.n <= KAD_NOTICE_MOST);
    EXPECT_EQ(batch.n, kad_engine_counters(node->engine)->queries_out[KAD_LEAVE]);
    EXPECT_EQ(after.begun, before.begun);
    for (unsigned i = 0; i < batch.n; i++)
        EXPECT_EQ(batch.datagrams[i].bytes.size, 64);
    test_net_run(net, 30 * KAD_SECOND); /* nobody answers it, or waits for an answer */

    settings.read_only = true; /* it is in no table */
    EXPECT_EQ(kad_engine_set_settings(asks_only->engine, &settings, net->now, &field), 0);
    listen_to(&listener, asks_only, false);
    test_net_leave(asks_only);
    EXPECT_EQ(listener.n_caught, 0);
    test_net_free(net);
}

/* What somebody on the way kept of it is worth nothing when the node is back, from wherever it is sent: it came before, or in a
 * session that is over. */
TEST(p046_an_old_notice_sends_nobody_away)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 30);
    struct test_node *node = &net->nodes[11];
    struct listener listener;
    size_t n;

    listen_to(&listener, node, false);
    test_net_leave(node);
    net->lose = NULL;
    test_net_run(net, KAD_SECOND);
    EXPECT_EQ(n_knowing(net, &node->endpoint), 0);
    EXPECT(listener.n_caught >= 20);

    play_again(net, &listener, &node->endpoint);
    test_net_run(net, KAD_SECOND);
    test_net_on(node);
    EXPECT_EQ(kad_engine_bootstrap(node->engine, &net->nodes[0].endpoint, net->now), 0);
    test_net_run(net, 40 * KAD_SECOND);
    n = n_knowing(net, &node->endpoint);
    EXPECT(n >= 20);
    play_again(net, &listener, &node->endpoint);
    play_again(net, &listener, &net->nodes[3].endpoint);
    test_net_run(net, KAD_SECOND);
    EXPECT_EQ(n_knowing(net, &node->endpoint), n);
    hush(&listener);
    test_net_free(net);
}

/* Nor is one that was held back until the node was there again, though nobody has seen it before and its session still opens. */
TEST(p046_a_notice_that_was_held_back_is_of_another_time)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 30);
    struct test_node *node = &net->nodes[11];
    struct listener listener;
    size_t n;

    listen_to(&listener, node, true);
    test_net_leave(node);
    net->lose = NULL;
    test_net_on(node);
    for (size_t i = 0; i < 5; i++)
        EXPECT_EQ(kad_engine_bootstrap(node->engine, &net->nodes[i].endpoint, net->now), 0);
    test_net_run(net, 10 * KAD_SECOND);
    n = n_knowing(net, &node->endpoint);
    EXPECT(n >= 20);
    EXPECT_EQ(n_heard(net, KAD_DROP_STALE), 0);
    play_again(net, &listener, &node->endpoint);
    test_net_run(net, net->delay_ms);
    EXPECT_EQ(n_knowing(net, &node->endpoint), n);
    EXPECT(n_heard(net, KAD_DROP_STALE) >= 20);
    EXPECT_EQ(n_heard(net, KAD_DROP_NONE), 0);
    hush(&listener);
    test_net_free(net);
}

/* Who waits for an answer of one that leaves need not wait for its time to be over. */
TEST(p046_what_it_was_asked_fails_at_once)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 2);
    struct test_node *asker = &net->nodes[0], *asked = &net->nodes[1];
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .target.bytes = {1}};
    const size_t before = asker->n_done;
    struct listener listener;
    uint64_t id;

    listen_to(&listener, asked, true); /* it answers, and no answer arrives */
    EXPECT_EQ(kad_engine_request(asker->engine, &request, net->now, &id), 0);
    test_net_run(net, 500);
    EXPECT(asker->n_done == before && test_net_info(asker)->n_queries > 0);
    listener.holds_back = false;
    test_net_leave(asked);
    test_net_run(net, net->delay_ms);
    EXPECT_EQ(asker->n_done, before + 1);
    EXPECT(asker->last_done.done.error != 0);
    EXPECT_EQ(test_net_info(asker)->n_queries, 0);
    EXPECT_EQ(test_net_info(asker)->n_contacts[0], 0);
    hush(&listener);
    test_net_free(net);
}

/* A first message can be an old one, so it changes nothing, whatever it says; in a session it does. */
TEST(p046_a_first_message_sends_nobody_away)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 20);
    struct test_node *node = &net->nodes[3];
    struct kad_table_row rows[256];
    struct kad_message message;
    struct kad_peer from = {.replayable = true};
    struct kad_received received;
    size_t n;

    EXPECT(kad_engine_table(node->engine, KAD_IPV4, rows, 256) > 0);
    kad_message_init(&message);
    message.method = KAD_LEAVE;
    message.sender = rows[0].contact.id;
    message.has_sender = true;
    from.endpoint = rows[0].contact.endpoint;
    from.identity = (struct kad_bytes){rows[0].public_key, 32};
    n = n_knowing(net, &from.endpoint);
    received = kad_notice_left(&node->engine->dht, &from, &message, net->now, NULL);
    EXPECT(received.drop == KAD_DROP_REPLAYED && !received.left);
    EXPECT_EQ(n_knowing(net, &from.endpoint), n);
    from.replayable = false;
    received = kad_notice_left(&node->engine->dht, &from, &message, net->now, NULL);
    EXPECT(received.drop == KAD_DROP_NONE && received.left);
    EXPECT_EQ(n_knowing(net, &from.endpoint), n - 1);
    test_net_free(net);
}

/* Both ends of it are recorded, and run again alike. */
TEST(it_is_recorded_and_replayed)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 12);
    struct test_tape ends[2] = {{0}, {0}};
    struct kad_journal *journals[2];
    char why[TEST_TAPE_WHY] = "";
    static uint8_t memory[64 * KAD_DATAGRAM_MAX];
    struct kad_datagram datagrams[64];
    struct kad_batch batch = {.datagrams = datagrams, .memory = memory, .room = 64};
    struct test_node *leaves = &net->nodes[4], *stays = &net->nodes[5];

    journals[0] = test_tape_begin(&ends[0], leaves->engine, KAD_SECOND, net->now);
    journals[1] = test_tape_begin(&ends[1], stays->engine, KAD_SECOND, net->now);
    kad_engine_leave(leaves->engine, net->now, &batch);
    EXPECT(batch.n >= 10);
    for (unsigned i = 0; i < batch.n; i++)
        test_net_inject(net, &leaves->endpoint, &batch.datagrams[i].peer, batch.datagrams[i].bytes.data,
                        batch.datagrams[i].bytes.size);
    EXPECT(!kad_journal_end(journals[0], net->now));
    test_net_off(leaves);
    test_net_run(net, 10 * KAD_SECOND);
    EXPECT(!kad_journal_end(journals[1], net->now));
    EXPECT_EQ(kad_engine_counters(stays->engine)->queries_in[KAD_LEAVE], 1);
    for (size_t i = 0; i < 2; i++) {
        EXPECT_MSG(test_tape_replay(&ends[i], NULL, why) == KAD_REPLAY_END, "%zu: %s", i, why);
        test_tape_clear(&ends[i]);
    }
    test_net_free(net);
}

/* "Change port live: neighbours know the new one in < 2 s". A router has given it another port, and it knows nothing of it. The first
 * answer that it gets there says so, whoever gave it; then its neighbours hear of it, though nobody asked. */
TEST(p046_neighbours_know_a_new_port_within_two_seconds)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 40);
    struct test_node *mover = &net->nodes[7];
    const struct kad_endpoint before = mover->endpoint;
    struct kad_request ping = {.kind = KAD_REQUEST_PING, .endpoint = net->nodes[20].endpoint};
    uint64_t pings;
    uint64_t id;

    test_net_run(net, 2 * KAD_MINUTE);
    EXPECT(n_knowing(net, &before) >= 30);
    pings = kad_engine_counters(mover->engine)->queries_out[KAD_PING];
    mover->endpoint.port = 1234;
    EXPECT_EQ(kad_engine_request(mover->engine, &ping, net->now, &id), 0);
    test_net_run(net, 2 * KAD_SECOND);
    EXPECT(n_knowing(net, &mover->endpoint) >= 20);
    pings = kad_engine_counters(mover->engine)->queries_out[KAD_PING] - pings;
    EXPECT(pings >= 20 && pings <= 1 + 20 + 5); /* one was asked for, k tell it, the rest is upkeep's */
    test_net_free(net);
}

/* Who lies about our address has us ping our own neighbours, once a minute and no more. */
TEST(p046_a_liar_about_our_address_gains_little)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 40);
    struct test_node *node = &net->nodes[7];
    struct kad_dht *dht = &node->engine->dht;
    static uint8_t memory[64 * KAD_DATAGRAM_MAX];
    struct kad_datagram datagrams[64];
    struct kad_batch batch = {.datagrams = datagrams, .memory = memory, .room = 64};
    struct kad_carrier carrier = kad_carrier_for(node->engine, &batch, net->now);

    kad_notice_moved(dht, net->now, &carrier.outbox);
    EXPECT_EQ(batch.n, 20);
    for (kad_ms ms = 0; ms < KAD_MINUTE; ms += 100)
        kad_notice_moved(dht, net->now + ms, &carrier.outbox);
    EXPECT_EQ(batch.n, 20);
    kad_notice_moved(dht, net->now + KAD_MINUTE, &carrier.outbox);
    EXPECT_EQ(batch.n, 40);
    test_net_free(net);
}
