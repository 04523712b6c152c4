#include "engine/shed.h"

#include "core/peers.h"
#include "engine/network.h"

/* Where there are sessions everybody shows that he receives at his address, so that this makes no acquaintance. */
static bool is_stranger(struct kad_engine *engine, const struct kad_peer *from,
                        const struct kad_message *message, kad_ms now)
{
    return !kad_dht_knows(&engine->dht, from, message) &&
           (engine->network->carrier == KAD_CARRIER_SESSIONS ||
            !kad_limit_is_proved(engine->limit, &from->endpoint, now));
}

static bool may_say(struct kad_engine *engine, kad_ms now)
{
    if (now - engine->busy_from >= KAD_SHED_SPAN) {
        engine->busy_from = now;
        engine->busy_said = 0;
    }
    return engine->busy_said < KAD_SHED_SAID;
}

static void say_busy(struct kad_carrier *carrier, const struct kad_opened *opened,
                     const struct kad_message *query)
{
    struct kad_engine *engine = carrier->engine;
    struct kad_message busy; /* large: kad_message_init() clears what counts */

    if (engine->network->carrier != KAD_CARRIER_SESSIONS || engine->settings->read_only ||
        query->method == KAD_LEAVE ||
        kad_peers_banned(&engine->dht, &query->sender, &opened->from.endpoint) ||
        !may_say(engine, carrier->now))
        return;
    kad_message_init(&busy);
    busy.kind = KAD_ERROR;
    busy.method = query->method;
    busy.transaction = query->transaction;
    busy.refusal = KAD_REFUSAL_BUSY;
    engine->busy_said++;
    if (carrier->outbox.send(&carrier->outbox, &opened->from, &busy))
        engine->counters->refused[KAD_REFUSAL_BUSY]++;
}

/* No draw: the engine's randomness is for other things, and every n-th is as fair. */
bool kad_engine_sheds(struct kad_carrier *carrier, const struct kad_opened *opened,
                      const struct kad_message *message)
{
    struct kad_engine *engine = carrier->engine;
    unsigned part = engine->load;

    if (!part || message->kind != KAD_QUERY || !is_stranger(engine, &opened->from, message, carrier->now))
        return false;
    if (message->method != KAD_PING && message->method != KAD_FIND_NODE &&
        (message->method != KAD_GET_PEERS || message->scrape))
        part *= 2;
    part = engine->shed + (part < 100 ? part : 100);
    engine->shed = (uint8_t)(part % 100);
    if (part < 100)
        return false;
    say_busy(carrier, opened, message);
    return true;
}
