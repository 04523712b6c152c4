/*
 * active - the peers this node keeps up with: the best and most diverse of its contacts.
 *
 * A routing table knows a few hundred nodes and hears of each every quarter of an hour. Of these `max_peers` are active: pinged as soon
 * as they were silent for peer_keep_ms, so that the ways to them stay open through routers, and an outage is seen within minutes.
 * They are chosen among the contacts in the tables, and being chosen takes nobody's place there.
 *
 *     first     those we joined through (kad_peers_reserve), for whom `reserved_bootstraps` places are kept free
 *     then      by score, latency and throughput included; a role counts for a few points, and for nothing without a good score
 *     bounds    an address group (/16, /48) has an eighth of the places, an autonomous system a quarter
 *     out       who left the table, who is gray; the lowest score when there are too many, or when somebody is much better
 *
 * Only where nodes are scored. Looked after once a minute, from upkeep.
 */
#ifndef KAD_CORE_ACTIVE_H
#define KAD_CORE_ACTIVE_H

#include "core/dht.h"

struct kad_walk;

void kad_active_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out);
/* It has left the table, or broke rules. */
void kad_active_forget(struct kad_dht *dht, const struct kad_id *id);
bool kad_active_has(const struct kad_dht *dht, const struct kad_id *id);
void kad_active_clear(struct kad_dht *dht);
void kad_active_walk(struct kad_walk *walk, struct kad_dht *dht);

#endif
