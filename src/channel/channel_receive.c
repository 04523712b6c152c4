/* channel_receive - what a datagram is, and what it brings about. */
#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "channel/channel_parts.h"
#include "crypto/crypto.h"
#include "crypto/identity.h"

/* A datagram on its way through: a copy of it in `bytes`, unmasked as far as is known. */
struct incoming {
    const struct kad_endpoint *from;
    uint8_t *bytes;
    size_t size;
    kad_ms now;
    struct kad_batch *out;
};

static struct kad_channel_in verdict(enum kad_channel_verdict what)
{
    return (struct kad_channel_in){.verdict = what};
}

/* The plaintext in `n` bytes that were opened; its padding goes. */
static bool unpad(const uint8_t *bytes, size_t n, struct kad_bytes *out_plain)
{
    while (n > 0 && bytes[n - 1] == 0)
        n--;
    if (n == 0 || bytes[n - 1] != 0x80)
        return false;
    *out_plain = (struct kad_bytes){bytes, n - 1};
    return true;
}

static void earn(struct kad_session *session, size_t size)
{
    if (!session->proved)
        session->credit =
            session->credit + size > CREDIT_MOST ? CREDIT_MOST : (uint32_t)(session->credit + size);
}

static struct kad_channel_in deliver(const struct kad_session *session, const struct incoming *in,
                                     struct kad_bytes plain)
{
    struct kad_channel_in result = {.verdict = plain.size ? KAD_CHANNEL_MESSAGE : KAD_CHANNEL_HANDLED,
                                    .plain = plain,
                                    .session = session->index};

    memcpy(result.key, session->key, sizeof(result.key));
    result.proved = session->proved && kad_endpoint_equal(&session->endpoint, in->from);
    return result;
}

/* -- which of several sessions with one key is used for sending ---------------------------------------------------- */

/* Of two that crossed each other, the one whose beginner has the smaller key: both ends find the same. Else the newer. */
static bool goes_before(const struct kad_channel *channel, const struct kad_session *session,
                        const struct kad_session *other)
{
    const kad_ms apart = session->began_at - other->began_at;

    if (session->ours != other->ours && apart < TIE_MS && apart > -TIE_MS)
        return session->ours == (memcmp(our_key(channel), session->key, 32) < 0);
    return true;
}

/* Both ends have its keys: it is LIVE, and what was before it is OLD, or the other way round. */
static void establish(struct kad_channel *channel, struct kad_session *session, kad_ms now)
{
    struct kad_session *other;
    bool first = true;

    channel->counters.established++;
    kad_sessions_set(&channel->sessions, session, KAD_SESSION_LIVE, now);
    for (uint32_t at = 0; (other = kad_sessions_next(&channel->sessions, session->key, &at));) {
        if (other == session || other->state != KAD_SESSION_LIVE)
            continue;
        if (other->first_at > session->first_at)
            session->first_at = other->first_at;
        first = goes_before(channel, session, other);
        kad_sessions_set(&channel->sessions, first ? other : session, KAD_SESSION_OLD, now);
        break; /* there is one at most */
    }
}

/* -- DATA --------------------------------------------------------------------------------------------------------- */

static struct kad_channel_in refuse_late(const struct kad_session *session, uint64_t counter)
{
    return verdict(session && kad_window_seen(&session->window, counter) ? KAD_CHANNEL_REPLAYED
                                                                         : KAD_CHANNEL_UNKNOWN);
}

/* From the session's address, or from a new one? True: it moved. */
static bool follow(struct kad_channel *channel, struct kad_session *session, const struct incoming *in,
                   struct kad_endpoint *out_before)
{
    if (kad_endpoint_equal(&session->endpoint, in->from)) {
        earn(session, in->size);
        return false;
    }
    *out_before = session->endpoint;
    session->endpoint = *in->from;
    session->proved = false;
    session->credit = (uint32_t)in->size;
    kad_rng_bytes(&channel->rng, session->token, sizeof(session->token));
    return true;
}

