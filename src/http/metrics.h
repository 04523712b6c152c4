/*
 * metrics - the node's counters and gauges in Prometheus' text format (version 0.0.4).
 *
 * Every name begins with kademlia_, counters end in _total. What comes by kind (drops, methods, reasons) is one metric
 * with a label, and every label value is there from the first scrape on, so that rates have no holes.
 */
#ifndef KAD_HTTP_METRICS_H
#define KAD_HTTP_METRICS_H

#include "kad/node.h"

/* malloc'ed text, or NULL. */
char *kad_metrics_of(struct kad_node *node);
char *kad_metrics_text(const struct kad_info *info, const struct kad_counters *counters,
                       const struct kad_measures *measured, const char *network, kad_ms uptime_ms);

#endif
