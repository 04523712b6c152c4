#include "engine/swarm_parts.h"

#include <assert.h>
#include <string.h>

#include "crypto/crypto.h"
#include "crypto/peer_id.h"
#include "engine/network.h"

#define FRAME_ROOM  (KAD_P2P_TAKEN_MAX + 64)
#define ASK_ROOM    256
#define HANDLE_SIZE 8

static const char identify_protocol[] = "/ipfs/id/1.0.0";
static const char push_protocol[] = "/ipfs/id/push/1.0.0";
static const char ping_protocol[] = "/ipfs/ping/1.0.0";

/* -- life ------------------------------------------------------------------------------------------------------- */

static void fill_in(struct kad_swarm_config *config)
{
    if (!config->suite)
        config->suite = &kad_suite_libp2p;
    if (!config->agent)
        config->agent = "kad";
    if (!config->max_links)
        config->max_links = KAD_SWARM_LINKS;
    if (!config->max_dials)
        config->max_dials = KAD_SWARM_DIALS;
    if (!config->max_peers)
        config->max_peers = 16384;
    if (!config->max_waiting)
        config->max_waiting = 1024;
    if (!config->accept_per_s)
        config->accept_per_s = 50;
    if (!config->max_per_host)
        config->max_per_host = 32;
    if (!config->max_per_subnet)
        config->max_per_subnet = 64;
    if (!config->dial_ms)
        config->dial_ms = KAD_SWARM_DIAL_MS;
}

static void name_protocols(struct kad_swarm *swarm)
{
    swarm->protocols[SWARM_IDENTIFY] = identify_protocol;
    swarm->protocols[SWARM_PUSH] = push_protocol;
    swarm->protocols[SWARM_PING] = ping_protocol;
    swarm->n_protocols = SWARM_KAD;
    for (unsigned i = 0; i < KAD_SWARM_PROTOCOLS && swarm->config.protocols[i]; i++)
        swarm->protocols[swarm->n_protocols++] = swarm->config.protocols[i];
}

int kad_swarm_new(const struct kad_swarm_config *config, kad_ms now, struct kad_swarm **out_swarm)
{
    struct kad_swarm *swarm;
    uint8_t public_key[32], static_secret[32];
    int error = kad_crypto_init();

    if (error)
        return error;
    if (!config->protocols[0])
        return KAD_E_INVALID;
    for (unsigned i = 0; i < KAD_SWARM_PROTOCOLS && config->protocols[i]; i++) {
        if (strlen(config->protocols[i]) > KAD_PROTOCOL_MAX || config->protocols[i][0] != '/')
            return KAD_E_INVALID;
    }
    swarm = kad_alloc_zero(config->allocator, sizeof(*swarm));
    if (!swarm)
        return KAD_E_MEMORY;
    swarm->config = *config;
    fill_in(&swarm->config);
    name_protocols(swarm);
    swarm->now = now;
    swarm->wake_at = swarm->probe_at = KAD_NEVER;
    swarm->last_greeting = &swarm->first_greeting;
    swarm->last_back = &swarm->first_back;
    swarm->last_serve = &swarm->first_serve;
    swarm->last_order = &swarm->first_order;
    swarm->last_stream_news = &swarm->first_stream_news;
    kad_rng_init(&swarm->rng, config->random);
    kad_index_init(&swarm->by_peer, config->allocator, swarm->config.max_peers);
    kad_index_init(&swarm->by_place, config->allocator, swarm->config.max_peers);
    kad_index_init(&swarm->by_name, config->allocator, SWARM_NAMES);
    kad_ed25519_keypair(config->seed, public_key, swarm->secret);
    kad_wipe(swarm->config.seed, sizeof(swarm->config.seed));
    kad_peer_key_ed25519(public_key, swarm->self_key);
    kad_rng_bytes(&swarm->rng, static_secret, sizeof(static_secret));
    kad_link_identity_make(&swarm->identity, swarm->config.suite, swarm->secret, static_secret);
    kad_wipe(static_secret, sizeof(static_secret));
    error = kad_peer_id_of_key((struct kad_bytes){swarm->self_key, sizeof(swarm->self_key)}, swarm->self,
                               &swarm->n_self);
    kad_peer_id_place(kad_swarm_self(swarm), &swarm->place);
    swarm->room_frame = FRAME_ROOM;
    swarm->frame = kad_alloc(config->allocator, swarm->room_frame);
    if (error || !swarm->frame) {
        kad_swarm_free(swarm);
        return error ? error : KAD_E_MEMORY;
    }
    *out_swarm = swarm;
    return 0;
}

