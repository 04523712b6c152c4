#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/test.h"
#include "channel/channel_parts.h"
#include "channel/test_channel.h"

struct written {
    uint8_t bytes[1 << 18];
    size_t size;
};

static struct test_world world;

static void put(void *context, const void *bytes, size_t size)
{
    struct written *to = context;

    EXPECT(to->size + size <= sizeof(to->bytes));
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

static void write_down(struct kad_channel *channel, struct written *to)
{
    struct kad_walk walk = {.put = put, .context = to};

    to->size = 0;
    kad_channel_walk(&walk, channel);
}

static struct kad_channel *another(unsigned peer)
{
    struct kad_channel_config config = world.peers[peer].config;
    struct kad_channel *channel = NULL;

    config.seed[0]--; /* test_peer_start() counted it up */
    EXPECT_EQ(kad_channel_new(&config, world.now, &channel), KAD_OK);
    return channel;
}

/* Something of everything: sessions in each state, what waits, a wide window, solutions that were used. */
static void fill(void)
{
    test_world_init(&world);
    for (unsigned i = 0; i < 4; i++) {
        test_peer_init(&world, i);
        world.peers[i].config.cookie_per_s = world.peers[i].config.work_per_s = i == 1 ? 0 : 1000;
        test_peer_start(&world, i);
    }
    for (unsigned n = 0; n < 100; n++) {
        EXPECT(test_say(&world, n & 1, 1 - (n & 1), (uint8_t)n, 10, 10));
        test_deliver_all(&world);
    }
    world.now += KAD_HOUR;
    EXPECT(test_say(&world, 0, 1, 1, 10, 10));
    test_deliver_all(&world);
    EXPECT(test_say(&world, 2, 1, 1, 10, 10));
    test_deliver_all(&world);
    EXPECT(test_say(&world, 1, 3, 1, 10, 10));
    EXPECT(test_say(&world, 1, 3, 1, 1100, 10));
    {
        const struct kad_channel_to door = {.endpoint = test_endpoint(9)};

        EXPECT(test_say_at(&world, 1, &door, 1, 100, 10));
    }
    world.n_wire = 0;
    EXPECT(test_say(&world, 3, 1, 1, 10, 10));
    for (unsigned i = 0; i < 3; i++)
        test_deliver(&world);
    world.n_wire = 0;
    {
        const struct kad_sessions *sessions = &world.peers[1].channel->sessions;

        EXPECT_EQ(sessions->n[KAD_SESSION_PENDING], 2);
        EXPECT_EQ(sessions->n[KAD_SESSION_FRESH], 1);
        EXPECT_EQ(sessions->n[KAD_SESSION_LIVE], 2);
        EXPECT_EQ(sessions->n[KAD_SESSION_OLD], 1);
        EXPECT(kad_admit_memory(&world.peers[1].channel->admit) > 0);
    }
}

/* What was read back is the same channel: it writes the same down, and goes on the same way, byte for byte. */
TEST(a_channel_that_was_read_back_goes_on_as_if_nothing_had_been)
{
    static struct written before, after;
    struct kad_channel *copy, *original;

    fill();
    original = world.peers[1].channel;
    write_down(original, &before);
    copy = another(1);
    {
        struct kad_walk walk = {.at = before.bytes, .left = before.size};
        const char *why = "";

        kad_channel_walk(&walk, copy);
        EXPECT(!walk.bad);
        EXPECT_EQ(walk.left, 0);
        EXPECT_MSG(kad_channel_sound(copy, &why), "%s", why);
    }
    write_down(copy, &after);
    EXPECT_EQ(after.size, before.size);
    EXPECT_MEM(after.bytes, before.bytes, before.size);

    for (unsigned i = 0; i < 3; i++) {
        struct test_packet sent[2];

        world.now += 100;
        for (unsigned which = 0; which < 2; which++) {
            world.peers[1].channel = which ? copy : original;
            EXPECT(test_say(&world, 1, i == 0 ? 0 : i == 1 ? 2 : 3, 5, 30, 30) || i == 2);
            if (i == 2) {
                const struct kad_channel_to door = {.endpoint = test_endpoint(12)};

                EXPECT(test_say_at(&world, 1, &door, 1, 100, 10));
            }
            EXPECT_EQ(world.n_wire, 1);
            sent[which] = world.wire[0];
            world.n_wire = 0;
        }
        EXPECT_EQ(sent[0].size, sent[1].size);
        EXPECT_MEM(sent[0].bytes, sent[1].bytes, sent[0].size);
    }
    world.peers[1].channel = original;
    kad_channel_free(copy);
    test_world_clear(&world);
}

/* A first message that waits for its answer has paid for it: else answering would send more than came in. */
TEST(an_answer_that_was_not_paid_for_is_refused)
{
    static struct written bytes;
    static struct kad_datagram datagrams[4];
    static uint8_t memory[4 * KAD_DATAGRAM_MAX];
    struct kad_batch out = {.datagrams = datagrams, .memory = memory, .room = 4};

    for (unsigned wrong = 0; wrong < 4; wrong++) {
        struct kad_walk walk = {0};
        struct kad_session *session;
        struct kad_channel *copy;
        struct kad_channel_in in;
        struct test_packet init;

        test_begin(&world, 2);
        EXPECT(test_say(&world, 0, 1, 1, 10, 10));
        init = test_caught(&world);
        in = kad_channel_receive(world.peers[1].channel,
                                 &(struct kad_datagram){.peer = init.from, .bytes = {init.bytes, init.size}},
                                 world.now, &out);
        EXPECT_EQ(in.verdict, KAD_CHANNEL_MESSAGE);
        session = kad_sessions_at(&world.peers[1].channel->sessions, in.session);
        if (wrong == 1)
            session->packets = 0;
        if (wrong == 2)
            session->credit = 100;
        if (wrong == 3)
            kad_sessions_set(&world.peers[1].channel->sessions, session, KAD_SESSION_LIVE, world.now);
        write_down(world.peers[1].channel, &bytes);
        copy = another(1);
        walk.at = bytes.bytes;
        walk.left = bytes.size;
        kad_channel_walk(&walk, copy);
        EXPECT_EQ(walk.bad, wrong != 0);
        kad_channel_free(copy);
        test_world_clear(&world);
    }
}

/* Cut short anywhere, or with a byte changed: refused or another sound state, never a crash or a leak. */
TEST(what_cannot_have_been_written_is_refused)
{
    static struct written whole;
    static struct written changed;
    uint64_t state = 1;

    fill();
    write_down(world.peers[1].channel, &whole);
    for (size_t size = 0; size < whole.size; size += size < 600 ? 1 : 7) {
        struct kad_walk walk = {.at = whole.bytes, .left = size};
        struct kad_channel *copy = another(1);

        kad_channel_walk(&walk, copy);
        EXPECT_MSG(walk.bad, "%zu bytes", size);
        kad_channel_free(copy);
    }
    for (unsigned i = 0; i < 3000; i++) {
        struct kad_walk walk = {.at = changed.bytes, .left = whole.size};
        struct kad_channel *copy = another(1);
        const char *why = "";

        changed = whole;
        state = state * UINT64_C(6364136223846793005) + 1;
        changed.bytes[(state >> 20) % whole.size] ^= (uint8_t)(1u << (state >> 60) % 8);
        kad_channel_walk(&walk, copy);
        if (!walk.bad)
            EXPECT_MSG(kad_sessions_sound(&copy->sessions, &why), "round %u: %s", i, why);
        kad_channel_free(copy);
    }
    test_world_clear(&world);
}
