/*
 * block_moves - the blocks of a long value (http/blocks.h) on their way into the network, or out of it.
 *
 *     kad_block_put()     puts every block as an immutable record
 *     kad_block_get()     fetches all that a root names, level by level, and puts the value together
 *
 * Some are under way at a time: more while all goes well, half as many when a query was lost, for in a small network the same nodes
 * take them all. A block that is not found, or not what its hash says, is looked for again before the whole is given up; then the
 * answer says which it was. `done` is called exactly once, possibly before the function returns. All on the node's loop.
 */
#ifndef KAD_HTTP_BLOCK_MOVES_H
#define KAD_HTTP_BLOCK_MOVES_H

#include "http/api.h"
#include "http/blocks.h"

struct kad_block_move;

/* How it went. */
struct kad_block_moved {
    int error;     /* 0; KAD_E_NOT_FOUND, KAD_E_CORRUPT (what was found is something else), or a request's */
    char why[256]; /* which block, and where in the value */
    struct kad_bytes value; /* of a get: lent for the call */
};
typedef void kad_block_done(void *user, const struct kad_block_moved *moved);

/* What blocks have of the request that they belong to: keep and its date, replicas, timeout_ms. `life_ms` 0: as long as they may live. `blocks` are lent
 * until `done`. 0 or KAD_E_MEMORY; then `done` is not called. */
KAD_CHECK int kad_block_put(struct kad_node *node, const struct kad_blocks *blocks,
                            const struct kad_request *request, kad_ms life_ms, kad_block_done *done,
                            void *user, struct kad_block_move **out_move);
/* The root is copied. 0, KAD_E_CORRUPT (it is none), KAD_E_MEMORY; then `done` is not called. */
KAD_CHECK int kad_block_get(struct kad_node *node, struct kad_bytes root, const struct kad_request *request,
                            kad_block_done *done, void *user, struct kad_block_move **out_move);
/* `done` comes all the same, soon. Not after it came. */
void kad_block_cancel(struct kad_block_move *move);

/* Stops publishing the blocks of what this node keeps published under this name, if that is a root, unless it has this salt (NULL:
 * in any case). Returns how many there were. */
size_t kad_block_withdraw(struct kad_node *node, const struct kad_secure_name *name, const uint8_t *salt);

#endif
