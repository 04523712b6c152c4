/* swarm_streams - what is said on streams: who we are (identify, identify/push), whether we are there (ping), and Kademlia's
 * questions and answers. */
#include "engine/swarm_parts.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/varint.h"
#include "crypto/peer_id.h"

#define PING_BLOCK 32

static const char protocol_version[] = "kad/1.0.0";

/* -- identify --------------------------------------------------------------------------------------------------- */

static struct kad_bytes text_of(const char *text)
{
    return (struct kad_bytes){(const uint8_t *)text, strlen(text)};
}

/* Who we are, with its length before it. Bytes written. */
static size_t describe_us(struct kad_swarm *swarm, const struct swarm_conn *conn,
                          uint8_t out[KAD_IDENTIFY_SENT_MAX + KAD_VARINT_MAX])
{
    uint8_t message[KAD_IDENTIFY_SENT_MAX], observed[64];
    struct kad_identify identify = {
        .public_key = {swarm->self_key, sizeof(swarm->self_key)},
        .protocol_version = text_of(protocol_version),
        .agent_version = text_of(swarm->config.agent),
    };
    size_t n;

    for (unsigned i = 0; i < swarm->n_listen && i < KAD_IDENTIFY_ADDRS; i++)
        identify.addrs[identify.n_addrs++] = (struct kad_bytes){swarm->listen[i], swarm->n_listen_bytes[i]};
    for (unsigned i = 0; i < swarm->n_protocols; i++) {
        if (swarm->protocols[i] && (i < SWARM_KAD || swarm->config.mode == KAD_SWARM_SERVER))
            identify.protocols[identify.n_protocols++] = text_of(swarm->protocols[i]);
    }
    identify.observed = (struct kad_bytes){
        observed, kad_multiaddr_make(&conn->remote, conn->transport, observed, sizeof(observed))};
    n = kad_identify_encode(&identify, message, sizeof(message));
    memcpy(out + kad_varint_write(n, out), message, n);
    return kad_varint_size(n) + n;
}

static void answer_identify(struct kad_swarm *swarm, struct swarm_conn *conn, uint32_t stream)
{
    uint8_t bytes[KAD_IDENTIFY_SENT_MAX + KAD_VARINT_MAX];
    const size_t n = describe_us(swarm, conn, bytes);

    if (!kad_link_write(conn->link, stream, (struct kad_bytes){bytes, n}, true, swarm->now))
        kad_link_reset(conn->link, stream);
}

void kad_swarm_identify(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    conn->n_identified = 0;
    conn->identify_stream = kad_link_open(conn->link, swarm->protocols[SWARM_IDENTIFY], NULL, swarm->now);
}

void kad_swarm_push(struct kad_swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->room_conns; i++) {
        struct swarm_conn *conn = swarm->conns[i];
        uint32_t stream;

        if (!conn || !conn->link || !kad_link_is_up(conn->link))
            continue;
        stream = kad_link_open(conn->link, swarm->protocols[SWARM_PUSH], NULL, swarm->now);
        if (stream)
            answer_identify(swarm, conn, stream);
        kad_swarm_order(swarm, conn);
    }
}

/* Addresses that it has signed count more than those it says, and those more than what others say. */
static void take_addrs(struct kad_swarm *swarm, struct swarm_peer *peer, const struct kad_identify *identify)
{
    struct kad_bytes addrs[KAD_IDENTIFY_ADDRS], id;
    uint64_t sequence;
    unsigned n;
    bool is_signed = identify->signed_record.size &&
                     kad_peer_record_open(identify->signed_record, &id, &sequence, addrs, &n) == 0 &&
                     id.size == peer->n_id && memcmp(id.data, peer->id, id.size) == 0;

    if (is_signed && sequence < peer->sequence)
        return;
    if (!is_signed && (peer->sequence || !identify->n_addrs))
        return;
    peer->n_addrs = 0;
    peer->endpoint = (struct kad_endpoint){0};
    if (is_signed) {
        peer->sequence = sequence;
        for (unsigned i = 0; i < n; i++)
            kad_swarm_peer_addr(swarm, peer, addrs[i]);
        return;
    }
    for (unsigned i = 0; i < identify->n_addrs; i++)
        kad_swarm_peer_addr(swarm, peer, identify->addrs[i]);
}

