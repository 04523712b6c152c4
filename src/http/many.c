/* many - see many.h. */
#include "http/many.h"

#include <stdlib.h>
#include <string.h>

#include "http/content.h"
#include "http/json.h"
#include "node/libp2p_link.h"

#define AT_ONCE  16
#define SPARE    2
#define NETWORKS 9 /* of a daemon: the first, and eight others */

struct key {
    struct kad_id place;
    char cid[KAD_CID_TEXT]; /* empty: it is no content that has one */
    bool found;
};

/* A key in one of the networks. */
struct child {
    struct kad_many *many;
    struct key *key;
    struct kad_api_call *call; /* while it runs */
    json_t *answer;            /* NULL: not yet, or never */
};

struct kad_many {
    const struct kad_api *networks[NETWORKS];
    size_t n_networks;
    struct kad_api_asker asker;
    const char *path; /* of each request */
    json_t *keys, *parameters;
    struct key *all;
    struct child *children; /* of each key, all networks */
    size_t *order;          /* of keys, by place */
    size_t n, next, n_running, n_found;
    int64_t need;
    bool stops; /* with so many */
    bool mixed; /* libp2p's networks and others */
    bool pumping, cancelled, is_over;
    unsigned status; /* of the first that went wrong otherwise than by not being found */
    kad_ms began_at;
    kad_api_done *done;
    void *user;
};

static size_t n_children(const struct kad_many *many)
{
    return many->n * many->n_networks;
}

static void many_free(struct kad_many *many)
{
    for (size_t i = 0; many->children && i < n_children(many); i++)
        json_decref(many->children[i].answer);
    free(many->children);
    free(many->all);
    free(many->order);
    json_decref(many->keys);
    json_decref(many->parameters);
    free(many);
}

/* -- the end ----------------------------------------------------------------------------------------------------- */

static const char *name_of(const struct kad_api *api)
{
    return kad_network_name(kad_node_config_of(api->node)->network);
}

static json_t *row(struct kad_many *many, size_t i)
{
    json_t *answer = many->children[i].answer;
    json_t *object =
        answer ? json_incref(answer) : kad_json_error("given up", "as many as needed were found");

    json_object_set(object, "asked", json_array_get(many->keys, i / many->n_networks));
    json_object_set_new(object, "network", json_string(name_of(many->networks[i % many->n_networks])));
    return object;
}

static void finish(struct kad_many *many)
{
    const bool enough = (int64_t)many->n_found >= many->need;
    struct kad_api_answer answer = {.status = enough            ? 200
                                              : many->cancelled ? 503
                                              : many->status    ? many->status
                                                                : 404};
    json_t *list = json_array();
    kad_api_done *const done = many->done;
    void *const user = many->user;

    for (size_t i = 0; i < n_children(many); i++)
        json_array_append_new(list, row(many, i));
    answer.json = json_object();
    if (!enough) {
        json_object_set_new(answer.json, "error",
                            json_string(many->cancelled ? kad_json_error_text(KAD_E_CLOSED)
                                        : many->status  ? "not all were done"
                                                        : kad_json_error_text(KAD_E_NOT_FOUND)));
        json_object_set_new(answer.json, "reason", json_string("fewer keys than were needed"));
    }
    json_object_set_new(answer.json, "need", json_integer(many->need));
    json_object_set_new(answer.json, "found", json_integer((json_int_t)many->n_found));
    json_object_set_new(answer.json, "duration_ms",
                        json_integer(kad_node_now(many->networks[0]->node) - many->began_at));
    json_object_set_new(answer.json, "keys", list);
    many_free(many);
    done(user, answer);
}

/* -- while it runs ----------------------------------------------------------------------------------------------- */

static void give_up(struct kad_many *many)
{
    many->is_over = true;
    for (size_t i = 0; i < n_children(many); i++) {
        if (many->children[i].call)
            kad_api_cancel(many->children[i].call);
    }
}

static void pump(struct kad_many *many);

static void on_child(void *user, struct kad_api_answer answer)
{
    struct child *child = user;
    struct kad_many *many = child->many;
    const bool found = answer.status == 200;

    free(answer.text);
    child->call = NULL;
    many->n_running--;
    if (many->is_over && !found) /* of those that are no longer wanted */
        json_decref(answer.json);
    else
        child->answer = answer.json;
    many->n_found += found && !child->key->found;
    child->key->found |= found;
    if (!found && answer.status != 404 && !many->status && !many->is_over)
        many->status = answer.status;
    if (!many->is_over && ((many->stops && (int64_t)many->n_found >= many->need) || answer.status == 400))
        give_up(many);
    if (!many->pumping)
        pump(many);
}

static void begin(struct kad_many *many, size_t i)
{
    struct child *child = &many->children[i];
    const struct kad_api *api = many->networks[i % many->n_networks];
    const char *given = json_string_value(json_array_get(many->keys, i / many->n_networks));
    const bool by_cid = many->mixed && *child->key->cid && !kad_node_is_libp2p(api->node);
    json_t *parameters = json_copy(many->parameters);
    struct kad_api_call *call;

    json_object_set_new(parameters, "key", json_sprintf("provider:%s", by_cid ? child->key->cid : given));
    json_object_set_new(parameters, "network", json_string(name_of(api)));
    many->n_running++;
    call = kad_api_begin(api, many->asker, "POST", many->path, parameters, on_child, child);
    if (call)
        child->call = call;
}

