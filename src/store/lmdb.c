#include "store/lmdb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/lmdb_entry.h"
#include "store/lmdb_env.h"
#include "store/lmdb_load.h"
#include "store/lmdb_pending.h"

#define DEFAULT_SIZE \
    (UINT64_C(512) << 20) /* a quarter of it holds what the default ceilings of memory let in */
#define MOST_RECORDS (UINT64_C(1) << 40) /* bytes; a map has to fit the address space */
#define TRY_AGAIN    KAD_SECOND          /* after a commit that failed */

struct lmdb_store {
    struct kad_store store; /* first: what the engine holds */
    const struct kad_allocator *allocator;
    struct kad_store *mem;
    struct kad_mem_watch watch;
    struct kad_env env;
    struct kad_pending pending;
    uint64_t claimed; /* bytes that what is pending will take, at most */
    kad_ms now;       /* of the latest call that told it */
    kad_ms retry_at;  /* after a failure: no commit before it */
    struct kad_lmdb_loaded loaded;
    uint64_t n_commits, n_failed;
    const char *last_error;
};

static struct lmdb_store *of(struct kad_store *store)
{
    return (struct lmdb_store *)(void *)store;
}

static const struct lmdb_store *of_const(const struct kad_store *store)
{
    return (const struct lmdb_store *)(const void *)store;
}

/* -- what the mem store tells ----------------------------------------------------------------------------------- */

/* LMDB copies what it changes, and what a transaction frees is free for the one after the next: a file full of live
 * pages cannot even be emptied. Three generations of every page and some room are always there. */
static bool room(void *context, size_t size)
{
    struct lmdb_store *lmdb = context;
    const uint64_t claim = 2 * (uint64_t)size + 128; /* pages are half empty at worst */

    if (lmdb->env.live_size + lmdb->claimed + claim > lmdb->env.max_size / 4)
        return false;
    lmdb->claimed += claim;
    return true;
}

static void record_changed(void *context, uint32_t slot)
{
    struct lmdb_store *lmdb = context;

    kad_pending_changed(&lmdb->pending, &lmdb->pending.records, slot);
}

static void peer_changed(void *context, uint32_t slot)
{
    struct lmdb_store *lmdb = context;

    kad_pending_changed(&lmdb->pending, &lmdb->pending.peers, slot);
}

static void record_gone(void *context, const struct kad_record *record)
{
    struct lmdb_store *lmdb = context;
    uint8_t name[KAD_ENTRY_RECORD_KEY_MAX];

    kad_pending_gone(&lmdb->pending, name, kad_entry_record_key(record, name));
}

static void peer_gone(void *context, const struct kad_id *key, const struct kad_endpoint *peer)
{
    struct lmdb_store *lmdb = context;
    uint8_t name[KAD_ENTRY_PEER_KEY_MAX];

    kad_pending_gone(&lmdb->pending, name, kad_entry_peer_key(key, peer, name));
}

/* -- commit ----------------------------------------------------------------------------------------------------- */

static int write_record(struct lmdb_store *lmdb, MDB_txn *txn, uint32_t slot)
{
    uint8_t name[KAD_ENTRY_RECORD_KEY_MAX];
    struct kad_record record;
    uint64_t group;
    MDB_val key, value;
    int error;

    if (!kad_mem_store_record(lmdb->mem, slot, &record, &group))
        return 0; /* gone again */
    key = (MDB_val){kad_entry_record_key(&record, name), name};
    value = (MDB_val){kad_entry_record_size(&record), NULL};
    error = mdb_put(txn, lmdb->env.records, &key, &value, MDB_RESERVE);
    if (error == 0)
        kad_entry_record_write(&record, group, value.mv_data);
    return error;
}

