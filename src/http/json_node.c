/* json_node - what a node is, knows and has done; see json.h. */
#include "http/json.h"

#include <stdlib.h>

#include "base/endpoint.h"
#include "base/types.h"
#include "core/id.h"
#include "http/libp2p.h"
#include "http/relays.h"
#include "http/regions.h"
#include "node/portmap.h"

/* A number that is 0 while nobody knows it. */
static json_t *known_size(double size)
{
    return size > 0 ? json_integer((json_int_t)(size + 0.5)) : json_null();
}

static json_t *listening(const struct kad_node *node)
{
    struct kad_endpoint endpoints[KAD_NODE_LISTEN_MAX];
    const size_t n = kad_node_listening(node, endpoints, KAD_NODE_LISTEN_MAX);
    json_t *list = json_array();

    for (size_t i = 0; i < n && i < KAD_NODE_LISTEN_MAX; i++)
        json_array_append_new(list, kad_json_endpoint(&endpoints[i]));
    return list;
}

/* What became of the wish that the router lets the world in. */
static json_t *port_mapping(const struct kad_node *node)
{
    const struct kad_mapper_status *status = kad_mapper_status(node);
    bool mapped, expires;
    json_t *object;

    if (!status)
        return json_pack("{s:s}", "state", kad_mapper_state_text(KAD_MAPPER_OFF));
    object = json_object();
    mapped = status->state == KAD_MAPPER_MAPPED;
    expires = mapped && status->expires_at != KAD_NEVER;
    json_object_set_new(object, "state", json_string(kad_mapper_state_text(status->state)));
    json_object_set_new(object, "by", mapped ? json_string(kad_portmap_how_text(status->how)) : json_null());
    json_object_set_new(object, "inside_port", json_integer(status->inside_port));
    json_object_set_new(object, "outside_address",
                        mapped ? kad_json_endpoint(&status->outside) : json_null());
    json_object_set_new(object, "expires_at", expires ? kad_json_instant(status->expires_at) : json_null());
    json_object_set_new(object, "asked", json_integer(status->n_asked));
    json_object_set_new(object, "why", *status->why ? json_string(status->why) : json_null());
    return object;
}

static json_t *identity(struct kad_node *node)
{
    const uint8_t *key = kad_engine_identity(kad_node_engine(node));

    return key ? kad_json_identity(key) : json_null();
}

static json_t *sessions(struct kad_node *node)
{
    struct kad_session_counts counts;

    if (!kad_engine_sessions(kad_node_engine(node), &counts))
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "begun", (json_int_t)counts.begun,
                     "answered", (json_int_t)counts.answered, "established", (json_int_t)counts.established,
                     "expired", (json_int_t)counts.expired, "evicted", (json_int_t)counts.evicted,
                     "cookies_sent", (json_int_t)counts.cookies_sent, "cookies_taken",
                     (json_int_t)counts.cookies_taken, "work_done", (json_int_t)counts.work_done,
                     "public_key_operations", (json_int_t)counts.public_key_operations, "memory_bytes",
                     (json_int_t)counts.memory);
}

json_t *kad_json_node(struct kad_node *node)
{
    const struct kad_node_config *config = kad_node_config_of(node);
    const kad_ms now = kad_node_now(node), started_at = kad_node_started_at(node);
    json_t *object = json_object();
    struct kad_info info;

    kad_engine_info(kad_node_engine(node), &info);
    json_object_set_new(object, "node_id", kad_json_id(&info.id));
    json_object_set_new(object, "identity", identity(node));
    json_object_set_new(object, "name", json_string(config->name ? config->name : ""));
    json_object_set_new(object, "version", json_string(KAD_VERSION));
    json_object_set_new(object, "network", json_string(kad_network_name(config->network)));
    json_object_set_new(object, "uptime", json_integer((now - started_at) / KAD_SECOND));
    json_object_set_new(object, "started_at", kad_json_instant(started_at));
    json_object_set_new(object, "peer_count",
                        json_integer((json_int_t)info.n_contacts[0] + (json_int_t)info.n_contacts[1]));
    json_object_set_new(object, "ready", json_boolean(info.ready));
    json_object_set_new(object, "state",
                        json_string(config->disabled ? "disabled" : kad_standing_text(info.standing)));
    json_object_set_new(object, "read_only", json_boolean(info.read_only));
    json_object_set_new(object, "listening", listening(node));
    json_object_set_new(object, "outside_address", kad_json_endpoint(&info.address));
    json_object_set_new(object, "port_mapping", port_mapping(node));
    json_object_set_new(object, "relay", kad_json_relay(node));
    json_object_set_new(object, "contacts",
                        json_pack("{s:I, s:I}", "ipv4", (json_int_t)info.n_contacts[0], "ipv6",
                                  (json_int_t)info.n_contacts[1]));
    json_object_set_new(
        object, "buckets",
        json_pack("{s:i, s:i}", "ipv4", (int)info.n_buckets[0], "ipv6", (int)info.n_buckets[1]));
    json_object_set_new(object, "network_size",
                        json_pack("{s:o, s:o}", "ipv4", known_size(info.network_size[0]), "ipv6",
                                  known_size(info.network_size[1])));
    json_object_set_new(object, "requests", json_integer(info.n_requests));
    json_object_set_new(object, "queries", json_integer(info.n_queries));
    json_object_set_new(object, "publications", json_integer(info.n_publications));
    json_object_set_new(object, "patience_ms", json_integer(info.patience_ms));
    json_object_set_new(object, "rtt_ms", info.rtt_ms < 0 ? json_null() : json_integer(info.rtt_ms));
    json_object_set_new(object, "store",
                        json_pack("{s:s, s:I, s:I, s:I, s:I}", "kind",
                                  config->store == KAD_STORE_LMDB ? "lmdb" : "mem", "records",
                                  (json_int_t)info.n_records, "record_bytes", (json_int_t)info.record_bytes,
                                  "keys", (json_int_t)info.n_keys, "peers", (json_int_t)info.n_peers));
    json_object_set_new(object, "active_peers", json_integer(info.n_peers_active));
    json_object_set_new(object, "load_percent", json_integer(info.load_percent));
    json_object_set_new(object, "deaths_per_1000_h", json_integer(info.deaths_per_1000_h));
    json_object_set_new(object, "ping_after_ms", json_integer(info.ping_after_ms));
    json_object_set_new(object, "refresh_after_ms", json_integer(info.refresh_after_ms));
    json_object_set_new(object, "regions", kad_json_regions(node));
    json_object_set_new(object, "memory_bytes", json_integer((json_int_t)info.memory));
    json_object_set_new(object, "data_dir", config->data_dir ? json_string(config->data_dir) : json_null());
    kad_libp2p_self(node, object);
    return object;
}

