#include "store/mem_peers.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"
#include "store/mem_groups.h"
#include "store/mem_key.h"
#include "store/mem_records.h"

#define NONE UINT32_MAX

struct kad_mem_peers *kad_mem_peers_new(const struct kad_allocator *allocator,
                                        const struct kad_mem_store_config *config, uint64_t hash_key)
{
    struct kad_mem_peers *p = kad_alloc_zero(allocator, sizeof *p);

    if (!p)
        return NULL;
    p->allocator = allocator;
    p->config = config;
    p->hash_key = hash_key;
    p->first_free_key = p->first_free_peer = NONE;
    p->max_peers = config->max_peers < KAD_MEM_SLOTS_MAX ? (uint32_t)config->max_peers : KAD_MEM_SLOTS_MAX;
    p->max_per_key =
        config->max_peers_per_key < KAD_MEM_PEERS_PER_KEY ? config->max_peers_per_key : KAD_MEM_PEERS_PER_KEY;
    kad_index_init(&p->key_index, allocator,
                   config->max_keys < KAD_MEM_SLOTS_MAX ? config->max_keys : KAD_MEM_SLOTS_MAX);
    kad_index_init(&p->peer_index, allocator, p->max_peers);
    kad_index_init(&p->groups, allocator, p->max_peers);
    kad_heap_init(&p->heap, allocator, p->max_peers + KAD_MEM_STALE);
    return p;
}

void kad_mem_peers_free(struct kad_mem_peers *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->n_keys; i++)
        kad_mem_key_clear(p, &p->keys[p->order[i]]);
    kad_free(p->allocator, p->keys, p->key_capacity * sizeof *p->keys);
    kad_free(p->allocator, p->order, p->order_capacity * sizeof *p->order);
    kad_free(p->allocator, p->peers, p->peer_capacity * sizeof *p->peers);
    kad_index_clear(&p->key_index);
    kad_index_clear(&p->peer_index);
    kad_index_clear(&p->groups);
    kad_heap_clear(&p->heap);
    kad_free(p->allocator, p, sizeof *p);
}

uint64_t kad_mem_peers_memory(const struct kad_mem_peers *p)
{
    return sizeof *p + (uint64_t)p->key_capacity * sizeof *p->keys +
           (uint64_t)p->peer_capacity * sizeof *p->peers + (uint64_t)p->order_capacity * sizeof *p->order +
           p->list_bytes +
           ((uint64_t)p->key_index.n_cells + p->peer_index.n_cells + p->groups.n_cells) *
               sizeof(struct kad_index_cell) +
           (uint64_t)p->heap.capacity * sizeof(struct kad_heap_entry);
}

/* -- finding ---------------------------------------------------------------------------------------------------- */

static uint64_t hash_key_id(const struct kad_mem_peers *p, const struct kad_id *id)
{
    return kad_hash(p->hash_key, id, sizeof *id);
}

static uint64_t hash_peer(const struct kad_mem_peers *p, uint32_t key, const struct kad_endpoint *endpoint)
{
    return kad_hash(kad_hash_word(p->hash_key, key), endpoint, sizeof *endpoint);
}

uint32_t kad_mem_peers_find(const struct kad_mem_peers *p, const struct kad_id *id)
{
    const struct kad_index *index = &p->key_index;
    const uint64_t hash = hash_key_id(p, id);

    for (uint32_t at = kad_index_first(index, hash); at != KAD_INDEX_END;
         at = kad_index_next(index, hash, at)) {
        if (kad_id_equal(&p->keys[kad_index_slot(index, at)].id, id))
            return kad_index_slot(index, at);
    }
    return NONE;
}

static uint32_t find_peer(const struct kad_mem_peers *p, uint32_t key_slot,
                          const struct kad_endpoint *endpoint)
{
    const struct kad_mem_peers_key *key = &p->keys[key_slot];
    const struct kad_index *index = &p->peer_index;
    uint64_t hash;

    if (!key->indexed) {
        for (uint32_t i = 0; i < kad_mem_peers_n(key); i++) {
            const uint32_t slot = kad_mem_peers_list(key)[i];

            if (kad_endpoint_equal(&p->peers[slot].endpoint, endpoint))
                return slot;
        }
        return NONE;
    }
    hash = hash_peer(p, key_slot, endpoint);
    for (uint32_t at = kad_index_first(index, hash); at != KAD_INDEX_END;
         at = kad_index_next(index, hash, at)) {
        const struct kad_mem_peers_peer *peer = &p->peers[kad_index_slot(index, at)];

        if (peer->key == key_slot && kad_endpoint_equal(&peer->endpoint, endpoint))
            return kad_index_slot(index, at);
    }
    return NONE;
}

