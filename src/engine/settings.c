/* settings - each field of kad_settings: its range, and whether it may change while an engine runs. */
#include "kad/engine.h"

#include <string.h>

#include "core/walk.h"
#include "engine/network.h"

/* Fixed: memory is laid out by it, or what stands in a table was let in by it. */
enum life { LIVE, FIXED };
enum kind { NUMBER, DURATION, FLAG, TEXT };

struct field {
    const char *name;
    size_t offset;
    enum kind kind;
    enum life life;
    int64_t least, most; /* NUMBER, DURATION */
};

/* clang-format off */
#define COUNT(name, life, least, most) {#name, offsetof(struct kad_settings, name), NUMBER, life, least, most}
#define TIME(name, life, least, most)  {#name, offsetof(struct kad_settings, name), DURATION, life, least, most}
#define SWITCH(name, life)             {#name, offsetof(struct kad_settings, name), FLAG, life, 0, 0}

/* In the order of kad_settings: it is checked in it. */
static const struct field fields[] = {
    COUNT(k, FIXED, 1, 64),
    COUNT(alpha, LIVE, 1, 64),
    COUNT(alpha_end, LIVE, 0, 64),
    COUNT(lookup_retries, LIVE, 0, 1),
    COUNT(lookup_spare, LIVE, 0, 64),
    COUNT(lookup_beyond, LIVE, 0, 8),
    COUNT(lookup_widen, LIVE, 0, 64),
    COUNT(paths, LIVE, 0, 16),
    COUNT(per_introducer, LIVE, 0, 64),
    COUNT(region_k, LIVE, 0, 64),
    COUNT(replicas, LIVE, 1, 64),
    COUNT(put_enough, LIVE, 0, 64),
    COUNT(quorum, LIVE, 0, 64),
    TIME(query_timeout_ms, LIVE, 10, 5 * KAD_MINUTE),
    TIME(patience_min_ms, LIVE, 1, KAD_MINUTE),
    TIME(patience_max_ms, LIVE, 1, KAD_MINUTE),
    TIME(request_timeout_ms, LIVE, 10, KAD_HOUR),
    COUNT(max_requests, LIVE, 1, 60000),
    COUNT(max_queries, LIVE, 8, 65535),
    COUNT(narrow_per_lookup, LIVE, 0, 1000),
    COUNT(table_wide, FIXED, 0, 128),
    COUNT(near_percent, FIXED, 0, 90),
    COUNT(near_pings, LIVE, 0, 20),
    COUNT(table_cache, FIXED, 0, 16),
    COUNT(max_failures, FIXED, 1, 100),
    COUNT(narrow_per_bucket, FIXED, 0, 255),
    COUNT(narrow_per_table, FIXED, 0, 255),
    COUNT(wide_per_bucket, FIXED, 0, 255),
    COUNT(wide_per_table, FIXED, 0, 255),
    COUNT(as_per_bucket, FIXED, 0, 255),
    COUNT(as_per_table, FIXED, 0, 65535),
    COUNT(country_per_bucket, FIXED, 0, 255),
    COUNT(country_per_table, FIXED, 0, 65535),
    TIME(ping_after_ms, LIVE, KAD_SECOND, 24 * KAD_HOUR),
    TIME(refresh_after_ms, LIVE, KAD_SECOND, 24 * KAD_HOUR),
    TIME(refresh_pace_ms, LIVE, 10, KAD_HOUR),
    COUNT(verify_per_s, LIVE, 0, 60000),
    COUNT(min_contacts, LIVE, 0, 1000),
    COUNT(dead_percent, LIVE, 0, 50),
    TIME(ping_min_ms, LIVE, KAD_SECOND, 24 * KAD_HOUR),
    TIME(ping_max_ms, LIVE, KAD_SECOND, 24 * KAD_HOUR),
    COUNT(own_bytes_per_s, LIVE, 0, 1000000000),
    COUNT(own_packets_per_s, LIVE, 0, 10000000),
    TIME(jitter_ms, LIVE, 0, 10 * KAD_SECOND),
    COUNT(pad_to, FIXED, 0, 1200),
    COUNT(cover_per_hour, LIVE, 0, 3600),
    TIME(peer_ttl_ms, LIVE, KAD_SECOND, 30 * 24 * KAD_HOUR),
    TIME(record_ttl_ms, LIVE, KAD_SECOND, 365 * 24 * KAD_HOUR),
    TIME(announce_again_ms, LIVE, KAD_SECOND, 30 * 24 * KAD_HOUR),
    TIME(put_again_ms, LIVE, KAD_SECOND, 365 * 24 * KAD_HOUR),
    TIME(restore_ms, LIVE, 0, 30 * 24 * KAD_HOUR),
    TIME(cache_ms, LIVE, 0, 24 * KAD_HOUR),
    TIME(result_ms, LIVE, 0, 24 * KAD_HOUR),
    TIME(closest_ms, LIVE, 0, KAD_HOUR),
    COUNT(max_publications, LIVE, 0, 1000000),
    TIME(sample_interval_ms, LIVE, KAD_SECOND, 6 * KAD_HOUR),
    COUNT(limit_addresses, FIXED, 0, 65536),
    COUNT(address_per_s, LIVE, 1, 10000000),
    COUNT(address_burst, LIVE, 1, 10000000),
    COUNT(group_per_s, LIVE, 1, 10000000),
    COUNT(group_burst, LIVE, 1, 10000000),
    COUNT(strikes, LIVE, 0, 1000),
    TIME(gray_ms, LIVE, KAD_SECOND, 24 * KAD_HOUR),
    COUNT(unproven_gain, LIVE, 0, 1000),
    COUNT(unproven_grant, LIVE, 0, 500000),
    SWITCH(limit_local, FIXED),
    SWITCH(spread_gets, LIVE),
    SWITCH(path_keep_going, LIVE),
    COUNT(score_peers, FIXED, 0, 65536),
    TIME(score_half_life_ms, LIVE, KAD_MINUTE, 30 * 24 * KAD_HOUR),
    COUNT(min_score, LIVE, 0, 50),
    COUNT(max_contacts, LIVE, 0, 65535),
    COUNT(max_peers, LIVE, 0, 128),
    TIME(peer_keep_ms, LIVE, 0, 24 * KAD_HOUR),
    COUNT(role, LIVE, 0, KAD_N_ROLES - 1),
    COUNT(reserved_bootstraps, LIVE, 0, 8),
    TIME(ban_ms, LIVE, KAD_SECOND, 7 * 24 * KAD_HOUR),
    COUNT(max_sessions, FIXED, 16, 1000000),
    COUNT(max_handshakes, FIXED, 4, 65535),
    TIME(handshake_ms, FIXED, 10, KAD_MINUTE),
    TIME(rekey_after_ms, FIXED, KAD_SECOND, 24 * KAD_HOUR),
    COUNT(cookie_per_s, FIXED, 0, 1000000),
    COUNT(work_per_s, FIXED, 0, 1000000),
    COUNT(work_bits_max, FIXED, 0, 24),
    SWITCH(open_door, FIXED),
    SWITCH(read_only, LIVE),
    SWITCH(enforce_id, LIVE),
    SWITCH(follow_address, LIVE),
    COUNT(address_quorum, FIXED, 1, 64),
    COUNT(reply_peers, LIVE, 1, 128),
    {"version", offsetof(struct kad_settings, version), TEXT, LIVE, 0, 0},
};
/* clang-format on */

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static const void *at(const struct kad_settings *settings, const struct field *field)
{
    return (const char *)settings + field->offset;
}