static int write_peer(struct lmdb_store *lmdb, MDB_txn *txn, uint32_t slot)
{
    struct kad_mem_peer peer;
    uint8_t name[KAD_ENTRY_PEER_KEY_MAX], content[KAD_ENTRY_PEER_VALUE];
    MDB_val key = {0, name}, value = {sizeof content, content};

    if (!kad_mem_store_peer(lmdb->mem, slot, &peer))
        return 0;
    key.mv_size = kad_entry_peer_key(&peer.key, &peer.endpoint, name);
    kad_entry_peer_write(&peer, content);
    return mdb_put(txn, lmdb->env.peers, &key, &value, 0);
}

static int write_set(struct lmdb_store *lmdb, MDB_txn *txn, const struct kad_slot_set *set, uint32_t n_slots,
                     int (*write)(struct lmdb_store *lmdb, MDB_txn *txn, uint32_t slot))
{
    int error = 0;

    for (uint32_t i = 0; error == 0 && i < (set->all ? n_slots : set->n_slots); i++)
        error = write(lmdb, txn, set->all ? i : set->slots[i]);
    return error;
}

static int write_pending(struct kad_env *env, MDB_txn *txn, void *context)
{
    struct lmdb_store *lmdb = context;
    struct kad_bytes gone;
    uint32_t at = 0, n_records, n_peers;
    int error = 0;

    while (error == 0 && kad_pending_next_gone(&lmdb->pending, &at, &gone)) {
        MDB_val key = {gone.size, (void *)(uintptr_t)gone.data};

        error = mdb_del(txn, kad_entry_is_record_key(gone.size) ? env->records : env->peers, &key, NULL);
        if (error == MDB_NOTFOUND) /* came and went within a turn */
            error = 0;
    }
    kad_mem_store_n_slots(lmdb->mem, &n_records, &n_peers);
    if (error == 0)
        error = write_set(lmdb, txn, &lmdb->pending.records, n_records, write_record);
    if (error == 0)
        error = write_set(lmdb, txn, &lmdb->pending.peers, n_peers, write_peer);
    return error;
}

static int commit_now(struct lmdb_store *lmdb)
{
    int error;

    if (!kad_pending_any(&lmdb->pending)) {
        lmdb->claimed = 0; /* by what was refused after all */
        return KAD_OK;
    }
    error = kad_env_run(&lmdb->env, KAD_ENV_WRITE, write_pending, lmdb);
    if (error) {
        lmdb->n_failed++;
        lmdb->last_error = kad_env_text(error);
        lmdb->retry_at = lmdb->now + TRY_AGAIN;
        return KAD_E_SYSTEM;
    }
    kad_pending_done(&lmdb->pending);
    lmdb->claimed = 0;
    lmdb->retry_at = 0;
    lmdb->n_commits++;
    return KAD_OK;
}

static int lmdb_commit(struct kad_store *store)
{
    struct lmdb_store *lmdb = of(store);

    if (lmdb->retry_at > lmdb->now && kad_pending_any(&lmdb->pending))
        return KAD_E_SYSTEM;
    return commit_now(lmdb);
}

/* -- what memory does ------------------------------------------------------------------------------------------- */

static int lmdb_get(struct kad_store *store, const struct kad_id *key, kad_ms now,
                    struct kad_record *out_record)
{
    return of(store)->mem->ops->get(of(store)->mem, key, now, out_record);
}

static int lmdb_put(struct kad_store *store, const struct kad_record *record,
                    const struct kad_endpoint *publisher, kad_ms now)
{
    struct lmdb_store *lmdb = of(store);

    lmdb->now = now;
    if (kad_entry_record_size(record) == 0)
        return KAD_E_LIMIT;
    return lmdb->mem->ops->put(lmdb->mem, record, publisher, now);
}

static int lmdb_add_peer(struct kad_store *store, const struct kad_id *key, const struct kad_endpoint *peer,
                         bool seed, kad_ms expires_at, kad_ms now)
{
    struct lmdb_store *lmdb = of(store);

    lmdb->now = now;
    return lmdb->mem->ops->add_peer(lmdb->mem, key, peer, seed, expires_at, now);
}

