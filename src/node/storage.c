/*
 * storage - the data directory and the store, which nodes on one loop may have together (kad_node_config.with).
 *
 * One commit before a turn's answers leave, with what any user changed since the last; a worker brings commits to the disk
 * within a second, and at once when a request of one of them waits for it. What comes while a sync runs shares the next.
 * When the disk fails, it is tried again until it works. All users are on one thread: nothing here is locked.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/network.h"
#include "node/parts.h"
#include "store/lmdb.h"

#define STORE_FILE      "store.mdb" /* as store/lmdb names it */
#define SYNC_AFTER      KAD_SECOND
#define MAP_FOR_DEFAULT (512u << 20) /* LMDB's file may grow to this unless more records are asked for */
#define MAP_PER_BYTE    8            /* two halves of records (store/mem.h), and peers */

/* -- opening ---------------------------------------------------------------------------------------------------- */

static int open_lmdb(struct kad_node *node, const struct kad_lmdb_store_config *config, uint64_t hash_key,
                     char *out_why, size_t why_size)
{
    struct kad_storage *storage = node->storage;
    struct kad_lmdb_store_info info;
    char loaded[24], left_out[24];
    const int error = kad_lmdb_store_open(node->allocator, config, hash_key, kad_node_clock(node), out_why,
                                          why_size, &storage->store);

    if (error)
        return error;
    storage->mem = kad_lmdb_store_mem(storage->store);
    kad_lmdb_store_info(storage->store, &info);
    snprintf(loaded, sizeof(loaded), "%" PRIu64, info.n_loaded);
    snprintf(left_out, sizeof(left_out), "%" PRIu64, info.n_skipped);
    kad_tell(node, KAD_LOG_INFO, "store_opened", "entries", loaded, NULL);
    if (info.n_skipped)
        kad_tell(node, KAD_LOG_WARN, "store_entries_left_out", "entries", left_out, "why",
                 "damaged, or over a ceiling of the configuration", NULL);
    return KAD_OK;
}

static int open_store(struct kad_node *node, uint64_t hash_key, char *out_why, size_t why_size)
{
    struct kad_storage *storage = node->storage;
    struct kad_lmdb_store_config config = {.path = storage->data_dir.path};
    int error;

    kad_mem_store_config_default(&config.mem);
    config.mem.limit_local = node->config.settings.limit_local;
    if (node->config.store_max_bytes)
        config.mem.max_record_bytes = node->config.store_max_bytes;
    if (node->config.store_max_bytes > MAP_FOR_DEFAULT / MAP_PER_BYTE)
        config.max_size = MAP_PER_BYTE * node->config.store_max_bytes;
    if (node->config.store == KAD_STORE_LMDB) {
        storage->is_lmdb = true;
        error = open_lmdb(node, &config, hash_key, out_why, why_size);
        if (error != KAD_E_CORRUPT)
            return error;
        /* What others gave us to hold is worth less than a node that starts: they hold it too, and publish again. */
        kad_data_dir_set_aside(&storage->data_dir, STORE_FILE);
        kad_tell(node, KAD_LOG_WARN, "store_damaged", "file", STORE_FILE, "why", out_why, "what",
                 "set aside with the ending .bad; starting with an empty one", NULL);
        return open_lmdb(node, &config, hash_key, out_why, why_size);
    }
    error = kad_mem_store_new(node->allocator, &config.mem, hash_key, &storage->store);
    storage->mem = storage->store;
    if (error)
        snprintf(out_why, why_size, "store: %s", kad_error_text(error));
    return error;
}

/* Networks with classes each have an eye of their own; no two nodes of one storage are on the same network. */
static int join(struct kad_node *node, char *out_why, size_t why_size)
{
    const bool classes = kad_network_has_identities(node->config.network);
    struct kad_mem_eye eye = {classes ? KAD_MEM_CLASSED : KAD_MEM_PLAIN, 0};
    bool taken[KAD_MEM_EYES + 1] = {false};

    for (const struct kad_node *user = node->storage->users; user; user = user->storage_next) {
        if (user->config.network == node->config.network) {
            snprintf(out_why, why_size, "with: that node is on this network, too");
            return KAD_E_EXISTS;
        }
        if (classes && user->store.eye.half == KAD_MEM_CLASSED)
            taken[user->store.eye.number] = true;
    }
    while (taken[eye.number])
        eye.number++;
    if (eye.number >= KAD_MEM_EYES) {
        snprintf(out_why, why_size, "with: %d networks with record classes at most", KAD_MEM_EYES);
        return KAD_E_LIMIT;
    }
    node->storage_next = node->storage->users;
    node->storage->users = node;
    kad_store_view_init(&node->store, node->storage->store, node->storage->mem, eye);
    return KAD_OK;
}

int kad_storage_open(struct kad_node *node, uint64_t hash_key, char *out_why, size_t why_size)
{
    struct kad_storage *storage;
    int error = KAD_OK;

    if (node->config.with) {
        node->storage = node->config.with->storage;
        error = join(node, out_why, why_size);
        if (error)
            node->storage = NULL; /* its users' alone */
        return error ? error : kad_move_in_store(node, out_why, why_size);
    }
    storage = kad_alloc_zero(node->allocator, sizeof(*storage));
    if (!storage)
        return KAD_E_MEMORY;
    node->storage = storage;
    storage->sync_at = KAD_NEVER;
    if (node->config.data_dir) {
        error = kad_data_dir_open(&storage->data_dir, node->config.data_dir, out_why, why_size);
        storage->has_data_dir = error == KAD_OK;
    }
    if (!error)
        error = open_store(node, hash_key, out_why, why_size);
    if (!error)
        error = join(node, out_why, why_size);
    return error ? error : kad_move_in_store(node, out_why, why_size);
}

