/*
 * lmdb_env - one LMDB file and its three tables, with what LMDB leaves to its user.
 *
 * Transactions run as a function, so that one that does not fit is run again in a larger map:
 *
 *     kad_env_run(env, KAD_ENV_WRITE, work, context)     0, or an LMDB or system error (kad_env_text() names it)
 *
 * What LMDB does not do, and this does: the file belongs to one process (flock; LMDB's own locks are off); the map
 * grows by doubling up to a ceiling; the file is as long as the map (sparse), so that nothing in the map lies behind
 * its end; damaged files are found out before LMDB touches them (lmdb_check.h), and should an assertion of LMDB fail all the same,
 * it comes back as an error instead of ending the process; after an error on the meta page (MDB_PANIC) the environment is opened anew.
 *
 * Nothing is synced here but by kad_env_sync(), which alone may be called from another thread.
 */
#ifndef KAD_STORE_LMDB_ENV_H
#define KAD_STORE_LMDB_ENV_H

#include <lmdb.h>
#include <setjmp.h>

#include "base/alloc.h"

#define KAD_ENV_LEAST_SIZE (256u << 10) /* the smallest max_size that is taken */
#define KAD_ENV_READ       true
#define KAD_ENV_WRITE      false

/* Errors of our own beside LMDB's (which are around -30800) and errno's (positive). */
#define KAD_ENV_BROKEN (-1) /* an assertion of LMDB failed: never used again */

struct kad_env {
    MDB_env *mdb; /* NULL: to be opened again */
    MDB_dbi records, peers, state;
    int fd; /* of the data file: lock, length, sync */
    char path[4096];
    uint64_t map_size, max_size;
    uint64_t live_size; /* bytes of pages in use, after the last write */
    bool broken;
    jmp_buf on_assert;
    bool guarded; /* on_assert is set */
};

/* 0; KAD_E_EXISTS (another process has it), KAD_E_CORRUPT (damaged, or not ours), KAD_E_INVALID, KAD_E_MEMORY,
 * KAD_E_SYSTEM, with the reason in `out_why`. On failure there is nothing to close. `allocator` is for this call. */
KAD_CHECK int kad_env_open(struct kad_env *env, const struct kad_allocator *allocator, const char *path,
                           uint64_t max_size, char *out_why, size_t why_size);
void kad_env_close(struct kad_env *env);

/* `work` returns 0 or an error, which aborts; it may be run more than once. */
KAD_CHECK int kad_env_run(struct kad_env *env, bool read_only,
                          int (*work)(struct kad_env *env, MDB_txn *txn, void *context), void *context);
/* Rewrites the file without its free pages when they are most of it. On failure the file stays as it was. */
int kad_env_compact(struct kad_env *env);
/* All that was committed before the call is on the disk after it. Any thread. 0 or KAD_E_SYSTEM. */
KAD_CHECK int kad_env_sync(const struct kad_env *env);
bool kad_env_is_corrupt(int error);
const char *kad_env_text(int error);

#endif
