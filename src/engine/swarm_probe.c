/*
 * swarm_probe - are the providers still there that we name to others? (I159)
 *
 * A server that is told of a provider, or names one, looks for it from time to time: who is connected is there; who is not is dialled once in
 * `probe_ms`, whatever number of records it has, those first that were asked for last. When three such dials have failed, the later ones a quarter
 * of `probe_ms` apart, it is gone: no answer names it, until it is heard of again by any connection. Its records stay until they expire.
 *
 * A record may name a victim's address. So there are 240 probes in `probe_ms` at most, of a peer two addresses each; of four
 * peers at most at one host: a victim sees eight dials in `probe_ms`, three times as many in the first, however many name it; addresses that are not public only of who comes from such a one itself; and no names, which may mean anything.
 * Nobody is taken for gone while we have no connection at all.
 */
#include "engine/swarm_parts.h"

#include <string.h>

#include "base/endpoint.h"

#define PARTS     240 /* of `probe_ms`, a probe in each at most */
#define MISSED    3
#define PROVIDERS 1024 /* that are looked for */
#define PER_HOST  4
#define ADDRS     2
#define UNKNOWN   4                 /* of those in an answer, that are not remembered: so many are */
#define KEPT_MS   (10 * KAD_SECOND) /* a connection that was made to look is closed then, if nobody uses it */

static void probe_later(struct kad_swarm *swarm, struct swarm_peer *peer, kad_ms wait)
{
    kad_ms at;

    peer->probe_at = swarm->now + wait;
    at = peer->probe_at > swarm->probe_from ? peer->probe_at : swarm->probe_from;
    if (at < swarm->probe_at)
        swarm->probe_at = at;
    kad_swarm_wake(swarm, swarm->probe_at);
}

static void forget(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    swarm->counters.providers_gone -= peer->gone;
    peer->provides = peer->gone = false;
    peer->n_missed = 0;
    swarm->n_provides--;
}

static void forget_least_wanted(struct kad_swarm *swarm)
{
    struct swarm_peer *least = NULL;

    for (uint32_t i = 0; i < swarm->room_peers; i++) {
        struct swarm_peer *peer = swarm->peers[i];

        if (peer && peer->provides && (!least || peer->wanted_at < least->wanted_at))
            least = peer;
    }
    if (least)
        forget(swarm, least);
}

void kad_swarm_provides(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    if (!swarm->config.probe_ms)
        return;
    peer->wanted_at = swarm->now;
    if (peer->provides)
        return;
    if (swarm->n_provides == PROVIDERS)
        forget_least_wanted(swarm);
    peer->provides = true;
    swarm->n_provides++;
    probe_later(swarm, peer, swarm->config.probe_ms);
}

bool kad_swarm_names(struct kad_swarm *swarm, const struct kad_p2p_peer *named, unsigned *n_unknown)
{
    struct swarm_peer *peer = kad_swarm_peer_find(swarm, named->id);
    struct kad_bytes rest = named->body, addr;

    if (!swarm->config.probe_ms)
        return true;
    if (!peer && (*n_unknown)++ < UNKNOWN)
        peer = kad_swarm_peer_add(swarm, named->id);
    if (!peer)
        return true;
    for (unsigned n = 0; !peer->n_addrs && n < KAD_P2P_ADDRS && kad_p2p_next_addr(&rest, &addr); n++)
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

static bool has_host(const struct swarm_peer *peer, const struct kad_endpoint *host)
{
    struct kad_multiaddr parts;

    for (unsigned i = 0; i < peer->n_addrs; i++) {
        const struct kad_bytes addr = {peer->addrs[i].bytes, peer->addrs[i].n};

        if (kad_multiaddr_parse(addr, &parts) == 0 && parts.host == KAD_HOST_IP &&
            kad_endpoint_same_host(&parts.endpoint, host))
            return true;
    }
    return false;
}

/* Others that were looked for there in this interval. */
static unsigned n_probed(const struct kad_swarm *swarm, const struct swarm_peer *but,
                         const struct kad_endpoint *host)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < swarm->room_peers; i++) {
        const struct swarm_peer *peer = swarm->peers[i];

        n += peer && peer != but && peer->probed_at &&
             swarm->now - peer->probed_at < swarm->config.probe_ms && has_host(peer, host);
    }
    return n;
}

static bool is_good_for_that(const struct kad_swarm *swarm, const struct swarm_peer *peer, unsigned at,
                             struct kad_multiaddr *out_parts)
{
    const struct kad_bytes addr = {peer->addrs[at].bytes, peer->addrs[at].n};

    return kad_swarm_may_dial(swarm, addr, out_parts) && out_parts->host == KAD_HOST_IP &&
           (peer->near || kad_endpoint_scope(&out_parts->endpoint) == KAD_SCOPE_PUBLIC);
}

bool kad_swarm_may_probe(const struct kad_swarm *swarm, const struct swarm_peer *peer, unsigned at)
{
    struct kad_multiaddr parts;
    unsigned n = 0;

    for (unsigned i = 0; i < at; i++)
        n += is_good_for_that(swarm, peer, i, &parts);
    return n < ADDRS && is_good_for_that(swarm, peer, at, &parts) &&
           (n_probed(swarm, peer, &parts.endpoint) < PER_HOST ||
            (kad_endpoint_scope(&parts.endpoint) != KAD_SCOPE_PUBLIC && !swarm->config.limit_loopback));
}

static void probe(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    unsigned at = 0;

    while (at < peer->n_addrs && !kad_swarm_may_probe(swarm, peer, at))
        at++;
    if (at == peer->n_addrs) { /* nothing is known of it, for better or worse */
        probe_later(swarm, peer, swarm->config.probe_ms);
        return;
    }
    swarm->counters.probes++;
    peer->probed_at = swarm->now;
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
    for (uint32_t i = 0; swarm->n_provides && i < swarm->room_peers; i++) {
        struct swarm_peer *peer = swarm->peers[i];

        if (!peer || !peer->provides || peer->conn || peer->dialling || peer->n_dials)
            continue;
        if (swarm->now < peer->probe_at)
            next = peer->probe_at < next ? peer->probe_at : next;
        else if (!best || peer->wanted_at > best->wanted_at)
            best = peer;
    }
    swarm->probe_at = next;
    if (best) {
        swarm->probe_from = swarm->probe_at = swarm->now + swarm->config.probe_ms / PARTS + 1;
        probe(swarm, best);
    }
    kad_swarm_wake(swarm, swarm->probe_at);
}
