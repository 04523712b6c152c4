/*
 * kad - kad's own network: the descriptor (docs/protocol.md), and its doubles for tests.
 *
 * The same over WebSockets (docs/kad-ws.md) differs in who proves the identities: the host, at each connection's beginning.
 *
 * The doubles have the same messages, lengths, records and rules. What they lack is what only costs: identities need no puzzle,
 * and in simulations of many nodes the cipher of sessions is a toy.
 */
#include "engine/network.h"

#include "crypto/identity.h"
#include "crypto/suite.h"
#include "wire/kad/kad.h"
#include "wire/kad/record.h"

static bool id_of(struct kad_bytes identity, unsigned bits, struct kad_id *out_id)
{
    if (identity.size != KAD_IDENTITY_SIZE)
        return false;
    *out_id = kad_identity_id(identity.data);
    return !bits || kad_identity_bits(identity.data) >= bits;
}

static bool id_with_puzzle(struct kad_bytes identity, struct kad_id *out_id)
{
    return id_of(identity, KAD_PUZZLE_BITS, out_id);
}

static bool id_without_puzzle(struct kad_bytes identity, struct kad_id *out_id)
{
    return id_of(identity, 0, out_id);
}

/* k, alpha and times are the paper's where it names any (Maymounkov and Mazieres 2002: k 20, alpha 3, an hour). */
#define SETTINGS                                                                                             \
    {                                                                                                        \
        .k = 20, .alpha = 3, .alpha_end = 8, .lookup_retries = 1, .lookup_spare = 8, .replicas = 20,         \
        .lookup_beyond = 2, .lookup_widen = 20, .paths = 8, .per_introducer = 4, .region_k = 20,             \
        .spread_gets = true, .path_keep_going = true, .quorum = 0, .query_timeout_ms = 4 * KAD_SECOND,       \
        .patience_min_ms = 40, .patience_max_ms = 1500, .request_timeout_ms = 30 * KAD_SECOND,               \
        .max_requests = 256, .max_queries = 1024, .narrow_per_lookup = 3, .table_wide = 128,                 \
        .near_percent = 50, .near_pings = 6, .table_cache = 8, .max_failures = 3, .narrow_per_bucket = 1,    \
        .narrow_per_table = 4, .wide_per_bucket = 8, .wide_per_table = 32, .as_per_bucket = 8,               \
        .as_per_table = 64, .ping_after_ms = 15 * KAD_MINUTE, .refresh_after_ms = 15 * KAD_MINUTE,           \
        .refresh_pace_ms = 10 * KAD_SECOND, .verify_per_s = 25, .min_contacts = 5, .dead_percent = 5,        \
        .ping_min_ms = 2 * KAD_MINUTE, .ping_max_ms = KAD_HOUR, .peer_ttl_ms = 45 * KAD_MINUTE,              \
        .record_ttl_ms = 365 * 24 * KAD_HOUR, .announce_again_ms = 15 * KAD_MINUTE,                          \
        .put_again_ms = 24 * KAD_HOUR, .restore_ms = KAD_HOUR, .cache_ms = 10 * KAD_MINUTE,                  \
        .result_ms = KAD_MINUTE, .closest_ms = KAD_MINUTE, .max_publications = 4096,                         \
        .sample_interval_ms = 10 * KAD_MINUTE, .limit_addresses = 4096, .address_per_s = 50,                 \
        .address_burst = 200, .group_per_s = 400, .group_burst = 1600, .strikes = 10,                        \
        .gray_ms = 5 * KAD_MINUTE, .unproven_gain = 1, .unproven_grant = 4096, .score_peers = 1024,          \
        .score_half_life_ms = 6 * KAD_HOUR, .reserved_bootstraps = 3, .max_peers = 50,                       \
        .peer_keep_ms = 5 * KAD_MINUTE, .ban_ms = KAD_HOUR, .max_sessions = 4096, .max_handshakes = 256,     \
        .handshake_ms = 4 * KAD_SECOND, .rekey_after_ms = KAD_HOUR, .cookie_per_s = 200, .work_per_s = 1000, \
        .work_bits_max = 18, .open_door = true, .follow_address = false, .address_quorum = 4,                \
        .reply_peers = 50,                                                                                   \
    }

#define RULES(id_of_identity, may_move)                                                                      \
    {                                                                                                        \
        .id_bits = 256, .check_record = kad_wire_check_record, .identity_size = KAD_IDENTITY_SIZE,           \
        .id_of = (id_of_identity), .class_of = kad_wire_class_of, .is_for = kad_wire_is_for,                 \
        .digest = kad_wire_digest, .sign_record = kad_wire_sign_record, .sign_attest = kad_wire_sign_attest, \
        .check_attest = kad_wire_check_attest, .moves = (may_move),                                          \
    }

#define WEBSOCKET_MAX (16 * 1024) /* a stream has no packets: all that a message can hold */

static const struct kad_network kad = {
    .name = "kad",
    .codec = &kad_wire,
    .rules = RULES(id_with_puzzle, true),
    .settings = SETTINGS,
    .carrier = KAD_CARRIER_SESSIONS,
    .port = 4242,
    .puzzle_bits = KAD_PUZZLE_BITS,
    .suite = &kad_suite_real,
    .realm = "kad/1",
};

static const struct kad_network kad_easy = {
    .name = "kad-easy",
    .codec = &kad_wire,
    .rules = RULES(id_without_puzzle, true),
    .settings = SETTINGS,
    .carrier = KAD_CARRIER_SESSIONS,
    .port = 4242,
    .suite = &kad_suite_real,
    .realm = "kad-easy/1",
};

static const struct kad_network kad_toy = {
    .name = "kad-toy",
    .codec = &kad_wire,
    .rules = RULES(id_without_puzzle, true),
    .settings = SETTINGS,
    .carrier = KAD_CARRIER_SESSIONS,
    .port = 4242,
    .suite = &kad_suite_toy,
    .realm = "kad-toy/1",
};

static const struct kad_network kad_ws = {
    .name = "kad-ws",
    .codec = &kad_wire,
    .rules = RULES(id_with_puzzle, false),
    .settings = SETTINGS,
    .carrier = KAD_CARRIER_HOST,
    .port = 4280,
    .datagram_max = WEBSOCKET_MAX,
    .puzzle_bits = KAD_PUZZLE_BITS,
};

static const struct kad_network kad_ws_easy = {
    .name = "kad-ws-easy",
    .codec = &kad_wire,
    .rules = RULES(id_without_puzzle, false),
    .settings = SETTINGS,
    .carrier = KAD_CARRIER_HOST,
    .port = 4280,
    .datagram_max = WEBSOCKET_MAX,
};

const struct kad_network *kad_network_kad(void)
{
    return &kad;
}

const struct kad_network *kad_network_kad_easy(void)
{
    return &kad_easy;
}

const struct kad_network *kad_network_kad_toy(void)
{
    return &kad_toy;
}

const struct kad_network *kad_network_kad_ws(void)
{
    return &kad_ws;
}

const struct kad_network *kad_network_kad_ws_easy(void)
{
    return &kad_ws_easy;
}
