#include "kad/engine.h"

#include <string.h>

#include "base/test.h"

struct edge {
    size_t offset;
    const char *name;
    bool milliseconds;
};

#define COUNT(name)                                       \
    {                                                     \
        offsetof(struct kad_settings, name), #name, false \
    }
#define TIME(name)                                       \
    {                                                    \
        offsetof(struct kad_settings, name), #name, true \
    }

/* Whatever kad_settings_check() lets through, an engine can be made with and used: limits set apart from the code that relies
 * on them drift, and then a configuration file aborts a node. */
TEST(edges_of_every_range_make_an_engine)
{
    static const struct edge edges[] = {
        COUNT(k),
        COUNT(alpha),
        COUNT(alpha_end),
        COUNT(lookup_retries),
        COUNT(lookup_spare),
        COUNT(lookup_beyond),
        COUNT(lookup_widen),
        COUNT(paths),
        COUNT(per_introducer),
        COUNT(region_k),
        COUNT(replicas),
        COUNT(quorum),
        TIME(query_timeout_ms),
        TIME(request_timeout_ms),
        COUNT(max_requests),
        COUNT(max_queries),
        COUNT(narrow_per_lookup),
        COUNT(table_wide),
        COUNT(near_percent),
        COUNT(near_pings),
        COUNT(table_cache),
        COUNT(max_failures),
        COUNT(narrow_per_bucket),
        COUNT(narrow_per_table),
        COUNT(wide_per_bucket),
        COUNT(wide_per_table),
        COUNT(as_per_bucket),
        COUNT(as_per_table),
        COUNT(country_per_bucket),
        COUNT(country_per_table),
        TIME(ping_after_ms),
        TIME(refresh_after_ms),
        TIME(refresh_pace_ms),
        COUNT(verify_per_s),
        COUNT(min_contacts),
        COUNT(dead_percent),
        COUNT(own_bytes_per_s),
        COUNT(own_packets_per_s),
        TIME(peer_ttl_ms),
        TIME(record_ttl_ms),
        TIME(announce_again_ms),
        TIME(put_again_ms),
        TIME(restore_ms),
        TIME(cache_ms),
        TIME(result_ms),
        TIME(closest_ms),
        COUNT(max_publications),
        TIME(sample_interval_ms),
        COUNT(limit_addresses),
        COUNT(address_per_s),
        COUNT(address_burst),
        COUNT(group_per_s),
        COUNT(group_burst),
        COUNT(strikes),
        TIME(gray_ms),
        COUNT(unproven_gain),
        COUNT(unproven_grant),
        COUNT(score_peers),
        TIME(score_half_life_ms),
        COUNT(min_score),
        COUNT(max_contacts),
        COUNT(max_peers),
        TIME(peer_keep_ms),
        COUNT(role),
        COUNT(reserved_bootstraps),
        TIME(ban_ms),
        COUNT(max_sessions),
        COUNT(max_handshakes),
        TIME(handshake_ms),
        TIME(rekey_after_ms),
        COUNT(cookie_per_s),
        COUNT(work_per_s),
        COUNT(work_bits_max),
        COUNT(address_quorum),
        COUNT(reply_peers),
    };

    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        int64_t range[2];

        EXPECT(kad_settings_range(edges[i].name, &range[0], &range[1]));
        for (int side = -1; side < 3; side++) { /* below, least, most, above */
            const int64_t value = side < 0 ? range[0] - 1 : side > 1 ? range[1] + 1 : range[side];
            const bool inside = side == 0 || side == 1;
            const char *field = NULL;
            struct kad_settings settings;
            struct kad_engine *engine = NULL;
            struct kad_engine_config config = {.network = kad_network_mainline(),
                                               .settings = &settings,
                                               .ipv4 = true,
                                               .ipv6 = true,
                                               .seed = {1}};
            struct kad_datagram datagrams[4];
            static uint8_t memory[4 * KAD_DATAGRAM_MAX];
            struct kad_batch batch = {.datagrams = datagrams, .memory = memory, .room = 4};
            uint64_t id;

            if (value < 0)
                continue;
            kad_settings_default(config.network, &settings);
            if (edges[i].milliseconds)
                memcpy((char *)&settings + edges[i].offset, &value, sizeof(kad_ms));
            else
                memcpy((char *)&settings + edges[i].offset, &(unsigned){(unsigned)value}, sizeof(unsigned));
            if (!inside) {
                EXPECT_EQ(kad_settings_check(&settings, &field), KAD_E_INVALID);
                EXPECT_STR(field, edges[i].name);
                EXPECT_EQ(kad_engine_new(&config, 1, &engine), KAD_E_INVALID);
                continue;
            }
            EXPECT_EQ(kad_settings_check(&settings, &field), 0);
            EXPECT_EQ(kad_engine_new(&config, 1, &engine), 0);
            EXPECT_EQ(kad_engine_request(engine, &(struct kad_request){.kind = KAD_REQUEST_CLOSEST}, 1, &id),
                      0);
            kad_engine_tick(engine, 2, &batch);
            kad_engine_free(engine);
        }
    }
}
