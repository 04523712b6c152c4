/*
 * channel - secure sessions over datagrams: who speaks is proven, what is said is sealed, and nothing looks like anything.
 *
 * Noise_IK over datagrams with masked headers, as docs/protocol.md, "Sessions", has it. No I/O, no clock, no globals: datagrams
 * and the time go in, plaintexts and datagrams come out. One channel holds all sessions of one participant, within a ceiling.
 *
 *     in    kad_channel_receive()     a datagram -> nothing more to do, or a plaintext with its sender's key
 *     out   kad_channel_plan()        how much fits towards this peer, and where in the buffer it is to stand
 *           kad_channel_seal()        the plaintext there becomes a datagram, in place
 *
 * What a first message to somebody costs is hidden in plan(): with a session it is a DATA datagram, with a known key a first
 * message that carries the plaintext along, without a key a knock at the open door; the plaintext then waits, and is
 * sent when the door opened. Whoever gave a plan's plaintext is done with it: what must wait is copied, within a ceiling.
 */
#ifndef KAD_CHANNEL_CHANNEL_H
#define KAD_CHANNEL_CHANNEL_H

#include "base/alloc.h"
#include "base/walk.h"
#include "kad/engine.h"

#define KAD_KEY_SIZE         32   /* an identity: an Ed25519 public key */
#define KAD_CHANNEL_HEAD_MAX 192  /* bytes before the plaintext, at most */
#define KAD_CHANNEL_DATAGRAM 1200 /* the largest datagram that is sent */
#define KAD_CHANNEL_WRAPPED  1240 /* but for those that have another inside: kad_channel_to.aside */
#define KAD_CHANNEL_ASIDE    1207 /* bytes of plaintext that fit into one of these */

struct kad_channel;
struct kad_suite; /* crypto/suite.h: the real one, and a same-length toy for large simulations */

struct kad_channel_config {
    const struct kad_allocator *allocator;
    const struct kad_suite *suite;
    uint8_t secret[32];     /* Ed25519 seed: who we are */
    uint8_t seed[32];       /* all randomness: ephemeral keys, cookies' secrets */
    const char *network;    /* a text all members share, "kad/1" and a private network's name */
    uint32_t max_sessions;  /* established; the least recently used gives way */
    uint32_t max_waiting;   /* first messages without an answer yet, with what waits behind them */
    kad_ms waiting_ms;      /* how long these wait */
    kad_ms rekey_after_ms;  /* a session that old is begun anew with the next message we send */
    unsigned puzzle_bits;   /* least difficulty of an identity (identity.h) */
    unsigned cookie_per_s;  /* first messages a second from which on a cookie is asked for */
    unsigned work_per_s;    /* and from which on work is, too: one bit more for each doubling */
    unsigned work_bits_max; /* most that we do ourselves for admission */
    unsigned pad_to; /* bytes: no INIT and nothing in a session is smaller, as far as it may be; 0: by need */
    bool open_door;  /* answers those who do not know our key */
    uint8_t *scratch; /* lent, KAD_CHANNEL_WRAPPED bytes, may be shared within a thread; NULL: own */
};

/* What a datagram was. */
enum kad_channel_verdict {
    KAD_CHANNEL_MESSAGE,  /* a plaintext: decode it */
    KAD_CHANNEL_HANDLED,  /* the session layer's own business; maybe datagrams were written */
    KAD_CHANNEL_NOISE,    /* nothing of ours, or not for us: no answer */
    KAD_CHANNEL_FORGED,   /* masked for us, but does not open */
    KAD_CHANNEL_REPLAYED, /* came before, or late and from elsewhere */
    KAD_CHANNEL_UNKNOWN,  /* a session that we do not have (any more) */
    KAD_CHANNEL_LOADED,   /* a cookie, or work, was asked for instead */
    KAD_CHANNEL_REFUSED, /* its identity is none (puzzle), no common version, a pinned key turned out to be another */
    KAD_CHANNEL_N_VERDICTS
};

