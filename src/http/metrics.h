/*
 * metrics - the node's counters and gauges in Prometheus' text format (version 0.0.4).
 *
 * Every name begins with kademlia_, counters end in _total. What comes by kind (drops, methods, reasons) is one metric
 * with a label, and every label value is there from the first scrape on, so that rates have no holes.
 */
#ifndef KAD_HTTP_METRICS_H
#define KAD_HTTP_METRICS_H

#include <stdio.h>

#include "kad/node.h"

struct kad_api;

/* Of this node; with others, of all of them, each value under the label network="...". malloc'ed text, or NULL. */
char *kad_metrics_of_all(const struct kad_api *asked);
char *kad_metrics_text(const struct kad_info *info, const struct kad_counters *counters,
                       const struct kad_measures *measured, const char *network, kad_ms uptime_ms);

/* What each of several says in one text: metric by metric, each with the label network="NAME". Frees the texts. malloc'ed, or
 * NULL. */
char *kad_metrics_merge(char **texts, const char *const *networks, size_t n);

/* One metric: its help and type, and its value if it is not told by kind. Names and help are written as they are. */
void kad_metrics_head(FILE *out, const char *name, const char *type, const char *help);
void kad_metrics_counter(FILE *out, const char *name, const char *help, uint64_t value);
void kad_metrics_gauge(FILE *out, const char *name, const char *help, double value);
void kad_metrics_histogram(FILE *out, const char *name, const char *help,
                           const struct kad_histogram *histogram, enum kad_histogram_unit unit);
/* What nodes of libp2p's networks have besides, under the names of T024. */
void kad_metrics_libp2p(FILE *out, struct kad_node *node);

#endif
