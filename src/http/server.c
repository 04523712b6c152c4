/* server - see server.h. One exchange (a request and its answer) is exchange.c's. */
#include "http/server.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "http/exchange.h"
#include "http/unix_socket.h"

struct kad_http {
    unsigned n_connections; /* when MHD last ran */
    struct kad_exchanges exchanges;
    struct MHD_Daemon *daemon;
    char *path;
    int listening;    /* -1: no more */
    uv_poll_t poll;   /* MHD's epoll descriptor */
    uv_timer_t timer; /* MHD's next deadline */
    unsigned n_handles;
};

/* MHD says when it wants to look at its clocks again; 0 is "at once", which is the loop's next turn. */
static void run(struct kad_http *http);

static unsigned n_connections(const struct kad_http *http)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info ? info->num_connections : 0;
}

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void run(struct kad_http *http)
{
    const unsigned before = http->n_connections;
    MHD_UNSIGNED_LONG_LONG wait_ms;

    MHD_run(http->daemon);
    /* At its limit MHD stops listening, and looks whether it may again at the beginning of a run: a place that came free in
     * this one would only be noticed when something else happens. */
    if (n_connections(http) < before)
        MHD_run(http->daemon);
    http->n_connections = n_connections(http);
    if (MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES)
        uv_timer_start(&http->timer, on_timer, wait_ms, 0);
    else
        uv_timer_stop(&http->timer);
}

/* Without a thread of its own MHD has no descriptor that says a connection was resumed. */
static void wake(struct kad_exchanges *exchanges)
{
    struct kad_http *http = (struct kad_http *)((char *)exchanges - offsetof(struct kad_http, exchanges));

    uv_timer_start(&http->timer, on_timer, 0, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

static int start_daemon(struct kad_http *http)
{
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, kad_exchange_handle, &http->exchanges,
        MHD_OPTION_LISTEN_SOCKET, http->listening, MHD_OPTION_NOTIFY_COMPLETED, kad_exchange_completed,
        &http->exchanges, MHD_OPTION_CONNECTION_LIMIT, (unsigned)KAD_HTTP_CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)KAD_HTTP_HEADERS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)KAD_HTTP_PATIENCE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    return http->daemon ? KAD_OK : KAD_E_SYSTEM;
}

static int join_loop(struct kad_http *http, uv_loop_t *loop)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    if (!info || uv_poll_init(loop, &http->poll, info->epoll_fd) != 0)
        return KAD_E_SYSTEM;
    uv_timer_init(loop, &http->timer);
    http->n_handles = 2;
    http->poll.data = http;
    http->timer.data = http;
    uv_poll_start(&http->poll, UV_READABLE, on_readable);
    run(http);
    return KAD_OK;
}

static void stop_listening(struct kad_http *http)
{
    if (http->listening < 0)
        return;
    unlink(http->path);
    close(http->listening);
    http->listening = -1;
}

static void on_closed(uv_handle_t *handle)
{
    struct kad_http *http = handle->data;

    if (--http->n_handles > 0)
        return;
    free(http->path);
    free(http);
}

int kad_http_new(struct kad_node *node, const char *path, struct kad_http **out_http, char *out_why,
                 size_t why_size)
{
    struct kad_http *http = calloc(1, sizeof *http);
    int error = KAD_E_MEMORY;

    snprintf(out_why, why_size, "%s: out of memory", path);
    if (!http || !(http->path = strdup(path))) {
        free(http);
        return error;
    }
    http->exchanges.node = node;
    http->exchanges.wake = wake;
    http->listening = kad_unix_listen(path);
    if (http->listening < 0) {
        error = http->listening;
        snprintf(out_why, why_size, "cannot listen on %s: %s", path,
                 error == KAD_E_EXISTS ? "another node answers there, or it is no socket"
                                       : strerrordesc_np(errno));
        free(http->path);
        free(http);
        return error;
    }
    error = start_daemon(http);
    if (error == KAD_OK)
        error = join_loop(http, kad_node_loop(node));
    if (error != KAD_OK) {
        snprintf(out_why, why_size, "cannot serve on %s", path);
        if (http->daemon)
            MHD_stop_daemon(http->daemon); /* closes the socket it was given */
        else
            close(http->listening);
        unlink(path);
        free(http->path);
        free(http);
        return error;
    }
    *out_http = http;
    return KAD_OK;
}

void kad_http_close(struct kad_http *http)
{
    MHD_quiesce_daemon(http->daemon);
    stop_listening(http);
}

void kad_http_free(struct kad_http *http)
{
    if (!http)
        return;
    kad_http_close(http);
    assert(http->exchanges.n_waiting == 0 && "the node has not stopped: it still owes answers");
    /* What was answered a moment ago is still to be written: once to resume the connections, once to write, once to end. */
    for (int i = 0; i < 4; i++)
        MHD_run(http->daemon);
    MHD_stop_daemon(http->daemon);
    uv_close((uv_handle_t *)&http->poll, on_closed);
    uv_close((uv_handle_t *)&http->timer, on_closed);
}
