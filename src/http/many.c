/* many - see many.h. */
#include "http/many.h"

#include <stdlib.h>
#include <string.h>

#include "http/content.h"
#include "http/json.h"

#define AT_ONCE 16

struct child {
    struct kad_many *many;
    struct kad_api_call *call; /* while it runs */
    struct kad_id place;
    json_t *answer; /* NULL: not yet, or never */
};

struct kad_many {
    const struct kad_api *api;
    struct kad_api_asker asker;
    const char *path; /* of each request */
    json_t *keys, *parameters;
    struct child *children;
    size_t *order; /* of asking */
    size_t n, next, n_running, n_found;
    int64_t need;
    bool pumping, cancelled, is_over;
    unsigned status; /* of the first that went wrong otherwise than by not being found */
    kad_ms began_at;
    kad_api_done *done;
    void *user;
};

static void many_free(struct kad_many *many)
{
    for (size_t i = 0; many->children && i < many->n; i++)
        json_decref(many->children[i].answer);
    free(many->children);
    free(many->order);
    json_decref(many->keys);
    json_decref(many->parameters);
    free(many);
}

static json_t *row(struct kad_many *many, size_t i)
{
    json_t *answer = many->children[i].answer;
    json_t *object =
        answer ? json_incref(answer) : kad_json_error("given up", "as many as needed were found");

    json_object_set(object, "asked", json_array_get(many->keys, i));
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

    for (size_t i = 0; i < many->n; i++)
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
                        json_integer(kad_node_now(many->api->node) - many->began_at));
    json_object_set_new(answer.json, "keys", list);
    many_free(many);
    done(user, answer);
}

static void give_up(struct kad_many *many)
{
    many->is_over = true;
    for (size_t i = 0; i < many->n; i++) {
        if (many->children[i].call)
            kad_api_cancel(many->children[i].call);
    }
}

static void pump(struct kad_many *many);

static void on_child(void *user, struct kad_api_answer answer)
{
    struct child *child = user;
    struct kad_many *many = child->many;

    free(answer.text);
    child->call = NULL;
    many->n_running--;
    if (many->is_over && answer.status != 200) /* of those that are no longer wanted */
        json_decref(answer.json);
    else
        child->answer = answer.json;
    if (answer.status == 200)
        many->n_found++;
    else if (answer.status != 404 && !many->status && !many->is_over)
        many->status = answer.status;
    if (!many->is_over && ((int64_t)many->n_found >= many->need || answer.status == 400))
        give_up(many);
    if (!many->pumping)
        pump(many);
}

static void begin(struct kad_many *many, struct child *child, const char *key)
{
    json_t *parameters = json_copy(many->parameters);
    struct kad_api_call *call;

    json_object_set_new(parameters, "key", json_sprintf("provider:%s", key));
    many->n_running++;
    call = kad_api_begin(many->api, many->asker, "POST", many->path, parameters, on_child, child);
    if (call)
        child->call = call;
}

static void pump(struct kad_many *many)
{
    many->pumping = true;
    while (!many->is_over && many->next < many->n && many->n_running < AT_ONCE) {
        const size_t i = many->order[many->next++];

        begin(many, &many->children[i], json_string_value(json_array_get(many->keys, i)));
    }
    many->pumping = false;
    if (many->n_running == 0)
        finish(many);
}

/* By where they stand; those that say no such thing first. */
static void sort(struct kad_many *many)
{
    for (size_t i = 0; i < many->n; i++) {
        const char *key = json_string_value(json_array_get(many->keys, i));
        char why[KAD_CONTENT_WHY];
        struct kad_content content;
        size_t at = i;

        many->children[i].many = many;
        if (kad_content_read(key, &content, why) == KAD_OK)
            kad_content_key(&content, &many->children[i].place);
        for (; at > 0 && memcmp(&many->children[many->order[at - 1]].place, &many->children[i].place,
                                sizeof(struct kad_id)) > 0;
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

int kad_many_begin(const struct kad_api *api, struct kad_api_asker asker, const struct kad_route *route,
                   struct kad_params *params, kad_api_done *done, void *user, struct kad_many **out_many,
                   const char **out_why)
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
    many->api = api;
    many->asker = asker;
    many->path = route->kind == KAD_REQUEST_PUT ? "/api/dht/put" : "/api/dht/get";
    many->n = n;
    many->need = (int64_t)n;
    many->began_at = kad_node_now(api->node);
    many->done = done;
    many->user = user;
    many->keys = json_deep_copy(keys);
    many->children = calloc(n, sizeof *many->children);
    many->order = calloc(n, sizeof *many->order);
    json_object_del(params->object, "keys");
    kad_params_number(params, "need", 1, (int64_t)n, &many->need);
    many->parameters = json_copy(params->object);
    if (params->why[0] || !many->keys || !many->children || !many->order || !many->parameters) {
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
