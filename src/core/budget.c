#include "core/budget.h"

#include "base/types.h"

#define LEAST_BYTES   2048
#define LEAST_PACKETS 8

static int64_t room_for(unsigned per_s, unsigned least)
{
    return INT64_C(1000) * (per_s > least ? per_s : least);
}

static void fill(struct kad_budget *budget, const struct kad_settings *settings, kad_ms now)
{
    const kad_ms elapsed = kad_ms_min(now - budget->filled_at, KAD_HOUR);
    const int64_t bytes = budget->bytes_1000 + elapsed * settings->own_bytes_per_s;
    const int64_t packets = budget->packets_1000 + elapsed * settings->own_packets_per_s;

    budget->filled_at = now;
    budget->bytes_1000 = kad_ms_min(bytes, room_for(settings->own_bytes_per_s, LEAST_BYTES));
    budget->packets_1000 = kad_ms_min(packets, room_for(settings->own_packets_per_s, LEAST_PACKETS));
}

void kad_budget_init(struct kad_budget *budget, const struct kad_settings *settings, kad_ms now)
{
    *budget = (struct kad_budget){
        .bytes_1000 = room_for(settings->own_bytes_per_s, LEAST_BYTES),
        .packets_1000 = room_for(settings->own_packets_per_s, LEAST_PACKETS),
        .filled_at = now,
    };
}

/* Until `have` has grown to `need`. */
static kad_ms until(int64_t have, int64_t need, unsigned per_s)
{
    return per_s == 0 || have >= need ? 0 : (need - have + per_s - 1) / per_s;
}

kad_ms kad_budget_wait(struct kad_budget *budget, const struct kad_settings *settings, bool for_host,
                       kad_ms now)
{
    const unsigned bytes_per_s = settings->own_bytes_per_s, packets_per_s = settings->own_packets_per_s;
    const int64_t bytes = for_host ? 1 : room_for(bytes_per_s, LEAST_BYTES) / 2;
    const int64_t packets = for_host ? 1000 : room_for(packets_per_s, LEAST_PACKETS) / 2;

    if (!bytes_per_s && !packets_per_s)
        return 0;
    fill(budget, settings, now);
    return kad_ms_max(until(budget->bytes_1000, bytes, bytes_per_s),
                      until(budget->packets_1000, packets, packets_per_s));
}

void kad_budget_spend(struct kad_budget *budget, size_t bytes)
{
    budget->bytes_1000 -= 1000 * (int64_t)bytes;
    budget->packets_1000 -= 1000;
}
