/* What kad's own network survives: most of its nodes dying at once, and halves that went on without each other. */
#include "base/test.h"
#include "sim/test_run.h"

/* Expectations that have their own time are judged then, and figures begin anew when told to. */
TEST(a_scenario_may_expect_at_any_time)
{
    struct sim_run *run =
        test_run("peers 40; latency fixed 10ms; tables ideal; check 0; lookup 20 at 1s over 1s;"
                 "at 5s expect lookups >= 20; at 5s expect lookups <= 19; at 6s anew;"
                 "lookup 10 at 7s over 1s; expect lookups <= 10");
    double value;

    EXPECT(sim_expectation_holds(run, &run->scenario.expects[0], &value));
    EXPECT(value >= 20 && value <= 20);
    EXPECT(!sim_expectation_holds(run, &run->scenario.expects[1], &value));
    EXPECT(sim_expectation_holds(run, &run->scenario.expects[2], &value));
    EXPECT(value >= 10 && value <= 10);
    sim_run_free(run);
}

/* Row 25 in small: whatever anybody alive still holds is found at once, by lookups nine tenths of whose contacts may be dead. */
TEST(four_fifths_die_and_what_is_held_is_found)
{
    struct sim_run *run = test_run("network kad-toy; seed 3; peers 200; latency world; tables ideal; check 0;"
                                   "put 60 at 60s over 5s; at 90s crash 80% lose; get all at 91s over 5s");

    EXPECT(test_figure(run, "nodes on") < 60);
    EXPECT(test_figure(run, "found of held") >= 100 && test_figure(run, "found of held") <= 100);
    sim_run_free(run);
}

/* While halves are apart each has its own winner; when they are one again there is one. */
TEST(conflicts_of_two_halves_are_settled)
{
    struct sim_run *run =
        test_run("network kad-toy; seed 4; peers 100; latency fixed 20ms; tables join over 10s; check 0;"
                 "put 20 at 60s over 5s; at 90s partition 50% for 5m; rewrite 10 at 3m over 1s; claim 10 at "
                 "3m over 1s;"
                 "get all both at 5m over 2s; at 340s expect agreed <= 60%; at 6m anew;"
                 "get all both at 11m over 2s; expect agreed >= 100%; expect found >= 100%");
    double value;

    EXPECT(sim_expectation_holds(run, &run->scenario.expects[0], &value));
    EXPECT(test_figure(run, "agreed") >= 100 && test_figure(run, "agreed") <= 100);
    EXPECT(test_figure(run, "found") >= 100 && test_figure(run, "found") <= 100);
    sim_run_free(run);
}
