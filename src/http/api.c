/* api - see api.h. */
#include "http/api.h"

#include <stdlib.h>
#include <string.h>

#include "engine/peek.h"
#include "http/block_moves.h"
#include "http/evidence.h"
#include "http/follow.h"
#include "http/json.h"
#include "http/libp2p.h"
#include "http/looks.h"
#include "http/many.h"
#include "http/named.h"
#include "http/news.h"
#include "http/params.h"
#include "http/routes.h"
#include "http/routing.h"
#include "node/libp2p_link.h"

struct kad_api_call {
    const struct kad_api *api;
    const struct kad_route *route;
    struct kad_many *many; /* it is many requests, and not this one */
    bool everywhere;       /* no network was named */
    struct kad_api_asker asker;
    struct kad_request request; /* its bytes borrow from params */
    struct kad_params params;
    json_t *trace; /* NULL: not wanted */
    struct kad_follow follow;
    struct kad_reader *reader;   /* NULL: the node itself asks */
    struct kad_node *whom;       /* the reader's; NULL: it is waited for */
    struct kad_block_move *move; /* of a long value; NULL: none is under way */
    json_t *answer;              /* of a get whose blocks are still to come */
    kad_api_done *done;
    void *user;
    uint64_t id;
    size_t n_told; /* records that were given in parts */
    bool begun;    /* kad_node_request() has returned */
    bool ended;    /* its DONE came before that */
};

static void call_free(struct kad_api_call *call)
{
    kad_reader_end(call->reader);
    kad_params_clear(&call->params);
    kad_follow_clear(&call->follow);
    json_decref(call->trace);
    json_decref(call->answer);
    free(call);
}

static struct kad_api_answer wrong(unsigned status, const char *error, const char *reason)
{
    return (struct kad_api_answer){.status = status, .json = kad_json_error(error, reason)};
}

/* Why the node did not take the request at all. */
static struct kad_api_answer not_taken(int error)
{
    switch (error) {
    case KAD_E_LIMIT:
        return wrong(429, kad_json_error_text(error), "too many requests at once");
    case KAD_E_INVALID:
        return wrong(400, "bad request", "the node does not accept it (is a signature wrong?)");
    case KAD_E_CLOSED:
        return wrong(503, kad_json_error_text(error), "the node is stopping");
    case KAD_E_DISABLED:
        return wrong(503, kad_json_error_text(error), "dht_enabled = no: the node takes no part");
    default:
        return wrong(500, kad_json_error_text(error), NULL);
    }
}

/* Who asks: a reader if one is wanted, and then nobody else. */
static struct kad_node *asker_of(const struct kad_api_call *call)
{
    return call->whom ? call->whom : call->api->node;
}

static void finish(struct kad_api_call *call, struct kad_api_answer answer)
{
    call->done(call->user, answer);
    if (call->begun)
        call_free(call);
    else
        call->ended = true;
}

/* -- long values: http/blocks.h ------------------------------------------------------------------------------------ */

static void say_blocks(json_t *object, size_t n, size_t size)
{
    json_object_set_new(object, "blocks", json_integer((json_int_t)n));
    json_object_set_new(object, "size", json_integer((json_int_t)size));
}

static struct kad_api_answer blocks_failed(const struct kad_block_moved *moved)
{
    return wrong(moved->error == KAD_E_CORRUPT ? 502 : kad_json_status_of(moved->error),
                 kad_json_error_text(moved->error), moved->why);
}

static void on_fetched(void *user, const struct kad_block_moved *moved)
{
    struct kad_api_call *call = user;
    struct kad_api_answer answer = {.status = 200};

    if (moved->error) {
        finish(call, blocks_failed(moved));
        return;
    }
    answer.json = call->answer;
    call->answer = NULL;
    kad_named_whole(answer.json, moved->value);
    finish(call, answer);
}

