#include "sim/setting.h"

#include <string.h>

enum type { COUNT, TIME, FLAG };

#define FIELD(name, type)                                \
    {                                                    \
#name, offsetof(struct kad_settings, name), type \
    }

static const struct {
    const char *name;
    size_t offset;
    enum type type;
} fields[] = {
    FIELD(k, COUNT),
    FIELD(alpha, COUNT),
    FIELD(alpha_end, COUNT),
    FIELD(lookup_retries, COUNT),
    FIELD(lookup_spare, COUNT),
    FIELD(lookup_beyond, COUNT),
    FIELD(lookup_widen, COUNT),
    FIELD(paths, COUNT),
    FIELD(per_introducer, COUNT),
    FIELD(region_k, COUNT),
    FIELD(replicas, COUNT),
    FIELD(put_enough, COUNT),
    FIELD(quorum, COUNT),
    FIELD(query_timeout_ms, TIME),
    FIELD(patience_min_ms, TIME),
    FIELD(patience_max_ms, TIME),
    FIELD(request_timeout_ms, TIME),
    FIELD(max_requests, COUNT),
    FIELD(max_queries, COUNT),
    FIELD(narrow_per_lookup, COUNT),
    FIELD(table_wide, COUNT),
    FIELD(near_percent, COUNT),
    FIELD(near_pings, COUNT),
    FIELD(table_cache, COUNT),
    FIELD(max_failures, COUNT),
    FIELD(narrow_per_bucket, COUNT),
    FIELD(narrow_per_table, COUNT),
    FIELD(wide_per_bucket, COUNT),
    FIELD(wide_per_table, COUNT),
    FIELD(max_peers, COUNT),
    FIELD(peer_keep_ms, TIME),
    FIELD(as_per_bucket, COUNT),
    FIELD(as_per_table, COUNT),
    FIELD(country_per_bucket, COUNT),
    FIELD(country_per_table, COUNT),
    FIELD(ping_after_ms, TIME),
    FIELD(refresh_after_ms, TIME),
    FIELD(refresh_pace_ms, TIME),
    FIELD(verify_per_s, COUNT),
    FIELD(min_contacts, COUNT),
    FIELD(dead_percent, COUNT),
    FIELD(ping_min_ms, TIME),
    FIELD(ping_max_ms, TIME),
    FIELD(own_bytes_per_s, COUNT),
    FIELD(own_packets_per_s, COUNT),
    FIELD(peer_ttl_ms, TIME),
    FIELD(record_ttl_ms, TIME),
    FIELD(announce_again_ms, TIME),
    FIELD(put_again_ms, TIME),
    FIELD(max_publications, COUNT),
    FIELD(restore_ms, TIME),
    FIELD(cache_ms, TIME),
    FIELD(result_ms, TIME),
    FIELD(closest_ms, TIME),
    FIELD(sample_interval_ms, TIME),
    FIELD(limit_addresses, COUNT),
    FIELD(address_per_s, COUNT),
    FIELD(address_burst, COUNT),
    FIELD(group_per_s, COUNT),
    FIELD(group_burst, COUNT),
    FIELD(strikes, COUNT),
    FIELD(gray_ms, TIME),
    FIELD(unproven_gain, COUNT),
    FIELD(unproven_grant, COUNT),
    FIELD(limit_local, FLAG),
    FIELD(spread_gets, FLAG),
    FIELD(path_keep_going, FLAG),
    FIELD(score_peers, COUNT),
    FIELD(score_half_life_ms, TIME),
    FIELD(max_contacts, COUNT),
    FIELD(min_score, COUNT),
    FIELD(reserved_bootstraps, COUNT),
    FIELD(ban_ms, TIME),
    FIELD(read_only, FLAG),
    FIELD(enforce_id, FLAG),
    FIELD(follow_address, FLAG),
    FIELD(address_quorum, COUNT),
    FIELD(reply_peers, COUNT),
};

int sim_setting(struct kad_settings *settings, const char *name, int64_t value)
{
    struct kad_settings changed = *settings;
    const char *field;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        char *at = (char *)&changed + fields[i].offset;

        if (strcmp(fields[i].name, name) != 0)
            continue;
        if (value < 0 || (fields[i].type == COUNT && value > UINT32_MAX) ||
            (fields[i].type == FLAG && value > 1))
            return KAD_E_INVALID;
        if (fields[i].type == COUNT)
            *(unsigned *)(void *)at = (unsigned)value;
        else if (fields[i].type == TIME)
            *(kad_ms *)(void *)at = value;
        else
            *(bool *)at = value;
        if (kad_settings_check(&changed, &field) != 0)
            return KAD_E_INVALID;
        *settings = changed;
        return 0;
    }
    return KAD_E_NOT_FOUND;
}
