/* settings - the range of each setting, checked in the order of kad_settings. */
#include "kad/engine.h"

#include "core/walk.h"
#include "engine/network.h"

struct range {
    const char *field;
    size_t offset;
    int64_t least, most;
    bool milliseconds; /* kad_ms; else unsigned */
};

#define COUNT(name, least, most)                                       \
    {                                                                  \
#name, offsetof(struct kad_settings, name), least, most, false \
    }
#define TIME(name, least, most)                                       \
    {                                                                 \
#name, offsetof(struct kad_settings, name), least, most, true \
    }

static const struct range ranges[] = {
    COUNT(k, 1, 64),
    COUNT(alpha, 1, 64),
    COUNT(alpha_end, 0, 64),
    COUNT(lookup_retries, 0, 1),
    COUNT(lookup_spare, 0, 64),
    COUNT(replicas, 1, 64),
    COUNT(quorum, 0, 64),
    TIME(query_timeout_ms, 10, 5 * KAD_MINUTE),
    TIME(patience_min_ms, 1, KAD_MINUTE),
    TIME(patience_max_ms, 1, KAD_MINUTE),
    TIME(request_timeout_ms, 10, KAD_HOUR),
    COUNT(max_requests, 1, 60000),
    COUNT(max_queries, 8, 65535),
    COUNT(narrow_per_lookup, 0, 1000),
    COUNT(table_wide, 0, 128),
    COUNT(table_cache, 0, 16),
    COUNT(max_failures, 1, 100),
    COUNT(narrow_per_bucket, 0, 255),
    COUNT(narrow_per_table, 0, 255),
    COUNT(wide_per_bucket, 0, 255),
    COUNT(wide_per_table, 0, 255),
    TIME(ping_after_ms, KAD_SECOND, 24 * KAD_HOUR),
    TIME(refresh_after_ms, KAD_SECOND, 24 * KAD_HOUR),
    TIME(refresh_pace_ms, 10, KAD_HOUR),
    COUNT(verify_per_s, 0, 60000),
    COUNT(min_contacts, 0, 1000),
    TIME(peer_ttl_ms, KAD_SECOND, 30 * 24 * KAD_HOUR),
    TIME(record_ttl_ms, KAD_SECOND, 365 * 24 * KAD_HOUR),
    TIME(announce_again_ms, KAD_SECOND, 30 * 24 * KAD_HOUR),
    TIME(put_again_ms, KAD_SECOND, 365 * 24 * KAD_HOUR),
    COUNT(max_publications, 0, 65535),
    TIME(sample_interval_ms, KAD_SECOND, 6 * KAD_HOUR),
    COUNT(limit_addresses, 16, 65536),
    COUNT(address_per_s, 1, 10000000),
    COUNT(address_burst, 1, 10000000),
    COUNT(group_per_s, 1, 10000000),
    COUNT(group_burst, 1, 10000000),
    COUNT(strikes, 0, 1000),
    TIME(gray_ms, KAD_SECOND, 24 * KAD_HOUR),
    COUNT(unproven_gain, 0, 1000),
    COUNT(unproven_grant, 0, 500000),
    COUNT(address_quorum, 1, 64),
    COUNT(reply_peers, 1, 128),
};

int kad_settings_check(const struct kad_settings *settings, const char **out_field)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const char *at = (const char *)settings + ranges[i].offset;
        const int64_t value = ranges[i].milliseconds ? *(const kad_ms *)(const void *)at
                                                     : (int64_t) * (const unsigned *)(const void *)at;

        if (value < ranges[i].least || value > ranges[i].most) {
            *out_field = ranges[i].field;
            return KAD_E_INVALID;
        }
    }
    if (settings->patience_min_ms > settings->patience_max_ms) {
        *out_field = "patience_min_ms";
        return KAD_E_INVALID;
    }
    if (settings->limit_addresses & (settings->limit_addresses - 1)) {
        *out_field = "limit_addresses";
        return KAD_E_INVALID;
    }
    return 0;
}

bool kad_settings_range(const char *field, int64_t *out_least, int64_t *out_most)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const char *a = ranges[i].field, *b = field;

        while (*a && *a == *b)
            a++, b++;
        if (*a != *b)
            continue;
        *out_least = ranges[i].least;
        *out_most = ranges[i].most;
        return true;
    }
    return false;
}

void kad_settings_walk(struct kad_walk *walk, struct kad_settings *settings)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        char *at = (char *)settings + ranges[i].offset;

        if (ranges[i].milliseconds)
            KAD_WALK(walk, *(kad_ms *)(void *)at);
        else
            KAD_WALK(walk, *(unsigned *)(void *)at);
    }
    KAD_WALK(walk, settings->limit_local);
    KAD_WALK(walk, settings->read_only);
    KAD_WALK(walk, settings->enforce_id);
    KAD_WALK(walk, settings->follow_address);
    kad_walk_bytes(walk, settings->version, sizeof(settings->version));
}
