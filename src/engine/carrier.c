#include "engine/carrier.h"

#include <string.h>

#include "base/endpoint.h"
#include "engine/journal.h"
#include "engine/network.h"

/* Too large: what an answer says less of costs its reader a query, what it does not say at all costs a timeout. */
static size_t encode_smaller(const struct kad_engine *engine, const struct kad_message *message,
                             uint8_t *bytes, size_t room)
{
    struct kad_message smaller = *message;
    size_t n;

    do {
        smaller.n_contacts /= 2;
        smaller.n_peers /= 2;
        n = engine->network->codec->encode(&smaller, bytes, room);
    } while (!n && (smaller.n_contacts || smaller.n_peers));
    return n;
}

size_t kad_carrier_encode(const struct kad_engine *engine, const struct kad_message *message, uint8_t *bytes,
                          size_t room)
{
    size_t n = engine->network->codec->encode(message, bytes, room);

    if (!n && message->kind == KAD_REPLY)
        n = encode_smaller(engine, message, bytes, room);
    return n;
}

/* What the host sends must outlive the message, so whom it is for stands behind its bytes. */
static struct kad_bytes whom_for(const struct kad_peer *to, uint8_t *behind)
{
    if (!to->identity.size)
        return (struct kad_bytes){0};
    memcpy(behind, to->identity.data, to->identity.size);
    return (struct kad_bytes){behind, to->identity.size};
}

static size_t write_plainly(struct kad_carrier *carrier, const struct kad_message *message, uint8_t *bytes,
                            size_t room, enum kad_unsent *out_unsent)
{
    const size_t n = kad_carrier_encode(carrier->engine, message, bytes, room);

    if (!n)
        *out_unsent = KAD_UNSENT_SIZE;
    return n;
}

static bool is_crowded(const struct kad_engine *engine, kad_ms now)
{
    return engine->network->carrier == KAD_CARRIER_SESSIONS &&
           kad_channel_crowded(kad_engine_member(engine)->channel, now);
}

static bool send_message(struct kad_outbox *outbox, const struct kad_peer *to,
                         const struct kad_message *message)
{
    struct kad_carrier *carrier = (struct kad_carrier *)(void *)outbox;
    struct kad_engine *engine = carrier->engine;
    struct kad_batch *batch = carrier->batch;
    const size_t each = batch->each ? batch->each : KAD_DATAGRAM_MAX;
    const size_t tail =
        engine->network->carrier == KAD_CARRIER_HOST ? engine->network->rules.identity_size : 0;
    enum kad_unsent unsent = KAD_N_UNSENT;
    struct kad_datagram *datagram;
    uint8_t *bytes;
    size_t n;

    if (batch->n == batch->room) {
        engine->counters->unsent[KAD_UNSENT_ROOM]++;
        return false;
    }
    bytes = batch->memory + (size_t)batch->n * each;
    if (engine->network->carrier == KAD_CARRIER_SESSIONS)
        n = kad_carrier_write_session(carrier, to, message, bytes, &unsent);
    else
        n = write_plainly(carrier, message, bytes, each - tail, &unsent);
    if (message->kind == KAD_QUERY && unsent == KAD_N_UNSENT)
        kad_limit_expect(engine->limit, &to->endpoint, n, carrier->now);
    if (n && !kad_limit_send(engine->limit, &to->endpoint, n, carrier->now))
        unsent = KAD_UNSENT_BUDGET;
    if (unsent != KAD_N_UNSENT) {
        engine->counters->unsent[unsent]++;
        return false;
    }
    outbox->n_sent = n;
    outbox->crowded = is_crowded(engine, carrier->now);
    if (!n) /* it waits for its session */
        return true;
    datagram = &batch->datagrams[batch->n++];
    datagram->peer = to->endpoint;
    datagram->bytes = (struct kad_bytes){bytes, n};
    datagram->identity = tail ? whom_for(to, bytes + n) : (struct kad_bytes){0};
    engine->counters->bytes_out += n;
    engine->counters->datagrams_out++;
    if (engine->journal)
        kad_journal_sent(engine->journal, datagram);
    outbox->room = batch->room - batch->n;
    return true;
}

struct kad_carrier kad_carrier_for(struct kad_engine *engine, struct kad_batch *batch, kad_ms now)
{
    return (struct kad_carrier){
        .outbox = {.send = send_message, .room = batch->room - batch->n, .crowded = is_crowded(engine, now)},
        .engine = engine,
        .batch = batch,
        .now = now,
    };
}

enum kad_drop kad_carrier_open(struct kad_carrier *carrier, const struct kad_datagram *in,
                               struct kad_opened *out_opened)
{
    const struct kad_network *network = carrier->engine->network;

    out_opened->bytes = in->bytes;
    out_opened->from = (struct kad_peer){.endpoint = in->peer};
    out_opened->proved = out_opened->none = false;
    if (network->carrier == KAD_CARRIER_SESSIONS)
        return kad_carrier_open_session(carrier, in, out_opened);
    if (network->carrier == KAD_CARRIER_PLAIN)
        return KAD_DROP_NONE;
    if (!in->identity.size || in->identity.size > network->rules.identity_size ||
        !network->rules.id_of(in->identity, &out_opened->id))
        return KAD_DROP_ID;
    out_opened->from.identity = in->identity;
    out_opened->proved = true; /* a connection has two ends */
    return KAD_DROP_NONE;
}

void kad_carrier_close(struct kad_carrier *carrier)
{
    if (carrier->engine->network->carrier == KAD_CARRIER_SESSIONS)
        kad_carrier_close_session(carrier);
}

void kad_carrier_shun(struct kad_carrier *carrier, const struct kad_opened *opened)
{
    if (carrier->engine->network->carrier == KAD_CARRIER_SESSIONS)
        kad_channel_shun(kad_engine_member(carrier->engine)->channel, opened->from.channel);
}

bool kad_carrier_is_current(const struct kad_carrier *carrier, const struct kad_opened *opened)
{
    return carrier->engine->network->carrier != KAD_CARRIER_SESSIONS ||
           kad_channel_session_with(kad_engine_member(carrier->engine)->channel, opened->key) ==
               opened->from.channel;
}
