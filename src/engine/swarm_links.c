/* swarm_links - connections: who is let in, who is dialled and when, who gives way, and what their end means. */
#include "engine/swarm_parts.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"
#include "crypto/peer_id.h"

#define STREAMS_IN   128
#define STREAMS_OUT  64
#define BUFFERED_MAX (512 * 1024)
#define UNSENT_MAX   (256 * 1024)
#define HANDSHAKE_MS (10 * KAD_SECOND)
#define IDLE_MS      KAD_MINUTE
#define PING_MS      (30 * KAD_SECOND)
#define HELD_MS      KAD_MINUTE /* an open stream keeps its connection so long after it was used last */
#define NUMBERS      65536u

/* -- slots ------------------------------------------------------------------------------------------------------ */

struct swarm_conn *kad_swarm_conn(const struct kad_swarm *swarm, uint32_t number)
{
    const uint32_t slot = number % NUMBERS;
    struct swarm_conn *conn = slot < swarm->room_conns ? swarm->conns[slot] : NULL;

    return conn && conn->number == number ? conn : NULL;
}

struct swarm_conn *kad_swarm_conn_new(struct kad_swarm *swarm)
{
    const uint32_t most = swarm->config.max_links + swarm->config.max_dials;
    uint32_t slot = 0;
    struct swarm_conn *conn;

    while (slot < swarm->room_conns && swarm->conns[slot])
        slot++;
    if (slot == swarm->room_conns) {
        const uint32_t room = slot ? 2 * slot : 16;
        struct swarm_conn **more;

        if (slot >= most)
            return NULL;
        more = kad_resize(swarm->config.allocator, swarm->conns, slot * sizeof(*more), room * sizeof(*more));
        if (!more)
            return NULL;
        memset(more + slot, 0, (room - slot) * sizeof(*more));
        swarm->conns = more;
        swarm->room_conns = room;
    }
    conn = kad_alloc_zero(swarm->config.allocator, sizeof(*conn));
    if (!conn)
        return NULL;
    conn->number = slot + NUMBERS * ++swarm->generation;
    conn->since = conn->used_at = swarm->now;
    conn->until = conn->ask_at = KAD_NEVER;
    swarm->conns[slot] = conn;
    return conn;
}

void kad_swarm_conn_free(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    swarm->conns[conn->number % NUMBERS] = NULL;
    if (conn->link) {
        swarm->n_links--;
        swarm->n_closing -= conn->closing;
    }
    kad_link_free(conn->link);
    kad_free(swarm->config.allocator, conn, sizeof(*conn));
}

unsigned kad_swarm_n_spoken(const struct kad_swarm *swarm)
{
    return swarm->config.mode == KAD_SWARM_SERVER ? swarm->n_protocols : SWARM_KAD;
}

bool kad_swarm_link(struct kad_swarm *swarm, struct swarm_conn *conn, bool initiator)
{
    struct kad_link_config config = {
        .allocator = swarm->config.allocator,
        .suite = swarm->config.suite,
        .identity = &swarm->identity,
        .initiator = initiator,
        .protocols = swarm->protocols,
        .n_protocols = kad_swarm_n_spoken(swarm),
        .max_in = STREAMS_IN,
        .max_out = STREAMS_OUT,
        .max_buffered = BUFFERED_MAX,
        .max_unsent = UNSENT_MAX,
        .handshake_ms = HANDSHAKE_MS,
        .idle_ms = IDLE_MS,
        .ping_ms = PING_MS,
    };

    if (initiator && conn->peer)
        config.expected = (struct kad_bytes){conn->peer->id, conn->peer->n_id};
    kad_rng_bytes(&swarm->rng, config.ephemeral, sizeof(config.ephemeral));
    if (kad_link_new(&config, swarm->now, &conn->link) < 0)
        return false;
    swarm->n_links++;
    kad_swarm_order(swarm, conn);
    return true;
}

/* -- who gives way ---------------------------------------------------------------------------------------------- */

/* The longer nobody used it, the sooner it goes; who answers our protocol stays longer than who does not. */
static kad_ms worth(const struct swarm_conn *conn)
{
    return conn->used_at + (conn->peer && conn->peer->is_server ? 5 * KAD_MINUTE : 0);
}

