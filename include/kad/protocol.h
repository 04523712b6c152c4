/*
 * protocol - a program's own protocols on the connections of a node in libp2p's networks.
 *
 * What is registered is spoken on every connection, beside Kademlia, and told to all peers (identify; who is connected already hears
 * it by identify/push). Peers open streams of it to us, and the program opens streams to peers: on the connection that is
 * there, or one that is dialled for it.
 *
 *     kad_node_protocol_add()    best before kad_node_start(): then nobody connects who has not heard of it
 *     kad_node_stream_open()     whom, and in which protocol; what is written at once goes out with the first words
 *     kad_node_stream_write()    says how much it took; the rest once `writable` was called
 *     kad_node_stream_end()      says that no more comes from us; the other side may go on
 *     kad_node_stream_reset()    ends it both ways, at once
 *
 * All of it belongs to the thread of the node's loop (kad_node_call() gets there from others). Callbacks come on that thread, too, never
 * from within one of these functions, and one at a time. In a callback all of these may be called, also for the stream it is about, and
 * kad_node_request(), kad_node_stop(); not kad_node_free(). It must not block.
 *
 * A stream is a number that is never used again. What is asked of one that is gone does nothing. `closed` is the last that is
 * said of a stream, and is said of each that the program had, but for those that it reset itself or whose protocol it took back.
 *
 * Whom the host's gate vetoes (kad_gate.reputation, by its 0 or less than min_score), is refused here as well: no stream of theirs is
 * told, and none is opened to them.
 *
 * Streams of a program do not go through the engine, so the flight recorder has nothing of them, and a recording replays without the
 * program.
 */
#ifndef KAD_PROTOCOL_H
#define KAD_PROTOCOL_H

#include "kad/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct kad_node;

#define KAD_PROTOCOLS_MAX     16   /* protocols of a program, at once */
#define KAD_PROTOCOL_NAME_MAX 64   /* bytes of a protocol's name */
#define KAD_PEER_TEXT         64   /* bytes that a peer id as text needs at most, with its zero */
#define KAD_ADDRESS_TEXT      1024 /* bytes that a multiaddr as text needs at most, with its zero */
#define KAD_STREAMS_MAX \
    1024 /* streams of all protocols at once; others may have opened three quarters of them */
#define KAD_STREAMS_OPEN_MAX 32 /* of ours to one peer, at once */

/* Why a stream is over. */
enum kad_stream_end {
    KAD_STREAM_CLOSED,  /* both sides have said all they had to say */
    KAD_STREAM_RESET,   /* the other side wants no more of it */
    KAD_STREAM_REFUSED, /* of ours: the other side does not speak this protocol */
    KAD_STREAM_UNREACHABLE, /* of ours: nobody is to be had at the addresses that are known, in time, or none is known */
    KAD_STREAM_LOST, /* the connection ended; so does that of a node that stops */
    KAD_STREAM_FULL  /* more has come of it than is kept for a program that does not take it */
};
/* "closed", "reset": a constant. */
const char *kad_stream_end_text(enum kad_stream_end end);

/*
 * A protocol of a program's own. Functions may be NULL: then all are let in, what comes is passed over, and the rest is not
 * told.
 *
 * What a program does not take is kept, 256 KiB of each stream (then its peer has to wait), 384 KiB of each connection and
 * 16 MiB of all: the stream that would pass the last two is reset.
 */
struct kad_protocol {
    const char *name;      /* "/example/echo/1.0.0"; begins with a slash; copied */
    unsigned max_streams;  /* at once that others have opened; 0: 256 */
    unsigned max_per_peer; /* of which one peer may have so many; 0: 8. Who opens more gets a reset */
    /* A peer opened a stream. False: it is reset, and nothing more is said of it. `peer` is a peer id, lent for the call. */
    bool (*opened)(void *context, uint64_t stream, const char *peer);
    /* `n` bytes have come, lent for the call: until it resets this stream, or takes its protocol back, if it does. Returns how many are
     * taken; the rest comes again, at the beginning of more, or after kad_node_stream_resume(). */
    size_t (*bytes)(void *context, uint64_t stream, const uint8_t *bytes, size_t n);
    /* The other side says no more, and all of it was taken. */
    void (*ended)(void *context, uint64_t stream);
    /* A write took less than it was given; now it can take more. */
    void (*writable)(void *context, uint64_t stream);
    /* It is over, and its number is of no more use. */
    void (*closed)(void *context, uint64_t stream, enum kad_stream_end end);
    void *context; /* handed to all of them */
};

/* Speaks this protocol from now on; copied. 0; KAD_E_INVALID (no node of libp2p, or no such name), KAD_E_EXISTS (it is spoken already, by the
 * program or by the node itself), KAD_E_LIMIT, KAD_E_CLOSED (stopping). */
KAD_CHECK int kad_node_protocol_add(struct kad_node *node, const struct kad_protocol *protocol);
/* Speaks it no more; its streams are reset, without a callback. False: there is none. */
bool kad_node_protocol_remove(struct kad_node *node, const char *name);

/* Opens a stream to `peer`, a peer id as text or a multiaddr with "/p2p/ID", in a protocol that was added. Without a connection the
 * peer is dialled at the addresses that are known of it, and at that one, unless it was not to be had a moment ago (a minute, then up to
 * five): `closed` tells if nobody is. `user` stays with the stream.
 * 0; KAD_E_INVALID (no such peer, or it is this node), KAD_E_NOT_FOUND (the protocol was not added), KAD_E_REFUSED (the gate's veto),
 * KAD_E_LIMIT (streams, to all or to this peer), KAD_E_MEMORY, KAD_E_CLOSED (not started, or stopping). */
KAD_CHECK int kad_node_stream_open(struct kad_node *node, const char *peer, const char *protocol, void *user,
                                   uint64_t *out_stream);
/* What the program keeps with a stream; NULL at first of those that others opened, and of those that are gone. */
void *kad_node_stream_user(const struct kad_node *node, uint64_t stream);
/* Keeps something else with it. */
void kad_node_stream_set_user(struct kad_node *node, uint64_t stream, void *user);
/* Says `n` bytes: returns how many were taken, 0 while it is being dialled. If not all, `writable` is called when there is room. */
size_t kad_node_stream_write(struct kad_node *node, uint64_t stream, const uint8_t *bytes, size_t n);
/* Says that no more comes, after what was taken. */
void kad_node_stream_end(struct kad_node *node, uint64_t stream);
/* Ends it both ways, whatever is under way; nothing more is called for it. */
void kad_node_stream_reset(struct kad_node *node, uint64_t stream);
/* What was not taken is offered again. */
void kad_node_stream_resume(struct kad_node *node, uint64_t stream);

/* A peer id (of libp2p's, as kad_gate is given it) as text, base58: always terminated. Pure, any thread. */
void kad_peer_format(struct kad_bytes peer, char out_text[KAD_PEER_TEXT]);
/* Where others can dial this node, with its peer id: one of its multiaddrs, as text. 0; KAD_E_NOT_FOUND (there are not so many),
 * KAD_E_INVALID (no node of libp2p). */
KAD_CHECK int kad_node_address(const struct kad_node *node, size_t number, char out_text[KAD_ADDRESS_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