static void send_echo(struct kad_channel *channel, struct kad_session *session,
                      const uint8_t token[KAD_TOKEN], const struct incoming *in)
{
    uint8_t *datagram = kad_channel_room_in(in->out);

    if (!datagram || kad_channel_data_within(session) < KAD_DATA_LEAST ||
        !kad_endpoint_equal(&session->endpoint, in->from))
        return;
    kad_channel_append(in->out, in->from, datagram,
                       kad_channel_write_data(channel, session, KAD_TYPE_ECHO, token, datagram, 0, in->now));
}

static struct asked *asked_of(struct kad_channel *channel)
{
    if (!channel->asked)
        channel->asked = kad_alloc_zero(channel->allocator, sizeof(*channel->asked));
    return channel->asked;
}

static struct kad_channel_in take_data(struct kad_channel *channel, const struct incoming *in)
{
    const uint32_t index = kad_read_u32(in->bytes + KAD_AT_INDEX);
    const uint64_t counter = kad_read_u64(in->bytes + KAD_AT_COUNTER);
    const enum kad_channel_type type = in->bytes[0];
    struct kad_session *session = kad_sessions_at(&channel->sessions, index);
    uint8_t *bytes = in->bytes + KAD_HEAD;
    size_t n = in->size - KAD_HEAD;
    struct kad_channel_in result;
    struct kad_endpoint before = {0};
    struct kad_bytes plain;
    bool moved;

    if (!session || session->state == KAD_SESSION_PENDING || counter == UINT64_MAX ||
        kad_window_seen(&session->window, counter))
        return refuse_late(session && session->state != KAD_SESSION_PENDING ? session : NULL, counter);
    if (!channel->suite->open(session->receive, counter, in->bytes, KAD_HEAD, bytes, n))
        return verdict(KAD_CHANNEL_FORGED);
    /* Late and from elsewhere: held back, and now played from where somebody wants it answered to. */
    if (counter < session->window.next && !kad_endpoint_equal(&session->endpoint, in->from))
        return verdict(KAD_CHANNEL_REPLAYED);
    kad_window_mark(&session->window, channel->allocator, counter);
    n -= KAD_SEAL_TAG;
    if (type != KAD_TYPE_DATA) {
        bytes += KAD_TOKEN;
        n -= KAD_TOKEN;
    }
    if (!unpad(bytes, n, &plain))
        return verdict(KAD_CHANNEL_REFUSED);

    /* What answers a RESPONSE shows that it arrived where it was sent. */
    if (session->state == KAD_SESSION_FRESH) {
        session->proved |= kad_endpoint_equal(&session->endpoint, in->from);
        establish(channel, session, in->now);
    } else {
        kad_sessions_set(&channel->sessions, session, session->state, in->now);
    }
    session->asked_at = KAD_NEVER;
    moved = follow(channel, session, in, &before);
    if (type == KAD_TYPE_ECHO && !session->proved && kad_endpoint_equal(&session->endpoint, in->from) &&
        memcmp(in->bytes + KAD_HEAD, session->token, KAD_TOKEN) == 0)
        session->proved = true;
    if (type == KAD_TYPE_PROBE)
        send_echo(channel, session, in->bytes + KAD_HEAD, in);
    kad_channel_send_waiting(channel, session, in->now, in->out);
    if (!session->proved && asked_of(channel))
        channel->asked->session = session->index; /* for a PROBE, unless an answer becomes one */

    result = deliver(session, in, plain);
    result.moved = moved;
    result.endpoint = before;
    return result;
}

/* -- INIT --------------------------------------------------------------------------------------------------------- */

static struct kad_channel_in ask_for_cookie(struct kad_channel *channel, const struct incoming *in,
                                            const uint8_t cookie[KAD_COOKIE_SIZE], unsigned bits)
{
    uint8_t *datagram = kad_channel_room_in(in->out);

    if (datagram) {
        kad_channel_write_cookie(channel, in->bytes, in->bytes + in->size - KAD_TAIL, cookie, bits, in->now,
                                 datagram);
        kad_channel_append(in->out, in->from, datagram, KAD_DOOR_SIZE);
    }
    return verdict(KAD_CHANNEL_LOADED);
}