/* The rest of a value whose root has been found. */
static void fetch(struct kad_api_call *call, struct kad_api_answer answer, struct kad_bytes bytes)
{
    struct kad_blocks_root root;
    int error = kad_blocks_read(bytes, &root);

    if (!call->asker.trusted) {
        json_decref(answer.json);
        finish(call,
               wrong(401, "unauthorized", "a long value is a thousand lookups: with the node's token only"));
        return;
    }
    if (!error) {
        say_blocks(answer.json, kad_blocks_total(&root), root.size);
        call->answer = answer.json;
        error = kad_block_get(asker_of(call), bytes, &call->request, on_fetched, call, &call->move);
    } else {
        json_decref(answer.json);
    }
    if (error)
        finish(call, wrong(error == KAD_E_CORRUPT ? 502 : 500, kad_json_error_text(error),
                           "what stands under this name begins like a long value, and is none"));
}

/* -- requests ------------------------------------------------------------------------------------------------------ */

static void on_event(void *user, const struct kad_event *event);

/* The request itself. What a reader does is nobody's news. */
static int request(struct kad_api_call *call)
{
    const int error = kad_node_request(asker_of(call), &call->request, on_event, call, &call->id);

    if (error == KAD_OK && !call->whom)
        kad_news_begun(call->api->feed, call->api->node, call->id, &call->request, call->asker.trusted);
    return error;
}

/* What follows from an answer is asked. False: it is over. */
static bool ask_on(struct kad_api_call *call, const struct kad_event *event, struct kad_api_answer *answer)
{
    int error;

    if (!kad_follow_on(&call->follow, event, &call->params, &call->request, *answer))
        return false;
    error = request(call);
    if (error == KAD_OK)
        return true;
    *answer = not_taken(error);
    return false;
}

/* The trace is over all that is asked on. */
static struct kad_api_answer plain(struct kad_api_call *call, const struct kad_event *event)
{
    json_t *object = kad_json_done(event, &call->request, NULL);

    if (call->params.has_name)
        kad_named_answer(object, event, &call->params);
    if (call->whom)
        json_object_set_new(object, "unlinked", json_true());
    if (kad_libp2p_wanted(&call->params))
        kad_libp2p_answer(object, event, &call->request, call->api->node);
    return (struct kad_api_answer){.status = kad_json_status(event), .json = object};
}

/* Providers that an answer has just brought are told at once to whom takes lines. */
static bool goes_by_parts(const struct kad_api_call *call)
{
    return call->asker.lines && call->asker.part && call->route->shape == kad_routing_providers;
}

static void tell_part(struct kad_api_call *call)
{
    const struct kad_record *records = NULL;
    const size_t n = kad_engine_found(kad_node_engine(call->api->node), call->id, &records);
    size_t size;
    char *text;

    if (n <= call->n_told)
        return;
    text = kad_routing_lines(call->api->node, records + call->n_told, n - call->n_told, &size);
    if (text)
        call->asker.part(call->user, text, size);
    free(text);
    call->n_told = n;
}

/* What was not told yet. */
static struct kad_api_answer last_part(struct kad_api_call *call, const struct kad_event *event)
{
    struct kad_api_answer answer = {.status = 200};
    const size_t n = event->done.n_records > call->n_told ? event->done.n_records - call->n_told : 0;

    if (n > 0)
        answer.text =
            kad_routing_lines(call->api->node, event->done.records + call->n_told, n, &answer.text_size);
    return answer;
}

static void on_event(void *user, const struct kad_event *event)
{
    struct kad_api_call *call = user;
    struct kad_api_answer answer = {0};
    uint8_t root[KAD_SECURE_VALUE_MAX];
    size_t n_root;

    if (!call->whom) {
        kad_news_request(call->api->feed, call->api->node, event, &call->request, call->asker.trusted);
        kad_evidence_done(call->api->evidence, call->api->node, event);
    }
    if (event->kind == KAD_EVENT_HOP && call->trace)
        json_array_append_new(call->trace, kad_json_hop(event));
    if (event->kind == KAD_EVENT_HOP && goes_by_parts(call))
        tell_part(call);
    if (event->kind != KAD_EVENT_DONE)
        return;
    if (call->n_told > 0) {
        answer = last_part(call, event);
    } else if (call->route->shape) {
        answer = call->route->shape(event, &call->request, call->api->node, call->asker);
    } else {
        answer = plain(call, event);
        if (ask_on(call, event, &answer))
            return;
        kad_follow_end(&call->follow, &answer);
        if (call->trace)
            json_object_set(answer.json, "trace", call->trace);
        if (call->params.blocks.n)
            say_blocks(answer.json, call->params.blocks.n, call->params.blocks.size);
        if (kad_named_root(event, &call->params, root, &n_root)) {
            fetch(call, answer, (struct kad_bytes){root, n_root});
            return;
        }
    }
    finish(call, answer);
}

