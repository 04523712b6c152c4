/* routes - see routes.h. */
#include "http/routes.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/types.h"
#include "http/block_moves.h"
#include "http/evidence.h"
#include "http/join.h"
#include "http/json.h"
#include "http/libp2p.h"
#include "http/metrics.h"
#include "http/named.h"
#include "http/news.h"
#include "http/peers.h"
#include "http/record.h"
#include "http/relays.h"
#include "http/routing.h"
#include "http/settings.h"
#include "http/survey.h"
#include "http/target.h"
#include "http/web.h"
#include "kad/identity.h"
#include "wire/krpc/bencode.h"

/* -- parameters of requests: the names in docs/api.md ------------------------------------------------------------ */

static bool read_salt(struct kad_params *params, struct kad_bytes *out_salt)
{
    if (!kad_params_text(params, "salt", out_salt) &&
        !kad_params_hex(params, "salt_hex", 0, KAD_RECORD_SALT_MAX, out_salt))
        return false;
    if (out_salt->size > KAD_RECORD_SALT_MAX)
        kad_params_wrong(params, "salt", "longer than 64 bytes");
    return true;
}

/* Where nodes are somebody: id1..., a node id, or what a name's key is. */
static bool read_place(struct kad_params *params, const char *name, const char *text,
                       struct kad_request *request)
{
    uint8_t key[KAD_IDENTITY_SIZE];
    struct kad_secure_name named;

    if (kad_identity_parse(text, key) == KAD_OK)
        request->target = kad_identity_id(key);
    else if (strlen(text) == 2 * sizeof request->target.bytes &&
             kad_unhex(text, request->target.bytes, sizeof request->target.bytes) == KAD_OK)
        return true;
    else if (kad_secure_parse(text, NULL, 0, &named) == KAD_OK)
        kad_secure_key(&named, &request->target);
    else
        kad_params_wrong(params, name, "id1..., 64 hexadecimal digits or class:name are wanted");
    return params->why[0] == 0;
}

static bool read_target(struct kad_params *params, const char *name, struct kad_bytes salt,
                        struct kad_request *request)
{
    struct kad_bytes text;
    struct kad_target key;

    if (!kad_params_text(params, name, &text)) {
        kad_params_wrong(params, name, "wanted, and not given");
        return false;
    }
    if (kad_named_wanted(params))
        return read_place(params, name, (const char *)text.data, request);
    if (text.size != strlen((const char *)text.data) ||
        kad_target_parse((const char *)text.data, &key) != KAD_OK) {
        kad_params_wrong(params, name, "40 hexadecimal digits or a magnet link are wanted");
        return false;
    }
    request->target = kad_target_id(&key, salt);
    if (key.is_public && salt.size == 0 &&
        key.salt_size > 0) { /* the link's own salt has to outlive this function */
        uint8_t *at = params->bytes + params->n_bytes;

        if (sizeof params->bytes - params->n_bytes >= key.salt_size) {
            memcpy(at, key.salt, key.salt_size);
            params->n_bytes += key.salt_size;
            request->record.salt = (struct kad_bytes){at, key.salt_size};
        }
    }
    return true;
}

static void read_common(struct kad_params *params, struct kad_request *request)
{
    int64_t timeout_ms;

    kad_params_flag(params, "trace", &request->trace);
    if (kad_params_number(params, "timeout_ms", 1, KAD_HOUR, &timeout_ms))
        request->timeout_ms = timeout_ms;
}

static void read_ping(struct kad_params *params, struct kad_request *request)
{
    read_common(params, request);
    if (kad_libp2p_wanted(params)) {
        kad_libp2p_read(params, request);
        return;
    }
    if (!kad_params_endpoint(params, "address", &request->endpoint))
        kad_params_wrong(params, "address", "wanted, and not given");
}

/* Whoever was somebody else before is looked for as what he is now, unless the host wants to see for itself. */
static void read_follow(struct kad_params *params)
{
    bool follow = true;

    if (kad_named_wanted(params) && kad_params_flag(params, "follow", &follow))
        params->stays = !follow;
}

static void read_find(struct kad_params *params, struct kad_request *request)
{
    read_common(params, request);
    if (kad_libp2p_wanted(params)) {
        kad_libp2p_read(params, request);
        return;
    }
    read_follow(params);
    read_target(params, "id", (struct kad_bytes){0}, request);
}

static void read_closest(struct kad_params *params, struct kad_request *request)
{
    read_common(params, request);
    if (kad_libp2p_wanted(params)) {
        kad_libp2p_read(params, request);
        return;
    }
    read_target(params, "key", (struct kad_bytes){0}, request);
    kad_params_endpoint(params, "address", &request->endpoint);
}