static void free_asks(struct kad_swarm *swarm, struct swarm_ask *ask)
{
    for (struct swarm_ask *next; ask; ask = next) {
        next = ask->next;
        kad_free(swarm->config.allocator, ask->bytes, ask->room);
        kad_free(swarm->config.allocator, ask, sizeof(*ask));
    }
}

static void free_serves(struct kad_swarm *swarm, struct swarm_serve *serve)
{
    for (struct swarm_serve *next; serve; serve = next) {
        next = serve->next;
        kad_free(swarm->config.allocator, serve, sizeof(*serve));
    }
}

void kad_swarm_free(struct kad_swarm *swarm)
{
    const struct kad_allocator *allocator;

    if (!swarm)
        return;
    allocator = swarm->config.allocator;
    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        struct swarm_conn *conn = swarm->conns[i];

        if (!conn)
            continue;
        for (struct swarm_ask *ask = conn->asks, *next; ask; ask = next) {
            next = ask->next_of_conn;
            ask->next = NULL;
            free_asks(swarm, ask);
        }
        for (struct swarm_serve *serve = conn->serves, *next; serve; serve = next) {
            next = serve->next_of_conn;
            if (!serve->listed)
                kad_free(allocator, serve, sizeof(*serve));
        }
        kad_swarm_conn_free(swarm, conn);
    }
    for (uint32_t i = 0; i < swarm->room_peers; i++)
        free_asks(swarm, swarm->peers[i] ? swarm->peers[i]->first_ask : NULL);
    free_asks(swarm, swarm->first_back);
    free_asks(swarm, swarm->free_asks);
    free_serves(swarm, swarm->first_serve);
    free_serves(swarm, swarm->free_serves);
    kad_swarm_program_clear(swarm);
    kad_swarm_probe_clear(swarm);
    kad_swarm_peers_clear(swarm);
    kad_free(allocator, swarm->conns, swarm->room_conns * sizeof(struct swarm_conn *));
    kad_free(allocator, swarm->frame, swarm->room_frame);
    kad_free(allocator, swarm->echo, swarm->room_echo);
    kad_wipe(swarm, sizeof(*swarm));
    kad_free(allocator, swarm, sizeof(*swarm));
}

struct kad_bytes kad_swarm_self(const struct kad_swarm *swarm)
{
    return (struct kad_bytes){swarm->self, swarm->n_self};
}

int kad_swarm_listening(struct kad_swarm *swarm, const struct kad_bytes *addrs, size_t n_addrs, kad_ms now)
{
    struct kad_multiaddr parts;

    if (n_addrs > KAD_SWARM_LISTEN)
        return KAD_E_LIMIT;
    swarm->now = now;
    swarm->n_listen = 0;
    for (size_t i = 0; i < n_addrs; i++) {
        if (kad_multiaddr_parse(addrs[i], &parts) < 0 || parts.n_bare > SWARM_ADDR_MAX)
            return KAD_E_INVALID;
        memcpy(swarm->listen[swarm->n_listen], addrs[i].data, parts.n_bare);
        swarm->n_listen_bytes[swarm->n_listen++] = (uint8_t)parts.n_bare;
    }
    kad_swarm_push(swarm);
    return 0;
}

