// release
// timeout 300
/* sybil - colluders that are full participants, against records and lookups (SCORECARD, rows 2, 4 and 6). The scenarios named kad-sybil
 * and kad-collude say the same of networks twenty times as large. */
#include "base/test.h"
#include "sim/test_run.h"

#define WORLD "network kad-toy; peers 400; latency world; tables ideal; check 64;"

static void expect_nobody_denied(struct sim_run *run)
{
    EXPECT_EQ((int)test_figure(run, "stored"), 100);
    EXPECT_MSG(test_figure(run, "found") >= 100, "%.2f %%", test_figure(run, "found"));
}

/* Nearer than anybody honest, and there before: a put to the twenty nearest would reach them alone. It goes to all of the region, and
 * costs what they cost. */
TEST(sybils_around_a_key_keep_no_record_from_honest_holders)
{
    struct sim_run *run = test_run("seed 41;" WORLD "attack sybil 40 around 4 for 4m at 5s;"
                                   "put 4 at 60s; get 400 at 90s over 20s");

    expect_nobody_denied(run);
    EXPECT_MSG(test_figure(run, "honest copies") >= 14, "%.1f", test_figure(run, "honest copies"));
    EXPECT_MSG(test_figure(run, "copies per put") <= 66, "%.1f", test_figure(run, "copies per put"));
    sim_run_free(run);
}

/* One between each two honest nodes, so that no density gives them away. */
TEST(sybils_that_keep_apart_do_not_either)
{
    struct sim_run *run = test_run("seed 42;" WORLD "attack sybil 60 around 4 apart for 4m at 5s;"
                                   "put 4 at 60s; get 400 at 90s over 20s");

    expect_nobody_denied(run);
    sim_run_free(run);
}

TEST(sybils_that_come_later_hide_no_record)
{
    struct sim_run *run =
        test_run("seed 43;" WORLD "put 4 at 5s; attack sybil 60 around 4 held for 4m at 20s;"
                 "get 400 at 90s over 20s");

    expect_nobody_denied(run);
    sim_run_free(run);
}

/* Forty of a hundred nodes deny what they hold and name one another. */
TEST(forty_percent_of_colluders_hide_nothing)
{
    struct sim_run *run = test_run("seed 44;" WORLD "put 50 at 5s; attack collude 40% for 4m at 20s;"
                                   "put 50 at 40s; get 500 at 60s over 20s; lookup 200 at 60s over 20s");

    expect_nobody_denied(run);
    EXPECT(test_figure(run, "holders met") >= 100);
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

/* Half of what it saved is hostile by now, and it knows nobody else (Ethereum, arXiv 2601.16560). */
TEST(who_saved_many_enemies_joins_again)
{
    struct sim_run *run = test_run("seed 47;" WORLD "put 50 at 5s; attack collude 50% for 1h at 30s;"
                                   "at 40s crash 40%; at 60s start 100% alone over 20s;"
                                   "get 200 at 120s over 20s; lookup 200 at 120s over 20s");

    expect_nobody_denied(run);
    EXPECT_EQ((int)test_figure(run, "nodes on"), 400);
    EXPECT(test_figure(run, "holders met") >= 99.5);
    sim_run_free(run);
}

/* What is forged is noticed, and who is invented enters no table. */
TEST(forgers_are_noticed)
{
    struct sim_run *run = test_run("seed 45;" WORLD "put 50 at 5s; attack collude 30% forging for 4m at 20s;"
                                   "get 500 at 30s over 60s");

    expect_nobody_denied(run);
    EXPECT_EQ((int)test_figure(run, "fake contacts"), 0);
    sim_run_free(run);
}
