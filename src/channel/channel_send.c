/* channel_send - how each kind of datagram is written; docs/protocol.md, "Sessions", has the bytes. */
#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "channel/channel_parts.h"
#include "crypto/crypto.h"

/* -- small things ------------------------------------------------------------------------------------------------- */

static void write_head(uint8_t *datagram, enum kad_channel_type type, uint32_t index, uint64_t counter)
{
    kad_write_u32(datagram, (uint32_t)type << 24);
    kad_write_u32(datagram + KAD_AT_INDEX, index);
    kad_write_u64(datagram + KAD_AT_COUNTER, counter);
}

/* Behind a plaintext that ends at `at`: a byte that is not zero, and zeros up to where the tag of a datagram of `size` is. */
static void pad(uint8_t *datagram, size_t at, size_t size)
{
    assert(at + KAD_PADDING + KAD_SEAL_TAG <= size);
    datagram[at] = 0x80;
    memset(datagram + at + 1, 0, size - KAD_SEAL_TAG - at - 1);
}

void kad_channel_mask_key_of(const uint8_t identity[32], uint8_t out_key[KAD_MASK_KEY])
{
    kad_mask_key("kad/1 mask", identity, 32, out_key);
}

void kad_channel_open_key(const struct kad_channel *channel, const uint8_t nonce[16],
                          uint8_t out_key[KAD_SEAL_KEY])
{
    static const char purpose[] = "kad/1 open";
    uint8_t bytes[KAD_HASH_SIZE + 16];

    memcpy(bytes, channel->door, KAD_HASH_SIZE);
    memcpy(bytes + KAD_HASH_SIZE, nonce, 16);
    channel->suite->hash(purpose, sizeof(purpose), bytes, sizeof(bytes), out_key);
}

/* What is sent to an address that has not shown that it receives is never more than what came from there, in bytes nor in
 * packets. */
static void spend(struct kad_session *session, size_t size)
{
    if (session->proved)
        return;
    assert(size <= session->credit && session->packets && "more would go out than came in");
    session->credit -= (uint32_t)size;
    session->packets--;
}

uint8_t *kad_channel_room_in(const struct kad_batch *out)
{
    const size_t each = out->each ? out->each : KAD_DATAGRAM_MAX;

    return out->n < out->room ? out->memory + out->n * each : NULL;
}

void kad_channel_append(struct kad_batch *out, const struct kad_endpoint *to, const uint8_t *datagram,
                        size_t size)
{
    out->datagrams[out->n++] = (struct kad_datagram){.peer = *to, .bytes = {datagram, size}};
}

/* -- in a session -------------------------------------------------------------------------------------------------- */

size_t kad_channel_data_within(const struct kad_session *session)
{
    if (session->proved)
        return KAD_DATAGRAM;
    return session->packets ? kad_size_within(session->credit) : 0;
}

/* At least as large as we want everything to be, and, while the other side pads what it sends, as that; as far as it may. */
static size_t padded(const struct kad_channel *channel, const struct kad_session *session, size_t size)
{
    const size_t theirs = (size_t)session->pads_16 * 16, within = kad_channel_data_within(session);
    size_t wanted = channel->pad_to > theirs ? channel->pad_to : theirs;

    if (wanted > within)
        wanted = within;
    return wanted > size ? wanted : size;
}

size_t kad_channel_write_data(struct kad_channel *channel, struct kad_session *session,
                              enum kad_channel_type type, const uint8_t token[KAD_TOKEN], uint8_t *datagram,
                              size_t n, kad_ms now)
{
    const size_t at = type == KAD_TYPE_DATA ? KAD_DATA_MESSAGE : KAD_PROBE_MESSAGE;
    const size_t size = padded(channel, session, kad_size_for(at + n + KAD_PADDING + KAD_SEAL_TAG)),
                 n_sealed = size - KAD_HEAD - KAD_SEAL_TAG;
    struct kad_busy_list *list = &channel->sessions.busy;
    const struct kad_busy *busy = kad_busy_of(list, session);

    assert(session->state != KAD_SESSION_PENDING && size);
    write_head(datagram, type, session->remote, session->sent);
    if (type != KAD_TYPE_DATA)
        memcpy(datagram + KAD_HEAD, token, KAD_TOKEN);
    pad(datagram, at + n, size);
    if (busy)
        kad_ready_seal(&list->ready, busy->send, session->sent, datagram, KAD_HEAD, datagram + KAD_HEAD,
                       n_sealed);
    else
        channel->suite->seal(session->send, session->sent, datagram, KAD_HEAD, datagram + KAD_HEAD, n_sealed);
    session->sent++;
    kad_mask(session->mask, datagram, size, KAD_HEAD);
    spend(session, size);
    kad_sessions_set(&channel->sessions, session, session->state, now);
    return size;
}