void kad_swarm_set_mode(struct kad_swarm *swarm, enum kad_swarm_mode mode, kad_ms now)
{
    swarm->now = now;
    if (swarm->config.mode == mode)
        return;
    swarm->config.mode = mode;
    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        if (swarm->conns[i] && swarm->conns[i]->link)
            kad_link_speak(swarm->conns[i]->link, kad_swarm_n_spoken(swarm));
    }
    kad_swarm_push(swarm);
}

/* -- questions -------------------------------------------------------------------------------------------------- */

void kad_swarm_ask_free(struct kad_swarm *swarm, struct swarm_ask *ask)
{
    ask->peer->n_asks--;
    if (ask->room > 4 * ASK_ROOM) {
        kad_free(swarm->config.allocator, ask->bytes, ask->room);
        ask->bytes = NULL;
        ask->room = 0;
    }
    ask->next = swarm->free_asks;
    swarm->free_asks = ask;
    swarm->n_asks--;
}

void kad_swarm_ask_back(struct kad_swarm *swarm, struct swarm_ask *ask, bool failed)
{
    ask->back = true;
    ask->failed = failed;
    ask->next = NULL;
    *swarm->last_back = ask;
    swarm->last_back = &ask->next;
}

void kad_swarm_ask_unheard(struct kad_swarm *swarm, struct swarm_ask *ask)
{
    kad_swarm_tell(swarm, KAD_SWARM_DEAD, (struct kad_bytes){ask->peer->id, ask->peer->n_id}, &ask->endpoint);
    kad_swarm_ask_free(swarm, ask);
}

/* NULL: a ceiling, or no memory. */
static struct swarm_ask *ask_new(struct kad_swarm *swarm, size_t n_bytes)
{
    struct swarm_ask *ask = swarm->free_asks;
    uint8_t *bytes = NULL;
    size_t room = n_bytes > ASK_ROOM ? n_bytes : ASK_ROOM;

    if (swarm->n_asks == swarm->config.max_waiting)
        return NULL;
    if (ask) {
        swarm->free_asks = ask->next;
        bytes = ask->bytes;
        if (ask->room < room) {
            kad_free(swarm->config.allocator, bytes, ask->room);
            bytes = NULL;
        } else {
            room = ask->room;
        }
    } else {
        ask = kad_alloc(swarm->config.allocator, sizeof(*ask));
    }
    if (ask && !bytes)
        bytes = kad_alloc(swarm->config.allocator, room);
    if (!ask || !bytes) {
        kad_free(swarm->config.allocator, ask, sizeof(*ask));
        return NULL;
    }
    memset(ask, 0, sizeof(*ask));
    ask->bytes = bytes;
    ask->room = room;
    ask->n_bytes = n_bytes;
    ask->until = swarm->now + SWARM_ASK_MS;
    swarm->n_asks++;
    return ask;
}

static void send_question(struct kad_swarm *swarm, const struct kad_datagram *datagram,
                          const struct kad_p2p_frame *frame)
{
    uint8_t bytes[KAD_P2P_ANSWER_MAX + 8], addr[32];
    const bool pings = frame->flags & KAD_P2P_PINGS;
    struct swarm_peer *peer =
        datagram->identity.size == 0 /* asked for by its address only */
            ? kad_swarm_peer_where(swarm, &datagram->peer)
            : kad_peer_id_is_valid(datagram->identity) ? kad_swarm_peer_add(swarm, datagram->identity) : NULL;
    uint8_t type = KAD_P2P_PING;
    struct swarm_ask *ask;
    size_t n = 32;

    if (pings)
        kad_rng_bytes(&swarm->rng, bytes, n);
    else
        n = kad_swarm_write_question(swarm, frame, &type, bytes, sizeof(bytes));
    ask = peer && n && frame->transaction.size <= sizeof(ask->transaction) ? ask_new(swarm, n) : NULL;
    if (!ask) {
        kad_swarm_tell(swarm, KAD_SWARM_DEAD, (struct kad_bytes){0}, &datagram->peer);
        return;
    }
    memcpy(ask->bytes, bytes, n);
    ask->peer = peer;
    peer->n_asks++;
    ask->pings = pings;
    ask->type = type;
    ask->endpoint = datagram->peer;
    ask->n_transaction = (uint8_t)frame->transaction.size;
    memcpy(ask->transaction, frame->transaction.data, ask->n_transaction);
    if (!peer->n_addrs && !peer->conn)
        kad_swarm_peer_addr(swarm, peer,
                            (struct kad_bytes){addr, kad_multiaddr_make(&datagram->peer, KAD_TRANSPORT_TCP,
                                                                        addr, sizeof(addr))});
    *peer->last_ask = ask;
    peer->last_ask = &ask->next;
    if (peer->conn)
        kad_swarm_ask_waiting(swarm, peer);
    else
        kad_swarm_want(swarm, peer);
}

