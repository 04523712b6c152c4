/*
 * link - one connection of libp2p's, without I/O: multistream-select and Noise XX say who is at the other end, yamux makes streams
 * of it, and each stream says in multistream-select which protocol it speaks (libp2p/specs: connections, noise, yamux).
 *
 *     kad_link_bytes()        what the socket brought; the bytes are the link's to spoil
 *     kad_link_next_event()   until false, after each of the others
 *     kad_link_out()          what the socket is to be given; _sent() says how much of it went
 *     kad_link_tick()         time passed: at kad_link_wake_at()
 *
 * A stream is named by its number, unique for the life of the link, and gone (every function then says so) after both sides have
 * ended it, or one has reset it, or it was idle for `idle_ms`. On a stream of ours what is written goes out with the first words
 * of the negotiation; the other side's consent comes before its first data, or the event REFUSED.
 *
 * Bounded are: the time until it is UP, streams each way, what is unread and unsent, and what a peer that reads nothing makes us
 * keep. An idle link takes some 2 KiB.
 */
#ifndef KAD_CHANNEL_LINK_H
#define KAD_CHANNEL_LINK_H

#include "channel/noise_xx.h"
#include "channel/yamux.h"
#include "crypto/peer_id.h"

struct kad_link;

#define KAD_LINK_PAYLOAD 256

/* Who we are on all links of a process: a Noise key of its own, signed by the identity once. */
struct kad_link_identity {
    struct kad_noise_keys keys;
    uint8_t payload[KAD_LINK_PAYLOAD];
    size_t n_payload;
};
/* `secret` as kad_ed25519_keypair() has it. */
void kad_link_identity_make(struct kad_link_identity *identity, const struct kad_suite *suite,
                            const uint8_t secret[64], const uint8_t static_secret[KAD_DH_SIZE]);

struct kad_link_config {
    const struct kad_allocator *allocator; /* lent, as all pointers here, for the life of the link */
    const struct kad_suite *suite;
    const struct kad_link_identity *identity;
    uint8_t ephemeral[KAD_DH_SIZE]; /* a secret for this link only */
    bool initiator;
    struct kad_bytes expected;    /* whom we dial, a peer id; empty: whoever it is. Copied */
    const char *const *protocols; /* that streams of the other side may speak */
    unsigned n_protocols;
    unsigned max_in, max_out; /* streams at once, of each side */
    size_t max_buffered;      /* bytes unread over all streams */
    size_t max_unsent;        /* bytes that wait for the socket, and that a stream keeps beyond its window */
    kad_ms handshake_ms;      /* until it is up */
    kad_ms idle_ms;           /* a stream without a byte is reset */
    kad_ms
        ping_ms; /* after so long without a byte the other side is asked, and has as long to answer; 0: never */
};

enum kad_link_end {
    KAD_LINK_GOING,    /* it has not ended */
    KAD_LINK_CLOSED,   /* by us */
    KAD_LINK_LEFT,     /* the other side said go-away, and nothing is under way */
    KAD_LINK_SLOW,     /* not up in time, or no answer to a ping */
    KAD_LINK_PROTOCOL, /* it does not keep to multistream-select, yamux, or the limits of either */
    KAD_LINK_CRYPTO,   /* what it says does not open, or its key is not signed */
    KAD_LINK_WRONG,    /* somebody else than was dialled */
    KAD_LINK_FOREIGN,  /* it speaks no Noise or no yamux */
    KAD_LINK_MEMORY,
    KAD_LINK_FULL, /* it asks and reads nothing */
};
/* "crypto": a constant. */
const char *kad_link_end_text(enum kad_link_end end);

enum kad_link_event_kind {
    KAD_LINK_UP,      /* kad_link_peer() knows who it is */
    KAD_LINK_STREAM,  /* the other side opened one: `protocol` of the config */
    KAD_LINK_DATA,    /* there is more to read */
    KAD_LINK_ENDED,   /* the other side says no more on it; what is unread is still there */
    KAD_LINK_REFUSED, /* ours: the protocol is not spoken there; it is gone */
    KAD_LINK_RESET,   /* it is gone */
    KAD_LINK_SENT,    /* what was kept of it has been sent */
    KAD_LINK_DOWN,    /* the last event: close the socket when what is to be written was */
};

struct kad_link_event {
    enum kad_link_event_kind kind;
    uint32_t stream;
    unsigned protocol;     /* of a stream of theirs */
    void *context;         /* the stream's */
    enum kad_link_end end; /* DOWN */
};

/* 0 or KAD_E_MEMORY. */
KAD_CHECK int kad_link_new(const struct kad_link_config *config, kad_ms now, struct kad_link **out_link);
void kad_link_free(struct kad_link *link); /* NULL is fine */

void kad_link_bytes(struct kad_link *link, uint8_t *bytes, size_t n, kad_ms now);
struct kad_bytes kad_link_out(struct kad_link *link);
void kad_link_sent(struct kad_link *link, size_t n);
void kad_link_tick(struct kad_link *link, kad_ms now);
kad_ms kad_link_wake_at(const struct kad_link *link);
bool kad_link_next_event(struct kad_link *link, struct kad_link_event *out_event);

bool kad_link_is_up(const struct kad_link *link);
struct kad_bytes kad_link_peer(const struct kad_link *link);     /* its peer id; empty before it is up */
struct kad_bytes kad_link_peer_key(const struct kad_link *link); /* the message of its public key */
int32_t kad_link_rtt_ms(const struct kad_link *link);            /* of the last ping; -1: unknown */
unsigned kad_link_n_streams(const struct kad_link *link);

/* From now on streams of the other side may speak the first `n_protocols` of the config's list, which is that long. */
void kad_link_speak(struct kad_link *link, unsigned n_protocols);
/* A stream of ours, in a protocol whose name outlives it. 0: a ceiling, no memory, or the link is not up. */
uint32_t kad_link_open(struct kad_link *link, const char *protocol, void *context, kad_ms now);
void kad_link_set_context(struct kad_link *link, uint32_t stream, void *context);
/* Once its protocol is agreed, this stream may be idle for as long as the link lives. */
void kad_link_hold(struct kad_link *link, uint32_t stream);
/* Bytes that a write could take now without one of them being kept: the other side's window is open for so many, and so many wait
 * for the socket at most that others on this link have as much room again. */
size_t kad_link_room(const struct kad_link *link, uint32_t stream);
/* What is unread, in one piece; the first n bytes of it are read. */
struct kad_bytes kad_link_unread(const struct kad_link *link, uint32_t stream);
void kad_link_read(struct kad_link *link, uint32_t stream, size_t n);
/* All or nothing; `last`: no more after it. False: over a ceiling, or the stream is gone. */
bool kad_link_write(struct kad_link *link, uint32_t stream, struct kad_bytes bytes, bool last, kad_ms now);
/* Bytes written that wait, over all streams, for windows that the other side does not open. */
size_t kad_link_kept(const struct kad_link *link);
void kad_link_reset(struct kad_link *link, uint32_t stream);
/* The other side has agreed to the protocol of this stream. */
bool kad_link_has_agreed(const struct kad_link *link, uint32_t stream);
/* The other side has said that no more comes, and all that came is read. */
bool kad_link_has_ended(const struct kad_link *link, uint32_t stream);
/* Says go-away; DOWN follows. */
void kad_link_close(struct kad_link *link);

size_t kad_link_memory(const struct kad_link *link);
bool kad_link_sound(const struct kad_link *link, const char **out_why);

#endif
