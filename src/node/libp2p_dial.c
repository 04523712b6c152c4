/* libp2p_dial - connections of libp2p's networks: one for each that the swarm has, under the number it gave. */
#include <string.h>

#include "node/libp2p_parts.h"

#define NUMBERS 65536u /* the swarm's: its slots are in the low bits */

struct libp2p_conn {
    struct kad_libp2p *link;
    uint32_t number;
    enum kad_multiaddr_transport transport;
    struct kad_stream *stream;     /* NULL: its name is being looked up */
    struct kad_resolve *resolving; /* NULL: it is an address, or was found */
    struct kad_endpoint
        *found; /* KAD_RESOLVE_MAX of room: addresses of a name, to be tried one after another */
    uint8_t n_found, next_found;
    enum kad_family family; /* of those wanted; KAD_FAMILY_NONE: any */
    struct kad_wrap *wrap;  /* NULL: TCP alone */
    bool connected;
    bool told;    /* the swarm knows that it is */
    bool blocked; /* the system takes no more */
};

/* -- numbers ----------------------------------------------------------------------------------------------------- */

static struct libp2p_conn *find(const struct kad_libp2p *link, uint32_t number)
{
    struct libp2p_conn *conn = number % NUMBERS < link->room_conns ? link->conns[number % NUMBERS] : NULL;

    return conn && conn->number == number ? conn : NULL;
}

static void end(struct libp2p_conn *conn)
{
    struct kad_libp2p *link = conn->link;

    if (link->conns[conn->number % NUMBERS] == conn)
        link->conns[conn->number % NUMBERS] = NULL;
    if (conn->resolving)
        kad_resolve_forget(conn->resolving);
    if (conn->stream)
        kad_stream_close(conn->stream);
    kad_wrap_free(conn->wrap);
    kad_free(link->node->allocator, conn->found, conn->found ? KAD_RESOLVE_MAX * sizeof(*conn->found) : 0);
    kad_free(link->node->allocator, conn, sizeof(*conn));
}

static bool make_room(struct kad_libp2p *link, uint32_t slot)
{
    uint32_t room = link->room_conns ? link->room_conns : 16;
    struct libp2p_conn **more;

    while (room <= slot)
        room *= 2;
    if (room == link->room_conns)
        return true;
    more = kad_resize(link->node->allocator, link->conns, link->room_conns * sizeof(struct libp2p_conn *),
                      room * sizeof(struct libp2p_conn *));
    if (!more)
        return false;
    memset(more + link->room_conns, 0, (room - link->room_conns) * sizeof(struct libp2p_conn *));
    link->conns = more;
    link->room_conns = room;
    return true;
}

/* NULL: no memory. */
static struct libp2p_conn *conn_new(struct kad_libp2p *link, uint32_t number,
                                    enum kad_multiaddr_transport transport)
{
    struct libp2p_conn *conn =
        make_room(link, number % NUMBERS) ? kad_alloc_zero(link->node->allocator, sizeof(*conn)) : NULL;

    if (!conn)
        return NULL;
    conn->link = link;
    conn->number = number;
    conn->transport = transport;
    link->conns[number % NUMBERS] = conn;
    return conn;
}

void kad_libp2p_conns_clear(struct kad_libp2p *link)
{
    for (uint32_t i = 0; i < link->room_conns; i++) {
        if (link->conns[i])
            end(link->conns[i]);
    }
    kad_free(link->node->allocator, link->conns, link->room_conns * sizeof(struct libp2p_conn *));
    link->conns = NULL;
    link->room_conns = 0;
}

/* -- dialling ----------------------------------------------------------------------------------------------------- */

static void fail(struct libp2p_conn *conn)
{
    struct kad_libp2p *link = conn->link;
    const uint32_t number = conn->number;

    end(conn);
    link->moved = true;
    kad_swarm_failed(link->swarm, number, kad_libp2p_now(link));
}

static void tell_connected(struct libp2p_conn *conn);

static void came(void *context, uint8_t *data, size_t n)
{
    struct libp2p_conn *conn = context;

    tell_connected(conn); /* with what opened it there may be more */
    if (!conn->told)
        return;
    kad_swarm_bytes(conn->link->swarm, conn->number, data, n, kad_libp2p_now(conn->link));
    kad_libp2p_tell_streams(conn->link); /* before more comes than is kept for who takes it */
}

