/*
 * memory - what a node keeps on disk, and when it is written.
 *
 * The store: one commit before a turn's answers leave; a worker brings commits to the disk within a second. The state:
 * at once when a publication changed (those that change while it is written share the next writing), a second after the
 * node got ready or took a new id, every five minutes when the table changed, and at the end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "node/parts.h"
#include "node/state.h"
#include "store/lmdb.h"
#include "store/mem.h"

#define STORE_FILE       "store.mdb" /* as store/lmdb names it */
#define SYNC_AFTER       KAD_SECOND
#define SAVE_TABLE_EVERY (5 * KAD_MINUTE)
#define MAP_FOR_DEFAULT  (512u << 20) /* LMDB's file may grow to this unless more records are asked for */
#define MAP_PER_BYTE     4

/* -- opening ---------------------------------------------------------------------------------------------------- */

int kad_memory_open_store(struct kad_node *node, uint64_t hash_key, char *out_why, size_t why_size)
{
    struct kad_lmdb_store_config config = {.path = node->data_dir.path};
    int error;

    kad_mem_store_config_default(&config.mem);
    config.mem.limit_local = node->config.settings.limit_local;
    if (node->config.store_max_bytes)
        config.mem.max_record_bytes = node->config.store_max_bytes;
    if (node->config.store_max_bytes > MAP_FOR_DEFAULT / MAP_PER_BYTE)
        config.max_size =
            MAP_PER_BYTE * node->config.store_max_bytes; /* half of it at most holds records; and peers */
    if (node->config.store == KAD_STORE_LMDB) {
        node->store_is_lmdb = true;
        error = kad_lmdb_store_open(node->allocator, &config, hash_key, kad_node_clock(node), out_why,
                                    why_size, &node->store);
        if (error != KAD_E_CORRUPT)
            return error;
        /* What others gave us to hold is worth less than a node that starts: they hold it too, and publish again. */
        kad_data_dir_set_aside(&node->data_dir, STORE_FILE);
        kad_tell(node, KAD_LOG_WARN, "store_damaged", "file", STORE_FILE, "why", out_why, "what",
                 "set aside with the ending .bad; starting with an empty one", NULL);
        return kad_lmdb_store_open(node->allocator, &config, hash_key, kad_node_clock(node), out_why,
                                   why_size, &node->store);
    }
    error = kad_mem_store_new(node->allocator, &config.mem, hash_key, &node->store);
    if (error)
        snprintf(out_why, why_size, "store: %s", kad_error_text(error));
    return error;
}

int kad_memory_load(struct kad_node *node, struct kad_state *state, char *out_why, size_t why_size)
{
    struct kad_bytes bytes;
    int error =
        kad_data_dir_read(&node->data_dir, node->state_name, KAD_STATE_SIZE_MAX, node->allocator, &bytes);

    if (error == KAD_E_NOT_FOUND)
        return KAD_OK;
    if (!error) {
        error = kad_state_decode(state, bytes);
        kad_free(node->allocator, (void *)(uintptr_t)bytes.data, bytes.size);
    }
    if (error == KAD_E_CORRUPT || error == KAD_E_LIMIT) {
        kad_data_dir_set_aside(&node->data_dir, node->state_name);
        kad_tell(node, KAD_LOG_WARN, "state_damaged", "file", node->state_name, "what",
                 "set aside with the ending .bad; starting without", NULL);
        return KAD_OK;
    }
    if (error)
        snprintf(out_why, why_size, "cannot read %.60s in %.200s: %s", node->state_name, node->data_dir.path,
                 error == KAD_E_SYSTEM ? strerror(errno) : kad_error_text(error));
    return error;
}

/* -- the store -------------------------------------------------------------------------------------------------- */

void kad_memory_commit(struct kad_node *node)
{
    const bool failed = node->store->ops->commit && node->store->ops->commit(node->store) < 0;

    if (failed && !node->commit_failed)
        kad_tell(node, KAD_LOG_ERROR, "store_failed", "what",
                 "cannot write to disk; what is stored is in memory only", NULL);
    if (!failed && node->commit_failed)
        kad_tell(node, KAD_LOG_INFO, "store_works_again", NULL, NULL);
    node->commit_failed = failed;
}

/* Grows whenever something was stored: what a sync is due for. */
static uint64_t store_mark(const struct kad_node *node)
{
    const struct kad_counters *counters = kad_engine_counters(node->engine);

    return counters->stored + counters->announced;
}

static void sync_work(uv_work_t *work)
{
    struct kad_job *job = work->data;

    job->error = kad_lmdb_store_sync(job->node->store);
    job->reason = errno;
}

static void job_done(struct kad_job *job, const char *failure)
{
    struct kad_node *node = job->node;

    job->running = false;
    if (job->error)
        kad_tell(node, KAD_LOG_ERROR, failure, "why", strerror(job->reason), NULL);
    kad_node_ended(node);
}

static void sync_done(uv_work_t *work, int status)
{
    (void)status;
    job_done(work->data, "sync_failed");
}

static bool begin_job(struct kad_node *node, struct kad_job *job, uv_work_cb work, uv_after_work_cb done)
{
    job->work.data = job;
    job->node = node;
    job->running = uv_queue_work(node->loop, &job->work, work, done) == 0;
    node->n_open += job->running;
    return job->running;
}

/* -- the state -------------------------------------------------------------------------------------------------- */

static uint64_t table_mark(const struct kad_node *node)
{
    const struct kad_counters *counters = kad_engine_counters(node->engine);

    return counters->table_added + counters->table_removed;
}

