#include "engine/ahead.h"

#include "core/operation.h"
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
        if (dht->operations)
            fetch(dht->operations->paths[0].first.candidates, 16 * LINE);
        break;
    }
}

void kad_engine_ahead_of(const struct kad_engine *engine, const struct kad_message *message,
                         enum kad_family family)
{
    const struct kad_table *table = engine->dht.tables[kad_family_index((uint8_t)family)];

    if (!table || message->kind != KAD_QUERY)
        return;
    kad_table_ahead_of(table, &message->target);
    kad_table_ahead_of(table, &message->sender);
}
