// timeout 600
/* links - networks of libp2p in the simulator: what a connection costs there, and what the dial policy is worth. */
#include <stdio.h>

#include "base/test.h"
#include "sim/test_run.h"

/* sim/scenarios/libp2p-10000.scn, small: issue 5's times of providing, from cold and connected. */
TEST(providing_takes_seconds_from_cold_and_less_when_connected)
{
    struct sim_run *run = test_run_begin("network libp2p-ipfs; seed 1; peers 1800; latency world; churn "
                                         "ipfs; dead 15%; clients 10%; tables ideal;"
                                         "check 64; put 100 at 10s over 20s; at 60s anew; again all at 61s "
                                         "over 20s; at 110s anew; get all at 111s over 20s");

    EXPECT(sim_run_until(run, 60 * SIM_SECOND - 1));
    EXPECT_EQ((int)test_figure(run, "stored"), 100);
    EXPECT(test_figure(run, "put p50") <= 2000);
    EXPECT(test_figure(run, "put p95") <= 4000);
    EXPECT(sim_run_until(run, 110 * SIM_SECOND - 1));
    EXPECT(test_figure(run, "put p50") <= 700);
    EXPECT(test_figure(run, "put p95") <= 1500);
    EXPECT(test_figure(run, "honest copies") >= 18); /* of all, though the host was told at 15 */
    EXPECT_MSG(sim_run_until(run, run->end), "%s", sim_world_why(run->world));
    EXPECT_EQ((int)test_figure(run, "found"), 100);
    sim_run_free(run);
}

static double put_p50(const char *more)
{
    char text[512];
    struct sim_run *run;
    double took;

    snprintf(text, sizeof(text),
             "network libp2p-ipfs; seed 2; peers 700; latency world; churn ipfs; dead 15%%; tables ideal; "
             "check 64;"
             "%s; put 60 at 10s over 10s",
             more);
    run = test_run(text);
    EXPECT_EQ((int)test_figure(run, "stored"), 100);
    took = test_figure(run, "put p50");
    sim_run_free(run);
    return took;
}

/* Who waits for all twenty waits for the dead, each as long as a dial is tried. */
TEST(the_dead_cost_a_dial_only_whoever_waits_for_them)
{
    const double hurried = put_p50("dials 32");
    const double patient = put_p50("set put_enough 0; set paths 1; set lookup_spare 0; set lookup_beyond 0;"
                                   "set patience_max_ms 10s; set patience_min_ms 10s; dial_pause 5s");

    EXPECT_MSG(patient >= 5000 && patient > 2 * hurried, "%.0f ms, and %.0f ms with the policy", patient,
               hurried);
}

/* A ceiling of connections is kept, and the network works. */
TEST(few_connections_suffice)
{
    struct sim_run *run = test_run("network libp2p-ipfs; seed 3; peers 300; latency world; tables ideal; "
                                   "check 16; connections 24; loss 1%;"
                                   "put 40 at 10s over 30s; get all at 90s over 30s");

    EXPECT_EQ((int)test_figure(run, "stored"), 100);
    EXPECT(test_figure(run, "found") >= 97);
    EXPECT(test_figure(run, "connections per node") <= 24);
    EXPECT(test_figure(run, "connections trimmed") > 0);
    sim_run_free(run);
}