struct kad_channel_in {
    enum kad_channel_verdict verdict;
    struct kad_bytes plain;    /* until the next call */
    uint32_t session;          /* names it in kad_channel_plan(): an answer goes the way the question came */
    uint8_t key[KAD_KEY_SIZE]; /* whose it is, proven */
    struct kad_id id;          /* of that key; with a plaintext */
    bool first;                /* in a first message, which may be a replay: nothing may be changed for it */
    bool proved;               /* the sender has shown that it receives at this address */
    bool moved;                /* a session came from a new address */
    struct kad_endpoint endpoint; /* with moved: where it was before */
};

struct kad_channel_to {
    uint32_t session;   /* 0: whichever there is */
    const uint8_t *key; /* NULL: unknown, the open door */
    struct kad_endpoint endpoint;
    const uint8_t *expect; /* key NULL: the door's answer must name this key, else it is REFUSED; NULL: any */
    bool
        aside; /* in a session that there is, whose other end has shown that it receives there, or not at all; up to
                   KAD_CHANNEL_ASIDE bytes, in a datagram of up to KAD_CHANNEL_WRAPPED */
};

/* Where the plaintext goes and how large it may be. room 0: nothing can be sent to it now. */
struct kad_channel_plan {
    uint8_t kind;
    uint16_t head; /* offset of the plaintext in the datagram's buffer */
    uint16_t room; /* bytes of plaintext that fit */
    uint16_t wanted;
    uint32_t slot;
};

struct kad_channel_counters {
    uint64_t verdicts[KAD_CHANNEL_N_VERDICTS];
    uint64_t begun, answered, established, expired, evicted; /* sessions */
    uint64_t cookies_sent, cookies_taken, work_done;
    uint64_t public_key_operations; /* none before a valid cookie, under load */
};

/* 0, KAD_E_MEMORY, KAD_E_INVALID. */
KAD_CHECK int kad_channel_new(const struct kad_channel_config *config, kad_ms now,
                              struct kad_channel **out_channel);
void kad_channel_free(struct kad_channel *channel);                   /* wipes all keys; NULL is fine */
const uint8_t *kad_channel_key(const struct kad_channel *channel);    /* our Ed25519 public key */
const uint8_t *kad_channel_secret(const struct kad_channel *channel); /* 64 bytes, as crypto.h signs with */

/* No session can be begun now: too many that were begun have not been answered. */
bool kad_channel_crowded(const struct kad_channel *channel, kad_ms now);
/* Takes a datagram; may append some to `out` (cookies, what waited for an answer). */
struct kad_channel_in kad_channel_receive(struct kad_channel *channel, const struct kad_datagram *in,
                                          kad_ms now, struct kad_batch *out);
/* After each datagram was received and handled: a first message that no plan answered is answered without a plaintext, and
 * who came from a new address is asked to show that it receives there. The next kad_channel_receive() does it, too. */
void kad_channel_finish(struct kad_channel *channel, kad_ms now, struct kad_batch *out);

/* The session in which whoever has this key is spoken to, as kad_channel_to.session names it; 0: there is none. */
uint32_t kad_channel_session_with(const struct kad_channel *channel, const uint8_t key[KAD_KEY_SIZE]);
/* In the place of the above: nothing is said to whom this session is with, and the session is over. */
void kad_channel_shun(struct kad_channel *channel, uint32_t session);

/* `wanted`: bytes of answer that are expected at most; a first message is made as large, so that the answer may be. */
struct kad_channel_plan kad_channel_plan(struct kad_channel *channel, const struct kad_channel_to *to,
                                         size_t wanted, kad_ms now);
/* `datagram` has n_plain bytes at plan->head and room for KAD_CHANNEL_DATAGRAM. Returns the datagram's size; 0: it waits, or
 * could not be made (then *out_failed). */
size_t kad_channel_seal(struct kad_channel *channel, const struct kad_channel_plan *plan,
                        const struct kad_channel_to *to, uint8_t *datagram, size_t n_plain, kad_ms now,
                        bool *out_failed);

const struct kad_channel_counters *kad_channel_counters(const struct kad_channel *channel);
/* Its whole state, keys included. Reading needs a channel that was just made, with the same config. */
void kad_channel_walk(struct kad_walk *walk, struct kad_channel *channel);
size_t kad_channel_memory(const struct kad_channel *channel);
bool kad_channel_sound(const struct kad_channel *channel, const char **out_why);

#endif
