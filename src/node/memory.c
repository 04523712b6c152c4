/*
 * memory - the state a node keeps on disk, and when it is written.
 *
 * At once when a publication changed, a second after the node got ready or took a new id, every five minutes when the
 * table changed, and at the end. What comes while a writing runs shares the next. When the disk fails, it is tried again
 * until it works. The store: storage.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "node/parts.h"
#include "node/state.h"

#define SAVE_TABLE_EVERY (5 * KAD_MINUTE)
#define SAVE_AGAIN       KAD_SECOND /* after a failure */

/* -- the state -------------------------------------------------------------------------------------------------- */

int kad_memory_load(struct kad_node *node, struct kad_state *state, char *out_why, size_t why_size)
{
    struct kad_bytes bytes;
    int error = kad_data_dir_read(&node->storage->data_dir, node->state_name, KAD_STATE_SIZE_MAX,
                                  node->allocator, &bytes);

    if (error == KAD_E_NOT_FOUND)
        return KAD_OK;
    if (!error) {
        error = kad_state_decode(state, bytes);
        kad_free(node->allocator, (void *)(uintptr_t)bytes.data, bytes.size);
    }
    if (error == KAD_E_CORRUPT || error == KAD_E_LIMIT) {
        kad_data_dir_set_aside(&node->storage->data_dir, node->state_name);
        kad_tell(node, KAD_LOG_WARN, "state_damaged", "file", node->state_name, "what",
                 "set aside with the ending .bad; starting without", NULL);
        return KAD_OK;
    }
    if (error)
        snprintf(out_why, why_size, "cannot read %.60s in %.200s: %s", node->state_name,
                 node->storage->data_dir.path,
                 error == KAD_E_SYSTEM ? strerror(errno) : kad_error_text(error));
    return error;
}

bool kad_memory_begin_job(struct kad_node *node, struct kad_job *job, uv_work_cb work, uv_after_work_cb done)
{
    job->work.data = job;
    job->node = node;
    job->running = uv_queue_work(node->loop, &job->work, work, done) == 0;
    node->n_open += job->running;
    return job->running;
}

void kad_memory_tell_change(const struct kad_node *node, bool *failed, int error, int reason,
                            const char *worse, const char *better)
{
    if (error && !*failed)
        kad_tell(node, KAD_LOG_ERROR, worse, "why", strerror(reason), "what", "trying on", NULL);
    if (!error && *failed)
        kad_tell(node, KAD_LOG_INFO, better, NULL, NULL);
    *failed = error != KAD_OK;
}

static uint64_t table_mark(const struct kad_node *node)
{
    const struct kad_counters *counters = kad_engine_counters(node->engine);

    return counters->table_added + counters->table_removed;
}

/* The contacts worth trying again: in the table, not just in its cache. The silent come last. */
static void gather_contacts(const struct kad_node *node, struct kad_state *state)
{
    static const enum kad_family families[] = {KAD_IPV4, KAD_IPV6};

    if (kad_node_is_libp2p(node)) /* a peer id is more than a key of 32 bytes: libp2p_kept.c remembers them */
        return;
    for (size_t i = 0; i < 2; i++) {
        const size_t most = state->n_contacts + (KAD_STATE_CONTACTS - state->n_contacts) / (2 - i);
        const size_t n = kad_engine_table(node->engine, families[i], NULL, 0);
        struct kad_table_row *rows = n ? kad_alloc(node->allocator, n * sizeof(*rows)) : NULL;

        if (!rows)
            continue;
        kad_engine_table(node->engine, families[i], rows, n);
        for (unsigned silent = 0; silent < 2; silent++) {
            for (size_t j = n; j-- > 0 && state->n_contacts < most;) { /* the nearest buckets first */
                if (rows[j].replacement || (rows[j].failures > 0) != silent)
                    continue;
                memcpy(state->keys[state->n_contacts], rows[j].public_key, sizeof(rows[j].public_key));
                state->contacts[state->n_contacts++] = rows[j].contact;
            }
        }
        kad_free(node->allocator, rows, n * sizeof(*rows));
    }
}