static void send_answer(struct kad_swarm *swarm, const struct kad_p2p_frame *frame)
{
    uint8_t bytes[KAD_P2P_ANSWER_MAX + 8];
    struct swarm_serve *serve = swarm->serving;
    struct swarm_conn *conn;
    bool sent = false;
    size_t n;

    if (!serve || !serve->conn) /* its stream is gone, or it was answered */
        return;
    swarm->serving = NULL;
    conn = serve->conn;
    if (frame->kind == KAD_P2P_REPLY && serve->type == KAD_P2P_PUT_VALUE) {
        sent = kad_link_write(conn->link, serve->stream, (struct kad_bytes){swarm->echo, swarm->n_echo},
                              false, swarm->now);
    } else if (frame->kind == KAD_P2P_REPLY && serve->type == KAD_P2P_ADD_PROVIDER) {
        sent = true; /* nobody answers these */
    } else if (frame->kind == KAD_P2P_REPLY) {
        n = kad_swarm_write_answer(swarm, frame, serve->type, (struct kad_bytes){serve->key, serve->n_key},
                                   (struct kad_bytes){conn->peer->id, conn->peer->n_id}, bytes,
                                   sizeof(bytes));
        sent =
            n && kad_link_write(conn->link, serve->stream, (struct kad_bytes){bytes, n}, false, swarm->now);
    }
    kad_swarm_served(swarm, serve, sent);
}

void kad_swarm_send(struct kad_swarm *swarm, const struct kad_datagram *datagram, kad_ms now)
{
    struct kad_p2p_frame frame;

    swarm->now = now;
    if (kad_p2p_frame_read(datagram->bytes, &frame) < 0)
        return;
    if (frame.kind == KAD_P2P_QUERY)
        send_question(swarm, datagram, &frame);
    else
        send_answer(swarm, &frame);
}

/* -- for the engine --------------------------------------------------------------------------------------------- */

/* A frame around a message, in the swarm's own room. */
static bool frame(struct kad_swarm *swarm, const struct kad_p2p_frame *frame,
                  struct kad_datagram *out_datagram)
{
    const size_t n = kad_p2p_frame_write_head(frame, swarm->frame, swarm->room_frame);

    if (!n || swarm->room_frame - n < frame->message.size)
        return false;
    if (frame->message.size)
        memcpy(swarm->frame + n, frame->message.data, frame->message.size);
    out_datagram->bytes = (struct kad_bytes){swarm->frame, n + frame->message.size};
    return true;
}

/* Whoever it is, it may be forgotten while the engine hears of it. */
static struct kad_bytes speaker(struct kad_swarm *swarm, const struct swarm_peer *peer)
{
    memcpy(swarm->speaker, peer->id, peer->n_id);
    return (struct kad_bytes){swarm->speaker, peer->n_id};
}

/* What others hold came to them earlier; when, they do not say. It must count as older than what we publish now, having asked. */
#define HELD_FOR (10 * KAD_MINUTE)

