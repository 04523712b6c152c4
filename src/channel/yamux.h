/*
 * yamux - many streams over one connection: /yamux/1.0.0 (hashicorp/yamux spec.md; libp2p/specs, yamux), over a pipe.
 *
 *     kad_yamux_bytes()   what came, already opened
 *     kad_yamux_next()    a stream of which there is news, until NULL; who takes the news looks what it is
 *     kad_yamux_open() _write() _finish() _reset() _read()
 *     kad_yamux_flush()   what streams still have to say, as far as windows and the pipe let it: before the pipe is emptied
 *
 * A stream takes 256 KiB at most before its reader reads, and so much is what it promises; the session takes `max_buffered` for
 * all, and resets the stream that would pass it. What cannot be sent at once is kept, up to `max_unsent`.
 *
 * A stream lives until both sides have ended it and its last news was taken, or one has reset it. What breaks the protocol ends the
 * session with a go-away; what belongs to no stream (it was reset meanwhile) is passed over.
 */
#ifndef KAD_CHANNEL_YAMUX_H
#define KAD_CHANNEL_YAMUX_H

#include "base/index.h"
#include "channel/multistream.h"
#include "channel/pipe.h"

#define KAD_YAMUX_WINDOW 262144 /* bytes that each side may send before it hears more */
#define KAD_YAMUX_FRAME  16384  /* bytes of data in a frame of ours */
#define KAD_YAMUX_HEAD   12

/* Why a session is over; as go-away says it. */
enum kad_yamux_code { KAD_YAMUX_NORMAL = 0, KAD_YAMUX_PROTOCOL = 1, KAD_YAMUX_INTERNAL = 2 };

enum kad_yamux_news {
    KAD_YAMUX_OPENED = 1,   /* by the other side */
    KAD_YAMUX_DATA = 2,     /* there is more to read */
    KAD_YAMUX_ENDED = 4,    /* the other side says no more */
    KAD_YAMUX_RESET = 8,    /* it is gone: kad_yamux_drop() */
    KAD_YAMUX_WRITABLE = 16 /* what was kept has been sent */
};

struct kad_yamux_stream {
    uint32_t id;
    uint32_t send_window; /* bytes we may send */
    uint32_t recv_window; /* bytes it may send */
    uint32_t read;        /* bytes read since we said so */
    uint16_t flags;       /* SYN or ACK, due with the next frame */
    uint8_t news;         /* enum kad_yamux_news, to be taken */
    bool in_news, in_dirty;
    bool fin_due, fin_sent, fin_heard;
    bool remote; /* opened by the other side */
    struct kad_buffer in, unsent;
    struct kad_yamux_stream *next_news, *next_dirty;
    /* -- the link's -- */
    struct kad_multistream negotiation;
    bool negotiated;
    uint8_t protocol;
    bool end_waits; /* our end of it was said to the link, and is not sent yet */
    bool holds;     /* it is not reset for being idle, once its protocol is agreed */
    const char *proposed;
    kad_ms used_at, end_at; /* end_at: then it is */
    void *context;
};

struct kad_yamux_config {
    const struct kad_allocator *allocator;
    struct kad_pipe *pipe;
    bool client;         /* it dialled: its streams have odd numbers */
    unsigned max_in;     /* streams of the other side, at once */
    unsigned max_out;    /* and of ours */
    size_t max_buffered; /* bytes unread, over all streams */
    size_t max_unsent;   /* bytes kept until the other side takes them, over all streams */
};

struct kad_yamux {
    struct kad_yamux_config config;
    struct kad_index by_id;
    struct kad_yamux_stream **streams; /* slots, some free (NULL) */
    uint32_t n_slots;
    unsigned n_in, n_out;
    size_t buffered, unsent;
    struct kad_yamux_stream *first_news, **last_news, *first_dirty, **last_dirty;
    struct kad_yamux_stream *spare; /* some that ended, for the next: next_news */
    unsigned n_spare;
    uint32_t next_id;
    /* what is being read */
    uint8_t head[KAD_YAMUX_HEAD];
    uint8_t n_head;
    uint32_t left;    /* of this frame's data */
    uint32_t left_of; /* the stream it is for; 0: nobody */
    bool left_fin;    /* which ends with it */
    /* the session */
    bool gone; /* go-away was heard: nothing is opened any more */
    bool over; /* nothing more is taken */
    enum kad_yamux_code code;
    uint32_t ping; /* the last of ours */
    bool ping_out, ping_back;
    uint64_t n_opened[2], n_refused, n_resets, n_strays; /* counted: ours, theirs ... */
};

void kad_yamux_init(struct kad_yamux *yamux, const struct kad_yamux_config *config);
void kad_yamux_clear(struct kad_yamux *yamux);

/* False: the session is over (`code`), and a go-away is in the pipe. */
bool kad_yamux_bytes(struct kad_yamux *yamux, struct kad_bytes bytes);
/* NULL: no news. The caller takes and clears `news`, and does not keep the pointer over a later call that may free it: next(), drop(). */
struct kad_yamux_stream *kad_yamux_next(struct kad_yamux *yamux);

/* NULL: a ceiling, no memory, or the session takes no more. */
struct kad_yamux_stream *kad_yamux_open(struct kad_yamux *yamux);
struct kad_yamux_stream *kad_yamux_find(const struct kad_yamux *yamux, uint32_t id);
/* All or nothing; `last`: and no more after it. False: it would keep more than it may, or no memory. */
bool kad_yamux_write(struct kad_yamux *yamux, struct kad_yamux_stream *stream, struct kad_bytes bytes,
                     bool last);
/* The same, to go out with what is written next, or with the next flush. */
bool kad_yamux_hold(struct kad_yamux *yamux, struct kad_yamux_stream *stream, struct kad_bytes bytes);
/* The first `n` unread bytes are read. */
void kad_yamux_read(struct kad_yamux *yamux, struct kad_yamux_stream *stream, size_t n);
void kad_yamux_reset(struct kad_yamux *yamux, struct kad_yamux_stream *stream); /* and frees it */
/* The same, and there is news of it: nobody used it. */
void kad_yamux_expire(struct kad_yamux *yamux, struct kad_yamux_stream *stream);
/* There is (still) news of it. */
void kad_yamux_tell(struct kad_yamux *yamux, struct kad_yamux_stream *stream, enum kad_yamux_news news);
/* Frees it if it is over on both sides and has no news. True: it is gone. */
bool kad_yamux_settle(struct kad_yamux *yamux, struct kad_yamux_stream *stream);
void kad_yamux_flush(struct kad_yamux *yamux);
/* Nothing was said for long: what is kept for the next streams is given back. */
void kad_yamux_rest(struct kad_yamux *yamux);

/* Asks whether the other side is there. `ping_back` says that it answered. */
void kad_yamux_ping(struct kad_yamux *yamux);
void kad_yamux_go_away(struct kad_yamux *yamux, enum kad_yamux_code code);

size_t kad_yamux_memory(const struct kad_yamux *yamux);
bool kad_yamux_sound(const struct kad_yamux *yamux, const char **out_why);

#endif