/* Of its addresses, the one at the host that it speaks from, if it names one there. */
static void choose_endpoint(struct swarm_peer *peer)
{
    struct kad_multiaddr parts;

    for (unsigned i = 0; i < peer->n_addrs; i++) {
        if (kad_multiaddr_parse((struct kad_bytes){peer->addrs[i].bytes, peer->addrs[i].n}, &parts) == 0 &&
            parts.host == KAD_HOST_IP && peer->conn &&
            kad_endpoint_same_host(&parts.endpoint, &peer->conn->remote)) {
            peer->endpoint = parts.endpoint;
            return;
        }
    }
}

static void take_identify(struct kad_swarm *swarm, struct swarm_conn *conn,
                          const struct kad_identify *identify)
{
    struct swarm_peer *peer = conn->peer;
    size_t n = identify->agent_version.size;

    if (identify->public_key.size) {
        const struct kad_bytes key = kad_link_peer_key(conn->link);

        if (key.size != identify->public_key.size ||
            memcmp(key.data, identify->public_key.data, key.size) != 0) {
            swarm->counters.malformed++;
            return;
        }
    }
    swarm->counters.identified++;
    if (n) {
        if (n >= sizeof(peer->agent))
            n = sizeof(peer->agent) - 1;
        memcpy(peer->agent, identify->agent_version.data, n);
        peer->agent[n] = '\0';
    }
    take_addrs(swarm, peer, identify);
    choose_endpoint(peer);
    if (!identify->n_protocols) /* a push that says nothing of them */
        return;
    peer->is_relay = kad_identify_speaks(identify, "/libp2p/circuit/relay/0.2.0/hop");
    peer->is_server = false;
    for (unsigned i = SWARM_KAD; i < swarm->n_protocols && !peer->is_server; i++) {
        peer->is_server = kad_identify_speaks(identify, swarm->protocols[i]);
        peer->protocol = (uint8_t)i;
    }
    peer->is_client = !peer->is_server;
    if (!peer->is_server)
        peer->protocol = SWARM_KAD;
    else if (peer->endpoint.family)
        kad_swarm_greet(swarm, peer);
}

/* What a peer says of itself, in one part or several. Whole parts are heeded before it has ended, for its end may be long in coming;
 * `taken` is as much of it as was before. */
static void read_identify(struct kad_swarm *swarm, struct swarm_conn *conn, uint32_t stream, size_t *taken,
                          bool ended)
{
    static const struct kad_identify nothing;
    const struct kad_bytes unread = kad_link_unread(conn->link, stream);
    struct kad_bytes came = unread, message;
    struct kad_identify identify = nothing;
    size_t size;
    bool good = unread.size > 0;

    while (good && came.size) {
        good = kad_swarm_message(came, KAD_IDENTIFY_TAKEN_MAX, &message, &size) > 0 &&
               kad_identify_decode(message, &identify) == 0;
        if (good) {
            came.data += size;
            came.size -= size;
        }
    }
    if (good && conn->peer && *taken < unread.size) {
        *taken = unread.size;
        take_identify(swarm, conn, &identify);
    } else if (ended && !good && unread.size) {
        swarm->counters.malformed++;
    }
    if (ended)
        kad_link_read(conn->link, stream, unread.size);
}

/* -- ping ------------------------------------------------------------------------------------------------------- */

static void echo(struct kad_swarm *swarm, struct swarm_conn *conn, uint32_t stream)
{
    struct kad_bytes unread = kad_link_unread(conn->link, stream);
    const size_t n = unread.size - unread.size % PING_BLOCK;

    if (!n)
        return;
    if (kad_link_write(conn->link, stream, (struct kad_bytes){unread.data, n}, false, swarm->now))
        kad_link_read(conn->link, stream, n);
    else
        kad_link_reset(conn->link, stream);
}

/* -- our questions ---------------------------------------------------------------------------------------------- */

