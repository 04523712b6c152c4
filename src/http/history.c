/* history - see history.h. */
#include "http/history.h"

#include <assert.h>
#include <string.h>

const char *kad_history_name(enum kad_history_series series)
{
    static const char *const names[KAD_HISTORY_N] = {
        [KAD_HISTORY_RECEIVED_BYTES] = "received_bytes_per_s",
        [KAD_HISTORY_SENT_BYTES] = "sent_bytes_per_s",
        [KAD_HISTORY_RECEIVED_DATAGRAMS] = "received_datagrams_per_s",
        [KAD_HISTORY_SENT_DATAGRAMS] = "sent_datagrams_per_s",
        [KAD_HISTORY_QUERIES_IN] = "queries_in_per_s",
        [KAD_HISTORY_QUERIES_OUT] = "queries_out_per_s",
        [KAD_HISTORY_TIMEOUTS] = "timeouts_per_s",
        [KAD_HISTORY_LOOKUPS] = "lookups_per_s",
        [KAD_HISTORY_STORED] = "stored_per_s",
        [KAD_HISTORY_CONTACTS_V4] = "contacts_ipv4",
        [KAD_HISTORY_CONTACTS_V6] = "contacts_ipv6",
        [KAD_HISTORY_RECORDS] = "records",
        [KAD_HISTORY_PEERS] = "peers",
        [KAD_HISTORY_MEMORY] = "memory_bytes",
        [KAD_HISTORY_RESIDENT] = "resident_bytes",
        [KAD_HISTORY_RTT] = "rtt_ms",
    };

    return names[series];
}

void kad_history_init(struct kad_history *history)
{
    memset(history, 0, sizeof *history);
    history->seconds =
        (struct kad_history_ring){.samples = history->second_room, .room = KAD_HISTORY_SECONDS};
    history->minutes =
        (struct kad_history_ring){.samples = history->minute_room, .room = KAD_HISTORY_MINUTES};
}

static void push(struct kad_history_ring *ring, const struct kad_history_reading *from,
                 const struct kad_history_reading *to)
{
    struct kad_history_sample *sample = &ring->samples[ring->next];
    const double seconds = (double)(to->at - from->at) / KAD_SECOND;

    assert(seconds > 0 && "a rate needs time");
    sample->at = to->at;
    for (unsigned i = 0; i < KAD_HISTORY_N; i++)
        sample->values[i] =
            (float)(i < KAD_HISTORY_N_RATES ? (to->values[i] - from->values[i]) / seconds : to->values[i]);
    ring->next = (ring->next + 1) % ring->room;
    ring->n += ring->n < ring->room;
}

void kad_history_add(struct kad_history *history, const struct kad_history_reading *reading)
{
    if (!history->begun) {
        history->begun = true;
        history->last_second = history->last_minute = *reading;
        return;
    }
    if (reading->at - history->last_second.at < KAD_SECOND / 2)
        return;
    push(&history->seconds, &history->last_second, reading);
    history->last_second = *reading;
    if (reading->at - history->last_minute.at < KAD_MINUTE)
        return;
    push(&history->minutes, &history->last_minute, reading);
    history->last_minute = *reading;
}

const struct kad_history_sample *kad_history_at(const struct kad_history_ring *ring, size_t i)
{
    assert(i < ring->n && "there are n");
    return &ring->samples[(ring->next + ring->room - ring->n + i) % ring->room];
}
