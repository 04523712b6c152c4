#include "sim/churn.h"

#include "base/test.h"

/* Half of Kad's sessions are over after scale * ln(2)^(1/shape) = 93.4 minutes; the formula's mean is 247. */
TEST(sessions_have_the_median_and_mean_of_their_source)
{
    enum { N = 200000 };
    struct sim_churn churn;
    struct sim_rng rng = {1};
    int below = 0;
    double sum = 0;

    EXPECT(sim_churn_named("kad", &churn));
    for (int i = 0; i < N; i++) {
        const sim_us session = sim_churn_draw(&churn.on, &rng);

        below += session < (sim_us)(93.4 * 60e6);
        sum += (double)session / 60e6;
    }
    EXPECT_MSG(below > N * 49 / 100 && below < N * 51 / 100, "%d of %d below the median", below, N);
    EXPECT_MSG(sum / N > 240 && sum / N < 254, "mean %g minutes", sum / N);
}

/* Whoever is met at a random moment is one of those who stay: the reason a network holds under churn at all. */
TEST(who_is_met_stays_longer_than_who_arrives)
{
    enum { N = 50000 };
    struct sim_churn churn;
    struct sim_rng rng = {2};
    int arrived = 0, met = 0;

    EXPECT(sim_churn_named("kad", &churn));
    for (int i = 0; i < N; i++) {
        arrived += sim_churn_draw(&churn.on, &rng) > SIM_HOUR;
        met += sim_churn_draw_rest(&churn.on, &rng) > SIM_HOUR;
    }
    EXPECT_MSG(arrived > N * 58 / 100 && arrived < N * 60 / 100, "%d of %d", arrived, N); /* S(1 h) = .590 */
    EXPECT_MSG(met > N * 80 / 100 && met < N * 84 / 100, "%d of %d", met, N);             /* R(1 h) = .823 */
}

TEST(names_that_are_none_are_refused)
{
    struct sim_churn churn;

    EXPECT(!sim_churn_named("lots", &churn));
    EXPECT(sim_churn_named("none", &churn));
    EXPECT_EQ(churn.on.scale_ms, 0);
}
