/*
 * server - the HTTP face of a node: http/api.h behind up to three doors, on the node's own loop.
 *
 *     kad_http_new()    opens them: the local socket, the API over TCP, the metrics over TCP
 *     kad_http_event()  something happened in the node: whoever listens to /events hears of it
 *     kad_http_close()  takes nothing new; what runs is answered as the node ends it (kad_node_stop()), streams end
 *     kad_http_free()   when the node has stopped: the last answers leave. The loop has to turn once more after it.
 *
 * A connection whose request is with the DHT is suspended; if its client goes away meanwhile, the request is cancelled.
 * Everything is bounded: connections, the size of headers and bodies, the time a client may take (http/web.h).
 */
#ifndef KAD_HTTP_SERVER_H
#define KAD_HTTP_SERVER_H

#include "http/web.h"
#include "kad/node.h"

struct kad_http;

struct kad_http_config {
    const char *socket; /* path; NULL: none */
    const char *api;    /* "127.0.0.1:8080"; NULL: none */
    const char *metrics;
    /* The port is only a suggestion: when it is taken, that door stays shut, with a warning in the node's log. */
    bool api_is_default, metrics_is_default;
    bool is_public;    /* the API is for strangers: they may only read, unless they have the token */
    const char *names; /* of this machine, for Host; "" or NULL: none */
    struct kad_web_limits limits;
    struct kad_node *const
        *others; /* on other networks, n_others of them: asked with the parameter `network` */
    size_t n_others;
};

/* 0 or a kad_error with the reason in `out_why`. The texts are copied; the socket is removed in the end. With is_public the
 * token is that of the node's data directory (http/guard.h); without one nobody has it. */
KAD_CHECK int kad_http_new(struct kad_node *node, const struct kad_http_config *config,
                           struct kad_http **out_http, char *out_why, size_t why_size);
/* Of the node itself or one of the others. NULL is fine. */
void kad_http_event(struct kad_http *http, struct kad_node *node, const struct kad_event *event);
void kad_http_close(struct kad_http *http);
void kad_http_free(struct kad_http *http); /* NULL is fine */

#endif