static json_t *by_method(const uint64_t counts[KAD_METHODS])
{
    json_t *object = json_object();

    for (unsigned i = 0; i < KAD_METHODS; i++)
        json_object_set_new(object, kad_method_text(i), json_integer((json_int_t)counts[i]));
    return object;
}

static uint64_t sum(const uint64_t *counts, size_t n)
{
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += counts[i];
    return total;
}

static json_t *dropped(const struct kad_counters *counters)
{
    json_t *object = json_object();

    for (unsigned i = KAD_DROP_NONE + 1; i < KAD_N_DROPS; i++)
        json_object_set_new(object, kad_drop_text((enum kad_drop)i),
                            json_integer((json_int_t)counters->received[i]));
    return object;
}

static json_t *refused(const struct kad_counters *counters)
{
    json_t *object = json_object();

    for (unsigned i = KAD_REFUSAL_NONE + 1; i < KAD_N_REFUSALS; i++)
        json_object_set_new(object, kad_refusal_text((enum kad_refusal)i),
                            json_integer((json_int_t)counters->refused[i]));
    return object;
}

static json_t *finished(const struct kad_counters *counters)
{
    json_t *object = json_object();

    for (unsigned i = KAD_REASON_CONVERGED; i <= KAD_REASON_CANCELLED; i++)
        json_object_set_new(object, kad_reason_text((enum kad_reason)i),
                            json_integer((json_int_t)counters->requests_done[i]));
    return object;
}

json_t *kad_json_stats(struct kad_node *node)
{
    const struct kad_counters *counters = kad_engine_counters(kad_node_engine(node));
    json_t *object = json_object();
    struct kad_info info;

    kad_engine_info(kad_node_engine(node), &info);
#define COUNT(name, value) json_object_set_new(object, name, json_integer((json_int_t)(value)))
    /* These six are KayakNet's, whose readers expect all of them; there are no circuits here. */
    COUNT("messages_sent", counters->datagrams_out);
    COUNT("messages_received", sum(counters->received, KAD_N_DROPS));
    COUNT("bytes_sent", counters->bytes_out);
    COUNT("bytes_received", counters->bytes_in);
    COUNT("circuits_created", 0);
    COUNT("dht_records", info.n_records);

    COUNT("accepted", counters->received[KAD_DROP_NONE]);
    json_object_set_new(object, "dropped", dropped(counters));
    json_object_set_new(object, "unsent",
                        json_pack("{s:I, s:I, s:I, s:I}", "budget",
                                  (json_int_t)counters->unsent[KAD_UNSENT_BUDGET], "room",
                                  (json_int_t)counters->unsent[KAD_UNSENT_ROOM], "size",
                                  (json_int_t)counters->unsent[KAD_UNSENT_SIZE], "session",
                                  (json_int_t)counters->unsent[KAD_UNSENT_SESSION]));
    json_object_set_new(object, "queries_in", by_method(counters->queries_in));
    json_object_set_new(object, "queries_out", by_method(counters->queries_out));
    COUNT("answers_in", counters->answers_in);
    COUNT("errors_in", counters->errors_in);
    COUNT("timeouts", counters->timeouts);
    json_object_set_new(object, "refused", refused(counters));
    COUNT("requests", counters->requests);
    json_object_set_new(object, "requests_done", finished(counters));
    COUNT("table_added", counters->table_added);
    COUNT("table_removed", counters->table_removed);
    COUNT("table_limited", counters->table_limited);
    COUNT("table_unwelcome", counters->table_unwelcome);
    COUNT("stored", counters->stored);
    COUNT("announced", counters->announced);
    COUNT("published", counters->published);
    COUNT("refreshes", counters->refreshes);
    COUNT("own_delayed", counters->own_delayed);
    COUNT("events_lost", counters->events_lost);
    COUNT("store_errors", counters->store_errors);
    COUNT("cover_lookups", counters->covers);
    COUNT("strangers_in", counters->strangers_in);
    json_object_set_new(object, "sessions", sessions(node));
#undef COUNT
    return object;
}