static bool in_range(const struct kad_settings *settings, const struct field *field)
{
    int64_t value;

    switch (field->kind) {
    case NUMBER:
        value = *(const unsigned *)at(settings, field);
        break;
    case DURATION:
        value = *(const kad_ms *)at(settings, field);
        break;
    default:
        return true;
    }
    return value >= field->least && value <= field->most;
}

static bool same(const struct kad_settings *a, const struct kad_settings *b, const struct field *field)
{
    switch (field->kind) {
    case NUMBER:
        return *(const unsigned *)at(a, field) == *(const unsigned *)at(b, field);
    case DURATION:
        return *(const kad_ms *)at(a, field) == *(const kad_ms *)at(b, field);
    case FLAG:
        return *(const bool *)at(a, field) == *(const bool *)at(b, field);
    case TEXT:
        return memcmp(at(a, field), at(b, field), sizeof(a->version)) == 0;
    }
    return true;
}

static const struct field *find(const char *name)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

int kad_settings_check(const struct kad_settings *settings, const char **out_field)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (!in_range(settings, &fields[i])) {
            *out_field = fields[i].name;
            return KAD_E_INVALID;
        }
    }
    if (settings->patience_min_ms > settings->patience_max_ms) {
        *out_field = "patience_min_ms";
        return KAD_E_INVALID;
    }
    if (settings->ping_min_ms > settings->ping_max_ms) {
        *out_field = "ping_min_ms";
        return KAD_E_INVALID;
    }
    if ((settings->limit_addresses & (settings->limit_addresses - 1)) ||
        (settings->limit_addresses && settings->limit_addresses < 16)) {
        *out_field = "limit_addresses";
        return KAD_E_INVALID;
    }
    if (settings->score_peers && settings->score_peers < 16) {
        *out_field = "score_peers";
        return KAD_E_INVALID;
    }
    return 0;
}

bool kad_settings_range(const char *name, int64_t *out_least, int64_t *out_most)
{
    const struct field *field = find(name);

    if (!field || (field->kind != NUMBER && field->kind != DURATION))
        return false;
    *out_least = field->least;
    *out_most = field->most;
    return true;
}

bool kad_settings_live(const char *name)
{
    const struct field *field = find(name);

    return field && field->life == LIVE;
}

const char *kad_settings_fixed(const struct kad_settings *now, const struct kad_settings *then)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (fields[i].life == FIXED && !same(now, then, &fields[i]))
            return fields[i].name;
    }
    return NULL;
}

void kad_settings_walk(struct kad_walk *walk, struct kad_settings *settings)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        char *value = (char *)settings + fields[i].offset;

        switch (fields[i].kind) {
        case NUMBER:
            KAD_WALK(walk, *(unsigned *)(void *)value);
            break;
        case DURATION:
            KAD_WALK(walk, *(kad_ms *)(void *)value);
            break;
        case FLAG:
            KAD_WALK(walk, *(bool *)(void *)value);
            break;
        case TEXT:
            kad_walk_bytes(walk, value, sizeof(settings->version));
            break;
        }
    }
}
