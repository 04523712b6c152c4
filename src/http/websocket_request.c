/* websocket_request - see websocket_request.h. */
#include "http/websocket_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAX 64 /* bytes of an id that is text: it is sent back */

static const struct kad_route *find(const char *method)
{
    static const char *const prefixes[] = {"/api/dht/", "/api/"};
    const struct kad_route *route = NULL;
    char path[64];

    for (size_t i = 0; i < 2 && !route; i++) {
        if (snprintf(path, sizeof path, "%s%s", prefixes[i], method) < (int)sizeof path)
            route = kad_route_find(path);
    }
    return route;
}

static bool is_id(const json_t *id)
{
    return json_is_integer(id) || (json_is_string(id) && json_string_length(id) <= ID_MAX);
}

static const char *verb_of(const struct kad_route *route, const json_t *params)
{
    if ((route->methods & KAD_ROUTE_PATCH) && json_object_size(params) > 0)
        return "PATCH";
    return route->methods & KAD_ROUTE_POST ? "POST" : "GET";
}

static bool wrong(json_t *object, char *out_why, size_t why_size, const char *why)
{
    json_decref(object);
    snprintf(out_why, why_size, "%s", why);
    return false;
}

bool kad_websocket_request_read(struct kad_bytes text, struct kad_websocket_request *out_request,
                                char *out_why, size_t why_size)
{
    json_error_t error;
    json_t *object =
        json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    const json_t *method = json_object_get(object, "method"), *params = json_object_get(object, "params");
    const size_t n_known = 2 + (params != NULL);
    json_t *id = json_object_get(object, "id");

    *out_request = (struct kad_websocket_request){.id = is_id(id) ? json_incref(id) : json_null()};
    if (!object) {
        snprintf(out_why, why_size, "line %d, column %d: %s", error.line, error.column, error.text);
        return false;
    }
    if (!is_id(id))
        return wrong(object, out_why, why_size, "id: a number, or text of up to 64 bytes, is wanted");
    if (!json_is_string(method))
        return wrong(object, out_why, why_size, "method: text is wanted");
    if (params && !json_is_object(params))
        return wrong(object, out_why, why_size, "params: an object is wanted");
    if (json_object_size(object) != n_known)
        return wrong(object, out_why, why_size, "there are id, method and params, and nothing else");
    out_request->route = find(json_string_value(method));
    out_request->params = params ? json_incref((json_t *)params) : json_object();
    if (out_request->route) {
        out_request->verb = verb_of(out_request->route, out_request->params);
        out_request->reads =
            (out_request->route->methods & KAD_ROUTE_READ) && strcmp(out_request->verb, "PATCH") != 0;
    }
    json_decref(object);
    return true;
}

static char *print(json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;

    json_decref(object);
    return text;
}

/* JSON that was put into words before: it is not read again for this. */
static char *print_around(json_t *id, char *result)
{
    char *id_text = json_dumps(id, JSON_ENCODE_ANY), *text = NULL;

    if (id_text && asprintf(&text, "{\"id\":%s,\"result\":%s}", id_text, result) < 0)
        text = NULL;
    json_decref(id);
    free(id_text);
    free(result);
    return text;
}

/* Other text than JSON is no result: /metrics, which is no method. */
char *kad_websocket_answer(json_t *id, struct kad_api_answer answer)
{
    json_t *body = answer.json;

    if (!body && answer.text && answer.status == 200)
        return print_around(id, answer.text);
    free(answer.text);
    if (answer.status == 200)
        return print(json_pack("{s:o, s:o}", "id", id, "result", body));
    json_object_set_new(body, "status", json_integer(answer.status));
    return print(json_pack("{s:o, s:o}", "id", id, "error", body));
}

char *kad_websocket_event(const struct kad_feed_message *message)
{
    char *text;

    return asprintf(&text, "{\"event\":\"%s\",\"data\":%.*s}", message->kind, (int)message->data_size,
                    message->text + message->data_at) < 0
               ? NULL
               : text;
}
