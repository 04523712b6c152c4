/*
 * server - the HTTP face of a node: http/api.h behind libmicrohttpd, on the node's own loop.
 *
 *     kad_http_new()    listens on a local socket
 *     kad_http_close()  takes nothing new; what runs is answered as the node ends it (kad_node_stop())
 *     kad_http_free()   when the node has stopped: the last answers leave. The loop has to turn once more after it.
 *
 * libmicrohttpd has no thread here: its epoll descriptor is one more descriptor of the loop, and its next deadline one
 * more timer. A connection whose request is with the DHT is suspended; if its client goes away meanwhile, the request is
 * cancelled. Everything is bounded: connections, the size of headers and bodies, and the time a client may take.
 */
#ifndef KAD_HTTP_SERVER_H
#define KAD_HTTP_SERVER_H

#include "kad/node.h"

#define KAD_HTTP_BODY_MAX    65536
#define KAD_HTTP_HEADERS_MAX (16 * 1024) /* request line and headers */
#define KAD_HTTP_CONNECTIONS 256         /* more wait in the socket's queue */
#define KAD_HTTP_PATIENCE_S  15          /* for the next byte from or to a client */

struct kad_http;

/* 0 or a kad_error with the reason in `out_why`. `path` is copied, and removed in the end. */
KAD_CHECK int kad_http_new(struct kad_node *node, const char *path, struct kad_http **out_http, char *out_why,
                           size_t why_size);
void kad_http_close(struct kad_http *http);
void kad_http_free(struct kad_http *http); /* NULL is fine */

#endif
