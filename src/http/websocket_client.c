/* websocket_client - see websocket_client.h. */
#include "http/websocket_client.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http/exchange.h"
#include "http/json.h"
#include "http/websocket.h"
#include "node/ws_bytes.h"
#include "http/websocket_request.h"

#define BLOCK      (16 * 1024) /* read and written at a time */
#define AT_ONCE    4           /* blocks written in one go; then the others have their turn */
#define QUEUED_MAX ((size_t)1024 * 1024)

struct call {
    enum { FREE, BEGINS, RUNS } state;
    struct kad_websocket_client *owner;
    struct kad_websocket_request request; /* while BEGINS; its id to the end */
    struct kad_api_call *asked;           /* while RUNS */
    bool of_stranger;                     /* counted in the door's n_strangers */
};

struct kad_websocket_client {
    struct kad_websocket_client *next, *previous;
    struct kad_door *door;
    struct kad_client *client; /* while it has not left */
    struct MHD_UpgradeResponseHandle *upgrade;
    int fd;
    uv_poll_t poll;
    struct kad_websocket socket;
    struct kad_feed_reader reader;
    struct call calls[KAD_WEBSOCKET_CALLS];
    bool trusted, has_left, closing, pinged, overdue;
    unsigned n_holders;             /* the loop while `poll` is open, and each call that RUNS */
    uint64_t heard_at, progress_at; /* the loop's milliseconds: it said, it took something */
    uint8_t out[BLOCK];
    size_t out_at, n_out;
};

/* -- coming and going ---------------------------------------------------------------------------------------------- */

static void release(struct kad_websocket_client *client)
{
    if (--client->n_holders > 0)
        return;
    kad_websocket_clear(&client->socket);
    free(client);
}

static void on_poll_closed(uv_handle_t *handle)
{
    release(handle->data);
}

static void forget(struct call *call)
{
    json_decref(call->request.id);
    json_decref(call->request.params);
    *call = (struct call){.state = FREE};
}

static void leave(struct kad_websocket_client *client)
{
    struct kad_door *door = client->door;

    if (client->has_left)
        return;
    client->has_left = true;
    if (client->next)
        client->next->previous = client->previous;
    if (client->previous)
        client->previous->next = client->next;
    else
        door->websockets = client->next;
    door->face->web->n_streams--;
    kad_feed_leave(door->face->feed);
    for (size_t i = 0; i < KAD_WEBSOCKET_CALLS; i++) {
        if (client->calls[i].state == BEGINS)
            forget(&client->calls[i]);
    }
    for (size_t i = 0; i < KAD_WEBSOCKET_CALLS; i++) {
        if (client->calls[i].state == RUNS)
            kad_api_cancel(client->calls[i].asked);
    }
    uv_close((uv_handle_t *)&client->poll, on_poll_closed);
    MHD_upgrade_action(client->upgrade, MHD_UPGRADE_ACTION_CLOSE);
    kad_door_wake(door);
}

/* -- out ----------------------------------------------------------------------------------------------------------- */

static void send_text(struct kad_websocket_client *client, char *text)
{
    if (!text)
        return;
    kad_websocket_send(&client->socket, (struct kad_bytes){(const uint8_t *)text, strlen(text)});
    free(text);
}

/* The next message of the feed, if there is one and all else has been said. */
static void add_news(struct kad_websocket_client *client)
{
    const struct kad_feed_message *message;
    long why;

    if (client->closing)
        return;
    message = kad_feed_take(client->door->face->feed, &client->reader, &why);
    if (message) {
        send_text(client, kad_websocket_event(message));
    } else if (why == KAD_FEED_LOST) {
        kad_client_cut(client->client, KAD_WEB_SLOW_STREAM);
    } else if (why == KAD_FEED_END) {
        for (size_t i = 0; i < KAD_WEBSOCKET_CALLS; i++) {
            if (client->calls[i].state != FREE)
                return; /* it still gets its answers */
        }
        client->closing = true;
        kad_websocket_close(&client->socket, KAD_WEBSOCKET_GOING_AWAY);
    }
}

/* The next block. False: nothing to write. */
static bool fill(struct kad_websocket_client *client)
{
    if (client->out_at < client->n_out)
        return true;
    client->out_at = 0;
    client->n_out = kad_websocket_output(&client->socket, client->out, BLOCK);
    while (client->n_out < BLOCK / 2 && !kad_websocket_has_output(&client->socket)) {
        add_news(client);
        if (!kad_websocket_has_output(&client->socket))
            break;
        client->n_out +=
            kad_websocket_output(&client->socket, client->out + client->n_out, BLOCK - client->n_out);
    }
    return client->n_out > 0;
}

