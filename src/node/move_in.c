/*
 * move_in - what earlier versions kept in DIR/NETWORK/, when a daemon was on several networks, moves to where it is now.
 *
 * State and identity are renamed unless there is one already, which then holds. What the store of that folder holds is taken
 * over into the one store; its file goes when that is on disk. A step that is interrupted is made again at the next start.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/network.h"
#include "node/key_file.h"
#include "node/parts.h"
#include "store/lmdb.h"

#define PATH_ROOM (KAD_DATA_PATH + 64)

static void old_path(const struct kad_node *node, const char *name, char out_path[PATH_ROOM])
{
    snprintf(out_path, PATH_ROOM, "%s/%.30s%s%.64s", node->storage->data_dir.path,
             kad_network_name(node->config.network), *name ? "/" : "", name);
}

static bool is_there(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0;
}

static int move(struct kad_node *node, const char *name, char *why, size_t why_size)
{
    char from[PATH_ROOM], to[PATH_ROOM];

    old_path(node, name, from);
    snprintf(to, sizeof(to), "%s/%.64s", node->storage->data_dir.path, name);
    if (!is_there(from))
        return KAD_OK;
    if (is_there(to)) {
        kad_tell(node, KAD_LOG_WARN, "left_behind", "file", from, "why", "there is one already", NULL);
        return KAD_OK;
    }
    if (rename(from, to) < 0) {
        snprintf(why, why_size, "cannot move %.200s: %s", from, strerror(errno));
        return KAD_E_SYSTEM;
    }
    kad_tell(node, KAD_LOG_INFO, "moved_in", "file", to, NULL);
    return KAD_OK;
}

/* Nobody else may be at home there. */
static int enter(const struct kad_node *node, struct kad_data_dir *out_dir, char *why, size_t why_size)
{
    char folder[PATH_ROOM];
    struct stat status;

    old_path(node, "", folder);
    if (stat(folder, &status) < 0 || !S_ISDIR(status.st_mode))
        return KAD_E_NOT_FOUND;
    return kad_data_dir_open(out_dir, folder, why, why_size);
}

int kad_move_in_files(struct kad_node *node, char *out_why, size_t why_size)
{
    struct kad_data_dir old;
    int error;

    if (!kad_storage_has_data_dir(node))
        return KAD_OK;
    error = enter(node, &old, out_why, why_size);
    if (error)
        return error == KAD_E_NOT_FOUND ? KAD_OK : error;
    error = move(node, node->state_name, out_why, why_size);
    if (!error && !node->config.identity && kad_network_has_identities(node->config.network))
        error = move(node, KAD_KEY_FILE_NAME, out_why, why_size);
    kad_data_dir_close(&old);
    return error;
}

/* A store that cannot be read is left where it is: what it holds, others hold too. */
static int take_over(struct kad_node *node, const char *path, char *why, size_t why_size)
{
    char entries[24];
    uint64_t n;
    int error = kad_lmdb_store_import(node->storage->store, path, kad_node_clock(node), why, why_size, &n);

    if (error == KAD_E_MEMORY)
        return error;
    if (error) {
        kad_tell(node, KAD_LOG_WARN, "left_behind", "file", path, "why", why, NULL);
        return KAD_OK;
    }
    snprintf(entries, sizeof(entries), "%" PRIu64, n);
    kad_tell(node, KAD_LOG_INFO, "moved_in", "file", path, "entries", entries, NULL);
    kad_storage_commit(node);
    if (!node->storage->commit_failed && kad_lmdb_store_sync(node->storage->store) == KAD_OK)
        (void)unlink(path);
    return KAD_OK;
}

int kad_move_in_store(struct kad_node *node, char *out_why, size_t why_size)
{
    char path[PATH_ROOM];
    struct kad_data_dir old;
    int error;

    if (!node->storage->is_lmdb)
        return KAD_OK;
    old_path(node, "store.mdb", path);
    if (!is_there(path))
        return KAD_OK;
    error = enter(node, &old, out_why, why_size);
    if (error)
        return error;
    error = take_over(node, path, out_why, why_size);
    kad_data_dir_close(&old);
    return error;
}
