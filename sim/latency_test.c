#include "sim/latency.h"

#include <stdlib.h>

#include "base/test.h"

static int by_size(const void *a, const void *b)
{
    const sim_us x = *(const sim_us *)a, y = *(const sim_us *)b;

    return (x > y) - (x < y);
}

/* The percentiles that were fitted to measured ones (docs/simulator.md). A world that is too quick makes every lookup look good. */
TEST(round_trips_have_the_published_percentiles)
{
    enum { N = 200000 };
    static const struct {
        int permille;
        sim_us ms;
    } expected[] = {{50, 25}, {250, 60}, {500, 149}, {750, 208}, {900, 276}, {950, 316}, {990, 404}};
    const struct sim_latency latency = {.kind = SIM_LATENCY_WORLD, .seed = 7};
    sim_us *rtts = malloc(N * sizeof(*rtts));
    struct sim_rng rng = {7};

    for (int i = 0; i < N; i++) {
        const uint32_t a = sim_below(&rng, 1000000), b = sim_below(&rng, 1000000);
        const struct sim_position at_a = sim_position_of(&latency, a), at_b = sim_position_of(&latency, b);

        rtts[i] = sim_rtt(&latency, a, &at_a, b, &at_b);
        EXPECT(rtts[i] == sim_rtt(&latency, b, &at_b, a, &at_a));
    }
    qsort(rtts, N, sizeof(*rtts), by_size);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const sim_us got = rtts[N / 1000 * expected[i].permille], want = expected[i].ms * 1000;

        EXPECT_MSG(got > want * 9 / 10 && got < want * 11 / 10, "p%.1f: %lld us, not %lld",
                   expected[i].permille / 10.0, (long long)got, (long long)want);
    }
    free(rtts);
}

TEST(jitter_only_ever_delays)
{
    const struct sim_latency latency = {.kind = SIM_LATENCY_WORLD, .seed = 7};
    struct sim_rng rng = {8};
    sim_us sum = 0;

    for (int i = 0; i < 10000; i++) {
        const sim_us delay = sim_delay(&latency, 100000, &rng);

        EXPECT(delay >= 50000 && delay < 80000);
        sum += delay;
    }
    EXPECT(sum / 10000 > 53500 && sum / 10000 < 54500); /* |N(0, .1)| is .08 on average */
}

TEST(a_fixed_latency_is_exact)
{
    const struct sim_latency latency = {.kind = SIM_LATENCY_FIXED, .one_way = 25000};
    const struct sim_position nowhere = sim_position_of(&latency, 1);
    struct sim_rng rng = {9};

    EXPECT_EQ(sim_rtt(&latency, 1, &nowhere, 2, &nowhere), 50000);
    EXPECT_EQ(sim_delay(&latency, 50000, &rng), 25000);
}