/* Those noted last, and all bans: those noted longest ago first, as they are remembered again. */
static void gather_peers(const struct kad_node *node, struct kad_state *state)
{
    const kad_ms now = kad_node_clock(node);
    const size_t n = kad_engine_peers(node->engine, NULL, 0, now);
    struct kad_peer_row *rows = n ? kad_alloc(node->allocator, n * sizeof(*rows)) : NULL;
    size_t n_others = KAD_STATE_PEERS, taken = 0;

    if (!rows)
        return;
    kad_engine_peers(node->engine, rows, n, now);
    for (size_t i = 0; i < n; i++)
        n_others -= n_others && rows[i].state == KAD_PEER_BANNED;
    for (size_t i = 0; i < n && taken < KAD_STATE_PEERS; i++) {
        const bool banned = rows[i].state == KAD_PEER_BANNED;

        if (banned || n_others) {
            rows[taken++] = rows[i];
            n_others -= !banned;
        }
    }
    while (taken)
        state->peers[state->n_peers++] = rows[--taken];
    kad_free(node->allocator, rows, n * sizeof(*rows));
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
    state->has_keys = kad_network_has_identities(node->config.network);
    state->saved_at = kad_node_clock(node);
    gather_contacts(node, state);
    gather_peers(node, state);
    kad_state_anchors_first(state);
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

static void saved(struct kad_node *node, int error, int reason)
{
    kad_memory_tell_change(node, &node->save_failed, error, reason, "state_not_saved", "state_saved_again");
    if (!error) {
        node->state_safe = node->state_saving;
        node->table_saved = node->table_saving;
    } else if (node->save_at > kad_node_clock(node) + SAVE_AGAIN) {
        node->save_at = kad_node_clock(node) + SAVE_AGAIN;
    }
    kad_held_settle(node, 0, error ? node->state_saving : 0);
}

static void save_work(uv_work_t *work)
{
    struct kad_job *job = work->data;
    const struct kad_node *node = job->node;

    job->error = kad_data_dir_write(&node->storage->data_dir, node->state_name, node->saving);
    job->reason = errno;
}

static void save_done(uv_work_t *work, int status)
{
    struct kad_job *job = work->data;

    (void)status;
    job->running = false;
    drop_snapshot(job->node);
    saved(job->node, job->error, job->reason);
    kad_node_ended(job->node);
}

static void take_snapshot(struct kad_node *node)
{
    node->table_saving = table_mark(node);
    node->state_saving = node->state_changed;
    node->saving = snapshot(node);
}

static void begin_save(struct kad_node *node)
{
    node->save_at = node->now + SAVE_TABLE_EVERY;
    take_snapshot(node);
    if (node->saving.size == 0 || !kad_memory_begin_job(node, &node->save, save_work, save_done)) {
        drop_snapshot(node);
        saved(node, KAD_E_MEMORY, ENOMEM);
    }
}

void kad_memory_changed(struct kad_node *node, kad_ms within)
{
    const kad_ms at = kad_node_clock(node) + within;

    if (!node->storage->has_data_dir)
        return;
    node->state_changed++;
    node->save_at = at < node->save_at ? at : node->save_at;
    kad_node_turn_soon(node); /* which sets the timer anew */
}

int kad_memory_need(struct kad_node *node, bool stored, bool kept, uint64_t *out_store_at,
                    uint64_t *out_state_at)
{
    *out_store_at = *out_state_at = 0;
    if (kept && node->storage->has_data_dir) {
        kad_memory_changed(node, 0);
        *out_state_at = node->state_changed;
    }
    return stored ? kad_storage_need(node, out_store_at) : KAD_OK;
}

void kad_memory_save_now(struct kad_node *node)
{
    int error = KAD_OK;

    if (node->storage->has_data_dir) {
        take_snapshot(node);
        errno = ENOMEM;
        error = node->saving.size
                    ? kad_data_dir_write(&node->storage->data_dir, node->state_name, node->saving)
                    : KAD_E_MEMORY;
        saved(node, error, errno);
        drop_snapshot(node);
    }
    kad_storage_sync_now(node);
}

/* -- when ------------------------------------------------------------------------------------------------------- */

void kad_memory_begin(struct kad_node *node)
{
    node->save_at = node->storage->has_data_dir ? node->now + SAVE_TABLE_EVERY : KAD_NEVER;
}

void kad_memory_tick(struct kad_node *node)
{
    kad_storage_tick(node);
    if (node->now >= node->save_at && !node->save.running) {
        if (node->state_changed != node->state_safe || table_mark(node) != node->table_saved)
            begin_save(node);
        else
            node->save_at = node->now + SAVE_TABLE_EVERY;
    }
}

/* While a job runs its next turn waits for its end, which is a turn too. */
kad_ms kad_memory_wake_at(const struct kad_node *node)
{
    const kad_ms save_at = node->save.running ? KAD_NEVER : node->save_at;

    return kad_ms_min(save_at, kad_storage_wake_at(node));
}
