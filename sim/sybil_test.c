// release
// timeout 300
/* sybil - newcomers that are full participants and mean harm, against records and tables (SCORECARD, rows 4 and 6). The scenarios named
 * kad-sybil and kad-capture say the same of larger networks. */
#include "base/test.h"
#include "sim/test_run.h"

/* Nearer than anybody honest, and there before: a put to the twenty nearest would reach them alone. It goes to all of the region, and
 * costs what they cost. */
TEST(sybils_around_a_key_keep_no_record_from_honest_holders)
{
    struct sim_run *run = test_run("seed 41;" TEST_HOSTILE_WORLD "attack sybil 40 around 4 for 4m at 5s;"
                                   "put 4 at 60s; get 400 at 90s over 20s");

    test_nobody_denied(run);
    EXPECT_MSG(test_figure(run, "honest copies") >= 14, "%.1f", test_figure(run, "honest copies"));
    EXPECT_MSG(test_figure(run, "copies per put") <= 66, "%.1f", test_figure(run, "copies per put"));
    sim_run_free(run);
}

/* One between each two honest nodes, so that no density gives them away. */
TEST(sybils_that_keep_apart_do_not_either)
{
    struct sim_run *run =
        test_run("seed 42;" TEST_HOSTILE_WORLD "attack sybil 60 around 4 apart for 4m at 5s;"
                 "put 4 at 60s; get 400 at 90s over 20s");

    test_nobody_denied(run);
    sim_run_free(run);
}

TEST(sybils_that_come_later_hide_no_record)
{
    struct sim_run *run =
        test_run("seed 43;" TEST_HOSTILE_WORLD "put 4 at 5s; attack sybil 60 around 4 held for 4m at 20s;"
                 "get 400 at 90s over 20s");

    test_nobody_denied(run);
    sim_run_free(run);
}

/* Row 6: ten /16s have thirty places in a table, however many identities stand there and show themselves everywhere. */
TEST(few_groups_capture_no_table)
{
    struct sim_run *run =
        test_run("seed 46; network kad-toy; peers 300; latency world; tables join over 60s; check 256;"
                 "attack sybil 600 in 10 for 1h at 3m; lookup 100 at 25m over 60s");

    EXPECT(test_figure(run, "holders met") >= 100);
    EXPECT_MSG(test_figure(run, "hostile contacts") <= 30, "%.1f", test_figure(run, "hostile contacts"));
    EXPECT_MSG(test_figure(run, "contacts per table") >= 150, "%.1f", test_figure(run, "contacts per table"));
    sim_run_free(run);
}
