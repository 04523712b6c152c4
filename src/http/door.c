/* door - see door.h. */
#include "http/door.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/exchange.h"
#include "http/stream.h"
#include "http/websocket_client.h"

/* When all places are taken, who has been at its request for so long makes room. */
#define CROWDED_MS KAD_SECOND

/* -- clients ------------------------------------------------------------------------------------------------------- */

void kad_client_enter(struct kad_client *client, enum kad_client_state state)
{
    client->state = state;
    client->since = uv_now(client->door->face->loop);
}

/* MHD finds the connection closed and clears it away. */
void kad_client_cut(struct kad_client *client, enum kad_web_refusal why)
{
    if (client->cut)
        return;
    client->cut = true;
    client->door->face->web->refused[why]++;
    shutdown(client->fd, SHUT_RDWR);
}

static bool waited(const struct kad_client *client, kad_ms ms)
{
    return !client->cut && uv_now(client->door->face->loop) - client->since >= (uint64_t)ms;
}

static void *client_came(struct kad_door *door, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct kad_client *client = calloc(1, sizeof *client);

    if (!client || !info) {
        free(client);
        return NULL; /* its requests will be refused */
    }
    client->door = door;
    client->fd = info->connect_fd;
    kad_client_enter(client, KAD_CLIENT_READING);
    client->next = door->clients;
    if (door->clients)
        door->clients->previous = client;
    door->clients = client;
    door->n_clients++;
    door->face->web->n_connections++;
    return client;
}

static void client_left(struct kad_client *client)
{
    struct kad_door *door = client->door;

    if (client->next)
        client->next->previous = client->previous;
    if (client->previous)
        client->previous->next = client->next;
    else
        door->clients = client->next;
    door->n_clients--;
    door->face->web->n_connections--;
    free(client);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **client,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *client = client_came(context, connection);
    } else if (*client) {
        client_left(*client);
        *client = NULL;
    }
}

void kad_door_sweep(struct kad_door *door)
{
    const struct kad_web_limits *limits = &door->face->limits;
    const bool is_crowded = door->kind != KAD_DOOR_LOCAL && door->n_clients >= limits->connections_max;

    for (struct kad_client *client = door->clients; client; client = client->next) {
        if (client->state == KAD_CLIENT_READING && waited(client, limits->request_ms))
            kad_client_cut(client, KAD_WEB_SLOW_REQUEST);
        else if (client->state == KAD_CLIENT_READING && is_crowded && waited(client, CROWDED_MS))
            kad_client_cut(client, KAD_WEB_CROWDED);
        else if (client->state == KAD_CLIENT_WRITING && waited(client, limits->answer_ms))
            kad_client_cut(client, KAD_WEB_SLOW_READER);
    }
    kad_websockets_sweep(door);
}

/* -- MHD on the loop ----------------------------------------------------------------------------------------------- */

static void run(struct kad_door *door);

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

static unsigned n_connections(const struct kad_door *door)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(door->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info ? info->num_connections : 0;
}

/* MHD says when it wants to look at its clocks again; 0 is "at once", which is the loop's next turn. */
static void run(struct kad_door *door)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    bool is_left;

    door->turn_ns = uv_hrtime();
    door->woken = false;
    kad_streams_resume(door);
    is_left = kad_websockets_resume(door);
    kad_exchanges_resume(door);
    MHD_run(door->daemon);
    /* At its limit MHD stops listening, and looks whether it may again at the beginning of a run: a place that came free in
     * this one would only be noticed when something else happens. */
    if (n_connections(door) < door->n_before)
        MHD_run(door->daemon);
    door->n_before = n_connections(door);
    if (door->deferred || door->woken || is_left)
        kad_door_wake(door);
    else if (MHD_get_timeout(door->daemon, &wait_ms) == MHD_YES)
        uv_timer_start(&door->timer, on_timer, wait_ms, 0);
    else
        uv_timer_stop(&door->timer);
}

/* Without a thread of its own MHD has no descriptor that says a connection was resumed. */
void kad_door_wake(struct kad_door *door)
{
    door->woken = true;
    uv_timer_start(&door->timer, on_timer, 0, 0);
}

bool kad_door_turn_is_over(const struct kad_door *door)
{
    const uint64_t now = uv_hrtime();

    return now > door->turn_ns && now - door->turn_ns > KAD_DOOR_TURN_NS;
}

static int start_daemon(struct kad_door *door)
{
    const struct kad_web_limits *limits = &door->face->limits;
    const unsigned silence_s = (unsigned)((limits->silence_ms + KAD_SECOND - 1) / KAD_SECOND);

    door->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE, 0, NULL, NULL, kad_exchange_handle,
        door, MHD_OPTION_LISTEN_SOCKET, door->listening, MHD_OPTION_NOTIFY_COMPLETED, kad_exchange_completed,
        door, MHD_OPTION_NOTIFY_CONNECTION, on_connection, door, MHD_OPTION_CONNECTION_LIMIT,
        limits->connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        door->guard.is_public ? limits->per_address_max : 0, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        limits->headers_max, MHD_OPTION_CONNECTION_TIMEOUT, silence_s, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
    return door->daemon ? KAD_OK : KAD_E_SYSTEM;
}

static int join_loop(struct kad_door *door)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(door->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    if (!info || uv_poll_init(door->face->loop, &door->poll, info->epoll_fd) != 0)
        return KAD_E_SYSTEM;
    uv_timer_init(door->face->loop, &door->timer);
    door->n_handles = 2;
    door->poll.data = door;
    door->timer.data = door;
    uv_poll_start(&door->poll, UV_READABLE, on_readable);
    run(door);
    return KAD_OK;
}

int kad_door_open(struct kad_door *door)
{
    int error = start_daemon(door);

    if (error != KAD_OK) {
        close(door->listening);
    } else {
        error = join_loop(door);
        if (error != KAD_OK)
            MHD_stop_daemon(door->daemon); /* closes the socket it was given */
    }
    return error;
}

void kad_door_close(struct kad_door *door)
{
    if (door->listening < 0)
        return;
    MHD_quiesce_daemon(door->daemon);
    close(door->listening);
    door->listening = -1;
}

static void on_closed(uv_handle_t *handle)
{
    struct kad_door *door = handle->data;

    if (--door->n_handles == 0)
        door->closed(door);
}

void kad_door_end(struct kad_door *door)
{
    kad_door_close(door);
    assert(door->n_waiting == 0 && "the node has not stopped: it still owes answers");
    door->turn_ns = UINT64_MAX / 2; /* nothing is put off any more */
    kad_streams_resume(door);
    while (door->deferred)
        kad_exchanges_resume(door);
    /* What was answered a moment ago is still to be written: once to resume the connections, once to write, once to end. */
    for (int i = 0; i < 4; i++)
        MHD_run(door->daemon);
    /* MHD must not be stopped while it has suspended ones, or others than its own. */
    kad_streams_resume(door);
    kad_websockets_resume(door);
    kad_websockets_end(door);
    MHD_run(door->daemon);
    MHD_stop_daemon(door->daemon);
    uv_close((uv_handle_t *)&door->poll, on_closed);
    uv_close((uv_handle_t *)&door->timer, on_closed);
}
