/*
 * swarm_probe - are the providers still there that we name to others? (I159)
 *
 * A server that is told of a provider, or names one, looks for it from time to time: who is connected is there; who is not is dialled once in
 * `probe_ms`, whatever number of records it has, those first that were asked for last. When three such dials have failed, the later ones a quarter
 * of `probe_ms` apart, it is gone: no answer names it, until it is heard of again by any connection, and it is dialled again only when it
 * was asked for since. Its records stay until they expire.
 *
 * A record may name a victim's address. So there are 240 probes in `probe_ms` at most, of a peer two addresses each (one of each
 * family if there are both), and eight dials to a host (of IPv6 a /64), which are kept count of whatever becomes of the peers that were
 * looked for there: so many a victim sees in `probe_ms`, however many name it. Addresses that are not public are dialled only of who
 * comes from such a one itself; and no names, which may mean anything. Nobody is taken for gone while we have no connection at all.
 */
#include "engine/swarm_parts.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"

#define PARTS     240 /* of `probe_ms`, a probe in each at most */
#define MISSED    3
#define PROVIDERS 1024 /* that are looked for */
#define PER_HOST  8    /* dials in `probe_ms` */
#define ADDRS     2
#define DIALS     (PARTS * ADDRS)
#define UNKNOWN   4                 /* of those in an answer, that are not remembered: so many are */
#define KEPT_MS   (10 * KAD_SECOND) /* a connection that was made to look is closed then, if nobody uses it */

static void schedule(struct kad_swarm *swarm, const struct swarm_peer *peer)
{
    const kad_ms at = peer->probe_at > swarm->probe_from ? peer->probe_at : swarm->probe_from;

    if (at < swarm->probe_at)
        swarm->probe_at = at;
    kad_swarm_wake(swarm, swarm->probe_at);
}

static void probe_later(struct kad_swarm *swarm, struct swarm_peer *peer, kad_ms wait)
{
    peer->probe_at = swarm->now + wait;
    schedule(swarm, peer);
}

/* Those that are looked for stand in the order in which they were asked for last. */
static void unlist(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    if (peer->less_wanted)
        peer->less_wanted->more_wanted = peer->more_wanted;
    else
        swarm->least_wanted = peer->more_wanted;
    if (peer->more_wanted)
        peer->more_wanted->less_wanted = peer->less_wanted;
    else
        swarm->most_wanted = peer->less_wanted;
}

static void list(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    peer->more_wanted = NULL;
    peer->less_wanted = swarm->most_wanted;
    if (swarm->most_wanted)
        swarm->most_wanted->more_wanted = peer;
    else
        swarm->least_wanted = peer;
    swarm->most_wanted = peer;
}

static void forget(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    unlist(swarm, peer);
    swarm->counters.providers_gone -= peer->gone;
    peer->provides = peer->gone = false;
    peer->n_missed = 0;
    swarm->n_provides--;
}

void kad_swarm_provides(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    if (!swarm->config.probe_ms)
        return;
    peer->asked_for = true;
    if (peer->provides) {
        unlist(swarm, peer);
        list(swarm, peer);
        if (peer->gone)
            schedule(swarm, peer);
        return;
    }
    if (swarm->n_provides == PROVIDERS)
        forget(swarm, swarm->least_wanted);
    list(swarm, peer);
    peer->provides = true;
    swarm->n_provides++;
    probe_later(swarm, peer, swarm->config.probe_ms);
}

bool kad_swarm_names(struct kad_swarm *swarm, const struct kad_p2p_peer *named, unsigned *n_unknown)
{
    struct swarm_peer *peer = kad_swarm_peer_find(swarm, named->id);
    struct kad_bytes rest = named->body, addr;
    bool is_known;

    if (!swarm->config.probe_ms)
        return true;
    if (!peer && (*n_unknown)++ < UNKNOWN)
        peer = kad_swarm_peer_add(swarm, named->id);
    if (!peer)
        return true;
    is_known = peer->n_addrs > 0;
    for (unsigned n = 0; !is_known && n < KAD_P2P_ADDRS && kad_p2p_next_addr(&rest, &addr); n++)
        kad_swarm_peer_addr(swarm, peer, addr);
    kad_swarm_provides(swarm, peer);
    return !peer->gone;
}