/* Why there is no reader. The node does not ask in its place. */
static struct kad_api_answer no_reader(int error)
{
    switch (error) {
    case KAD_E_LIMIT:
    case KAD_E_TIMEOUT:
        return wrong(503, "limit reached",
                     "no identity is ready for a get that cannot be linked; the next is being made");
    case KAD_E_DISABLED:
        return wrong(501, kad_json_error_text(error),
                     "unlinked_gets = off, or a network whose gets cannot be unlinked");
    default:
        return not_taken(error);
    }
}

static void on_reader(void *user, struct kad_node *reader, int error)
{
    struct kad_api_call *call = user;

    if (error != KAD_OK) {
        call->reader = NULL;
        finish(call, no_reader(error));
        return;
    }
    call->whom = reader;
    error = request(call);
    if (error != KAD_OK)
        finish(call, not_taken(error));
}

static int find_reader(struct kad_api_call *call)
{
    const struct kad_node_config *config = kad_node_config_of(call->api->node);
    const kad_ms timeout_ms =
        call->request.timeout_ms ? call->request.timeout_ms : config->settings.request_timeout_ms;

    return kad_reader_new(call->api->node, call->params.at_once ? 0 : timeout_ms, on_reader, call,
                          &call->reader);
}

/* True: `out_answer` says at once what became of it. */
static bool begin(struct kad_api_call *call, struct kad_api_answer *out_answer)
{
    int error;

    if (call->params.unlinked && !call->asker.trusted) {
        *out_answer = wrong(401, "unauthorized",
                            "an unlinked get takes an identity, a second's work: with the node's token only");
        return true;
    }
    error = call->params.unlinked ? find_reader(call) : request(call);
    if (error != KAD_OK)
        *out_answer = call->params.unlinked ? no_reader(error) : not_taken(error);
    return error != KAD_OK;
}

/* All blocks are there: now what names them, so that nobody finds a value that is not whole. */
static void on_put(void *user, const struct kad_block_moved *moved)
{
    struct kad_api_call *call = user;
    struct kad_api_answer answer;

    if (moved->error) {
        finish(call, blocks_failed(moved));
        return;
    }
    if (call->request.keep)
        kad_block_withdraw(call->api->node, &call->params.name, call->params.blocks.salt);
    if (begin(call, &answer))
        finish(call, answer);
}

/* Starts the request. True: `out_answer` says at once what became of it. */
static bool ask(struct kad_api_call *call, const struct kad_route *route, struct kad_api_answer *out_answer)
{
    int error;

    call->request.kind = route->kind;
    route->read(&call->params, &call->request);
    if (!kad_params_finish(&call->params)) {
        *out_answer = wrong(400, "bad request", call->params.why);
        return true;
    }
    if (call->request.trace)
        call->trace = json_array();
    call->request.trace = call->trace || kad_feed_wanted(call->api->feed) || goes_by_parts(call);
    if (call->params.blocks.n == 0)
        return begin(call, out_answer);
    error = kad_block_put(call->api->node, &call->params.blocks, &call->request, call->params.life_ms, on_put,
                          call, &call->move);
    if (error != KAD_OK)
        *out_answer = not_taken(error);
    return error != KAD_OK;
}

static void on_many(void *user, struct kad_api_answer answer)
{
    struct kad_api_call *call = user;

    finish(call, answer);
}

/* True: `out_answer` says what is wrong. */
static bool ask_many(struct kad_api_call *call, struct kad_api_answer *out_answer)
{
    const char *why;
    int error;

    call->ended = false;
    error = kad_many_begin(call->api, call->asker, call->route, &call->params, call->everywhere, on_many,
                           call, &call->many, &why);
    if (!error)
        return false;
    *out_answer = error == KAD_E_INVALID ? wrong(400, "bad request", why)
                                         : wrong(500, kad_json_error_text(error), NULL);
    return true;
}

