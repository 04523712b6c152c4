/*
 * history - what the node did lately: a sample each second for ten minutes, and one each minute for a day.
 *
 * Rates are per second over the sample's time, made from counters; gauges are what they were at its end. Both rings are
 * of fixed size (about 130 KiB together). Time is given; instants are the node's (Unix milliseconds).
 */
#ifndef KAD_HTTP_HISTORY_H
#define KAD_HTTP_HISTORY_H

#include "kad/types.h"

#define KAD_HISTORY_SECONDS 600
#define KAD_HISTORY_MINUTES 1440

/* Rates first: their names end in _per_s. */
enum kad_history_series {
    KAD_HISTORY_RECEIVED_BYTES,
    KAD_HISTORY_SENT_BYTES,
    KAD_HISTORY_RECEIVED_DATAGRAMS,
    KAD_HISTORY_SENT_DATAGRAMS,
    KAD_HISTORY_QUERIES_IN,
    KAD_HISTORY_QUERIES_OUT,
    KAD_HISTORY_TIMEOUTS,
    KAD_HISTORY_LOOKUPS, /* requests of this node's users */
    KAD_HISTORY_STORED,  /* values and announces taken in */
    KAD_HISTORY_N_RATES,
    KAD_HISTORY_CONTACTS_V4 = KAD_HISTORY_N_RATES,
    KAD_HISTORY_CONTACTS_V6,
    KAD_HISTORY_RECORDS,
    KAD_HISTORY_PEERS,
    KAD_HISTORY_MEMORY,   /* the engine's */
    KAD_HISTORY_RESIDENT, /* the process's, bytes */
    KAD_HISTORY_RTT,      /* -1: unknown */
    KAD_HISTORY_N,
};

/* "received_bytes_per_s" */
const char *kad_history_name(enum kad_history_series series);

struct kad_history_sample {
    kad_ms at;
    float values[KAD_HISTORY_N];
};

struct kad_history_ring {
    struct kad_history_sample *samples;
    size_t room, n, next; /* the newest stands before `next` */
};

/* What was read off the node: running counters where a rate is wanted, gauges for the rest. */
struct kad_history_reading {
    kad_ms at;
    double values[KAD_HISTORY_N];
};

struct kad_history {
    struct kad_history_sample second_room[KAD_HISTORY_SECONDS], minute_room[KAD_HISTORY_MINUTES];
    struct kad_history_ring seconds, minutes;
    struct kad_history_reading last_second, last_minute;
    bool begun;
};

void kad_history_init(struct kad_history *history);
/* Call about once a second; the first reading only sets the beginning. One that comes less than half a second after the
 * last, or before it, is left out. */
void kad_history_add(struct kad_history *history, const struct kad_history_reading *reading);
/* The i-th sample, oldest first. */
const struct kad_history_sample *kad_history_at(const struct kad_history_ring *ring, size_t i);

#endif
