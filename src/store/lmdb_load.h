/*
 * lmdb_load - reads a store's file into memory at its opening, and cleans it of what is not taken over.
 *
 * Every entry is decoded and judged by itself: one that is damaged, expired, or over a limit of the memory is left out
 * and removed. Peers enter in the order they expire, which is the order in which full keys give them up.
 */
#ifndef KAD_STORE_LMDB_LOAD_H
#define KAD_STORE_LMDB_LOAD_H

#include "store/lmdb_env.h"
#include "store/lmdb.h"

struct kad_lmdb_loaded {
    uint64_t n_loaded, n_expired, n_skipped;
};

/* 0, KAD_E_MEMORY, KAD_E_CORRUPT or KAD_E_SYSTEM; *out_error: what LMDB said. */
KAD_CHECK int kad_lmdb_load(struct kad_env *env, struct kad_store *mem, const struct kad_allocator *allocator,
                            kad_ms now, struct kad_lmdb_loaded *out_loaded, int *out_error);

#endif
