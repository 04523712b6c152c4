/* channel_receive - what a datagram is, and what it brings about. */
#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "channel/channel_parts.h"
#include "crypto/crypto.h"
#include "crypto/identity.h"

/* The plaintext in `n` bytes that were opened; its padding goes. */
bool kad_channel_unpad(const uint8_t *bytes, size_t n, struct kad_bytes *out_plain)
{
    for (uint64_t word; n >= sizeof(word); n -= sizeof(word)) {
        memcpy(&word, bytes + n - sizeof(word), sizeof(word));
        if (word)
            break;
    }
    while (n > 0 && bytes[n - 1] == 0)
        n--;
    if (n == 0 || bytes[n - 1] != 0x80)
        return false;
    *out_plain = (struct kad_bytes){bytes, n - 1};
    return true;
}

static void earn(struct kad_session *session, size_t size)
{
    if (session->proved)
        return;
    session->credit = session->credit + size > CREDIT_MOST ? CREDIT_MOST : (uint32_t)(session->credit + size);
    if (session->packets < UINT8_MAX)
        session->packets++;
}

struct kad_channel_in kad_channel_deliver(const struct kad_session *session, const struct incoming *in,
                                          struct kad_bytes plain)
{
    struct kad_channel_in result = {.verdict = plain.size ? KAD_CHANNEL_MESSAGE : KAD_CHANNEL_HANDLED,
                                    .plain = plain,
                                    .session = session->index};

    memcpy(result.key, session->key, sizeof(result.key));
    if (plain.size)
        result.id = session->busy ? session->busy->id : kad_identity_id(session->key);
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
void kad_channel_establish(struct kad_channel *channel, struct kad_session *session, kad_ms now)
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
    session->packets = 1;
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

struct asked *kad_channel_asked_of(struct kad_channel *channel)
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
    struct kad_busy_list *list = &channel->sessions.busy;
    const struct kad_busy *busy;
    struct kad_channel_in result;
    struct kad_endpoint before = {0};
    struct kad_bytes plain;
    bool moved;

    if (!session || session->state == KAD_SESSION_PENDING || counter == UINT64_MAX ||
        kad_window_seen(&session->window, counter))
        return refuse_late(session && session->state != KAD_SESSION_PENDING ? session : NULL, counter);
    busy = kad_busy_of(list, session);
    if (busy ? !kad_ready_open(&list->ready, busy->receive, counter, in->bytes, KAD_HEAD, bytes, n)
             : !channel->suite->open(session->receive, counter, in->bytes, KAD_HEAD, bytes, n))
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
    if (!kad_channel_unpad(bytes, n, &plain))
        return verdict(KAD_CHANNEL_REFUSED);
    session->pads_16 =
        in->size > kad_size_for(in->size - n + plain.size + KAD_PADDING) ? (uint8_t)(in->size / 16) : 0;

    /* What answers a RESPONSE shows that it arrived where it was sent. */
    if (session->state == KAD_SESSION_FRESH) {
        session->proved |= kad_endpoint_equal(&session->endpoint, in->from);
        kad_channel_establish(channel, session, in->now);
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
    if (!session->proved && kad_channel_asked_of(channel))
        channel->asked->session = session->index; /* for a PROBE, unless an answer becomes one */

    result = kad_channel_deliver(session, in, plain);
    result.moved = moved;
    result.endpoint = before;
    return result;
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
    if (in->size > KAD_DATAGRAM && type != KAD_TYPE_DATA)
        return verdict(KAD_CHANNEL_NOISE);
    if (type == KAD_TYPE_INIT && in->size >= KAD_INIT_LEAST) {
        return kad_channel_take_init(channel, in);
    }
    if (type == KAD_TYPE_RESPONSE && in->size > KAD_DATA_LEAST) {
        return kad_channel_take_response(channel, in);
    }
    if (type == KAD_TYPE_DATA || type == KAD_TYPE_PROBE || type == KAD_TYPE_ECHO) {
        return take_data(channel, in);
    }
    return verdict(KAD_CHANNEL_NOISE);
}

static struct kad_channel_in take(struct kad_channel *channel, const struct incoming *in)
{
    uint8_t head[KAD_HEAD], mask[KAD_MASK_KEY];
    const bool waits = channel->sessions.n[KAD_SESSION_PENDING] > 0;

    kad_mask_peek(channel->mask, in->bytes, in->size, head);
    if (type_of(head) != 0) {
        memcpy(in->bytes, head, KAD_HEAD);
        return take_ours(channel, in, type_of(head));
    }
    if (in->size != KAD_DOOR_SIZE)
        return verdict(KAD_CHANNEL_NOISE);
    if (channel->open_door || waits) {
        kad_mask_peek(channel->door, in->bytes, in->size, head);
        if (type_of(head) == KAD_TYPE_HELLO || type_of(head) == KAD_TYPE_OPEN) {
            memcpy(in->bytes, head, KAD_HEAD);
            return head[0] == KAD_TYPE_HELLO ? kad_channel_take_hello(channel, in)
                                             : kad_channel_take_open(channel, in);
        }
    }
    if (waits) {
        memcpy(mask, channel->veil, sizeof(channel->veil));
        memcpy(mask + sizeof(channel->veil), channel->veil, sizeof(channel->veil));
        kad_mask_peek(mask, in->bytes, in->size, head);
        if (type_of(head) == KAD_TYPE_COOKIE) {
            memcpy(in->bytes, head, KAD_HEAD);
            return kad_channel_take_cookie(channel, in);
        }
    }
    return verdict(KAD_CHANNEL_NOISE);
}

static bool scratch(struct kad_channel *channel)
{
    if (!channel->scratch) {
        channel->scratch = kad_alloc(channel->allocator, KAD_CHANNEL_WRAPPED);
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
