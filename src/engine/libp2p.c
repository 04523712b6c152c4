/*
 * libp2p - the networks of libp2p's Kademlia (docs/libp2p.md): the one of T024, and IPFS's. They differ in the protocol their streams
 * speak (the swarm's business), in how long things live, and in how many are asked at once.
 */
#include "engine/network.h"

#include <string.h>

#include "crypto/peer_id.h"
#include "wire/libp2p/codec.h"
#include "wire/libp2p/message.h"
#include "wire/libp2p/records.h"

static size_t identity_of(const uint8_t public_key[32], uint8_t *out_identity)
{
    uint8_t key[KAD_PEER_KEY_OWN];
    size_t n = 0;

    kad_peer_key_ed25519(public_key, key);
    if (kad_peer_id_of_key((struct kad_bytes){key, sizeof(key)}, out_identity, &n) < 0)
        n = 0; /* an Ed25519 key always has one */
    return n;
}

static void id_of_key(const uint8_t public_key[32], struct kad_id *out_id)
{
    uint8_t peer[KAD_PEER_ID_MAX];
    const size_t n = identity_of(public_key, peer);

    kad_peer_id_place((struct kad_bytes){peer, n}, out_id);
}

static void key_of(struct kad_bytes identity, uint8_t out_public_key[32])
{
    enum kad_peer_key_kind kind;
    struct kad_bytes key, data;

    memset(out_public_key, 0, 32);
    if (kad_peer_id_key(identity, &key) && kad_peer_key_parse(key, &kind, &data) == 0 &&
        kind == KAD_PEER_ED25519)
        memcpy(out_public_key, data.data, 32);
}

/* Providers speak for themselves only. */
static bool may_put(const struct kad_record *record, const struct kad_id *sender)
{
    return record->type != KAD_CLASS_PROVIDER ||
           memcmp(record->public_key, sender->bytes, sizeof(sender->bytes)) == 0;
}

#define RULES(class_of_type)                                                                          \
    {                                                                                                 \
        .id_bits = 256, .check_record = kad_p2p_check_record, .identity_size = KAD_PEER_ID_MAX,       \
        .id_of = kad_p2p_id_of, .id_of_key = id_of_key, .key_of = key_of, .identity_of = identity_of, \
        .no_tokens = true, .one_list = true, .whole_lists = true, .lives_by_settings = true,          \
        .may_put = may_put, .class_of = (class_of_type), .digest = kad_p2p_digest,                    \
        .sign_record = kad_p2p_renew,                                                                 \
    }

/* T024: k 20, alpha 3, refresh every 5 minutes, 10 seconds for a query, be it one message or a
 * whole lookup. IPFS: alpha 10, refresh every 10 minutes (libp2p/specs, kad-dht;
 * ipfs/specs). Nothing is stored again by holders there, and nothing is signed. In T024's network who is gone is out of the table
 * by the time its buckets are refreshed: a ping over a connection that stands costs little.
 *
 * Who is dead costs a dial's whole patience, so nobody waits for it: the end of a lookup asks twenty at a time, each has a second before
 * its place goes to another, and providing is done when 15 of the nearest have taken it, as IPFS's optimistic provide has it. The
 * others get it all the same (sim/scenarios/libp2p-*.scn has what that brings). */
#define SETTINGS(alpha_, refresh_, again_, ping_, pace_, request_, life_)                                    \
    {                                                                                                        \
        .k = 20, .alpha = (alpha_), .alpha_end = 20, .lookup_retries = 0, .lookup_spare = 8, .replicas = 20, \
        .put_enough = 15, .lookup_beyond = 2, .lookup_widen = 20, .paths = 4, .per_introducer = 8,           \
        .region_k = 0, .spread_gets = true, .path_keep_going = true, .quorum = 0,                            \
        .query_timeout_ms = 10 * KAD_SECOND, .patience_min_ms = 100, .patience_max_ms = 1000,                \
        .request_timeout_ms = (request_), .max_requests = 256, .max_queries = 1024, .narrow_per_lookup = 6,  \
        .table_wide = 64, .table_cache = 8, .max_failures = 2, .narrow_per_bucket = 3,                       \
        .narrow_per_table = 6, .wide_per_bucket = 8, .wide_per_table = 32, .ping_after_ms = (ping_),         \
        .refresh_after_ms = (refresh_), .refresh_pace_ms = (pace_), .verify_per_s = 25, .min_contacts = 5,   \
        .dead_percent = 0, .ping_min_ms = 2 * KAD_MINUTE, .ping_max_ms = KAD_HOUR, .peer_ttl_ms = (life_),   \
        .record_ttl_ms = KAD_P2P_VALUE_LIFE, .announce_again_ms = 15 * KAD_MINUTE, .put_again_ms = (again_), \
        .restore_ms = 0, .cache_ms = 0, .result_ms = 0, .closest_ms = KAD_MINUTE, .max_publications = 65536, \
        .sample_interval_ms = 10 * KAD_MINUTE, .limit_addresses = 4096, .address_per_s = 500,                \
        .address_burst = 2000, .group_per_s = 4000, .group_burst = 16000, .strikes = 10,                     \
        .gray_ms = 5 * KAD_MINUTE, .unproven_gain = 0, .unproven_grant = 0, .score_peers = 1024,             \
        .score_half_life_ms = 6 * KAD_HOUR, .reserved_bootstraps = 3, .ban_ms = KAD_HOUR,                    \
        .max_sessions = 64, .max_handshakes = 64, .handshake_ms = 4 * KAD_SECOND,                            \
        .rekey_after_ms = KAD_HOUR, .as_per_bucket = 8, .as_per_table = 64, .peer_keep_ms = 5 * KAD_MINUTE,  \
        .address_quorum = 4, .reply_peers = 50,                                                              \
    }

static const struct kad_network icn = {
    .name = "libp2p",
    .codec = &kad_libp2p_codec,
    .rules = RULES(kad_p2p_class_of_icn),
    .settings = SETTINGS(3, 5 * KAD_MINUTE, 5 * KAD_HOUR, 3 * KAD_MINUTE, 2 * KAD_SECOND, 10 * KAD_SECOND,
                         12 * KAD_HOUR),
    .carrier = KAD_CARRIER_HOST,
    .stream_protocol = "/icn/kad/1.0.0",
    .port = 9000,
    .datagram_max = KAD_P2P_ANSWER_MAX,
};

static const struct kad_network ipfs = {
    .name = "libp2p-ipfs",
    .codec = &kad_libp2p_codec,
    .rules = RULES(kad_p2p_class_of_ipfs),
    .settings = SETTINGS(10, 10 * KAD_MINUTE, 22 * KAD_HOUR, 15 * KAD_MINUTE, 10 * KAD_SECOND,
                         30 * KAD_SECOND, 48 * KAD_HOUR),
    .carrier = KAD_CARRIER_HOST,
    .stream_protocol = "/ipfs/kad/1.0.0",
    .port = 4001,
    .datagram_max = KAD_P2P_ANSWER_MAX,
};

const struct kad_network *kad_network_libp2p_icn(void)
{
    return &icn;
}

const struct kad_network *kad_network_libp2p_ipfs(void)
{
    return &ipfs;
}