static struct kad_channel_in refuse_loaded(struct kad_channel *channel, const struct incoming *in)
{
    uint8_t cookie[KAD_COOKIE_SIZE];

    kad_admit_cookie(&channel->admit, in->from, in->now, cookie);
    return ask_for_cookie(channel, in, cookie, kad_admit_bits(&channel->admit));
}

static struct kad_channel_in refuse_late_first(struct kad_channel *channel, const struct incoming *in,
                                               kad_ms last)
{
    uint8_t cookie[KAD_COOKIE_SIZE];

    kad_admit_late_cookie(&channel->admit, in->from, last, in->now, cookie);
    return ask_for_cookie(channel, in, cookie, 0);
}

/* Is this who may speak here: the identity that the proven key is made from, not our own, with its puzzle solved? */
static bool identity_good(const struct kad_channel *channel, const uint8_t identity[32],
                          const uint8_t theirs[KAD_DH_SIZE])
{
    return memcmp(identity, our_key(channel), 32) != 0 && channel->suite->dh_matches(identity, theirs) &&
           (channel->puzzle_bits == 0 || kad_identity_bits(identity) >= channel->puzzle_bits);
}

/* The newest time in a first message of this identity's that is remembered. An answered first message that nobody has used
 * since gives way to a newer one, so that an identity has one such session at most. */
static kad_ms last_first(struct kad_channel *channel, const uint8_t identity[32],
                         struct kad_session **out_fresh)
{
    struct kad_session *session;
    kad_ms last = INT64_MIN;

    *out_fresh = NULL;
    for (uint32_t at = 0; (session = kad_sessions_next(&channel->sessions, identity, &at));) {
        if (session->state == KAD_SESSION_PENDING)
            continue;
        if (session->first_at > last)
            last = session->first_at;
        if (session->state == KAD_SESSION_FRESH)
            *out_fresh = session;
    }
    return last;
}

static struct kad_channel_in answer_later(struct kad_channel *channel, const struct incoming *in,
                                          const uint8_t identity[32], kad_ms first_at, bool proved)
{
    struct kad_session *session = kad_sessions_add(&channel->sessions, KAD_SESSION_FRESH, identity,
                                                   kad_rng_u32(&channel->rng), in->now);

    if (!session)
        return verdict(KAD_CHANNEL_LOADED); /* no memory: it is lost, like a datagram on its way */
    session->endpoint = *in->from;
    session->remote = (uint32_t)kad_read_u64(in->bytes + KAD_AT_COUNTER);
    session->credit = (uint32_t)in->size;
    session->proved = proved;
    session->first_at = first_at;
    kad_channel_mask_key_of(identity, session->mask);
    kad_rng_bytes(&channel->rng, session->token, sizeof(session->token));
    channel->asked->session = session->index;
    channel->asked->answer = true;
    return (struct kad_channel_in){.session = session->index};
}

static struct kad_channel_in take_init(struct kad_channel *channel, const struct incoming *in)
{
    uint8_t *payload = in->bytes + KAD_INIT_PAYLOAD, commitment[16];
    const size_t n = in->size - KAD_INIT_PAYLOAD;
    enum kad_admission admission;
    struct kad_session *fresh;
    struct kad_channel_in result;
    struct kad_bytes plain;
    struct asked *asked;
    kad_ms first_at, last;
    bool late = false;

    admission = kad_admit_check(&channel->admit, channel->suite, in->from, in->bytes, in->now);
    if (admission == KAD_ADMIT_REFUSED)
        return refuse_loaded(channel, in);
    channel->counters.cookies_taken += admission != KAD_ADMIT;
    asked = asked_of(channel);
    if (!asked)
        return verdict(KAD_CHANNEL_LOADED);
    kad_channel_begin_noise(channel, in->bytes, &asked->noise);
    memcpy(asked->their_ephemeral, in->bytes + KAD_INIT_E, KAD_DH_SIZE);
    channel->counters.public_key_operations += 2;
    if (!kad_noise_read_first(&asked->noise, channel->suite, &channel->keys, in->bytes + KAD_INIT_E,
                              in->bytes + KAD_INIT_S, payload, n, asked->theirs))
        return verdict(KAD_CHANNEL_FORGED);

