#include "base/test.h"
#include "net/clock.h"

#include <time.h>

/* Expiries are kept on disk as Unix time: the clock must agree with the calendar when it is made. */
TEST(the_clock_tells_unix_time)
{
    struct kad_clock clock;
    const kad_ms before = (kad_ms)time(NULL) * 1000;
    kad_ms now;

    kad_clock_init(&clock);
    now = kad_clock_now(&clock);
    EXPECT(now >= before - 1000);
    EXPECT(now <= ((kad_ms)time(NULL) + 2) * 1000);
}

TEST(the_clock_never_runs_backwards)
{
    struct kad_clock clock;
    kad_ms last;

    kad_clock_init(&clock);
    last = kad_clock_now(&clock);
    for (int i = 0; i < 100000; i++) {
        const kad_ms now = kad_clock_now(&clock);

        EXPECT(now >= last);
        last = now;
    }
}

/* Whoever sets the wall clock must not move a running node: the offset is taken once. Two clocks made apart agree only
 * by the wall; one clock agrees with itself whatever the offset. */
TEST(the_wall_clock_is_read_once)
{
    struct kad_clock clock = {.unix_minus_passed = 0}, ahead = {.unix_minus_passed = 1000000};
    const kad_ms passed = kad_clock_now(&clock), later = kad_clock_now(&ahead);

    EXPECT(passed > 0);
    EXPECT(later - passed >= 1000000);
    EXPECT(later - passed < 1000000 + 60000);
}
