/*
 * clock - Unix time in milliseconds that never runs backwards.
 *
 * The wall clock is read once, when the clock is made; from then on the time that has passed is added, time asleep
 * included. So an expiry on disk means something after a restart, and nobody who sets the wall clock can
 * make a node's timers stop or stampede.
 */
#ifndef KAD_NET_CLOCK_H
#define KAD_NET_CLOCK_H

#include "base/types.h"

struct kad_clock {
    kad_ms unix_minus_passed;
};

void kad_clock_init(struct kad_clock *clock);
kad_ms kad_clock_now(const struct kad_clock *clock);

#endif
