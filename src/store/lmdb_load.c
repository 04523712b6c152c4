#include "store/lmdb_load.h"

#include <errno.h>
#include <stdlib.h>

#include "store/lmdb_entry.h"

struct loading {
    struct kad_store *mem;
    const struct kad_allocator *allocator;
    kad_ms now;
    struct kad_lmdb_loaded counts;
    struct kad_mem_peer *peers;
    size_t n_peers, capacity;
};

typedef int each_entry(struct loading *loading, MDB_cursor *cursor, struct kad_bytes key,
                       struct kad_bytes value);

/* LMDB's pages are not checksummed: the tree may run in circles, and an entry's size may be nonsense, which is why the
 * readers of entries believe only what an entry says of itself. */
static int walk(MDB_txn *txn, MDB_dbi table, each_entry *each, struct loading *loading)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_stat stat;
    size_t n_seen = 0;
    int error = mdb_stat(txn, table, &stat);

    if (error == 0)
        error = mdb_cursor_open(txn, table, &cursor);
    if (error)
        return error;
    while ((error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (++n_seen > stat.ms_entries)
            error = MDB_CORRUPTED;
        else if (each)
            error = each(loading, cursor, (struct kad_bytes){key.mv_data, key.mv_size},
                         (struct kad_bytes){value.mv_data, value.mv_size});
        if (error)
            break;
    }
    mdb_cursor_close(cursor);
    return error == MDB_NOTFOUND ? 0 : error;
}

static bool lives(struct loading *loading, kad_ms expires_at)
{
    if (expires_at <= loading->now) {
        loading->counts.n_expired++;
        return false;
    }
    if (expires_at != KAD_NEVER && expires_at - loading->now > KAD_LMDB_LONGEST_LIFE) {
        loading->counts.n_skipped++;
        return false;
    }
    return true;
}

static int take_over(struct loading *loading, int result)
{
    if (result == KAD_OK)
        loading->counts.n_loaded++;
    else if (result == KAD_E_LIMIT)
        loading->counts.n_skipped++;
    return result == KAD_E_MEMORY ? ENOMEM : 0;
}

static int load_record(struct loading *loading, MDB_cursor *cursor, struct kad_bytes key,
                       struct kad_bytes value)
{
    struct kad_record record;
    uint64_t group;

    (void)cursor;
    if (kad_entry_record_read(key, value, &record, &group) != KAD_OK) {
        loading->counts.n_skipped++;
        return 0;
    }
    if (!lives(loading, record.expires_at)) {
        if (record.valid_until != 0 && record.expires_at <= loading->now)
            kad_mem_store_restore_ghost(loading->mem, &record, loading->now);
        return 0;
    }
    if (kad_mem_store_has_record(
            loading->mem, &record)) /* of another file that was read before; holders bring newer ones */
        return 0;
    return take_over(loading, kad_mem_store_restore(loading->mem, &record, group, loading->now));
}

static int load_peer(struct loading *loading, MDB_cursor *cursor, struct kad_bytes key,
                     struct kad_bytes value)
{
    struct kad_mem_peer peer;

    (void)cursor;
    if (kad_entry_peer_read(key, value, &peer) != KAD_OK) {
        loading->counts.n_skipped++;
        return 0;
    }
    if (!lives(loading, peer.expires_at))
        return 0;
    if (loading->n_peers == loading->capacity) {
        const size_t capacity = loading->capacity + loading->capacity / 2 + 64;
        struct kad_mem_peer *peers = kad_resize(loading->allocator, loading->peers,
                                                loading->capacity * sizeof *peers, capacity * sizeof *peers);

        if (!peers)
            return ENOMEM;
        loading->peers = peers;
        loading->capacity = capacity;
    }
    loading->peers[loading->n_peers++] = peer;
    return 0;
}

static int by_expiry(const void *a, const void *b)
{
    const struct kad_mem_peer *left = a, *right = b;

    return (left->expires_at > right->expires_at) - (left->expires_at < right->expires_at);
}

static int read_all(struct kad_env *env, MDB_txn *txn, void *context)
{
    struct loading *loading = context;
    const MDB_dbi free_pages = 0; /* LMDB's own: a damaged one would be met in the first write */
    int error = walk(txn, free_pages, NULL, loading);

    if (error == 0)
        error = walk(txn, env->state, NULL, loading);
    if (error == 0)
        error = walk(txn, env->records, load_record, loading);
    if (error == 0)
        error = walk(txn, env->peers, load_peer, loading);
    return error;
}

static int clean_record(struct loading *loading, MDB_cursor *cursor, struct kad_bytes key,
                        struct kad_bytes value)
{
    struct kad_record record;
    uint64_t group;

    if (kad_entry_record_read(key, value, &record, &group) == KAD_OK && record.expires_at > loading->now &&
        kad_mem_store_has_record(loading->mem, &record))
        return 0;
    return mdb_cursor_del(cursor, 0);
}

static int clean_peer(struct loading *loading, MDB_cursor *cursor, struct kad_bytes key,
                      struct kad_bytes value)
{
    struct kad_mem_peer peer;

    if (kad_entry_peer_read(key, value, &peer) == KAD_OK &&
        kad_mem_store_has_peer(loading->mem, &peer.key, &peer.endpoint))
        return 0;
    return mdb_cursor_del(cursor, 0);
}

static int clean_all(struct kad_env *env, MDB_txn *txn, void *context)
{
    int error = walk(txn, env->records, clean_record, context);

    return error ? error : walk(txn, env->peers, clean_peer, context);
}

int kad_lmdb_load(struct kad_env *env, struct kad_store *mem, const struct kad_allocator *allocator,
                  kad_ms now, struct kad_lmdb_loaded *out_loaded, int *out_error)
{
    struct loading loading = {.mem = mem, .allocator = allocator, .now = now};
    struct kad_lmdb_loaded counts;
    int error = kad_env_run(env, KAD_ENV_READ, read_all, &loading);

    if (error == 0 && loading.n_peers > 0)
        qsort(loading.peers, loading.n_peers, sizeof *loading.peers, by_expiry);
    for (size_t i = 0; error == 0 && i < loading.n_peers; i++) {
        const struct kad_mem_peer *peer = &loading.peers[i];

        error = take_over(&loading, mem->ops->add_peer(mem, &peer->key, &peer->endpoint, peer->seed,
                                                       peer->expires_at, now));
    }
    kad_free(allocator, loading.peers, loading.capacity * sizeof *loading.peers);
    counts = loading.counts; /* cleaning sees the same entries again */
    /* Failing to clean is no failure to load: what is left is met again at the next start. */
    if (error == 0 && counts.n_expired + counts.n_skipped > 0 &&
        kad_env_run(env, KAD_ENV_WRITE, clean_all, &loading) == 0)
        (void)kad_env_compact(env);
    *out_loaded = counts;
    *out_error = error;
    if (error == ENOMEM)
        return KAD_E_MEMORY;
    if (error)
        return kad_env_is_corrupt(error) ? KAD_E_CORRUPT : KAD_E_SYSTEM;
    return KAD_OK;
}
