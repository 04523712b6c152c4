#include "node/libp2p_link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"
#include "crypto/crypto.h"
#include "engine/network.h"
#include "engine/swarm_program.h"
#include "kad/kad.h"
#include "node/libp2p_parts.h"

#define LOOK_MS (30 * KAD_SECOND) /* between looks at the interfaces of this machine */
#define ASK_MS  10                /* between questions to all connections when they have to be woken */
#define ROUNDS  16                /* of orders and what came of them, before the loop has its turn */

static const enum kad_multiaddr_transport transports[] = {[KAD_LISTEN_TCP] = KAD_TRANSPORT_TCP,
                                                          [KAD_LISTEN_WS] = KAD_TRANSPORT_WS,
                                                          [KAD_LISTEN_WSS] = KAD_TRANSPORT_WSS};

bool kad_node_is_libp2p(const struct kad_node *node)
{
    return node->config.network->stream_protocol;
}

struct kad_swarm *kad_node_swarm(const struct kad_node *node)
{
    return node->libp2p ? node->libp2p->swarm : NULL;
}

size_t kad_node_multiaddrs(const struct kad_node *node, struct kad_bytes *out_addrs, size_t room)
{
    const struct kad_libp2p *link = node->libp2p;
    const size_t n = link ? link->n_told : 0;

    for (size_t i = 0; i < n && i < room; i++)
        out_addrs[i] = (struct kad_bytes){link->told[i].bytes, link->told[i].n};
    return n;
}

kad_ms kad_libp2p_now(const struct kad_libp2p *link)
{
    return kad_node_clock(link->node);
}

/* -- making ----------------------------------------------------------------------------------------------------- */

/* Addresses of this machine and of networks like this one count where nothing else could: unless the preset is for the whole world. */
static bool counts_local(const struct kad_node_config *config)
{
    if (config->libp2p.private_addresses != KAD_LIBP2P_AUTO)
        return config->libp2p.private_addresses == KAD_LIBP2P_YES;
    if (config->network != kad_network_libp2p_ipfs())
        return true;
    for (size_t i = 0; i < config->n_listen; i++) {
        if (kad_endpoint_scope(&config->listen[i]) != KAD_SCOPE_LOOPBACK)
            return false;
    }
    return true;
}

static bool name_of(void *context, const struct kad_id *key, struct kad_bytes *out_name)
{
    const struct kad_libp2p *link = context;

    return kad_engine_name(link->node->engine, key, out_name);
}

static kad_ms probe_ms(const struct kad_node_libp2p *config)
{
    if (config->provider_probe_ms == 0)
        return KAD_HOUR;
    return config->provider_probe_ms > 0 ? config->provider_probe_ms : 0;
}

static int make_swarm(struct kad_libp2p *link)
{
    const struct kad_node_config *config = &link->node->config;
    struct kad_swarm_config swarm = {
        .allocator = link->node->allocator,
        .protocols = {config->network->stream_protocol},
        .agent = config->libp2p.agent ? config->libp2p.agent : link->agent,
        .mode = kad_libp2p_mode(link),
        .local = link->local,
        .max_links = config->libp2p.max_connections,
        .accept_per_s = config->libp2p.accept_per_s,
        .max_per_host = config->libp2p.max_per_host,
        .max_per_subnet = config->libp2p.max_per_subnet,
        .limit_loopback = config->settings.limit_local,
        .probe_ms = probe_ms(&config->libp2p),
        .name_of = name_of,
        .context = link,
    };
    int error;

    snprintf(link->agent, sizeof(link->agent), "kad/%s", kad_version_text());
    for (size_t i = 0; i < config->libp2p.n_protocols && i < KAD_SWARM_PROTOCOLS; i++)
        swarm.protocols[i] = config->libp2p.protocols[i];
    memcpy(swarm.seed, config->secret, sizeof(swarm.seed));
    kad_entropy(swarm.random, sizeof(swarm.random));
    error = kad_swarm_new(&swarm, kad_libp2p_now(link), &link->swarm);
    kad_wipe(&swarm, sizeof(swarm));
    return error;
}

static void tell_port(const struct kad_libp2p *link, const char *event, const struct libp2p_port *port)
{
    const struct kad_endpoint bound = kad_listener_endpoint(port->listener);
    uint8_t bytes[128];
    char text[KAD_MULTIADDR_TEXT];
    size_t n = kad_multiaddr_make(&bound, port->transport, bytes, sizeof(bytes));

    n = kad_multiaddr_append_peer(bytes, n, sizeof(bytes), kad_swarm_self(link->swarm));
    if (kad_multiaddr_write((struct kad_bytes){bytes, n}, text, sizeof(text)) == 0)
        kad_tell(link->node, KAD_LOG_INFO, event, "address", text, NULL);
}

