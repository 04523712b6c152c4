/*
 * regions - whether a part of the world has gone silent (node/around.h), as faces show it.
 *
 *     "regions": [{"region", "contacts", "heard_at", "silent"}]    in the status
 *     kademlia_regions_silent, kademlia_region_silent{region}, kademlia_region_probes_total
 */
#ifndef KAD_HTTP_REGIONS_H
#define KAD_HTTP_REGIONS_H

#include <stdio.h>

#include "http/json.h"

json_t *kad_json_regions(const struct kad_node *node);
/* {"region", "contacts", "since"} */
struct kad_region_change;
json_t *kad_json_region_change(const struct kad_region_change *change);
void kad_metrics_regions(FILE *out, const struct kad_node *node);

#endif
