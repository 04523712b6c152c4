/*
 * swarm_program - protocols of a program's own on the swarm's connections, and their streams (kad/protocol.h says what a program sees).
 *
 *     kad_swarm_speak() _unspeak()       which are spoken
 *     kad_swarm_next_stream()            news of a stream, until false: after each call of the swarm's
 *     kad_swarm_stream_...()             what the program does
 *
 * Nothing is called back: news waits with its stream until it is taken, so whoever takes it may do anything then.
 */
#ifndef KAD_ENGINE_SWARM_PROGRAM_H
#define KAD_ENGINE_SWARM_PROGRAM_H

#include "engine/swarm.h"
#include "kad/protocol.h"

/* Bytes that are kept for a program that does not take them: of one connection, of all. */
#define KAD_SWARM_KEPT_OF  (384 * 1024)
#define KAD_SWARM_KEPT_ALL (16 * 1024 * 1024)

/* 0, KAD_E_INVALID (its name), KAD_E_EXISTS, KAD_E_LIMIT. Of `protocol` the name and the ceilings are copied; `context` stands in the
 * streams' news. */
KAD_CHECK int kad_swarm_speak(struct kad_swarm *swarm, const struct kad_protocol *protocol, void *context,
                              kad_ms now);
const char *kad_swarm_spoken(const struct kad_swarm *swarm,
                             const char *name); /* the swarm's own copy of it; NULL: it is not one of these */
bool kad_swarm_unspeak(struct kad_swarm *swarm, const char *name, kad_ms now);

enum kad_swarm_stream_kind {
    KAD_SWARM_STREAM_OPENED, /* by the peer */
    KAD_SWARM_STREAM_BYTES,  /* kad_swarm_stream_unread() has some */
    KAD_SWARM_STREAM_WRITABLE,
    KAD_SWARM_STREAM_ENDED,
    KAD_SWARM_STREAM_CLOSED, /* the last of it */
};
struct kad_swarm_stream {
    enum kad_swarm_stream_kind kind;
    enum kad_stream_end end; /* CLOSED */
    uint64_t stream;
    void *context;         /* its protocol's */
    struct kad_bytes peer; /* borrowed until the next call of the swarm's */
    struct kad_endpoint endpoint;
};
bool kad_swarm_next_stream(struct kad_swarm *swarm, struct kad_swarm_stream *out_stream);
bool kad_swarm_has_streams(const struct kad_swarm *swarm); /* is there any? */

/* 0, KAD_E_NOT_FOUND (the protocol), KAD_E_INVALID (the peer), KAD_E_LIMIT, KAD_E_MEMORY. */
KAD_CHECK int kad_swarm_stream_open(struct kad_swarm *swarm, struct kad_bytes peer, const char *protocol,
                                    void *user, kad_ms now, uint64_t *out_stream);
void **kad_swarm_stream_user(const struct kad_swarm *swarm, uint64_t stream); /* NULL: it is gone */
struct kad_bytes kad_swarm_stream_unread(const struct kad_swarm *swarm, uint64_t stream);
void kad_swarm_stream_read(struct kad_swarm *swarm, uint64_t stream, size_t n);
size_t kad_swarm_stream_write(struct kad_swarm *swarm, uint64_t stream, struct kad_bytes bytes, kad_ms now);
void kad_swarm_stream_end(struct kad_swarm *swarm, uint64_t stream, kad_ms now);
void kad_swarm_stream_reset(struct kad_swarm *swarm, uint64_t stream);
void kad_swarm_stream_resume(struct kad_swarm *swarm, uint64_t stream);
/* All are lost, and say so. */
void kad_swarm_streams_stop(struct kad_swarm *swarm);

#endif