/* What lies around its bytes, if anything does. `to`: what is dialled; NULL: it was accepted. */
static bool wrap_up(struct libp2p_conn *conn, const struct kad_multiaddr *to)
{
    const struct kad_wrap_config config = {
        .allocator = conn->link->node->allocator,
        .tls = &conn->link->tls,
        .transport = conn->transport,
        .to = to,
        .take = came,
        .context = conn,
    };

    return conn->transport == KAD_TRANSPORT_TCP || kad_wrap_new(&config, &conn->wrap) == KAD_OK;
}

/* The next of a name's addresses. False: there is none. */
static bool try_next(struct libp2p_conn *conn)
{
    while (conn->next_found < conn->n_found) {
        const struct kad_endpoint *endpoint = &conn->found[conn->next_found++];

        if (conn->family && endpoint->family != conn->family)
            continue;
        if (kad_stream_dial(conn->link->streams, endpoint, conn, &conn->stream) == KAD_OK)
            return true;
    }
    return false;
}

static void resolved(void *context, int error, const char *why, const struct kad_endpoint *found, size_t n)
{
    struct libp2p_conn *conn = context;

    (void)why;
    conn->resolving = NULL;
    conn->found =
        error ? NULL : kad_alloc(conn->link->node->allocator, KAD_RESOLVE_MAX * sizeof(*conn->found));
    if (conn->found) {
        memcpy(conn->found, found, n * sizeof(*found));
        conn->n_found = (uint8_t)n;
    }
    if (!try_next(conn))
        fail(conn);
}

static bool look_up(struct libp2p_conn *conn, const struct kad_multiaddr *parts)
{
    char host[KAD_RESOLVE_HOST];

    if (parts->name.size >= sizeof(host))
        return false;
    memcpy(host, parts->name.data, parts->name.size);
    host[parts->name.size] = '\0';
    if (parts->host == KAD_HOST_DNS4)
        conn->family = KAD_IPV4;
    else if (parts->host == KAD_HOST_DNS6)
        conn->family = KAD_IPV6;
    return kad_resolve_start(conn->link->node->loop, conn->link->node->allocator, host, parts->endpoint.port,
                             resolved, conn, &conn->resolving) == KAD_OK;
}

static void dial(struct kad_libp2p *link, const struct kad_swarm_order *order)
{
    struct libp2p_conn *conn;
    struct kad_multiaddr parts;
    bool begun = false;

    if (kad_multiaddr_parse(order->addr, &parts) < 0)
        parts.transport = KAD_TRANSPORT_OTHER;
    conn = conn_new(link, order->connection, parts.transport);
    if (!conn) {
        link->moved = true;
        kad_swarm_failed(link->swarm, order->connection, kad_libp2p_now(link));
        return;
    }
    if (parts.transport < KAD_TRANSPORT_TCP || !wrap_up(conn, &parts))
        begun = false;
    else if (parts.host == KAD_HOST_IP)
        begun = kad_stream_dial(link->streams, &parts.endpoint, conn, &conn->stream) == KAD_OK;
    else
        begun = look_up(conn, &parts);
    if (!begun)
        fail(conn);
}

static void flush(struct libp2p_conn *conn);

/* The swarm hears of what we dialled when bytes of its own can flow. */
static void tell_connected(struct libp2p_conn *conn)
{
    if (conn->told || (conn->wrap && !kad_wrap_is_open(conn->wrap)))
        return;
    conn->told = true;
    kad_swarm_connected(conn->link->swarm, conn->number, kad_libp2p_now(conn->link));
}

static void connected(void *context, void *user)
{
    struct kad_libp2p *link = context;
    struct libp2p_conn *conn = user;

    conn->connected = true;
    link->moved = true;
    tell_connected(conn);
    flush(conn);
}

/* -- what comes --------------------------------------------------------------------------------------------------- */

