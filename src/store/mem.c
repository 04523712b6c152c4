#include "store/mem.h"

#include <assert.h>

#include "base/endpoint.h"
#include "store/mem_peers.h"
#include "store/mem_records.h"

#define EXPIRE_BUDGET 256u /* core/store.h */

struct mem_store {
    struct kad_store store; /* first: what the engine holds */
    const struct kad_allocator *allocator;
    struct kad_mem_store_config config;
    uint64_t hash_key;
    struct kad_mem_records *records; /* NULL: none yet */
    struct kad_mem_peers *peers;     /* NULL: none yet */
    const struct kad_mem_watch *watch;
    struct kad_mem_eye eye;
    uint64_t n_expired, n_refused;
};

static struct mem_store *of(struct kad_store *store)
{
    return (struct mem_store *)(void *)store;
}

static const struct mem_store *of_const(const struct kad_store *store)
{
    return (const struct mem_store *)(const void *)store;
}

static uint64_t payer(const struct mem_store *mem, const struct kad_endpoint *endpoint)
{
    if (!endpoint || endpoint->family == KAD_FAMILY_NONE)
        return 0;
    if (!mem->config.limit_local) {
        struct kad_endpoint host = *endpoint;

        host.port = 1; /* a scope is the address's, whatever the port */
        switch (kad_endpoint_scope(&host)) {
        case KAD_SCOPE_LOOPBACK:
        case KAD_SCOPE_LINK:
        case KAD_SCOPE_PRIVATE:
            return 0;
        default:
            break;
        }
    }
    return kad_endpoint_narrow_group(endpoint);
}

/* Until when ghosts are worth their memory; 0: there are none. */
static kad_ms ghosts_until(const struct mem_store *mem)
{
    const struct kad_mem_classes *classes = mem->records ? mem->records->classes : NULL;

    return classes && classes->n_ghosts ? classes->newest_at + KAD_MEM_GHOST_LIFE : 0;
}

static kad_ms next_due(const struct mem_store *mem)
{
    kad_ms due = mem->peers ? kad_heap_next(&mem->peers->heap) : KAD_NEVER;

    if (mem->records && mem->records->n_records > 0)
        due = kad_ms_min(due, kad_heap_next(&mem->records->heap));
    else if (ghosts_until(mem) > 0)
        due = kad_ms_min(due, ghosts_until(mem));
    return due;
}

static kad_ms mem_expire(struct kad_store *store, kad_ms now)
{
    struct mem_store *mem = of(store);
    unsigned budget = EXPIRE_BUDGET;

    if (next_due(mem) > now)
        return next_due(mem);
    if (mem->records)
        mem->n_expired += kad_mem_records_expire(mem->records, now, &budget, mem->watch);
    if (mem->peers)
        mem->n_expired += kad_mem_peers_expire(mem->peers, now, &budget, mem->watch);
    /* What is empty goes back to costing a pointer. */
    if (mem->records && mem->records->n_records == 0 && ghosts_until(mem) <= now) {
        kad_mem_records_free(mem->records);
        mem->records = NULL;
    }
    if (mem->peers && mem->peers->n_peers == 0) {
        kad_mem_peers_free(mem->peers);
        mem->peers = NULL;
    }
    return next_due(mem);
}

static int mem_get(struct kad_store *store, const struct kad_id *key, kad_ms now,
                   struct kad_record *out_record)
{
    const struct mem_store *mem = of(store);

    return mem->records ? kad_mem_records_get(mem->records, key, now, out_record) : KAD_E_NOT_FOUND;
}

static size_t mem_list(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now,
                       uint32_t from, struct kad_record *out_records, size_t n, uint32_t *out_next)
{
    const struct mem_store *mem = of(store);

    *out_next = 0;
    return mem->records ? kad_mem_records_list(mem->records, key, type, now, from, out_records, n, out_next)
                        : 0;
}

static int mem_remove(struct kad_store *store, const struct kad_record *record)
{
    const struct mem_store *mem = of(store);

    return mem->records ? kad_mem_records_remove(mem->records, record, mem->watch) : KAD_E_NOT_FOUND;
}

static void mem_touch(struct kad_store *store, const struct kad_record *record, kad_ms seen_at)
{
    if (of(store)->records)
        kad_mem_records_touch(of(store)->records, record, seen_at);
}

static int mem_ghost(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now,
                     struct kad_record *out_record)
{
    const struct mem_store *mem = of(store);

    mem_expire(store, now); /* who has just expired is one already */
    *out_record = (struct kad_record){0};
    return mem->records && mem->records->classes
               ? kad_mem_classes_ghost(mem->records->classes, key, type, now, out_record)
               : KAD_E_NOT_FOUND;
}

