/*
 * http_client - one HTTP/1.1 request to a node's local socket, and its answer.
 *
 * Just as much of a client as our own server needs: a connection per request, answers with a Content-Length or up to the
 * end of the connection. docs/adr/0003 says why it is not libcurl.
 */
#ifndef KAD_CLI_HTTP_CLIENT_H
#define KAD_CLI_HTTP_CLIENT_H

#include "kad/types.h"

#define KAD_HTTP_REPLY_MAX ((size_t)64 * 1024 * 1024)

struct kad_http_reply {
    unsigned status;
    struct kad_bytes body; /* borrows from the bytes parsed */
};

/* Reads the answer in `bytes`; `ended`: no more will come. 0, KAD_E_SPACE (incomplete: more is needed), or KAD_E_INVALID
 * (no HTTP answer, or cut off). */
KAD_CHECK int kad_http_reply_parse(struct kad_bytes bytes, bool ended, struct kad_http_reply *out_reply);

struct kad_http_exchange {
    const char *socket;               /* path */
    const char *method, *path, *body; /* body: JSON text or NULL */
    kad_ms timeout_ms;
    void (*waiting)(void *context, kad_ms waited_ms); /* about ten times a second; may be NULL */
    void *context;
    char *received;              /* out: what `reply` borrows from; free() it, whatever came */
    struct kad_http_reply reply; /* out, on success */
};

/* 0, KAD_E_NOT_FOUND or KAD_E_REFUSED (no node there), KAD_E_TIMEOUT, KAD_E_INVALID (no sensible answer), KAD_E_CLOSED (cut
 * off), KAD_E_MEMORY or KAD_E_SYSTEM. */
KAD_CHECK int kad_http_exchange(struct kad_http_exchange *exchange);

#endif
