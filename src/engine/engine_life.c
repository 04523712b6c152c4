/* engine_life - how an engine begins, what can be changed while it runs, and how it ends. */
#include "kad/engine.h"

#include <assert.h>
#include <string.h>

#include "core/dht.h"
#include "core/limit.h"
#include "core/operation.h"
#include "crypto/crypto.h"
#include "crypto/identity.h"
#include "engine/engine_parts.h"
#include "engine/journal.h"
#include "engine/network.h"
#include "store/mem.h"

#define OWN_OPERATIONS 16         /* joining, refreshing and publishing lookups beside the host's */
#define OWN_BOOK_MOST  (1u << 20) /* contacts: 80 MB, far above what usual settings come to */

static struct kad_limit_config limits(const struct kad_settings *settings)
{
    return (struct kad_limit_config){
        .addresses = settings->limit_addresses,
        .address_per_s = settings->address_per_s,
        .address_burst = settings->address_burst,
        .group_per_s = settings->group_per_s,
        .group_burst = settings->group_burst,
        .strikes = settings->strikes,
        .gray_ms = settings->gray_ms,
        .gain = settings->unproven_gain,
        .grant = settings->unproven_grant,
        .limit_local = settings->limit_local,
    };
}

/* What tables and lookups can hold at the same time, so that no stranger's contacts push out a request's. If max_requests is
 * raised later, a full book refuses contacts, never requests. */
static uint32_t book_ceiling(const struct kad_settings *settings, unsigned id_bits)
{
    const uint64_t table =
        (uint64_t)id_bits * (settings->k + settings->table_cache) + 2 * settings->table_wide;
    const uint64_t lookups = (uint64_t)settings->max_requests + OWN_OPERATIONS;
    const uint64_t n = KAD_FAMILIES * (table + lookups * KAD_LOOKUP_CANDIDATES) + settings->max_queries +
                       KAD_SAVED_MAX + KAD_LOST_MAX;

    return n < OWN_BOOK_MOST ? (uint32_t)n : OWN_BOOK_MOST;
}

static int make_parts(struct kad_engine *engine, const struct kad_engine_config *config, kad_ms now)
{
    struct kad_dht_config dht = {
        .allocator = &engine->allocator,
        .settings = engine->settings,
        .rules = &engine->network->rules,
        .member = engine->dht.member,
        .book = config->book,
        .store = config->store,
        .counters = engine->counters,
        .measures = config->measures,
        .seed = config->seed,
        .address = config->address,
        .ipv4 = config->ipv4,
        .ipv6 = config->ipv6,
        .watch = config->watch,
    };
    const struct kad_limit_config limit = limits(engine->settings);
    struct kad_id self;
    uint64_t hash_key;
    int error;

    memcpy(&hash_key, config->seed + 8, sizeof(hash_key));
    hash_key ^= UINT64_C(0x6b61644b41446b61); /* not the generator's own bytes */
    engine->limit = kad_limit_new(&engine->allocator, &limit, hash_key);
    if (!engine->limit)
        return KAD_E_MEMORY;
    if (!dht.book) {
        dht.book = engine->own_book =
            kad_book_new(&engine->allocator, book_ceiling(engine->settings, dht.rules->id_bits), hash_key);
        if (!dht.book)
            return KAD_E_MEMORY;
        kad_engine_use_places(engine, config->places);
    }
    if (!dht.store) {
        struct kad_mem_store_config store;

        kad_mem_store_config_default(&store);
        store.limit_local = engine->settings->limit_local;
        error = kad_mem_store_new(&engine->allocator, &store, hash_key, &engine->own_store);
        if (error)
            return error;
        dht.store = engine->own_store;
    }
    dht.id = config->id;
    if (dht.member) {
        if (dht.rules->id_of_key)
            dht.rules->id_of_key(dht.member->public_key, &self);
        else
            self = kad_identity_id(dht.member->public_key);
        dht.id = &self;
    }
    return kad_dht_init(&engine->dht, &dht, now);
}

size_t kad_engine_size(bool lent_counters)
{
    return sizeof(struct kad_engine) + (lent_counters ? 0 : sizeof(struct kad_counters));
}

static void free_parts(struct kad_engine *engine)
{
    const struct kad_allocator allocator = engine->allocator;

    if (engine->own_store)
        engine->own_store->ops->free(engine->own_store);
    if (engine->own_book)
        kad_book_free(engine->own_book);
    if (engine->limit)
        kad_limit_free(engine->limit);
    kad_engine_member_free(engine);
    kad_free(&allocator, engine, kad_engine_size(engine->lent_counters));
}

int kad_engine_new(const struct kad_engine_config *config, kad_ms now, struct kad_engine **out_engine)
{
    const struct kad_allocator *allocator = config->allocator ? config->allocator : &kad_allocator_system;
    struct kad_engine *engine;
    const char *field;
    int error;

    if (config->network && !kad_network_is_built(config->network))
        return KAD_E_DISABLED;
    error = kad_settings_check(config->settings, &field);
    if (error)
        return error;
    if (!config->network || (!config->ipv4 && !config->ipv6))
        return KAD_E_INVALID;
    error = kad_crypto_init();
    if (error)
        return error;
    engine = kad_alloc_zero(allocator, kad_engine_size(config->counters));
    if (!engine)
        return KAD_E_MEMORY;
    engine->allocator = *allocator;
    engine->network = config->network;
    engine->settings = config->settings;
    engine->lent_counters = config->counters;
    engine->counters = config->counters ? config->counters : (struct kad_counters *)(void *)(engine + 1);
    error = kad_engine_member_new(engine, config, now);
    if (!error)
        error = make_parts(engine, config, now);
    if (error) {
        free_parts(engine);
        return error;
    }
    *out_engine = engine;
    return 0;
}

int kad_engine_set_settings(struct kad_engine *engine, const struct kad_settings *settings, kad_ms now,
                            const char **out_field)
{
    const struct kad_limit_config limit = limits(settings);

    if (kad_settings_check(settings, out_field) < 0)
        return KAD_E_INVALID;
    *out_field = kad_settings_fixed(engine->settings, settings);
    if (*out_field)
        return KAD_E_INVALID;
    engine->settings = settings;
    if (engine->journal)
        kad_journal_settings(engine->journal, now);
    kad_limit_configure(engine->limit, &limit);
    kad_dht_set_settings(&engine->dht, settings, now);
    return 0;
}

void kad_engine_load(struct kad_engine *engine, unsigned percent)
{
    if (engine->journal)
        kad_journal_load(engine->journal, percent);
    engine->load = (uint8_t)(percent < 100 ? percent : 100);
}

void kad_engine_free(struct kad_engine *engine)
{
    if (!engine)
        return;
    assert(!engine->journal && "a recording is ended before what it records");
    kad_dht_clear(&engine->dht);
    free_parts(engine);
}
