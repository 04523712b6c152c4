// timeout 900
/* real - the simulator's model of libp2p's connections against swarms and links as the daemon has them, in the same virtual Internet. */
#include "sim/test_real.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/test.h"
#include "engine/network.h"
#include "sim/test_run.h"
#include "sim/world_links.h"

#define NODES    100
#define CONTENTS 40

static struct kad_settings settings_of(const struct kad_network *network)
{
    struct kad_settings settings;

    kad_settings_default(network, &settings);
    settings.limit_addresses = 256; /* as scenarios have it */
    return settings;
}

/* What the model takes for given: so many round trips until a question can go, and one for its answer. */
TEST(a_first_question_takes_as_many_round_trips_as_the_model_has)
{
    const struct sim_latency fixed = {.kind = SIM_LATENCY_FIXED, .one_way = 50000};
    const struct kad_settings settings = settings_of(kad_network_libp2p_ipfs());
    struct real_net *net = real_net_new(2, 300, &fixed, &settings);

    real_net_start(net, 0, 0);
    real_net_start(net, 1, 1);
    EXPECT_EQ(real_net_ping(net, 0, 1), (SIM_HANDSHAKE_TRIPS + 1) * 100);
    EXPECT_EQ(real_net_ping(net, 0, 1), 100);
    EXPECT_EQ(real_net_links(net, 0), 1);
    real_net_free(net);
}

static int by_size(const void *a, const void *b)
{
    const kad_ms x = *(const kad_ms *)a, y = *(const kad_ms *)b;

    return (x > y) - (x < y);
}

/* Of those that came to something: all but a few, where connections are so scarce that many are refused. */
static double middle_of(kad_ms times[CONTENTS])
{
    unsigned n_failed = 0;

    qsort(times, CONTENTS, sizeof(times[0]), by_size);
    while (n_failed < CONTENTS && times[n_failed] < 0)
        n_failed++;
    EXPECT_MSG(n_failed <= CONTENTS / 10, "%u of %d failed", n_failed, CONTENTS);
    return (double)times[n_failed + (CONTENTS - n_failed) / 2];
}

struct times {
    double provide, find;
    bool missed; /* a find came to nothing */
};

/* All on, at a pace of seven a second, each told of one that came before it, and settled. */
static struct real_net *begin(unsigned links, const struct kad_settings *settings)
{
    const struct sim_latency world = {.kind = SIM_LATENCY_WORLD, .seed = sim_mix(7, 0, 1)};
    struct real_net *net = real_net_new(NODES, links, &world, settings);

    for (uint32_t i = 0; i < NODES; i++) {
        real_net_start(net, i, i / 2);
        real_net_run(net, 150 * 1000);
    }
    real_net_run(net, 45 * SIM_SECOND);
    return net;
}

static struct times real_times(struct real_net *net)
{
    kad_ms provides[CONTENTS], finds[CONTENTS];
    struct times times;

    for (uint32_t i = 0; i < CONTENTS; i++) {
        provides[i] = real_net_provide(net, (7 * i) % NODES, i);
        real_net_run(net, SIM_SECOND);
    }
    for (uint32_t i = 0; i < CONTENTS; i++)
        finds[i] = real_net_find(net, (11 * i + 5) % NODES, i);
    times.provide = middle_of(provides);
    times.find = middle_of(finds); /* and they are sorted */
    times.missed = finds[0] < 0;
    return times;
}

static struct times modelled_times(unsigned links)
{
    char text[256];
    struct sim_run *run;
    struct times times;

    snprintf(
        text, sizeof(text),
        "network libp2p-ipfs; seed 7; peers %d; latency world; connections %u; tables join over 15s; check 0;"
        "put %d at 60s over 40s; get all at 110s over 40s",
        NODES, links, CONTENTS);
    run = test_run(text);
    EXPECT(test_figure(run, "stored") >= 90 && test_figure(run, "found") >= 90);
    times = (struct times){test_figure(run, "put p50"), test_figure(run, "value p50"), false};
    sim_run_free(run);
    return times;
}

static void agree(const char *what, double real, double modelled)
{
    EXPECT_MSG(modelled > 0.7 * real - 20 && modelled < 1.4 * real + 20,
               "%s: real links %.0f ms, modelled ones %.0f ms", what, real, modelled);
    printf("%s: real links %.0f ms, modelled ones %.0f ms\n", what, real, modelled);
}

/* The model is worth as much as this: medians of the same network in the same world. */
TEST(modelled_connections_take_as_long_as_real_ones)
{
    const struct kad_settings settings = settings_of(kad_network_libp2p_ipfs());
    struct real_net *net = begin(300, &settings);
    const struct times real = real_times(net), modelled = modelled_times(300);

    real_net_free(net);

    agree("provide", real.provide, modelled.provide);
    agree("find", real.find, modelled.find);
}

/* Where each has places for fewer than half of the others, all of them are taken. A newcomer is let in all the same, and who is refused for
 * a moment tries again: all come to know most of the others, and what was provided is found. (Before, 24 of a hundred knew nobody,
 * 42 fewer than five, and 22 finds of 40 came to nothing.) */
TEST(who_has_few_places_lets_newcomers_in_and_is_found)
{
    const struct kad_settings settings = settings_of(kad_network_libp2p_ipfs());
    struct real_net *net = begin(40, &settings);

    for (uint32_t i = 0; i < NODES; i++) {
        EXPECT(real_net_links(net, i) <= 40);
        EXPECT_MSG(real_net_contacts(net, i) >= NODES / 2, "node %u knows %zu", i, real_net_contacts(net, i));
    }
    EXPECT(!real_times(net).missed);
    real_net_free(net);
}