/* False: it has gone. */
static bool write_block(struct kad_websocket_client *client)
{
    const ssize_t n =
        send(client->fd, client->out + client->out_at, client->n_out - client->out_at, MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    client->out_at += (size_t)n;
    client->progress_at = uv_now(client->door->face->loop);
    return true;
}

static void on_ready(uv_poll_t *poll, int status, int events);

/* Writes what there is, then waits: for room if something is left, else for what the client says. */
static void pump(struct kad_websocket_client *client)
{
    bool is_left = false;

    for (int i = 0; i < AT_ONCE && !client->has_left; i++) {
        is_left = fill(client);
        if (!is_left)
            break;
        if (!write_block(client)) {
            leave(client);
            return;
        }
        if (client->out_at < client->n_out)
            break;
    }
    if (client->has_left)
        return;
    if (!is_left)
        client->progress_at = uv_now(client->door->face->loop);
    if (!is_left && kad_websocket_ended(&client->socket))
        leave(client);
    else
        uv_poll_start(&client->poll, is_left ? UV_WRITABLE : UV_READABLE, on_ready);
}

/* -- requests ------------------------------------------------------------------------------------------------------ */

/* Takes over `id` and the answer. */
static void answer(struct kad_websocket_client *client, json_t *id, struct kad_api_answer what)
{
    client->door->face->web->answers[what.status / 100 < 6 ? what.status / 100 : 0]++;
    send_text(client, kad_websocket_answer(id, what));
    if (kad_websocket_queued(&client->socket) > QUEUED_MAX)
        kad_client_cut(client->client, KAD_WEB_SLOW_READER);
}

static void answer_error(struct kad_websocket_client *client, json_t *id, unsigned status, const char *error,
                         const char *reason)
{
    answer(client, id, (struct kad_api_answer){.status = status, .json = kad_json_error(error, reason)});
}

static void on_done(void *user, struct kad_api_answer what)
{
    struct call *call = user;
    struct kad_websocket_client *client = call->owner;
    const bool ran = call->state == RUNS;

    if (ran) {
        client->door->n_waiting--;
        client->door->n_strangers -= call->of_stranger;
    }
    if (client->has_left) {
        json_decref(what.json);
        free(what.text);
    } else {
        answer(client, json_incref(call->request.id), what);
    }
    forget(call);
    if (!ran)
        return;
    kad_door_wake(client->door); /* which pumps: not here, where the node is in the middle of its turn */
    release(client);
}

/* The same verdict that the request would have got over HTTP. */
static bool may(struct kad_websocket_client *client, const struct call *call)
{
    const struct kad_guard_request request = {
        .method = call->request.reads ? "GET" : call->request.verb,
        .path = call->request.route->path,
        .content_type = "application/json",
        .has_address = json_object_get(call->request.params, "address") != NULL,
    };
    struct kad_guard_verdict verdict;

    if (client->trusted)
        return true;
    verdict = kad_guard_check(&client->door->guard, &request);
    if (verdict.status == 0)
        return true;
    client->door->face->web->refused[KAD_WEB_UNAUTHORIZED]++;
    answer_error(client, json_incref(call->request.id), verdict.status, verdict.error, verdict.reason);
    return false;
}

static bool is_crowd(struct kad_websocket_client *client, const struct call *call)
{
    struct kad_door *door = client->door;

    if (client->trusted || !call->request.route->read || door->n_strangers < KAD_EXCHANGE_STRANGERS)
        return false;
    door->face->web->refused[KAD_WEB_BUSY]++;
    answer_error(client, json_incref(call->request.id), 429, "limit reached",
                 "too many requests without the token at once");
    return true;
}

static void begin(struct call *call)
{
    struct kad_websocket_client *client = call->owner;
    struct kad_door *door = client->door;
    struct kad_websocket_request *request = &call->request;
    json_t *params = request->params;

    door->face->web->requests++;
    if (!request->route || request->route->text) {
        answer_error(client, json_incref(request->id), 404, "no such method",
                     "docs/api.md lists the paths; without /api/ or /api/dht/ they are methods");
        forget(call);
        return;
    }
    if (!may(client, call) || is_crowd(client, call)) {
        forget(call);
        return;
    }
    request->params = NULL;
    call->asked = kad_api_begin(&door->face->api, (struct kad_api_asker){.trusted = client->trusted},
                                request->verb, request->route->path, params, on_done, call);
    if (!call->asked)
        return;
    call->state = RUNS;
    call->of_stranger = !client->trusted;
    client->n_holders++;
    door->n_waiting++;
    door->n_strangers += call->of_stranger;
}

static void on_text(void *user, struct kad_bytes text)
{
    struct kad_websocket_client *client = user;
    struct kad_websocket_request request;
    struct call *call = NULL;
    char why[256];

    if (!kad_websocket_request_read(text, &request, why, sizeof why)) {
        answer_error(client, request.id, 400, "bad request", why);
        return;
    }
    for (size_t i = 0; i < KAD_WEBSOCKET_CALLS && !call; i++) {
        if (client->calls[i].state == FREE)
            call = &client->calls[i];
    }
    if (!call) {
        client->door->face->web->refused[KAD_WEB_BUSY]++;
        json_decref(request.params);
        answer_error(client, request.id, 429, "limit reached",
                     "too many requests at once on this connection");
        return;
    }
    *call = (struct call){.state = BEGINS, .owner = client, .request = request};
    kad_door_wake(client->door);
}

/* -- in ------------------------------------------------------------------------------------------------------------ */

static void take_in(struct kad_websocket_client *client, struct kad_bytes bytes)
{
    client->heard_at = uv_now(client->door->face->loop);
    client->pinged = client->overdue = false;
    kad_websocket_input(&client->socket, bytes);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct kad_websocket_client *client = poll->data;
    uint8_t bytes[BLOCK];
    ssize_t n;

    if (status < 0) {
        leave(client);
        return;
    }
    if (events & UV_WRITABLE)
        client->heard_at =
            uv_now(client->door->face->loop); /* it took something: nothing was read meanwhile */
    if (events & UV_READABLE) {
        n = recv(client->fd, bytes, sizeof bytes, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            leave(client);
            return;
        }
        if (n > 0)
            take_in(client, (struct kad_bytes){bytes, (size_t)n});
    }
    pump(client);
}

/* -- the handshake ------------------------------------------------------------------------------------------------- */

struct MHD_Response *kad_websocket_response(const char *key, MHD_UpgradeHandler handler, void *context,
                                            bool *out_valid)
{
    char accept[KAD_WS_ACCEPT];
    struct MHD_Response *response;

    *out_valid = kad_ws_accept(key, accept);
    response = *out_valid ? MHD_create_response_for_upgrade(handler, context) : NULL;
    if (response) {
        MHD_add_response_header(response, "Upgrade", "websocket");
        MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
    }
    return response;
}

static struct kad_websocket_client *make(struct kad_client *client, bool trusted, int fd)
{
    struct kad_door *door = client->door;
    struct kad_websocket_client *made = calloc(1, sizeof *made);

    if (!made)
        return NULL;
    if (kad_websocket_init(&made->socket, door->face->limits.body_max, on_text, made) != KAD_OK ||
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0 ||
        uv_poll_init(door->face->loop, &made->poll, fd) != 0) {
        kad_websocket_clear(&made->socket);
        free(made);
        return NULL;
    }
    made->door = door;
    made->client = client;
    made->fd = fd;
    made->trusted = trusted;
    made->n_holders = 1;
    made->poll.data = made;
    made->heard_at = made->progress_at = uv_now(door->face->loop);
    return made;
}

void kad_websocket_client_new(struct kad_client *client, bool trusted, const char *network, int fd,
                              struct MHD_UpgradeResponseHandle *upgrade, struct kad_bytes early)
{
    struct kad_door *door = client->door;
    struct kad_websocket_client *made = make(client, trusted, fd);

    if (!made) {
        MHD_upgrade_action(upgrade, MHD_UPGRADE_ACTION_CLOSE);
        kad_door_wake(door);
        return;
    }
    made->upgrade = upgrade;
    made->reader = kad_feed_join(door->face->feed, trusted, network);
    made->next = door->websockets;
    if (door->websockets)
        door->websockets->previous = made;
    door->websockets = made;
    door->face->web->n_streams++;
    door->face->web->n_streams_begun++;
    if (early.size > 0)
        take_in(made, early);
    pump(made);
}

/* -- all of them --------------------------------------------------------------------------------------------------- */

static bool begin_some(struct kad_websocket_client *client)
{
    for (size_t i = 0; i < KAD_WEBSOCKET_CALLS; i++) {
        if (client->calls[i].state != BEGINS)
            continue;
        if (kad_door_turn_is_over(client->door))
            return true;
        begin(&client->calls[i]);
    }
    return false;
}

bool kad_websockets_resume(struct kad_door *door)
{
    const struct kad_feed *feed = door->face->feed;
    bool must_wait = false;

    for (struct kad_websocket_client *client = door->websockets, *next; client; client = next) {
        next = client->next;
        if (kad_feed_overtook(feed, &client->reader))
            kad_client_cut(client->client, KAD_WEB_SLOW_STREAM);
        must_wait |= begin_some(client);
        if (client->out_at == client->n_out)
            pump(client);
    }
    return must_wait;
}

void kad_websockets_sweep(struct kad_door *door)
{
    const struct kad_web_limits *limits = &door->face->limits;
    const uint64_t now = uv_now(door->face->loop);

    for (struct kad_websocket_client *client = door->websockets, *next; client; client = next) {
        const uint64_t silent_ms = now - client->heard_at;

        next = client->next;
        if (client->out_at < client->n_out) {
            if (now - client->progress_at >= (uint64_t)limits->answer_ms)
                kad_client_cut(client->client, KAD_WEB_SLOW_READER);
        } else if (silent_ms >= 2 * (uint64_t)limits->silence_ms) {
            /* After a turn that took long its word may be waiting to be read: it has until the next time. */
            if (client->overdue)
                kad_client_cut(client->client, KAD_WEB_SILENT);
            client->overdue = true;
        } else if (silent_ms >= (uint64_t)limits->silence_ms && !client->pinged) {
            client->pinged = true;
            kad_websocket_ping(&client->socket);
            pump(client);
        }
    }
}

void kad_websockets_end(struct kad_door *door)
{
    for (struct kad_websocket_client *client = door->websockets, *next; client; client = next) {
        next = client->next;
        pump(client);
        leave(client);
    }
}
