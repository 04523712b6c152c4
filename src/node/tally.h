/* tally - how a node's requests ended, by what they asked for: T024 wants these counted in networks of libp2p. */
#ifndef KAD_NODE_TALLY_H
#define KAD_NODE_TALLY_H

#include "kad/node.h"

/* Requests of the host, cancelled ones excepted. */
struct kad_tally {
    uint64_t closest[2];   /* CLOSEST and FIND: [0] failed, [1] done */
    uint64_t providers[2]; /* GET of provider records, the same */
    uint64_t provided;     /* PUTs of one that somebody took; those again are the engine's */
    uint64_t timeouts;     /* ended because nobody answered in time */
};

void kad_tally_count(struct kad_tally *tally, const struct kad_event *done, uint8_t record_type);
const struct kad_tally *kad_node_tally(const struct kad_node *node);

#endif
