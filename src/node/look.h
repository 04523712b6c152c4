/* look - a view of what a node holds for others, for faces on it. */
#ifndef KAD_NODE_LOOK_H
#define KAD_NODE_LOOK_H

#include "core/store.h"
#include "kad/node.h"

/* store->ops->look() of this node's store; call on the loop's thread. */
uint64_t kad_node_look(const struct kad_node *node, uint64_t from, unsigned n,
                       const struct kad_store_viewer *viewer);
/* The value that is held for others, or for ourselves, under a key; borrowed until the loop turns. False: none. */
bool kad_node_held(struct kad_node *node, const struct kad_id *key, struct kad_record *out_record);

#endif