static void send_ask(struct kad_swarm *swarm, struct swarm_conn *conn, struct swarm_ask *ask)
{
    const char *protocol = swarm->protocols[ask->pings ? SWARM_PING : conn->peer->protocol];

    ask->conn = conn;
    ask->stream = kad_link_open(conn->link, protocol, ask, swarm->now);
    /* Its end is said when there is an answer: js resets a stream that ends while it waits for more, and the answer may be lost. */
    if (!ask->stream || !kad_link_write(conn->link, ask->stream, (struct kad_bytes){ask->bytes, ask->n_bytes},
                                        false, swarm->now)) {
        if (ask->stream)
            kad_link_reset(conn->link, ask->stream);
        ask->conn = NULL;
        kad_swarm_ask_back(swarm, ask, true);
        return;
    }
    if (!ask->pings)
        swarm->counters.requests_out++;
    swarm->counters.streams_out++;
    ask->next_of_conn = conn->asks;
    conn->asks = ask;
    conn->n_in_flight++;
    conn->used_at = swarm->now;
    conn->ask_at = ask->until < conn->ask_at ? ask->until : conn->ask_at;
    kad_swarm_order(swarm, conn);
}

void kad_swarm_ask_waiting(struct kad_swarm *swarm, struct swarm_peer *peer)
{
    while (peer->conn && peer->first_ask && peer->conn->n_in_flight < SWARM_IN_FLIGHT) {
        struct swarm_ask *ask = peer->first_ask;

        peer->first_ask = ask->next;
        if (!peer->first_ask)
            peer->last_ask = &peer->first_ask;
        if (swarm->now < ask->until)
            send_ask(swarm, peer->conn, ask);
        else
            kad_swarm_ask_free(swarm, ask); /* the engine has given it up */
    }
}

/* It came back, or never will. */
static void leave_conn(struct swarm_ask *ask)
{
    struct swarm_ask **at = &ask->conn->asks;

    while (*at != ask)
        at = &(*at)->next_of_conn;
    *at = ask->next_of_conn;
    ask->conn->n_in_flight--;
}

static void take_answer(struct kad_swarm *swarm, struct swarm_conn *conn, struct swarm_ask *ask, bool ended)
{
    const struct kad_bytes unread = kad_link_unread(conn->link, ask->stream);
    struct kad_bytes message;
    size_t size;
    int whole;

    if (ask->back)
        return;
    if (ask->pings)
        whole = unread.size >= PING_BLOCK ? (memcmp(unread.data, ask->bytes, PING_BLOCK) == 0 ? 1 : -1) : 0;
    else if (ask->type == KAD_P2P_ADD_PROVIDER)
        whole = ended && !unread.size; /* nobody answers: it has read it and closed */
    else
        whole = kad_swarm_message(unread, KAD_P2P_TAKEN_MAX, &message, &size);
    if (!whole && !ended)
        return;
    leave_conn(ask);
    if (whole < 0)
        swarm->counters.malformed++;
    kad_swarm_ask_back(swarm, ask, whole <= 0);
    kad_swarm_ask_waiting(swarm, conn->peer);
}

static void ask_lost(struct kad_swarm *swarm, struct swarm_conn *conn, struct swarm_ask *ask)
{
    if (ask->back) { /* its answer is in the engine's queue, and gone with the stream, if there was one */
        ask->failed |= ask->pings || ask->type != KAD_P2P_ADD_PROVIDER;
        ask->conn = NULL;
        return;
    }
    leave_conn(ask);
    kad_swarm_ask_back(swarm, ask, true);
    kad_swarm_ask_waiting(swarm, conn->peer);
}

/* -- their questions -------------------------------------------------------------------------------------------- */

static struct swarm_serve *serve_new(struct kad_swarm *swarm, struct swarm_conn *conn, uint32_t stream)
{
    struct swarm_serve *serve = swarm->free_serves;

    if (serve)
        swarm->free_serves = serve->next;
    else
        serve = kad_alloc(swarm->config.allocator, sizeof(*serve));
    if (!serve)
        return NULL;
    memset(serve, 0, sizeof(*serve));
    serve->conn = conn;
    serve->stream = stream;
    serve->next_of_conn = conn->serves;
    conn->serves = serve;
    return serve;
}