/* Through a reader: true (one is waited for), or "now"; else as the node is set. */
static void read_unlinked(struct kad_params *params)
{
    const bool always = params->node && kad_node_config_of(params->node)->readers.use == KAD_READERS_ALWAYS;
    const char *text = json_string_value(json_object_get(params->object, "unlinked"));
    struct kad_bytes now;
    bool wanted = always;

    if (text && strcmp(text, "now") == 0)
        wanted = params->at_once = kad_params_text(params, "unlinked", &now);
    else
        kad_params_flag(params, "unlinked", &wanted);
    if (always && !wanted)
        kad_params_wrong(params, "unlinked", "unlinked_gets = always: this node makes no others");
    params->unlinked = wanted;
}

static void read_get(struct kad_params *params, struct kad_request *request)
{
    read_common(params, request);
    read_unlinked(params);
    kad_params_flag(params, "first", &request->first);
    kad_params_flag(params, "fresh", &request->fresh);
    if (kad_libp2p_wanted(params)) {
        kad_libp2p_read(params, request);
        return;
    }
    read_follow(params);
    if (kad_named_wanted(params)) {
        kad_named_get(params, request);
        return;
    }
    read_salt(params, &request->record.salt);
    read_target(params, "key", request->record.salt, request);
}

static void read_peers(struct kad_params *params, struct kad_request *request)
{
    read_common(params, request);
    if (kad_libp2p_wanted(params)) {
        kad_libp2p_read(params, request);
        return;
    }
    read_target(params, "key", (struct kad_bytes){0}, request);
    kad_params_flag(params, "first", &request->first);
    kad_params_flag(params, "scrape", &request->scrape);
}

static void read_announce(struct kad_params *params, struct kad_request *request)
{
    int64_t port;

    read_common(params, request);
    if (kad_libp2p_wanted(params)) {
        kad_libp2p_read(params, request);
        return;
    }
    read_target(params, "key", (struct kad_bytes){0}, request);
    if (kad_params_number(params, "port", 0, 65535, &port))
        request->port = (uint16_t)port;
    kad_params_flag(params, "seed", &request->seed);
    kad_params_keep(params, request);
}

static void read_sample(struct kad_params *params, struct kad_request *request)
{
    read_common(params, request);
    if (kad_libp2p_wanted(params)) {
        kad_libp2p_read(params, request);
        return;
    }
    read_target(params, "target", (struct kad_bytes){0}, request);
    kad_params_endpoint(params, "address", &request->endpoint);
}

/* `value` and `value_hex` are put as one bencoded string, `bencoded_hex` as it is. */
static void read_value(struct kad_params *params, struct kad_bytes *out_value)
{
    struct kad_bytes value, bencoded;
    const bool is_string = kad_params_large(params, "value", KAD_BLOCKS_VALUE_MAX, &value);

    if (kad_params_hex(params, "bencoded_hex", 1, KAD_RECORD_VALUE_MAX, &bencoded)) {
        if (is_string)
            kad_params_wrong(params, "bencoded_hex", "given beside another value");
        else if (!kad_bencode_canonical(bencoded))
            kad_params_wrong(params, "bencoded_hex", "not one bencoded item in its canonical form");
        *out_value = bencoded;
    } else if (is_string) {
        uint8_t *at = params->bytes + params->n_bytes;
        struct kad_bencode_writer writer = kad_bencode_writer(at, sizeof params->bytes - params->n_bytes);

        kad_bencode_put_string(&writer, value.data, value.size);
        *out_value = (struct kad_bytes){at, (size_t)(writer.at - at)};
        params->n_bytes += out_value->size;
        if (writer.full || out_value->size > KAD_RECORD_VALUE_MAX)
            kad_params_wrong(params, "value", "longer than 1000 bytes once bencoded");
    } else {
        kad_params_wrong(params, "value", "wanted, and not given");
    }
}