void kad_swarm_unprovide(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    if (peer->provides)
        forget(swarm, peer);
}

/* -- whether it is there ---------------------------------------------------------------------------------------- */

static void tell(struct kad_swarm *swarm, const struct swarm_peer *peer, enum kad_swarm_event_kind kind)
{
    kad_swarm_tell(swarm, kind, (struct kad_bytes){peer->id, peer->n_id}, &peer->endpoint);
}

void kad_swarm_probe_found(struct kad_swarm *swarm, struct swarm_peer *peer, struct swarm_conn *conn)
{
    conn->probes = peer->probing;
    peer->near = kad_endpoint_scope(&conn->remote) != KAD_SCOPE_PUBLIC;
    peer->probing = false;
    peer->n_missed = 0;
    if (conn->probes)
        kad_swarm_wake(swarm, swarm->now + KEPT_MS);
    if (!peer->gone)
        return;
    peer->gone = false;
    swarm->counters.providers_gone--;
    tell(swarm, peer, KAD_SWARM_BACK);
}

void kad_swarm_probe_lost(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    if (peer->provides)
        probe_later(swarm, peer, swarm->config.probe_ms);
}

static bool is_connected(const struct kad_swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        if (swarm->conns[i] && swarm->conns[i]->up && !swarm->conns[i]->closing)
            return true;
    }
    return false;
}

void kad_swarm_probe_missed(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    peer->probing = false;
    if (!peer->provides)
        return;
    swarm->counters.probes_failed++;
    if (!is_connected(swarm) || peer->gone) {
        probe_later(swarm, peer, swarm->config.probe_ms);
    } else if (++peer->n_missed < MISSED) {
        probe_later(swarm, peer, swarm->config.probe_ms / 4);
    } else {
        peer->gone = true;
        swarm->counters.providers_gone++;
        tell(swarm, peer, KAD_SWARM_GONE);
        probe_later(swarm, peer, swarm->config.probe_ms);
    }
}

/* -- whom to dial ----------------------------------------------------------------------------------------------- */

/* Never 0. */
static uint64_t host_of(const struct kad_swarm *swarm, const struct kad_endpoint *endpoint)
{
    uint64_t key;

    memcpy(&key, swarm->config.random, sizeof(key)); /* so that nobody can choose collisions */
    return kad_hash(key, endpoint->address, endpoint->family == KAD_IPV6 ? 8 : 4) | 1;
}

/* So many more dials there are within what a host sees in this interval. */
static bool has_room(const struct kad_swarm *swarm, const struct kad_endpoint *host, unsigned n)
{
    const uint64_t hash = host_of(swarm, host);

    if (kad_endpoint_scope(host) != KAD_SCOPE_PUBLIC && !swarm->config.limit_loopback)
        return true;
    for (unsigned i = 0; swarm->probed && i < DIALS; i++)
        n += swarm->probed[i].host == hash && swarm->now - swarm->probed[i].at < swarm->config.probe_ms;
    return n <= PER_HOST;
}

void kad_swarm_probed(struct kad_swarm *swarm, struct kad_bytes addr)
{
    struct kad_multiaddr parts;

    if (kad_multiaddr_parse(addr, &parts) < 0)
        return;
    swarm->probed[swarm->next_probed].host = host_of(swarm, &parts.endpoint);
    swarm->probed[swarm->next_probed].at = swarm->now;
    swarm->next_probed = (swarm->next_probed + 1) % DIALS;
}

size_t kad_swarm_probe_memory(const struct kad_swarm *swarm)
{
    return swarm->probed ? DIALS * sizeof(*swarm->probed) : 0;
}

void kad_swarm_probe_clear(struct kad_swarm *swarm)
{
    kad_free(swarm->config.allocator, swarm->probed, kad_swarm_probe_memory(swarm));
}

static bool is_good_for_that(const struct kad_swarm *swarm, const struct swarm_peer *peer, unsigned at,
                             struct kad_multiaddr *out_parts)
{
    const struct kad_bytes addr = {peer->addrs[at].bytes, peer->addrs[at].n};

    return kad_swarm_may_dial(swarm, addr, out_parts) && out_parts->host == KAD_HOST_IP &&
           (peer->near || kad_endpoint_scope(&out_parts->endpoint) == KAD_SCOPE_PUBLIC);
}

