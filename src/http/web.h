/*
 * web - what the HTTP face is told (limits) and what it counts.
 */
#ifndef KAD_HTTP_WEB_H
#define KAD_HTTP_WEB_H

#include "kad/types.h"

struct kad_web_limits {
    size_t body_max, headers_max; /* bytes; headers: with the request line */
    unsigned connections_max;     /* per door; more wait in the socket's queue */
    unsigned per_address_max;     /* of them from one address, with `is_public`; 0: no limit */
    unsigned streams_max;         /* event streams and WebSockets, over all doors */
    kad_ms silence_ms;            /* for the next byte from or to a client */
    kad_ms request_ms;            /* for a request to be complete, since the answer before it */
    kad_ms answer_ms;             /* for an answer to be taken */
};

/* Why a connection was cut, or a request refused before anybody looked at it. */
enum kad_web_refusal {
    KAD_WEB_SLOW_REQUEST, /* not complete in time */
    KAD_WEB_SLOW_READER,  /* did not take its answer in time */
    KAD_WEB_SLOW_STREAM,  /* overtaken by the feed */
    KAD_WEB_SILENT,       /* a WebSocket that does not answer pings */
    KAD_WEB_CROWDED,      /* its place was needed, and it was slow */
    KAD_WEB_TOO_LARGE,    /* body */
    KAD_WEB_FORBIDDEN,    /* host, origin, content type */
    KAD_WEB_UNAUTHORIZED, /* no token, or a wrong one */
    KAD_WEB_BUSY,         /* too many requests of strangers under way, too many streams */
    KAD_WEB_N_REFUSALS,
};

struct kad_web {
    uint64_t requests, answers[6]; /* by the first digit of the status */
    uint64_t refused[KAD_WEB_N_REFUSALS];
    uint64_t n_streams_begun;
    unsigned n_connections, n_streams; /* now */
};

/* `before` and these in Prometheus' format; malloc'ed, or NULL. */
char *kad_web_metrics(const struct kad_web *web, const char *before);

#endif