/* Others do not get all places: however many come, we can still dial. */
static bool has_room(const struct kad_swarm *swarm, bool inbound)
{
    const unsigned most = swarm->config.max_links;
    unsigned n = 0;

    if (swarm->n_links - swarm->n_closing >= most)
        return false;
    for (uint32_t i = 0; inbound && i < swarm->room_conns; i++) {
        const struct swarm_conn *conn = swarm->conns[i];

        n += conn && conn->link && conn->inbound && !conn->closing;
    }
    return n < most - most / 8;
}

/* The one worth least; NULL: none may go. `brief`: where all are young, those that nobody used of late may, too: a visit is a question or
 * two, and who is sent away with none cannot even join. */
static struct swarm_conn *least_of(const struct kad_swarm *swarm, bool inbound, bool brief)
{
    struct swarm_conn *least = NULL;

    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        struct swarm_conn *conn = swarm->conns[i];
        const kad_ms age = conn ? swarm->now - conn->since : 0;
        const kad_ms unused = conn ? swarm->now - conn->used_at : 0;

        if (!conn || !conn->up || conn->closing || conn->n_in_flight || (inbound && !conn->inbound) ||
            kad_swarm_program_holds(conn))
            continue;
        if (brief ? age < KAD_SWARM_BRIEF_MS || unused < KAD_SWARM_BRIEF_MS
                  : age < KAD_SWARM_SETTLED_MS || (kad_link_n_streams(conn->link) && unused < HELD_MS))
            continue;
        if (!least || worth(conn) < worth(least))
            least = conn;
    }
    return least;
}

bool kad_swarm_make_room(struct kad_swarm *swarm, bool inbound)
{
    struct swarm_conn *least;

    if (has_room(swarm, inbound))
        return true;
    least = least_of(swarm, inbound, false);
    if (!least)
        least = least_of(swarm, inbound, true);
    if (!least)
        return false;
    swarm->counters.trimmed++;
    kad_link_close(least->link);
    kad_swarm_conn_end(swarm, least, true);
    return has_room(swarm, inbound);
}

/* -- who comes -------------------------------------------------------------------------------------------------- */

/* Counts who comes from one host. False: too many in this second. */
static bool may_come(struct kad_swarm *swarm, const struct kad_endpoint *from)
{
    const bool is_here = kad_endpoint_scope(from) == KAD_SCOPE_LOOPBACK && !swarm->config.limit_loopback;
    const uint64_t host = kad_hash(1, from->address, sizeof(from->address)) | 1;
    const size_t at = (size_t)(host >> 32) % SWARM_HOSTS;

    if (is_here)
        return true;
    if (swarm->hosts[at].host != host || swarm->now - swarm->hosts[at].at >= KAD_SECOND) {
        swarm->hosts[at].host = host;
        swarm->hosts[at].at = swarm->now;
        swarm->hosts[at].n = 0;
    }
    return ++swarm->hosts[at].n <= swarm->config.accept_per_s;
}

/* Whoever has one network does not get all places: of those that others opened, each address (an IPv6 /64) and each /24 or /48 has
 * so many at once. */
static bool is_crowded(const struct kad_swarm *swarm, const struct kad_endpoint *from)
{
    const size_t of_host = from->family == KAD_IPV6 ? 8 : 4, of_subnet = from->family == KAD_IPV6 ? 6 : 3;
    unsigned n_host = 0, n_subnet = 0;

    if (kad_endpoint_scope(from) != KAD_SCOPE_PUBLIC && !swarm->config.limit_loopback)
        return false;
    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        const struct swarm_conn *conn = swarm->conns[i];

        if (!conn || !conn->inbound || conn->closing || conn->remote.family != from->family ||
            memcmp(conn->remote.address, from->address, of_subnet) != 0)
            continue;
        n_subnet++;
        n_host += memcmp(conn->remote.address, from->address, of_host) == 0;
    }
    return n_host >= swarm->config.max_per_host || n_subnet >= swarm->config.max_per_subnet;
}

