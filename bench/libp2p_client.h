/*
 * libp2p_client - connections to one node of libp2p's, of our own channel/link over TCP: what measures a kad measures a js-libp2p too.
 *
 * Every connection has an identity of its own, made from its number. On each, up to `window` streams ask at once, `per_stream`
 * questions one after the other on a stream before it is ended; the node's own questions (identify, ping) are answered as a
 * client's are. Exits with a message when a bench cannot go on.
 */
#ifndef BENCH_LIBP2P_CLIENT_H
#define BENCH_LIBP2P_CLIENT_H

#include <sys/types.h>

#include "bench/udp.h"
#include "channel/link.h"

enum { P2P_PROTOCOL_MAX = 64, P2P_KEYS_MAX = 4096, P2P_QUESTION_MAX = 256, P2P_ADDR_SIZE = 8 };

enum p2p_ask { P2P_FIND_NODE, P2P_GET_PROVIDERS, P2P_ADD_PROVIDER, P2P_PING, P2P_IDENTIFY, P2P_ASKS };

struct p2p_tally {
    uint64_t answers, errors, up, down, bytes, looked_at, closer, providers;
};

struct p2p_conn;

struct p2p_load {
    uint32_t to; /* host order */
    uint16_t port;
    char protocol[P2P_PROTOCOL_MAX]; /* Kademlia's */
    enum p2p_ask ask;
    unsigned window, per_stream;
    uint64_t most; /* questions begun on a connection; 0: as long as it is asked */
    bool resting;  /* begin no more */
    unsigned n_keys, next_key;
    int epoll;
    unsigned n_open; /* connections */
    struct p2p_tally tally;
    void (*idle)(struct p2p_load *load, struct p2p_conn *conn);  /* `most` were answered; NULL: let it be */
    void (*ended)(struct p2p_load *load, struct p2p_conn *conn); /* it is no more; NULL: that is an error */
    uint64_t number;                                             /* of the next identity */
};

void p2p_init(struct p2p_load *load);
/* Dials; the rest is done while p2p_turn() is called. */
struct p2p_conn *p2p_open(struct p2p_load *load);
/* Says go-away and closes the socket; frees it. Not from `ended`. */
void p2p_close(struct p2p_load *load, struct p2p_conn *conn);
/* Asks again where it was resting. */
void p2p_resume(struct p2p_load *load, struct p2p_conn *conn);
/* What has come, and what follows; waits so long for it at most. */
void p2p_turn(struct p2p_load *load, int timeout_ms);

#endif