static struct kad_mem_records *need_records(struct mem_store *mem)
{
    if (!mem->records) {
        mem->records = kad_mem_records_new(mem->allocator, &mem->config, mem->hash_key);
        if (mem->records)
            mem->records->eye = mem->eye;
    }
    return mem->records;
}

void kad_mem_store_see(struct kad_store *store, struct kad_mem_eye eye)
{
    struct mem_store *mem = of(store);

    assert(eye.number < KAD_MEM_EYES);
    mem->eye = eye;
    if (mem->records)
        mem->records->eye = eye;
}

int kad_mem_store_restore(struct kad_store *store, const struct kad_record *record, uint64_t group,
                          kad_ms now)
{
    struct mem_store *mem = of(store);
    int error = KAD_E_MEMORY;

    mem_expire(store, now); /* what has expired neither counts against what comes nor is replaced by it */
    if (need_records(mem))
        error = kad_mem_records_put(mem->records, record, group, mem->watch);
    if (error != KAD_OK)
        mem->n_refused++;
    return error;
}

static int mem_put(struct kad_store *store, const struct kad_record *record,
                   const struct kad_endpoint *publisher, kad_ms now)
{
    return kad_mem_store_restore(store, record, payer(of(store), publisher), now);
}

static int mem_add_peer(struct kad_store *store, const struct kad_id *key,
                        const struct kad_endpoint *endpoint, bool seed, kad_ms expires_at, kad_ms now)
{
    const struct kad_mem_peer peer = {
        .key = *key, .endpoint = *endpoint, .seed = seed, .expires_at = expires_at};
    struct mem_store *mem = of(store);
    int error = KAD_E_MEMORY;

    assert((endpoint->family == KAD_IPV4 || endpoint->family == KAD_IPV6) && "a peer has an address");
    mem_expire(store, now);
    if (!mem->peers)
        mem->peers = kad_mem_peers_new(mem->allocator, &mem->config, mem->hash_key);
    if (mem->peers)
        error = kad_mem_peers_add(mem->peers, &peer, payer(mem, endpoint), mem->watch);
    if (error != KAD_OK)
        mem->n_refused++;
    return error;
}

static size_t mem_peers(struct kad_store *store, const struct kad_id *key, enum kad_family family,
                        bool no_seeds, struct kad_rng *rng, kad_ms now, struct kad_endpoint *out_peers,
                        size_t n)
{
    const struct mem_store *mem = of(store);

    return mem->peers ? kad_mem_peers_choose(mem->peers, key, family, no_seeds, rng, now, out_peers, n) : 0;
}

static void mem_each_peer(struct kad_store *store, const struct kad_id *key, kad_ms now,
                          void (*add)(void *context, const struct kad_endpoint *peer, bool seed),
                          void *context)
{
    if (of(store)->peers)
        kad_mem_peers_each(of(store)->peers, key, now, add, context);
}

static size_t mem_sample(struct kad_store *store, struct kad_rng *rng, kad_ms now, struct kad_id *out_keys,
                         size_t n, uint32_t *out_total)
{
    const struct mem_store *mem = of(store);

    mem_expire(store, now);
    *out_total = mem->peers ? mem->peers->n_keys : 0;
    return mem->peers ? kad_mem_peers_sample(mem->peers, rng, now, out_keys, n) : 0;
}

static void mem_stats(const struct kad_store *store, struct kad_store_stats *out_stats)
{
    const struct mem_store *mem = of_const(store);

    *out_stats = (struct kad_store_stats){
        .n_expired = mem->n_expired, .n_refused = mem->n_refused, .memory = sizeof *mem};
    if (mem->records) {
        for (unsigned i = 0; i < KAD_COUNT_OF(mem->records->halves); i++) {
            if (mem->eye.half != (i ? KAD_MEM_PLAIN : KAD_MEM_CLASSED)) {
                out_stats->n_records += mem->records->halves[i].n;
                out_stats->record_bytes += mem->records->halves[i].bytes;
            }
        }
        out_stats->memory += kad_mem_records_memory(mem->records);
    }
    if (mem->peers) {
        out_stats->n_keys = mem->eye.half == KAD_MEM_CLASSED ? 0 : mem->peers->n_keys;
        out_stats->n_peers = mem->eye.half == KAD_MEM_CLASSED ? 0 : mem->peers->n_peers;
        out_stats->memory += kad_mem_peers_memory(mem->peers);
    }
}