static void serve_end(struct kad_swarm *swarm, struct swarm_serve *serve)
{
    struct swarm_serve **at = &serve->conn->serves;

    while (*at != serve)
        at = &(*at)->next_of_conn;
    *at = serve->next_of_conn;
    serve->conn = NULL;
    if (swarm->serving == serve)
        swarm->serving = NULL;
    if (serve->listed) /* who takes it off the list frees it */
        return;
    serve->next = swarm->free_serves;
    swarm->free_serves = serve;
}

/* The other side says no more: so do we, when all was answered. */
static void serve_ended(struct kad_swarm *swarm, struct swarm_serve *serve)
{
    struct swarm_conn *conn = serve->conn;

    if (serve->listed || serve->paused || swarm->serving == serve)
        return; /* after its answer */
    if (!kad_link_write(conn->link, serve->stream, (struct kad_bytes){0}, true, swarm->now))
        kad_link_reset(conn->link, serve->stream);
    serve_end(swarm, serve);
}

/* Of providers only who speaks counts, wherever in the list it stands, and only if it says where it can be reached: that, and of its
 * addresses as many as a record holds, is what the engine is asked. */
static bool take_own(struct kad_swarm *swarm, const struct swarm_peer *peer,
                     const struct kad_p2p_message *message, struct kad_bytes *out_question)
{
    const struct kad_bytes id = {peer->id, peer->n_id};
    struct kad_proto_writer writer = {.bytes = swarm->own, .room = sizeof(swarm->own)};
    struct kad_bytes addrs[KAD_P2P_ADDRS];
    size_t n_addrs = 0;

    for (unsigned i = 0; i < message->n_providers && !n_addrs; i++) {
        const struct kad_p2p_peer *named = &message->providers[i];
        struct kad_bytes rest = named->body, addr;
        struct kad_multiaddr parts;

        if (named->id.size != id.size || memcmp(named->id.data, id.data, id.size) != 0)
            continue;
        while (n_addrs < KAD_P2P_ADDRS && kad_p2p_next_addr(&rest, &addr)) {
            if (kad_multiaddr_parse(addr, &parts) == 0 && parts.n_bare)
                addrs[n_addrs++] = (struct kad_bytes){addr.data, parts.n_bare};
        }
    }
    if (!n_addrs)
        return false;
    kad_p2p_put_head(&writer, KAD_P2P_ADD_PROVIDER, message->key);
    kad_p2p_put_peer(&writer, KAD_P2P_PROVIDERS_FIELD, id, addrs, n_addrs, 0);
    *out_question = (struct kad_bytes){swarm->own, writer.n};
    return !writer.full;
}

/* Of a value that is put the answer is the question. */
bool kad_swarm_look(struct kad_swarm *swarm, struct swarm_serve *serve, struct kad_bytes *question)
{
    const struct kad_bytes bytes = *question;
    struct kad_p2p_message message;

    if (kad_p2p_decode(bytes, &message) < 0 || !kad_p2p_is_request(&message) ||
        message.key.size > sizeof(serve->key))
        return false;
    serve->type = (uint8_t)message.type;
    serve->n_key = (uint8_t)message.key.size;
    if (serve->n_key)
        memcpy(serve->key, message.key.data, serve->n_key);
    if (message.type == KAD_P2P_ADD_PROVIDER)
        return take_own(swarm, serve->conn->peer, &message, question);
    if (message.type != KAD_P2P_PUT_VALUE)
        return true;
    if (swarm->room_echo < bytes.size + KAD_VARINT_MAX) {
        kad_free(swarm->config.allocator, swarm->echo, swarm->room_echo);
        swarm->room_echo = bytes.size + KAD_VARINT_MAX;
        swarm->echo = kad_alloc(swarm->config.allocator, swarm->room_echo);
        if (!swarm->echo)
            swarm->room_echo = 0;
    }
    if (!swarm->echo)
        return false;
    swarm->n_echo = kad_varint_write(bytes.size, swarm->echo);
    memcpy(swarm->echo + swarm->n_echo, bytes.data, bytes.size);
    swarm->n_echo += bytes.size;
    return true;
}

