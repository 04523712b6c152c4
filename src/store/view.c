#include "store/view.h"

/* The store under a view, with the view's eye. */
static struct kad_store *through(struct kad_store *store)
{
    struct kad_store_view *view = (struct kad_store_view *)(void *)store;

    kad_mem_store_see(view->mem, view->eye);
    return view->under;
}

static const struct kad_store *through_const(const struct kad_store *store)
{
    const struct kad_store_view *view = (const struct kad_store_view *)(const void *)store;

    kad_mem_store_see(view->mem, view->eye);
    return view->under;
}

static int view_get(struct kad_store *store, const struct kad_id *key, kad_ms now,
                    struct kad_record *out_record)
{
    struct kad_store *under = through(store);

    return under->ops->get(under, key, now, out_record);
}

static int view_put(struct kad_store *store, const struct kad_record *record,
                    const struct kad_endpoint *publisher, kad_ms now)
{
    struct kad_store *under = through(store);

    return under->ops->put(under, record, publisher, now);
}

static int view_add_peer(struct kad_store *store, const struct kad_id *key, const struct kad_endpoint *peer,
                         bool seed, kad_ms expires_at, kad_ms now)
{
    struct kad_store *under = through(store);

    return under->ops->add_peer(under, key, peer, seed, expires_at, now);
}

static size_t view_peers(struct kad_store *store, const struct kad_id *key, enum kad_family family,
                         bool no_seeds, struct kad_rng *rng, kad_ms now, struct kad_endpoint *out_peers,
                         size_t n)
{
    struct kad_store *under = through(store);

    return under->ops->peers(under, key, family, no_seeds, rng, now, out_peers, n);
}

static void view_each_peer(struct kad_store *store, const struct kad_id *key, kad_ms now,
                           void (*add)(void *context, const struct kad_endpoint *peer, bool seed),
                           void *context)
{
    struct kad_store *under = through(store);

    under->ops->each_peer(under, key, now, add, context);
}

static size_t view_sample(struct kad_store *store, struct kad_rng *rng, kad_ms now, struct kad_id *out_keys,
                          size_t n, uint32_t *out_total)
{
    struct kad_store *under = through(store);

    return under->ops->sample(under, rng, now, out_keys, n, out_total);
}

static kad_ms view_expire(struct kad_store *store, kad_ms now)
{
    struct kad_store *under = through(store);

    return under->ops->expire(under, now);
}

static int view_commit(struct kad_store *store)
{
    struct kad_store *under = through(store);

    return under->ops->commit ? under->ops->commit(under) : KAD_OK;
}

static void view_stats(const struct kad_store *store, struct kad_store_stats *out_stats)
{
    const struct kad_store *under = through_const(store);

    under->ops->stats(under, out_stats);
}

static uint64_t view_look(const struct kad_store *store, uint64_t from, unsigned n, kad_ms now,
                          const struct kad_store_viewer *viewer)
{
    const struct kad_store *under = through_const(store);

    return under->ops->look(under, from, n, now, viewer);
}

static size_t view_list(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now,
                        uint32_t from, struct kad_record *out_records, size_t n, uint32_t *out_next)
{
    struct kad_store *under = through(store);

    return under->ops->list(under, key, type, now, from, out_records, n, out_next);
}

static int view_remove(struct kad_store *store, const struct kad_record *record)
{
    struct kad_store *under = through(store);

    return under->ops->remove(under, record);
}

static void view_touch(struct kad_store *store, const struct kad_record *record, kad_ms seen_at)
{
    struct kad_store *under = through(store);

    under->ops->touch(under, record, seen_at);
}

static int view_ghost(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now,
                      struct kad_record *out_record)
{
    struct kad_store *under = through(store);

    return under->ops->ghost(under, key, type, now, out_record);
}

static void view_free(struct kad_store *store)
{
    (void)store;
}

static const struct kad_store_ops view_ops = {
    .get = view_get,
    .put = view_put,
    .add_peer = view_add_peer,
    .peers = view_peers,
    .each_peer = view_each_peer,
    .sample = view_sample,
    .expire = view_expire,
    .commit = view_commit,
    .stats = view_stats,
    .look = view_look,
    .list = view_list,
    .remove = view_remove,
    .touch = view_touch,
    .ghost = view_ghost,
    .free = view_free,
};

void kad_store_view_init(struct kad_store_view *view, struct kad_store *under, struct kad_store *mem,
                         struct kad_mem_eye eye)
{
    *view = (struct kad_store_view){.store = {&view_ops}, .under = under, .mem = mem, .eye = eye};
}
