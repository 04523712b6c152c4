/* Choosing from mem_peers at random, without moving or remembering anything. */
#include "store/mem_peers.h"

#include "base/hash.h"

#define NONE KAD_INDEX_END

static uint32_t below(uint64_t seed, size_t i, uint32_t bound)
{
    return (uint32_t)((kad_hash_word(seed, i) >> 32) * bound >> 32);
}

/* The part of a key's list that a query means, as a run of the ring that the list is. */
static uint32_t meant(const struct kad_mem_peers_key *key, enum kad_family family, bool no_seeds,
                      uint32_t *out_first)
{
    const uint16_t *ends = key->ends;

    *out_first = family == KAD_IPV6 ? ends[KAD_RUN_V4_SEEDS] : 0;
    if (no_seeds && family != KAD_IPV4)
        *out_first = ends[KAD_RUN_V6_SEEDS];
    switch (family) {
    case KAD_IPV4:
        return no_seeds ? ends[KAD_RUN_V4] : ends[KAD_RUN_V4_SEEDS];
    case KAD_IPV6:
        return kad_mem_peers_n(key) - *out_first;
    default:
        return no_seeds ? kad_mem_peers_n(key) - ends[KAD_RUN_V6_SEEDS] + ends[KAD_RUN_V4]
                        : kad_mem_peers_n(key);
    }
}

/* One peer from each of n equal stretches that begin at a random place: every peer is as likely as any other, none
 * comes twice, and nothing has to be remembered or moved. */
size_t kad_mem_peers_choose(const struct kad_mem_peers *p, const struct kad_id *id, enum kad_family family,
                            bool no_seeds, struct kad_rng *rng, kad_ms now, struct kad_endpoint *out_peers,
                            size_t n)
{
    const uint32_t key_slot = kad_mem_peers_find(p, id);
    const struct kad_mem_peers_key *key;
    const uint32_t *list;
    uint32_t first, size, start = 0;
    uint64_t seed = 0;
    size_t n_chosen = 0;

    if (key_slot == NONE || n == 0)
        return 0;
    key = &p->keys[key_slot];
    list = kad_mem_peers_list(key);
    size = meant(key, family, no_seeds, &first);
    if (size > n) {
        seed = kad_rng_u64(rng);
        start = below(seed, n, size);
    } else {
        n = size;
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t from = (uint32_t)((uint64_t)i * size / n),
                       to = (uint32_t)((uint64_t)(i + 1) * size / n);
        const uint32_t skip = below(seed, i, to - from);

        for (uint32_t j = 0; j < to - from; j++) { /* one step, unless expired ones still lie about */
            const uint32_t at = (start + from + (skip + j) % (to - from)) % size;
            const struct kad_mem_peers_peer *peer = &p->peers[list[(first + at) % kad_mem_peers_n(key)]];

            if (peer->expires_at > now) {
                out_peers[n_chosen++] = peer->endpoint;
                break;
            }
        }
    }
    return n_chosen;
}

void kad_mem_peers_each(const struct kad_mem_peers *p, const struct kad_id *id, kad_ms now,
                        void (*add)(void *context, const struct kad_endpoint *peer, bool seed), void *context)
{
    const uint32_t key_slot = kad_mem_peers_find(p, id);

    if (key_slot == NONE)
        return;
    for (uint32_t i = 0; i < kad_mem_peers_n(&p->keys[key_slot]); i++) {
        const struct kad_mem_peers_peer *peer = &p->peers[kad_mem_peers_list(&p->keys[key_slot])[i]];

        if (peer->expires_at > now)
            add(context, &peer->endpoint, peer->run == KAD_RUN_V4_SEEDS || peer->run == KAD_RUN_V6_SEEDS);
    }
}

size_t kad_mem_peers_sample(const struct kad_mem_peers *p, struct kad_rng *rng, kad_ms now,
                            struct kad_id *out_keys, size_t n)
{
    uint64_t seed = 0;
    uint32_t start = 0;
    size_t n_chosen = 0;

    if (n == 0 || p->n_keys == 0)
        return 0;
    if (p->n_keys > n) {
        seed = kad_rng_u64(rng);
        start = below(seed, n, p->n_keys);
    } else {
        n = p->n_keys;
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t from = (uint32_t)((uint64_t)i * p->n_keys / n);
        const uint32_t to = (uint32_t)((uint64_t)(i + 1) * p->n_keys / n);
        const uint64_t at = (uint64_t)start + from + below(seed, i, to - from);
        const struct kad_mem_peers_key *key = &p->keys[p->order[at % p->n_keys]];

        if (p->peers[key->newest].expires_at > now)
            out_keys[n_chosen++] = key->id;
    }
    return n_chosen;
}
