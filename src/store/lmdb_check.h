/*
 * lmdb_check - whether a file's pages are such that LMDB can work on them.
 *
 * LMDB trusts its file: it has no checksums, and on a damaged page it reads and writes where the damage points to. So
 * every page that can be reached from the newest meta page is looked at before LMDB opens the file: bounds, kinds,
 * counts, no page in two places, none both free and in use. What entries mean is not looked at (lmdb_entry.h).
 *
 * Follows the data format of LMDB 0.9 (version 1; lmdb's mdb.c, MDB_meta, MDB_db, MDB_page, MDB_node) where pointers have 64
 * bits and numbers are little-endian. Elsewhere it accepts everything.
 */
#ifndef KAD_STORE_LMDB_CHECK_H
#define KAD_STORE_LMDB_CHECK_H

#include "base/alloc.h"

/* 0; KAD_E_CORRUPT, with what is wrong in *out_what; KAD_E_MEMORY. An empty file is fine: it becomes a new one. */
KAD_CHECK int kad_lmdb_check(const struct kad_allocator *allocator, struct kad_bytes file,
                             const char **out_what);

#endif