/* All rows of one family, which the caller frees; NULL: none, or no memory. */
static struct kad_table_row *rows_of(struct kad_node *node, enum kad_family family, size_t *out_n)
{
    const struct kad_engine *engine = kad_node_engine(node);
    const size_t n = kad_engine_table(engine, family, NULL, 0);
    struct kad_table_row *rows = n > 0 ? calloc(n, sizeof *rows) : NULL;

    *out_n = rows ? kad_engine_table(engine, family, rows, n) : 0;
    return rows;
}

void kad_json_place(struct kad_node *node, const struct kad_endpoint *endpoint, json_t *row)
{
    const struct kad_places *places = kad_node_config_of(node)->places;
    struct kad_place place = {0};

    if (places && endpoint->family != KAD_FAMILY_NONE)
        places->place_of(places->context, endpoint, &place);
    json_object_set_new(row, "country",
                        place.country[0] ? json_stringn(place.country, sizeof place.country) : json_null());
    json_object_set_new(row, "as", place.as_number ? json_integer(place.as_number) : json_null());
}

typedef json_t *row_to_json(const struct kad_engine *engine, const struct kad_table_row *row,
                            const struct kad_id *own, kad_ms now);

static json_t *table_row(const struct kad_engine *engine, const struct kad_table_row *row,
                         const struct kad_id *own, kad_ms now)
{
    enum kad_peer_state state;
    const unsigned score = kad_engine_score(engine, &row->contact, now, &state);

    return json_pack(
        "{s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:I, s:i, s:b, s:b, s:i, s:s}", "family",
        row->contact.endpoint.family == KAD_IPV4 ? "ipv4" : "ipv6", "bucket", (int)row->bucket, "prefix",
        (int)kad_id_prefix(&row->contact.id, own), "id", kad_json_id(&row->contact.id), "identity",
        kad_json_identity(row->public_key), "address", kad_json_endpoint(&row->contact.endpoint), "rtt_ms",
        row->rtt_ms < 0 ? json_null() : json_integer(row->rtt_ms), "heard_at",
        kad_json_instant(row->heard_at), "heard_ms_ago", (json_int_t)kad_ms_max(0, now - row->heard_at),
        "failures", (int)row->failures, "replacement", row->replacement ? 1 : 0, "id_fits",
        row->id_fits ? 1 : 0, "score", (int)score, "state", kad_peer_state_text(state));
}

/* KayakNet's shape. Mainline nodes have no names and no connections: connected_at is when the node was last heard. */
static json_t *peer_row(const struct kad_engine *engine, const struct kad_table_row *row,
                        const struct kad_id *own, kad_ms now)
{
    enum kad_peer_state state;
    unsigned score;

    (void)own;
    if (row->replacement)
        return NULL;
    score = kad_engine_score(engine, &row->contact, now, &state);
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:i, s:s}", "id", kad_json_id(&row->contact.id), "name", "",
                     "address", kad_json_endpoint(&row->contact.endpoint), "latency_ms",
                     row->rtt_ms < 0 ? json_null() : json_integer(row->rtt_ms), "connected_at",
                     kad_json_instant(row->heard_at), "score", (int)score, "state",
                     kad_peer_state_text(state));
}

static json_t *rows(struct kad_node *node, row_to_json *convert)
{
    static const enum kad_family families[] = {KAD_IPV4, KAD_IPV6};
    const kad_ms now = kad_node_now(node);
    json_t *list = json_array();
    struct kad_info info;

    kad_engine_info(kad_node_engine(node), &info);
    for (size_t i = 0; i < KAD_COUNT_OF(families); i++) {
        size_t n;
        struct kad_table_row *all = rows_of(node, families[i], &n);

        for (size_t j = 0; j < n; j++) {
            json_t *row = convert(kad_node_engine(node), &all[j], &info.id, now);

            if (row) {
                kad_json_place(node, &all[j].contact.endpoint, row);
                kad_libp2p_who(node, &all[j].contact.id, row);
                json_array_append_new(list, row);
            }
        }
        free(all);
    }
    return list;
}

json_t *kad_json_table(struct kad_node *node)
{
    struct kad_info info;

    kad_engine_info(kad_node_engine(node), &info);
    return json_pack("{s:o, s:i, s:o}", "node_id", kad_json_id(&info.id), "k",
                     (int)kad_node_config_of(node)->settings.k, "rows", rows(node, table_row));
}

json_t *kad_json_peers(struct kad_node *node)
{
    return json_pack("{s:o}", "peers", rows(node, peer_row));
}
