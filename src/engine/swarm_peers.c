/* swarm_peers - who is remembered, and where: the least recently used give way. And the names behind keys. */
#include "engine/swarm_parts.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"

static uint64_t hash_of(const struct kad_swarm *swarm, struct kad_bytes bytes)
{
    uint64_t key;

    memcpy(&key, swarm->config.random, sizeof(key)); /* so that nobody can choose collisions */
    return kad_hash(key, bytes.data, bytes.size);
}

static uint64_t hash_of_id(const struct kad_swarm *swarm, const struct kad_id *id)
{
    return hash_of(swarm, (struct kad_bytes){id->bytes, sizeof(id->bytes)});
}

struct swarm_peer *kad_swarm_peer_find(const struct kad_swarm *swarm, struct kad_bytes id)
{
    const uint64_t hash = hash_of(swarm, id);

    for (uint32_t at = kad_index_first(&swarm->by_peer, hash); at != KAD_INDEX_END;
         at = kad_index_next(&swarm->by_peer, hash, at)) {
        struct swarm_peer *peer = swarm->peers[kad_index_slot(&swarm->by_peer, at)];

        if (peer->n_id == id.size && memcmp(peer->id, id.data, id.size) == 0)
            return peer;
    }
    return NULL;
}

struct swarm_peer *kad_swarm_peer_at(const struct kad_swarm *swarm, const struct kad_id *place)
{
    const uint64_t hash = hash_of_id(swarm, place);

    for (uint32_t at = kad_index_first(&swarm->by_place, hash); at != KAD_INDEX_END;
         at = kad_index_next(&swarm->by_place, hash, at)) {
        struct swarm_peer *peer = swarm->peers[kad_index_slot(&swarm->by_place, at)];

        if (memcmp(peer->place.bytes, place->bytes, sizeof(place->bytes)) == 0)
            return peer;
    }
    return NULL;
}

struct swarm_peer *kad_swarm_peer_where(struct kad_swarm *swarm, const struct kad_endpoint *endpoint)
{
    struct kad_multiaddr parts;

    for (struct swarm_peer *peer = swarm->newest; peer; peer = peer->older) {
        for (unsigned i = 0; i < peer->n_addrs; i++) {
            const struct kad_bytes addr = {peer->addrs[i].bytes, peer->addrs[i].n};

            if (kad_multiaddr_parse(addr, &parts) == 0 && parts.host == KAD_HOST_IP &&
                kad_endpoint_equal(&parts.endpoint, endpoint))
                return peer;
        }
    }
    return NULL;
}

static void unlink_peer(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    if (peer->older)
        peer->older->newer = peer->newer;
    else
        swarm->oldest = peer->newer;
    if (peer->newer)
        peer->newer->older = peer->older;
    else
        swarm->newest = peer->older;
}

static void append_peer(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    peer->newer = NULL;
    peer->older = swarm->newest;
    if (swarm->newest)
        swarm->newest->newer = peer;
    else
        swarm->oldest = peer;
    swarm->newest = peer;
}

void kad_swarm_peer_use(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    unlink_peer(swarm, peer);
    append_peer(swarm, peer);
}

static void free_peer(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    kad_free(swarm->config.allocator, peer->addrs, KAD_SWARM_ADDRS * sizeof(*peer->addrs));
    kad_free(swarm->config.allocator, peer, sizeof(*peer));
}

static void forget(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    kad_swarm_unprovide(swarm, peer);
    unlink_peer(swarm, peer);
    kad_index_remove(&swarm->by_peer, hash_of(swarm, (struct kad_bytes){peer->id, peer->n_id}), peer->slot);
    kad_index_remove(&swarm->by_place, hash_of_id(swarm, &peer->place), peer->slot);
    swarm->peers[peer->slot] = NULL;
    swarm->n_peers--;
    free_peer(swarm, peer);
}

static bool is_needed(const struct swarm_peer *peer)
{
    return peer->conn || peer->dialling || peer->greets || peer->n_dials || peer->n_asks || peer->n_streams;
}

