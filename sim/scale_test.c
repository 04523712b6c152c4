// release
// timeout 300
/* scale - lookups at the size where their logarithm shows, against published figures and against an independent model. */
#include <math.h>
#include <stdio.h>

#include "base/test.h"
#include "sim/test_oracle.h"
#include "sim/test_run.h"

#define PLAIN                                                                                        \
    "limits off; latency world; check 0; set alpha_end 0; set table_wide 0; set follow_address off;" \
    "set verify_per_s 0; set refresh_pace_ms 1h;"

static void expect_near(double got, double wanted, double percent, const char *what)
{
    EXPECT_MSG(fabs(got - wanted) <= wanted * percent / 100, "%s: %.3f, not %.3f", what, got, wanted);
}

/* SCORECARD, section 2: 1.89 hops to the first of the 20 closest, 23.0 queries until all have answered. */
TEST(ten_thousand_nodes_have_the_published_hops_and_queries)
{
    struct sim_run *run =
        test_run("seed 1; peers 10000; k 20; alpha 3; tables ideal;" PLAIN "lookup 10000 at 1s over 20s");

    expect_near(test_figure(run, "hops to holder"), 1.89, 5, "hops to holder");
    expect_near(test_figure(run, "queries per lookup"), 23.0, 5, "queries per lookup");
    EXPECT(test_figure(run, "true closest") >= 99);
    EXPECT_EQ((int)test_figure(run, "lookups"), 10000);
    sim_run_free(run);
}

TEST(the_model_has_the_published_hops_and_queries_too)
{
    const struct test_oracle_result model = test_oracle_run(10000, 20, 3, 2000, 1);

    expect_near(model.hops_to_holder, 1.89, 5, "model: hops to holder");
    expect_near(model.queries, 23.0, 5, "model: queries");
    EXPECT(model.closest_percent > 99);
}

/* Other sizes and widths have no published figure: the model has to do. */
TEST(small_networks_and_small_buckets_agree_with_the_model)
{
    static const struct {
        size_t nodes;
        unsigned k;
    } cases[] = {{1000, 20}, {1000, 8}, {10000, 8}, {3000, 4}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct test_oracle_result model = test_oracle_run(cases[i].nodes, cases[i].k, 3, 3000, 2);
        struct sim_run *run;
        char text[512];

        snprintf(text, sizeof(text),
                 "seed %zu; peers %zu; k %u; tables ideal;" PLAIN "lookup 4000 at 1s over 20s", i + 1,
                 cases[i].nodes, cases[i].k);
        run = test_run(text);
        expect_near(test_figure(run, "hops to holder"), model.hops_to_holder, 5, text);
        expect_near(test_figure(run, "queries per lookup"), model.queries, 5, text);
        /* answers that come too late to wait for are missed; the model waits for all */
        EXPECT_MSG(test_figure(run, "true closest") >= model.closest_percent - 2, "%s: %.2f, model %.2f",
                   text, test_figure(run, "true closest"), model.closest_percent);
        sim_run_free(run);
    }
}

/* The paper's claim: steps grow with the logarithm. Each doubling costs the same part of a hop, a * log2(n) + c. */
TEST(hops_grow_with_the_logarithm)
{
    double x[5], y[5], sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0, a, c;

    for (int i = 0; i < 5; i++) {
        const int nodes = 500 << i;
        struct sim_run *run;
        char text[512];

        snprintf(text, sizeof(text),
                 "seed %d; peers %d; k 8; tables ideal;" PLAIN "lookup 3000 at 1s over 20s", i + 7, nodes);
        run = test_run(text);
        x[i] = log2(nodes);
        y[i] = test_figure(run, "hops to holder");
        sum_x += x[i];
        sum_y += y[i];
        sum_xx += x[i] * x[i];
        sum_xy += x[i] * y[i];
        sim_run_free(run);
    }
    a = (5 * sum_xy - sum_x * sum_y) / (5 * sum_xx - sum_x * sum_x);
    c = (sum_y - a * sum_x) / 5;
    for (int i = 0; i < 5; i++)
        EXPECT_MSG(fabs(a * x[i] + c - y[i]) < .1, "%.0f nodes: %.3f hops, the line says %.3f", exp2(x[i]),
                   y[i], a * x[i] + c);
    /* k = 8: the best of eight contacts is 2.72 nats nearer (the harmonic number), which is 3.9 bits: .26 hops a bit */
    EXPECT_MSG(a > .2 && a < .32, "%.3f hops a doubling", a);
}

/* Joined tables, not given ones, and nobody knew anybody before. */
TEST(a_network_that_joined_finds_the_true_closest)
{
    struct sim_run *run =
        test_run("seed 3; peers 3000; k 20; tables join over 60s; limits off; latency world; check 512;"
                 "lookup 2000 at 5m over 20s");

    EXPECT_MSG(test_figure(run, "true closest") >= 99, "%.2f", test_figure(run, "true closest"));
    EXPECT(test_figure(run, "success") >= 100);
    EXPECT(test_figure(run, "contacts live") >= 100);
    EXPECT_EQ((int)test_figure(run, "strays"), 0);
    sim_run_free(run);
}
