/*
 * gate - whom the host lets in.
 *
 * As with the table of places, what the host says is an input like any other: it goes through the flight recorder, so that a
 * recording needs no host to be run again.
 */
#include "engine/engine_parts.h"

#include "engine/journal.h"

static unsigned reputation(void *context, const struct kad_contact *who, struct kad_bytes identity)
{
    const struct kad_engine *engine = context;
    const struct kad_gate *gate = kad_engine_member(engine)->gate;
    const unsigned answer = gate->reputation(gate->context, who, identity);

    if (engine->journal)
        kad_journal_gate(engine->journal, &who->id, answer);
    return answer;
}

static bool provides(void *context, const struct kad_contact *from, struct kad_bytes identity,
                     const struct kad_record *record)
{
    const struct kad_engine *engine = context;
    const struct kad_gate *gate = kad_engine_member(engine)->gate;
    const bool answer = gate->provides(gate->context, from, identity, record);

    if (engine->journal)
        kad_journal_gate(engine->journal, &record->key, answer);
    return answer;
}

void kad_engine_use_gate(struct kad_engine *engine, const struct kad_gate *gate)
{
    struct kad_engine_member *member = kad_engine_member(engine);

    member->gate = gate;
    if (gate)
        member->core.gate = (struct kad_gate){.reputation = gate->reputation ? reputation : NULL,
                                              .provides = gate->provides ? provides : NULL,
                                              .context = engine};
}