unsigned kad_channel_send_waiting(struct kad_channel *channel, struct kad_session *session, kad_ms now,
                                  struct kad_batch *out)
{
    const size_t overhead = KAD_DATA_MESSAGE + KAD_PADDING + KAD_SEAL_TAG;
    unsigned n = 0;

    while (session->handshake && session->handshake->waiting) {
        const struct kad_waiting *first = session->handshake->waiting;
        uint8_t *datagram = kad_channel_room_in(out);
        size_t size;

        if (!datagram || kad_channel_data_within(session) < overhead + first->size)
            break;
        memcpy(datagram + KAD_DATA_MESSAGE, first->bytes, first->size);
        if (first->wanted && session->asked_at == KAD_NEVER)
            session->asked_at = now;
        size = kad_channel_write_data(channel, session, KAD_TYPE_DATA, NULL, datagram, first->size, now);
        kad_channel_append(out, &session->endpoint, datagram, size);
        kad_sessions_shift(&channel->sessions, session);
        n++;
    }
    if (session->handshake && !session->handshake->waiting)
        kad_sessions_end_handshake(&channel->sessions, session);
    return n;
}

/* -- the handshake ------------------------------------------------------------------------------------------------- */

static void make_pair(struct kad_channel *channel, struct kad_noise_keys *out_keys)
{
    kad_rng_bytes(&channel->rng, out_keys->secret, sizeof(out_keys->secret));
    channel->suite->keypair(out_keys->secret, out_keys->public_key);
    channel->counters.public_key_operations++;
}

size_t kad_channel_write_init(struct kad_channel *channel, struct kad_session *session, const uint8_t *cookie,
                              unsigned bits, uint8_t *datagram, size_t n, size_t wanted, kad_ms now)
{
    struct kad_handshake *handshake = session->handshake;
    size_t size = KAD_INIT_MESSAGE + n + KAD_PADDING + KAD_SEAL_TAG;
    const size_t answer = KAD_RESPONSE_MESSAGE + wanted + KAD_PADDING + KAD_SEAL_TAG;
    uint8_t theirs[KAD_DH_SIZE], *payload = datagram + KAD_INIT_PAYLOAD;
    struct kad_noise_keys ephemeral;
    bool good;

    assert(kad_size_for(size) && session->state == KAD_SESSION_PENDING && session->named);
    if (answer > size)
        size = answer > KAD_DATAGRAM ? (size_t)KAD_DATAGRAM : answer;
    if (channel->pad_to > size)
        size = channel->pad_to;
    size = kad_size_for(size);
    if (!channel->suite->dh_public(session->key, theirs))
        return 0; /* not the key of anybody */
    make_pair(channel, &ephemeral);
    memcpy(handshake->ephemeral, ephemeral.secret, sizeof(ephemeral.secret));

    write_head(datagram, KAD_TYPE_INIT, 0, session->index);
    if (cookie)
        memcpy(datagram + KAD_INIT_COOKIE, cookie, KAD_COOKIE_SIZE);
    else
        kad_rng_bytes(&channel->rng, datagram + KAD_INIT_COOKIE, KAD_COOKIE_SIZE);
    kad_rng_bytes(&channel->rng, datagram + KAD_INIT_COMMITMENT, KAD_INIT_VEIL - KAD_INIT_COMMITMENT);
    if (bits) {
        kad_admit_commitment(channel->suite, our_key(channel), ephemeral.public_key,
                             datagram + KAD_INIT_COMMITMENT);
        kad_admit_work(channel->suite, datagram + KAD_INIT_COOKIE, datagram + KAD_INIT_COMMITMENT, bits,
                       datagram + KAD_INIT_NONCE);
        channel->counters.work_done++;
    }
    memcpy(datagram + KAD_INIT_VEIL, channel->veil, sizeof(channel->veil));

    memcpy(payload, our_key(channel), 32);
    kad_write_u64(payload + 32, (uint64_t)now);
    payload[40] = payload[41] = KAD_CHANNEL_VERSION;
    pad(datagram, KAD_INIT_MESSAGE + n, size);
    kad_channel_begin_noise(channel, datagram, &handshake->noise);
    good = kad_noise_write_first(&handshake->noise, channel->suite, &channel->keys, &ephemeral, theirs,
                                 datagram + KAD_INIT_E, datagram + KAD_INIT_S, payload,
                                 size - KAD_INIT_PAYLOAD - KAD_SEAL_TAG);
    kad_wipe(&ephemeral, sizeof(ephemeral));
    channel->counters.public_key_operations += 2;
    if (!good)
        return 0;
    memcpy(handshake->tail, datagram + size - KAD_TAIL, KAD_TAIL);
    kad_channel_mask_key_of(session->key, session->mask);
    kad_mask(session->mask, datagram, size, KAD_INIT_MASKED);
    channel->counters.begun++;
    return size;
}

