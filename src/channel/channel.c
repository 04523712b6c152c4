#include "channel/channel.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "channel/channel_parts.h"
#include "crypto/crypto.h"

enum { NETWORK_MAX = 200 };

int kad_channel_new(const struct kad_channel_config *config, kad_ms now, struct kad_channel **out_channel)
{
    static const char prologue[] = "kad/1", door[] = "kad/1 door";
    uint8_t network[KAD_HASH_SIZE], public_key[32], cookies[16];
    const size_t n_network = config->network ? strlen(config->network) : 0;
    struct kad_channel *channel;

    (void)now;
    if (!config->suite || !config->max_sessions || !config->max_waiting || n_network > NETWORK_MAX ||
        config->max_sessions >= KAD_SESSIONS_MAX / 2 || config->max_waiting >= KAD_SESSIONS_MAX / 2 ||
        config->waiting_ms <= 0 || config->rekey_after_ms <= 0 || config->work_bits_max > KAD_WORK_MOST ||
        config->pad_to > KAD_DATAGRAM)
        return KAD_E_INVALID;
    channel = kad_alloc_zero(config->allocator, sizeof(*channel));
    if (!channel)
        return KAD_E_MEMORY;
    channel->allocator = config->allocator;
    channel->suite = config->suite;
    channel->scratch = config->scratch;
    channel->open_door = config->open_door;
    channel->puzzle_bits = config->puzzle_bits;
    channel->work_bits_max = config->work_bits_max;
    channel->pad_to = kad_size_for(config->pad_to);
    channel->waiting_ms = config->waiting_ms;
    channel->rekey_after_ms = config->rekey_after_ms;

    kad_ed25519_keypair(config->secret, public_key, channel->secret);
    channel->suite->dh_secret(channel->secret, channel->keys.secret);
    channel->suite->keypair(channel->keys.secret, channel->keys.public_key);
    kad_sha256(config->network, n_network, network);
    memcpy(channel->prologue, prologue, sizeof(prologue) - 1);
    memcpy(channel->prologue + sizeof(prologue) - 1, network, sizeof(network));
    kad_channel_mask_key_of(our_key(channel), channel->mask);
    kad_suite_real.hash(door, sizeof(door), config->network, n_network, channel->door);

    kad_rng_init(&channel->rng, config->seed);
    kad_rng_bytes(&channel->rng, channel->veil, sizeof(channel->veil));
    kad_rng_bytes(&channel->rng, cookies, sizeof(cookies));
    kad_admit_init(&channel->admit, channel->allocator, cookies, config->cookie_per_s, config->work_per_s);
    kad_cookies_init(&channel->cookies, channel->suite, our_key(channel),
                     kad_siphash(cookies, door, sizeof(door)));
    kad_sessions_init(&channel->sessions, channel->allocator, config->max_sessions, config->max_waiting,
                      channel->suite->ready ? config->max_sessions / BUSY_SHARE : 0,
                      kad_rng_u64(&channel->rng));
    *out_channel = channel;
    return KAD_OK;
}

void kad_channel_free(struct kad_channel *channel)
{
    const struct kad_allocator *allocator;

    if (!channel)
        return;
    allocator = channel->allocator;
    kad_sessions_clear(&channel->sessions);
    kad_admit_clear(&channel->admit);
    kad_cookies_clear(&channel->cookies, allocator);
    if (channel->asked)
        kad_wipe(channel->asked, sizeof(*channel->asked));
    kad_free(allocator, channel->asked, sizeof(*channel->asked));
    if (channel->own_scratch)
        kad_free(allocator, channel->scratch, KAD_CHANNEL_WRAPPED);
    kad_wipe(channel, sizeof(*channel));
    kad_free(allocator, channel, sizeof(*channel));
}

const uint8_t *kad_channel_key(const struct kad_channel *channel)
{
    return our_key(channel);
}

const uint8_t *kad_channel_secret(const struct kad_channel *channel)
{
    return channel->secret;
}

const struct kad_channel_counters *kad_channel_counters(const struct kad_channel *channel)
{
    return &channel->counters;
}

size_t kad_channel_memory(const struct kad_channel *channel)
{
    return sizeof(*channel) + kad_sessions_memory(&channel->sessions) + kad_admit_memory(&channel->admit) +
           kad_cookies_memory(&channel->cookies) + (channel->asked ? sizeof(*channel->asked) : 0) +
           (channel->own_scratch ? (size_t)KAD_CHANNEL_WRAPPED : 0);
}

/* -- time -------------------------------------------------------------------------------------------------------- */