int kad_swarm_accepted(struct kad_swarm *swarm, const struct kad_endpoint *from,
                       enum kad_multiaddr_transport transport, kad_ms now, uint32_t *out_connection)
{
    struct swarm_conn *conn = NULL;

    bool crowded;

    swarm->now = now;
    crowded = is_crowded(swarm, from);
    swarm->counters.crowded += crowded;
    if (!crowded && may_come(swarm, from) && kad_swarm_make_room(swarm, true))
        conn = kad_swarm_conn_new(swarm);
    if (!conn) {
        swarm->counters.refused++;
        return KAD_E_LIMIT;
    }
    conn->inbound = true;
    conn->remote = *from;
    conn->transport = transport;
    if (!kad_swarm_link(swarm, conn, false)) {
        kad_swarm_conn_free(swarm, conn);
        return KAD_E_MEMORY;
    }
    swarm->counters.accepted++;
    *out_connection = conn->number;
    return 0;
}

/* -- who is dialled --------------------------------------------------------------------------------------------- */

static bool dial(struct kad_swarm *swarm, struct swarm_peer *peer, struct kad_bytes addr)
{
    struct kad_multiaddr parts;
    struct swarm_conn *conn;

    if (swarm->n_dials == swarm->config.max_dials || !kad_swarm_make_room(swarm, false) ||
        kad_multiaddr_parse(addr, &parts) < 0)
        return false;
    conn = kad_swarm_conn_new(swarm);
    if (!conn)
        return false;
    conn->peer = peer;
    conn->to_dial = true;
    conn->remote = parts.endpoint;
    conn->transport = parts.transport;
    conn->n_addr = (uint8_t)parts.n_bare;
    memcpy(conn->addr, addr.data, parts.n_bare);
    conn->until = swarm->now + swarm->config.dial_ms;
    swarm->n_dials++;
    swarm->counters.dialled++;
    if (peer)
        peer->n_dials++;
    kad_swarm_order(swarm, conn);
    return true;
}

static void begin_race(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    peer->dialling = true;
    peer->n_refused = peer->n_again = 0;
    peer->next_dialling = swarm->first_dialling;
    peer->at_dialling = &swarm->first_dialling;
    if (peer->next_dialling)
        peer->next_dialling->at_dialling = &peer->next_dialling;
    swarm->first_dialling = peer;
}

static void end_race(struct swarm_peer *peer)
{
    if (!peer->dialling)
        return;
    peer->dialling = false;
    *peer->at_dialling = peer->next_dialling;
    if (peer->next_dialling)
        peer->next_dialling->at_dialling = peer->at_dialling;
}

/* Nobody is to be had: whoever waited for it hears of it, and for a while it is not tried again. */
static void give_up(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    kad_ms wait = KAD_SWARM_BACKOFF_MS;

    for (unsigned i = 0; i < peer->n_failed && wait < KAD_SWARM_BACKOFF_MOST; i++)
        wait *= 2;
    if (peer->n_failed < UINT8_MAX)
        peer->n_failed++;
    end_race(peer);
    peer->dial_at = swarm->now + (wait < KAD_SWARM_BACKOFF_MOST ? wait : KAD_SWARM_BACKOFF_MOST);
    while (peer->first_ask) {
        struct swarm_ask *ask = peer->first_ask;

        peer->first_ask = ask->next;
        kad_swarm_ask_unheard(swarm, ask);
    }
    peer->last_ask = &peer->first_ask;
    if (peer->probing)
        kad_swarm_probe_missed(swarm, peer);
    kad_swarm_program_settle(swarm, peer);
}

/* The next of its addresses; when there are none left and none is being tried, that was it. */
static void race(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    while (peer->probing && peer->next_addr < peer->n_addrs &&
           !kad_swarm_may_probe(swarm, peer, peer->next_addr))
        peer->next_addr++;
    if (peer->next_addr < peer->n_addrs) {
        const struct kad_bytes addr = {peer->addrs[peer->next_addr].bytes, peer->addrs[peer->next_addr].n};

        if (peer->n_addrs - peer->next_addr <= peer->n_again) {
            if (swarm->now < peer->again_at) {
                peer->dial_at = peer->again_at;
                kad_swarm_wake(swarm, peer->dial_at);
                return;
            }
            peer->n_again--;
        }
        if (dial(swarm, peer, addr)) {
            peer->next_addr++;
            if (peer->probing)
                kad_swarm_probed(swarm, addr);
        }
        peer->dial_at = swarm->now + KAD_SWARM_RACE_MS;
        kad_swarm_wake(swarm, peer->dial_at);
        return;
    }
    peer->dial_at = KAD_NEVER;
    if (!peer->n_dials)
        give_up(swarm, peer);
}

