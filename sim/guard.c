/* guard - the memory store, and an eye on it: nothing may be served at or after its expiry. */
#include "sim/world_parts.h"

#include "base/endpoint.h"
#include "store/mem.h"

#define SCAN_MOST 256 /* peers are looked up one by one: only in stores that hold few */

struct guard {
    struct kad_store store;
    struct kad_store *inner;
    struct sim_world *world;
    uint32_t node;
};

static struct guard *guard_of(const struct kad_store *store)
{
    return (struct guard *)(void *)(uintptr_t)store;
}

/* A hostile node has what it was given, and says it has not. */
static bool denies(const struct guard *guard)
{
    const struct sim_node *node = &guard->world->nodes[guard->node];

    return node->hostile && !node->forges;
}

static int get(struct kad_store *store, const struct kad_id *key, kad_ms now, struct kad_record *out_record)
{
    struct guard *guard = guard_of(store);
    const int error =
        denies(guard) ? KAD_E_NOT_FOUND : guard->inner->ops->get(guard->inner, key, now, out_record);

    if (!error && out_record->expires_at <= now)
        sim_world_violated(guard->world, guard->node, "a record was served %lld ms after its expiry",
                           (long long)(now - out_record->expires_at));
    return error;
}

static int put(struct kad_store *store, const struct kad_record *record, const struct kad_endpoint *publisher,
               kad_ms now)
{
    struct guard *guard = guard_of(store);

    return guard->inner->ops->put(guard->inner, record, publisher, now);
}

static int add_peer(struct kad_store *store, const struct kad_id *key, const struct kad_endpoint *peer,
                    bool seed, kad_ms expires_at, kad_ms now)
{
    struct guard *guard = guard_of(store);

    return guard->inner->ops->add_peer(guard->inner, key, peer, seed, expires_at, now);
}

static bool fresh(const struct guard *guard, const struct kad_id *key, const struct kad_endpoint *peer,
                  kad_ms now)
{
    uint32_t n_records, n_peers;

    kad_mem_store_n_slots(guard->inner, &n_records, &n_peers);
    for (uint32_t i = 0; i < n_peers && n_peers <= SCAN_MOST; i++) {
        struct kad_mem_peer held;

        if (kad_mem_store_peer(guard->inner, i, &held) && kad_id_equal(&held.key, key) &&
            kad_endpoint_equal(&held.endpoint, peer))
            return held.expires_at > now;
    }
    return n_peers > SCAN_MOST;
}

static size_t peers(struct kad_store *store, const struct kad_id *key, enum kad_family family, bool no_seeds,
                    struct kad_rng *rng, kad_ms now, struct kad_endpoint *out_peers, size_t n)
{
    struct guard *guard = guard_of(store);
    const size_t found =
        guard->inner->ops->peers(guard->inner, key, family, no_seeds, rng, now, out_peers, n);

    for (size_t i = 0; i < found; i++) {
        if (!fresh(guard, key, &out_peers[i], now))
            sim_world_violated(guard->world, guard->node,
                               "a peer was served that is not held, or not any more");
    }
    return found;
}

static void each_peer(struct kad_store *store, const struct kad_id *key, kad_ms now,
                      void (*add)(void *context, const struct kad_endpoint *peer, bool seed), void *context)
{
    struct guard *guard = guard_of(store);

    guard->inner->ops->each_peer(guard->inner, key, now, add, context);
}

static size_t sample(struct kad_store *store, struct kad_rng *rng, kad_ms now, struct kad_id *out_keys,
                     size_t n, uint32_t *out_total)
{
    struct guard *guard = guard_of(store);

    return guard->inner->ops->sample(guard->inner, rng, now, out_keys, n, out_total);
}

static kad_ms expire(struct kad_store *store, kad_ms now)
{
    struct guard *guard = guard_of(store);

    return guard->inner->ops->expire(guard->inner, now);
}

static int commit(struct kad_store *store)
{
    struct guard *guard = guard_of(store);

    return guard->inner->ops->commit ? guard->inner->ops->commit(guard->inner) : 0;
}

static void stats(const struct kad_store *store, struct kad_store_stats *out_stats)
{
    const struct guard *guard = guard_of(store);

    guard->inner->ops->stats(guard->inner, out_stats);
}

static uint64_t look(const struct kad_store *store, uint64_t from, unsigned n, kad_ms now,
                     const struct kad_store_viewer *viewer)
{
    const struct guard *guard = guard_of(store);

    return guard->inner->ops->look(guard->inner, from, n, now, viewer);
}

static size_t list(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now, uint32_t from,
                   struct kad_record *out_records, size_t n, uint32_t *out_next)
{
    struct guard *guard = guard_of(store);
    size_t found;

    *out_next = 0;
    if (denies(guard))
        return 0;
    found = guard->inner->ops->list(guard->inner, key, type, now, from, out_records, n, out_next);

    for (size_t i = 0; i < found; i++) {
        if (out_records[i].expires_at <= now)
            sim_world_violated(guard->world, guard->node, "a record was served %lld ms after its expiry",
                               (long long)(now - out_records[i].expires_at));
    }
    return found;
}

static int remove_record(struct kad_store *store, const struct kad_record *record)
{
    struct guard *guard = guard_of(store);

    return guard->inner->ops->remove(guard->inner, record);
}

static void touch(struct kad_store *store, const struct kad_record *record, kad_ms seen_at)
{
    struct guard *guard = guard_of(store);

    guard->inner->ops->touch(guard->inner, record, seen_at);
}

static int ghost(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now,
                 struct kad_record *out_record)
{
    struct guard *guard = guard_of(store);

    *out_record = (struct kad_record){0};
    return denies(guard) ? KAD_E_NOT_FOUND
                         : guard->inner->ops->ghost(guard->inner, key, type, now, out_record);
}

static void free_guard(struct kad_store *store)
{
    struct guard *guard = guard_of(store);

    guard->inner->ops->free(guard->inner);
    kad_free(&guard->world->memory.allocator, guard, sizeof(*guard));
}

static const struct kad_store_ops ops = {
    .get = get,
    .put = put,
    .add_peer = add_peer,
    .peers = peers,
    .each_peer = each_peer,
    .sample = sample,
    .expire = expire,
    .commit = commit,
    .stats = stats,
    .look = look,
    .list = list,
    .remove = remove_record,
    .touch = touch,
    .ghost = ghost,
    .free = free_guard,
};

struct kad_store *sim_guard_new(struct sim_world *world, uint32_t node)
{
    struct guard *guard = kad_alloc(&world->memory.allocator, sizeof(*guard));
    struct kad_mem_store_config config;

    if (!guard)
        return NULL;
    *guard = (struct guard){.store = {&ops}, .world = world, .node = node};
    kad_mem_store_config_default(&config);
    if (kad_mem_store_new(&world->memory.allocator, &config, sim_mix(world->config.seed, node, 6),
                          &guard->inner) != 0) {
        kad_free(&world->memory.allocator, guard, sizeof(*guard));
        return NULL;
    }
    return &guard->store;
}
