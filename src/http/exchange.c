/* exchange - see exchange.h. */
#include "http/exchange_parts.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/asset.h"
#include "http/blocks.h"
#include "http/json.h"
#include "http/routes.h"

/* Of those that had to wait, in one turn. */
#define RESUMED_AT_ONCE 32

#define BODY_MAX_USUAL ((size_t)64 * 1024)
#define BODY_MAX_LONG  ((size_t)2 * KAD_BLOCKS_VALUE_MAX + 4096)

void kad_exchange_release(struct kad_exchange *exchange)
{
    if (--exchange->n_holders > 0)
        return;
    json_decref(exchange->answer.json);
    free(exchange->answer.text);
    free(exchange->body);
    free(exchange->lines);
    free(exchange);
}

static void on_watch_closed(uv_handle_t *handle)
{
    kad_exchange_release(handle->data);
}

/* The client may close its sending side and still wait for the answer; only when both sides are shut has it gone. */
static void on_client(uv_poll_t *watch, int status, int events)
{
    struct kad_exchange *exchange = watch->data;
    struct pollfd now = {.events = 0};
    uv_os_fd_t fd;

    (void)status;
    (void)events;
    uv_poll_stop(watch);
    if (uv_fileno((const uv_handle_t *)watch, &fd) != 0)
        return;
    now.fd = fd;
    if (poll(&now, 1, 0) == 1 && (now.revents & (POLLHUP | POLLERR)))
        kad_api_cancel(exchange->call);
}

static void start_watch(struct kad_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (!info || uv_poll_init(exchange->door->face->loop, &exchange->watch, info->connect_fd) != 0)
        return;
    exchange->watch.data = exchange;
    exchange->n_holders++;
    uv_poll_start(&exchange->watch, UV_DISCONNECT, on_client);
}

void kad_exchange_stop_watch(struct kad_exchange *exchange)
{
    if (exchange->watch.data)
        uv_close((uv_handle_t *)&exchange->watch, on_watch_closed);
}

void kad_exchange_done(void *user, struct kad_api_answer answer)
{
    struct kad_exchange *exchange = user;
    const bool suspended = exchange->state == KAD_EXCHANGE_WAITING;

    if (exchange->flows) {
        exchange->door->n_waiting--;
        exchange->door->n_strangers -= exchange->of_stranger;
        kad_exchange_flow_end(exchange, answer);
        return;
    }
    exchange->answer = answer;
    exchange->state = KAD_EXCHANGE_ANSWERED;
    exchange->call = NULL;
    if (suspended) {
        kad_exchange_stop_watch(exchange);
        exchange->door->n_waiting--;
        exchange->door->n_strangers -= exchange->of_stranger;
        MHD_resume_connection(exchange->connection);
        kad_door_wake(exchange->door);
    }
}

void kad_exchange_error(struct kad_exchange *exchange, unsigned status, const char *error, const char *reason)
{
    kad_exchange_done(exchange,
                      (struct kad_api_answer){.status = status, .json = kad_json_error(error, reason)});
}

/* -- what is asked ------------------------------------------------------------------------------------------------- */

/* A query argument is a string parameter; "?trace" alone is an empty one. */
static enum MHD_Result add_argument(void *object, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    (void)kind;
    if (json_object_set_new(object, name, json_string(value ? value : "")) != 0)
        json_object_set_new(object, "query", json_null()); /* not UTF-8: an unknown parameter, so refused */
    return MHD_YES;
}

static json_t *hex_of(const struct kad_exchange *exchange)
{
    char *text = malloc(2 * exchange->body_size + 1);
    json_t *string = text ? json_string(kad_hex(exchange->body, exchange->body_size, text)) : NULL;

    free(text);
    return string;
}