bool kad_mem_peers_has(const struct kad_mem_peers *p, const struct kad_id *id,
                       const struct kad_endpoint *peer)
{
    const uint32_t key = kad_mem_peers_find(p, id);

    return key != NONE && find_peer(p, key, peer) != NONE;
}

bool kad_mem_peers_slot(const struct kad_mem_peers *p, uint32_t slot, struct kad_mem_peer *out_peer)
{
    const struct kad_mem_peers_peer *peer;

    if (slot >= p->n_peer_slots || !p->peers[slot].used)
        return false;
    peer = &p->peers[slot];
    *out_peer = (struct kad_mem_peer){.key = p->keys[peer->key].id,
                                      .endpoint = peer->endpoint,
                                      .seed = peer->run == KAD_RUN_V4_SEEDS || peer->run == KAD_RUN_V6_SEEDS,
                                      .expires_at = peer->expires_at};
    return true;
}

/* -- room ------------------------------------------------------------------------------------------------------- */

/* Makes *array hold more than `n` things. Large ones grow by an eighth: what is held in reserve is memory too. */
static int reserve(const struct kad_mem_peers *p, void **array, uint32_t *capacity, uint32_t n, size_t size)
{
    const uint32_t wished = *capacity + *capacity / (*capacity < 1024 ? 2 : 8) + 4;
    void *grown;

    if (n < *capacity)
        return KAD_OK;
    grown = kad_resize(p->allocator, *array, *capacity * size, wished * size);
    if (!grown)
        return KAD_E_MEMORY;
    *array = grown;
    *capacity = wished;
    return KAD_OK;
}

static int reserve_slots(struct kad_mem_peers *p, bool with_key)
{
    void *array = p->peers;
    int error = KAD_OK;

    if (p->first_free_peer == NONE) {
        error = reserve(p, &array, &p->peer_capacity, p->n_peer_slots, sizeof *p->peers);
        p->peers = array;
    }
    if (error == KAD_OK && with_key && p->first_free_key == NONE) {
        array = p->keys;
        error = reserve(p, &array, &p->key_capacity, p->n_key_slots, sizeof *p->keys);
        p->keys = array;
    }
    if (error == KAD_OK && with_key) {
        array = p->order;
        error = reserve(p, &array, &p->order_capacity, p->n_keys, sizeof *p->order);
        p->order = array;
    }
    return error;
}

static int index_all(struct kad_mem_peers *p, uint32_t key_slot)
{
    struct kad_mem_peers_key *key = &p->keys[key_slot];
    const uint32_t *list = kad_mem_peers_list(key);

    for (uint32_t i = 0; i < kad_mem_peers_n(key); i++) {
        if (kad_index_add(&p->peer_index, hash_peer(p, key_slot, &p->peers[list[i]].endpoint), list[i]) !=
            KAD_OK) {
            while (i-- > 0)
                kad_index_remove(&p->peer_index, hash_peer(p, key_slot, &p->peers[list[i]].endpoint),
                                 list[i]);
            return KAD_E_MEMORY;
        }
    }
    key->indexed = true;
    return KAD_OK;
}

/* -- adding and dropping ---------------------------------------------------------------------------------------- */

static void expire_sooner(struct kad_mem_peers *p, uint32_t slot, kad_ms expires_at)
{
    if (p->heap.n_entries < p->n_peers + KAD_MEM_STALE && kad_heap_add(&p->heap, expires_at, slot) == KAD_OK)
        p->peers[slot].ticket = p->heap.next_order - 1;
}

static void refresh(struct kad_mem_peers *p, uint32_t slot, const struct kad_mem_peer *peer)
{
    struct kad_mem_peers_peer *held = &p->peers[slot];
    struct kad_mem_peers_key *key = &p->keys[held->key];
    const enum kad_mem_run run = kad_mem_key_run(&peer->endpoint, peer->seed);

    if (peer->expires_at < held->expires_at)
        expire_sooner(p, slot, peer->expires_at);
    kad_mem_key_unchain(p, key, slot);
    held->expires_at = peer->expires_at;
    kad_mem_key_chain(p, key, slot);
    if (held->run != run) {
        kad_mem_key_unlist(p, key, slot);
        kad_mem_key_list(p, key, slot, run);
    }
}

