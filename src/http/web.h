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

/* What members of kad-ws say, by command; OTHER: what no command is. */
enum kad_web_command {
    KAD_WEB_PING,
    KAD_WEB_FIND_NODE,
    KAD_WEB_GET,
    KAD_WEB_FIND_PROVIDERS,
    KAD_WEB_PUT,
    KAD_WEB_PROVIDE,
    KAD_WEB_TAKE,
    KAD_WEB_OTHER,
    KAD_WEB_N_COMMANDS,
};

/* Of all networks over WebSockets (http/members.h). */
struct kad_web_members {
    bool any;                            /* there is such a network */
    unsigned n_in, n_out;                /* connections now: that came, that were dialled */
    uint64_t proved, refused, unreached; /* handshakes; dialled and nobody there */
    uint64_t received[KAD_WEB_N_COMMANDS], sent[KAD_WEB_N_COMMANDS];
};

/* "Kad.findNode" */
enum kad_web_command kad_web_command_of(const char *name);

struct kad_web {
    struct kad_web_members members;
    uint64_t requests, answers[6]; /* by the first digit of the status */
    uint64_t refused[KAD_WEB_N_REFUSALS];
    uint64_t n_streams_begun;
    unsigned n_connections, n_streams; /* now */
};

/* `before` and these in Prometheus' format; malloc'ed, or NULL. */
char *kad_web_metrics(const struct kad_web *web, const char *before);

#endif
