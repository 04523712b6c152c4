#include "base/test.h"
#include "sim/skad_parts.h"

/* The engine's lookup by the paper's rules, and a model that shares nothing but the world, find the same (SCORECARD, row 1). */
TEST(the_papers_curves_are_the_models)
{
    struct skad_world world;

    EXPECT_EQ(skad_world_new(&world, 2000, 16, 7), 0);
    for (unsigned d = 1; d <= 8; d *= 2) {
        const struct skad_rules rules = {"paper", d, 16, 1, 0, 16, 0, 0, false, 0};

        for (uint32_t bad = 0; bad <= 900000; bad += 300000) {
            const struct skad_case like = {&rules, SKAD_STOPS, bad, 16, 0};
            struct skad_figures engine, model;

            EXPECT_EQ(skad_measure(&world, &like, 1000, false, &engine), 0);
            EXPECT_EQ(skad_measure(&world, &like, 1000, true, &model), 0);
            EXPECT_MSG(engine.found + 15 >= model.found && model.found + 15 >= engine.found,
                       "d %u, %u ppm: %d found, model %d", d, bad, (int)engine.found, (int)model.found);
            EXPECT(bad || engine.found == 1000);
        }
    }
    skad_world_free(&world);
}

/* One path of h honest hops gets through with (1 - p)^h: of the hops as measured, not of their mean. */
TEST(one_path_obeys_the_formula)
{
    const struct skad_rules rules = {"paper", 1, 16, 1, 0, 16, 0, 0, false, 0};
    struct skad_case like = {&rules, SKAD_STOPS, 0, 16, 0};
    struct skad_figures clean, bad;
    struct skad_world world;
    double expected = 0, honest = 1;

    EXPECT_EQ(skad_world_new(&world, 2000, 16, 3), 0);
    EXPECT_EQ(skad_measure(&world, &like, 6000, false, &clean), 0);
    like.bad_ppm = 300000;
    EXPECT_EQ(skad_measure(&world, &like, 6000, false, &bad), 0);
    for (int h = 0; h < SKAD_HOPS; h++, honest *= 0.7)
        expected += honest * (double)clean.at_hop[h] / 6000;
    EXPECT_MSG((double)bad.found / 6000 > expected - 0.02 && (double)bad.found / 6000 < expected + 0.02,
               "%.4f found, %.4f expected", (double)bad.found / 6000, expected);
    skad_world_free(&world);
}

/* Forty in a hundred collude, know everything, and name whoever misleads best. One path is lost every tenth time; eight, with
 * quotas, in none of a thousand. */
TEST(eight_paths_get_past_forty_percent)
{
    static const struct skad_rules plain = {"plain", 1, 20, 3, 0, 20, 0, 0, true, 0};
    static const struct skad_rules ours = {"kad", 8, 10, 1, 4, 64, 0, 1, true, 0};
    struct skad_case like = {&plain, SKAD_OMNISCIENT, 400000, 20, 0};
    struct skad_figures figures;
    struct skad_world world;

    EXPECT_EQ(skad_world_new(&world, 4000, 20, 5), 0);
    EXPECT_EQ(skad_measure(&world, &like, 500, false, &figures), 0);
    EXPECT_MSG(figures.found < 480, "%d of 500", (int)figures.found);
    like.rules = &ours;
    EXPECT_EQ(skad_measure(&world, &like, 1000, false, &figures), 0);
    EXPECT_MSG(figures.found >= 999, "%d of 1000", (int)figures.found);
    EXPECT_MSG(figures.asked < 110, "%.1f", figures.asked);
    skad_world_free(&world);
}

/* Of 10,000 successes without a failure, nobody knows more than that 99.97 % succeed. */
TEST(wilsons_bound_is_known)
{
    EXPECT(skad_wilson(10000, 10000) > 0.9997 && skad_wilson(10000, 10000) < 0.9998);
    EXPECT(skad_wilson(0, 100) < 1e-9);
    EXPECT(skad_wilson(50, 100) > 0.41 && skad_wilson(50, 100) < 0.43);
}

/* SCORECARD, row 3: where three of ten collude a get has its value with thirty questions; where nobody does, with what the first path
 * asks, and not one more. */
TEST(a_get_costs_little_more_than_its_way)
{
    static const struct skad_rules get = {"get", 1, 20, 3, 4, 64, 0, 0, true, 8},
                                   way = {"way", 1, 20, 3, 4, 64, 0, 0, true, 0};
    struct skad_case like = {&get, SKAD_OMNISCIENT, 300000, 20, 0};
    struct skad_figures with, without;
    struct skad_world world;

    EXPECT_EQ(skad_world_new(&world, 4000, 20, 6), 0);
    EXPECT_EQ(skad_measure(&world, &like, 1000, false, &with), 0);
    EXPECT_EQ(with.found, 1000);
    EXPECT_MSG(with.to_found <= 30, "%.1f", with.to_found);
    like.bad_ppm = 0;
    EXPECT_EQ(skad_measure(&world, &like, 500, false, &with), 0);
    like.rules = &way;
    EXPECT_EQ(skad_measure(&world, &like, 500, false, &without), 0);
    EXPECT_EQ((int)(1000 * with.to_found), (int)(1000 * without.to_found));
    skad_world_free(&world);
}

/* Row 5: of so many Sybils among the twenty nearest, as often as P(Gamma(20 - n) < 6) says. */
TEST(alarms_come_as_often_as_their_closed_form_says)
{
    double shares[SKAD_NEAREST + 1];
    uint64_t n;

    EXPECT_EQ(skad_alarms(9, 40000, 20, shares, &n), 0);
    EXPECT_EQ(n, 40000);
    for (unsigned sybils = 0; sybils <= SKAD_NEAREST; sybils += sybils ? 1 : 5) {
        const double expected = skad_alarms_expected(sybils);

        /* four standard deviations, of fewer than all keys: those of one world have neighbours in common */
        EXPECT_MSG((shares[sybils] - expected) * (shares[sybils] - expected) <=
                       16 * (expected * (1 - expected) + 1e-5) / 10000,
                   "%u Sybils: %.5f, %.5f expected", sybils, shares[sybils], expected);
    }
}
