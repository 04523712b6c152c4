/* engine_state - the whole state of an engine: hashed, written down, read back. */
#include "engine/engine_parts.h"

#include "base/hash.h"
#include "core/walk.h"

void kad_engine_walk(struct kad_walk *walk, struct kad_engine *engine)
{
    walk->allocator = &engine->allocator;
    walk->book = engine->dht.book;
    kad_limit_walk(walk, engine->limit);
    kad_dht_walk(walk, &engine->dht);
    KAD_WALK(walk, engine->load);
    KAD_WALK(walk, engine->shed);
    KAD_WALK(walk, engine->busy_said);
    KAD_WALK(walk, engine->busy_from);
    if (kad_engine_member(engine) && kad_engine_member(engine)->channel)
        kad_channel_walk(walk, kad_engine_member(engine)->channel);
}

static void mix(void *context, const void *bytes, size_t size)
{
    uint64_t *hash = context;

    *hash = kad_hash(*hash, bytes, size);
}

uint64_t kad_engine_hash(struct kad_engine *engine)
{
    uint64_t hash = 1;
    struct kad_walk walk = {.put = mix, .context = &hash};

    kad_engine_walk(&walk, engine);
    return hash;
}