/* What came of a question of ours. False: it is of no use to the engine. */
static bool deliver_answer(struct kad_swarm *swarm, struct swarm_ask *ask, struct kad_datagram *out_datagram)
{
    struct kad_p2p_frame head = {
        .kind = ask->failed ? KAD_P2P_ERROR : KAD_P2P_REPLY,
        .flags = (uint8_t)(KAD_P2P_MADE_AT | (ask->pings && !ask->failed ? KAD_P2P_PINGS : 0)),
        .transaction = {ask->transaction, ask->n_transaction},
        .made_at = swarm->now > HELD_FOR ? swarm->now - HELD_FOR : 1,
    };
    struct kad_bytes unread = {0};
    size_t size = 0;
    bool good = true;

    if (!ask->failed && ask->conn) {
        unread = kad_link_unread(ask->conn->link, ask->stream);
        if (!ask->pings && ask->type != KAD_P2P_ADD_PROVIDER)
            good = kad_swarm_message(unread, KAD_P2P_TAKEN_MAX, &head.message, &size) > 0;
    }
    if (good && head.message.size)
        kad_swarm_learn_from(swarm, head.message);
    out_datagram->peer = ask->endpoint;
    out_datagram->identity = speaker(swarm, ask->peer);
    good = good && frame(swarm, &head, out_datagram);
    if (ask->conn && ask->stream) {
        struct swarm_conn *conn = ask->conn;

        kad_link_set_context(conn->link, ask->stream, NULL);
        kad_link_read(conn->link, ask->stream, unread.size);
        if (ask->failed || !kad_link_write(conn->link, ask->stream, (struct kad_bytes){0}, true, swarm->now))
            kad_link_reset(conn->link, ask->stream);
        kad_swarm_order(swarm, conn);
    }
    return good;
}

static bool deliver_question(struct kad_swarm *swarm, struct swarm_serve *serve,
                             struct kad_datagram *out_datagram)
{
    struct swarm_conn *conn = serve->conn;
    const struct swarm_peer *peer = conn->peer;
    const struct kad_bytes unread = kad_link_unread(conn->link, serve->stream);
    struct kad_p2p_frame head = {.kind = KAD_P2P_QUERY, .flags = KAD_P2P_MADE_AT, .made_at = swarm->now};
    const uint8_t handle[HANDLE_SIZE] = {1};
    size_t size = 0;
    bool good;

    good = peer && kad_swarm_message(unread, KAD_P2P_TAKEN_MAX, &head.message, &size) > 0 &&
           kad_swarm_look(swarm, serve, &head.message);
    if (!good) {
        swarm->counters.malformed++;
        kad_swarm_served(swarm, serve, false);
        return false;
    }
    swarm->counters.requests_in++;
    conn->used_at = swarm->now;
    if (serve->type == KAD_P2P_ADD_PROVIDER)
        kad_swarm_provides(swarm, conn->peer);
    head.transaction = (struct kad_bytes){handle, sizeof(handle)};
    if (!peer->is_server || !peer->endpoint.family)
        head.flags |= KAD_P2P_CLIENT;
    out_datagram->peer = peer->is_server && peer->endpoint.family ? peer->endpoint : conn->remote;
    out_datagram->identity = speaker(swarm, peer);
    good = frame(swarm, &head, out_datagram);
    assert(good && "there is room for as much as is taken");
    kad_link_read(conn->link, serve->stream, size);
    swarm->serving = serve;
    return good;
}

void kad_swarm_greet(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    kad_swarm_tell(swarm, KAD_SWARM_NODE, (struct kad_bytes){peer->id, peer->n_id}, &peer->endpoint);
    if (peer->greets)
        return;
    peer->greets = true;
    peer->next_greeting = NULL;
    *swarm->last_greeting = peer;
    swarm->last_greeting = &peer->next_greeting;
}