/* A mutable value comes signed: its secret key stays with whoever has it. */
static void read_put(struct kad_params *params, struct kad_request *request)
{
    struct kad_record *record = &request->record;
    struct kad_bytes public_key, signature;
    int64_t number;

    read_common(params, request);
    if (kad_libp2p_wanted(params)) {
        kad_libp2p_read(params, request);
        return;
    }
    if (kad_named_wanted(params)) {
        kad_named_put(params, request);
        return;
    }
    read_value(params, &record->value);
    kad_params_keep(params, request);
    record->type = KAD_RECORD_IMMUTABLE;
    if (kad_params_hex(params, "public_key", sizeof record->public_key, sizeof record->public_key,
                       &public_key)) {
        record->type = KAD_RECORD_MUTABLE;
        memcpy(record->public_key, public_key.data, public_key.size);
        read_salt(params, &record->salt);
        if (kad_params_hex(params, "signature", sizeof record->signature, sizeof record->signature,
                           &signature))
            memcpy(record->signature, signature.data, signature.size);
        else
            kad_params_wrong(params, "signature", "wanted, and not given");
        if (kad_params_number(params, "seq", 0, INT64_MAX, &number))
            record->sequence = number;
        else
            kad_params_wrong(params, "seq", "wanted, and not given");
        if (kad_params_number(params, "cas", 0, INT64_MAX, &number)) {
            request->cas = number;
            request->has_cas = true;
        }
        kad_mainline_mutable_key(record->public_key, record->salt, &record->key);
    } else {
        kad_mainline_immutable_key(record->value, &record->key);
    }
    request->target = record->key;
}

static void read_take(struct kad_params *params, struct kad_request *request)
{
    read_common(params, request);
    if (kad_libp2p_wanted(params)) {
        kad_libp2p_read(params, request);
        return;
    }
    if (kad_named_wanted(params))
        kad_named_take(params, request);
    else
        kad_params_wrong(params, "key", "this network has no mailboxes");
}

/* -- the rest ---------------------------------------------------------------------------------------------------- */

static struct kad_api_answer withdraw(const struct kad_api *api, struct kad_api_asker asker,
                                      struct kad_params *params)
{
    struct kad_request request = {.kind = KAD_REQUEST_GET};
    struct kad_bytes salt = {0};
    size_t n_blocks = 0;

    (void)asker;
    if (kad_libp2p_wanted(params)) {
        kad_libp2p_key(params, "key", &request);
    } else if (kad_named_wanted(params)) {
        kad_named_key(params, "key", &request);
        if (params->has_name)
            n_blocks = kad_block_withdraw(params->node, &params->name, NULL);
    } else {
        read_salt(params, &salt);
        read_target(params, "key", salt, &request);
    }
    if (!kad_params_finish(params))
        return (struct kad_api_answer){.status = 400, .json = kad_json_error("bad request", params->why)};
    if (!kad_node_withdraw(api->node, &request.target))
        return (struct kad_api_answer){
            .status = 404,
            .json = kad_json_error(kad_json_error_text(KAD_E_NOT_FOUND), "this node does not publish it")};
    return (struct kad_api_answer){.status = 200,
                                   .json = json_pack("{s:o, s:b, s:I}", "key", kad_json_id(&request.target),
                                                     "withdrawn", 1, "blocks", (json_int_t)n_blocks)};
}

static struct kad_api_answer bad_request(const struct kad_params *params)
{
    return (struct kad_api_answer){.status = 400, .json = kad_json_error("bad request", params->why)};
}

/* For load balancers and supervisors: 200 is a node that serves, all else has a reason. */
static struct kad_api_answer health(const struct kad_api *api, struct kad_api_asker asker,
                                    struct kad_params *params)
{
    static const char *const reasons[] = {
        [KAD_STANDING_ALONE] = "alone: no bootstrap node was given, and nobody has come",
        [KAD_STANDING_JOINING] = "joining: no node has answered yet",
        [KAD_STANDING_LOST] = "lost: nobody answers any more",
    };
    const char *status = "ok", *reason = NULL;
    struct kad_info info;

    (void)asker;
    if (!kad_params_finish(params))
        return bad_request(params);
    kad_engine_info(kad_node_engine(api->node), &info);
    if (kad_node_config_of(api->node)->disabled) {
        status = "disabled";
        reason = "disabled: dht_enabled = no";
    } else if (info.standing != KAD_STANDING_JOINED) {
        status = kad_standing_text(info.standing);
        reason = info.standing == KAD_STANDING_JOINING && info.n_contacts[0] + info.n_contacts[1] > 0
                     ? "joining: looking for its neighbours"
                     : reasons[info.standing];
    }
    return (struct kad_api_answer){.status = reason ? 503 : 200,
                                   .json = json_pack("{s:s, s:b, s:s?}", "status", status, "ready",
                                                     info.ready ? 1 : 0, "reason", reason)};
}

/* Of this daemon, whichever was asked: the first one's first. */
static json_t *networks(const struct kad_api *api)
{
    const struct kad_api *first = api->first ? api->first : api;
    json_t *names = json_array();

    json_array_append_new(names, json_string(kad_network_name(kad_node_config_of(first->node)->network)));
    for (size_t i = 0; i < first->n_others; i++)
        json_array_append_new(
            names, json_string(kad_network_name(kad_node_config_of(first->others[i].node)->network)));
    return names;
}

