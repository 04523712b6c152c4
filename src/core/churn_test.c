#include "core/churn.h"

#include "base/test.h"

static const struct kad_churn_bounds usual = {
    .percent = 5,
    .usual_ms = 15 * KAD_MINUTE,
    .least_ms = 2 * KAD_MINUTE,
    .most_ms = 2 * KAD_HOUR,
};

static kad_ms interval_of(const struct kad_churn *churn)
{
    return kad_churn_interval(churn, &usual);
}

/* A node that knows nothing behaves as one that does not measure. */
TEST(begins_with_the_usual_interval)
{
    struct kad_churn churn = {0};

    EXPECT_EQ(interval_of(&churn), usual.usual_ms);
    EXPECT_EQ(kad_churn_per_thousand_h(&churn), 0);
    kad_churn_alive(&churn, &usual, 0, false);
    EXPECT(interval_of(&churn) >= usual.usual_ms && interval_of(&churn) < usual.usual_ms + KAD_MINUTE);
}

/* The rate comes out whatever the intervals it was watched at: 100 contacts, of which 10 % die each hour, looked at every
 * 12 minutes. 2 * 5 % / 10 % per hour is an hour. */
TEST(the_rate_is_deaths_over_time_seen)
{
    struct kad_churn churn = {0};

    for (int round = 0; round < 200; round++) {
        for (int contact = 0; contact < 49; contact++)
            kad_churn_alive(&churn, &usual, 12 * KAD_MINUTE, false);
        kad_churn_silent(&churn, &usual, 12 * KAD_MINUTE);
    }
    EXPECT(kad_churn_per_thousand_h(&churn) >= 90 && kad_churn_per_thousand_h(&churn) <= 112);
    EXPECT(interval_of(&churn) >= 53 * KAD_MINUTE && interval_of(&churn) <= 67 * KAD_MINUTE);
}

/* In the calm traffic goes down to its least; then half of the network dies, and a few deaths are enough to hurry. */
TEST(calm_relaxes_and_a_storm_is_noticed_at_once)
{
    struct kad_churn churn = {0};
    int deaths = 0;

    for (int i = 0; i < 10000; i++)
        kad_churn_alive(&churn, &usual, 30 * KAD_MINUTE, false);
    EXPECT_EQ(interval_of(&churn), usual.most_ms);
    while (interval_of(&churn) > usual.usual_ms && deaths < 100) {
        kad_churn_silent(&churn, &usual, 5 * KAD_MINUTE);
        kad_churn_alive(&churn, &usual, 5 * KAD_MINUTE, false);
        deaths++;
    }
    EXPECT_MSG(deaths < 16, "noticed after %d deaths", deaths);
    for (int i = 0; i < 200; i++)
        kad_churn_silent(&churn, &usual, KAD_MINUTE);
    EXPECT_EQ(interval_of(&churn), usual.least_ms);
    for (int i = 0; i < 5000; i++)
        kad_churn_alive(&churn, &usual, 5 * KAD_MINUTE, false);
    EXPECT(interval_of(&churn) > usual.usual_ms); /* and calm comes back */
}

/* Behind a link that loses datagrams contacts fall silent and are heard again: nobody died. */
TEST(lost_datagrams_are_no_deaths)
{
    struct kad_churn lossy = {0}, clean = {0};

    for (int i = 0; i < 2000; i++) {
        kad_churn_alive(&clean, &usual, 10 * KAD_MINUTE, false);
        if (i % 10 == 0)
            kad_churn_silent(&lossy, &usual, 10 * KAD_MINUTE);
        kad_churn_alive(&lossy, &usual, 10 * KAD_MINUTE, i % 10 == 0);
    }
    EXPECT_EQ(interval_of(&clean), usual.most_ms);
    EXPECT(interval_of(&lossy) > usual.most_ms / 2);
}

TEST(without_a_share_nothing_changes_the_interval)
{
    const struct kad_churn_bounds fixed = {.usual_ms = 15 * KAD_MINUTE, .least_ms = 1, .most_ms = KAD_HOUR};
    struct kad_churn churn = {0};

    for (int i = 0; i < 100; i++)
        kad_churn_silent(&churn, &fixed, KAD_MINUTE);
    EXPECT_EQ(kad_churn_interval(&churn, &fixed), 15 * KAD_MINUTE);
}

/* The edges of every setting, with everything that can be measured, stay inside 64 bits and the bounds. */
TEST(extremes_stay_within_bounds)
{
    const kad_ms most = 24 * KAD_HOUR;

    for (unsigned percent = 1; percent <= 50; percent += 49) {
        const struct kad_churn_bounds bounds = {percent, most, KAD_SECOND, most};
        struct kad_churn churn = {0};

        for (int i = 0; i < 1000; i++) {
            kad_churn_silent(&churn, &bounds, (kad_ms)UINT32_MAX * KAD_SECOND);
            kad_churn_alive(&churn, &bounds, (kad_ms)UINT32_MAX * KAD_SECOND, i & 1);
        }
        EXPECT(kad_churn_interval(&churn, &bounds) >= KAD_SECOND &&
               kad_churn_interval(&churn, &bounds) <= most);
        for (int i = 0; i < 1000; i++)
            kad_churn_silent(&churn, &bounds, 0);
        EXPECT(kad_churn_interval(&churn, &bounds) >= KAD_SECOND);
    }
}

/* A journal, or a host whose clock was set, may say that ages have passed. Nothing overflows, and a storm that follows is
 * noticed as soon as after any peace. */
TEST(ages_count_for_no_more_than_peace)
{
    static const kad_ms ages[] = {KAD_HOUR * 24 * 365 * 1000, KAD_NEVER / 2, KAD_NEVER - 1};

    for (size_t i = 0; i < KAD_COUNT_OF(ages); i++) {
        struct kad_churn silent = {0}, alive = {0};

        kad_churn_silent(&silent, &usual, ages[i]);
        kad_churn_alive(&alive, &usual, ages[i], false);
        EXPECT_EQ(interval_of(&silent), usual.most_ms);
        EXPECT_EQ(interval_of(&alive), usual.most_ms);
        for (int deaths = 0; deaths < 16; deaths++)
            kad_churn_silent(&silent, &usual, KAD_MINUTE);
        EXPECT(interval_of(&silent) <= usual.usual_ms);
        EXPECT(kad_churn_per_thousand_h(&silent) > 0);
    }
}
