/*
 * aside - what hosts say to one another in the sessions of their engines.
 *
 * An engine seals them, opens them and says who they are from; what is in them is the hosts' business, and nothing here depends on
 * it. What a host says is an input like any other, so the flight recorder has it; what it hears is not, and need not be replayed.
 */
#include "engine/carrier.h"

#include <string.h>

#include "engine/journal.h"
#include "engine/network.h"

#define ANSWER 64 /* bytes at most that come back for one that begins a session */

bool kad_carrier_is_aside(const struct kad_carrier *carrier, const struct kad_opened *opened)
{
    return carrier->engine->network->carrier == KAD_CARRIER_SESSIONS && opened->bytes.data[0] >= KAD_ASIDE;
}

/* One in a first message may be somebody else's copy of it, and one from where nobody was heard to receive may bring answers upon
 * whoever is there: neither is told. */
enum kad_drop kad_carrier_take_aside(struct kad_carrier *carrier, const struct kad_opened *opened)
{
    const struct kad_engine_member *member = kad_engine_member(carrier->engine);
    struct kad_aside aside = {.from = opened->from.endpoint, .bytes = opened->bytes};

    if (!member->on_aside || opened->from.replayable || !opened->proved)
        return KAD_DROP_NONE;
    memcpy(aside.public_key, opened->key, sizeof(aside.public_key));
    member->on_aside(member->aside_context, &aside);
    return KAD_DROP_NONE;
}

void kad_engine_on_aside(struct kad_engine *engine, kad_aside_function *function, void *context)
{
    struct kad_engine_member *member = kad_engine_member(engine);

    if (member) {
        member->on_aside = function;
        member->aside_context = context;
    }
}

static size_t write(struct kad_carrier *carrier, const struct kad_channel_to *to, struct kad_bytes bytes,
                    uint8_t *datagram)
{
    struct kad_channel *channel = kad_engine_member(carrier->engine)->channel;
    struct kad_channel_to where = *to;
    struct kad_channel_plan plan;
    bool failed = false;

    where.aside = bytes.size >
                  KAD_ASIDE_OPEN; /* a small one may begin a session, or one that is too old or silent anew */
    plan = kad_channel_plan(channel, &where, where.aside ? 0 : ANSWER, carrier->now);
    if (plan.room < bytes.size)
        return 0;
    memcpy(datagram + plan.head, bytes.data, bytes.size);
    return kad_channel_seal(channel, &plan, &where, datagram, bytes.size, carrier->now, &failed);
}

bool kad_engine_say(struct kad_engine *engine, const struct kad_endpoint *to, const uint8_t public_key[32],
                    struct kad_bytes bytes, kad_ms now, struct kad_batch *out)
{
    struct kad_carrier carrier = kad_carrier_for(engine, out, now);
    const struct kad_channel_to where = {.key = public_key, .endpoint = *to};
    const size_t each = out->each ? out->each : KAD_DATAGRAM_MAX;
    struct kad_datagram *datagram;
    size_t n;

    if (engine->network->carrier != KAD_CARRIER_SESSIONS || out->n == out->room ||
        each < KAD_CHANNEL_WRAPPED || bytes.size == 0 || bytes.size > KAD_ASIDE_MAX ||
        bytes.data[0] < KAD_ASIDE)
        return false;
    if (engine->journal)
        kad_journal_aside(engine->journal, to, (struct kad_bytes){public_key, 32}, bytes, now, out);
    n = write(&carrier, &where, bytes, out->memory + (size_t)out->n * each);
    if (n)
        kad_limit_expect(engine->limit, to, n, now); /* whoever is spoken with may speak, however much */
    if (!n || !kad_limit_send(engine->limit, to, n, now))
        return false;
    datagram = &out->datagrams[out->n];
    *datagram = (struct kad_datagram){.peer = *to, .bytes = {out->memory + (size_t)out->n * each, n}};
    out->n++;
    engine->counters->bytes_out += n;
    engine->counters->datagrams_out++;
    if (engine->journal)
        kad_journal_sent(engine->journal, datagram);
    return true;
}

bool kad_engine_is_proved(const struct kad_engine *engine, const struct kad_endpoint *peer, kad_ms now)
{
    return kad_limit_is_proved(engine->limit, peer, now);
}