/* Places: the slots of records, then the keys in their order. */
static uint64_t mem_look(const struct kad_store *store, uint64_t from, unsigned n, kad_ms now,
                         const struct kad_store_viewer *viewer)
{
    const struct mem_store *mem = of_const(store);
    const uint64_t n_slots = mem->records ? mem->records->n_slots : 0;
    const uint64_t n_places =
        n_slots + (mem->peers && mem->eye.half != KAD_MEM_CLASSED ? mem->peers->n_keys : 0);
    uint64_t at = from;

    for (; at < n_places && at - from < n; at++) {
        struct kad_record record;
        uint64_t group;

        if (at >= n_slots) {
            const struct kad_mem_peers_key *key = &mem->peers->keys[mem->peers->order[at - n_slots]];

            viewer->key(viewer->context, &key->id, kad_mem_peers_n(key));
        } else if (kad_mem_records_slot(mem->records, (uint32_t)at, &record, &group) &&
                   record.expires_at > now &&
                   mem->eye.half != (record.valid_until ? KAD_MEM_PLAIN : KAD_MEM_CLASSED)) {
            viewer->record(viewer->context, &record);
        }
    }
    return at < n_places ? at : 0;
}

static void mem_free(struct kad_store *store)
{
    struct mem_store *mem = of(store);

    kad_mem_records_free(mem->records);
    kad_mem_peers_free(mem->peers);
    kad_free(mem->allocator, mem, sizeof *mem);
}

static const struct kad_store_ops mem_ops = {
    .get = mem_get,
    .put = mem_put,
    .add_peer = mem_add_peer,
    .peers = mem_peers,
    .each_peer = mem_each_peer,
    .sample = mem_sample,
    .expire = mem_expire,
    .stats = mem_stats,
    .look = mem_look,
    .list = mem_list,
    .remove = mem_remove,
    .touch = mem_touch,
    .ghost = mem_ghost,
    .free = mem_free,
};

void kad_mem_store_config_default(struct kad_mem_store_config *out_config)
{
    *out_config = (struct kad_mem_store_config){.max_records = 50000,
                                                .max_record_bytes = UINT64_C(32) << 20,
                                                .max_records_per_group = 2000,
                                                .max_records_per_owner = 1000,
                                                .class_percent = 50,
                                                .max_ghosts = 4096,
                                                .max_keys = 200000,
                                                .max_peers_per_key = 2000,
                                                .max_peers = 500000,
                                                .max_peers_per_group = 5000};
}

int kad_mem_store_new(const struct kad_allocator *allocator, const struct kad_mem_store_config *config,
                      uint64_t hash_key, struct kad_store **out_store)
{
    struct mem_store *mem = kad_alloc_zero(allocator, sizeof *mem);

    if (!mem)
        return KAD_E_MEMORY;
    mem->store.ops = &mem_ops;
    mem->allocator = allocator;
    mem->config = *config;
    mem->hash_key = hash_key;
    *out_store = &mem->store;
    return KAD_OK;
}

void kad_mem_store_watch(struct kad_store *store, const struct kad_mem_watch *watch)
{
    of(store)->watch = watch;
}

bool kad_mem_store_record(const struct kad_store *store, uint32_t slot, struct kad_record *out_record,
                          uint64_t *out_group)
{
    const struct mem_store *mem = of_const(store);

    return mem->records && kad_mem_records_slot(mem->records, slot, out_record, out_group);
}

bool kad_mem_store_peer(const struct kad_store *store, uint32_t slot, struct kad_mem_peer *out_peer)
{
    const struct mem_store *mem = of_const(store);

    return mem->peers && kad_mem_peers_slot(mem->peers, slot, out_peer);
}

void kad_mem_store_n_slots(const struct kad_store *store, uint32_t *out_records, uint32_t *out_peers)
{
    const struct mem_store *mem = of_const(store);

    *out_records = mem->records ? mem->records->n_slots : 0;
    *out_peers = mem->peers ? mem->peers->n_peer_slots : 0;
}

bool kad_mem_store_has_peer(const struct kad_store *store, const struct kad_id *key,
                            const struct kad_endpoint *peer)
{
    const struct mem_store *mem = of_const(store);

    return mem->peers && kad_mem_peers_has(mem->peers, key, peer);
}

bool kad_mem_store_has_record(const struct kad_store *store, const struct kad_record *record)
{
    const struct mem_store *mem = of_const(store);

    return mem->records && kad_mem_records_has(mem->records, record);
}

void kad_mem_store_restore_ghost(struct kad_store *store, const struct kad_record *record, kad_ms now)
{
    struct mem_store *mem = of(store);

    if (need_records(mem) && kad_mem_records_need_classes(mem->records) == KAD_OK)
        kad_mem_classes_remember(mem->records->classes, record, now);
}
