#include "net/clock.h"

#include <time.h>

/* CLOCK_MONOTONIC stands still while the machine sleeps; what expires does not. */
#ifdef CLOCK_BOOTTIME
#define PASSED_CLOCK CLOCK_BOOTTIME
#else
#define PASSED_CLOCK CLOCK_MONOTONIC
#endif

static kad_ms read_clock(clockid_t id)
{
    struct timespec at = {0};

    clock_gettime(id, &at);
    return (kad_ms)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

void kad_clock_init(struct kad_clock *clock)
{
    clock->unix_minus_passed = read_clock(CLOCK_REALTIME) - read_clock(PASSED_CLOCK);
}

kad_ms kad_clock_now(const struct kad_clock *clock)
{
    return clock->unix_minus_passed + read_clock(PASSED_CLOCK);
}
