/* channel_parts - what the files of the channel share; nobody else's. */
#ifndef KAD_CHANNEL_PARTS_H
#define KAD_CHANNEL_PARTS_H

#include <string.h>

#include "channel/admit.h"
#include "channel/channel.h"
#include "channel/format.h"
#include "channel/cookies.h"
#include "channel/sessions.h"
#include "crypto/rng.h"

enum {
    RETRY_MS =
        1000, /* a first message unanswered for so long is written anew with the next one for its receiver */
    SILENT_MS = 1000,    /* a session in which a question is unanswered for so long gets a first message */
    FRESH_MS = 30000,    /* a session that we answered and nobody uses is kept so long */
    OLD_MS = 30000,      /* what was under way when a newer one came is taken so long */
    TIE_MS = 2000,       /* two sessions begun by both within this are one that crossed itself */
    COOKIES_MOST = 3,    /* taken for one first message */
    CREDIT_MOST = 65536, /* bytes that are remembered for an address that has proved nothing */
    BUSY_SHARE = 8       /* of so many sessions one may keep what makes it fast */
};

enum { PROLOGUE = 5 + KAD_HASH_SIZE };

#define TIME_MOST \
    (UINT64_C(1) << 62) /* no clock shows it; who is remembered with such a time could show none newer */

enum plan_kind { PLAN_NONE, PLAN_DATA, PLAN_INIT, PLAN_RESPONSE, PLAN_KNOCK, PLAN_WAIT };

/* What the datagram that was received last still asks for: a first message for its answer, or a session that moved for a
 * PROBE. */
struct asked {
    uint32_t session; /* 0: nothing */
    bool answer;      /* a RESPONSE is due */
    struct kad_noise noise;
    uint8_t theirs[KAD_DH_SIZE];
    uint8_t their_ephemeral[KAD_DH_SIZE];
};

struct kad_channel {
    const struct kad_allocator *allocator;
    const struct kad_suite *suite;
    uint8_t secret[64]; /* Ed25519; our identity is its second half */
    struct kad_noise_keys keys;
    uint8_t prologue[PROLOGUE];  /* what each handshake's begins with; then its INIT's first bytes */
    uint8_t mask[KAD_MASK_KEY];  /* ours */
    uint8_t door[KAD_HASH_SIZE]; /* of all members; its beginning masks */
    uint8_t veil[KAD_INIT_E - KAD_INIT_VEIL]; /* twice this masks COOKIEs for us */
    struct kad_rng rng;
    struct kad_sessions sessions;
    struct kad_admit admit;
    struct kad_cookies cookies;
    struct asked *asked; /* from the first first message on */
    uint8_t *scratch;    /* the datagram that is being received */
    bool own_scratch;
    bool open_door;
    unsigned puzzle_bits, work_bits_max;
    size_t pad_to; /* one of the six sizes: nothing in a session is smaller */
    kad_ms waiting_ms, rekey_after_ms;
    kad_ms work_second; /* number of the one in which work_tries were expected of us */
    uint32_t work_tries;
    struct kad_channel_counters counters;
};

static inline const uint8_t *our_key(const struct kad_channel *channel)
{
    return channel->secret + 32;
}

/* Where the handshake of this first message begins: nobody can give the message another head, cookie or work than it has. */
static inline void kad_channel_begin_noise(const struct kad_channel *channel, const uint8_t *init,
                                           struct kad_noise *out_noise)
{
    uint8_t prologue[PROLOGUE + KAD_INIT_E];

    memcpy(prologue, channel->prologue, PROLOGUE);
    memcpy(prologue + PROLOGUE, init, KAD_INIT_E);
    kad_noise_init(out_noise, channel->suite, prologue, sizeof(prologue));
}

/* -- channel_send.c: datagrams are written where they are sent from; sizes, or 0 ----------------------------------- */

/* Plaintext of n bytes stands at KAD_DATA_MESSAGE, or KAD_PROBE_MESSAGE of PROBE and ECHO. */
size_t kad_channel_write_data(struct kad_channel *channel, struct kad_session *session,
                              enum kad_channel_type type, const uint8_t token[KAD_TOKEN], uint8_t *datagram,
                              size_t n, kad_ms now);
