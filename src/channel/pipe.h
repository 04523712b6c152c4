/*
 * pipe - the bytes of one connection: as they are at first, in Noise messages once there are keys (libp2p/specs, noise: each is
 * two bytes of length, big-endian, and at most 65,535 bytes with its tag; their counters are their order).
 *
 * What is written between two kad_pipe_out() shares a message as long as it fits, and is sealed where it stands. What comes is
 * opened where it stands, unless it comes in pieces: so the bytes that come in are the pipe's to spoil.
 */
#ifndef KAD_CHANNEL_PIPE_H
#define KAD_CHANNEL_PIPE_H

#include "channel/buffer.h"
#include "crypto/suite.h"

#define KAD_PIPE_FRAME 65535                           /* bytes of a message */
#define KAD_PIPE_PLAIN (KAD_PIPE_FRAME - KAD_SEAL_TAG) /* and what they say at most */

struct kad_pipe {
    const struct kad_allocator *allocator;
    const struct kad_suite *suite;
    struct kad_buffer out, in;
    size_t most;    /* bytes in `out` */
    size_t open_at; /* in `out`: where the message that is being filled begins; SIZE_MAX: none is */
    bool sealed;    /* there are keys */
    uint64_t out_counter, in_counter;
    uint8_t out_key[KAD_SEAL_KEY], in_key[KAD_SEAL_KEY];
};

void kad_pipe_init(struct kad_pipe *pipe, const struct kad_allocator *allocator,
                   const struct kad_suite *suite, size_t most);
void kad_pipe_clear(struct kad_pipe *pipe);
/* From now on, both ways. */
void kad_pipe_seal(struct kad_pipe *pipe, const uint8_t out_key[KAD_SEAL_KEY],
                   const uint8_t in_key[KAD_SEAL_KEY]);

/* Where to write the next `n` bytes (KAD_PIPE_PLAIN at most); NULL: more than `most` wait already, or no memory. Until the next
 * call for this pipe. */
uint8_t *kad_pipe_append(struct kad_pipe *pipe, size_t n);
/* Bytes for the socket, borrowed until the pipe is written to; and that so many of them are gone. */
struct kad_bytes kad_pipe_out(struct kad_pipe *pipe);
void kad_pipe_sent(struct kad_pipe *pipe, size_t n);
size_t kad_pipe_waiting(const struct kad_pipe *pipe); /* bytes that wait, what is not sealed yet included */

/* With keys: the next message out of what came, `*bytes`, which moves on. 1: *out_plain, borrowed until the next call; 0: there is none
 * yet, and what came is kept; KAD_E_INVALID: not sealed with these keys; KAD_E_MEMORY. */
KAD_CHECK int kad_pipe_in(struct kad_pipe *pipe, uint8_t **bytes, size_t *n, struct kad_bytes *out_plain);

#endif
