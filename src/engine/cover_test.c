/* P014, P088: what the times and the number of a node's datagrams tell. */
#include "kad/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "core/dht.h"
#include "engine/engine_parts.h"
#include "engine/test_net.h"

#define JITTER 60

static void set(struct test_node *node, struct kad_settings *settings, kad_ms jitter_ms,
                unsigned cover_per_hour)
{
    const char *field;

    *settings = node->net->settings;
    settings->jitter_ms = jitter_ms;
    settings->cover_per_hour = cover_per_hour;
    EXPECT_EQ(kad_engine_set_settings(node->engine, settings, node->net->now, &field), 0);
}

static uint64_t covers_of(const struct test_node *node)
{
    return kad_engine_counters(node->engine)->covers;
}

static uint64_t gets_of(const struct test_node *node)
{
    return kad_engine_counters(node->engine)->queries_out[KAD_GET];
}

/* So many an hour, in each hour, at instants of no pattern; none without the setting, and memory comes to rest. */
TEST(p088_cover_keeps_to_its_budget)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 24);
    struct test_node *node = &net->nodes[7], *other = &net->nodes[8];
    const size_t done = node->n_done;
    struct kad_settings settings;
    uint64_t memory = 0, before;
    kad_ms at[64];
    unsigned n_at = 0, n_uneven = 0;

    test_net_run(net, KAD_HOUR);
    EXPECT_EQ(covers_of(node), 0);
    set(node, &settings, 0, 12);
    for (int hour = 1; hour <= 4; hour++) {
        for (kad_ms ms = 0; ms < KAD_HOUR; ms += KAD_SECOND) {
            before = covers_of(node);
            test_net_run(net, KAD_SECOND);
            if (covers_of(node) > before && n_at < KAD_COUNT_OF(at))
                at[n_at++] = net->now;
        }
        EXPECT_MSG(covers_of(node) >= 12 * (unsigned)hour - 1 && covers_of(node) <= 12 * (unsigned)hour,
                   "%llu after %d hours", (unsigned long long)covers_of(node), hour);
        if (hour == 2)
            memory = test_net_info(node)->memory;
    }
    for (unsigned i = 1; i < n_at; i++)
        n_uneven += llabs(at[i] - at[i - 1] - 5 * KAD_MINUTE) > KAD_MINUTE;
    EXPECT(n_uneven * 3 > n_at);
    EXPECT(test_net_info(node)->memory <= memory + memory / 20);
    EXPECT(gets_of(node) >= 20 * covers_of(node)); /* they are lookups indeed */
    EXPECT_EQ(covers_of(other), 0);
    EXPECT_EQ(node->n_done, done); /* nobody is told of what nobody asked for */
    test_net_free(net);
}

/* One that waits for its network, or was asleep for hours, makes up for nothing. */
TEST(p088_what_could_not_be_is_not_made_up_for)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 12);
    struct test_node *alone = test_net_add(net, false), *sleeper = &net->nodes[3];
    struct kad_settings settings[2];
    struct kad_datagram datagrams[64];
    static uint8_t memory[64 * KAD_DATAGRAM_MAX];
    struct kad_batch batch = {.datagrams = datagrams, .memory = memory, .room = 64};

    set(alone, &settings[0], 0, 60);
    set(sleeper, &settings[1], 0, 60);
    test_net_run(net, 10 * KAD_MINUTE);
    EXPECT_EQ(covers_of(alone), 0);
    EXPECT(covers_of(sleeper) >= 9 && covers_of(sleeper) <= 10);
    kad_engine_tick(sleeper->engine, net->now + 5 * KAD_HOUR, &batch);
    EXPECT(covers_of(sleeper) <= 11);
    test_net_free(net);
}

/* Whoever is asked sees of a cover get what it sees of a user's that finds nothing: sizes, and how many queries there are. */
struct seen {
    struct kad_endpoint from;
    unsigned n, of_size[6];
};