/* Somebody is there, and closed the connection before a word: as we do when all places are taken, for a moment. When the other
 * addresses were tried, this one is again. */
static void try_again(struct kad_swarm *swarm, struct swarm_peer *peer, const struct swarm_conn *conn)
{
    unsigned at = 0;

    while (at < peer->next_addr && (peer->addrs[at].n != conn->n_addr ||
                                    memcmp(peer->addrs[at].bytes, conn->addr, conn->n_addr) != 0))
        at++;
    if (at == peer->next_addr || at >= peer->n_addrs || peer->n_refused == KAD_SWARM_REFUSALS)
        return;
    memmove(&peer->addrs[at], &peer->addrs[at + 1], (peer->n_addrs - at - 1u) * sizeof(*peer->addrs));
    peer->addrs[peer->n_addrs - 1].n = conn->n_addr;
    memcpy(peer->addrs[peer->n_addrs - 1].bytes, conn->addr, conn->n_addr);
    peer->next_addr--;
    peer->n_again++;
    peer->again_at = swarm->now + (KAD_SWARM_REFUSED_MS << peer->n_refused++);
}

void kad_swarm_want(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    if (peer->dialling && peer->probing) { /* there is more to it now: all addresses, from the first */
        peer->probing = false;
        peer->next_addr = peer->n_again = 0;
        peer->dial_at = swarm->now;
        kad_swarm_wake(swarm, swarm->now);
    }
    if (peer->conn || peer->dialling)
        return;
    if (!peer->n_addrs || (peer->n_failed && swarm->now < peer->dial_at)) {
        const kad_ms dial_at = peer->dial_at;
        const uint8_t n_failed = peer->n_failed;

        give_up(swarm, peer);
        if (n_failed) { /* a question too soon does not make it worse */
            peer->dial_at = dial_at;
            peer->n_failed = n_failed;
        }
        return;
    }
    begin_race(swarm, peer);
    peer->next_addr = 0;
    race(swarm, peer);
}

void kad_swarm_dial_tick(struct kad_swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        struct swarm_conn *conn = swarm->conns[i];

        if (conn && !conn->link && swarm->now >= conn->until)
            kad_swarm_conn_end(swarm, conn, true);
    }
    for (struct swarm_peer *peer = swarm->first_dialling, *next; peer; peer = next) {
        next = peer->next_dialling;
        if (swarm->now >= peer->dial_at)
            race(swarm, peer);
    }
}

int kad_swarm_connect(struct kad_swarm *swarm, struct kad_bytes addr, kad_ms now)
{
    struct kad_multiaddr parts;
    struct swarm_peer *peer = NULL;

    swarm->now = now;
    if (kad_multiaddr_parse(addr, &parts) < 0 || parts.transport < KAD_TRANSPORT_TCP ||
        parts.n_bare > SWARM_ADDR_MAX || (parts.peer.size && !kad_peer_id_is_valid(parts.peer)))
        return KAD_E_INVALID;
    if (parts.peer.size) {
        peer = kad_swarm_peer_add(swarm, parts.peer);
        if (!peer)
            return KAD_E_MEMORY;
        kad_swarm_peer_addr(swarm, peer, addr);
        peer->n_failed = 0; /* we are told to */
        if (peer->conn && peer->is_server && peer->endpoint.family)
            kad_swarm_greet(swarm, peer);
        if (peer->n_addrs) {
            kad_swarm_want(swarm, peer);
            return 0;
        }
    }
    return dial(swarm, peer, addr) ? 0 : KAD_E_LIMIT;
}

/* -- up and down ------------------------------------------------------------------------------------------------ */

