/*
 * sessions - all sessions of one channel: found by index and by whose they are, in the order they were used.
 *
 * An index is what a datagram's head names: a slot and the slot's generation, so that what was meant for one that is gone
 * finds nothing. A session passes from list to list:
 *
 *     PENDING   we wrote a first message, or knocked, and wait
 *     FRESH     we answered a first message; the other side has not yet used what we agreed on, so it may be a replay
 *     LIVE      both have the keys. Of one key the one that is used for sending
 *     OLD       LIVE until a newer one took its place: still opens what is under way
 *
 * At most max_sessions are FRESH, LIVE or OLD. Then the one used longest ago gives way, first of OLD, then of FRESH if these
 * are a quarter or more, so that a crowd of newcomers cannot push out those we talk to. PENDING ones have a ceiling of
 * their own and never give way: they expire. Each session is an allocation of its own (248 bytes); pointers to it hold
 * until it is dropped.
 */
#ifndef KAD_CHANNEL_SESSIONS_H
#define KAD_CHANNEL_SESSIONS_H

#include "base/index.h"
#include "base/walk.h"
#include "channel/busy.h"
#include "channel/mask.h"
#include "channel/noise.h"
#include "channel/window.h"

#define KAD_SESSION_NONE UINT32_MAX
#define KAD_SESSIONS_MAX (1u << 20) /* slots: 20 bits of an index */

enum kad_session_state {
    KAD_SESSION_PENDING,
    KAD_SESSION_FRESH,
    KAD_SESSION_LIVE,
    KAD_SESSION_OLD,
    KAD_SESSION_N_STATES
};

/* A plaintext that waits for a session. */
struct kad_waiting {
    struct kad_waiting *next;
    uint16_t size;
    uint16_t wanted; /* bytes of answer expected at most */
    uint8_t bytes[];
};

/* What only a session that is being made needs, and what waits for it, in the order it came. */
struct kad_handshake {
    struct kad_noise noise;
    uint8_t ephemeral[KAD_DH_SIZE]; /* our secret */
    uint8_t tail[16];               /* last bytes of the first message: what a COOKIE must answer */
    uint8_t nonce[16];              /* of a HELLO */
    uint8_t expect[32];             /* with `expects`: whom a HELLO is for */
    bool expects;
    bool
        carried; /* the first that waits was in the first message: it is kept in case that has to be sent again */
    uint8_t n_cookies; /* taken so far */
    uint8_t n_waiting;
    struct kad_waiting *waiting;
};

struct kad_session {
    uint8_t key[32]; /* the identity at the other end, proven unless PENDING; zeros while we knock */
    uint8_t send[KAD_SEAL_KEY];
    uint8_t receive[KAD_SEAL_KEY];
    uint8_t mask[KAD_MASK_KEY]; /* theirs */
    uint32_t index;             /* ours, in what comes */
    uint32_t remote;            /* theirs, in what goes */
    uint32_t newer, older;      /* slots of its list */
    uint64_t sent;              /* messages: the next counter */
    struct kad_window window;
    struct kad_endpoint endpoint; /* where it is */
    uint8_t state;                /* enum kad_session_state */
    bool named;                   /* `key` is known: else a HELLO is out, not an INIT */
    bool ours;                    /* we began it */
    bool proved;                  /* it has shown that it receives at `endpoint` */
    uint8_t packets;              /* that may still be sent there until it has */
    uint8_t pads_16;              /* 0, or what it sends is padded to so many times 16 bytes */
    uint32_t credit;              /* and bytes */
    uint8_t token[8];             /* what shows it, sent back */
    kad_ms began_at;
    kad_ms used_at;  /* sent or received */
    kad_ms asked_at; /* what we sent then, and all since, is unanswered; KAD_NEVER: nothing is */
    kad_ms first_at; /* the time in the newest first message of theirs: none older is taken */
    struct kad_handshake *handshake; /* PENDING, and FRESH or LIVE if something waits */
    struct kad_busy *busy;           /* what is kept of it because it says much; NULL */
};

struct kad_sessions {
    const struct kad_allocator *allocator;
    struct kad_session **slots; /* n_slots of them, NULL where none is */
    uint32_t n_slots;
    uint32_t *free_slots; /* n_free of them, room for n_slots */
    uint32_t n_free;
    uint32_t max_sessions, max_pending;
    uint32_t newest[KAD_SESSION_N_STATES], oldest[KAD_SESSION_N_STATES], n[KAD_SESSION_N_STATES];
    uint32_t n_waiting; /* plaintexts, in all handshakes; at most twice max_pending */
    uint64_t hash_key;
    struct kad_index by_key;
    struct kad_busy_list busy;
    uint64_t evicted;
};

void kad_sessions_init(struct kad_sessions *sessions, const struct kad_allocator *allocator,
                       uint32_t max_sessions, uint32_t max_pending, uint32_t max_busy, uint64_t hash_key);
void kad_sessions_clear(struct kad_sessions *sessions); /* wipes and frees */

/* NULL: none has this index. */
struct kad_session *kad_sessions_at(const struct kad_sessions *sessions, uint32_t index);
/* All with this key, in no order: `*io_at` begins as 0. NULL: no more. None may be added or dropped in between. */
struct kad_session *kad_sessions_next(const struct kad_sessions *sessions, const uint8_t key[32],
                                      uint32_t *io_at);
/* The one used longest ago; NULL. */
struct kad_session *kad_sessions_oldest(const struct kad_sessions *sessions, enum kad_session_state state);

/* A cleared session, with a generation from `random`; makes room. `key` NULL: not known yet. NULL: no memory, or all that
 * may be PENDING are. */
struct kad_session *kad_sessions_add(struct kad_sessions *sessions, enum kad_session_state state,
                                     const uint8_t *key, uint32_t random, kad_ms now);
/* KAD_E_MEMORY: it is as it was. For sessions added without a key. */
KAD_CHECK int kad_sessions_name(struct kad_sessions *sessions, struct kad_session *session,
                                const uint8_t key[32]);
void kad_sessions_drop(struct kad_sessions *sessions, struct kad_session *session);
/* It was used now, and is in this state. To LIVE or OLD from FRESH, or from PENDING, which makes room. */
void kad_sessions_set(struct kad_sessions *sessions, struct kad_session *session,
                      enum kad_session_state state, kad_ms now);

/* A handshake for this session, which has one afterwards; NULL: no memory. */
struct kad_handshake *kad_sessions_handshake(struct kad_sessions *sessions, struct kad_session *session);
void kad_sessions_end_handshake(struct kad_sessions *sessions, struct kad_session *session);
/* Copies a plaintext to the end of what waits for this session. False: no memory, or too many wait. */
bool kad_sessions_wait(struct kad_sessions *sessions, struct kad_session *session, const uint8_t *bytes,
                       size_t size, size_t wanted);
/* The first that waits is done with. */
void kad_sessions_shift(struct kad_sessions *sessions, struct kad_session *session);

/* Reading needs sessions that were just initialised. */
void kad_sessions_walk(struct kad_walk *walk, struct kad_sessions *sessions);
/* For reading: `n` slots, and a cleared session with this index, used last of its list. Unnamed. False: it cannot be. */
KAD_CHECK int kad_sessions_slots(struct kad_sessions *sessions, uint32_t n);
struct kad_session *kad_sessions_place(struct kad_sessions *sessions, uint32_t index,
                                       enum kad_session_state state);

size_t kad_sessions_memory(const struct kad_sessions *sessions);
bool kad_sessions_sound(const struct kad_sessions *sessions, const char **out_why);

#endif
