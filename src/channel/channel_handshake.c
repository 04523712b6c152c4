/* channel_handshake - what comes before a session: first messages and their answers, the door, cookies. */
#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "channel/channel_parts.h"
#include "crypto/crypto.h"
#include "crypto/identity.h"

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
    session->packets = 1;
    session->proved = proved;
    session->first_at = first_at;
    kad_channel_mask_key_of(identity, session->mask);
    kad_rng_bytes(&channel->rng, session->token, sizeof(session->token));
    channel->asked->session = session->index;
    channel->asked->answer = true;
    return (struct kad_channel_in){.session = session->index};
}

struct kad_channel_in kad_channel_take_init(struct kad_channel *channel, const struct incoming *in)
{
    uint8_t *payload = in->bytes + KAD_INIT_PAYLOAD, commitment[16], cookie[KAD_COOKIE_SIZE];
    const size_t n = in->size - KAD_INIT_PAYLOAD;
    enum kad_admission admission;
    struct kad_session *fresh;
    struct kad_channel_in result;
    struct kad_bytes plain;
    struct asked *asked;
    kad_ms first_at, last;
    bool late = false;

    /* Under load most is refused after this: what it is not judged by stays masked. */
    kad_mask_part(channel->mask, in->bytes, in->size, KAD_INIT_COOKIE, KAD_INIT_COMMITMENT);
    kad_mask_part(channel->mask, in->bytes, in->size, KAD_INIT_NONCE, KAD_INIT_E);
    admission = kad_admit_check(&channel->admit, in->from, in->bytes + KAD_INIT_COOKIE, in->now);
    if (admission != KAD_ADMIT_REFUSED)
        kad_mask_part(channel->mask, in->bytes, in->size, KAD_INIT_COMMITMENT, KAD_INIT_NONCE);
    if (admission == KAD_ADMIT_DUE)
        admission = kad_admit_check_work(&channel->admit, channel->suite, in->bytes, in->now);
    if (admission == KAD_ADMIT_REFUSED) {
        kad_admit_cookie(&channel->admit, in->from, in->now, cookie);
        return ask_for_cookie(channel, in, cookie, kad_admit_bits(&channel->admit));
    }
    kad_mask_part(channel->mask, in->bytes, in->size, KAD_INIT_E, KAD_INIT_MASKED);
    channel->counters.cookies_taken += admission != KAD_ADMIT;
    asked = kad_channel_asked_of(channel);
    if (!asked)
        return verdict(KAD_CHANNEL_LOADED);
    kad_channel_begin_noise(channel, in->bytes, &asked->noise);
    memcpy(asked->their_ephemeral, in->bytes + KAD_INIT_E, KAD_DH_SIZE);
    channel->counters.public_key_operations += 2;
    if (!kad_noise_read_first(&asked->noise, channel->suite, &channel->keys, in->bytes + KAD_INIT_E,
                              in->bytes + KAD_INIT_S, payload, n, asked->theirs))
        return verdict(KAD_CHANNEL_FORGED);

    if (!kad_channel_unpad(in->bytes + KAD_INIT_MESSAGE, in->size - KAD_INIT_MESSAGE - KAD_SEAL_TAG,
                           &plain) ||
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
    result = kad_channel_deliver(kad_sessions_at(&channel->sessions, result.session), in, plain);
    result.first = true;
    return result;
}

/* -- RESPONSE ----------------------------------------------------------------------------------------------------- */

struct kad_channel_in kad_channel_take_response(struct kad_channel *channel, const struct incoming *in)
{
    struct kad_session *session = kad_sessions_at(&channel->sessions, kad_read_u32(in->bytes + KAD_AT_INDEX));
    uint8_t *payload = in->bytes + KAD_RESPONSE_PAYLOAD, *datagram;
    const size_t n = in->size - KAD_RESPONSE_PAYLOAD;
    struct kad_noise noise;
    struct kad_bytes plain;

    kad_mask_part(channel->mask, in->bytes, in->size, KAD_HEAD, KAD_RESPONSE_MASKED);
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
        !kad_channel_unpad(in->bytes + KAD_RESPONSE_MESSAGE, in->size - KAD_RESPONSE_MESSAGE - KAD_SEAL_TAG,
                           &plain)) {
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
    kad_channel_establish(channel, session, in->now);
    /* The other end knows that we have the keys, and are where it thinks, once it hears from us in the session. */
    if (kad_channel_send_waiting(channel, session, in->now, in->out) == 0 &&
        (datagram = kad_channel_room_in(in->out)))
        kad_channel_append(
            in->out, in->from, datagram,
            kad_channel_write_data(channel, session, KAD_TYPE_DATA, NULL, datagram, 0, in->now));
    return kad_channel_deliver(session, in, plain);
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

struct kad_channel_in kad_channel_take_hello(struct kad_channel *channel, const struct incoming *in)
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

struct kad_channel_in kad_channel_take_open(struct kad_channel *channel, const struct incoming *in)
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

struct kad_channel_in kad_channel_take_cookie(struct kad_channel *channel, const struct incoming *in)
{
    struct kad_session *session = kad_sessions_at(&channel->sessions, kad_read_u32(in->bytes + KAD_AT_INDEX));
    uint8_t *sealed = in->bytes + KAD_COOKIE_SEALED, key[KAD_SEAL_KEY];
    unsigned bits;

    if (in->size != KAD_DOOR_SIZE || !session || session->state != KAD_SESSION_PENDING || !session->named ||
        !kad_endpoint_equal(&session->endpoint, in->from))
        return verdict(KAD_CHANNEL_UNKNOWN);
    kad_cookies_key(channel->suite, session->key, key);
    if (!channel->suite->open(key, kad_read_u64(in->bytes + KAD_AT_COUNTER), session->handshake->tail,
                              KAD_TAIL, sealed, KAD_DOOR_SIZE - KAD_COOKIE_SEALED))
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