static bool deliver_greeting(struct kad_swarm *swarm, struct kad_datagram *out_datagram)
{
    static const uint8_t handle[HANDLE_SIZE];
    struct swarm_peer *peer = swarm->first_greeting;
    const struct kad_p2p_frame head = {
        .kind = KAD_P2P_QUERY, .flags = KAD_P2P_PINGS, .transaction = {handle, sizeof(handle)}};

    if (!peer)
        return false;
    swarm->first_greeting = peer->next_greeting;
    if (!swarm->first_greeting)
        swarm->last_greeting = &swarm->first_greeting;
    peer->greets = false;
    out_datagram->peer = peer->endpoint;
    out_datagram->identity = speaker(swarm, peer);
    return frame(swarm, &head, out_datagram);
}

bool kad_swarm_next_datagram(struct kad_swarm *swarm, kad_ms now, struct kad_datagram *out_datagram)
{
    swarm->now = now;
    if (swarm
            ->serving) { /* the engine has no answer for it: too much is asked, or by somebody it will not hear */
        struct swarm_serve *serve = swarm->serving;

        swarm->serving = NULL;
        kad_swarm_served(swarm, serve, false);
    }
    if (deliver_greeting(swarm, out_datagram))
        return true;
    while (swarm->first_back) {
        struct swarm_ask *ask = swarm->first_back;
        bool good;

        swarm->first_back = ask->next;
        if (!swarm->first_back)
            swarm->last_back = &swarm->first_back;
        good = deliver_answer(swarm, ask, out_datagram);
        kad_swarm_ask_free(swarm, ask);
        if (good)
            return true;
    }
    while (swarm->first_serve) {
        struct swarm_serve *serve = swarm->first_serve;

        swarm->first_serve = serve->next;
        if (!swarm->first_serve)
            swarm->last_serve = &swarm->first_serve;
        serve->listed = false;
        if (!serve->conn) {
            serve->next = swarm->free_serves;
            swarm->free_serves = serve;
        } else if (deliver_question(swarm, serve, out_datagram)) {
            return true;
        }
    }
    return false;
}

bool kad_swarm_has_datagrams(const struct kad_swarm *swarm)
{
    return swarm->first_greeting || swarm->first_back || swarm->first_serve;
}

void kad_swarm_tell(struct kad_swarm *swarm, enum kad_swarm_event_kind kind, struct kad_bytes peer,
                    const struct kad_endpoint *endpoint)
{
    unsigned at;

    if (swarm->n_events == SWARM_EVENTS)
        return; /* the engine finds out by itself, later */
    at = (swarm->first_event + swarm->n_events++) % SWARM_EVENTS;
    swarm->events[at].kind = kind;
    swarm->events[at].endpoint = *endpoint;
    swarm->events[at].n = (uint8_t)peer.size;
    if (peer.size)
        memcpy(swarm->events[at].peer, peer.data, peer.size);
}

bool kad_swarm_next_event(struct kad_swarm *swarm, struct kad_swarm_event *out_event)
{
    if (!swarm->n_events)
        return false;
    swarm->told = swarm->events[swarm->first_event];
    swarm->first_event = (swarm->first_event + 1) % SWARM_EVENTS;
    swarm->n_events--;
    *out_event = (struct kad_swarm_event){.kind = swarm->told.kind,
                                          .peer = {swarm->told.peer, swarm->told.n},
                                          .endpoint = swarm->told.endpoint};
    return true;
}

/* -- for the sockets -------------------------------------------------------------------------------------------- */

void kad_swarm_wake(struct kad_swarm *swarm, kad_ms at)
{
    if (at < swarm->wake_at)
        swarm->wake_at = at;
}

/* When something is due on it. */
static kad_ms due_at(const struct swarm_conn *conn)
{
    kad_ms at = conn->until;

    if (conn->closing || !conn->link)
        return at;
    at = conn->ask_at < at ? conn->ask_at : at;
    return kad_link_wake_at(conn->link) < at ? kad_link_wake_at(conn->link) : at;
}

void kad_swarm_order(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    kad_swarm_wake(swarm, due_at(conn));
    if (conn->ordered)
        return;
    conn->ordered = true;
    conn->next_order = NULL;
    *swarm->last_order = conn;
    swarm->last_order = &conn->next_order;
}