static void accepted(void *context, void *user, struct kad_stream *stream, const struct kad_endpoint *from)
{
    struct kad_libp2p *link = context;
    const struct libp2p_port *port = user;
    struct libp2p_conn *conn;
    uint32_t number;

    link->moved = true;
    if (link->closing ||
        kad_swarm_accepted(link->swarm, from, port->transport, kad_libp2p_now(link), &number) < 0) {
        kad_stream_close(stream);
        return;
    }
    conn = conn_new(link, number, port->transport);
    if (!conn) {
        kad_stream_close(stream);
        kad_swarm_closed(link->swarm, number, kad_libp2p_now(link));
        return;
    }
    conn->stream = stream;
    conn->connected = conn->told = true;
    if (!wrap_up(conn, NULL)) {
        end(conn);
        kad_swarm_closed(link->swarm, number, kad_libp2p_now(link));
        return;
    }
    kad_stream_set_user(stream, conn);
    if (!link->met_public && kad_endpoint_scope(from) == KAD_SCOPE_PUBLIC) {
        link->met_public = true;
        kad_swarm_set_mode(link->swarm, kad_libp2p_mode(link), kad_libp2p_now(link));
    }
}

static void ended(void *context, void *user, int error);

static void bytes(void *context, void *user, uint8_t *data, size_t n)
{
    struct kad_libp2p *link = context;
    struct libp2p_conn *conn = user;
    bool good;

    link->moved = true;
    if (!conn->wrap) {
        kad_swarm_bytes(link->swarm, conn->number, data, n, kad_libp2p_now(link));
        kad_libp2p_tell_streams(link); /* before more comes than is kept for who takes it */
        return;
    }
    good = kad_wrap_input(conn->wrap, (struct kad_bytes){data, n});
    if (good)
        tell_connected(conn);
    flush(conn); /* pings and greetings are answered, and it is said why it is over */
    if (!good)
        ended(context, conn, 0);
}

static void ended(void *context, void *user, int error)
{
    struct kad_libp2p *link = context;
    struct libp2p_conn *conn = user;
    const uint32_t number = conn->number;

    (void)error;
    link->moved = true;
    if (conn->connected) { /* a dial that was not told of yet fails by this, too */
        end(conn);
        kad_swarm_closed(link->swarm, number, kad_libp2p_now(link));
        return;
    }
    kad_stream_close(conn->stream);
    conn->stream = NULL;
    if (!try_next(conn))
        fail(conn);
}

/* -- what goes ---------------------------------------------------------------------------------------------------- */

/* Bytes of the swarm's for what lies around them: so many at a time. False: there are none, or they cannot be taken. */
static bool wrap_some(struct libp2p_conn *conn)
{
    struct kad_bytes out = {0};

    if (conn->told && kad_wrap_is_open(conn->wrap))
        out = kad_swarm_out(conn->link->swarm, conn->number);
    if (out.size > KAD_WRAP_LUMP)
        out.size = KAD_WRAP_LUMP;
    if (!out.size || !kad_wrap_write(conn->wrap, out))
        return false;
    kad_swarm_sent(conn->link->swarm, conn->number, out.size);
    return true;
}

static void flush(struct libp2p_conn *conn)
{
    struct kad_swarm *swarm = conn->link->swarm;

    while (conn->connected && !conn->blocked) {
        const struct kad_bytes out =
            conn->wrap ? kad_wrap_out(conn->wrap) : kad_swarm_out(swarm, conn->number);
        size_t n;

        if (!out.size && (!conn->wrap || !wrap_some(conn)))
            return;
        if (!out.size)
            continue;
        n = kad_stream_write(conn->stream, out);
        conn->blocked = n < out.size;
        if (n && conn->wrap)
            kad_wrap_sent(conn->wrap, n);
        else if (n)
            kad_swarm_sent(swarm, conn->number, n);
    }
}

static void writable(void *context, void *user)
{
    struct kad_libp2p *link = context;
    struct libp2p_conn *conn = user;

    conn->blocked = false;
    link->moved = true;
    flush(conn);
}

const struct kad_stream_calls kad_libp2p_calls = {
    .accepted = accepted, .connected = connected, .bytes = bytes, .writable = writable, .ended = ended};

void kad_libp2p_carry_out(struct kad_libp2p *link, const struct kad_swarm_order *order)
{
    struct libp2p_conn *conn = order->kind == KAD_SWARM_DIAL ? NULL : find(link, order->connection);

    if (order->kind == KAD_SWARM_DIAL)
        dial(link, order);
    else if (conn && order->kind == KAD_SWARM_WRITE)
        flush(conn);
    else if (conn)
        end(conn);
}
