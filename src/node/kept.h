/*
 * kept - copies of the announces and puts this node was asked to keep published, so that they outlive it.
 *
 * The engine republishes; it is told again after a restart from here. One per kind and key, at most `ceiling`.
 */
#ifndef KAD_NODE_KEPT_H
#define KAD_NODE_KEPT_H

#include "base/alloc.h"
#include "kad/engine.h"

struct kad_kept {
    struct kad_request request; /* its record borrows from `bytes`; user NULL */
    uint8_t *bytes;             /* value, then salt */
    size_t n_bytes;
    bool published; /* the engine has it */
};

struct kad_kept_list {
    const struct kad_allocator *allocator;
    struct kad_kept *list; /* in the order they were added */
    size_t n, room, ceiling;
    kad_ms next_until; /* nothing here is to end before (kad_request.keep_until) */
};

/* Whether a request of this kind is one to keep. */
static inline bool kad_kept_wanted(const struct kad_request *request)
{
    return request->keep && (request->kind == KAD_REQUEST_PUT || request->kind == KAD_REQUEST_ANNOUNCE);
}

/* A copy with bytes of its own. 0 or KAD_E_MEMORY. */
KAD_CHECK int kad_kept_copy(const struct kad_allocator *allocator, const struct kad_request *request,
                            struct kad_kept *out_kept);
void kad_kept_clear(const struct kad_allocator *allocator, struct kad_kept *kept);

void kad_kept_list_init(struct kad_kept_list *list, const struct kad_allocator *allocator, size_t ceiling);
void kad_kept_list_clear(struct kad_kept_list *list);
/* Takes `kept` over, also when it fails; replaces the one of the same kind and key. 0, KAD_E_LIMIT, KAD_E_MEMORY. */
KAD_CHECK int kad_kept_add(struct kad_kept_list *list, struct kad_kept *kept);
bool kad_kept_remove(struct kad_kept_list *list, const struct kad_id *key); /* of either kind */
/* Drops those that are to be published no more. How many there were. */
size_t kad_kept_end(struct kad_kept_list *list, kad_ms now);

struct kad_node;
/* The put that this node keeps published under a key; NULL: none. Lent until the next call of the node's. */
const struct kad_request *kad_node_kept(const struct kad_node *node, const struct kad_id *key);

#endif
