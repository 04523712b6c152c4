/*
 * load - whether a node keeps up with what comes in, measured, for kad_engine_load().
 *
 * Two things say that it does not: the kernel drops datagrams because nobody reads them in time, and timers fire late
 * because a turn took too long. Each second in which either happened adds a fifth of what strangers ask to what is shed,
 * each second without takes a tenth back: so it settles where the node just keeps up.
 */
#ifndef KAD_NODE_LOAD_H
#define KAD_NODE_LOAD_H

#include "base/types.h"

#define KAD_LOAD_EVERY KAD_SECOND /* between samples */
#define KAD_LOAD_LATE  250        /* ms: a timer that fires so much late */

struct kad_load {
    kad_ms sample_at;
    kad_ms latest_ms;   /* of the timers since the last sample */
    uint32_t overflows; /* at the last sample */
    unsigned percent;
};

/* A timer fired so late. */
void kad_load_late(struct kad_load *load, kad_ms late_ms);
/* At sample_at or later: `overflows` datagrams have been dropped since the node began (it may wrap). Returns whether the
 * node has just fallen behind or caught up. */
bool kad_load_sample(struct kad_load *load, uint32_t overflows, kad_ms now);

#endif