void kad_storage_leave(struct kad_node *node)
{
    struct kad_storage *storage = node->storage;

    if (!storage)
        return;
    for (struct kad_node **at = &storage->users; *at; at = &(*at)->storage_next) {
        if (*at == node) {
            *at = node->storage_next;
            break;
        }
    }
    node->storage = NULL;
    if (storage->users)
        return;
    assert(!storage->syncing && "a job is a user's");
    if (storage->store)
        storage->store->ops->free(storage->store);
    if (storage->has_data_dir)
        kad_data_dir_close(&storage->data_dir);
    kad_free(node->allocator, storage, sizeof(*storage));
}

bool kad_storage_has_data_dir(const struct kad_node *node)
{
    return node->storage && node->storage->has_data_dir;
}

/* -- commits ---------------------------------------------------------------------------------------------------- */

void kad_storage_commit(struct kad_node *node)
{
    struct kad_storage *storage = node->storage;
    struct kad_store *store = storage->store;
    struct kad_lmdb_store_info info;
    bool failed;

    if (storage->commit_failed)
        (void)store->ops->expire(store, node->now); /* tells it that time has passed */
    failed = store->ops->commit && store->ops->commit(store) < 0;
    if (failed && !storage->commit_failed) {
        kad_lmdb_store_info(store, &info);
        kad_tell(node, KAD_LOG_ERROR, "store_failed", "why", info.last_error, "what",
                 "what is stored is in memory only; trying on", NULL);
    }
    if (!failed && storage->commit_failed)
        kad_tell(node, KAD_LOG_INFO, "store_works_again", NULL, NULL);
    storage->commit_failed = failed;
}

static uint64_t n_commits(const struct kad_storage *storage)
{
    struct kad_lmdb_store_info info = {0};

    if (storage->is_lmdb)
        kad_lmdb_store_info(storage->store, &info);
    return info.n_commits;
}

/* -- syncs ------------------------------------------------------------------------------------------------------ */

/* For all users: those that waited are told, and those that want the next one get a turn. */
static void synced(struct kad_node *node, uint64_t up_to, int error, int reason)
{
    struct kad_storage *storage = node->storage;
    struct kad_node *user, *next;

    kad_memory_tell_change(node, &storage->sync_failed, error, reason, "sync_failed", "sync_works_again");
    if (!error && up_to > storage->safe)
        storage->safe = up_to;
    for (user = storage->users; user; user = next) {
        next = user->storage_next;
        kad_held_settle(user, error ? up_to : 0, 0);
        kad_node_turn_soon(user);
    }
}

static void sync_work(uv_work_t *work)
{
    struct kad_job *job = work->data;

    job->error = kad_lmdb_store_sync(job->node->storage->store);
    job->reason = errno;
}

static void sync_done(uv_work_t *work, int status)
{
    struct kad_job *job = work->data;

    (void)status;
    job->running = false;
    job->node->storage->syncing = false;
    synced(job->node, job->node->store_syncing, job->error, job->reason);
    kad_node_ended(job->node);
}

static void begin_sync(struct kad_node *node)
{
    struct kad_storage *storage = node->storage;

    node->store_syncing = n_commits(storage);
    storage->syncing = kad_memory_begin_job(node, &node->sync, sync_work, sync_done);
    storage->sync_at = storage->syncing ? KAD_NEVER : node->now + SYNC_AFTER;
}

int kad_storage_need(struct kad_node *node, uint64_t *out_store_at)
{
    struct kad_storage *storage = node->storage;

    if (!storage->is_lmdb)
        return KAD_OK;
    if (storage->commit_failed)
        return KAD_E_SYSTEM;
    if (n_commits(storage) == storage->safe)
        return KAD_OK; /* a sync that another waited for came in between */
    *out_store_at = n_commits(storage);
    storage->sync_at = kad_node_clock(node);
    kad_node_turn_soon(node);
    return KAD_OK;
}

void kad_storage_sync_now(struct kad_node *node)
{
    struct kad_storage *storage = node->storage;
    uint64_t up_to;
    int error;

    kad_storage_commit(node);
    if (!storage->is_lmdb)
        return;
    up_to = n_commits(storage);
    error = kad_lmdb_store_sync(storage->store);
    synced(node, up_to, error, errno);
}

/* -- when ------------------------------------------------------------------------------------------------------- */

void kad_storage_tick(struct kad_node *node)
{
    struct kad_storage *storage = node->storage;

    if (storage->is_lmdb && storage->sync_at == KAD_NEVER && n_commits(storage) != storage->safe)
        storage->sync_at = node->now + SYNC_AFTER;
    if (node->now >= storage->sync_at && !storage->syncing)
        begin_sync(node);
}

/* While a job runs its next turn waits for its end, which is a turn too. A store that failed is tried again by a turn. */
kad_ms kad_storage_wake_at(const struct kad_node *node)
{
    const struct kad_storage *storage = node->storage;
    const kad_ms sync_at = storage->syncing ? KAD_NEVER : storage->sync_at;

    return kad_ms_min(sync_at, storage->commit_failed ? node->now + SYNC_AFTER : KAD_NEVER);
}