static void release_key(struct kad_mem_peers *p, uint32_t key_slot)
{
    struct kad_mem_peers_key *key = &p->keys[key_slot];
    const uint32_t last = p->order[--p->n_keys];

    kad_index_remove(&p->key_index, hash_key_id(p, &key->id), key_slot);
    p->order[key->order] = last;
    p->keys[last].order = key->order;
    kad_mem_key_clear(p, key);
    key->order = p->first_free_key;
    p->first_free_key = key_slot;
}

/* Out of everything but its slot, its key and the heap. */
static void detach(struct kad_mem_peers *p, uint32_t slot, const struct kad_mem_watch *watch)
{
    struct kad_mem_peers_peer *peer = &p->peers[slot];
    struct kad_mem_peers_key *key = &p->keys[peer->key];

    if (watch)
        watch->peer_gone(watch->context, &key->id, &peer->endpoint);
    if (key->indexed)
        kad_index_remove(&p->peer_index, hash_peer(p, peer->key, &peer->endpoint), slot);
    if (peer->paid)
        kad_mem_groups_remove(&p->groups, p->hash_key, kad_endpoint_narrow_group(&peer->endpoint), 1);
    kad_mem_key_unchain(p, key, slot);
    kad_mem_key_unlist(p, key, slot);
}

/* The key is full: the peer that would have expired first gives its slot, and what memory it used, to the new one. */
static void take_over(struct kad_mem_peers *p, uint32_t slot, const struct kad_mem_peer *peer, bool paid,
                      const struct kad_mem_watch *watch)
{
    struct kad_mem_peers_peer *held = &p->peers[slot];
    struct kad_mem_peers_key *key = &p->keys[held->key];

    detach(p, slot, watch);
    if (peer->expires_at < held->expires_at)
        expire_sooner(p, slot, peer->expires_at);
    held->endpoint = peer->endpoint;
    held->expires_at = peer->expires_at;
    held->paid = paid;
    kad_mem_key_list(p, key, slot, kad_mem_key_run(&peer->endpoint, peer->seed));
    kad_mem_key_chain(p, key, slot);
    if (key->indexed) {
        const int error = kad_index_add(&p->peer_index, hash_peer(p, held->key, &peer->endpoint), slot);

        assert(error == KAD_OK && "a cell was just given back");
        (void)error;
    }
}

static uint32_t make_key(struct kad_mem_peers *p, uint32_t slot, const struct kad_id *id)
{
    if (slot == p->n_key_slots)
        p->n_key_slots++;
    else
        p->first_free_key = p->keys[slot].order;
    p->keys[slot] = (struct kad_mem_peers_key){
        .id = *id, .oldest = NONE, .newest = NONE, .order = p->n_keys, .capacity = 1};
    p->order[p->n_keys++] = slot;
    return slot;
}

/* Everything that can fail comes first and is undone in reverse; the heap last, for it cannot be undone. */
static int add_new(struct kad_mem_peers *p, uint32_t key_slot, const struct kad_mem_peer *peer,
                   uint32_t *out_slot)
{
    const bool with_key = key_slot == NONE;
    struct kad_mem_peers_peer *held;
    uint32_t slot;
    bool indexed = false;

    if (reserve_slots(p, with_key) != KAD_OK)
        return KAD_E_MEMORY;
    slot = p->first_free_peer != NONE ? p->first_free_peer : p->n_peer_slots;
    if (with_key) {
        key_slot = p->first_free_key != NONE ? p->first_free_key : p->n_key_slots;
        if (kad_index_add(&p->key_index, hash_key_id(p, &peer->key), key_slot) != KAD_OK)
            return KAD_E_MEMORY;
    } else {
        struct kad_mem_peers_key *key = &p->keys[key_slot];

        if (kad_mem_key_reserve(p, key) != KAD_OK)
            return KAD_E_MEMORY;
        if (kad_mem_peers_n(key) >= KAD_MEM_SCAN && !key->indexed && index_all(p, key_slot) != KAD_OK)
            return KAD_E_MEMORY;
        indexed = key->indexed;
        if (indexed && kad_index_add(&p->peer_index, hash_peer(p, key_slot, &peer->endpoint), slot) != KAD_OK)
            return KAD_E_MEMORY;
    }
    if (kad_heap_add(&p->heap, peer->expires_at, slot) != KAD_OK) {
        if (with_key)
            kad_index_remove(&p->key_index, hash_key_id(p, &peer->key), key_slot);
        if (indexed)
            kad_index_remove(&p->peer_index, hash_peer(p, key_slot, &peer->endpoint), slot);
        return KAD_E_MEMORY;
    }

    if (slot == p->n_peer_slots)
        p->n_peer_slots++;
    else
        p->first_free_peer = p->peers[slot].key;
    if (with_key)
        make_key(p, key_slot, &peer->key);
    held = &p->peers[slot];
    *held = (struct kad_mem_peers_peer){.endpoint = peer->endpoint,
                                        .key = key_slot,
                                        .ticket = p->heap.next_order - 1,
                                        .used = true,
                                        .expires_at = peer->expires_at};
    kad_mem_key_list(p, &p->keys[key_slot], slot, kad_mem_key_run(&peer->endpoint, peer->seed));
    kad_mem_key_chain(p, &p->keys[key_slot], slot);
    p->n_peers++;
    *out_slot = slot;
    return KAD_OK;
}