size_t kad_channel_write_response(struct kad_channel *channel, uint8_t *datagram, size_t n, kad_ms now)
{
    struct asked *asked = channel->asked;
    struct kad_session *session = kad_sessions_at(&channel->sessions, asked->session);
    const size_t needed = kad_size_for(KAD_RESPONSE_MESSAGE + n + KAD_PADDING + KAD_SEAL_TAG);
    size_t size;
    struct kad_noise_keys ephemeral;
    bool good;

    assert(asked->answer && needed);
    asked->session = 0;
    asked->answer = false;
    if (!session)
        return 0;
    size = kad_size_within(
        session->credit); /* as large as the INIT: what was asked and answered does not show */
    assert(size >= needed);
    make_pair(channel, &ephemeral);
    write_head(datagram, KAD_TYPE_RESPONSE, session->remote, 0);
    datagram[KAD_RESPONSE_PAYLOAD] = KAD_CHANNEL_VERSION;
    kad_write_u32(datagram + KAD_RESPONSE_INDEX, session->index);
    pad(datagram, KAD_RESPONSE_MESSAGE + n, size);
    good = kad_noise_write_answer(&asked->noise, channel->suite, &ephemeral, asked->their_ephemeral,
                                  asked->theirs, datagram + KAD_RESPONSE_E, datagram + KAD_RESPONSE_PAYLOAD,
                                  size - KAD_RESPONSE_PAYLOAD - KAD_SEAL_TAG);
    kad_wipe(&ephemeral, sizeof(ephemeral));
    channel->counters.public_key_operations += 2;
    if (!good) {
        kad_sessions_drop(&channel->sessions, session);
        return 0;
    }
    kad_noise_split(&asked->noise, channel->suite, session->receive, session->send);
    kad_mask(session->mask, datagram, size, KAD_RESPONSE_MASKED);
    spend(session, size);
    kad_sessions_set(&channel->sessions, session, session->state, now);
    channel->counters.answered++;
    return size;
}

/* -- the door, and under load --------------------------------------------------------------------------------------- */

void kad_channel_write_hello(struct kad_channel *channel, struct kad_session *session, uint8_t *datagram)
{
    write_head(datagram, KAD_TYPE_HELLO, 0, session->index);
    kad_rng_bytes(&channel->rng, datagram + KAD_HELLO_NONCE, KAD_DOOR_SIZE - KAD_HELLO_NONCE);
    memcpy(session->handshake->nonce, datagram + KAD_HELLO_NONCE, sizeof(session->handshake->nonce));
    kad_mask(channel->door, datagram, KAD_DOOR_SIZE, KAD_HEAD);
}

void kad_channel_write_open(struct kad_channel *channel, uint32_t index, const uint8_t nonce[16],
                            uint8_t *datagram)
{
    uint8_t key[KAD_SEAL_KEY];

    write_head(datagram, KAD_TYPE_OPEN, index, 0);
    /* Not the nonce again: question and answer would have bytes in common that anybody can see. */
    kad_rng_bytes(&channel->rng, datagram + KAD_HELLO_NONCE, 16);
    memset(datagram + KAD_OPEN_SEALED, 0, KAD_DOOR_SIZE - KAD_OPEN_SEALED);
    memcpy(datagram + KAD_OPEN_SEALED, our_key(channel), 32);
    kad_channel_open_key(channel, nonce, key);
    channel->suite->seal(key, 0, NULL, 0, datagram + KAD_OPEN_SEALED,
                         KAD_DOOR_SIZE - KAD_OPEN_SEALED - KAD_SEAL_TAG);
    kad_mask(channel->door, datagram, KAD_DOOR_SIZE, KAD_HEAD);
}

void kad_channel_write_cookie(struct kad_channel *channel, const uint8_t *init, const uint8_t tail[16],
                              const uint8_t cookie[KAD_COOKIE_SIZE], unsigned bits, kad_ms now,
                              uint8_t *datagram)
{
    uint8_t mask[KAD_MASK_KEY], *sealed = datagram + KAD_COOKIE_SEALED;

    write_head(datagram, KAD_TYPE_COOKIE, (uint32_t)kad_read_u64(init + KAD_AT_COUNTER),
               channel->cookies.number);
    memset(sealed, 0, KAD_DOOR_SIZE - KAD_COOKIE_SEALED);
    memcpy(sealed, cookie, KAD_COOKIE_SIZE);
    kad_write_u32(sealed + KAD_COOKIE_SIZE, kad_admit_epoch(now));
    sealed[KAD_COOKIE_SIZE + 4] = (uint8_t)bits;
    kad_cookies_seal(&channel->cookies, channel->suite, &channel->sessions.busy, tail, sealed,
                     KAD_DOOR_SIZE - KAD_COOKIE_SEALED - KAD_SEAL_TAG);
    memcpy(mask, init + KAD_INIT_VEIL, 8);
    memcpy(mask + 8, init + KAD_INIT_VEIL, 8);
    kad_mask(mask, datagram, KAD_DOOR_SIZE, KAD_HEAD);
    channel->counters.cookies_sent++;
}