static void unorder(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    struct swarm_conn **at = &swarm->first_order;

    if (!conn->ordered)
        return;
    while (*at != conn)
        at = &(*at)->next_order;
    *at = conn->next_order;
    if (swarm->last_order == &conn->next_order)
        swarm->last_order = at;
    conn->ordered = false;
}

bool kad_swarm_next_order(struct kad_swarm *swarm, struct kad_swarm_order *out_order)
{
    while (swarm->first_order) {
        struct swarm_conn *conn = swarm->first_order;
        const bool writes = conn->link && kad_link_out(conn->link).size > 0;

        unorder(swarm, conn);
        *out_order = (struct kad_swarm_order){.connection = conn->number};
        if (conn->to_dial && !conn->closing) {
            conn->to_dial = false;
            out_order->kind = KAD_SWARM_DIAL;
            out_order->addr = (struct kad_bytes){conn->addr, conn->n_addr};
            return true;
        }
        if (conn->closing && (!writes || swarm->now >= conn->until)) {
            const bool never_dialled = conn->to_dial;

            out_order->kind = KAD_SWARM_CLOSE;
            kad_swarm_conn_free(swarm, conn);
            if (never_dialled)
                continue;
            return true;
        }
        if (writes) {
            out_order->kind = KAD_SWARM_WRITE;
            return true;
        }
    }
    return false;
}

struct kad_bytes kad_swarm_out(struct kad_swarm *swarm, uint32_t connection)
{
    struct swarm_conn *conn = kad_swarm_conn(swarm, connection);

    return conn && conn->link ? kad_link_out(conn->link) : (struct kad_bytes){0};
}

void kad_swarm_sent(struct kad_swarm *swarm, uint32_t connection, size_t n)
{
    struct swarm_conn *conn = kad_swarm_conn(swarm, connection);

    if (!conn || !conn->link)
        return;
    kad_link_sent(conn->link, n);
    if (!conn->closing) {
        kad_swarm_resume(swarm, conn);
        kad_swarm_program_resume(swarm, conn);
    }
    if (conn->closing || kad_link_out(conn->link).size)
        kad_swarm_order(swarm, conn);
}

void kad_swarm_connected(struct kad_swarm *swarm, uint32_t connection, kad_ms now)
{
    struct swarm_conn *conn = kad_swarm_conn(swarm, connection);

    swarm->now = now;
    if (!conn || conn->link || conn->closing)
        return;
    swarm->n_dials--;
    conn->until = KAD_NEVER;
    if (kad_swarm_link(swarm, conn, true))
        return;
    swarm->n_dials++; /* its end counts it again */
    kad_swarm_conn_end(swarm, conn, true);
}

void kad_swarm_closed(struct kad_swarm *swarm, uint32_t connection, kad_ms now)
{
    struct swarm_conn *conn = kad_swarm_conn(swarm, connection);

    swarm->now = now;
    if (!conn)
        return;
    kad_swarm_conn_end(swarm, conn, false);
    unorder(swarm, conn);
    kad_swarm_conn_free(swarm, conn);
}

void kad_swarm_failed(struct kad_swarm *swarm, uint32_t connection, kad_ms now)
{
    kad_swarm_closed(swarm, connection, now);
}

void kad_swarm_bytes(struct kad_swarm *swarm, uint32_t connection, uint8_t *bytes, size_t n, kad_ms now)
{
    struct swarm_conn *conn = kad_swarm_conn(swarm, connection);

    swarm->now = now;
    if (!conn || !conn->link || conn->closing)
        return;
    kad_link_bytes(conn->link, bytes, n, now);
    kad_swarm_news(swarm, conn);
}

/* -- time ------------------------------------------------------------------------------------------------------- */

