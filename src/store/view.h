/*
 * view - one network's view of the store that all networks of a process have.
 *
 * Networks whose records are of classes hold the same records: what came over one is found over the others, is counted
 * once and expires once. What each keeps for itself is when it last saw a holder store a record, for storing again is a
 * duty towards its own nodes. Networks without classes see what has none, and peers. See docs/adr/0010.
 *
 * All views of a store are used on one thread, as the store is.
 */
#ifndef KAD_STORE_VIEW_H
#define KAD_STORE_VIEW_H

#include "store/mem.h"

struct kad_store_view {
    struct kad_store store; /* first: what an engine holds */
    struct kad_store *under, *mem;
    struct kad_mem_eye eye;
};

/* `under` is a store/mem, or a store/lmdb in front of `mem`; both are lent. The view itself is not freed: ops->free() does
 * nothing, for it is its holder's memory. */
void kad_store_view_init(struct kad_store_view *view, struct kad_store *under, struct kad_store *mem,
                         struct kad_mem_eye eye);

#endif
