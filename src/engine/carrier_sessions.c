/* carrier_sessions - messages in sessions: what the channel says of a datagram, and how a message becomes one. */
#include "engine/carrier.h"

#include <string.h>

#include "base/endpoint.h"
#include "crypto/identity.h"
#include "engine/journal.h"
#include "engine/network.h"

#define WANTED_FEW        170 /* of an answer without contacts and values, a receipt among it */
#define WANTED_CONTACTS   64  /* of one with contacts: what stands beside them */
#define WANTED_CONTACT_V4 38
#define WANTED_CONTACT_V6 50

/* What the session layer wrote of its own accord from `first` on: counted, and within the same budget as all else. */
static void account(struct kad_carrier *carrier, unsigned first)
{
    struct kad_engine *engine = carrier->engine;
    struct kad_batch *batch = carrier->batch;
    const size_t each = batch->each ? batch->each : KAD_DATAGRAM_MAX;
    unsigned kept = first;

    for (unsigned i = first; i < batch->n; i++) {
        struct kad_datagram *datagram = &batch->datagrams[i];

        if (!kad_limit_send(engine->limit, &datagram->peer, datagram->bytes.size, carrier->now)) {
            engine->counters->unsent[KAD_UNSENT_BUDGET]++;
            continue;
        }
        datagram->identity = (struct kad_bytes){0};
        engine->counters->bytes_out += datagram->bytes.size;
        engine->counters->datagrams_out++;
        if (engine->journal)
            kad_journal_sent(engine->journal, datagram);
        if (kept == i) {
            kept++;
            continue;
        }
        /* A slot's bytes are found by its number, so what moves up takes them along. */
        memmove(batch->memory + kept * each, datagram->bytes.data, datagram->bytes.size);
        batch->datagrams[kept] = *datagram;
        batch->datagrams[kept].bytes.data = batch->memory + kept * each;
        kept++;
    }
    batch->n = kept;
    carrier->outbox.room = batch->room - batch->n;
}

/* A bootstrap that was given with its key. */
static bool is_pinned(const struct kad_dht *dht, const struct kad_endpoint *endpoint)
{
    const kad_contact_ref *const pinned = kad_join_pinned(dht);

    for (unsigned i = 0; pinned && i < dht->join.n_bootstraps; i++) {
        if (pinned[i] != KAD_NO_CONTACT && kad_endpoint_equal(&dht->join.bootstraps[i], endpoint))
            return true;
    }
    return false;
}

static enum kad_drop drop_of(enum kad_channel_verdict verdict)
{
    static const enum kad_drop drops[KAD_CHANNEL_N_VERDICTS] = {
        [KAD_CHANNEL_NOISE] = KAD_DROP_NOISE,       [KAD_CHANNEL_FORGED] = KAD_DROP_FORGED,
        [KAD_CHANNEL_REPLAYED] = KAD_DROP_REPLAYED, [KAD_CHANNEL_UNKNOWN] = KAD_DROP_STALE,
        [KAD_CHANNEL_LOADED] = KAD_DROP_LOADED,
    };

    return drops[verdict];
}

/* Nobody is blamed for what does not open: whoever likes can write it into another's name. */
enum kad_drop kad_carrier_open_session(struct kad_carrier *carrier, const struct kad_datagram *in,
                                       struct kad_opened *out_opened)
{
    struct kad_engine *engine = carrier->engine;
    struct kad_channel *channel = kad_engine_member(engine)->channel;
    const unsigned first = carrier->batch->n;
    struct kad_channel_in opened = kad_channel_receive(channel, in, carrier->now, carrier->batch);

