/*
 * around - looks now and then at whom a node knows: whether they stand in many networks and keep apart from its id
 * (lookout/variety.h), and whether a part of the world has gone silent (lookout/regions.h). What has changed is logged:
 * `few_networks`, `networks_enough`, `crowded`, `crowd_gone`, `region_silent`, `region_back`, `region_forgotten`.
 */
#ifndef KAD_NODE_AROUND_H
#define KAD_NODE_AROUND_H

#include "lookout/regions.h"

struct kad_node;

/* Where it stands with a node's regions; NULL: they are not looked after (region_silent_ms is 0), or not yet. The node's. */
const struct kad_regions *kad_node_regions(const struct kad_node *node);

void kad_around_begin(struct kad_node *node); /* it is ready */
void kad_around_tick(struct kad_node *node);
void kad_around_clear(struct kad_node *node);
kad_ms kad_around_wake_at(const struct kad_node *node);

#endif