/* One of its addresses answered: the others need not be tried any more. */
static void win_race(struct kad_swarm *swarm, struct swarm_peer *peer, const struct swarm_conn *winner)
{
    end_race(peer);
    for (uint32_t i = 0; i < swarm->room_conns && peer->n_dials; i++) {
        struct swarm_conn *conn = swarm->conns[i];

        if (conn && conn != winner && conn->peer == peer && !conn->up && !conn->closing)
            kad_swarm_conn_end(swarm, conn, true);
    }
}

void kad_swarm_came_up(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    const struct kad_bytes id = kad_link_peer(conn->link);
    struct swarm_peer *peer = kad_swarm_peer_add(swarm, id);

    swarm->counters.up++;
    conn->up = true;
    if (conn->peer && conn->peer->n_dials)
        conn->peer->n_dials--;
    conn->peer = peer;
    if (!peer || (id.size == swarm->n_self && memcmp(id.data, swarm->self, id.size) == 0)) {
        conn->peer = NULL; /* ourselves */
        kad_link_close(conn->link);
        kad_swarm_order(swarm, conn);
        return;
    }
    if (!conn->inbound && !peer->n_addrs)
        kad_swarm_peer_addr(swarm, peer, (struct kad_bytes){conn->addr, conn->n_addr});
    peer->n_failed = 0;
    peer->protocol = peer->protocol >= SWARM_KAD ? peer->protocol : SWARM_KAD;
    peer->dial_at = 0;
    if (!peer->conn)
        peer->conn = conn;
    win_race(swarm, peer, conn);
    kad_swarm_probe_found(swarm, peer, conn);
    kad_swarm_identify(swarm, conn);
    kad_swarm_ask_waiting(swarm, peer);
    kad_swarm_program_settle(swarm, peer);
}

/* Another of a peer's connections, when one has ended. */
static struct swarm_conn *other_of(const struct kad_swarm *swarm, const struct swarm_peer *peer,
                                   const struct swarm_conn *but)
{
    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        struct swarm_conn *conn = swarm->conns[i];

        if (conn && conn != but && conn->peer == peer && conn->link && kad_link_is_up(conn->link))
            return conn;
    }
    return NULL;
}

static void fail_asks(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    while (conn->asks) {
        struct swarm_ask *ask = conn->asks;

        conn->asks = ask->next_of_conn;
        conn->n_in_flight--;
        ask->conn = NULL;
        kad_swarm_ask_unheard(swarm, ask);
    }
}

void kad_swarm_conn_end(struct kad_swarm *swarm, struct swarm_conn *conn, bool close_socket)
{
    struct swarm_peer *peer = conn->peer;

    if (conn->closing)
        return;
    conn->closing = true;
    swarm->n_closing += conn->link != NULL;
    conn->until = swarm->now + KAD_SECOND; /* its socket has so long to take what is left */
    kad_swarm_lose_streams(swarm, conn);
    kad_swarm_program_lose(swarm, conn);
    fail_asks(swarm, conn);
    if (!conn->link) {
        swarm->n_dials--;
        swarm->counters.dial_failed += !peer || !peer->conn; /* else another address won */
    }
    if (peer && !conn->up && peer->n_dials) {
        peer->n_dials--;
        if (peer->dialling && conn->link && !close_socket && !peer->probing)
            try_again(swarm, peer, conn);
        if (peer->dialling)
            race(swarm, peer);
        else if (!peer->conn && !peer->n_dials && (peer->first_ask || peer->n_streams))
            give_up(swarm, peer);
    } else if (!peer && !conn->inbound && !conn->link) {
        kad_swarm_tell(swarm, KAD_SWARM_DEAD, (struct kad_bytes){0}, &conn->remote);
    }
    if (peer && peer->conn == conn) {
        peer->conn = other_of(swarm, peer, conn);
        if (peer->conn)
            kad_swarm_ask_waiting(swarm, peer);
        else if (peer->first_ask)
            kad_swarm_want(swarm, peer);
        if (!peer->conn)
            kad_swarm_probe_lost(swarm, peer);
    }
    conn->peer = NULL;
    if (close_socket)
        kad_swarm_order(swarm, conn);
}