    if (carrier->batch->n != first)
        account(carrier, first);
    if (opened.proved)
        kad_limit_proved(engine->limit, &in->peer, carrier->now);
    switch (opened.verdict) {
    case KAD_CHANNEL_MESSAGE:
        break;
    case KAD_CHANNEL_HANDLED:
        out_opened->none = true;
        if (!opened.proved)
            return KAD_DROP_NONE;
        opened.id = kad_identity_id(opened.key); /* a sign of life, and it may be from a new place */
        break;
    case KAD_CHANNEL_REFUSED: /* with a key where the door named somebody; anything else anybody could write */
        if (memcmp(opened.key, (const uint8_t[KAD_KEY_SIZE]){0}, KAD_KEY_SIZE) != 0 &&
            is_pinned(&engine->dht, &in->peer))
            kad_dht_warn(&engine->dht, KAD_WARN_WRONG_KEY, carrier->now);
        return KAD_DROP_REFUSED;
    default:
        return drop_of(opened.verdict);
    }
    out_opened->bytes = opened.plain;
    out_opened->none = opened.plain.size == 0; /* a sign of life */
    memcpy(out_opened->key, opened.key, sizeof(out_opened->key));
    out_opened->id = opened.id; /* the puzzle was looked at when the session began */
    out_opened->proved = opened.proved;
    out_opened->from.identity = (struct kad_bytes){out_opened->key, sizeof(out_opened->key)};
    out_opened->from.channel = opened.session;
    out_opened->from.replayable = opened.first;
    return KAD_DROP_NONE;
}

void kad_carrier_close_session(struct kad_carrier *carrier)
{
    const unsigned first = carrier->batch->n;

    kad_channel_finish(kad_engine_member(carrier->engine)->channel, carrier->now, carrier->batch);
    if (carrier->batch->n != first)
        account(carrier, first);
}

/* The largest answer that may come: a first message is made as large, for nobody gets back more than he sent. */
static size_t wanted_by(const struct kad_engine *engine, const struct kad_peer *to,
                        const struct kad_message *message)
{
    const bool v6 = message->want_ipv6 || (!message->want_ipv4 && to->endpoint.family == KAD_IPV6);

    if (message->kind != KAD_QUERY || message->method == KAD_LEAVE)
        return 0;
    if (message->method == KAD_PING || message->method == KAD_PUT)
        return WANTED_FEW;
    if (message->method == KAD_FIND_NODE && !(v6 && message->want_ipv4))
        return WANTED_CONTACTS + engine->settings->k * (size_t)(v6 ? WANTED_CONTACT_V6 : WANTED_CONTACT_V4);
    return KAD_CHANNEL_DATAGRAM;
}

/* Somebody else cannot read what is written to a bootstrap's key, and keeps silent; asked at the open door he says who he is. So
 * the second time we ask there. */
static bool knocks(const struct kad_dht *dht, const struct kad_peer *to, const struct kad_message *message)
{
    return message->kind == KAD_QUERY && !dht->join.ready && dht->join.attempts > 0 &&
           is_pinned(dht, &to->endpoint);
}

size_t kad_carrier_write_session(struct kad_carrier *carrier, const struct kad_peer *to,
                                 const struct kad_message *message, uint8_t *bytes,
                                 enum kad_unsent *out_unsent)
{
    struct kad_channel *channel = kad_engine_member(carrier->engine)->channel;
    struct kad_channel_to where = {
        .session = to->channel,
        .key = to->identity.size ? to->identity.data : NULL,
        .endpoint = to->endpoint,
    };
    struct kad_channel_plan plan;
    bool failed = false;
    size_t n;

    if (where.key && knocks(&carrier->engine->dht, to, message)) {
        where.expect = where.key;
        where.key = NULL;
    }
    if (message->method == KAD_LEAVE &&
        message->kind == KAD_QUERY) { /* nobody begins a session to say that it ends */
        where.session = where.key ? kad_channel_session_with(channel, where.key) : 0;
        if (!where.session) {
            *out_unsent = KAD_UNSENT_SESSION;
            return 0;
        }
    }
    plan = kad_channel_plan(channel, &where, wanted_by(carrier->engine, to, message), carrier->now);
    if (!plan.room) {
        *out_unsent = KAD_UNSENT_SESSION;
        return 0;
    }
    n = kad_carrier_encode(carrier->engine, message, bytes + plan.head, plan.room);
    if (!n) {
        *out_unsent = KAD_UNSENT_SIZE;
        return 0;
    }
    n = kad_channel_seal(channel, &plan, &where, bytes, n, carrier->now, &failed);
    if (failed)
        *out_unsent = KAD_UNSENT_SESSION;
    return n;
}
