/*
 * lmdb - the store of a node: memory serves, an LMDB file remembers.
 *
 * All reading is done in memory (store/mem), all writing there first. What a turn changed goes to the file in one
 * transaction when the turn ends:
 *
 *     kad_lmdb_store_open()      reads what has not expired into memory
 *     ops->commit()              one transaction; the kernel has it then, and it survives our death by any signal
 *     kad_lmdb_store_sync()      the disk has it then, and it survives a power failure; from a worker, each second
 *
 * When the disk says no, memory goes on serving: commit() returns KAD_E_SYSTEM, what it could not write stays pending
 * and is tried again a second later. New things are refused (KAD_E_LIMIT) while live pages fill a quarter of
 * max_size: LMDB needs the rest to change anything, deleting included. Format: docs/store.md. Why: docs/adr/0002.
 */
#ifndef KAD_STORE_LMDB_H
#define KAD_STORE_LMDB_H

#include "store/mem.h"

#define KAD_LMDB_STATE_NAME_MAX 64
#define KAD_LMDB_LONGEST_LIFE \
    (31 * 24 * KAD_HOUR) /* an entry on disk that expires later is damaged, or a clock was */

struct kad_lmdb_store_config {
    struct kad_mem_store_config mem;
    const char
        *path; /* a file, or a directory that gets store.mdb. The file is made; its directory is not. */
    uint64_t max_size; /* bytes of the file, at least 256 KiB; 0: 512 MiB, or eight times max_record_bytes if
                        * that is more. A quarter of it holds entries. */
};

struct kad_lmdb_store_info {
    uint64_t n_loaded;             /* at open: records and peers taken over */
    uint64_t n_expired, n_skipped; /* at open: too old; damaged, or over what the configuration allows */
    uint64_t n_commits, n_failed;  /* transactions since */
    uint64_t n_pending;            /* changes memory is ahead of the disk by */
    uint64_t live_size, map_size;  /* bytes: pages in use; what the file may grow to before the map does */
    const char *last_error;        /* of the last failed commit; NULL: none failed */
};

/* `now` is Unix time, as all later calls'. 0; KAD_E_EXISTS (another process has it open), KAD_E_CORRUPT (damaged, not
 * a store, or of a later format), KAD_E_INVALID, KAD_E_MEMORY, KAD_E_SYSTEM, with the reason in `out_why`. */
KAD_CHECK int kad_lmdb_store_open(const struct kad_allocator *allocator,
                                  const struct kad_lmdb_store_config *config, uint64_t hash_key, kad_ms now,
                                  char *out_why, size_t why_size, struct kad_store **out_store);

/* All that was committed before the call is on the disk after it. The one function that may run on another thread
 * beside the others (but not beside free). 0 or KAD_E_SYSTEM. */
KAD_CHECK int kad_lmdb_store_sync(struct kad_store *store);
/* The memory in front, for views (store/view.h). The store's own. */
struct kad_store *kad_lmdb_store_mem(struct kad_store *store);
/* Takes over what another file holds, as far as ceilings let in and it has not expired; the file stays. The next commit()
 * writes it. The errors of kad_lmdb_store_open(); *out_n: how many entries. */
KAD_CHECK int kad_lmdb_store_import(struct kad_store *store, const char *path, kad_ms now, char *out_why,
                                    size_t why_size, uint64_t *out_n);
void kad_lmdb_store_info(const struct kad_store *store, struct kad_lmdb_store_info *out_info);

/* What the node itself keeps across restarts, in the same file. A put is committed when it returns, not synced.
 * Names: 1 to KAD_LMDB_STATE_NAME_MAX characters. put: 0, KAD_E_INVALID, KAD_E_SYSTEM. get: 0, KAD_E_NOT_FOUND, KAD_E_MEMORY,
 * KAD_E_CORRUPT, KAD_E_SYSTEM; `*out_bytes` is the caller's: kad_free(allocator, (void *)data, size); data is NULL when size is 0. */
KAD_CHECK int kad_lmdb_state_put(struct kad_store *store, const char *name, struct kad_bytes bytes);
KAD_CHECK int kad_lmdb_state_get(struct kad_store *store, const char *name,
                                 const struct kad_allocator *allocator, struct kad_bytes *out_bytes);

#endif
