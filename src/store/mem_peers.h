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

/* The runs of a key's list, in their order. */
enum kad_mem_run { KAD_RUN_V4, KAD_RUN_V4_SEEDS, KAD_RUN_V6_SEEDS, KAD_RUN_V6, KAD_N_RUNS };

struct kad_mem_peers_peer {
    struct kad_endpoint endpoint;
    uint32_t key;          /* its slot; of a free one: the next free */
    uint32_t older, newer; /* in the key's chain by expiry */
    uint32_t ticket;       /* order of its live entry in the heap */
    uint16_t place;        /* in the key's list */
    uint8_t run;           /* enum kad_mem_run */
    bool used : 1;
    bool paid : 1; /* its group counts it */
    kad_ms expires_at;
};

struct kad_mem_peers_key {
    struct kad_id id;
    union {
        uint32_t one; /* capacity 1: most keys have one peer, and no list */
        uint32_t *many;
    } list;
    uint32_t oldest, newest;
    uint32_t order;            /* its place in order[]; of a free one: the next free */
    uint16_t ends[KAD_N_RUNS]; /* where each run ends; the last is the number of peers */
    uint16_t capacity;
    bool indexed; /* its peers are in peer_index */
};

_Static_assert(sizeof(struct kad_mem_peers_peer) == 48, "the memory of a node is mostly these");
_Static_assert(sizeof(struct kad_mem_peers_key) == 64, "and these");

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

static inline uint32_t kad_mem_peers_n(const struct kad_mem_peers_key *key)
{
    return key->ends[KAD_N_RUNS - 1];
}

/* The peers' slots, kad_mem_peers_n() of them. */
static inline const uint32_t *kad_mem_peers_list(const struct kad_mem_peers_key *key)
{
    return key->capacity > 1 ? key->list.many : &key->list.one;
}

struct kad_mem_peers *kad_mem_peers_new(const struct kad_allocator *allocator,
                                        const struct kad_mem_store_config *config, uint64_t hash_key);
void kad_mem_peers_free(struct kad_mem_peers *peers);
uint64_t kad_mem_peers_memory(const struct kad_mem_peers *peers);

/* Adds or refreshes; `group` pays (0: nobody). 0, KAD_E_LIMIT, KAD_E_MEMORY: then all is as it was. */
int kad_mem_peers_add(struct kad_mem_peers *peers, const struct kad_mem_peer *peer, uint64_t group,
                      const struct kad_mem_watch *watch);
/* The slot of a key, or KAD_INDEX_END. */
uint32_t kad_mem_peers_find(const struct kad_mem_peers *peers, const struct kad_id *key);

/* mem_choose.c */
size_t kad_mem_peers_choose(const struct kad_mem_peers *peers, const struct kad_id *key,
                            enum kad_family family, bool no_seeds, struct kad_rng *rng, kad_ms now,
                            struct kad_endpoint *out_peers, size_t n);
void kad_mem_peers_each(const struct kad_mem_peers *peers, const struct kad_id *key, kad_ms now,
                        void (*add)(void *context, const struct kad_endpoint *peer, bool seed),
                        void *context);
size_t kad_mem_peers_sample(const struct kad_mem_peers *peers, struct kad_rng *rng, kad_ms now,
                            struct kad_id *out_keys, size_t n);

bool kad_mem_peers_slot(const struct kad_mem_peers *peers, uint32_t slot, struct kad_mem_peer *out_peer);
bool kad_mem_peers_has(const struct kad_mem_peers *peers, const struct kad_id *key,
                       const struct kad_endpoint *peer);
/* Looks at no more than *budget entries and takes them off it. Returns how many peers went. */
uint32_t kad_mem_peers_expire(struct kad_mem_peers *peers, kad_ms now, unsigned *budget,
                              const struct kad_mem_watch *watch);

#endif