/* Which are dialled: the first, and the first of the other family, for we may have but one; else the second. How many. */
static unsigned choose(const struct kad_swarm *swarm, const struct swarm_peer *peer, unsigned out_at[ADDRS],
                       struct kad_endpoint out_endpoints[ADDRS])
{
    struct kad_multiaddr parts;
    unsigned n = 0;

    for (unsigned i = 0; i < peer->n_addrs; i++) {
        if (!is_good_for_that(swarm, peer, i, &parts))
            continue;
        if (n == ADDRS && (out_endpoints[0].family != out_endpoints[1].family ||
                           parts.endpoint.family == out_endpoints[0].family))
            continue;
        n -= n == ADDRS;
        out_at[n] = i;
        out_endpoints[n++] = parts.endpoint;
    }
    return n;
}

bool kad_swarm_may_probe(const struct kad_swarm *swarm, const struct swarm_peer *peer, unsigned at)
{
    struct kad_endpoint endpoints[ADDRS];
    unsigned chosen[ADDRS], i = 0;
    const unsigned n = choose(swarm, peer, chosen, endpoints);

    while (i < n && chosen[i] != at)
        i++;
    return i < n && has_room(swarm, &endpoints[i], 1);
}

/* Whether there is any to be dialled, and each may be: else one that was passed over would be held against the peer. */
static bool can_be_judged(const struct kad_swarm *swarm, const struct swarm_peer *peer)
{
    struct kad_endpoint endpoints[ADDRS];
    unsigned chosen[ADDRS];
    const unsigned n = choose(swarm, peer, chosen, endpoints);
    const bool same = n == ADDRS && host_of(swarm, &endpoints[0]) == host_of(swarm, &endpoints[1]);

    for (unsigned i = 0; i < n; i++) {
        if (!has_room(swarm, &endpoints[i], same ? 2 : 1))
            return false;
    }
    return n > 0;
}

static void probe(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    if (!swarm->probed)
        swarm->probed = kad_alloc_zero(swarm->config.allocator, DIALS * sizeof(*swarm->probed));
    if (!swarm->probed || !can_be_judged(swarm, peer)) { /* nothing is known of it, for better or worse */
        probe_later(swarm, peer, swarm->config.probe_ms);
        return;
    }
    swarm->counters.probes++;
    peer->asked_for = false;
    peer->probing = true;
    peer->dial_at = 0; /* a probe has its own pace */
    kad_swarm_want(swarm, peer);
}

/* Connections that were made to look, and that nobody had a use for. */
static void close_used_up(struct kad_swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        struct swarm_conn *conn = swarm->conns[i];

        if (!conn || !conn->probes || conn->closing)
            continue;
        if (swarm->now - conn->used_at < KEPT_MS) {
            kad_swarm_wake(swarm, conn->used_at + KEPT_MS);
        } else if (conn->n_in_flight || conn->serves || conn->streams || conn->peer->is_server) {
            conn->probes = false; /* one like others */
        } else {
            kad_link_close(conn->link);
            kad_swarm_conn_end(swarm, conn, true);
        }
    }
}

void kad_swarm_probe_tick(struct kad_swarm *swarm)
{
    struct swarm_peer *best = NULL;
    kad_ms next = KAD_NEVER;

    if (!swarm->config.probe_ms)
        return;
    close_used_up(swarm);
    if (swarm->now < swarm->probe_at || swarm->config.mode != KAD_SWARM_SERVER) {
        kad_swarm_wake(swarm, swarm->now < swarm->probe_at ? swarm->probe_at : KAD_NEVER);
        return;
    }
    for (struct swarm_peer *peer = swarm->most_wanted; peer; peer = peer->less_wanted) {
        if (peer->conn || peer->dialling || peer->n_dials || (peer->gone && !peer->asked_for))
            continue;
        if (swarm->now < peer->probe_at)
            next = peer->probe_at < next ? peer->probe_at : next;
        else if (!best)
            best = peer;
    }
    swarm->probe_at = next;
    if (best) {
        swarm->probe_from = swarm->probe_at = swarm->now + swarm->config.probe_ms / PARTS + 1;
        probe(swarm, best);
    }
    kad_swarm_wake(swarm, swarm->probe_at);
}
