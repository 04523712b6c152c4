#include "core/reach.h"

#include "base/hash.h"

#include <assert.h>

void kad_reach_init(struct kad_reach *reach, struct kad_reach_vote votes[KAD_REACH_VOTERS], unsigned quorum,
                    bool count_local)
{
    assert(quorum <= KAD_REACH_VOTERS && "or nothing would ever be believed");
    *reach = (struct kad_reach){.votes = votes, .quorum = (uint16_t)quorum, .count_local = count_local};
}

static bool is_local(enum kad_scope scope)
{
    return scope != KAD_SCOPE_INVALID && scope != KAD_SCOPE_PUBLIC;
}

/* The scope of the address alone: some answers say where we are, but not at which port. */
static enum kad_scope scope_of(struct kad_endpoint endpoint)
{
    endpoint.port = 1;
    return kad_endpoint_scope(&endpoint);
}

/* What one vote is counted for. Local voters all sit in one or two groups; where they count at all (a test network)
 * each of them is somebody. */
static uint64_t voter_group(const struct kad_endpoint *voter, bool local)
{
    uint8_t bytes[18];

    if (!local)
        return kad_endpoint_narrow_group(voter);
    for (unsigned i = 0; i < 16; i++)
        bytes[i] = voter->address[i];
    bytes[16] = (uint8_t)(voter->port >> 8);
    bytes[17] = (uint8_t)voter->port;
    return kad_hash(voter->family, bytes, sizeof bytes);
}

/* The vote to write into: the group's own, an unused one, or the oldest. */
static struct kad_reach_vote *place_for(struct kad_reach *reach, uint64_t group)
{
    struct kad_reach_vote *oldest = reach->votes;

    for (unsigned i = 0; i < reach->n_votes; i++) {
        if (reach->votes[i].group == group)
            return &reach->votes[i];
        if (reach->votes[i].at < oldest->at)
            oldest = &reach->votes[i];
    }
    return reach->n_votes < KAD_REACH_VOTERS ? &reach->votes[reach->n_votes++] : oldest;
}

/* The address more than half of the votes name, or NULL. First whoever would be left if votes for different addresses
 * cancelled each other out (Boyer and Moore), then whether that is a majority indeed. */
static const struct kad_endpoint *majority(const struct kad_reach *reach)
{
    const struct kad_endpoint *candidate = NULL;
    unsigned lead = 0, n_for = 0;

    for (unsigned i = 0; i < reach->n_votes; i++) {
        const struct kad_endpoint *address = &reach->votes[i].address;

        if (lead == 0)
            candidate = address;
        if (kad_endpoint_same_host(candidate, address))
            lead++;
        else
            lead--;
    }
    for (unsigned i = 0; i < reach->n_votes; i++)
        n_for += kad_endpoint_same_host(candidate, &reach->votes[i].address);
    return 2 * n_for > reach->n_votes ? candidate : NULL;
}

bool kad_reach_differs(const struct kad_reach *reach, const struct kad_endpoint *voter,
                       const struct kad_endpoint *address)
{
    const uint64_t group = voter_group(voter, is_local(scope_of(*voter)));

    for (unsigned i = 0; i < reach->n_votes; i++) {
        if (reach->votes[i].group == group)
            return !kad_endpoint_equal(&reach->votes[i].address, address);
    }
    return false;
}

bool kad_reach_vote(struct kad_reach *reach, const struct kad_endpoint *voter,
                    const struct kad_endpoint *address, kad_ms now)
{
    const enum kad_scope voter_scope = scope_of(*voter), scope = scope_of(*address);
    const bool local = is_local(voter_scope);
    const struct kad_endpoint *winner;
    struct kad_reach_vote *vote;
    uint64_t group;

    if (voter->family != address->family || voter_scope == KAD_SCOPE_INVALID || scope == KAD_SCOPE_INVALID)
        return false;
    if (!reach->count_local && (local || is_local(scope)))
        return false;
    group = voter_group(voter, local);
    vote = place_for(reach, group);
    *vote = (struct kad_reach_vote){group, *address, now};
    if (kad_endpoint_same_host(address, &reach->believed)) {
        reach->believed.port = address->port;
        return false; /* a vote for what is believed cannot make another address win */
    }
    winner = reach->n_votes >= reach->quorum ? majority(reach) : NULL;
    if (!winner || kad_endpoint_same_host(winner, &reach->believed))
        return false;
    reach->believed = *winner;
    return true;
}