static void expire_state(struct kad_channel *channel, enum kad_session_state state, kad_ms after, kad_ms now)
{
    struct kad_session *session;

    while ((session = kad_sessions_oldest(&channel->sessions, state)) && now - session->used_at >= after) {
        kad_sessions_drop(&channel->sessions, session);
        channel->counters.expired += state == KAD_SESSION_PENDING;
    }
}

/* A session outlives the moment when it would be begun anew, or else its other end, which would begin it, finds it gone. */
void kad_channel_expire(struct kad_channel *channel, kad_ms now)
{
    expire_state(channel, KAD_SESSION_PENDING, channel->waiting_ms, now);
    expire_state(channel, KAD_SESSION_FRESH, FRESH_MS, now);
    expire_state(channel, KAD_SESSION_OLD, OLD_MS, now);
    expire_state(channel, KAD_SESSION_LIVE, 2 * channel->rekey_after_ms, now);
    channel->counters.evicted = channel->sessions.evicted;
}

/* -- plans ------------------------------------------------------------------------------------------------------- */

static struct kad_channel_plan plan_of(enum plan_kind kind, size_t head, size_t room, uint32_t slot)
{
    return (struct kad_channel_plan){
        .kind = (uint8_t)kind, .head = (uint16_t)head, .room = (uint16_t)room, .slot = slot};
}

static const struct kad_channel_plan nothing = {.kind = PLAN_NONE};

enum {
    INIT_OVERHEAD = KAD_INIT_MESSAGE + KAD_PADDING + KAD_SEAL_TAG,
    RESPONSE_OVERHEAD = KAD_RESPONSE_MESSAGE + KAD_PADDING + KAD_SEAL_TAG,
    DATA_OVERHEAD = KAD_DATA_MESSAGE + KAD_PADDING + KAD_SEAL_TAG,
};

static struct kad_channel_plan plan_init(uint32_t slot)
{
    return plan_of(PLAN_INIT, KAD_INIT_MESSAGE, KAD_DATAGRAM - INIT_OVERHEAD, slot);
}

/* What is for somebody who may be nobody, whose first message we answered, leaves half of the places to what we begin. */
static struct kad_channel_plan plan_wait(const struct kad_channel *channel, const struct kad_session *session)
{
    const uint32_t share = session->state == KAD_SESSION_FRESH ? 1 : 2;

    if (channel->sessions.n_waiting >= share * channel->sessions.max_pending)
        return nothing;
    return plan_of(PLAN_WAIT, KAD_DATA_MESSAGE, KAD_DATAGRAM - DATA_OVERHEAD, session->index);
}

static struct kad_channel_plan plan_data(const struct kad_session *session)
{
    const size_t most = kad_channel_data_within(session), token = session->proved ? 0 : KAD_TOKEN;

    if (!most)
        return nothing;
    return plan_of(PLAN_DATA, KAD_DATA_MESSAGE + token, most - DATA_OVERHEAD - token, session->index);
}

/* An answer goes the way the question came, or not at all. */
static struct kad_channel_plan plan_in(const struct kad_channel *channel, const struct kad_channel_to *to)
{
    const struct kad_session *session = kad_sessions_at(&channel->sessions, to->session);

    if (!session || !kad_endpoint_equal(&session->endpoint, &to->endpoint))
        return nothing;
    if (channel->asked && channel->asked->answer && channel->asked->session == to->session)
        return plan_of(PLAN_RESPONSE, KAD_RESPONSE_MESSAGE,
                       kad_size_within(session->credit) - RESPONSE_OVERHEAD, session->index);
    if (session->state == KAD_SESSION_PENDING)
        return nothing;
    return session->state == KAD_SESSION_FRESH ? plan_wait(channel, session) : plan_data(session);
}