static size_t lmdb_peers(struct kad_store *store, const struct kad_id *key, enum kad_family family,
                         bool no_seeds, struct kad_rng *rng, kad_ms now, struct kad_endpoint *out_peers,
                         size_t n)
{
    return of(store)->mem->ops->peers(of(store)->mem, key, family, no_seeds, rng, now, out_peers, n);
}

static void lmdb_each_peer(struct kad_store *store, const struct kad_id *key, kad_ms now,
                           void (*add)(void *context, const struct kad_endpoint *peer, bool seed),
                           void *context)
{
    of(store)->mem->ops->each_peer(of(store)->mem, key, now, add, context);
}

static size_t lmdb_sample(struct kad_store *store, struct kad_rng *rng, kad_ms now, struct kad_id *out_keys,
                          size_t n, uint32_t *out_total)
{
    of(store)->now = now;
    return of(store)->mem->ops->sample(of(store)->mem, rng, now, out_keys, n, out_total);
}

static kad_ms lmdb_expire(struct kad_store *store, kad_ms now)
{
    struct lmdb_store *lmdb = of(store);

    lmdb->now = now;
    return lmdb->mem->ops->expire(lmdb->mem, now);
}

static void lmdb_stats(const struct kad_store *store, struct kad_store_stats *out_stats)
{
    const struct lmdb_store *lmdb = of_const(store);
    const struct kad_pending *pending = &lmdb->pending;

    lmdb->mem->ops->stats(lmdb->mem, out_stats);
    out_stats->memory += sizeof *lmdb + pending->gone_capacity +
                         ((uint64_t)pending->records.capacity + pending->peers.capacity) * sizeof(uint32_t) +
                         ((uint64_t)pending->records.n_words + pending->peers.n_words) * sizeof(uint64_t);
}

static uint64_t lmdb_look(const struct kad_store *store, uint64_t from, unsigned n, kad_ms now,
                          const struct kad_store_viewer *viewer)
{
    const struct kad_store *mem = of_const(store)->mem;

    return mem->ops->look(mem, from, n, now, viewer);
}

static size_t lmdb_list(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now,
                        uint32_t from, struct kad_record *out_records, size_t n, uint32_t *out_next)
{
    return of(store)->mem->ops->list(of(store)->mem, key, type, now, from, out_records, n, out_next);
}

static int lmdb_remove(struct kad_store *store, const struct kad_record *record)
{
    return of(store)->mem->ops->remove(of(store)->mem, record);
}

/* Not worth a write: after a restart nobody knows, and it is spread over an hour. */
static void lmdb_touch(struct kad_store *store, const struct kad_record *record, kad_ms seen_at)
{
    of(store)->mem->ops->touch(of(store)->mem, record, seen_at);
}

static int lmdb_ghost(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now,
                      struct kad_record *out_record)
{
    of(store)->now = now;
    return of(store)->mem->ops->ghost(of(store)->mem, key, type, now, out_record);
}

static void lmdb_free(struct kad_store *store)
{
    struct lmdb_store *lmdb = of(store);

    (void)commit_now(lmdb); /* a last try; whoever needs to know has committed before */
    lmdb->mem->ops->free(lmdb->mem);
    kad_pending_clear(&lmdb->pending);
    kad_env_close(&lmdb->env);
    kad_free(lmdb->allocator, lmdb, sizeof *lmdb);
}

static const struct kad_store_ops lmdb_ops = {
    .get = lmdb_get,
    .put = lmdb_put,
    .add_peer = lmdb_add_peer,
    .peers = lmdb_peers,
    .each_peer = lmdb_each_peer,
    .sample = lmdb_sample,
    .expire = lmdb_expire,
    .commit = lmdb_commit,
    .stats = lmdb_stats,
    .look = lmdb_look,
    .list = lmdb_list,
    .remove = lmdb_remove,
    .touch = lmdb_touch,
    .ghost = lmdb_ghost,
    .free = lmdb_free,
};