void kad_swarm_served(struct kad_swarm *swarm, struct swarm_serve *serve, bool sent)
{
    struct swarm_conn *conn = serve->conn;
    const uint32_t stream = serve->stream;

    if (!sent) {
        serve_end(swarm, serve);
        kad_link_reset(conn->link, stream);
    } else {
        kad_swarm_serve_list(swarm, serve); /* the next one on this stream */
        if (serve->conn && !serve->listed && kad_link_has_ended(conn->link, stream))
            serve_ended(swarm, serve);
    }
    kad_swarm_order(swarm, conn);
}

void kad_swarm_lose_streams(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    while (conn->serves)
        serve_end(swarm, conn->serves);
    for (struct swarm_ask *ask = swarm->first_back; ask; ask = ask->next) {
        if (ask->conn != conn)
            continue;
        ask->conn = NULL; /* its answer is gone with the stream */
        ask->failed = true;
    }
}

void kad_swarm_serve_list(struct kad_swarm *swarm, struct swarm_serve *serve)
{
    const struct kad_bytes unread = kad_link_unread(serve->conn->link, serve->stream);
    struct kad_bytes message;
    size_t size;
    int whole;

    if (serve->listed || swarm->serving == serve)
        return;
    whole = kad_swarm_message(unread, KAD_P2P_TAKEN_MAX, &message, &size);
    if (whole < 0) {
        struct swarm_conn *conn = serve->conn;
        const uint32_t stream = serve->stream;

        swarm->counters.malformed++;
        serve_end(swarm, serve);
        kad_link_reset(conn->link, stream);
        kad_swarm_order(swarm, conn);
        return;
    }
    serve->paused = whole > 0 && kad_link_kept(serve->conn->link) > SWARM_KEPT;
    serve->conn->paused |= serve->paused;
    if (whole == 0 || serve->paused)
        return;
    serve->listed = true;
    serve->next = NULL;
    *swarm->last_serve = serve;
    swarm->last_serve = &serve->next;
}

/* -- events of a link ------------------------------------------------------------------------------------------- */

static void stream_opened(struct kad_swarm *swarm, struct swarm_conn *conn,
                          const struct kad_link_event *event)
{
    struct swarm_serve *serve;

    swarm->counters.streams_in++;
    conn->used_at = swarm->now;
    if (event->protocol == SWARM_IDENTIFY) {
        answer_identify(swarm, conn, event->stream);
    } else if (event->protocol == SWARM_PUSH) {
        if (conn->push_stream)
            kad_link_reset(conn->link, conn->push_stream);
        conn->push_stream = event->stream;
    } else if (event->protocol >= SWARM_KAD) {
        serve = swarm->config.mode == KAD_SWARM_SERVER ? serve_new(swarm, conn, event->stream) : NULL;
        if (serve)
            kad_link_set_context(conn->link, event->stream, serve);
        else
            kad_link_reset(conn->link, event->stream);
    }
}

static bool is_ours(const struct swarm_conn *conn, uint32_t stream)
{
    return (stream & 1) != conn->inbound; /* the side that dialled has the odd numbers */
}

static void stream_data(struct kad_swarm *swarm, struct swarm_conn *conn, const struct kad_link_event *event)
{
    const struct kad_bytes unread = kad_link_unread(conn->link, event->stream);

    if (is_ours(conn, event->stream)) {
        if (event->context)
            take_answer(swarm, conn, event->context, false);
        else if (event->stream != conn->identify_stream) /* behind an answer that was taken */
            kad_link_read(conn->link, event->stream, unread.size);
        else if (unread.size <= 4 * KAD_IDENTIFY_TAKEN_MAX)
            read_identify(swarm, conn, event->stream, &conn->n_identified, false);
        else
            kad_link_reset(conn->link, event->stream);
    } else if (event->protocol == SWARM_PING) {
        echo(swarm, conn, event->stream);
    } else if (event->protocol >= SWARM_KAD && event->context) {
        kad_swarm_serve_list(swarm, event->context);
    } else if (event->protocol == SWARM_IDENTIFY || unread.size > 4 * KAD_IDENTIFY_TAKEN_MAX) {
        kad_link_reset(conn->link, event->stream); /* who asks who we are says nothing */
    }
}