/* Parameters out of query and body; NULL and the reason if the body is no JSON object. */
static json_t *parameters(struct kad_exchange *exchange, const char *method, char *why, size_t why_size)
{
    json_t *object;
    json_error_t error;

    if (exchange->body_size == 0) {
        object = json_object();
    } else if (strcmp(method, "PUT") == 0) { /* what is put is the body, of whatever kind */
        object = json_pack("{s:o}", "body_hex", hex_of(exchange));
    } else {
        object =
            json_loadb(exchange->body, exchange->body_size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        if (!object) {
            snprintf(why, why_size, "body: line %d, column %d: %s", error.line, error.column, error.text);
            return NULL;
        }
    }
    if (!json_is_object(object)) {
        snprintf(why, why_size, "body: not a JSON object");
        json_decref(object);
        return NULL;
    }
    MHD_get_connection_values(exchange->connection, MHD_GET_ARGUMENT_KIND, add_argument, object);
    return object;
}

/* -- the turn ------------------------------------------------------------------------------------------------------ */

static void defer(struct kad_exchange *exchange)
{
    struct kad_door *door = exchange->door;

    exchange->next = NULL;
    if (door->deferred)
        door->last_deferred->next = exchange;
    else
        door->deferred = exchange;
    door->last_deferred = exchange;
    MHD_suspend_connection(exchange->connection);
}

void kad_exchanges_resume(struct kad_door *door)
{
    for (int i = 0; i < RESUMED_AT_ONCE && door->deferred; i++) {
        struct kad_exchange *exchange = door->deferred;

        door->deferred = exchange->next;
        MHD_resume_connection(exchange->connection);
    }
}

/* -- what is done -------------------------------------------------------------------------------------------------- */

/* The guard saw the head only: a GET may have a body, too, and a name that MHD compares to its end may have a zero in it. */
static bool chooses_receiver(const json_t *parameters)
{
    return json_object_get(parameters, "address") != NULL;
}

static bool accepts_lines(const struct kad_exchange *exchange)
{
    const char *accepted = kad_exchange_header(exchange, "Accept");

    return accepted && strstr(accepted, "application/x-ndjson");
}

static enum MHD_Result ask(struct kad_exchange *exchange, const char *method, const char *url)
{
    struct kad_door *door = exchange->door;
    char why[256];
    json_t *object;

    if (!exchange->trusted && door->n_strangers >= KAD_EXCHANGE_STRANGERS) {
        door->face->web->refused[KAD_WEB_BUSY]++;
        return kad_exchange_send_error(exchange, 429, "limit reached",
                                       "too many requests without the token at once");
    }
    object = parameters(exchange, method, why, sizeof why);
    if (!object)
        return kad_exchange_send_error(exchange, 400, "bad request", why);
    if (!exchange->trusted && chooses_receiver(object)) {
        json_decref(object);
        door->face->web->refused[KAD_WEB_UNAUTHORIZED]++;
        return kad_exchange_send_error(exchange, 401, "unauthorized",
                                       "without the node's token one may not choose whom it sends to");
    }
    exchange->call = kad_api_begin(&door->face->api,
                                   (struct kad_api_asker){.trusted = exchange->trusted,
                                                          .lines = accepts_lines(exchange),
                                                          .part = kad_exchange_part},
                                   method, url, object, kad_exchange_done, exchange);
    if (!exchange->call)
        return kad_exchange_send_answer(exchange);
    exchange->state = KAD_EXCHANGE_WAITING;
    exchange->of_stranger = !exchange->trusted;
    door->n_waiting++;
    door->n_strangers += exchange->of_stranger;
    kad_client_enter(exchange->client, KAD_CLIENT_WAITING);
    MHD_suspend_connection(exchange->connection);
    start_watch(exchange);
    return MHD_YES;
}

static bool is_for_metrics(const char *url)
{
    return strcmp(url, "/metrics") == 0 || strcmp(url, "/healthz") == 0;
}

/* Any page of any site may send its reader there: what comes of it proves who it is, and is trusted with nothing else. */
static bool is_for_members(const struct kad_door *door, const char *url)
{
    return door->members && strcmp(url, "/kad") == 0;
}

static enum MHD_Result begin(struct kad_exchange *exchange, const char *method, const char *url)
{
    const bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    const struct kad_route *route = kad_route_find(url);
    const struct kad_asset *asset = route ? NULL : kad_asset_find(url);
    const bool is_websocket = strcmp(url, "/api/ws") == 0;

    if (exchange->door->kind == KAD_DOOR_METRICS && !is_for_metrics(url))
        return kad_exchange_send_error(exchange, 404, "no such path",
                                       "here are /metrics and /healthz; the rest is behind api");
    if (is_for_members(exchange->door, url))
        return strcmp(method, "GET") == 0
                   ? kad_exchange_send_member(exchange)
                   : kad_exchange_send_error(exchange, 405, "method not allowed", "GET");
    if (exchange->door->kind == KAD_DOOR_MEMBERS)
        return kad_exchange_send_error(exchange, 404, "no such path", "here is /kad; the rest is behind api");
    if (strcmp(url, "/events") == 0 && strcmp(method, "GET") == 0)
        return kad_exchange_send_stream(exchange);
    if (is_websocket && strcmp(method, "GET") == 0)
        return kad_exchange_send_websocket(exchange);
    if (asset && reads)
        return kad_exchange_send_asset(exchange, asset);
    if (asset || is_websocket || strcmp(url, "/events") == 0) {
        kad_exchange_error(exchange, 405, "method not allowed", asset ? "GET, HEAD" : "GET");
        exchange->answer.allow = asset ? "GET, HEAD" : "GET";
        return kad_exchange_send_answer(exchange);
    }
    return ask(exchange, method, url);
}

/* A value may be long (http/blocks.h), where who puts it is trusted: twice its bytes in hexadecimal, and the rest. Who made the limit
 * lower than it usually is wants no such. */
static size_t body_max(const struct kad_exchange *exchange)
{
    const size_t limit = exchange->door->face->limits.body_max;
    const bool may_be_long = exchange->is_put && exchange->trusted && limit >= BODY_MAX_USUAL;

    return may_be_long && limit < BODY_MAX_LONG ? BODY_MAX_LONG : limit;
}

/* False: too large. */
static bool add_body(struct kad_exchange *exchange, const char *bytes, size_t size)
{
    if (size > body_max(exchange) - exchange->body_size)
        return false;
    if (exchange->body_size + size > exchange->body_room) {
        const size_t room = exchange->body_size + size + exchange->body_size / 2 + 1024;
        char *body = realloc(exchange->body, room);

        if (!body)
            return false;
        exchange->body = body;
        exchange->body_room = room;
    }
    memcpy(exchange->body + exchange->body_size, bytes, size);
    exchange->body_size += size;
    return true;
}

static bool announces_too_much(const struct kad_exchange *exchange)
{
    const char *length = MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, "Content-Length");
    int64_t size;

    return length &&
           (kad_parse_number(length, 0, INT64_MAX, &size) != KAD_OK || (uint64_t)size > body_max(exchange));
}