    if (!unpad(in->bytes + KAD_INIT_MESSAGE, in->size - KAD_INIT_MESSAGE - KAD_SEAL_TAG, &plain) ||
        kad_read_u64(in->bytes + KAD_AT_COUNTER) > UINT32_MAX || kad_read_u64(payload + 32) >= TIME_MOST ||
        !identity_good(channel, payload, asked->theirs) || payload[40] > KAD_CHANNEL_VERSION ||
        payload[41] < KAD_CHANNEL_VERSION)
        return verdict(KAD_CHANNEL_REFUSED);
    if (admission == KAD_ADMIT_WORKED) {
        kad_admit_commitment(channel->suite, payload, in->bytes + KAD_INIT_E, commitment);
        if (memcmp(commitment, in->bytes + KAD_INIT_COMMITMENT, sizeof(commitment)) != 0)
            return verdict(KAD_CHANNEL_REFUSED);
    }
    first_at = (kad_ms)kad_read_u64(payload + 32);
    last = last_first(channel, payload, &fresh);
    if (first_at == last)
        return verdict(KAD_CHANNEL_REPLAYED);
    if (first_at < last) { /* a replay, or a clock that was set back: a cookie tells which, and serves once */
        late = true;
        if (!kad_admit_late(&channel->admit, in->from, last, in->bytes + KAD_INIT_COOKIE, in->now))
            return refuse_late_first(channel, in, last);
        first_at = last + 1;
    }
    if (fresh)
        kad_sessions_drop(&channel->sessions, fresh);
    result = answer_later(channel, in, payload, first_at, late || admission != KAD_ADMIT);
    if (result.verdict == KAD_CHANNEL_LOADED)
        return result;
    result = deliver(kad_sessions_at(&channel->sessions, result.session), in, plain);
    result.first = true;
    return result;
}

/* -- RESPONSE ----------------------------------------------------------------------------------------------------- */

static struct kad_channel_in take_response(struct kad_channel *channel, const struct incoming *in)
{
    struct kad_session *session = kad_sessions_at(&channel->sessions, kad_read_u32(in->bytes + KAD_AT_INDEX));
    uint8_t *payload = in->bytes + KAD_RESPONSE_PAYLOAD, *datagram;
    const size_t n = in->size - KAD_RESPONSE_PAYLOAD;
    struct kad_noise noise;
    struct kad_bytes plain;

    if (!session || session->state != KAD_SESSION_PENDING || !session->named)
        return verdict(session && session->ours ? KAD_CHANNEL_REPLAYED : KAD_CHANNEL_UNKNOWN);
    if (!kad_endpoint_equal(&session->endpoint, in->from) || kad_read_u64(in->bytes + KAD_AT_COUNTER) != 0)
        return verdict(KAD_CHANNEL_FORGED);
    noise = session->handshake->noise;
    channel->counters.public_key_operations += 2;
    if (!kad_noise_read_answer(&noise, channel->suite, &channel->keys, session->handshake->ephemeral,
                               in->bytes + KAD_RESPONSE_E, payload, n))
        return verdict(KAD_CHANNEL_FORGED);
    if (payload[0] != KAD_CHANNEL_VERSION || kad_read_u32(in->bytes + KAD_RESPONSE_INDEX) == 0 ||
        !unpad(in->bytes + KAD_RESPONSE_MESSAGE, in->size - KAD_RESPONSE_MESSAGE - KAD_SEAL_TAG, &plain)) {
        kad_sessions_drop(&channel->sessions, session);
        return verdict(KAD_CHANNEL_REFUSED);
    }