static void stream_ended(struct kad_swarm *swarm, struct swarm_conn *conn, const struct kad_link_event *event)
{
    if (is_ours(conn, event->stream) && event->context) {
        take_answer(swarm, conn, event->context, true);
        return;
    }
    if (is_ours(conn, event->stream)) {
        if (event->stream == conn->identify_stream)
            read_identify(swarm, conn, event->stream, &conn->n_identified, true);
        (void)kad_link_write(conn->link, event->stream, (struct kad_bytes){0}, true, swarm->now);
        return;
    }
    if (event->protocol >= SWARM_KAD && event->context) {
        serve_ended(swarm, event->context);
        return;
    }
    if (event->protocol == SWARM_PUSH && event->stream == conn->push_stream) {
        size_t none = 0;

        conn->push_stream = 0;
        read_identify(swarm, conn, event->stream, &none, true);
    }
    kad_link_read(conn->link, event->stream, kad_link_unread(conn->link, event->stream).size);
    if (event->protocol != SWARM_IDENTIFY)
        (void)kad_link_write(conn->link, event->stream, (struct kad_bytes){0}, true, swarm->now);
}

static void stream_gone(struct kad_swarm *swarm, struct swarm_conn *conn, const struct kad_link_event *event)
{
    if (event->stream == conn->push_stream)
        conn->push_stream = 0;
    if (!event->context)
        return;
    if (is_ours(conn, event->stream))
        ask_lost(swarm, conn, event->context);
    else
        serve_end(swarm, event->context);
}

void kad_swarm_resume(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    if (!conn->paused || kad_link_kept(conn->link) > SWARM_KEPT)
        return;
    conn->paused = false;
    for (struct swarm_serve *serve = conn->serves, *next; serve; serve = next) {
        next = serve->next_of_conn;
        if (serve->paused)
            kad_swarm_serve_list(swarm, serve);
    }
}

/* Nobody answers when a provider is announced. Who agrees to the protocol and does not reset the stream in the same breath, as we do
 * when we refuse, has taken it; a reset that comes later is js's answer to its end. */
static void settle_announced(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    for (struct swarm_ask *ask = conn->asks, *next; ask; ask = next) {
        next = ask->next_of_conn;
        if (ask->pings || ask->type != KAD_P2P_ADD_PROVIDER || !kad_link_has_agreed(conn->link, ask->stream))
            continue;
        leave_conn(ask);
        kad_swarm_ask_back(swarm, ask, false);
    }
    if (conn->peer)
        kad_swarm_ask_waiting(swarm, conn->peer);
}

void kad_swarm_news(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    struct kad_link_event event;

    while (conn->link && kad_link_next_event(conn->link, &event)) {
        if (kad_swarm_program_event(swarm, conn, &event))
            continue;
        switch (event.kind) {
        case KAD_LINK_UP:
            kad_swarm_came_up(swarm, conn);
            break;
        case KAD_LINK_STREAM:
            stream_opened(swarm, conn, &event);
            break;
        case KAD_LINK_DATA:
            stream_data(swarm, conn, &event);
            break;
        case KAD_LINK_ENDED:
            stream_ended(swarm, conn, &event);
            break;
        case KAD_LINK_REFUSED:
        case KAD_LINK_RESET:
            stream_gone(swarm, conn, &event);
            break;
        case KAD_LINK_SENT:
            break;
        case KAD_LINK_DOWN:
            swarm->counters.down[event.end]++;
            kad_swarm_conn_end(swarm, conn, true);
            return;
        }
    }
    if (!conn->link)
        return;
    if (conn->asks)
        settle_announced(swarm, conn);
    kad_swarm_resume(swarm, conn);
    kad_swarm_program_resume(swarm, conn);
    kad_swarm_order(swarm, conn);
}