/* -- opening, and what only this store has ---------------------------------------------------------------------- */

static int load(struct lmdb_store *lmdb, struct kad_env *env, kad_ms now, struct kad_lmdb_loaded *out_loaded,
                char *out_why, size_t why_size)
{
    int said, error = kad_lmdb_load(env, lmdb->mem, lmdb->allocator, now, out_loaded, &said);

    if (error == KAD_E_MEMORY)
        snprintf(out_why, why_size, "%s: not enough memory for what is stored", env->path);
    else if (error != KAD_OK)
        snprintf(out_why, why_size, "%s: %s: %s", env->path,
                 error == KAD_E_CORRUPT ? "damaged" : "cannot read", kad_env_text(said));
    return error;
}

int kad_lmdb_store_open(const struct kad_allocator *allocator, const struct kad_lmdb_store_config *config,
                        uint64_t hash_key, kad_ms now, char *out_why, size_t why_size,
                        struct kad_store **out_store)
{
    struct lmdb_store *lmdb = kad_alloc_zero(allocator, sizeof *lmdb);
    uint64_t max_size = config->max_size;
    int error;

    if (max_size == 0 && config->mem.max_record_bytes <= DEFAULT_SIZE / 8)
        max_size = DEFAULT_SIZE;
    else if (max_size == 0) /* enough for the ceiling on records, whatever that is */
        max_size =
            config->mem.max_record_bytes < MOST_RECORDS ? 8 * config->mem.max_record_bytes : 8 * MOST_RECORDS;
    if (!lmdb || kad_mem_store_new(allocator, &config->mem, hash_key, &lmdb->mem) != KAD_OK) {
        kad_free(allocator, lmdb, sizeof *lmdb);
        snprintf(out_why, why_size, "not enough memory");
        return KAD_E_MEMORY;
    }
    lmdb->store.ops = &lmdb_ops;
    lmdb->allocator = allocator;
    lmdb->now = now;
    kad_pending_init(&lmdb->pending, allocator);
    error = kad_env_open(&lmdb->env, allocator, config->path, max_size, out_why, why_size);
    if (error == KAD_OK) {
        error = load(lmdb, &lmdb->env, now, &lmdb->loaded, out_why, why_size);
        if (error != KAD_OK)
            kad_env_close(&lmdb->env);
    }
    if (error != KAD_OK) {
        lmdb->mem->ops->free(lmdb->mem);
        kad_free(allocator, lmdb, sizeof *lmdb);
        return error;
    }
    lmdb->watch = (struct kad_mem_watch){.room = room,
                                         .record_changed = record_changed,
                                         .record_gone = record_gone,
                                         .peer_changed = peer_changed,
                                         .peer_gone = peer_gone,
                                         .context = lmdb};
    kad_mem_store_watch(lmdb->mem, &lmdb->watch);
    *out_store = &lmdb->store;
    return KAD_OK;
}

struct kad_store *kad_lmdb_store_mem(struct kad_store *store)
{
    return of(store)->mem;
}

int kad_lmdb_store_import(struct kad_store *store, const char *path, kad_ms now, char *out_why,
                          size_t why_size, uint64_t *out_n)
{
    struct lmdb_store *lmdb = of(store);
    struct kad_env *other = kad_alloc_zero(lmdb->allocator, sizeof *other);
    struct kad_lmdb_loaded loaded;
    int error;

    if (!other) {
        snprintf(out_why, why_size, "not enough memory");
        return KAD_E_MEMORY;
    }
    error = kad_env_open(other, lmdb->allocator, path, lmdb->env.max_size, out_why, why_size);
    if (error == KAD_OK) {
        error = load(lmdb, other, now, &loaded, out_why, why_size);
        kad_env_close(other);
    }
    kad_free(lmdb->allocator, other, sizeof *other);
    if (error == KAD_OK)
        *out_n = loaded.n_loaded;
    return error;
}

