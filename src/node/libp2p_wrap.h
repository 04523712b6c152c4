/*
 * libp2p_wrap - what may lie between a TCP connection and the bytes of libp2p's: a WebSocket, or one within TLS, either side.
 *
 *     kad_wrap_input()   raw bytes that came; `take` is called with what was in them
 *     kad_wrap_write()   bytes to send, when it is open and there is no output
 *     kad_wrap_out()     raw bytes to write; kad_wrap_sent() that so many were
 */
#ifndef KAD_NODE_LIBP2P_WRAP_H
#define KAD_NODE_LIBP2P_WRAP_H

#include "base/multiaddr.h"
#include "node/ws_bytes.h"

#define KAD_WRAP_LUMP (16 * 1024) /* bytes that are taken at a time */

struct kad_wrap;
struct ssl_ctx_st;

/* Certificates of ours and of others, for TLS. NULL where there are none. */
struct kad_wrap_tls {
    struct ssl_ctx_st *server,
        *client; /* client: made when it is needed, if the system's authorities are believed: they are many */
};
/* 0; KAD_E_INVALID with the reason in `out_why`: a file cannot be read, or the key is another's. Without `certificate` there is no
 * server; with no `authorities` the system's are believed. */
KAD_CHECK int kad_wrap_tls_init(struct kad_wrap_tls *tls, const char *certificate, const char *key,
                                const char *authorities, char *out_why, size_t why_size);
void kad_wrap_tls_clear(struct kad_wrap_tls *tls);

struct kad_wrap_config {
    const struct kad_allocator *allocator;
    struct kad_wrap_tls *tls; /* KAD_TRANSPORT_WSS only */
    enum kad_multiaddr_transport transport;
    const struct kad_multiaddr *to; /* a client's, lent for the call; NULL: a server */
    kad_ws_take *take;
    void *context;
};

/* 0, KAD_E_MEMORY; KAD_E_INVALID: there is no certificate for it. */
KAD_CHECK int kad_wrap_new(const struct kad_wrap_config *config, struct kad_wrap **out_wrap);
void kad_wrap_free(struct kad_wrap *wrap);                          /* NULL is fine */
bool kad_wrap_input(struct kad_wrap *wrap, struct kad_bytes bytes); /* false: it is over */
bool kad_wrap_is_open(const struct kad_wrap *wrap);
bool kad_wrap_write(struct kad_wrap *wrap,
                    struct kad_bytes bytes); /* KAD_WRAP_LUMP at most; false: it is over */
struct kad_bytes kad_wrap_out(struct kad_wrap *wrap);
void kad_wrap_sent(struct kad_wrap *wrap, size_t n);

#endif
