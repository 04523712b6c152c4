/* mainline - BitTorrent's DHT: the descriptor (BEP 5, 32, 33, 42, 43, 44, 51). */
#include "engine/network.h"

#include "wire/krpc/krpc.h"
#include "wire/krpc/record.h"

static const struct kad_network mainline = {
    .name = "mainline",
    .codec = &kad_krpc,
    .port = 6881,
    .rules =
        {
            .id_bits = 160,
            .check_record = kad_krpc_check_record,
            .id_allowed = kad_krpc_id_allowed,
            .make_id = kad_krpc_make_id,
        },
    .settings =
        {
            .k = 8,
            .alpha = 3,
            .alpha_end = 8,
            .lookup_retries = 1,
            .lookup_spare = 6,
            .lookup_beyond = 2,
            .lookup_widen = 8,
            .path_keep_going = true,
            .replicas = 8,
            .quorum = 0,
            .query_timeout_ms = 4 * KAD_SECOND,
            .patience_min_ms = 40,
            .patience_max_ms = 1500,
            .request_timeout_ms = 30 * KAD_SECOND,
            .max_requests = 256,
            .max_queries = 1024,
            .narrow_per_lookup = 3,
            .table_wide = 128,
            .table_cache = 8,
            .max_failures = 3,
            .narrow_per_bucket = 1,
            .narrow_per_table = 4,
            .wide_per_bucket = 8,
            .wide_per_table = 32,
            .as_per_bucket = 4,
            .as_per_table = 64,
            .ping_after_ms = 15 * KAD_MINUTE,
            .refresh_after_ms = 15 * KAD_MINUTE,
            .refresh_pace_ms = 10 * KAD_SECOND,
            .verify_per_s = 25,
            .min_contacts = 8,
            .dead_percent = 5,
            .ping_min_ms = 2 * KAD_MINUTE,
            .ping_max_ms = KAD_HOUR,
            .peer_ttl_ms = 45 * KAD_MINUTE,
            .record_ttl_ms = 2 * KAD_HOUR,
            .announce_again_ms = 15 * KAD_MINUTE,
            .put_again_ms = KAD_HOUR,
            .closest_ms = KAD_MINUTE,
            .max_publications = 4096,
            .sample_interval_ms = 10 * KAD_MINUTE,
            .limit_addresses = 4096,
            .address_per_s = 50,
            .address_burst = 200,
            .group_per_s = 400,
            .group_burst = 1600,
            .strikes = 10,
            .gray_ms = 5 * KAD_MINUTE,
            .unproven_gain = 3,
            .unproven_grant = 4096,
            .score_half_life_ms = 6 * KAD_HOUR,
            .ban_ms = KAD_HOUR,
            .follow_address = true,
            .address_quorum = 4,
            .reply_peers = 50,
            .max_sessions = 4096, /* and the next: for networks that have sessions */
            .max_handshakes = 256,
            .handshake_ms = 4 * KAD_SECOND,
            .rekey_after_ms = KAD_HOUR,
            .cookie_per_s = 200,
            .work_per_s = 1000,
            .work_bits_max = 18,
            .open_door = true,
            .version = "KD\x00\x01",
        },
};

const struct kad_network *kad_network_mainline(void)
{
    return &mainline;
}