int kad_lmdb_store_sync(struct kad_store *store)
{
    return kad_env_sync(&of(store)->env);
}

void kad_lmdb_store_info(const struct kad_store *store, struct kad_lmdb_store_info *out_info)
{
    const struct lmdb_store *lmdb = of_const(store);

    *out_info = (struct kad_lmdb_store_info){
        .n_loaded = lmdb->loaded.n_loaded,
        .n_expired = lmdb->loaded.n_expired,
        .n_skipped = lmdb->loaded.n_skipped,
        .n_commits = lmdb->n_commits,
        .n_failed = lmdb->n_failed,
        .n_pending = (uint64_t)lmdb->pending.records.n_slots + lmdb->pending.peers.n_slots,
        .live_size = lmdb->env.live_size,
        .map_size = lmdb->env.map_size,
        .last_error = lmdb->last_error,
    };
}

struct state {
    const char *name;
    struct kad_bytes in;
    const struct kad_allocator *allocator;
    struct kad_bytes out;
};

static bool name_is_fine(const char *name)
{
    const size_t size = strlen(name);

    return size > 0 && size <= KAD_LMDB_STATE_NAME_MAX;
}

static int state_put(struct kad_env *env, MDB_txn *txn, void *context)
{
    const struct state *state = context;
    MDB_val key = {strlen(state->name), (void *)(uintptr_t)state->name};
    MDB_val value = {KAD_ENTRY_STATE_HEADER + state->in.size, NULL};
    const int error = mdb_put(txn, env->state, &key, &value, MDB_RESERVE);

    if (error == 0)
        kad_entry_state_write((struct kad_bytes){key.mv_data, key.mv_size}, state->in, value.mv_data);
    return error;
}

int kad_lmdb_state_put(struct kad_store *store, const char *name, struct kad_bytes bytes)
{
    struct state state = {.name = name, .in = bytes};

    if (!name_is_fine(name) || bytes.size > UINT32_MAX / 2)
        return KAD_E_INVALID;
    return kad_env_run(&of(store)->env, KAD_ENV_WRITE, state_put, &state) == 0 ? KAD_OK : KAD_E_SYSTEM;
}

static int state_get(struct kad_env *env, MDB_txn *txn, void *context)
{
    struct state *state = context;
    MDB_val key = {strlen(state->name), (void *)(uintptr_t)state->name}, value;
    int error = mdb_get(txn, env->state, &key, &value);
    struct kad_bytes content;
    uint8_t *copy;

    if (error)
        return error;
    if (kad_entry_state_read((struct kad_bytes){key.mv_data, key.mv_size},
                             (struct kad_bytes){value.mv_data, value.mv_size}, &content) != KAD_OK)
        return MDB_CORRUPTED;
    if (content.size == 0)
        return 0;
    copy = kad_alloc(state->allocator, content.size);
    if (!copy)
        return ENOMEM;
    memcpy(copy, content.data, content.size);
    state->out = (struct kad_bytes){copy, content.size};
    return 0;
}

int kad_lmdb_state_get(struct kad_store *store, const char *name, const struct kad_allocator *allocator,
                       struct kad_bytes *out_bytes)
{
    struct state state = {.name = name, .allocator = allocator};
    int error;

    if (!name_is_fine(name))
        return KAD_E_NOT_FOUND;
    error = kad_env_run(&of(store)->env, KAD_ENV_READ, state_get, &state);
    if (error == 0)
        *out_bytes = state.out;
    switch (error) {
    case 0:
        return KAD_OK;
    case MDB_NOTFOUND:
        return KAD_E_NOT_FOUND;
    case ENOMEM:
        return KAD_E_MEMORY;
    default:
        return kad_env_is_corrupt(error) ? KAD_E_CORRUPT : KAD_E_SYSTEM;
    }
}
