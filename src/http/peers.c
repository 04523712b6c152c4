/* peers - see peers.h. */
#include "http/peers.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/types.h"
#include "http/json.h"
#include "kad/identity.h"
#include "kad/text.h"

#define BAN_DEFAULT (24 * KAD_HOUR)
#define BAN_MOST    (366 * 24 * KAD_HOUR)

/* Without its port, which a ban does not look at. */
static json_t *host_of(const struct kad_endpoint *endpoint)
{
    char text[KAD_ENDPOINT_TEXT];
    char *colon;

    if (endpoint->family == KAD_FAMILY_NONE)
        return json_null();
    kad_endpoint_format(endpoint, text);
    colon = strrchr(text, ':');
    if (colon)
        *colon = '\0';
    return json_string(text);
}

static json_t *instant_or_null(kad_ms at)
{
    return at > 0 && at < KAD_NEVER ? kad_json_instant(at) : json_null();
}

static json_t *known_row(const struct kad_peer_row *row)
{
    return json_pack(
        "{s:o, s:o, s:o, s:i, s:s, s:s, s:b, s:o, s:b, s:b, s:o, s:o, s:o, s:f, s:f, s:f, s:f}", "id",
        row->is_address ? json_null() : kad_json_id(&row->contact.id), "address",
        row->contact.endpoint.port ? kad_json_endpoint(&row->contact.endpoint) : json_null(), "host",
        host_of(&row->contact.endpoint), "score", (int)row->score, "state", kad_peer_state_text(row->state),
        "role", row->is_bootstrap ? "bootstrap" : kad_role_text(row->role), "active", row->is_active ? 1 : 0,
        "banned_until", instant_or_null(row->banned_until), "banned_for_good",
        row->banned_until == KAD_NEVER ? 1 : 0, "by_operator", row->by_operator ? 1 : 0, "since",
        instant_or_null(row->first_at), "heard_at", instant_or_null(row->heard_at), "rtt_ms",
        row->rtt_ms < 0 ? json_null() : json_integer(row->rtt_ms), "answers", row->answers / 1024.0,
        "silences", row->silences / 1024.0, "refusals", row->refusals / 1024.0, "held", row->held / 1024.0);
}

json_t *kad_json_known_peers(struct kad_node *node)
{
    const struct kad_engine *engine = kad_node_engine(node);
    const kad_ms now = kad_node_now(node);
    const size_t n = kad_engine_peers(engine, NULL, 0, now);
    struct kad_peer_row *rows = n ? calloc(n, sizeof *rows) : NULL;
    json_t *list = json_array(), *answer = kad_json_peers(node);

    if (rows)
        kad_engine_peers(engine, rows, n, now);
    for (size_t i = 0; rows && i < n; i++) {
        json_t *row = known_row(&rows[i]);

        kad_json_place(node, &rows[i].contact.endpoint, row);
        json_array_append_new(list, row);
    }
    free(rows);
    json_object_set_new(answer, "known", list);
    return answer;
}

static struct kad_api_answer failed(unsigned status, const char *error, const char *reason)
{
    return (struct kad_api_answer){.status = status, .json = kad_json_error(error, reason)};
}

struct whom {
    struct kad_id id;
    struct kad_endpoint address;
    bool has_id;
};

/* "id1...", 64 hexadecimal digits, or an address with or without a port. */
static void read_whom(struct kad_params *params, struct whom *out_whom)
{
    uint8_t key[KAD_IDENTITY_SIZE];
    struct kad_bytes text;
    const char *peer;

    *out_whom = (struct whom){0};
    if (!kad_params_text(params, "peer", &text)) {
        kad_params_wrong(params, "peer", "wanted, and not given");
        return;
    }
    peer = (const char *)text.data;
    out_whom->has_id = true;
    if (kad_identity_parse(peer, key) == KAD_OK)
        out_whom->id = kad_identity_id(key);
    else if (strlen(peer) != 2 * sizeof out_whom->id.bytes ||
             kad_unhex(peer, out_whom->id.bytes, sizeof out_whom->id.bytes) != KAD_OK)
        out_whom->has_id = false;
    if (!out_whom->has_id && kad_endpoint_parse(peer, 1, &out_whom->address) != KAD_OK)
        kad_params_wrong(params, "peer", "id1..., 64 hexadecimal digits or an address are wanted");
}

struct kad_api_answer kad_peers_ban_route(const struct kad_api *api, struct kad_api_asker asker,
                                          struct kad_params *params)
{
    int64_t for_ms = BAN_DEFAULT;
    bool for_good = false;
    struct whom whom;
    int error;

    (void)asker;
    read_whom(params, &whom);
    kad_params_number(params, "for_ms", 1, BAN_MOST, &for_ms);
    kad_params_flag(params, "for_good", &for_good);
    if (!kad_params_finish(params))
        return failed(400, "bad request", params->why);
    error = kad_node_ban(api->node, whom.has_id ? &whom.id : NULL, whom.has_id ? NULL : &whom.address,
                         for_good ? KAD_NEVER : for_ms);
    if (error == KAD_E_INVALID)
        return failed(400, "bad request",
                      "this node itself, or nobody can be banned here: the network has no identities, or "
                      "score_peers is 0");
    if (error)
        return failed(503, kad_json_error_text(error), "no room for another ban");
    return (struct kad_api_answer){
        .status = 200,
        .json = json_pack("{s:b, s:o}", "banned", 1, "until",
                          for_good ? json_null() : kad_json_instant(kad_node_now(api->node) + for_ms)),
    };
}

struct kad_api_answer kad_peers_pardon_route(const struct kad_api *api, struct kad_api_asker asker,
                                             struct kad_params *params)
{
    struct whom whom;

    (void)asker;
    read_whom(params, &whom);
    if (!kad_params_finish(params))
        return failed(400, "bad request", params->why);
    if (!kad_node_pardon(api->node, whom.has_id ? &whom.id : NULL, whom.has_id ? NULL : &whom.address))
        return failed(404, kad_json_error_text(KAD_E_NOT_FOUND), "nothing is held against it");
    return (struct kad_api_answer){.status = 200, .json = json_pack("{s:b}", "pardoned", 1)};
}
