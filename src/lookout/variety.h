/*
 * variety - in how many networks a node's contacts stand (K47, K49), and whether they crowd around its id (P084).
 *
 * Who has one network can surround nobody whose contacts stand in many. The limits per subnet see to it where there is a
 * choice; where there is none, the operator is told: when the node is ready, and whenever it changes (node/around.h). Only public
 * addresses are judged: in one's own network all are neighbours. And nobody's neighbours are much nearer than the size of the network
 * has it, unless somebody searched for ids there.
 */
#ifndef KAD_LOOKOUT_VARIETY_H
#define KAD_LOOKOUT_VARIETY_H

#include "base/endpoint.h"
#include "kad/engine.h"

struct kad_variety {
    size_t n_public;   /* of the addresses so many are public */
    size_t n_networks; /* in so many /16, of IPv6 /48 */
    size_t n_largest;  /* and so many of them in one */
};

/* Overwrites `groups`, which has room for n. */
struct kad_variety kad_variety_of(const struct kad_endpoint *endpoints, size_t n, uint64_t *groups);
/* One network only, or one with more than half of sixteen and more. */
bool kad_variety_is_poor(const struct kad_variety *variety);

/* Contacts nearer to `self` than chance has it: in a network of `network_size` nodes, were it half as large again, one in a hundred thousand would have so
 * many that share so many bits with it. 0: there are no more than that, or the size is unknown. */
unsigned kad_variety_crowd(const struct kad_table_row *rows, size_t n, const struct kad_id *self,
                           double network_size);

#endif