/* The contacts worth trying again: in the table, not just in its cache. The silent come last. */
static void gather_contacts(const struct kad_node *node, struct kad_state *state)
{
    static const enum kad_family families[] = {KAD_IPV4, KAD_IPV6};

    for (size_t i = 0; i < 2; i++) {
        const size_t most = state->n_contacts + (KAD_STATE_CONTACTS - state->n_contacts) / (2 - i);
        const size_t n = kad_engine_table(node->engine, families[i], NULL, 0);
        struct kad_table_row *rows = n ? kad_alloc(node->allocator, n * sizeof(*rows)) : NULL;

        if (!rows)
            continue;
        kad_engine_table(node->engine, families[i], rows, n);
        for (unsigned silent = 0; silent < 2; silent++) {
            for (size_t j = n; j-- > 0 && state->n_contacts < most;) { /* the nearest buckets first */
                if (!rows[j].replacement && (rows[j].failures > 0) == silent)
                    state->contacts[state->n_contacts++] = rows[j].contact;
            }
        }
        kad_free(node->allocator, rows, n * sizeof(*rows));
    }
}

/* The state as a file: yours, kad_free() it. Size 0: no memory. */
static struct kad_bytes snapshot(const struct kad_node *node)
{
    struct kad_state *state = kad_alloc(node->allocator, sizeof(*state));
    struct kad_info info;
    uint8_t *bytes;
    size_t size;

    if (!state)
        return (struct kad_bytes){0};
    kad_state_init(state, node->allocator);
    kad_engine_info(node->engine, &info);
    state->id = info.id;
    state->saved_at = kad_node_clock(node);
    gather_contacts(node, state);
    state->kept = node->kept; /* lent */
    size = kad_state_encode(state, NULL, 0);
    bytes = kad_alloc(node->allocator, size);
    if (bytes)
        kad_state_encode(state, bytes, size);
    kad_free(node->allocator, state, sizeof(*state));
    return (struct kad_bytes){bytes, bytes ? size : 0};
}

static void drop_snapshot(struct kad_node *node)
{
    kad_free(node->allocator, (void *)(uintptr_t)node->saving.data, node->saving.size);
    node->saving = (struct kad_bytes){0};
}

static void save_work(uv_work_t *work)
{
    struct kad_job *job = work->data;
    const struct kad_node *node = job->node;

    job->error = kad_data_dir_write(&node->data_dir, node->state_name, node->saving);
    job->reason = errno;
}

static void save_done(uv_work_t *work, int status)
{
    struct kad_job *job = work->data;

    (void)status;
    drop_snapshot(job->node);
    job_done(job, "state_not_saved");
}

static void begin_save(struct kad_node *node)
{
    node->saved_table = table_mark(node);
    node->kept_changed = false;
    node->save_at = node->now + SAVE_TABLE_EVERY;
    node->saving = snapshot(node);
    if (node->saving.size == 0 || !begin_job(node, &node->save, save_work, save_done)) {
        drop_snapshot(node);
        node->kept_changed = true;
        node->save_at = node->now + KAD_SECOND;
    }
}

void kad_memory_changed(struct kad_node *node, kad_ms within)
{
    const kad_ms at = kad_node_clock(node) + within;

    if (!node->has_data_dir)
        return;
    node->kept_changed = true;
    node->save_at = at < node->save_at ? at : node->save_at;
    kad_node_turn_soon(node); /* which sets the timer anew */
}

void kad_memory_save_now(struct kad_node *node)
{
    if (node->has_data_dir) {
        const struct kad_bytes bytes = snapshot(node);

        if (bytes.size == 0 || kad_data_dir_write(&node->data_dir, node->state_name, bytes) < 0)
            kad_tell(node, KAD_LOG_ERROR, "state_not_saved", "why",
                     bytes.size ? strerror(errno) : kad_error_text(KAD_E_MEMORY), NULL);
        kad_free(node->allocator, (void *)(uintptr_t)bytes.data, bytes.size);
    }
    kad_memory_commit(node);
    if (node->store_is_lmdb && kad_lmdb_store_sync(node->store) < 0)
        kad_tell(node, KAD_LOG_ERROR, "sync_failed", "why", strerror(errno), NULL);
}

/* -- when ------------------------------------------------------------------------------------------------------- */

void kad_memory_begin(struct kad_node *node)
{
    node->sync_at = KAD_NEVER;
    node->save_at = node->has_data_dir ? node->now + SAVE_TABLE_EVERY : KAD_NEVER;
}

void kad_memory_tick(struct kad_node *node)
{
    if (node->store_is_lmdb && node->sync_at == KAD_NEVER && store_mark(node) != node->synced_store)
        node->sync_at = node->now + SYNC_AFTER;
    if (node->now >= node->sync_at && !node->sync.running) {
        node->synced_store = store_mark(node);
        node->sync_at =
            begin_job(node, &node->sync, sync_work, sync_done) ? KAD_NEVER : node->now + SYNC_AFTER;
    }
    if (node->now >= node->save_at && !node->save.running) {
        if (node->kept_changed || table_mark(node) != node->saved_table)
            begin_save(node);
        else
            node->save_at = node->now + SAVE_TABLE_EVERY;
    }
}

/* While a job runs its next turn waits for its end, which is a turn too. */
kad_ms kad_memory_wake_at(const struct kad_node *node)
{
    const kad_ms save_at = node->save.running ? KAD_NEVER : node->save_at;
    const kad_ms sync_at = node->sync.running ? KAD_NEVER : node->sync_at;

    return save_at < sync_at ? save_at : sync_at;
}