    kad_noise_split(&noise, channel->suite, session->send, session->receive);
    session->remote = kad_read_u32(in->bytes + KAD_RESPONSE_INDEX);
    session->proved = true; /* it answered what was sent there */
    session->began_at = in->now;
    if (session->handshake->carried)
        kad_sessions_shift(&channel->sessions, session);
    session->handshake->carried = false;
    establish(channel, session, in->now);
    /* The other end knows that we have the keys, and are where it thinks, once it hears from us in the session. */
    if (kad_channel_send_waiting(channel, session, in->now, in->out) == 0 &&
        (datagram = kad_channel_room_in(in->out)))
        kad_channel_append(
            in->out, in->from, datagram,
            kad_channel_write_data(channel, session, KAD_TYPE_DATA, NULL, datagram, 0, in->now));
    return deliver(session, in, plain);
}

/* -- the door, and cookies ----------------------------------------------------------------------------------------- */

/* Writes the first message of a handshake that has become possible, with the plaintext that waited longest. */
static bool begin_waiting(struct kad_channel *channel, struct kad_session *session, const uint8_t *cookie,
                          unsigned bits, const struct incoming *in)
{
    const struct kad_waiting *first = session->handshake->waiting;
    uint8_t *datagram = kad_channel_room_in(in->out);
    size_t size;

    if (!datagram)
        return true; /* lost; the next message for its receiver tries again */
    if (first)
        memcpy(datagram + KAD_INIT_MESSAGE, first->bytes, first->size);
    session->handshake->carried = first != NULL;
    size = kad_channel_write_init(channel, session, cookie, bits, datagram, first ? first->size : 0,
                                  first ? first->wanted : 0, in->now);
    if (size)
        kad_channel_append(in->out, &session->endpoint, datagram, size);
    return size > 0;
}

static struct kad_channel_in take_hello(struct kad_channel *channel, const struct incoming *in)
{
    uint8_t *datagram = kad_channel_room_in(in->out);

    if (!channel->open_door || in->size != KAD_DOOR_SIZE)
        return verdict(KAD_CHANNEL_NOISE);
    if (datagram) {
        kad_channel_write_open(channel, (uint32_t)kad_read_u64(in->bytes + KAD_AT_COUNTER),
                               in->bytes + KAD_HELLO_NONCE, datagram);
        kad_channel_append(in->out, in->from, datagram, KAD_DOOR_SIZE);
    }
    return verdict(KAD_CHANNEL_HANDLED);
}

static struct kad_channel_in take_open(struct kad_channel *channel, const struct incoming *in)
{
    struct kad_session *session = kad_sessions_at(&channel->sessions, kad_read_u32(in->bytes + KAD_AT_INDEX));
    const uint8_t *identity = in->bytes + KAD_OPEN_SEALED;
    struct kad_channel_in result = {.verdict = KAD_CHANNEL_HANDLED};
    uint8_t key[KAD_SEAL_KEY];

    if (in->size != KAD_DOOR_SIZE || !session || session->state != KAD_SESSION_PENDING || session->named ||
        !kad_endpoint_equal(&session->endpoint, in->from))
        return verdict(KAD_CHANNEL_UNKNOWN);
    kad_channel_open_key(channel, session->handshake->nonce, key);
    if (!channel->suite->open(key, 0, NULL, 0, in->bytes + KAD_OPEN_SEALED, KAD_DOOR_SIZE - KAD_OPEN_SEALED))
        return verdict(KAD_CHANNEL_FORGED);
    memcpy(result.key, identity, sizeof(result.key));
    if ((session->handshake->expects && memcmp(session->handshake->expect, identity, 32) != 0) ||
        memcmp(identity, our_key(channel), 32) == 0 ||
        (channel->puzzle_bits && kad_identity_bits(identity) < channel->puzzle_bits) ||
        kad_sessions_name(&channel->sessions, session, identity) != KAD_OK ||
        !begin_waiting(channel, session, NULL, 0, in)) {
        kad_sessions_drop(&channel->sessions, session);
        result.verdict = KAD_CHANNEL_REFUSED;
        return result;
    }
    session->began_at = in->now;
    kad_sessions_set(&channel->sessions, session, KAD_SESSION_PENDING, in->now);
    return result;
}