static unsigned size_class(size_t size)
{
    static const size_t sizes[6] = {64, 128, 256, 512, 896, 1200};
    unsigned i = 0;

    while (i < 5 && sizes[i] != size)
        i++;
    EXPECT_EQ(sizes[i], size);
    return i;
}

static bool look(struct test_net *net, const struct test_packet *packet)
{
    struct seen *seen = net->user;

    if (kad_endpoint_equal(&packet->from, &seen->from)) {
        seen->n++;
        seen->of_size[size_class(packet->size)]++;
    }
    return false;
}

TEST(p014_a_cover_get_looks_like_a_get)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 40);
    struct test_node *node = &net->nodes[7];
    struct kad_settings settings;
    struct seen covers = {.from = node->endpoint}, gets = covers;
    unsigned n_covers, per_get, per_cover;
    uint64_t before;

    test_net_run(net, 10 * KAD_MINUTE);
    net->lose = look;
    net->user = &gets;
    before = gets_of(node);
    for (uint8_t i = 0; i < 10; i++) {
        struct kad_request get = {.kind = KAD_REQUEST_GET,
                                  .target.bytes = {(uint8_t)(25 * i), 99},
                                  .record.type = 4,
                                  .fresh = true};

        get.record.key = get.target;
        (void)test_net_request(node, &get); /* nothing is there */
        test_net_run(net, 10 * KAD_SECOND);
    }
    gets.n = (unsigned)(gets_of(node) - before);
    set(node, &settings, 0, 360);
    net->user = &covers;
    before = gets_of(node);
    test_net_run(net, 10 * 10 * KAD_SECOND);
    n_covers = (unsigned)covers_of(node);
    covers.n = (unsigned)(gets_of(node) - before);
    EXPECT(n_covers >= 9 && n_covers <= 11);
    EXPECT_MSG(covers.n / n_covers <= gets.n / 10 + gets.n / 40 &&
                   covers.n / n_covers + gets.n / 40 >= gets.n / 10,
               "queries of a get: %u, of a cover get: %u", gets.n / 10, covers.n / n_covers);
    /* what asks for a key is 128 bytes large; the rest answers others, or begins sessions */
    per_get = gets.of_size[1] / 10;
    per_cover = covers.of_size[1] / n_covers;
    EXPECT_MSG(per_cover >= 10 && per_cover <= per_get * 5 / 4 + 1 && per_cover >= per_get * 3 / 4,
               "datagrams of 128 bytes: %u a get, %u a cover get", per_get, per_cover);
    test_net_free(net);
}

/* -- sizes -------------------------------------------------------------------------------------------------------- */

struct line {
    struct kad_endpoint end;
    unsigned n_from, n_to, n_other_size;
};

static bool look_at_sizes(struct test_net *net, const struct test_packet *packet)
{
    struct line *line = net->user;
    const bool from = kad_endpoint_equal(&packet->from, &line->end),
               to = kad_endpoint_equal(&packet->to, &line->end);

    line->n_from += from;
    line->n_to += to;
    line->n_other_size += (from || to) && packet->size != 1200;
    return false;
}

/* With pad_to a put, a get, a lookup and a ping are datagrams of one size, both ways, at a node whose peers pad nothing of
 * their own accord. What is not in a session that it said something in is others' affair: of such there is none here. */
TEST(p014_who_pads_shows_one_size_both_ways)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 40);
    struct test_node *node = &net->nodes[7];
    static const enum kad_request_kind kinds[] = {KAD_REQUEST_CLOSEST, KAD_REQUEST_GET};
    struct line line = {.end = node->endpoint};

    test_net_off(node);
    net->settings.pad_to = 1200;
    test_net_on(node);
    net->settings.pad_to = 0;
    EXPECT_EQ(kad_engine_bootstrap(node->engine, &net->nodes[0].endpoint, net->now), 0);
    test_net_run(net, 2 * KAD_MINUTE);
    net->lose = look_at_sizes;
    net->user = &line;
    for (uint8_t i = 0; i < 10; i++) {
        struct kad_request request = {.kind = kinds[i % KAD_COUNT_OF(kinds)],
                                      .target.bytes = {(uint8_t)(25 * i), 99},
                                      .record.type = 4,
                                      .fresh = true};

        request.record.key = request.target;
        (void)test_net_request(node, &request);
    }
    EXPECT_MSG(line.n_from > 100 && line.n_to > 100 && line.n_other_size == 0,
               "%u from, %u to, %u of another size", line.n_from, line.n_to, line.n_other_size);
    test_net_free(net);
}

