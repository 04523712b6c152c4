#include "node/load.h"

#include "base/test.h"

static bool sample(struct kad_load *load, uint32_t overflows)
{
    return kad_load_sample(load, overflows, load->sample_at);
}

TEST(who_keeps_up_sheds_nothing)
{
    struct kad_load load = {0};

    for (int i = 0; i < 100; i++) {
        kad_load_late(&load, KAD_LOAD_LATE - 1);
        EXPECT(!sample(&load, 0));
    }
    EXPECT_EQ(load.percent, 0);
}

/* Drops of the kernel's and late timers both count, the change of state is told once each way, and shedding ends when there
 * is no more reason for it. */
TEST(falls_behind_and_catches_up)
{
    struct kad_load load = {0};
    int seconds = 0;

    EXPECT(sample(&load, 10));
    EXPECT_EQ(load.percent, 20);
    EXPECT(!sample(&load, 20));
    kad_load_late(&load, KAD_LOAD_LATE);
    kad_load_late(&load, 1);
    EXPECT(!sample(&load, 20));
    EXPECT_EQ(load.percent, 60);
    for (uint32_t i = 0; i < 10; i++)
        EXPECT(!sample(&load, 21 + i));
    EXPECT_EQ(load.percent, 100);
    while (!sample(&load, 30))
        seconds++;
    EXPECT_EQ(seconds, 9);
    EXPECT_EQ(load.percent, 0);
    EXPECT(!sample(&load, 30));
}

/* The kernel's counter has 32 bits. */
TEST(a_counter_that_wraps_is_no_reason_to_worry)
{
    struct kad_load load = {.overflows = UINT32_MAX};

    EXPECT(!sample(&load, UINT32_MAX));
    EXPECT(sample(&load, 0)); /* one more */
}
