#include "engine/ahead.h"

#include "engine/engine_parts.h"

#define LINE 64

static void fetch(const void *from, size_t size)
{
    for (size_t i = 0; from && i < size; i += LINE)
        __builtin_prefetch((const char *)from + i);
}

void kad_engine_ahead(const struct kad_engine *engine, unsigned step)
{
    const struct kad_dht *dht = &engine->dht;

    switch (step) {
    case 0:
        fetch(engine, sizeof(*engine));
        break;
    case 1:
        fetch(engine->limit, 2 * LINE);
        fetch(dht->tables[0], 2 * LINE);
        fetch(dht->queries.queries, 2 * LINE);
        fetch(dht->votes, 4 * LINE);
        fetch(dht->operations, 12 * LINE);
        fetch(dht->store, LINE);
        break;
    default:
        if (dht->tables[0])
            kad_table_ahead(dht->tables[0]);
        break;
    }
}
