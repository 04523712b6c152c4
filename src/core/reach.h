/*
 * reach - what others say our address is (BEP 42), put to the vote.
 *
 * Each answer to a query of ours may say how its sender sees us. One vote per address group (/24, /64) of voters, newest
 * counts; at most 64 voters are kept, oldest out. An address is believed when at least `quorum` groups are heard
 * and more than half of the last votes name it, and from then on until another is. The believed port is that of the
 * newest vote for the address. Votes about the other address family, and about addresses nobody can have, are
 * ignored; so are local voters and local addresses unless `count_local`, and then each local voter is a group.
 */
#ifndef KAD_CORE_REACH_H
#define KAD_CORE_REACH_H

#include "base/endpoint.h"

#define KAD_REACH_VOTERS 64

struct kad_reach_vote {
    uint64_t group;              /* who */
    struct kad_endpoint address; /* what; port included */
    kad_ms at;
};

struct kad_reach {
    struct kad_reach_vote *votes; /* lent by the owner: KAD_REACH_VOTERS of them */
    uint16_t n_votes;
    uint16_t quorum;
    bool count_local;
    struct kad_endpoint believed; /* family KAD_FAMILY_NONE: nothing yet */
};

void kad_reach_init(struct kad_reach *reach, struct kad_reach_vote votes[KAD_REACH_VOTERS], unsigned quorum,
                    bool count_local);
/* Does this voter name another address, or another port, than the last time it (its group) was heard? */
bool kad_reach_differs(const struct kad_reach *reach, const struct kad_endpoint *voter,
                       const struct kad_endpoint *address);
/* True when `believed` changed its address (port changes alone are not reported). */
bool kad_reach_vote(struct kad_reach *reach, const struct kad_endpoint *voter,
                    const struct kad_endpoint *address, kad_ms now);

#endif
