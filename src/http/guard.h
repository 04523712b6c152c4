/*
 * guard - may this request come in at all? Decided from its head, before its body is read.
 *
 *     local socket    whoever may open it is trusted
 *     loopback        trusted too, but a browser on this machine shows pages of strangers: a request must name this
 *                     machine in Host (else a name that resolves to 127.0.0.1 today is a way in: DNS rebinding), must not
 *                     come from another site's page (Origin, Sec-Fetch-Site), and what changes something must be JSON,
 *                     which no form can send
 *     public          the same but for Host; and without the token one may only read, and not make this node send
 *                     datagrams to an address of one's choice
 *
 * Pure: no node, no sockets.
 */
#ifndef KAD_HTTP_GUARD_H
#define KAD_HTTP_GUARD_H

#include "kad/types.h"

struct kad_guard {
    bool open;         /* the local socket: nothing is checked */
    bool is_public;    /* strangers may come */
    bool check_host;   /* bound to loopback, for this machine alone */
    const char *names; /* further names of this machine, "a.example,b.example"; NULL or "": none */
    const char *token; /* NULL: nobody has one */
};

/* Headers as they came; NULL: not there. */
struct kad_guard_request {
    const char *method, *path;
    const char *host, *origin, *fetch_site, *content_type, *authorization;
    bool has_address; /* a parameter says whom to send to */
};

struct kad_guard_verdict {
    unsigned status; /* 0: it may come in; else HTTP's */
    const char *error, *reason;
    bool trusted;
};

struct kad_guard_verdict kad_guard_check(const struct kad_guard *guard,
                                         const struct kad_guard_request *request);

/* Whether `host` ("name", "name:port", "[v6]:port") names this machine: an address, localhost, or one of `names`. */
bool kad_guard_is_own(const char *host, const char *names);

#define KAD_GUARD_TOKEN 65 /* 64 hexadecimal digits and a zero */

/* Reads FOLDER/api.token, or makes it (mode 0600). 0, KAD_E_CORRUPT (no token in it) or KAD_E_SYSTEM and errno. */
KAD_CHECK int kad_guard_token(const char *folder, char out_token[KAD_GUARD_TOKEN]);

#endif
