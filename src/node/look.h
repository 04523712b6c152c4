/* look - a view of what a node holds for others, for faces on it. */
#ifndef KAD_NODE_LOOK_H
#define KAD_NODE_LOOK_H

#include "core/store.h"
#include "kad/node.h"

/* store->ops->look() of this node's store; call on the loop's thread. */
uint64_t kad_node_look(const struct kad_node *node, uint64_t from, unsigned n,
                       const struct kad_store_viewer *viewer);

#endif