/* A machine without IPv6 still runs what listens to everything. */
static bool is_optional(const struct kad_node_config *config, const struct kad_endpoint *endpoint)
{
    const struct kad_endpoint any = {.family = KAD_IPV6};

    return config->n_listen > 1 && endpoint->family == KAD_IPV6 && kad_endpoint_same_host(endpoint, &any) &&
           (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL);
}

static int open_ports(struct kad_libp2p *link, char *why, size_t why_size)
{
    struct kad_node_config *config = &link->node->config;
    size_t n = 0;

    for (size_t i = 0; i < config->n_listen; i++) {
        struct libp2p_port *port = &link->ports[n];
        char address[KAD_ENDPOINT_TEXT];
        int error;

        port->link = link;
        port->transport = transports[config->listen_as[i]];
        error = kad_listener_open(link->streams, &config->listen[i], port, &port->listener);
        if (error == KAD_E_SYSTEM && is_optional(config, &config->listen[i]))
            continue;
        if (error) {
            snprintf(why, why_size, "cannot listen on %s: %s",
                     kad_endpoint_format(&config->listen[i], address),
                     error == KAD_E_SYSTEM ? strerror(errno) : kad_error_text(error));
            return error;
        }
        config->listen_as[n] = config->listen_as[i];
        config->listen[n++] = kad_listener_endpoint(port->listener);
    }
    link->n_ports = config->n_listen = n;
    return KAD_OK;
}

static void send_datagram(void *context, const struct kad_datagram *datagram)
{
    struct kad_libp2p *link = context;

    link->moved = true;
    kad_swarm_send(link->swarm, datagram, kad_libp2p_now(link));
}

int kad_libp2p_open(struct kad_node *node, struct kad_libp2p **out_link, char *out_why, size_t why_size)
{
    struct kad_libp2p *link = kad_alloc_zero(node->allocator, sizeof(*link));
    int error;

    if (!link)
        return KAD_E_MEMORY;
    link->node = node;
    link->meet_at = link->keep_at = KAD_NEVER;
    link->local = counts_local(&node->config);
    error =
        kad_wrap_tls_init(&link->tls, node->config.libp2p.certificate, node->config.libp2p.certificate_key,
                          node->config.libp2p.authorities, out_why, why_size);
    if (!error)
        error = kad_streams_new(node->loop, node->allocator, &kad_libp2p_calls, link, &link->streams);
    if (!error && !node->config.disabled)
        error = open_ports(link, out_why, why_size);
    if (!error)
        error = make_swarm(link);
    if (!error) {
        const struct kad_node_link carrier = {.send = send_datagram, .context = link};

        kad_node_set_link(node, &carrier);
        *out_link = link;
        return KAD_OK;
    }
    kad_libp2p_free(link);
    return error;
}

void kad_libp2p_learn_name(struct kad_libp2p *link, struct kad_bytes name)
{
    struct kad_id key;

    if (link->swarm)
        kad_swarm_learn_key(link->swarm, name, &key);
}

/* -- while it runs ---------------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    struct kad_libp2p *link = timer->data;

    kad_swarm_tick(link->swarm, kad_libp2p_now(link));
    link->moved = true;
}

static kad_ms wake_at(const struct kad_libp2p *link)
{
    kad_ms at = kad_swarm_wake_at(link->swarm);

    at = at < link->look_at ? at : link->look_at;
    at = at < link->meet_at ? at : link->meet_at;
    at = at < link->keep_at ? at : link->keep_at;
    return at;
}

static void start_timer(struct kad_libp2p *link, kad_ms at, kad_ms now)
{
    link->timer_at = at;
    uv_timer_start(&link->timer, on_timer, at > now ? (uint64_t)(at - now) : 0, 0);
}

/* To ask all connections when they have to be woken is not done for each thing that comes. */
static void set_timer(struct kad_libp2p *link, kad_ms now)
{
    kad_ms at;

    if (now >= link->asked_at + ASK_MS) {
        link->asked_at = now;
        at = wake_at(link);
    } else {
        at = now + ASK_MS;
        if (uv_is_active((uv_handle_t *)&link->timer) && link->timer_at <= at)
            return;
    }
    start_timer(link, at, now);
}

