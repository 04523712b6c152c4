/* A day of a node in fixed memory: rates come from counters, and the rings forget the oldest. */
#include "http/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

static struct kad_history *history;

static void add(kad_ms at, double bytes, double contacts)
{
    struct kad_history_reading reading = {.at = at};

    reading.values[KAD_HISTORY_RECEIVED_BYTES] = bytes;
    reading.values[KAD_HISTORY_CONTACTS_V4] = contacts;
    kad_history_add(history, &reading);
}

static void begin(void)
{
    free(history);
    history = malloc(sizeof *history);
    kad_history_init(history);
}

static const struct kad_history_sample *last(const struct kad_history_ring *ring)
{
    return kad_history_at(ring, ring->n - 1);
}

TEST(counters_become_rates_and_gauges_stay)
{
    begin();
    add(10000, 500, 3);
    EXPECT_EQ(history->seconds.n, 0); /* a rate needs two readings */
    add(11000, 700, 4);
    EXPECT_EQ(history->seconds.n, 1);
    EXPECT(last(&history->seconds)->values[KAD_HISTORY_RECEIVED_BYTES] == 200);
    EXPECT(last(&history->seconds)->values[KAD_HISTORY_CONTACTS_V4] == 4);
    EXPECT_EQ(last(&history->seconds)->at, 11000);
    add(13000, 1100, 4); /* a late timer: twice the time */
    EXPECT(last(&history->seconds)->values[KAD_HISTORY_RECEIVED_BYTES] == 200);
}

/* After a suspended machine wakes, timers come in a heap; and clocks are set back. */
TEST(readings_too_close_are_left_out)
{
    begin();
    add(10000, 0, 0);
    add(10001, 10, 0);
    add(10000, 10, 0);
    add(5000, 10, 0);
    EXPECT_EQ(history->seconds.n, 0);
    add(10600, 60, 0);
    EXPECT_EQ(history->seconds.n, 1);
    EXPECT(last(&history->seconds)->values[KAD_HISTORY_RECEIVED_BYTES] == 100);
}

TEST(rings_keep_the_newest)
{
    begin();
    for (kad_ms second = 0; second <= 2 * 24 * 3600; second++)
        add(second * KAD_SECOND, (double)second * 7, (double)(second % 100));
    EXPECT_EQ(history->seconds.n, KAD_HISTORY_SECONDS);
    EXPECT_EQ(history->minutes.n, KAD_HISTORY_MINUTES);
    EXPECT_EQ(last(&history->minutes)->at, 2 * 24 * KAD_HOUR);
    EXPECT_EQ(kad_history_at(&history->minutes, 0)->at, 24 * KAD_HOUR + KAD_MINUTE);
    for (size_t i = 1; i < history->seconds.n; i++) {
        EXPECT_EQ(kad_history_at(&history->seconds, i)->at - kad_history_at(&history->seconds, i - 1)->at,
                  KAD_SECOND);
        EXPECT(kad_history_at(&history->seconds, i)->values[KAD_HISTORY_RECEIVED_BYTES] == 7);
    }
    EXPECT(last(&history->minutes)->values[KAD_HISTORY_RECEIVED_BYTES] == 7);
}

TEST(every_series_has_a_name)
{
    for (unsigned i = 0; i < KAD_HISTORY_N; i++) {
        const char *name = kad_history_name(i);

        EXPECT(name && *name);
        EXPECT_EQ(strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_per_s") == 0,
                  i < KAD_HISTORY_N_RATES);
    }
}
