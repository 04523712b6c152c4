/* exchange - see exchange.h. */
#include "http/exchange.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/text.h"
#include "http/json.h"
#include "http/server.h"

enum state { READING, WAITING, ANSWERED };

struct exchange {
    struct kad_exchanges *all;
    struct MHD_Connection *connection;
    struct kad_api_call *call; /* while WAITING */
    struct kad_api_answer answer;
    enum state state;
    char *body;
    size_t body_size, body_room;
    uv_poll_t watch;    /* the connection's descriptor, while WAITING */
    unsigned n_holders; /* MHD, and the loop while `watch` closes */
};

static void release(struct exchange *exchange)
{
    if (--exchange->n_holders > 0)
        return;
    json_decref(exchange->answer.json);
    free(exchange->answer.text);
    free(exchange->body);
    free(exchange);
}

static void on_watch_closed(uv_handle_t *handle)
{
    release(handle->data);
}

/* The client may close its sending side and still wait for the answer; only when both sides are shut has it gone. */
static void on_client(uv_poll_t *watch, int status, int events)
{
    struct exchange *exchange = watch->data;
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

static void start_watch(struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (!info || uv_poll_init(kad_node_loop(exchange->all->node), &exchange->watch, info->connect_fd) != 0)
        return;
    exchange->watch.data = exchange;
    exchange->n_holders++;
    uv_poll_start(&exchange->watch, UV_DISCONNECT, on_client);
}

static void stop_watch(struct exchange *exchange)
{
    if (exchange->watch.data)
        uv_close((uv_handle_t *)&exchange->watch, on_watch_closed);
}

static void on_done(void *user, struct kad_api_answer answer)
{
    struct exchange *exchange = user;
    const bool suspended = exchange->state == WAITING;

    exchange->answer = answer;
    exchange->state = ANSWERED;
    exchange->call = NULL;
    if (suspended) {
        stop_watch(exchange);
        exchange->all->n_waiting--;
        MHD_resume_connection(exchange->connection);
        exchange->all->wake(exchange->all);
    }
}

static void answer_error(struct exchange *exchange, unsigned status, const char *error, const char *reason)
{
    on_done(exchange, (struct kad_api_answer){.status = status, .json = kad_json_error(error, reason)});
}

/* The answer as bytes MHD will free. The exchange gives them away. */
static struct MHD_Response *make_response(struct exchange *exchange)
{
    struct kad_api_answer *answer = &exchange->answer;
    struct MHD_Response *response;
    char *text = answer->text;

    if (answer->json)
        text = json_dumps(answer->json, JSON_COMPACT);
    answer->text = NULL;
    if (!text)
        return NULL;
    response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(text);
        return NULL;
    }
    MHD_add_response_header(response, "Content-Type",
                            answer->json ? "application/json" : answer->content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    if (answer->allow)
        MHD_add_response_header(response, "Allow", answer->allow);
    return response;
}

static enum MHD_Result send_answer(struct exchange *exchange)
{
    struct MHD_Response *response = make_response(exchange);
    enum MHD_Result queued;

    if (!response)
        return MHD_NO; /* no memory: MHD closes the connection */
    queued = MHD_queue_response(exchange->connection, exchange->answer.status, response);
    MHD_destroy_response(response);
    return queued;
}

/* A query argument is a string parameter; "?trace" alone is an empty one. */
static enum MHD_Result add_argument(void *object, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    (void)kind;
    if (json_object_set_new(object, name, json_string(value ? value : "")) != 0)
        json_object_set_new(object, "query", json_null()); /* not UTF-8: an unknown parameter, so refused */
    return MHD_YES;
}

/* Parameters out of query and body; NULL and the reason if the body is no JSON object. */
static json_t *parameters(struct exchange *exchange, char *why, size_t why_size)
{
    json_t *object;
    json_error_t error;

    if (exchange->body_size == 0) {
        object = json_object();
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

static enum MHD_Result begin(struct exchange *exchange, const char *method, const char *url)
{
    char why[256];
    json_t *object = parameters(exchange, why, sizeof why);

    if (!object) {
        answer_error(exchange, 400, "bad request", why);
        return send_answer(exchange);
    }
    exchange->call = kad_api_begin(exchange->all->node, method, url, object, on_done, exchange);
    if (!exchange->call)
        return send_answer(exchange);
    exchange->state = WAITING;
    exchange->all->n_waiting++;
    MHD_suspend_connection(exchange->connection);
    start_watch(exchange);
    return MHD_YES;
}

/* False: too large. */
static bool add_body(struct exchange *exchange, const char *bytes, size_t size)
{
    if (size > KAD_HTTP_BODY_MAX - exchange->body_size)
        return false;
    if (exchange->body_size + size > exchange->body_room) {
        const size_t room = exchange->body_size + size + 1024;
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

static bool announces_too_much(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    int64_t size;

    return length && (kad_parse_number(length, 0, INT64_MAX, &size) != KAD_OK || size > KAD_HTTP_BODY_MAX);
}

static enum MHD_Result open_exchange(struct kad_exchanges *all, struct MHD_Connection *connection,
                                     void **out_exchange)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);

    if (!exchange)
        return MHD_NO;
    exchange->all = all;
    exchange->connection = connection;
    exchange->n_holders = 1;
    *out_exchange = exchange;
    if (announces_too_much(connection)) {
        answer_error(exchange, 413, "body too large", "at most 65536 bytes");
        return send_answer(exchange);
    }
    return MHD_YES;
}

/* MHD calls this with the headers, then with each part of the body, then once more at its end, and again when a suspended
 * connection was resumed. */
enum MHD_Result kad_exchange_handle(void *exchanges, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_size, void **exchange_slot)
{
    struct exchange *exchange = *exchange_slot;

    (void)version;
    if (!exchange)
        return open_exchange(exchanges, connection, exchange_slot);
    if (*upload_size > 0) {
        if (exchange->state == READING && !add_body(exchange, upload, *upload_size))
            return MHD_NO; /* a body of unknown length that grew too long cannot be answered in HTTP/1.1: it is cut off */
        *upload_size = 0;
        return MHD_YES;
    }
    if (exchange->state == ANSWERED)
        return send_answer(exchange);
    return begin(exchange, method, url);
}

void kad_exchange_completed(void *exchanges, struct MHD_Connection *connection, void **exchange_slot,
                            enum MHD_RequestTerminationCode why)
{
    (void)exchanges;
    (void)connection;
    (void)why;
    if (*exchange_slot)
        release(*exchange_slot);
    *exchange_slot = NULL;
}