static void tell_provider(const struct kad_libp2p *link, const struct kad_swarm_event *event)
{
    char peer[KAD_PEER_ID_TEXT];

    kad_peer_id_write(event->peer, peer);
    kad_tell(link->node, KAD_LOG_DEBUG, event->kind == KAD_SWARM_GONE ? "provider_gone" : "provider_back",
             "peer", peer, NULL);
}

/* What the swarm has for the engine. */
static void feed_engine(struct kad_libp2p *link, kad_ms now)
{
    struct kad_datagram datagram;
    struct kad_swarm_event event;
    bool any = false;

    while (kad_swarm_next_datagram(link->swarm, now, &datagram)) {
        kad_node_take(link->node, &datagram);
        any = true;
    }
    while (kad_swarm_next_event(link->swarm, &event)) {
        if (event.kind == KAD_SWARM_DEAD && event.endpoint.family) {
            kad_engine_unreachable(link->node->engine, &event.endpoint, now);
            any = true;
        }
        if (event.kind == KAD_SWARM_GONE || event.kind == KAD_SWARM_BACK)
            tell_provider(link, &event);
    }
    if (any)
        kad_node_turn(link->node, NULL);
}

static void pump(uv_prepare_t *prepare)
{
    struct kad_libp2p *link = prepare->data;
    kad_ms now;

    if (!link->moved || link->closing)
        return;
    now = kad_libp2p_now(link);
    if (now >= link->look_at) {
        kad_libp2p_look(link);
        link->look_at = now + LOOK_MS;
    }
    kad_libp2p_kept_tick(link, now);
    for (int i = 0; i < ROUNDS && link->moved && !link->closing; i++) {
        struct kad_swarm_order order;

        link->moved = false;
        kad_libp2p_tell_streams(link);
        feed_engine(link, now);
        while (!link->closing && kad_swarm_next_order(link->swarm, &order))
            kad_libp2p_carry_out(link, &order);
        link->moved |=
            !link->closing && (kad_swarm_has_datagrams(link->swarm) || /* answers went: on with questions */
                               kad_swarm_has_streams(link->swarm));
    }
    if (link->moved) /* on with it once others had their turn */
        start_timer(link, now, now);
    else
        set_timer(link, now);
}

int kad_libp2p_start(struct kad_libp2p *link)
{
    uv_prepare_init(link->node->loop, &link->prepare);
    uv_timer_init(link->node->loop, &link->timer);
    link->prepare.data = link->timer.data = link;
    link->started = true;
    for (size_t i = 0; i < link->n_ports; i++) {
        if (kad_listener_start(link->ports[i].listener) < 0)
            return KAD_E_SYSTEM;
        tell_port(link, "listening", &link->ports[i]);
    }
    kad_libp2p_kept_begin(link);
    kad_libp2p_look(link);
    link->look_at = kad_libp2p_now(link) + LOOK_MS;
    link->moved = true;
    uv_prepare_start(&link->prepare, pump);
    return KAD_OK;
}

static void part_closed(struct kad_libp2p *link)
{
    if (--link->n_open == 0)
        link->on_closed(link->node);
}

static void handle_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

static void streams_closed(void *context)
{
    part_closed(context);
}

void kad_libp2p_close(struct kad_libp2p *link, void (*on_closed)(void *node))
{
    if (link->swarm && link->keep_at != KAD_NEVER)
        kad_libp2p_keep(link);
    link->closing = true;
    if (link->swarm)
        kad_libp2p_stop_streams(link);
    link->on_closed = on_closed;
    link->n_open = 3;
    kad_node_set_link(link->node, NULL);
    kad_libp2p_kept_clear(link);
    kad_libp2p_names_clear(link);
    kad_libp2p_conns_clear(link);
    uv_close((uv_handle_t *)&link->prepare, handle_closed);
    uv_close((uv_handle_t *)&link->timer, handle_closed);
    kad_streams_close(link->streams, streams_closed);
    link->streams = NULL;
    kad_swarm_free(link->swarm);
    link->swarm = NULL;
}

void kad_libp2p_free(struct kad_libp2p *link)
{
    if (!link)
        return;
    kad_libp2p_kept_clear(link);
    kad_libp2p_names_clear(link);
    kad_libp2p_conns_clear(link);
    if (link->streams)
        kad_streams_close(link->streams, NULL);
    kad_wrap_tls_clear(&link->tls);
    kad_swarm_free(link->swarm);
    kad_free(link->node->allocator, link, sizeof(*link));
}
