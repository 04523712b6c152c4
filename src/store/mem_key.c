#include "store/mem_key.h"

#include <assert.h>

#define NONE UINT32_MAX

static bool has_list(const struct kad_mem_peers_key *key)
{
    return key->capacity > 1;
}

int kad_mem_key_reserve(struct kad_mem_peers *p, struct kad_mem_peers_key *key)
{
    const uint32_t n = kad_mem_peers_n(key), wished = n < 4 ? 4 : n + n / 2;
    const uint16_t capacity = wished > KAD_MEM_PEERS_PER_KEY ? KAD_MEM_PEERS_PER_KEY : (uint16_t)wished;
    const size_t old_size = has_list(key) ? key->capacity * sizeof(uint32_t) : 0;
    uint32_t *list;

    if (n < key->capacity)
        return KAD_OK;
    list = kad_resize(p->allocator, old_size ? key->list.many : NULL, old_size, capacity * sizeof *list);
    if (!list)
        return KAD_E_MEMORY;
    if (old_size == 0)
        list[0] = key->list.one;
    key->list.many = list;
    key->capacity = capacity;
    p->list_bytes += capacity * sizeof *list - old_size;
    return KAD_OK;
}

void kad_mem_key_clear(struct kad_mem_peers *p, struct kad_mem_peers_key *key)
{
    if (!has_list(key))
        return;
    kad_free(p->allocator, key->list.many, key->capacity * sizeof(uint32_t));
    p->list_bytes -= key->capacity * sizeof(uint32_t);
}

enum kad_mem_run kad_mem_key_run(const struct kad_endpoint *endpoint, bool seed)
{
    if (endpoint->family == KAD_IPV4)
        return seed ? KAD_RUN_V4_SEEDS : KAD_RUN_V4;
    return seed ? KAD_RUN_V6_SEEDS : KAD_RUN_V6;
}

static void set_place(struct kad_mem_peers *p, struct kad_mem_peers_key *key, uint32_t place, uint32_t slot)
{
    uint32_t *list = has_list(key) ? key->list.many : &key->list.one;

    list[place] = slot;
    p->peers[slot].place = (uint16_t)place;
}

/* A hole at the end of `run`: each run behind it gives its first place to it and takes one at its end. */
void kad_mem_key_list(struct kad_mem_peers *p, struct kad_mem_peers_key *key, uint32_t slot,
                      enum kad_mem_run run)
{
    uint32_t hole = kad_mem_peers_n(key);

    assert(hole < key->capacity && "the place was reserved");
    for (unsigned r = KAD_N_RUNS - 1; r > run; r--) {
        const uint32_t first = key->ends[r - 1];

        if (first != hole)
            set_place(p, key, hole, kad_mem_peers_list(key)[first]);
        key->ends[r]++;
        hole = first;
    }
    key->ends[run]++;
    p->peers[slot].run = (uint8_t)run;
    set_place(p, key, hole, slot);
}

void kad_mem_key_unlist(struct kad_mem_peers *p, struct kad_mem_peers_key *key, uint32_t slot)
{
    uint32_t hole = p->peers[slot].place;

    for (unsigned r = p->peers[slot].run; r < KAD_N_RUNS; r++) {
        const uint32_t last = --key->ends[r];

        if (last != hole)
            set_place(p, key, hole, kad_mem_peers_list(key)[last]);
        hole = last;
    }
}

/* Announces live equally long, so the walk from the newest end is one step. */
void kad_mem_key_chain(struct kad_mem_peers *p, struct kad_mem_peers_key *key, uint32_t slot)
{
    uint32_t after = key->newest;
    uint32_t *newer;

    while (after != NONE && p->peers[after].expires_at > p->peers[slot].expires_at)
        after = p->peers[after].older;
    newer = after == NONE ? &key->oldest : &p->peers[after].newer;
    p->peers[slot].older = after;
    p->peers[slot].newer = *newer;
    if (*newer == NONE)
        key->newest = slot;
    else
        p->peers[*newer].older = slot;
    *newer = slot;
}

void kad_mem_key_unchain(struct kad_mem_peers *p, struct kad_mem_peers_key *key, uint32_t slot)
{
    const struct kad_mem_peers_peer *peer = &p->peers[slot];

    if (peer->older == NONE)
        key->oldest = peer->newer;
    else
        p->peers[peer->older].newer = peer->newer;
    if (peer->newer == NONE)
        key->newest = peer->older;
    else
        p->peers[peer->newer].older = peer->older;
}
