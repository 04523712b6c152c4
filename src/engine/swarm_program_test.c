/* I115: protocols of a program's own beside Kademlia on the swarm's connections, and what bounds them. */
#include "engine/swarm_program.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "engine/test_swarm.h"

#define ECHO  "/example/echo/1.0.0"
#define OTHER "/example/other/1.0.0"
#define MIB   (1024 * 1024)

/* What a program heard, and how it reads. */
struct program {
    unsigned n_opened, n_ended, n_writable, n_closed;
    enum kad_stream_end end;
    uint64_t opened; /* the last one */
    size_t n_bytes;
    uint8_t last;
    bool takes_nothing;
};

static struct swarm_net *net;
static struct program programs[4];

static struct kad_swarm *swarm(unsigned i)
{
    return net->nodes[i].swarm;
}

static void take(unsigned i)
{
    struct kad_swarm_stream news;

    while (net->nodes[i].on && kad_swarm_next_stream(swarm(i), &news)) {
        struct program *program = news.context;
        struct kad_bytes unread = {0};

        EXPECT(program == &programs[i]);
        switch (news.kind) {
        case KAD_SWARM_STREAM_OPENED:
            program->n_opened++;
            program->opened = news.stream;
            break;
        case KAD_SWARM_STREAM_BYTES:
            unread = kad_swarm_stream_unread(swarm(i), news.stream);
            EXPECT(unread.size > 0);
            if (program->takes_nothing)
                break;
            program->n_bytes += unread.size;
            program->last = unread.data[unread.size - 1];
            kad_swarm_stream_read(swarm(i), news.stream, unread.size);
            break;
        case KAD_SWARM_STREAM_WRITABLE:
            program->n_writable++;
            break;
        case KAD_SWARM_STREAM_ENDED:
            program->n_ended++;
            break;
        case KAD_SWARM_STREAM_CLOSED:
            program->n_closed++;
            program->end = news.end;
            break;
        }
    }
}

static void run(kad_ms ms)
{
    const kad_ms end = net->now + ms;

    do {
        swarm_net_run(net, 10);
        for (unsigned i = 0; i < net->n_nodes; i++)
            take(i);
    } while (net->now < end);
}

static void speak(unsigned i, const char *name, unsigned max_streams, unsigned max_per_peer)
{
    const struct kad_protocol protocol = {
        .name = name, .max_streams = max_streams, .max_per_peer = max_per_peer};

    EXPECT_EQ(kad_swarm_speak(swarm(i), &protocol, &programs[i], net->now), 0);
}

/* Three nodes that know each other. */
static void make(void)
{
    memset(programs, 0, sizeof(programs));
    net = swarm_net_make(3, 1000, NULL);
}

static uint64_t open_stream(unsigned from, unsigned to)
{
    uint64_t stream;

    EXPECT_EQ(kad_swarm_stream_open(swarm(from), kad_swarm_self(swarm(to)), ECHO, NULL, net->now, &stream),
              0);
    return stream;
}

static size_t say(unsigned i, uint64_t stream, size_t n, uint8_t what)
{
    uint8_t *bytes = malloc(n);
    size_t taken;

    EXPECT(bytes != NULL);
    memset(bytes, what, n);
    taken = kad_swarm_stream_write(swarm(i), stream, (struct kad_bytes){bytes, n}, net->now);
    free(bytes);
    return taken;
}

/* A MiB goes, as fast as the other side reads, on the connection that Kademlia has; each side ends its own. */
TEST(both_sides_say_much_and_end_by_themselves)
{
    size_t said = 0;
    uint64_t stream;
    unsigned n_writes = 0;
    uint64_t dialled;

    make();
    speak(0, ECHO, 0, 0);
    speak(1, ECHO, 0, 0);
    dialled = kad_swarm_counters(swarm(0))->dialled;
    stream = open_stream(0, 1);
    while (said < MIB && n_writes < 1000) {
        said += say(0, stream, MIB - said, 7);
        n_writes++;
        EXPECT(n_writes > 1 || said < 300000); /* a window, not all of it */
        run(10);
    }
    EXPECT_EQ(said, MIB);
    EXPECT(n_writes > 3 && programs[0].n_writable == n_writes - 1);
    EXPECT_EQ(programs[1].n_opened, 1);
    EXPECT_EQ(programs[1].n_bytes, MIB);
    kad_swarm_stream_end(swarm(0), stream, net->now);
    EXPECT_EQ(say(0, stream, 1, 1), 0);
    run(500);
    EXPECT_EQ(programs[1].n_ended, 1);
    EXPECT_EQ(programs[0].n_ended + programs[0].n_closed + programs[1].n_closed, 0);
    EXPECT_EQ(say(1, programs[1].opened, 5, 9), 5); /* the other half is open still */
    kad_swarm_stream_end(swarm(1), programs[1].opened, net->now);
    run(500);
    EXPECT(programs[0].n_bytes == 5 && programs[0].last == 9 && programs[0].n_ended == 1);
    EXPECT_EQ(programs[1].n_closed, 1);
    EXPECT_EQ(programs[0].n_closed, 1);
    EXPECT(programs[0].end == KAD_STREAM_CLOSED && programs[1].end == KAD_STREAM_CLOSED);
    EXPECT_EQ(kad_swarm_counters(swarm(0))->dialled, dialled);
    EXPECT(!kad_swarm_stream_user(swarm(0), stream));
    swarm_net_free(net);
}

