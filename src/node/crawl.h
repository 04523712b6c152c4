/*
 * crawl - walks a whole network: who is there, who answers, and how many have been missed.
 *
 * It decides whom to ask what; it does not send, wait or read a clock:
 *
 *     kad_crawl_add()        nodes to begin with
 *     kad_crawl_next()       ASK  -> ask that node for the closest to that target, then call next() again
 *                            WAIT -> nothing to ask before an answer
 *                            DONE -> kad_crawl_result()
 *     kad_crawl_answered()  \
 *     kad_crawl_failed()    /  report what came of an ASK
 *
 * First every node that is named is asked, for its own neighbourhood, which it knows best, or for what is far from it; a
 * silent one once more, later. Then
 * the id space is cut into ranges of a few answering nodes each, deeper where they are dense, and in each range two of them
 * are asked for a random place in it. New nodes are asked like the others, and sweeps repeat until one finds hardly
 * anybody.
 *
 * How many there are that nobody named is told by how many were named only once or twice (Chao 1987, "Estimating the population
 * size for capture-recapture data with unequal catchability"): a network whose nodes have all been named often is
 * a network seen whole. Nodes that do not answer are left out of that;
 * of those not asked yet as many are counted as answered of the others.
 *
 * A node is an address and port: an id is only a claim. Read-only nodes (BEP 43) are in no one's table and answer
 * nobody, so no crawl can see them.
 *
 * Memory: some 90 bytes a node, `max_nodes` of them.
 */
#ifndef KAD_NODE_CRAWL_H
#define KAD_NODE_CRAWL_H

#include "base/alloc.h"
#include "core/id.h"
#include "kad/types.h"

#define KAD_CRAWL_SWEEPS 8

struct kad_crawl;

enum kad_crawl_state { KAD_CRAWL_NEW, KAD_CRAWL_ASKED, KAD_CRAWL_ANSWERED, KAD_CRAWL_SILENT };

struct kad_crawl_node {
    struct kad_contact contact; /* the id it answered with, else the first it was named with */
    char version[5];            /* BEP 5 "v", or "" */
    uint8_t state;              /* enum kad_crawl_state */
    uint8_t n_tries;
    uint8_t n_named; /* by how many answers, up to a few */
    int32_t rtt_ms;  /* -1: unknown */
};

struct kad_crawl_config {
    const struct kad_allocator *allocator; /* lent */
    uint32_t max_nodes;                    /* 1 .. 2^28; more are counted, not kept */
    unsigned id_bits;
    uint8_t seed[KAD_SEED_SIZE];
};

enum kad_crawl_verdict { KAD_CRAWL_ASK, KAD_CRAWL_WAIT, KAD_CRAWL_DONE };

struct kad_crawl_ask {
    uint32_t node; /* handed back */
    bool sweep;
    struct kad_endpoint endpoint;
    struct kad_id target;
};

struct kad_crawl_result {
    uint32_t n_seen, n_answered, n_silent, n_unasked;
    uint64_t n_refused; /* named, and no room for them */
    uint32_t n_sweeps;
    uint32_t n_late;                  /* answering nodes that only the last sweep found */
    double n_low, n_estimate, n_high; /* answering nodes there are; the interval is one of 95 % */
};

/* 0 or KAD_E_MEMORY. */
KAD_CHECK int kad_crawl_new(const struct kad_crawl_config *config, struct kad_crawl **out_crawl);
void kad_crawl_free(struct kad_crawl *crawl); /* NULL is fine */

/* Copies. False: known already, no address anybody can have, or no room. */
bool kad_crawl_add(struct kad_crawl *crawl, const struct kad_contact *contact);
enum kad_crawl_verdict kad_crawl_next(struct kad_crawl *crawl, struct kad_crawl_ask *out_ask);
void kad_crawl_answered(struct kad_crawl *crawl, const struct kad_crawl_ask *ask, const struct kad_id *id,
                        const char version[5], int32_t rtt_ms, const struct kad_contact *named, size_t n);
void kad_crawl_failed(struct kad_crawl *crawl, const struct kad_crawl_ask *ask);

/* At any time. */
void kad_crawl_result(const struct kad_crawl *crawl, struct kad_crawl_result *out_result);
/* Nodes 0 .. n_seen - 1, in the order they were heard of. */
const struct kad_crawl_node *kad_crawl_node(const struct kad_crawl *crawl, uint32_t i);

#endif
