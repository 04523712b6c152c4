/*
 * link_parts - what the link's files share; nobody else's.
 *
 *     link.c            its life: bytes in and out, time
 *     link_handshake.c  until it is up: who is at the other end, and that both speak yamux
 *     link_streams.c    from then on: streams, and what is told of them
 */
#ifndef KAD_CHANNEL_LINK_PARTS_H
#define KAD_CHANNEL_LINK_PARTS_H

#include "channel/link.h"

enum kad_link_phase {
    KAD_LINK_PHASE_SECURITY, /* which security protocol */
    KAD_LINK_PHASE_NOISE,    /* the handshake */
    KAD_LINK_PHASE_MUXER,    /* which muxer, inside it */
    KAD_LINK_PHASE_UP,
    KAD_LINK_PHASE_DOWN,
};

/* What a handshake needs, and nobody after it. */
struct kad_link_handshake {
    struct kad_multistream negotiation;
    struct kad_noise_xx noise;
    struct kad_buffer in;
    unsigned n_messages; /* sent or read so far */
    uint8_t expected[KAD_PEER_ID_MAX];
    size_t n_expected;
    kad_ms until;
};

struct kad_link {
    struct kad_link_config config;
    enum kad_link_phase phase;
    enum kad_link_end end;
    bool tell_up, tell_down;
    struct kad_pipe pipe;
    struct kad_link_handshake *handshake; /* NULL once it is up */
    struct kad_yamux yamux;
    uint8_t *peer_key; /* n_peer_key bytes */
    size_t n_peer_key;
    uint8_t peer[KAD_PEER_ID_MAX];
    size_t n_peer;
    int32_t rtt_ms;
    kad_ms heard_at, pinged_at, sweep_at, end_at; /* end_at: when the end of a stream is due */
};

/* -- link.c ----------------------------------------------------------------------------------------------------- */

/* It is over, if it was not before. */
void kad_link_fail(struct kad_link *link, enum kad_link_end why);
/* What came, opened. */
void kad_link_take_plain(struct kad_link *link, struct kad_bytes plain, kad_ms now);

/* -- link_handshake.c ------------------------------------------------------------------------------------------- */

void kad_link_begin(struct kad_link *link);
void kad_link_drop_handshake(struct kad_link *link);
/* Before there are keys. What is left of the bytes then is sealed already. */
void kad_link_take_early(struct kad_link *link, const uint8_t *bytes, size_t n, kad_ms now);
/* Inside Noise, which muxer it is to be. */
void kad_link_take_muxer(struct kad_link *link, struct kad_bytes plain, kad_ms now);

/* -- link_streams.c --------------------------------------------------------------------------------------------- */

/* No stream is idle before the first of them can be: while there are none, that is later and later. */
void kad_link_put_off_sweep(struct kad_link *link, kad_ms now);
/* Streams that nobody used for too long; sets when to look again. */
void kad_link_reset_idle(struct kad_link *link, kad_ms now);
/* Ends of streams that have waited long enough; sets when the next is due. */
void kad_link_say_ends(struct kad_link *link, kad_ms now);

#endif
