/*
 * stream - TCP connections on a libuv loop: bytes that come, and as many as the system takes.
 *
 *     kad_listener_open()      binds at once, so that a taken port is told at once; others get in once it is started
 *     kad_stream_dial()        a connection of ours; kad_stream_close() ends it at any time, also while it is tried
 *     kad_stream_write()       takes what the system takes now, and little more; if that is not all, calls.writable comes later
 *
 * All connections of a loop read into one buffer, and none has more unsent than KAD_STREAM_UNSENT of its own: whoever writes
 * keeps the rest and is told when there is room. There are no time limits here: whoever has the connections has a clock.
 */
#ifndef KAD_NET_STREAM_H
#define KAD_NET_STREAM_H

#include <uv.h>

#include "base/alloc.h"
#include "base/endpoint.h"

#define KAD_STREAM_READ    (64 * 1024) /* bytes at a time */
#define KAD_STREAM_UNSENT  (16 * 1024) /* that are kept of a connection while the system takes none */
#define KAD_STREAM_BACKLOG 512

struct kad_streams;  /* all of a loop that somebody has */
struct kad_listener; /* a port */
struct kad_stream;   /* a connection */

struct kad_stream_calls {
    /* Somebody came. `user` is the listener's. Take it with kad_stream_set_user(), or close it. */
    void (*accepted)(void *context, void *user, struct kad_stream *stream, const struct kad_endpoint *from);
    void (*connected)(void *context, void *user); /* what was dialled */
    void (*bytes)(void *context, void *user, uint8_t *bytes,
                  size_t n);                     /* yours to spoil, until the end of the call */
    void (*writable)(void *context, void *user); /* after a write that did not take all */
    void (*ended)(void *context, void *user,
                  int error); /* by the other side, or it failed: errno, 0. Close it. */
};

struct kad_stream_counters {
    uint64_t accepted, dialled, failed; /* connections: that came, that we began, that did not come to be */
    uint64_t bytes_in, bytes_out;
};

/* All that is called gets `context`. 0, KAD_E_MEMORY. */
KAD_CHECK int kad_streams_new(uv_loop_t *loop, const struct kad_allocator *allocator,
                              const struct kad_stream_calls *calls, void *context,
                              struct kad_streams **out_streams);
/* Closes all of them, and calls `on_closed` (may be NULL) from the loop when none is left. Nothing else is called any more. Frees. */
void kad_streams_close(struct kad_streams *streams, void (*on_closed)(void *context));
unsigned kad_streams_count(const struct kad_streams *streams); /* connections that are there */
const struct kad_stream_counters *kad_streams_counters(const struct kad_streams *streams);

/* Port 0: any. 0, KAD_E_MEMORY, KAD_E_SYSTEM with errno. */
KAD_CHECK int kad_listener_open(struct kad_streams *streams, const struct kad_endpoint *endpoint, void *user,
                                struct kad_listener **out_listener);
KAD_CHECK int kad_listener_start(struct kad_listener *listener); /* 0, KAD_E_SYSTEM with errno */
struct kad_endpoint kad_listener_endpoint(const struct kad_listener *listener);

/* 0, KAD_E_MEMORY, KAD_E_SYSTEM with errno (there is no way); then calls.connected or .ended comes, never at once. */
KAD_CHECK int kad_stream_dial(struct kad_streams *streams, const struct kad_endpoint *to, void *user,
                              struct kad_stream **out_stream);
void kad_stream_set_user(struct kad_stream *stream, void *user);
/* How many bytes were taken. Not before it is connected. */
size_t kad_stream_write(struct kad_stream *stream, struct kad_bytes bytes);
/* It is not to be used again, and nothing is called for it; what was not sent is lost. */
void kad_stream_close(struct kad_stream *stream);

#endif