/* Where it keeps its things is nobody's business from afar. */
static struct kad_api_answer node(const struct kad_api *api, struct kad_api_asker asker,
                                  struct kad_params *params)
{
    json_t *object;

    if (!kad_params_finish(params))
        return bad_request(params);
    object = kad_json_node(api->node);
    if (!asker.trusted)
        json_object_set_new(object, "data_dir", json_null());
    json_object_set_new(object, "networks", networks(api));
    return (struct kad_api_answer){.status = 200, .json = object};
}

static struct kad_api_answer history(const struct kad_api *api, struct kad_api_asker asker,
                                     struct kad_params *params)
{
    struct kad_bytes step = {(const uint8_t *)"second", strlen("second")};
    bool minutes;

    (void)asker;
    kad_params_text(params, "step", &step);
    minutes = strcmp((const char *)step.data, "minute") == 0;
    if (!minutes && strcmp((const char *)step.data, "second") != 0)
        kad_params_wrong(params, "step", "second or minute is wanted");
    if (!kad_params_finish(params))
        return bad_request(params);
    if (!api->history)
        return (struct kad_api_answer){.status = 404,
                                       .json = kad_json_error("not found", "no history is kept")};
    return (struct kad_api_answer){
        .status = 200,
        .text = kad_news_history(minutes ? &api->history->minutes : &api->history->seconds,
                                 minutes ? KAD_MINUTE : KAD_SECOND, &api->told[minutes]),
        .content_type = "application/json",
    };
}

static struct kad_api_answer records(const struct kad_api *api, struct kad_api_asker asker,
                                     struct kad_params *params)
{
    (void)asker;
    if (!kad_params_finish(params))
        return bad_request(params);
    if (!api->survey)
        return (struct kad_api_answer){.status = 404,
                                       .json = kad_json_error("not found", "no survey is made")};
    return (struct kad_api_answer){.status = 200, .json = kad_survey_json(api->survey, api->node)};
}

/* What kad doctor and kad get --explain want to know beside. It names keys and bootstraps: not for strangers. */
static struct kad_api_answer evidence(const struct kad_api *api, struct kad_api_asker asker,
                                      struct kad_params *params)
{
    struct kad_request request = {.kind = KAD_REQUEST_GET};
    bool has_key = json_object_get(params->object, "key") != NULL;
    struct kad_bytes salt = {0};

    read_salt(params, &salt);
    if (has_key)
        read_target(params, "key", salt, &request);
    if (!kad_params_finish(params))
        return bad_request(params);
    if (!asker.trusted)
        return (struct kad_api_answer){.status = 403,
                                       .json = kad_json_error("forbidden", "only for who runs the node")};
    if (!api->evidence)
        return (struct kad_api_answer){.status = 404,
                                       .json = kad_json_error("not found", "no evidence is collected")};
    return (struct kad_api_answer){.status = 200,
                                   .json = has_key
                                               ? kad_evidence_of(api->evidence, api->node, &request.target)
                                               : kad_evidence_json(api->evidence, api->node)};
}

static char *metrics(const struct kad_api *api)
{
    char *text = kad_metrics_of_all(api), *both = NULL;

    if (text && api->web)
        both = kad_web_metrics(api->web, text);
    if (both)
        free(text);
    return both ? both : text;
}

#define READ        "GET, HEAD", KAD_ROUTE_READ
#define READ_POST   "GET, HEAD, POST", KAD_ROUTE_READ | KAD_ROUTE_POST
#define POST        "POST", KAD_ROUTE_POST
#define POST_DELETE "POST, DELETE", KAD_ROUTE_POST | KAD_ROUTE_DELETE
/* One path, of which each method is a request of its own. */
#define READ_PUT   "GET, HEAD, PUT", KAD_ROUTE_READ
#define PUT_ONLY   "GET, HEAD, PUT", KAD_ROUTE_PUT
#define PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"