/* Plaintext of n bytes stands at KAD_INIT_MESSAGE. `session` is PENDING, with a handshake. */
size_t kad_channel_write_init(struct kad_channel *channel, struct kad_session *session, const uint8_t *cookie,
                              unsigned bits, uint8_t *datagram, size_t n, size_t wanted, kad_ms now);
/* Plaintext of n bytes stands at KAD_RESPONSE_MESSAGE. The session that is asked for; dropped when it fails. */
size_t kad_channel_write_response(struct kad_channel *channel, uint8_t *datagram, size_t n, kad_ms now);
void kad_channel_write_hello(struct kad_channel *channel, struct kad_session *session, uint8_t *datagram);
void kad_channel_write_open(struct kad_channel *channel, uint32_t index, const uint8_t nonce[16],
                            uint8_t *datagram);
void kad_channel_write_cookie(struct kad_channel *channel, const uint8_t *init, const uint8_t tail[16],
                              const uint8_t cookie[KAD_COOKIE_SIZE], unsigned bits, kad_ms now,
                              uint8_t *datagram);

void kad_channel_open_key(const struct kad_channel *channel, const uint8_t nonce[16],
                          uint8_t out_key[KAD_SEAL_KEY]);
void kad_channel_mask_key_of(const uint8_t identity[32], uint8_t out_key[KAD_MASK_KEY]);

/* Where the next datagram goes; NULL: the batch is full. kad_channel_append() says that it is there. */
uint8_t *kad_channel_room_in(const struct kad_batch *out);
void kad_channel_append(struct kad_batch *out, const struct kad_endpoint *to, const uint8_t *datagram,
                        size_t size);

/* The largest DATA that may go to this session's address now; 0: none. */
size_t kad_channel_data_within(const struct kad_session *session);
/* Sends what waits, as far as it may. Returns how many. */
unsigned kad_channel_send_waiting(struct kad_channel *channel, struct kad_session *session, kad_ms now,
                                  struct kad_batch *out);

/* -- channel_receive.c --------------------------------------------------------------------------------------------- */

/* A datagram on its way through: a copy of it in `bytes`, unmasked as far as is known. */
struct incoming {
    const struct kad_endpoint *from;
    uint8_t *bytes;
    size_t size;
    kad_ms now;
    struct kad_batch *out;
};

static inline struct kad_channel_in verdict(enum kad_channel_verdict what)
{
    return (struct kad_channel_in){.verdict = what};
}

/* The plaintext in `n` bytes that were opened; its padding goes. */
bool kad_channel_unpad(const uint8_t *bytes, size_t n, struct kad_bytes *out_plain);
struct kad_channel_in kad_channel_deliver(const struct kad_session *session, const struct incoming *in,
                                          struct kad_bytes plain);
/* Both ends have its keys: it is LIVE, and what was before it is OLD, or the other way round. */
void kad_channel_establish(struct kad_channel *channel, struct kad_session *session, kad_ms now);
/* Made when it is first needed; NULL: no memory. */
struct asked *kad_channel_asked_of(struct kad_channel *channel);

/* -- channel_handshake.c: the head is unmasked, of INIT and RESPONSE alone --------------------------------------------- */

struct kad_channel_in kad_channel_take_init(struct kad_channel *channel, const struct incoming *in);
struct kad_channel_in kad_channel_take_response(struct kad_channel *channel, const struct incoming *in);
struct kad_channel_in kad_channel_take_hello(struct kad_channel *channel, const struct incoming *in);
struct kad_channel_in kad_channel_take_open(struct kad_channel *channel, const struct incoming *in);
struct kad_channel_in kad_channel_take_cookie(struct kad_channel *channel, const struct incoming *in);

/* -- channel.c ---------------------------------------------------------------------------------------------------- */

void kad_channel_expire(struct kad_channel *channel, kad_ms now);

#endif