static int add_within_limits(struct kad_mem_peers *p, uint32_t key_slot, const struct kad_mem_peer *peer,
                             uint64_t group, const struct kad_mem_watch *watch, uint32_t *out_slot)
{
    const unsigned per_group = p->config->max_peers_per_group;
    const bool paid = group != 0 && per_group > 0;
    const bool full = key_slot != NONE && kad_mem_peers_n(&p->keys[key_slot]) >= p->max_per_key;
    int error;

    if (paid && kad_mem_groups_count(&p->groups, p->hash_key, group) >= per_group)
        return KAD_E_LIMIT;
    if (!full && (p->n_peers >= p->max_peers || p->max_per_key == 0 ||
                  (key_slot == NONE && p->n_keys >= p->key_index.ceiling)))
        return KAD_E_LIMIT;
    if (!full && watch && !watch->room(watch->context, sizeof *peer))
        return KAD_E_LIMIT;
    if (paid && kad_mem_groups_add(&p->groups, p->hash_key, group, 1) != KAD_OK)
        return KAD_E_MEMORY;
    if (full) {
        *out_slot = p->keys[key_slot].oldest;
        take_over(p, *out_slot, peer, paid, watch);
        return KAD_OK;
    }
    error = add_new(p, key_slot, peer, out_slot);
    if (error == KAD_OK)
        p->peers[*out_slot].paid = paid;
    else if (paid)
        kad_mem_groups_remove(&p->groups, p->hash_key, group, 1);
    return error;
}

int kad_mem_peers_add(struct kad_mem_peers *p, const struct kad_mem_peer *peer, uint64_t group,
                      const struct kad_mem_watch *watch)
{
    const uint32_t key_slot = kad_mem_peers_find(p, &peer->key);
    uint32_t slot = key_slot == NONE ? NONE : find_peer(p, key_slot, &peer->endpoint);
    int error = KAD_OK;

    if (slot != NONE)
        refresh(p, slot, peer);
    else
        error = add_within_limits(p, key_slot, peer, group, watch, &slot);
    if (error == KAD_OK && watch)
        watch->peer_changed(watch->context, slot);
    return error;
}

static void drop(struct kad_mem_peers *p, uint32_t slot, const struct kad_mem_watch *watch)
{
    struct kad_mem_peers_peer *peer = &p->peers[slot];

    detach(p, slot, watch);
    if (kad_mem_peers_n(&p->keys[peer->key]) == 0)
        release_key(p, peer->key);
    peer->used = false;
    peer->key = p->first_free_peer;
    p->first_free_peer = slot;
    p->n_peers--;
}

uint32_t kad_mem_peers_expire(struct kad_mem_peers *p, kad_ms now, unsigned *budget,
                              const struct kad_mem_watch *watch)
{
    struct kad_heap_entry due;
    uint32_t n_dropped = 0;

    for (; *budget > 0 && kad_heap_pop(&p->heap, now, &due); (*budget)--) {
        struct kad_mem_peers_peer *peer = &p->peers[due.slot];

        if (!peer->used || peer->ticket != due.order)
            continue;
        if (peer->expires_at > now) { /* refreshed since */
            const int error = kad_heap_add(&p->heap, peer->expires_at, due.slot);

            assert(error == KAD_OK && "an entry was just taken out");
            (void)error;
            peer->ticket = p->heap.next_order - 1;
            continue;
        }
        drop(p, due.slot, watch);
        n_dropped++;
    }
    return n_dropped;
}
