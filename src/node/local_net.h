/*
 * local_net - configurations of many nodes on consecutive loopback addresses: a network on one machine.
 */
#ifndef KAD_NODE_LOCAL_NET_H
#define KAD_NODE_LOCAL_NET_H

#include "kad/node.h"

#define KAD_LOCAL_NET_MAX 10000

/* Every address of 127.0.0.0/8 is there without being configured. The i-th (from 0) after `first`; 0, or KAD_E_INVALID when
 * `first` is none of them or they end before. */
KAD_CHECK int kad_local_net_address(const struct kad_endpoint *first, size_t i,
                                    struct kad_endpoint *out_endpoint);

/* configs[0] is given; fills in 1 .. n-1 as its likes at the following addresses, in memory only, that join through the first
 * (`bootstrap`: its address as text, which must live as long as they). configs[0] listens on one loopback address. 0 or
 * KAD_E_INVALID. */
KAD_CHECK int kad_local_net_fill(struct kad_node_config *configs, size_t n, const char *bootstrap);

#endif