/* A slot for one more; the oldest that nobody needs gives way. UINT32_MAX: there is none. */
static uint32_t free_slot(struct kad_swarm *swarm)
{
    struct swarm_peer **more;
    uint32_t room;

    if (swarm->n_peers < swarm->room_peers || swarm->room_peers == swarm->config.max_peers) {
        struct swarm_peer *peer = swarm->oldest;
        uint32_t slot;

        if (swarm->n_peers == swarm->room_peers) {
            while (peer && is_needed(peer))
                peer = peer->newer;
            if (!peer)
                return UINT32_MAX;
            slot = peer->slot;
            forget(swarm, peer);
            return slot;
        }
        for (slot = swarm->peers[swarm->n_peers] ? 0 : swarm->n_peers; swarm->peers[slot]; slot++)
            ; /* the first one tried is free, but for a time when there was no memory */
        return slot;
    }
    room = swarm->room_peers ? 2 * swarm->room_peers : 16;
    if (room > swarm->config.max_peers)
        room = swarm->config.max_peers;
    more = kad_resize(swarm->config.allocator, swarm->peers, swarm->room_peers * sizeof(*more),
                      room * sizeof(*more));
    if (!more)
        return UINT32_MAX;
    memset(more + swarm->room_peers, 0, (room - swarm->room_peers) * sizeof(*more));
    swarm->peers = more;
    swarm->room_peers = room;
    return swarm->n_peers;
}

struct swarm_peer *kad_swarm_peer_add(struct kad_swarm *swarm, struct kad_bytes id)
{
    struct swarm_peer *peer = kad_swarm_peer_find(swarm, id);
    uint32_t slot;

    if (peer) {
        kad_swarm_peer_use(swarm, peer);
        return peer;
    }
    slot = free_slot(swarm);
    peer = slot == UINT32_MAX ? NULL : kad_alloc_zero(swarm->config.allocator, sizeof(*peer));
    if (!peer)
        return NULL;
    memcpy(peer->id, id.data, id.size);
    peer->n_id = (uint8_t)id.size;
    peer->slot = slot;
    peer->last_ask = &peer->first_ask;
    kad_peer_id_place(id, &peer->place);
    if (kad_index_add(&swarm->by_peer, hash_of(swarm, id), slot) < 0) {
        free_peer(swarm, peer);
        return NULL;
    }
    if (kad_index_add(&swarm->by_place, hash_of_id(swarm, &peer->place), slot) < 0) {
        kad_index_remove(&swarm->by_peer, hash_of(swarm, id), slot);
        free_peer(swarm, peer);
        return NULL;
    }
    swarm->peers[slot] = peer;
    swarm->n_peers++;
    append_peer(swarm, peer);
    return peer;
}

void kad_swarm_peers_clear(struct kad_swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->room_peers; i++) {
        if (swarm->peers[i])
            free_peer(swarm, swarm->peers[i]);
    }
    kad_free(swarm->config.allocator, swarm->peers, swarm->room_peers * sizeof(*swarm->peers));
    kad_free(swarm->config.allocator, swarm->names, SWARM_NAMES * sizeof(*swarm->names));
    kad_index_clear(&swarm->by_peer);
    kad_index_clear(&swarm->by_place);
    kad_index_clear(&swarm->by_name);
}

bool kad_swarm_may_dial(const struct kad_swarm *swarm, struct kad_bytes addr, struct kad_multiaddr *out_parts)
{
    enum kad_scope scope;

    if (addr.size > SWARM_ADDR_MAX || kad_multiaddr_parse(addr, out_parts) < 0 ||
        out_parts->transport < KAD_TRANSPORT_TCP)
        return false;
    if (out_parts->host != KAD_HOST_IP)
        return out_parts->host != KAD_HOST_NONE && out_parts->endpoint.port;
    scope = kad_endpoint_scope(&out_parts->endpoint);
    return scope == KAD_SCOPE_PUBLIC || (swarm->config.local && scope != KAD_SCOPE_INVALID);
}

void kad_swarm_peer_addr(struct kad_swarm *swarm, struct swarm_peer *peer, struct kad_bytes addr)
{
    struct kad_multiaddr parts;
    unsigned at;

    if (!kad_swarm_may_dial(swarm, addr, &parts))
        return;
    addr.size = parts.n_bare;
    for (at = 0; at < peer->n_addrs; at++) {
        if (peer->addrs[at].n == addr.size && memcmp(peer->addrs[at].bytes, addr.data, addr.size) == 0)
            return;
    }
    if (!peer->addrs)
        peer->addrs = kad_alloc(swarm->config.allocator, KAD_SWARM_ADDRS * sizeof(*peer->addrs));
    if (!peer->addrs)
        return;
    if (at == KAD_SWARM_ADDRS)
        at--;
    else
        peer->n_addrs++;
    peer->addrs[at].n = (uint8_t)addr.size;
    memcpy(peer->addrs[at].bytes, addr.data, addr.size);
    if (!peer->endpoint.family && parts.host == KAD_HOST_IP)
        peer->endpoint = parts.endpoint;
}

