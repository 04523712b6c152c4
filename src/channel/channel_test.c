#include <string.h>

#include "base/test.h"
#include "channel/channel.h"
#include "channel/test_channel.h"
#include "crypto/suite.h"

static struct test_world world;

/* Peers 0 .. n-1, started. */
static void begin(unsigned n)
{
    test_world_init(&world);
    for (unsigned i = 0; i < n; i++) {
        test_peer_init(&world, i);
        test_peer_start(&world, i);
    }
}

static void expect_plain(unsigned peer, uint8_t fill, size_t n)
{
    EXPECT_EQ(world.peers[peer].last.plain.size, n);
    for (size_t i = 0; i < n; i++)
        EXPECT_EQ(world.peers[peer].plain[i], fill);
}

static void expect_from(unsigned peer, unsigned sender)
{
    EXPECT_MEM(world.peers[peer].last.key, test_key(&world, sender), KAD_KEY_SIZE);
}

/* The point of IK: a question and its answer in one round trip with somebody whom one has never spoken to. */
TEST(question_and_answer_take_one_round_trip)
{
    begin(2);
    world.peers[1].answer = 300;
    EXPECT(test_say(&world, 0, 1, 7, 40, 300));
    EXPECT_EQ(world.n_wire, 1);
    EXPECT_EQ(world.wire[0].size, 512); /* as large as the answer may be */
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_MESSAGE);
    test_take(&world, 0);
    expect_plain(1, 7, 40);
    expect_from(1, 0);
    EXPECT(world.peers[1].last.first);
    EXPECT(!world.peers[1].last.proved);

    EXPECT_EQ(world.n_wire, 1);
    EXPECT_EQ(world.wire[0].size, 512);
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_MESSAGE);
    test_take(&world, 0);
    expect_plain(0, 0xaa, 300);
    expect_from(0, 1);
    EXPECT(!world.peers[0].last.first);
    EXPECT(world.peers[0].last.proved);

    /* and one small datagram more tells the other side that it was heard */
    EXPECT_EQ(world.n_wire, 1);
    EXPECT_EQ(world.wire[0].size, 64);
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_HANDLED);
    test_take(&world, 0);
    EXPECT(world.peers[1].last.proved);
    EXPECT_EQ(world.n_wire, 0);
    EXPECT_EQ(kad_channel_counters(world.peers[0].channel)->established, 1);
    EXPECT_EQ(kad_channel_counters(world.peers[1].channel)->established, 1);
    test_world_clear(&world);
}

TEST(a_session_carries_messages_both_ways_without_public_keys)
{
    uint64_t operations;

    begin(2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    test_deliver_all(&world);
    operations = kad_channel_counters(world.peers[1].channel)->public_key_operations;
    for (unsigned i = 0; i < 2000; i++) {
        const unsigned from = i & 1;

        EXPECT(test_say(&world, from, 1 - from, (uint8_t)i, i % 1100, 0));
        EXPECT_EQ(world.n_wire, 1);
        EXPECT_EQ(test_arrive(&world, 0), i % 1100 ? KAD_CHANNEL_MESSAGE : KAD_CHANNEL_HANDLED);
        test_take(&world, 0);
        expect_plain(1 - from, (uint8_t)i, i % 1100);
        expect_from(1 - from, from);
    }
    EXPECT_EQ(kad_channel_counters(world.peers[1].channel)->public_key_operations, operations);
    test_world_clear(&world);
}

/* Ping and pong: what it costs on the wire (K37 asks for 100 bytes at most). */
TEST(a_small_message_is_a_datagram_of_64_bytes)
{
    begin(2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    test_deliver_all(&world);
    EXPECT(test_say(&world, 0, 1, 1, 31, 31));
    EXPECT_EQ(world.wire[0].size, 64);
    test_deliver_all(&world);
    EXPECT(test_say(&world, 0, 1, 1, 32, 31));
    EXPECT_EQ(world.wire[0].size, 128);
    test_world_clear(&world);
}

/* Whoever knows only host:port: a knock, and then as always. */
TEST(an_open_door_tells_who_is_there)
{
    const struct kad_channel_to door = {.endpoint = test_endpoint(2)};

    begin(2);
    world.peers[1].answer = 100;
    EXPECT(test_say_at(&world, 0, &door, 5, 50, 100));
    EXPECT_EQ(world.n_wire, 1);
    EXPECT_EQ(world.wire[0].size, 128);
    test_deliver(&world); /* HELLO */
    EXPECT_EQ(world.wire[0].size, 128);
    test_deliver(&world); /* OPEN */
    EXPECT_EQ(world.wire[0].size, 256);
    test_deliver(&world); /* INIT */
    expect_plain(1, 5, 50);
    test_deliver_all(&world);
    expect_plain(0, 0xaa, 100);
    expect_from(0, 1);
    test_world_clear(&world);
}

/* An idle channel, and one session: what a simulated node pays. */
TEST(channels_cost_little_while_they_are_idle)
{
    size_t idle;

    begin(1);
    idle = world.in_use;
    EXPECT_MSG(idle <= 1000, "%zu bytes", idle);
    EXPECT_EQ(idle, kad_channel_memory(world.peers[0].channel));
    test_peer_init(&world, 1);
    test_peer_start(&world, 1);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    test_deliver_all(&world);
    EXPECT_EQ(world.in_use,
              kad_channel_memory(world.peers[0].channel) + kad_channel_memory(world.peers[1].channel));
    test_world_clear(&world);
}