/* Whatever there is with this key at this address: a session, one that is being made, or a new one. */
static struct kad_channel_plan plan_to(const struct kad_channel *channel, const struct kad_channel_to *to,
                                       kad_ms now)
{
    const struct kad_session *session, *live = NULL, *fresh = NULL, *pending = NULL, *old = NULL;
    bool silent;

    for (uint32_t at = 0; (session = kad_sessions_next(&channel->sessions, to->key, &at));) {
        if (!kad_endpoint_equal(&session->endpoint, &to->endpoint))
            continue;
        if (session->state == KAD_SESSION_LIVE)
            live = session;
        else if (session->state == KAD_SESSION_FRESH)
            fresh = session;
        else if (session->state == KAD_SESSION_PENDING)
            pending = session;
        else
            old = session;
    }
    silent = live && live->asked_at != KAD_NEVER && now - live->asked_at >= SILENT_MS;
    if (live && !silent &&
        (pending || (now - live->began_at < channel->rekey_after_ms && live->sent < UINT32_MAX)))
        return plan_data(live);
    if (!live)
        live = old;
    if (live && !live->proved && now - live->used_at < FRESH_MS)
        return plan_data(live); /* as below: within what came from there */
    if (fresh) /* it was answered: to send it more, before it shows that it is there, would be more than it sent */
        return plan_wait(channel, fresh);
    if (pending)
        return now - pending->began_at < RETRY_MS ? plan_wait(channel, pending) : plan_init(pending->index);
    if (channel->sessions.n[KAD_SESSION_PENDING] == channel->sessions.max_pending)
        return live ? plan_data(live) : nothing; /* none can be begun */
    return plan_init(0);
}

uint32_t kad_channel_session_with(const struct kad_channel *channel, const uint8_t key[KAD_KEY_SIZE])
{
    const struct kad_session *session;

    for (uint32_t at = 0; (session = kad_sessions_next(&channel->sessions, key, &at));) {
        if (session->state == KAD_SESSION_LIVE)
            return session->index;
    }
    return 0;
}

bool kad_channel_crowded(const struct kad_channel *channel, kad_ms now)
{
    const struct kad_sessions *sessions = &channel->sessions;
    const struct kad_session *oldest = kad_sessions_oldest(sessions, KAD_SESSION_PENDING);

    if (sessions->n[KAD_SESSION_PENDING] < sessions->max_pending &&
        sessions->n_waiting < 2 * sessions->max_pending)
        return false;
    return !oldest ||
           now - oldest->used_at < channel->waiting_ms; /* else its place is free with the next plan */
}

/* Somebody at this address, whoever it is. */
static struct kad_channel_plan plan_knock(const struct kad_channel *channel, const struct kad_channel_to *to)
{
    const struct kad_sessions *sessions = &channel->sessions;

    for (uint32_t slot = sessions->newest[KAD_SESSION_PENDING]; slot != KAD_SESSION_NONE;
         slot = sessions->slots[slot]->older) {
        if (!sessions->slots[slot]->named &&
            kad_endpoint_equal(&sessions->slots[slot]->endpoint, &to->endpoint))
            return plan_wait(channel, sessions->slots[slot]);
    }
    if (sessions->n[KAD_SESSION_PENDING] == sessions->max_pending ||
        sessions->n_waiting == 2 * sessions->max_pending)
        return nothing;
    return plan_of(PLAN_KNOCK, KAD_DATA_MESSAGE, KAD_DATAGRAM - INIT_OVERHEAD, 0);
}

/* What has a datagram inside waits for nobody and is no reason to begin anything, not even anew. */
static struct kad_channel_plan plan_aside(const struct kad_channel *channel, const struct kad_channel_to *to)
{
    static_assert(KAD_CHANNEL_ASIDE == KAD_WRAPPED - DATA_OVERHEAD, "as the header says");
    const struct kad_session *session;

    for (uint32_t at = 0; (session = kad_sessions_next(&channel->sessions, to->key, &at));) {
        if (session->state == KAD_SESSION_LIVE && session->proved && session->sent < UINT32_MAX &&
            kad_endpoint_equal(&session->endpoint, &to->endpoint))
            return plan_of(PLAN_DATA, KAD_DATA_MESSAGE, KAD_CHANNEL_ASIDE, session->index);
    }
    return nothing;
}

struct kad_channel_plan kad_channel_plan(struct kad_channel *channel, const struct kad_channel_to *to,
                                         size_t wanted, kad_ms now)
{
    struct kad_channel_plan plan;

    kad_channel_expire(channel, now);
    if (to->session)
        plan = plan_in(channel, to);
    else if (!to->key)
        plan = plan_knock(channel, to);
    else if (memcmp(to->key, our_key(channel), 32) == 0)
        plan = nothing;
    else
        plan = to->aside ? plan_aside(channel, to) : plan_to(channel, to, now);
    plan.wanted = (uint16_t)(wanted < KAD_DATAGRAM ? wanted : KAD_DATAGRAM);
    return plan;
}

/* -- sealing ------------------------------------------------------------------------------------------------------ */