/* -- jitter ------------------------------------------------------------------------------------------------------- */

/* How long after it was last told something a node asks: with all causes in the open, at once. */
struct timing {
    struct kad_endpoint of;
    kad_ms heard_at;
    unsigned n, n_at_once, n_late, thirds[3];
    bool answers_wait; /* others' answers to it came late */
};

static bool measure(struct test_net *net, const struct test_packet *packet)
{
    struct timing *timing = net->user;

    if (kad_endpoint_equal(&packet->to, &timing->of))
        timing->heard_at = net->now + net->delay_ms;
    if (kad_endpoint_equal(&packet->from, &timing->of) && timing->heard_at) {
        const kad_ms after = net->now - timing->heard_at;

        timing->n++;
        timing->n_at_once += after == 0;
        timing->n_late += after > JITTER;
        if (after >= 0 && after < JITTER)
            timing->thirds[after * 3 / JITTER]++;
    }
    return false;
}

static struct timing run_gets(struct test_net *net, struct test_node *node)
{
    struct timing timing = {.of = node->endpoint};

    net->user = &timing;
    net->lose = measure;
    for (uint8_t i = 0; i < 8; i++) {
        const struct kad_request closest = {.kind = KAD_REQUEST_CLOSEST,
                                            .target.bytes = {(uint8_t)(31 * i), 1}};

        timing.heard_at = 0;
        EXPECT_EQ(test_net_request(node, &closest), 0);
    }
    net->lose = NULL;
    return timing;
}

/* Without jitter most of what a lookup asks leaves in the instant in which an answer came; with it hardly anything does, whatever
 * is asked is spread over the time that is set, and measured round trips are what they were. */
TEST(p014_jitter_spreads_what_is_asked)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 60);
    struct test_node *node = &net->nodes[7];
    struct kad_settings settings;
    struct timing plain, spread;
    kad_ms rtt;

    net->settings.near_pings = 0; /* nothing is asked but what is measured */
    test_net_run(net, 10 * KAD_MINUTE);
    plain = run_gets(net, node);
    rtt = test_net_info(node)->rtt_ms;
    set(node, &settings, JITTER, 0);
    spread = run_gets(net, node);
    EXPECT(plain.n > 100 && spread.n > 100);
    EXPECT_MSG(plain.n_at_once * 10 >= plain.n * 7, "%u of %u at once", plain.n_at_once, plain.n);
    EXPECT_MSG(spread.n_at_once * 3 <= spread.n, "%u of %u at once", spread.n_at_once, spread.n);
    for (unsigned i = 0; i < 3; i++) /* few in the last: by then mostly another answer has come */
        EXPECT_MSG(spread.thirds[i] * 50 >= spread.n, "third %u of the time: %u of %u", i, spread.thirds[i],
                   spread.n);
    EXPECT_EQ(test_net_info(node)->rtt_ms, rtt);
    test_net_free(net);
}

/* Who is asked answers at once, whatever it has set: held back, an answer would tell nothing less and be waited for by all. */
TEST(p014_answers_do_not_wait)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 12);
    struct test_node *asker = &net->nodes[3], *asked = &net->nodes[5];
    const struct kad_request ping = {.kind = KAD_REQUEST_PING, .endpoint = asked->endpoint};
    struct kad_settings settings;

    set(asked, &settings, 10 * KAD_SECOND, 0);
    EXPECT_EQ(test_net_request(asker, &ping), 0);
    EXPECT(asker->last_done.done.duration_ms <= 6 * net->delay_ms); /* the door, the handshake, the ping */
    test_net_free(net);
}