static const struct kad_route routes[] = {
    {"/healthz", READ, .act = health},
    {"/metrics", READ, .text = metrics, .content_type = PROMETHEUS},
    {"/api/node", READ, .act = node},
    {"/api/network/info", READ, .act = node},
    {"/api/network/peers", READ, .look = kad_json_known_peers},
    {"/api/network/relays", READ, .act = kad_relays_route},
    {"/api/network/ban", POST, .act = kad_peers_ban_route},
    {"/api/network/pardon", POST, .act = kad_peers_pardon_route},
    {"/api/network/stats", READ, .look = kad_json_stats},
    {"/api/network/table", READ, .look = kad_json_table},
    {"/api/network/history", READ, .act = history},
    {"/api/network/records", READ, .act = records},
    {"/api/dht/ping", READ_POST, .read = read_ping, .kind = KAD_REQUEST_PING},
    {"/api/dht/find", READ_POST, .read = read_find, .kind = KAD_REQUEST_FIND},
    {"/api/dht/closest", READ_POST, .read = read_closest, .kind = KAD_REQUEST_CLOSEST},
    {"/api/dht/get", READ_POST, .read = read_get, .kind = KAD_REQUEST_GET},
    {"/api/dht/take", POST, .read = read_take, .kind = KAD_REQUEST_TAKE},
    {"/api/dht/peers", READ_POST, .read = read_peers, .kind = KAD_REQUEST_PEERS},
    {"/api/dht/sample", READ_POST, .read = read_sample, .kind = KAD_REQUEST_SAMPLE},
    {"/api/dht/put", POST, .read = read_put, .kind = KAD_REQUEST_PUT},
    {"/api/dht/announce", POST, .read = read_announce, .kind = KAD_REQUEST_ANNOUNCE},
    {"/api/dht/withdraw", POST_DELETE, .act = withdraw},
    {"/api/dht/provide", POST, .of_many = true, .kind = KAD_REQUEST_PUT},
    {"/api/dht/providers", POST, .of_many = true, .kind = KAD_REQUEST_GET},
    {"/api/network/join", POST, .act = kad_join_route},
    {"/routing/v1/providers/", READ, .tail = "cid", .read = kad_routing_read_providers,
     .kind = KAD_REQUEST_GET, .shape = kad_routing_providers},
    {"/routing/v1/peers/", READ, .tail = "peer", .read = kad_routing_read_peer, .kind = KAD_REQUEST_FIND,
     .shape = kad_routing_peer},
    {"/routing/v1/dht/closest/peers/", READ, .tail = "key", .read = kad_routing_read_closest,
     .kind = KAD_REQUEST_CLOSEST, .shape = kad_routing_closest},
    {"/routing/v1/ipns/", READ_PUT, .tail = "name", .read = kad_routing_read_name, .kind = KAD_REQUEST_GET,
     .shape = kad_routing_record},
    {"/routing/v1/ipns/", PUT_ONLY, .tail = "name", .read = kad_routing_read_record, .kind = KAD_REQUEST_PUT,
     .shape = kad_routing_stored},
    {"/api/settings", "GET, HEAD, PATCH", KAD_ROUTE_READ | KAD_ROUTE_PATCH, .act = kad_settings_route},
    {"/api/evidence", READ, .act = evidence},
    {"/api/record", READ, .act = kad_record_look},
    {"/api/record/start", POST, .act = kad_record_start},
    {"/api/record/stop", POST, .act = kad_record_stop},
};

const struct kad_route *kad_routes(size_t *out_n)
{
    *out_n = KAD_COUNT_OF(routes);
    return routes;
}

/* "/x/" with a word of its own behind it. */
static bool has_tail(const struct kad_route *route, const char *path)
{
    const size_t n = strlen(route->path);

    return route->tail && strncmp(path, route->path, n) == 0 && path[n] && !strchr(path + n, '/');
}

const char *kad_route_tail(const struct kad_route *route, const char *path)
{
    return path + strlen(route->path);
}

const struct kad_route *kad_route_find(const char *path)
{
    return kad_route_for("", path);
}

const struct kad_route *kad_route_for(const char *method, const char *path)
{
    const struct kad_route *found = NULL;

    for (size_t i = 0; i < KAD_COUNT_OF(routes); i++) {
        if (strcmp(routes[i].path, path) != 0 && !has_tail(&routes[i], path))
            continue;
        if (kad_route_allows(&routes[i], method))
            return &routes[i];
        if (!found)
            found = &routes[i];
    }
    return found;
}

bool kad_route_allows(const struct kad_route *route, const char *method)
{
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return (route->methods & KAD_ROUTE_READ) != 0;
    if (strcmp(method, "POST") == 0)
        return (route->methods & KAD_ROUTE_POST) != 0;
    if (strcmp(method, "PATCH") == 0)
        return (route->methods & KAD_ROUTE_PATCH) != 0;
    if (strcmp(method, "DELETE") == 0)
        return (route->methods & KAD_ROUTE_DELETE) != 0;
    if (strcmp(method, "PUT") == 0)
        return (route->methods & KAD_ROUTE_PUT) != 0;
    return false;
}
