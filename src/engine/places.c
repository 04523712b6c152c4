/*
 * places - where contacts are, as the host says.
 *
 * The host's table is asked by the book, once for each contact that comes, and what it says is an input like any other: it goes
 * through the flight recorder, so that a recording needs no table to be run again.
 */
#include "engine/engine_parts.h"

#include "engine/journal.h"

static void place_of(void *context, const struct kad_endpoint *endpoint, struct kad_place *out_place)
{
    const struct kad_engine *engine = context;

    engine->places->place_of(engine->places->context, endpoint, out_place);
    if (engine->journal)
        kad_journal_place(engine->journal, endpoint, out_place);
}

void kad_engine_use_places(struct kad_engine *engine, const struct kad_places *places)
{
    const struct kad_places recorded = {place_of, engine};

    engine->places = places;
    kad_book_set_places(engine->own_book, places ? &recorded : NULL);
}

int kad_engine_set_places(struct kad_engine *engine, const struct kad_places *places, kad_ms now)
{
    if (!engine->own_book)
        return KAD_E_INVALID;
    if (engine->journal)
        kad_journal_places(engine->journal, places, now);
    kad_engine_use_places(engine, places);
    kad_dht_place_again(&engine->dht, now);
    return KAD_OK;
}