/* Who does not read makes the other side wait at a window, and is not asked for more memory; Kademlia goes on beside it. */
TEST(a_reader_that_waits_holds_the_writer_back_and_nobody_else)
{
    struct kad_request get = {.kind = KAD_REQUEST_GET, .record = {.type = KAD_CLASS_PROVIDER}};
    size_t said = 0;
    uint64_t stream;

    make();
    speak(0, ECHO, 0, 0);
    speak(1, ECHO, 0, 0);
    programs[1].takes_nothing = true;
    stream = open_stream(0, 1);
    for (unsigned i = 0; i < 20; i++) {
        said += say(0, stream, MIB, 7);
        run(10);
    }
    EXPECT(said > 200000 && said <= 256 * 1024);
    get.target.bytes[0] = 1;
    swarm_node_request(&net->nodes[0], &get);
    EXPECT_EQ(net->nodes[0].reason, KAD_REASON_EXHAUSTED); /* all of two have answered */
    programs[1].takes_nothing = false;
    kad_swarm_stream_resume(swarm(1), programs[1].opened);
    run(50);
    EXPECT_EQ(programs[1].n_bytes, said);
    EXPECT(programs[0].n_writable >= 1);
    EXPECT(say(0, stream, MIB, 7) > 0);
    swarm_net_free(net);
}

/* Two streams that nobody reads are more than is kept of a connection: the one that passes it is reset, the first is not. */
TEST(what_nobody_takes_is_bounded_by_connection)
{
    uint64_t streams[2];

    make();
    speak(0, ECHO, 0, 0);
    speak(1, ECHO, 0, 0);
    programs[1].takes_nothing = true;
    for (unsigned i = 0; i < 2; i++)
        streams[i] = open_stream(0, 1);
    for (unsigned i = 0; i < 40; i++) {
        (void)say(0, streams[0], MIB, 7);
        (void)say(0, streams[1], MIB, 7);
        run(10);
    }
    EXPECT(programs[1].n_closed == 1 && programs[1].end == KAD_STREAM_FULL);
    EXPECT(programs[0].n_closed == 1 && programs[0].end == KAD_STREAM_RESET);
    EXPECT_EQ(kad_swarm_counters(swarm(0))->down[KAD_LINK_PROTOCOL] +
                  kad_swarm_counters(swarm(1))->down[KAD_LINK_FULL],
              0);
    swarm_net_free(net);
}

TEST(streams_are_bounded_by_peer_and_by_protocol)
{
    uint64_t first = 0, more;
    unsigned n = 0;

    make();
    for (unsigned i = 0; i < 3; i++)
        speak(i, ECHO, 5, 3);
    for (unsigned i = 0; i < 4; i++) {
        more = open_stream(0, 1);
        first = i ? first : more;
    }
    run(50);
    EXPECT(programs[1].n_opened == 3 && programs[0].n_closed == 1 && programs[0].end == KAD_STREAM_RESET);
    for (unsigned i = 0; i < 3; i++)
        (void)open_stream(2, 1);
    run(50);
    EXPECT(programs[1].n_opened == 5 && programs[2].n_closed == 1);
    kad_swarm_stream_reset(swarm(0), first); /* makes room for another */
    run(50);
    EXPECT(programs[1].n_closed == 1 && programs[1].end == KAD_STREAM_RESET);
    EXPECT_EQ(programs[0].n_closed, 1); /* who resets hears no more of it */
    (void)open_stream(2, 1);
    run(50);
    EXPECT_EQ(programs[1].n_opened, 6);
    while (kad_swarm_stream_open(swarm(0), kad_swarm_self(swarm(1)), ECHO, NULL, net->now, &more) == 0)
        EXPECT(++n <= KAD_STREAMS_OPEN_MAX);
    EXPECT_EQ(n, KAD_STREAMS_OPEN_MAX - 2); /* two are open */
    swarm_net_free(net);
}