/* Whoever likes can ask for work: in a second we do no more for all of them than the most that we do for one. */
static bool may_work(struct kad_channel *channel, unsigned bits, kad_ms now)
{
    if (now / KAD_SECOND != channel->work_second)
        channel->work_tries = 0;
    channel->work_second = now / KAD_SECOND;
    if (bits && channel->work_tries + (UINT32_C(1) << bits) > UINT32_C(1) << channel->work_bits_max)
        return false;
    channel->work_tries += bits ? UINT32_C(1) << bits : 0;
    return true;
}

static struct kad_channel_in take_cookie(struct kad_channel *channel, const struct incoming *in)
{
    struct kad_session *session = kad_sessions_at(&channel->sessions, kad_read_u32(in->bytes + KAD_AT_INDEX));
    uint8_t *sealed = in->bytes + KAD_COOKIE_SEALED, key[KAD_SEAL_KEY];
    unsigned bits;

    if (in->size != KAD_DOOR_SIZE || !session || session->state != KAD_SESSION_PENDING || !session->named ||
        !kad_endpoint_equal(&session->endpoint, in->from))
        return verdict(KAD_CHANNEL_UNKNOWN);
    kad_channel_cookie_key(channel, session->key, in->bytes + KAD_HEAD, key);
    if (!channel->suite->open(key, 0, session->handshake->tail, KAD_TAIL, sealed,
                              KAD_DOOR_SIZE - KAD_COOKIE_SEALED))
        return verdict(KAD_CHANNEL_FORGED);
    bits = sealed[KAD_COOKIE_SIZE + 4];
    if (bits <= channel->work_bits_max && !may_work(channel, bits, in->now))
        return verdict(KAD_CHANNEL_LOADED); /* the next message for it begins anew */
    if (bits > channel->work_bits_max || ++session->handshake->n_cookies > COOKIES_MOST ||
        !begin_waiting(channel, session, sealed, bits, in)) {
        kad_sessions_drop(&channel->sessions, session);
        return verdict(KAD_CHANNEL_REFUSED);
    }
    return verdict(KAD_CHANNEL_HANDLED);
}

/* -- all ---------------------------------------------------------------------------------------------------------- */

/* What kind of datagram stands behind this mask? 0: none. */
static enum kad_channel_type type_of(const uint8_t head[KAD_HEAD])
{
    return head[1] | head[2] | head[3] ? 0 : head[0];
}

static struct kad_channel_in take_ours(struct kad_channel *channel, const struct incoming *in,
                                       enum kad_channel_type type)
{
    if (type == KAD_TYPE_INIT && in->size >= KAD_INIT_LEAST) {
        kad_mask(channel->mask, in->bytes, in->size, KAD_INIT_MASKED);
        return take_init(channel, in);
    }
    if (type == KAD_TYPE_RESPONSE && in->size > KAD_DATA_LEAST) {
        kad_mask(channel->mask, in->bytes, in->size, KAD_RESPONSE_MASKED);
        return take_response(channel, in);
    }
    if (type == KAD_TYPE_DATA || type == KAD_TYPE_PROBE || type == KAD_TYPE_ECHO) {
        kad_mask(channel->mask, in->bytes, in->size, KAD_HEAD);
        return take_data(channel, in);
    }
    return verdict(KAD_CHANNEL_NOISE);
}

static struct kad_channel_in take(struct kad_channel *channel, const struct incoming *in)
{
    uint8_t head[KAD_HEAD], mask[KAD_MASK_KEY];
    const bool waits = channel->sessions.n[KAD_SESSION_PENDING] > 0;

    kad_mask_peek(channel->mask, in->bytes, in->size, head);
    if (type_of(head) != 0)
        return take_ours(channel, in, type_of(head));
    if (in->size != KAD_DOOR_SIZE)
        return verdict(KAD_CHANNEL_NOISE);
    if (channel->open_door || waits) {
        kad_mask_peek(channel->door, in->bytes, in->size, head);
        if (type_of(head) == KAD_TYPE_HELLO || type_of(head) == KAD_TYPE_OPEN) {
            memcpy(in->bytes, head, KAD_HEAD);
            return head[0] == KAD_TYPE_HELLO ? take_hello(channel, in) : take_open(channel, in);
        }
    }
    if (waits) {
        memcpy(mask, channel->veil, sizeof(channel->veil));
        memcpy(mask + sizeof(channel->veil), channel->veil, sizeof(channel->veil));
        kad_mask_peek(mask, in->bytes, in->size, head);
        if (type_of(head) == KAD_TYPE_COOKIE) {
            memcpy(in->bytes, head, KAD_HEAD);
            return take_cookie(channel, in);
        }
    }
    return verdict(KAD_CHANNEL_NOISE);
}

