#include "sim/world.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "core/id.h"
#include "sim/test_run.h"

#define SMALL                                                                                               \
    "peers 60; latency world; loss 2%; duplicate 2%; reorder 5%; tables join over 10s; put 20 at 30s; get " \
    "all at 50s; lookup 20 at 50s;"

static uint64_t trace_of(const char *text)
{
    struct sim_run *run = test_run(text);
    const uint64_t trace = sim_world_trace(run->world);

    sim_run_free(run);
    return trace;
}

/* What makes a failure in a simulation worth anything: it can be had again. */
TEST(one_seed_is_one_history)
{
    const uint64_t first = trace_of("seed 5;" SMALL);

    EXPECT(first == trace_of("seed 5;" SMALL));
    EXPECT(first != trace_of("seed 6;" SMALL));
}

TEST(checking_changes_nothing)
{
    EXPECT(trace_of("seed 5; check 0;" SMALL) == trace_of("seed 5; check 1;" SMALL));
}

/* After every event the node that it touched is looked at; nobody has to ask for it. */
TEST(each_event_of_a_node_is_followed_by_a_check)
{
    struct sim_run *run = test_run("seed 5;" SMALL);
    const struct sim_counts *counts = sim_world_counts(run->world);

    EXPECT(counts->checks == counts->turns);
    EXPECT_MSG(counts->checks >= counts->delivered, "%llu checks", (unsigned long long)counts->checks);
    sim_run_free(run);
}

TEST(a_node_over_its_memory_ceiling_stops_the_run)
{
    struct sim_run *run = test_run_begin("seed 5; memory_ceiling 5000;" SMALL);

    EXPECT(!sim_run_until(run, run->end));
    EXPECT_MSG(strstr(sim_world_why(run->world), "and may hold 5000"), "%s", sim_world_why(run->world));
    sim_run_free(run);
    sim_run_free(test_run("seed 5; memory_ceiling 200000;" SMALL));
}

/* Limits per address group mean nothing in a world of private addresses, and a datagram to a real one must be impossible to
 * mistake for one that stays inside. */
TEST(addresses_are_public_unique_and_found_again)
{
    struct sim_run *run = test_run_begin("seed 1; peers 2000; family dual; tables join over 1s");

    for (uint32_t i = 0; i < 2000; i++) {
        const struct kad_endpoint *four = sim_node_endpoint(run->world, i, KAD_IPV4);
        const struct kad_endpoint *six = sim_node_endpoint(run->world, i, KAD_IPV6);

        EXPECT_EQ(kad_endpoint_scope(four), KAD_SCOPE_PUBLIC);
        EXPECT_EQ(kad_endpoint_scope(six), KAD_SCOPE_PUBLIC);
        EXPECT_EQ(sim_node_at(run->world, four), i);
        EXPECT_EQ(sim_node_at(run->world, six), i);
        EXPECT_EQ(sim_node_with_id(run->world, sim_node_id(run->world, i)), i);
    }
    sim_run_free(run);
}

/* The truth that lookups are held against, against all nodes one by one. */
TEST(the_closest_are_the_closest_of_those_that_are_on)
{
    struct sim_run *run = test_run_begin("seed 2; peers 500; dead 30%; tables ideal");
    struct sim_rng rng = {1};

    for (int i = 0; i < 50; i++) {
        struct kad_id target = *sim_node_id(run->world, sim_below(&rng, 500));
        uint32_t found[20];
        size_t n;

        target.bytes[sim_below(&rng, 3)] ^= (uint8_t)sim_random(&rng);
        n = sim_world_closest(run->world, &target, 20, found);
        EXPECT_EQ(n, 20);
        for (uint32_t j = 0; j < 500; j++) {
            const int c =
                kad_id_compare(&target, sim_node_id(run->world, j), sim_node_id(run->world, found[19]));
            bool listed = false;

            for (size_t m = 0; m < n; m++)
                listed = listed || found[m] == j;
            EXPECT_EQ(listed, sim_node_engine(run->world, j) && c <= 0);
        }
        for (size_t m = 1; m < n; m++)
            EXPECT(kad_id_compare(&target, sim_node_id(run->world, found[m - 1]),
                                  sim_node_id(run->world, found[m])) < 0);
    }
    sim_run_free(run);
}

