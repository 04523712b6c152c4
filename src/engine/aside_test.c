/* What hosts say to one another in their engines' sessions (T11): sealed, proven, never larger than a packet of 1,280 bytes, and
 * nothing that an engine or its recording depends on. */
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "engine/test_journal.h"
#include "engine/test_net.h"

static struct test_net *net;

static struct heard {
    unsigned n;
    struct kad_aside last;
    uint8_t bytes[KAD_ASIDE_MAX];
} heard[2];

static void hear(void *context, const struct kad_aside *aside)
{
    struct heard *here = context;

    here->n++;
    here->last = *aside;
    memcpy(here->bytes, aside->bytes.data, aside->bytes.size);
}

static void make(void)
{
    net = test_net_make(kad_network_kad_easy(), 2);
    memset(heard, 0, sizeof(heard));
    for (size_t i = 0; i < 2; i++)
        kad_engine_on_aside(net->nodes[i].engine, hear, &heard[i]);
}

/* What was sent; 0: nothing. */
static size_t say(size_t from, size_t to, size_t size)
{
    static uint8_t memory[KAD_DATAGRAM_MAX];
    struct kad_datagram datagram;
    struct kad_batch batch = {.datagrams = &datagram, .memory = memory, .room = 1};
    uint8_t bytes[KAD_ASIDE_MAX + 1];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 7);
    bytes[0] = KAD_ASIDE;
    if (!kad_engine_say(net->nodes[from].engine, &net->nodes[to].endpoint,
                        kad_engine_identity(net->nodes[to].engine), (struct kad_bytes){bytes, size}, net->now,
                        &batch))
        return 0;
    test_net_inject(net, &net->nodes[from].endpoint, &datagram.peer, datagram.bytes.data,
                    datagram.bytes.size);
    return datagram.bytes.size;
}

TEST(whoever_hears_one_knows_who_said_it)
{
    make();
    EXPECT(say(0, 1, 40) > 0);
    test_net_run(net, 500);
    EXPECT_EQ(heard[1].n, 1);
    EXPECT_EQ(heard[1].last.bytes.size, 40);
    EXPECT_MEM(heard[1].last.public_key, kad_engine_identity(net->nodes[0].engine), 32);
    EXPECT(kad_endpoint_equal(&heard[1].last.from, &net->nodes[0].endpoint));
    EXPECT_EQ(heard[1].bytes[39], (uint8_t)(39 * 7));
    EXPECT_EQ(heard[0].n, 0);
    test_net_free(net);
}

/* A datagram of 1,200 bytes and whom it is from: one IPv4 packet of 1,268 bytes, never two. */
TEST(a_whole_datagram_fits_into_one)
{
    make();
    EXPECT_EQ(say(0, 1, KAD_ASIDE_MAX), 1240);
    EXPECT_EQ(say(0, 1, KAD_ASIDE_MAX + 1), 0);
    EXPECT_EQ(say(0, 1, 64 + 7), 128);
    test_net_run(net, 500);
    EXPECT_EQ(heard[1].n, 2);
    test_net_free(net);
}

/* Somebody may have copied a first message, so the host does not hear what is in it; and what is large never begins one. */
TEST(the_first_one_begins_a_session_and_is_not_heard)
{
    make();
    test_net_off(&net->nodes[1]);
    test_net_on(&net->nodes[1]); /* without any session */
    kad_engine_on_aside(net->nodes[1].engine, hear, &heard[1]);
    EXPECT_EQ(say(1, 0, KAD_ASIDE_OPEN + 1), 0);
    EXPECT(say(1, 0, 40) >= 256);
    test_net_run(net, 500);
    EXPECT_EQ(heard[0].n, 0);
    EXPECT_EQ(say(1, 0, KAD_ASIDE_OPEN + 1), 128);
    test_net_run(net, 500);
    EXPECT_EQ(heard[0].n, 1);
    test_net_free(net);
}

/* A host that does not listen is no worse off, and nobody is blamed for speaking to it. */
TEST(nobody_has_to_listen)
{
    make();
    kad_engine_on_aside(net->nodes[1].engine, NULL, NULL);
    for (unsigned i = 0; i < 200; i++)
        say(0, 1, 40);
    test_net_run(net, 500);
    EXPECT_EQ(heard[1].n, 0);
    EXPECT_EQ(kad_engine_counters(net->nodes[1].engine)->received[KAD_DROP_MALFORMED], 0);
    EXPECT(test_net_info(&net->nodes[1])->n_contacts[0] == 1);
    test_net_free(net);
}

/* With a host or without: a recording runs again to the same end. */
TEST(a_recording_has_what_the_host_said)
{
    struct test_tape tape = {0};
    struct kad_replay_stats stats;
    struct kad_journal *journal;
    char why[TEST_TAPE_WHY] = "";

    make();
    journal = test_tape_begin(&tape, net->nodes[0].engine, 100, net->now);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT(say(0, 1, 500) > 0);
        EXPECT(say(1, 0, 700) > 0);
        test_net_run(net, 300);
    }
    EXPECT(!kad_journal_end(journal, net->now));
    EXPECT_EQ(heard[0].n, 5);
    EXPECT_MSG(test_tape_replay(&tape, &stats, why) == KAD_REPLAY_END, "%s", why);
    EXPECT_EQ(stats.n_inputs[KAD_JOURNAL_ASIDE], 5);
    test_tape_clear(&tape);
    test_net_free(net);
}
