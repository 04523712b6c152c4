/*
 * libp2p_parts - what the files of libp2p_link share.
 *
 *     libp2p_link.c    life, and what goes between swarm, engine and sockets
 *     libp2p_dial.c    connections: dialled, accepted, written to, ended
 *     libp2p_meet.c    multiaddrs to meet somebody at, among them names in DNS that stand for others
 *     libp2p_program.c a program's own protocols
 *     libp2p_kept.c    who was connected, over a restart
 *     libp2p_where.c   where others are told that we are
 */
#ifndef KAD_NODE_LIBP2P_PARTS_H
#define KAD_NODE_LIBP2P_PARTS_H

#include "net/resolve.h"
#include "net/stream.h"
#include "kad/protocol.h"
#include "node/libp2p_wrap.h"
#include "node/libp2p_link.h"
#include "node/parts.h"

struct libp2p_conn;
struct libp2p_names;

struct libp2p_port {
    struct kad_libp2p *link;
    struct kad_listener *listener;
    enum kad_multiaddr_transport transport;
};

struct kad_libp2p {
    struct kad_node *node;
    struct kad_swarm *swarm;
    struct kad_streams *streams;
    struct libp2p_port ports[KAD_NODE_LISTEN_MAX];
    size_t n_ports;
    struct libp2p_conn **conns; /* by the low 16 bits of the number that the swarm gave; NULL: none */
    uint32_t room_conns;
    struct kad_wrap_tls tls;
    struct libp2p_names *names; /* being looked up */
    uv_prepare_t prepare;
    uv_timer_t timer;
    unsigned n_open; /* of streams, prepare and timer, what the loop still has */
    bool local;      /* private and loopback addresses count */
    bool moved;      /* since the last time that the swarm was asked */
    bool started, closing, met_public;
    void (*on_closed)(void *node);
    char agent[32];
    struct kad_bytes kept; /* the file of who was connected; empty: read to its end */
    size_t kept_at;
    kad_ms meet_at, keep_at;   /* the next of these; and when they are written down again */
    kad_ms timer_at, asked_at; /* when the timer fires; when all were asked for that */
    kad_ms look_at;            /* at the interfaces again */
    struct kad_protocol protocols[KAD_PROTOCOLS_MAX]; /* the program's; without a name: free */
    size_t n_told;
    struct {
        size_t n;
        uint8_t bytes[KAD_MULTIADDR_MAX];
    } told[KAD_SWARM_LISTEN];
};

/* -- libp2p_link.c ---------------------------------------------------------------------------------------------- */

kad_ms kad_libp2p_now(const struct kad_libp2p *link);

/* -- libp2p_dial.c ---------------------------------------------------------------------------------------------- */

extern const struct kad_stream_calls kad_libp2p_calls;
void kad_libp2p_carry_out(struct kad_libp2p *link, const struct kad_swarm_order *order);
void kad_libp2p_conns_clear(struct kad_libp2p *link);

/* -- libp2p_meet.c ---------------------------------------------------------------------------------------------- */

void kad_libp2p_names_clear(struct kad_libp2p *link);

/* -- libp2p_program.c ------------------------------------------------------------------------------------------- */

/* The program hears what there is of its streams. */
void kad_libp2p_tell_streams(struct kad_libp2p *link);
/* The same, that they are all over. */
void kad_libp2p_stop_streams(struct kad_libp2p *link);

/* -- libp2p_kept.c ---------------------------------------------------------------------------------------------- */

void kad_libp2p_kept_begin(struct kad_libp2p *link);
void kad_libp2p_kept_tick(struct kad_libp2p *link, kad_ms now);
void kad_libp2p_kept_clear(struct kad_libp2p *link);
void kad_libp2p_keep(struct kad_libp2p *link); /* writes down who is connected now */

/* -- libp2p_where.c --------------------------------------------------------------------------------------------- */

/* Tells the swarm where we listen, if that is not as before. */
void kad_libp2p_look(struct kad_libp2p *link);
/* By what was set, or by whether others can get to us. */
enum kad_swarm_mode kad_libp2p_mode(const struct kad_libp2p *link);

#endif