TEST(faults_come_as_often_as_asked_for)
{
    struct sim_run *run =
        test_run("seed 3; peers 100; latency world; loss 5%; bursts 3%; duplicate 4%; tables ideal; check 0;"
                 "lookup 3000 at 1s over 20s");
    const struct sim_counts *counts = sim_world_counts(run->world);
    const double n = (double)counts->datagrams;

    EXPECT_MSG((double)counts->lost > n * .065 && (double)counts->lost < n * .09, "%g of %g lost",
               (double)counts->lost, n);
    EXPECT_MSG((double)counts->duplicated > n * .03 && (double)counts->duplicated < n * .045,
               "%g of %g twice", (double)counts->duplicated, n);
    EXPECT_EQ(counts->strays, 0);
    sim_run_free(run);
}

/* A duplicate is an answer nobody waits for any more; it must change nothing but counters. */
TEST(duplicates_and_disorder_harm_nothing)
{
    struct sim_run *run =
        test_run("seed 4; peers 100; latency world; duplicate 50%; reorder 50%; tables join over 10s;"
                 "put 50 at 60s; get all at 80s; lookup 100 at 80s");

    EXPECT(test_figure(run, "stored") >= 100);
    EXPECT(test_figure(run, "found") >= 100);
    EXPECT(test_figure(run, "success") >= 100);
    sim_run_free(run);
}

TEST(nothing_crosses_a_partition)
{
    struct sim_run *run =
        test_run_begin("seed 5; peers 60; latency fixed 20ms; tables ideal; partition 50% for 60s at 10s;"
                       "lookup 100 at 15s over 30s");

    EXPECT(sim_run_until(run, 10 * SIM_SECOND + 30 * 1000)); /* what was under way has arrived */
    EXPECT_EQ(sim_world_counts(run->world)->cut, 0);
    EXPECT(sim_run_until(run, 60 * SIM_SECOND));
    EXPECT(sim_world_counts(run->world)->cut > 0);
    sim_run_free(run);
}

/* A node that comes back with its disk serves what it held; without, it does not. */
TEST(a_disk_outlives_its_node)
{
    static const struct {
        const char *text;
        bool kept;
    } cases[] = {
        {"seed 6; peers 40; latency world; tables join over 5s; put 20 at 20s; at 60s crash 100%; at 61s "
         "start 100% over 2s; get all at 90s",
         true},
        {"seed 6; peers 40; latency world; tables join over 5s; put 20 at 20s; at 60s crash 100% lose; at "
         "61s start 100% over 2s; get all at 90s",
         false},
    };

    for (size_t i = 0; i < 2; i++) {
        struct sim_run *run = test_run(cases[i].text);

        EXPECT_MSG((test_figure(run, "found") >= 100) == cases[i].kept, "%s: %.1f", cases[i].text,
                   test_figure(run, "found"));
        sim_run_free(run);
    }
}

static void count_end(void *context, struct sim_world *world, uint32_t node, const struct kad_event *event)
{
    unsigned *n = context;

    (void)world;
    (void)node;
    *n += event ? 1 : 100;
}

TEST(requests_of_a_node_that_is_switched_off_end_without_an_event)
{
    struct sim_run *run = test_run_begin("seed 7; peers 30; latency fixed 50ms; tables ideal; end 10s");
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .target = *sim_node_id(run->world, 3)};
    unsigned n = 0;

    EXPECT_EQ(sim_node_request(run->world, 0, &request, count_end, &n), 0);
    EXPECT(sim_run_until(run, 20 * 1000));
    sim_node_stop(run->world, 0, SIM_CRASH_KEEP);
    EXPECT_EQ(n, 100);
    EXPECT(sim_run_until(run, 5 * SIM_SECOND));
    EXPECT_EQ(n, 100);
    sim_run_free(run);
}

/* The first violation stops the world and says where. */
TEST(a_violation_names_seed_time_and_node)
{
    struct sim_run *run = test_run_begin("seed 77; peers 10; latency fixed 50ms; tables ideal; end 10s");

    EXPECT(sim_run_until(run, 2 * SIM_SECOND));
    sim_world_violated(run->world, 4, "a test says so %d times", 2);
    sim_world_violated(run->world, 5, "something later");
    EXPECT_STR(sim_world_why(run->world), "seed 77, at 2.000000 s, node 4: a test says so 2 times");
    EXPECT(!sim_run_until(run, 3 * SIM_SECOND));
    sim_run_free(run);
}