/* The engine does not wait any more for questions that are so old: they make room for others. */
static void drop_unanswered(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    conn->ask_at = KAD_NEVER;
    for (struct swarm_ask **at = &conn->asks, *ask; (ask = *at);) {
        if (swarm->now < ask->until) {
            conn->ask_at = ask->until < conn->ask_at ? ask->until : conn->ask_at;
            at = &ask->next_of_conn;
            continue;
        }
        *at = ask->next_of_conn;
        conn->n_in_flight--;
        kad_link_set_context(conn->link, ask->stream, NULL);
        kad_link_reset(conn->link, ask->stream);
        kad_swarm_ask_free(swarm, ask);
    }
    if (conn->peer)
        kad_swarm_ask_waiting(swarm, conn->peer);
    kad_swarm_order(swarm, conn);
}

static void tick_conn(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    if (conn->closing) {
        if (swarm->now >= conn->until)
            kad_swarm_order(swarm, conn);
        return;
    }
    if (!conn->link)
        return;
    if (swarm->now >= kad_link_wake_at(conn->link)) {
        kad_link_tick(conn->link, swarm->now);
        kad_swarm_news(swarm, conn);
    }
    if (!conn->closing && swarm->now >= conn->ask_at)
        drop_unanswered(swarm, conn);
}

/* `wake_at` is the earliest instant of all or earlier, so that nobody has to look at all connections to know it: who changes
 * something makes it earlier, and only here, when it has come, is it made later. */
void kad_swarm_tick(struct kad_swarm *swarm, kad_ms now)
{
    swarm->now = now;
    if (now < swarm->wake_at)
        return;
    swarm->wake_at = KAD_NEVER;
    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        if (swarm->conns[i])
            tick_conn(swarm, swarm->conns[i]);
    }
    kad_swarm_dial_tick(swarm);
    kad_swarm_program_tick(swarm);
    kad_swarm_probe_tick(swarm);
    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        if (swarm->conns[i])
            kad_swarm_wake(swarm, due_at(swarm->conns[i]));
    }
    for (const struct swarm_peer *peer = swarm->first_dialling; peer; peer = peer->next_dialling)
        kad_swarm_wake(swarm, peer->dial_at);
}

kad_ms kad_swarm_wake_at(const struct kad_swarm *swarm)
{
    return swarm->wake_at;
}

const struct kad_swarm_counters *kad_swarm_counters(const struct kad_swarm *swarm)
{
    return &swarm->counters;
}

size_t kad_swarm_memory(const struct kad_swarm *swarm)
{
    size_t size = sizeof(*swarm) + swarm->room_frame + swarm->room_echo +
                  swarm->room_peers * sizeof(struct swarm_peer *) +
                  swarm->n_peers * sizeof(struct swarm_peer) +
                  swarm->room_conns * sizeof(struct swarm_conn *) + kad_swarm_probe_memory(swarm);

    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        if (swarm->conns[i])
            size += sizeof(*swarm->conns[i]) +
                    (swarm->conns[i]->link ? kad_link_memory(swarm->conns[i]->link) : 0);
    }
    return size;
}

bool kad_swarm_sound(const struct kad_swarm *swarm, const char **out_why)
{
    unsigned n_links = 0, n_dials = 0, n_closing = 0;

    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        const struct swarm_conn *conn = swarm->conns[i];

        if (!conn)
            continue;
        n_links += conn->link != NULL;
        n_closing += conn->link && conn->closing;
        *out_why = "an instant that nobody wakes for";
        if (due_at(conn) < swarm->wake_at)
            return false;
        n_dials += !conn->link && !conn->closing;
        if (conn->link && !kad_link_sound(conn->link, out_why))
            return false;
    }
    *out_why = "the number of connections";
    if (n_links != swarm->n_links || n_closing != swarm->n_closing ||
        n_links - n_closing > swarm->config.max_links + swarm->config.max_dials)
        return false;
    *out_why = "the number of dials";
    if (n_dials != swarm->n_dials)
        return false;
    *out_why = "the number of peers";
    return swarm->n_peers <= swarm->config.max_peers;
}