void kad_swarm_learn_peer(struct kad_swarm *swarm, struct kad_bytes id, const struct kad_bytes *addrs,
                          size_t n_addrs)
{
    struct swarm_peer *peer = kad_peer_id_is_valid(id) ? kad_swarm_peer_add(swarm, id) : NULL;

    for (size_t i = 0; peer && i < n_addrs; i++)
        kad_swarm_peer_addr(swarm, peer, addrs[i]);
}

/* -- names ------------------------------------------------------------------------------------------------------ */

static struct swarm_name *find_name(const struct kad_swarm *swarm, const struct kad_id *key)
{
    const uint64_t hash = hash_of_id(swarm, key);

    for (uint32_t at = kad_index_first(&swarm->by_name, hash); at != KAD_INDEX_END;
         at = kad_index_next(&swarm->by_name, hash, at)) {
        struct swarm_name *name = &swarm->names[kad_index_slot(&swarm->by_name, at)];

        if (memcmp(name->key.bytes, key->bytes, sizeof(key->bytes)) == 0)
            return name;
    }
    return NULL;
}

struct kad_bytes kad_swarm_name(const struct kad_swarm *swarm, const struct kad_id *key)
{
    const struct swarm_name *name = find_name(swarm, key);

    return name ? (struct kad_bytes){name->bytes, name->n} : (struct kad_bytes){0};
}

void kad_swarm_learn_key(struct kad_swarm *swarm, struct kad_bytes bytes, struct kad_id *out_key)
{
    struct swarm_name *name;

    kad_sha256(bytes.data, bytes.size, out_key->bytes);
    if (!bytes.size || bytes.size > KAD_P2P_KEY_MAX || find_name(swarm, out_key))
        return;
    if (!swarm->names)
        swarm->names = kad_alloc(swarm->config.allocator, SWARM_NAMES * sizeof(*swarm->names));
    if (!swarm->names)
        return;
    name = &swarm->names[swarm->next_name]; /* the oldest gives way */
    if (swarm->n_names == SWARM_NAMES)
        kad_index_remove(&swarm->by_name, hash_of_id(swarm, &name->key), swarm->next_name);
    else
        swarm->n_names++;
    name->key = *out_key;
    name->n = (uint8_t)bytes.size;
    memcpy(name->bytes, bytes.data, bytes.size);
    if (kad_index_add(&swarm->by_name, hash_of_id(swarm, out_key), swarm->next_name) < 0) {
        swarm->n_names--; /* no memory for the index, which was full before: nothing was removed */
        return;
    }
    swarm->next_name = (swarm->next_name + 1) % SWARM_NAMES;
}

/* -- for others ------------------------------------------------------------------------------------------------- */

static void describe(const struct swarm_peer *peer, struct kad_swarm_peer *out)
{
    *out = (struct kad_swarm_peer){.n_id = peer->n_id,
                                   .rtt_ms = -1,
                                   .is_server = peer->is_server,
                                   .is_relay = peer->is_relay,
                                   .agent = peer->agent,
                                   .endpoint = peer->endpoint,
                                   .gone = peer->gone};
    memcpy(out->id, peer->id, peer->n_id);
    for (unsigned i = 0; i < peer->n_addrs; i++)
        out->addrs[out->n_addrs++] = (struct kad_bytes){peer->addrs[i].bytes, peer->addrs[i].n};
    if (!peer->conn)
        return;
    out->connected = true;
    out->inbound = peer->conn->inbound;
    out->since = peer->conn->since;
    out->rtt_ms = kad_link_rtt_ms(peer->conn->link);
}

bool kad_swarm_find_peer(const struct kad_swarm *swarm, struct kad_bytes id, struct kad_swarm_peer *out_peer)
{
    const struct swarm_peer *peer = kad_swarm_peer_find(swarm, id);

    if (peer)
        describe(peer, out_peer);
    return peer;
}

bool kad_swarm_find_place(const struct kad_swarm *swarm, const struct kad_id *place,
                          struct kad_swarm_peer *out_peer)
{
    const struct swarm_peer *peer = kad_swarm_peer_at(swarm, place);

    if (peer)
        describe(peer, out_peer);
    return peer;
}

size_t kad_swarm_peers(const struct kad_swarm *swarm, struct kad_swarm_peer *out_peers, size_t room)
{
    size_t n = 0;

    for (const struct swarm_peer *peer = swarm->newest; peer; peer = peer->older) {
        if (!peer->conn)
            continue;
        if (n < room)
            describe(peer, &out_peers[n]);
        n++;
    }
    return n;
}