/* A new one, or the one that has been waiting in vain under another index, so that a late answer to it is no forgery. */
static struct kad_session *begin(struct kad_channel *channel, const struct kad_channel_plan *plan,
                                 const struct kad_channel_to *to, kad_ms now)
{
    struct kad_sessions *sessions = &channel->sessions;
    struct kad_session *before = plan->slot ? kad_sessions_at(sessions, plan->slot) : NULL, *session;

    if (before) {
        before->index ^= kad_rng_u32(&channel->rng) << 20;
        before->began_at = now;
        kad_sessions_set(sessions, before, KAD_SESSION_PENDING, now);
        if (before->handshake->carried) /* its time is over; what waits behind it still may go */
            kad_sessions_shift(sessions, before);
        before->handshake->carried = false;
        return before;
    }
    session = kad_sessions_add(sessions, KAD_SESSION_PENDING, to->key, kad_rng_u32(&channel->rng), now);
    if (!session)
        return NULL;
    session->endpoint = to->endpoint;
    session->ours = true;
    if (!kad_sessions_handshake(sessions, session)) {
        kad_sessions_drop(sessions, session);
        return NULL;
    }
    return session;
}

/* Puts a plaintext before all that waits: it goes in the first message. */
static bool carry(struct kad_channel *channel, struct kad_session *session, const uint8_t *plain, size_t n,
                  size_t wanted)
{
    struct kad_handshake *handshake = session->handshake;
    struct kad_waiting *before;

    if (!kad_sessions_wait(&channel->sessions, session, plain, n, wanted))
        return false;
    handshake->carried = true;
    if (handshake->n_waiting == 1)
        return true;
    for (before = handshake->waiting; before->next->next;)
        before = before->next;
    before->next->next = handshake->waiting;
    handshake->waiting = before->next;
    before->next = NULL;
    return true;
}

static size_t seal_init(struct kad_channel *channel, const struct kad_channel_plan *plan,
                        const struct kad_channel_to *to, uint8_t *datagram, size_t n, kad_ms now)
{
    struct kad_session *session = begin(channel, plan, to, now);
    size_t size = 0;

    if (session && carry(channel, session, datagram + KAD_INIT_MESSAGE, n, plan->wanted))
        size = kad_channel_write_init(channel, session, NULL, 0, datagram, n, plan->wanted, now);
    if (session && !size)
        kad_sessions_drop(&channel->sessions, session);
    return size;
}

static size_t seal_knock(struct kad_channel *channel, const struct kad_channel_plan *plan,
                         const struct kad_channel_to *to, uint8_t *datagram, size_t n, kad_ms now)
{
    struct kad_session *session = begin(channel, plan, to, now);

    if (session && !kad_sessions_wait(&channel->sessions, session, datagram + plan->head, n, plan->wanted)) {
        kad_sessions_drop(&channel->sessions, session);
        return 0;
    }
    if (!session)
        return 0;
    session->handshake->expects = to->expect != NULL;
    if (to->expect)
        memcpy(session->handshake->expect, to->expect, sizeof(session->handshake->expect));
    kad_channel_write_hello(channel, session, datagram);
    return KAD_DOOR_SIZE;
}

size_t kad_channel_seal(struct kad_channel *channel, const struct kad_channel_plan *plan,
                        const struct kad_channel_to *to, uint8_t *datagram, size_t n_plain, kad_ms now,
                        bool *out_failed)
{
    struct kad_session *session = plan->slot ? kad_sessions_at(&channel->sessions, plan->slot) : NULL;
    size_t size = 0;

    assert(n_plain <= plan->room || plan->kind == PLAN_NONE);
    switch ((enum plan_kind)plan->kind) {
    case PLAN_DATA:
        if (!session)
            break;
        size = kad_channel_write_data(channel, session, session->proved ? KAD_TYPE_DATA : KAD_TYPE_PROBE,
                                      session->token, datagram, n_plain, now);
        if (channel->asked && channel->asked->session == plan->slot)
            channel->asked->session = 0; /* it is a PROBE itself, or needs none */
        if (plan->wanted && session->asked_at == KAD_NEVER)
            session->asked_at = now;
        break;
    case PLAN_INIT:
        size = seal_init(channel, plan, to, datagram, n_plain, now);
        break;
    case PLAN_RESPONSE:
        size = kad_channel_write_response(channel, datagram, n_plain, now);
        break;
    case PLAN_KNOCK:
        size = seal_knock(channel, plan, to, datagram, n_plain, now);
        break;
    case PLAN_WAIT:
        *out_failed = !session || !kad_sessions_wait(&channel->sessions, session, datagram + plan->head,
                                                     n_plain, plan->wanted);
        return 0;
    case PLAN_NONE:
        break;
    }
    *out_failed = size == 0;
    assert(size <= (to->aside ? KAD_WRAPPED : KAD_DATAGRAM));
    return size;
}
