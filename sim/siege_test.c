// release
// timeout 300
/* siege - days under siege (K46), and regions that are cut off (I151). The scenarios kad-eclipse-weeks and kad-region-cut are longer. */
#include "base/test.h"
#include "sim/test_run.h"

#define QUIET_OTHERS                                                                                  \
    "others max_peers 0; others dead_percent 0; others ping_after_ms 4h; others refresh_after_ms 8h;" \
    "others refresh_pace_ms 1m;"

/* Two days: it is surrounded while it runs, starts again with no bootstrap but Sybils, and with none at another address. */
TEST(a_besieged_node_keeps_an_honest_path_K46)
{
    struct sim_run *run = test_run(
        "seed 460; network kad-toy; peers 200; latency world; churn ipfs; disk keep; tables join over 5m;"
        "check 4096;" QUIET_OTHERS "watch 2 over 6h; attack siege 500 in 10 growing 8h for 30h at 8h;"
        "at 20h restart hostile for 1h; at 28h restart alone elsewhere for 2h; end 36h");

    EXPECT(test_figure(run, "watched samples") >= 50);
    EXPECT_MSG(test_figure(run, "honest path") >= 100, "%.2f", test_figure(run, "honest path"));
    EXPECT_MSG(test_figure(run, "watched found") >= 100, "%.2f", test_figure(run, "watched found"));
    EXPECT_MSG(test_figure(run, "hostile in table most") <= 25, "%.2f",
               test_figure(run, "hostile in table most"));
    EXPECT_EQ((int)test_figure(run, "alarmed"), 2); /* K47 */
    EXPECT_EQ((int)test_figure(run, "alarmed in peace"), 0);
    EXPECT_EQ((int)test_figure(run, "regions silent"), 0);
    sim_run_free(run);
}

#define REGIONS                                                                                     \
    "network kad-toy; peers 200; latency world; churn ipfs; disk keep; tables join over 5m; check " \
    "4096;" QUIET_OTHERS "watch 3;"

TEST(a_region_that_is_cut_off_is_told_by_all_others_I151)
{
    struct sim_run *run = test_run("seed 151;" REGIONS "at 4h partition ripe for 3h; end 9h");

    /* All that are not there themselves; who is sees the others silent, region by region. */
    EXPECT_MSG(test_figure(run, "regions silent") >= 3, "%.0f", test_figure(run, "regions silent"));
    EXPECT(test_figure(run, "regions back") == test_figure(run, "regions silent"));
    EXPECT_MSG(test_figure(run, "region alarm after") <= 30 * 60 * 1000, "%.0f",
               test_figure(run, "region alarm after"));
    sim_run_free(run);
}

TEST(no_region_is_accused_without_a_cut)
{
    struct sim_run *run = test_run("seed 152;" REGIONS "end 24h");

    EXPECT_EQ((int)test_figure(run, "regions silent"), 0);
    sim_run_free(run);
}
