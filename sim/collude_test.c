// release
// timeout 300
/* collude - nodes that turn hostile, as full participants (SCORECARD, rows 2, 3 and 6). The scenarios kad-collude and
 * kad-restart-among-enemies say the same of larger networks. */
#include "base/test.h"
#include "sim/test_run.h"

/* Forty of a hundred nodes deny what they hold and name one another. */
TEST(forty_percent_of_colluders_hide_nothing)
{
    struct sim_run *run =
        test_run("seed 44;" TEST_HOSTILE_WORLD "put 50 at 5s; attack collude 40% for 4m at 20s;"
                 "put 50 at 40s; get 500 at 60s over 20s; lookup 200 at 60s over 20s");

    test_nobody_denied(run);
    EXPECT(test_figure(run, "holders met") >= 100);
    sim_run_free(run);
}

/* Row 3: eight paths cost nothing where the first brings what is signed and nothing is wrong. */
TEST(paths_that_are_not_needed_are_not_opened)
{
    struct sim_run *many = test_run("seed 48;" TEST_HOSTILE_WORLD "put 20 at 5s; get 200 at 20s over 20s");
    struct sim_run *one =
        test_run("seed 48;" TEST_HOSTILE_WORLD "set paths 1; put 20 at 5s; get 200 at 20s over 20s");
    const double with = test_figure(many, "queries per get"), without = test_figure(one, "queries per get");

    EXPECT_MSG(with <= 1.02 * without && with <= 30, "%.2f with eight paths, %.2f with one", with, without);
    sim_run_free(many);
    sim_run_free(one);
}

/* Half of what it saved is hostile by now, and it knows nobody else (Ethereum, arXiv 2601.16560). */
TEST(who_saved_many_enemies_joins_again)
{
    struct sim_run *run =
        test_run("seed 47;" TEST_HOSTILE_WORLD "put 50 at 5s; attack collude 50% for 1h at 30s;"
                 "at 40s crash 40%; at 60s start 100% alone over 20s;"
                 "get 200 at 120s over 20s; lookup 200 at 120s over 20s");

    test_nobody_denied(run);
    EXPECT_EQ((int)test_figure(run, "nodes on"), 400);
    EXPECT(test_figure(run, "holders met") >= 99.5);
    sim_run_free(run);
}

/* What is forged is noticed, and who is invented enters no table. */
TEST(forgers_are_noticed)
{
    struct sim_run *run =
        test_run("seed 45;" TEST_HOSTILE_WORLD "put 50 at 5s; attack collude 30% forging for 4m at 20s;"
                 "get 500 at 30s over 60s");

    test_nobody_denied(run);
    EXPECT_EQ((int)test_figure(run, "fake contacts"), 0);
    sim_run_free(run);
}
