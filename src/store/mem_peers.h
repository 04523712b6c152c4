/*
 * mem_peers - who announced which key.
 *
 *     index (hash of id -> key slot) -> keys[] -> list of peer slots -> peers[]
 *     order[]: the slots of all keys, packed, so that a random key is a random number
 *     heap (earliest expiry -> peer slot), with tickets as in mem_records.h
 *
 * A key's list stands in four runs: IPv4, IPv4 seeds, IPv6 seeds, IPv6. Whatever a query asks for is then one run of it
 * (seen as a ring), and choosing from it at random needs no look at the others. Peers of a key are chained by expiry:
 * the oldest gives way when the key is full. Lists longer than KAD_MEM_SCAN are found through a second index.
 */
#ifndef KAD_STORE_MEM_PEERS_H
#define KAD_STORE_MEM_PEERS_H

#include "base/heap.h"
#include "base/index.h"
#include "store/mem.h"

#define KAD_MEM_SCAN 8u /* peers of a key that are looked through rather than indexed */

struct kad_mem_peers_key;
struct kad_mem_peers_peer;

struct kad_mem_peers {
    const struct kad_allocator *allocator;
    const struct kad_mem_store_config *config; /* lent */
    uint64_t hash_key;
    struct kad_mem_peers_key *keys;
    struct kad_mem_peers_peer *peers;
    uint32_t *order;
    uint32_t n_key_slots, key_capacity, first_free_key, n_keys, order_capacity;
    uint32_t n_peer_slots, peer_capacity, first_free_peer, n_peers;
    uint32_t max_peers, max_per_key;
    uint64_t list_bytes; /* memory of all lists */
    struct kad_index key_index, peer_index;
    struct kad_index groups;
    struct kad_heap heap;
};

struct kad_mem_peers *kad_mem_peers_new(const struct kad_allocator *allocator,
                                        const struct kad_mem_store_config *config, uint64_t hash_key);
void kad_mem_peers_free(struct kad_mem_peers *peers);
uint64_t kad_mem_peers_memory(const struct kad_mem_peers *peers);

/* Adds or refreshes; `group` pays (0: nobody). 0, KAD_E_LIMIT, KAD_E_MEMORY: then all is as it was. */
int kad_mem_peers_add(struct kad_mem_peers *peers, const struct kad_mem_peer *peer, uint64_t group,
                      const struct kad_mem_watch *watch);
size_t kad_mem_peers_choose(const struct kad_mem_peers *peers, const struct kad_id *key, enum kad_family family,
                            bool no_seeds, struct kad_rng *rng, kad_ms now, struct kad_endpoint *out_peers, size_t n);
void kad_mem_peers_each(const struct kad_mem_peers *peers, const struct kad_id *key, kad_ms now,
                        void (*add)(void *context, const struct kad_endpoint *peer, bool seed), void *context);
size_t kad_mem_peers_sample(const struct kad_mem_peers *peers, struct kad_rng *rng, kad_ms now,
                            struct kad_id *out_keys, size_t n);
bool kad_mem_peers_slot(const struct kad_mem_peers *peers, uint32_t slot, struct kad_mem_peer *out_peer);
bool kad_mem_peers_has(const struct kad_mem_peers *peers, const struct kad_id *key, const struct kad_endpoint *peer);
/* Looks at no more than *budget entries and takes them off it. Returns how many peers went. */
uint32_t kad_mem_peers_expire(struct kad_mem_peers *peers, kad_ms now, unsigned *budget,
                              const struct kad_mem_watch *watch);

#endif