/* Of k that are needed no more are asked for than are missing, and a few, for some may not be there. */
static size_t at_once(const struct kad_many *many)
{
    const int64_t missing = many->need - (int64_t)many->n_found;
    const size_t wanted = ((missing > 0 ? (size_t)missing : 0) + SPARE) * many->n_networks;

    return many->stops && wanted < AT_ONCE ? wanted : AT_ONCE;
}

static void pump(struct kad_many *many)
{
    many->pumping = true;
    while (!many->is_over && many->next < n_children(many) && many->n_running < at_once(many)) {
        const size_t at = many->next++, key = many->order[at / many->n_networks];

        begin(many, key * many->n_networks + at % many->n_networks);
    }
    many->pumping = false;
    if (many->n_running == 0)
        finish(many);
}

/* -- the beginning ----------------------------------------------------------------------------------------------- */

/* By where they stand; those that are no content first. */
static void sort(struct kad_many *many)
{
    for (size_t i = 0; i < many->n; i++) {
        const char *text = json_string_value(json_array_get(many->keys, i));
        struct key *key = &many->all[i];
        char why[KAD_CONTENT_WHY];
        struct kad_content content;
        size_t at = i;

        for (size_t j = 0; j < many->n_networks; j++)
            many->children[i * many->n_networks + j] = (struct child){.many = many, .key = key};
        if (kad_content_read(text, &content, why) == KAD_OK) {
            kad_content_key(&content, &key->place);
            kad_content_cid(&content, key->cid);
        }
        for (; at > 0 && memcmp(&many->all[many->order[at - 1]].place, &key->place, sizeof key->place) > 0;
             at--)
            many->order[at] = many->order[at - 1];
        many->order[at] = i;
    }
}

static const char *check(const json_t *keys)
{
    json_t *key;
    size_t i;

    if (!json_is_array(keys) || json_array_size(keys) == 0)
        return "keys: a list of CIDs or hashes is wanted";
    if (json_array_size(keys) > KAD_MANY_KEYS)
        return "keys: more than 1024";
    json_array_foreach(keys, i, key)
    {
        if (!json_is_string(key) || json_string_length(key) > 200)
            return "keys: not a CID or hash";
    }
    return NULL;
}

/* Those with provider records; where something is asked for that only ours have, only ours. */
static void choose_networks(struct kad_many *many, const struct kad_api *asked, bool everywhere)
{
    const struct kad_api *first = asked->first ? asked->first : asked;
    const bool ours =
        json_object_get(many->parameters, "prefix") || json_object_get(many->parameters, "address");
    bool libp2p = false, others = false;

    for (size_t i = 0; everywhere && i <= first->n_others && many->n_networks < NETWORKS; i++) {
        const struct kad_api *api = i ? &first->others[i - 1] : first;
        const bool is_libp2p = kad_node_is_libp2p(api->node);

        if ((is_libp2p && ours) || !kad_network_has_identities(kad_node_config_of(api->node)->network))
            continue;
        libp2p |= is_libp2p;
        others |= !is_libp2p;
        many->networks[many->n_networks++] = api;
    }
    many->mixed = libp2p && others;
    if (many->n_networks == 0)
        many->networks[many->n_networks++] = asked; /* which says what is wrong, if something is */
}

int kad_many_begin(const struct kad_api *api, struct kad_api_asker asker, const struct kad_route *route,
                   struct kad_params *params, bool everywhere, kad_api_done *done, void *user,
                   struct kad_many **out_many, const char **out_why)
{
    const json_t *keys = json_object_get(params->object, "keys");
    const size_t n = json_array_size(keys);
    struct kad_many *many;

    *out_why = check(keys);
    if (*out_why)
        return KAD_E_INVALID;
    many = calloc(1, sizeof *many);
    if (!many)
        return KAD_E_MEMORY;
    many->asker = asker;
    many->path = route->kind == KAD_REQUEST_PUT ? "/api/dht/put" : "/api/dht/get";
    many->n = n;
    many->need = (int64_t)n;
    many->began_at = kad_node_now(api->node);
    many->done = done;
    many->user = user;
    many->keys = json_deep_copy(keys);
    json_object_del(params->object, "keys");
    many->stops =
        kad_params_number(params, "need", 1, (int64_t)n, &many->need) && route->kind != KAD_REQUEST_PUT;
    many->parameters = json_copy(params->object);
    choose_networks(many, api, everywhere);
    many->all = calloc(n, sizeof *many->all);
    many->order = calloc(n, sizeof *many->order);
    many->children = calloc(n_children(many), sizeof *many->children);
    if (params->why[0] || !many->keys || !many->children || !many->all || !many->order || !many->parameters) {
        const int error = params->why[0] ? KAD_E_INVALID : KAD_E_MEMORY;

        *out_why = params->why;
        many_free(many);
        return error;
    }
    sort(many);
    *out_many = many;
    pump(many);
    return KAD_OK;
}

void kad_many_cancel(struct kad_many *many)
{
    many->cancelled = true;
    give_up(many);
}
