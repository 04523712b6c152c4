/*
 * testnet - a network of nodes on this machine, for the tests of whoever builds on kad.
 *
 *     struct kad_testnet *net;
 *     char why[256];
 *
 *     if (kad_testnet_new(50, &net, why, sizeof(why)) != 0) ...        50 nodes that have found each other
 *     config.bootstrap[0] = kad_testnet_address(net, 0);               yours joins through one of them
 *     ...
 *     kad_testnet_free(net);
 *
 * The nodes are whole ones, with sockets: node i listens on the i-th loopback address after 127.77.0.0, on a port that
 * was free, so any number of networks can be there at once. They keep everything in memory, and run in a thread of the
 * network's own, which the functions below hide: call them from one thread at a time. The nodes themselves can be used
 * as node.h says of "any thread".
 */
#ifndef KAD_TESTNET_H
#define KAD_TESTNET_H

#include "kad/node.h"

#ifdef __cplusplus
extern "C" {
#endif

struct kad_testnet;

#define KAD_TESTNET_MAX 1000 /* nodes; each has a socket and some 400 KiB of memory */

/* Starts `n` nodes (1 .. KAD_TESTNET_MAX) of Mainline and returns when each has joined through the first: 50 take a part of
 * a second. The network is the caller's. 0, or KAD_E_INVALID, KAD_E_MEMORY, KAD_E_SYSTEM (no thread, no sockets),
 * KAD_E_TIMEOUT (not joined within a minute) with the reason in `out_why`; then nothing is left. */
KAD_CHECK int kad_testnet_new(size_t n, struct kad_testnet **out_net, char *out_why, size_t why_size);
/* Stops all nodes and ends the thread. NULL is fine. Not from a callback. */
void kad_testnet_free(struct kad_testnet *net);

/* How many nodes there are. */
size_t kad_testnet_size(const struct kad_testnet *net);
/* Node i (from 0): the network's. Never stop or free it, and do not run its loop: for kad_node_post(), _call() ... */
struct kad_node *kad_testnet_node(struct kad_testnet *net, size_t i);
/* Where node i listens, "127.77.0.1:40123", to bootstrap from; valid as long as the network. */
const char *kad_testnet_address(const struct kad_testnet *net, size_t i);

#ifdef __cplusplus
}
#endif
#endif