/* A minute of silence ends Kademlia's streams, not a program's; the end of the connection does, and is told. */
TEST(a_stream_may_be_idle_and_ends_with_its_connection)
{
    uint64_t stream;

    make();
    speak(0, ECHO, 0, 0);
    speak(1, ECHO, 0, 0);
    stream = open_stream(0, 1);
    EXPECT_EQ(say(0, stream, 3, 1), 3);
    run(5 * KAD_MINUTE);
    EXPECT_EQ(programs[0].n_closed + programs[1].n_closed, 0);
    EXPECT_EQ(say(0, stream, 3, 2), 3);
    run(50);
    EXPECT(programs[1].n_bytes == 6 && programs[1].last == 2);
    swarm_node_stop(&net->nodes[0]);
    run(50);
    EXPECT(programs[1].n_closed == 1 && programs[1].end == KAD_STREAM_LOST);
    swarm_net_free(net);
}

TEST(who_is_not_connected_is_dialled_and_who_is_not_there_is_told)
{
    uint64_t stream;

    make();
    speak(0, ECHO, 0, 0);
    speak(1, ECHO, 0, 0);
    swarm_net_add(net, KAD_SWARM_CLIENT); /* knows the addresses of nobody but node 1 */
    EXPECT_EQ(net->n_nodes, 4);
    swarm_node_connect(&net->nodes[3], &net->nodes[1]);
    net->n_nodes = 4;
    EXPECT_EQ(kad_swarm_stream_open(swarm(3), kad_swarm_self(swarm(1)), ECHO, NULL, net->now, &stream),
              KAD_E_NOT_FOUND);
    EXPECT_EQ(kad_swarm_speak(swarm(3), &(struct kad_protocol){.name = ECHO}, &programs[2], net->now), 0);
    EXPECT_EQ(kad_swarm_stream_open(swarm(3), kad_swarm_self(swarm(3)), ECHO, NULL, net->now, &stream),
              KAD_E_INVALID);
    EXPECT_EQ(kad_swarm_stream_open(swarm(3), kad_swarm_self(swarm(1)), ECHO, NULL, net->now, &stream), 0);
    EXPECT_EQ(say(3, stream, 3, 1), 0); /* not yet */
    swarm_net_run(net, 1000);
    take(1);
    EXPECT_EQ(programs[1].n_opened, 1); /* it was dialled, by a client */
    {
        struct kad_swarm_stream news;

        EXPECT(kad_swarm_next_stream(swarm(3), &news) && news.kind == KAD_SWARM_STREAM_WRITABLE);
        EXPECT_EQ(say(3, stream, 3, 1), 3);
        EXPECT_EQ(kad_swarm_stream_open(
                      swarm(3),
                      (struct kad_bytes){(const uint8_t *)"\x12\x20nobody has this id, none at all.!!", 34},
                      ECHO, NULL, net->now, &stream),
                  0);
        EXPECT(kad_swarm_next_stream(swarm(3), &news) && news.kind == KAD_SWARM_STREAM_CLOSED);
        EXPECT_EQ(news.end, KAD_STREAM_UNREACHABLE);
        EXPECT(!kad_swarm_next_stream(swarm(3), &news));
    }
    swarm_net_free(net);
}

TEST(what_is_taken_back_is_not_spoken)
{
    uint64_t stream, identified;

    make();
    EXPECT_EQ(kad_swarm_speak(swarm(1), &(struct kad_protocol){.name = "echo"}, NULL, net->now),
              KAD_E_INVALID);
    EXPECT_EQ(kad_swarm_speak(swarm(1), &(struct kad_protocol){.name = "/icn/kad/1.0.0"}, NULL, net->now),
              KAD_E_EXISTS);
    speak(0, ECHO, 0, 0);
    identified = kad_swarm_counters(swarm(0))->identified;
    speak(1, OTHER, 0, 0);
    stream = open_stream(0, 1);
    run(50);
    EXPECT(programs[0].n_closed == 1 && programs[0].end == KAD_STREAM_REFUSED);
    EXPECT_EQ(kad_swarm_counters(swarm(0))->identified, identified + 1); /* it was told */
    speak(1, ECHO, 0, 0);
    stream = open_stream(0, 1);
    EXPECT_EQ(say(0, stream, 3, 1), 3);
    run(50);
    EXPECT(programs[1].n_opened == 1 && programs[1].n_bytes == 3);
    EXPECT(kad_swarm_unspeak(swarm(1), ECHO, net->now) && !kad_swarm_unspeak(swarm(1), ECHO, net->now));
    run(50);
    EXPECT(programs[0].n_closed == 2 && programs[0].end == KAD_STREAM_RESET && programs[1].n_closed == 0);
    (void)open_stream(0, 1);
    run(50);
    EXPECT(programs[0].n_closed == 3 && programs[0].end == KAD_STREAM_REFUSED);
    for (unsigned i = 1; i < KAD_PROTOCOLS_MAX; i++) {
        char name[] = "/more/a";

        name[6] = (char)('a' + i);
        speak(1, name, 0, 0);
    }
    EXPECT_EQ(kad_swarm_speak(swarm(1), &(struct kad_protocol){.name = ECHO}, NULL, net->now), KAD_E_LIMIT);
    swarm_net_free(net);
}