static bool answer_now(struct kad_api_call *call, const char *method, const struct kad_route *route,
                       struct kad_api_answer *out_answer)
{
    if (!route) {
        *out_answer = wrong(404, "no such path", "docs/api.md lists them");
        return true;
    }
    if (!kad_route_allows(route, method)) {
        *out_answer = wrong(405, "method not allowed", route->allow);
        out_answer->allow = route->allow;
        return true;
    }
    if (route->of_many)
        return ask_many(call, out_answer);
    if (route->read)
        return ask(call, route, out_answer);
    if (route->act) {
        call->asker.patches = strcmp(method, "PATCH") == 0;
        *out_answer = route->act(call->api, call->asker, &call->params);
    } else if (!kad_params_finish(&call->params)) {
        *out_answer = wrong(400, "bad request", call->params.why);
    } else if (route->look && call->api->looks) {
        *out_answer =
            (struct kad_api_answer){.status = 200,
                                    .text = kad_looks_take(call->api->looks, route, call->api->node),
                                    .content_type = "application/json"};
    } else if (route->look) {
        *out_answer = (struct kad_api_answer){.status = 200, .json = route->look(call->api->node)};
    } else {
        *out_answer = (struct kad_api_answer){
            .status = 200, .text = route->text(call->api), .content_type = route->content_type};
    }
    return true;
}

/* IPFS's routing is libp2p's business, whichever network is the first. */
static const struct kad_api *of_path(const struct kad_api *api, const char *path)
{
    const bool is_routing = strncmp(path, "/routing/", 9) == 0;

    for (size_t i = 0; is_routing && i < api->n_others && !kad_node_is_libp2p(api->node); i++) {
        if (kad_node_is_libp2p(api->others[i].node))
            return &api->others[i];
    }
    return api;
}

/* The one that the parameter `network` names, which is taken out; without one it is the first. NULL: there is none. */
static const struct kad_api *of_network(const struct kad_api *api, const char *path, json_t *parameters)
{
    const char *name = json_string_value(json_object_get(parameters, "network"));
    const struct kad_api *found = NULL;

    if (!name)
        return of_path(api, path);
    if (strcmp(kad_network_name(kad_node_config_of(api->node)->network), name) == 0)
        found = api;
    for (size_t i = 0; i < api->n_others && !found; i++) {
        if (strcmp(kad_network_name(kad_node_config_of(api->others[i].node)->network), name) == 0)
            found = &api->others[i];
    }
    json_object_del(parameters, "network");
    return found;
}

struct kad_api_call *kad_api_begin(const struct kad_api *api, struct kad_api_asker asker, const char *method,
                                   const char *path, json_t *parameters, kad_api_done *done, void *user)
{
    struct kad_api_call *call = calloc(1, sizeof *call);
    struct kad_api_answer answer;

    if (!call) {
        json_decref(parameters);
        done(user, wrong(500, kad_json_error_text(KAD_E_MEMORY), NULL));
        return NULL;
    }
    call->everywhere = !json_object_get(parameters, "network");
    api = of_network(api, path, parameters);
    if (!api) {
        json_decref(parameters);
        free(call);
        done(user, wrong(404, "no such network", "this node does not take part in it"));
        return NULL;
    }
    call->api = api;
    call->asker = asker;
    call->done = done;
    call->user = user;
    kad_params_init(&call->params, parameters);
    call->params.node = api->node;
    call->route = kad_route_for(method, path);
    if (call->route && call->route->tail)
        json_object_set_new(call->params.object, call->route->tail,
                            json_string(kad_route_tail(call->route, path)));
    if (answer_now(call, method, call->route, &answer))
        done(user, answer);
    else if (!call->ended) {
        call->begun = true;
        return call;
    }
    call_free(call);
    return NULL;
}

void kad_api_cancel(struct kad_api_call *call)
{
    if (call->many)
        kad_many_cancel(call->many);
    else if (call->move)
        kad_block_cancel(call->move);
    else if (call->reader && !call->whom)
        kad_reader_cancel(call->reader);
    else
        kad_node_cancel(asker_of(call), call->id);
}
