/*
 * mem_key - the peers of one key, in two orders: its list in runs, and its chain by expiry (mem_peers.h draws both).
 *
 * For mem_peers.c alone. A peer is in both or in neither; what it is found by, and who pays for it, is not known here.
 */
#ifndef KAD_STORE_MEM_KEY_H
#define KAD_STORE_MEM_KEY_H

#include "store/mem_peers.h"

enum kad_mem_run kad_mem_key_run(const struct kad_endpoint *endpoint, bool seed);

/* Room for one more in the list. 0 or KAD_E_MEMORY. */
KAD_CHECK int kad_mem_key_reserve(struct kad_mem_peers *peers, struct kad_mem_peers_key *key);
void kad_mem_key_clear(struct kad_mem_peers *peers, struct kad_mem_peers_key *key); /* the list's memory */

/* Into the run; there is room. And out of the run it is in. At most one peer of each other run moves. */
void kad_mem_key_list(struct kad_mem_peers *peers, struct kad_mem_peers_key *key, uint32_t slot,
                      enum kad_mem_run run);
void kad_mem_key_unlist(struct kad_mem_peers *peers, struct kad_mem_peers_key *key, uint32_t slot);

/* By the peer's expires_at, which stays while it is chained. */
void kad_mem_key_chain(struct kad_mem_peers *peers, struct kad_mem_peers_key *key, uint32_t slot);
void kad_mem_key_unchain(struct kad_mem_peers *peers, struct kad_mem_peers_key *key, uint32_t slot);

#endif