static bool scratch(struct kad_channel *channel)
{
    if (!channel->scratch) {
        channel->scratch = kad_alloc(channel->allocator, KAD_CHANNEL_DATAGRAM);
        channel->own_scratch = channel->scratch != NULL;
    }
    return channel->scratch != NULL;
}

struct kad_channel_in kad_channel_receive(struct kad_channel *channel, const struct kad_datagram *in,
                                          kad_ms now, struct kad_batch *out)
{
    struct incoming incoming = {.from = &in->peer, .size = in->bytes.size, .now = now, .out = out};
    struct kad_channel_in result = verdict(KAD_CHANNEL_NOISE);

    kad_channel_finish(channel, now, out);
    kad_channel_expire(channel, now);
    if (kad_size_for(incoming.size) == incoming.size && incoming.size && scratch(channel)) {
        incoming.bytes = channel->scratch;
        memcpy(incoming.bytes, in->bytes.data, incoming.size);
        result = take(channel, &incoming);
    }
    channel->counters.verdicts[result.verdict]++;
    return result;
}

void kad_channel_finish(struct kad_channel *channel, kad_ms now, struct kad_batch *out)
{
    struct asked *asked = channel->asked;
    struct kad_session *session =
        asked && asked->session ? kad_sessions_at(&channel->sessions, asked->session) : NULL;
    uint8_t *datagram = kad_channel_room_in(out);
    size_t size = 0;

    if (!session) {
        if (asked) {
            asked->session = 0;
            asked->answer = false;
        }
        return;
    }
    if (asked->answer && datagram) {
        const struct kad_endpoint to = session->endpoint;

        size = kad_channel_write_response(channel, datagram, 0, now);
        if (size)
            kad_channel_append(out, &to, datagram, size);
    } else if (asked->answer) {
        kad_sessions_drop(&channel->sessions, session); /* no room to answer in: its beginner begins again */
    } else if (datagram && !session->proved && kad_channel_data_within(session)) {
        size = kad_channel_write_data(channel, session, KAD_TYPE_PROBE, session->token, datagram, 0, now);
        kad_channel_append(out, &session->endpoint, datagram, size);
    }
    asked->session = 0;
    asked->answer = false;
}

void kad_channel_shun(struct kad_channel *channel, uint32_t session)
{
    struct kad_session *shunned = kad_sessions_at(&channel->sessions, session);

    if (channel->asked && channel->asked->session == session) {
        channel->asked->session = 0;
        channel->asked->answer = false;
    }
    if (shunned)
        kad_sessions_drop(&channel->sessions, shunned);
}

/* -- soundness ---------------------------------------------------------------------------------------------------- */

bool kad_channel_sound(const struct kad_channel *channel, const char **out_why)
{
    const struct kad_sessions *sessions = &channel->sessions;

    if (!kad_sessions_sound(sessions, out_why))
        return false;
    for (uint32_t i = 0; i < sessions->n_slots; i++) {
        const struct kad_session *session = sessions->slots[i], *other;
        unsigned n_live = 0, n_fresh = 0;

        if (!session || !session->named)
            continue;
        for (uint32_t at = 0; (other = kad_sessions_next(sessions, session->key, &at));) {
            n_live += other->state == KAD_SESSION_LIVE;
            n_fresh += other->state == KAD_SESSION_FRESH;
        }
        *out_why = "two sessions with one key are used for sending";
        if (n_live > 1)
            return false;
        *out_why = "two sessions with one key have not been used yet";
        if (n_fresh > 1)
            return false;
    }
    *out_why = NULL;
    return true;
}
