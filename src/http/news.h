/*
 * news - what is told of the node as it happens (http/feed.h) and over time (http/history.h).
 *
 *     node_discovered        {"id", "address"}
 *     routing_table_updated  {"added": {"id", "address"} or null, "removed": the same}
 *     data_stored            {"key"}
 *     ready                  {"contacts"}
 *     address                {"address"}       the world agrees on our outside address
 *     id                     {"id"}            we took a new id
 *     warning                {"warning"}
 *     region_silent          {"region", "contacts", "since"}; region_back, region_forgotten: the same
 *     lookup_begun           {"request", "kind", "target", "address"}
 *     lookup_hop             {"request", and a step as in a trace}
 *     lookup_completed       {"request", "kind", "target", "reason", "error", how it went, what it found}
 *     stats                  {"ready", "requests", "queries", the newest sample of the history}
 *
 * Each says besides of which network it is: "network".
 *
 * Lookups are those of this node's users; whoever asked under the token, or locally, is told of only to readers who may
 * know (`secret`).
 */
#ifndef KAD_HTTP_NEWS_H
#define KAD_HTTP_NEWS_H

#include "http/feed.h"
#include "http/history.h"
#include "kad/node.h"

void kad_news_event(struct kad_feed *feed, struct kad_node *node, const struct kad_event *event);

void kad_news_begun(struct kad_feed *feed, const struct kad_node *node, uint64_t id,
                    const struct kad_request *request, bool secret);
/* HOP and DONE of a request. */
void kad_news_request(struct kad_feed *feed, const struct kad_node *node, const struct kad_event *event,
                      const struct kad_request *request, bool secret);

/* A reading of everything the history keeps. */
struct kad_history_reading kad_news_read(struct kad_node *node);
void kad_news_stats(struct kad_feed *feed, struct kad_node *node, const struct kad_history *history);
/* NULL before the first. */
json_t *kad_news_stats_json(struct kad_node *node, const struct kad_history *history);

/* P140: what honest nodes hardly ever send, by its reason; counted from one second to the next. */
struct kad_news_suspicion {
    uint64_t seen[KAD_N_DROPS];
    bool begun; /* false: the first look only takes note */
};
/* An event of each reason that was counted again since the last time. */
void kad_news_suspicious(struct kad_feed *feed, struct kad_node *node, struct kad_news_suspicion *last);

/* What was said of a ring last. It takes milliseconds to make, so it is made once for each new sample. */
struct kad_news_told {
    char *text; /* NULL: nothing yet */
    kad_ms newest;
};
/* {"step_ms", "samples", "series": {"at_ms": [...], "received_bytes_per_s": [...], ...}} as text, yours to free(); NULL: no
 * memory. */
char *kad_news_history(const struct kad_history_ring *ring, kad_ms step_ms, struct kad_news_told *told);
void kad_news_told_clear(struct kad_news_told *told);
/* "ping", "find", "closest" ...: as in the paths. */
const char *kad_news_kind(enum kad_request_kind kind);

/* A region that has gone silent, or is back: `seen` counts those told of already. */
void kad_news_regions(struct kad_feed *feed, struct kad_node *node, uint64_t *seen);

/* Resident memory of this process in bytes; 0: unknown. */
uint64_t kad_news_resident(void);

#endif