const char *kad_exchange_header(const struct kad_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

/* Whether it may come in; otherwise it is answered here. */
static bool pass(struct kad_exchange *exchange, const char *method, const char *url,
                 enum MHD_Result *out_result)
{
    struct kad_web *web = exchange->door->face->web;
    const struct kad_guard_request request = {
        .method = method,
        .path = url,
        .host = kad_exchange_header(exchange, "Host"),
        .origin = kad_exchange_header(exchange, "Origin"),
        .fetch_site = kad_exchange_header(exchange, "Sec-Fetch-Site"),
        .content_type = kad_exchange_header(exchange, "Content-Type"),
        .authorization = kad_exchange_header(exchange, "Authorization"),
        .has_address =
            MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, "address") != NULL,
    };
    const struct kad_guard_verdict verdict = kad_guard_check(&exchange->door->guard, &request);

    exchange->trusted = verdict.trusted;
    if (verdict.status == 0)
        return true;
    web->refused[verdict.status == 401 ? KAD_WEB_UNAUTHORIZED : KAD_WEB_FORBIDDEN]++;
    *out_result = kad_exchange_send_error(exchange, verdict.status, verdict.error, verdict.reason);
    return false;
}

static enum MHD_Result open_exchange(struct kad_door *door, struct MHD_Connection *connection,
                                     const char *method, const char *url, void **out_exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct kad_exchange *exchange = info && info->socket_context ? calloc(1, sizeof *exchange) : NULL;
    enum MHD_Result result = MHD_YES;
    char why[64];

    if (!exchange)
        return MHD_NO;
    exchange->door = door;
    exchange->client = info->socket_context;
    exchange->connection = connection;
    exchange->n_holders = 1;
    exchange->is_put = strcmp(method, "POST") == 0 && strcmp(url, "/api/dht/put") == 0;
    *out_exchange = exchange;
    door->face->web->requests++;
    if (!is_for_members(door, url) && !pass(exchange, method, url, &result))
        return result;
    if (announces_too_much(exchange)) {
        door->face->web->refused[KAD_WEB_TOO_LARGE]++;
        snprintf(why, sizeof why, "at most %zu bytes", body_max(exchange));
        return kad_exchange_send_error(exchange, 413, "body too large", why);
    }
    return MHD_YES;
}

/* MHD calls this with the headers, then with each part of the body, then once more at its end, and again when a suspended
 * connection was resumed. */
enum MHD_Result kad_exchange_handle(void *door, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_size, void **exchange_slot)
{
    struct kad_exchange *exchange = *exchange_slot;

    (void)version;
    if (!exchange)
        return open_exchange(door, connection, method, url, exchange_slot);
    if (*upload_size > 0) {
        if (exchange->state == KAD_EXCHANGE_READING && !add_body(exchange, upload, *upload_size)) {
            exchange->door->face->web->refused[KAD_WEB_TOO_LARGE]++;
            return MHD_NO; /* a body of unknown length that grew too long cannot be answered in HTTP/1.1: it is cut off */
        }
        *upload_size = 0;
        return MHD_YES;
    }
    if (exchange->flows)
        return kad_exchange_send_flow(exchange);
    if (exchange->state == KAD_EXCHANGE_ANSWERED)
        return kad_exchange_send_answer(exchange);
    if (kad_door_turn_is_over(exchange->door)) {
        defer(exchange);
        return MHD_YES;
    }
    return begin(exchange, method, url);
}

void kad_exchange_completed(void *door, struct MHD_Connection *connection, void **exchange_slot,
                            enum MHD_RequestTerminationCode why)
{
    struct kad_exchange *exchange = *exchange_slot;

    (void)door;
    (void)connection;
    (void)why;
    if (exchange) {
        kad_client_enter(exchange->client, KAD_CLIENT_READING);
        exchange->is_gone = true;
        if (exchange->flows && exchange->call)
            kad_api_cancel(exchange->call);
        kad_exchange_release(exchange);
    }
    *exchange_slot = NULL;
}
