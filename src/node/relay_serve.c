/*
 * relay_serve - this node as a relay: ports of its own for clients, and what passes through them.
 *
 * What a client sends leaves from its port at once, out of the engine's call that brought it; what comes to a port is sealed and sent
 * on in the loop's call for that port. Nothing is kept, nothing is allocated on the way.
 */
#include "node/relay_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"
#include "kad/secure.h"

#define LIFETIME       (2 * KAD_MINUTE) /* clients ask again after 15 s, which keeps their router's hole open */
#define RATE           (256 << 10)
#define PORT_DATAGRAMS (4 * KAD_UDP_BATCH) /* of a port in one go, as of a node's sockets */
#define PORT_BUFFER    (64 << 10)
#define SOON           (3 * KAD_SECOND)
#define AGAIN          KAD_MINUTE
#define OWN_PORTS      (65536 / 8)
#define PROVING        8 /* nodes at once that are asked whether they are there */

static void count(struct kad_relay_serve *serve, enum kad_relay_drop drop)
{
    serve->datagrams[drop]++;
}

/* -- ports -------------------------------------------------------------------------------------------------------- */

static void bring(struct kad_relay *relay, unsigned place, const struct kad_endpoint *from,
                  struct kad_bytes bytes)
{
    const struct kad_relay_client *client = kad_relay_places_at(relay->serve.places, place);
    const size_t n = kad_relay_put_head(KAD_RELAY_DATA, from, relay->scratch);

    memcpy(relay->scratch + n, bytes.data, bytes.size);
    if (kad_relay_say(relay, &client->endpoint, client->key,
                      (struct kad_bytes){relay->scratch, n + bytes.size})) {
        count(&relay->serve, KAD_RELAY_FORWARDED);
        relay->serve.bytes_in += bytes.size;
        kad_relay_places_padded(relay->serve.places, place, bytes.size,
                                relay->out.datagrams[relay->out.n - 1].bytes.size);
    } else {
        count(&relay->serve, KAD_RELAY_DROP_CLIENT);
    }
}

static void readable(void *context, struct kad_udp *udp)
{
    const struct kad_relay_port *port = context;
    struct kad_relay *relay = port->relay;
    struct kad_node *node = relay->node;
    struct kad_relay_serve *serve = &relay->serve;
    const kad_ms now = kad_clock_now(&node->clock);
    struct kad_endpoint from;
    struct kad_bytes bytes;

    if (node->phase != KAD_NODE_RUNNING)
        return;
    for (int i = 0; (i < PORT_DATAGRAMS || kad_udp_fetched(udp)) && kad_udp_receive(udp, &from, &bytes);
         i++) {
        const enum kad_relay_drop drop =
            kad_relay_places_bring(serve->places, port->place, &from, bytes.size, now);

        if (drop == KAD_RELAY_FORWARDED)
            bring(relay, port->place, &from, bytes);
        else
            count(serve, drop);
    }
    kad_relay_flush(relay, kad_relay_socket(node));
}

/* A client's business, and clients are not told: what is not answered was lost. */
static void unreachable(void *context, const struct kad_endpoint *peer)
{
    (void)context;
    (void)peer;
}

static void port_closed(void *context)
{
    const struct kad_relay_port *port = context;

    kad_node_ended(port->relay->node);
}

static void mark_port(struct kad_relay *relay, const struct kad_relay_port *port, bool open)
{
    const uint16_t number = kad_udp_endpoint(port->udp).port;

    if (open)
        relay->serve.own_ports[number / 8] |= (uint8_t)(1 << number % 8);
    else
        relay->serve.own_ports[number / 8] &= (uint8_t) ~(1 << number % 8);
}

/* At the address of the node's socket, so that it is the one that clients speak to. */
static bool open_port(struct kad_relay *relay, unsigned place)
{
    struct kad_relay_port *port = &relay->serve.ports[place];
    struct kad_node *node = relay->node;
    struct kad_udp_config config = {
        .allocator = node->allocator,
        .buffers = node->buffers,
        .receive_buffer = PORT_BUFFER,
        .on_readable = readable,
        .on_unreachable = unreachable,
        .context = port,
    };

    if (port->udp)
        return true;
    *port = (struct kad_relay_port){.relay = relay, .place = place};
    config.endpoint = kad_udp_endpoint(kad_relay_socket(node));
    config.endpoint.port = 0;
    if (kad_udp_open(&config, &port->udp) < 0) {
        port->udp = NULL;
        return false;
    }
    if (kad_udp_start(port->udp, node->loop) < 0) {
        kad_udp_close(port->udp, NULL);
        port->udp = NULL;
        return false;
    }
    node->n_open++;
    mark_port(relay, port, true);
    return true;
}

static void close_port(struct kad_relay *relay, unsigned place)
{
    struct kad_relay_port *port = &relay->serve.ports[place];

    kad_relay_places_close(relay->serve.places, place);
    if (!port->udp)
        return;
    mark_port(relay, port, false);
    kad_udp_close(port->udp, port_closed);
    port->udp = NULL;
}

/* -- what clients say --------------------------------------------------------------------------------------------- */

static void answer(struct kad_relay *relay, const struct kad_aside *aside,
                   const struct kad_relay_place *place)
{
    struct kad_relay_serve *serve = &relay->serve;
    struct kad_relay_answer *next;

    if (serve->n_answers == KAD_RELAY_BATCH)
        return; /* whoever hears nothing asks again */
    next = &serve->answers[serve->n_answers++];
    next->to = aside->from;
    memcpy(next->key, aside->public_key, 32);
    kad_relay_put_place(place, next->bytes);
}

static void take_open(struct kad_relay *relay, const struct kad_aside *aside, kad_ms now)
{
    struct kad_relay_serve *serve = &relay->serve;
    struct kad_relay_place place = {.verdict = KAD_RELAY_NONE, .lifetime_s = LIFETIME / KAD_SECOND};
    struct kad_relay_open open;
    bool crowded = false;
    int at = -1;

    if (!kad_relay_get_open(aside->bytes, &open)) {
        count(serve, KAD_RELAY_DROP_FORM);
        return;
    }
    place.nonce = open.nonce;
    if (serve->places && !open.ask) {
        const bool new = kad_relay_places_find(serve->places, aside->public_key) < 0;

        at = kad_relay_places_open(serve->places, aside->public_key, &aside->from, now, &crowded);
        if (at >= 0 && !open_port(relay, (unsigned)at)) {
            close_port(relay, (unsigned)at);
            at = -1;
        }
        if (new &&at >= 0)
            kad_tell(relay->node, KAD_LOG_DEBUG, "relay_client", NULL, NULL);
    }
    if (serve->places) {
        place.verdict = open.ask  ? KAD_RELAY_ANSWERED
                        : at >= 0 ? KAD_RELAY_GRANTED
                        : crowded ? KAD_RELAY_CROWDED
                                  : KAD_RELAY_FULL;
        place.bytes_per_s = serve->bytes_per_s < UINT32_MAX ? (uint32_t)serve->bytes_per_s : UINT32_MAX;
        place.n_places = (uint16_t)serve->n_places;
        place.n_free = (uint16_t)(serve->n_places - kad_relay_places_used(serve->places));
    }
    if (at >= 0)
        place.port = kad_udp_endpoint(serve->ports[at].udp).port;
    answer(relay, aside, &place);
}

/* The relay's own machine is nobody's to reach through it, but for its own port and those of its clients. */
static bool is_forbidden(const struct kad_relay *relay, const struct kad_endpoint *to)
{
    const struct kad_relay_serve *serve = &relay->serve;
    const struct kad_endpoint own = kad_udp_endpoint(kad_relay_socket(relay->node));

    if (!kad_endpoint_same_host(to, &serve->own) && !kad_endpoint_same_host(to, &own))
        return false;
    return to->port != own.port && !(serve->own_ports[to->port / 8] & 1 << to->port % 8);
}

static void take_send(struct kad_relay *relay, const struct kad_aside *aside, kad_ms now)
{
    struct kad_relay_serve *serve = &relay->serve;
    const int place = serve->places ? kad_relay_places_find(serve->places, aside->public_key) : -1;
    enum kad_relay_drop drop = place < 0 ? KAD_RELAY_DROP_STRANGER : KAD_RELAY_DROP_FORM;
    struct kad_endpoint to;
    struct kad_bytes datagram;
    bool proved = false;

    if (place >= 0)
        kad_relay_places_follow(serve->places, (unsigned)place, &aside->from);
    if (place >= 0 && kad_relay_get_datagram(aside->bytes, &to, &datagram)) {
        proved = kad_engine_is_proved(relay->node->engine, &to, now);
        drop = is_forbidden(relay, &to)
                   ? KAD_RELAY_DROP_TARGET
                   : kad_relay_places_send(serve->places, (unsigned)place, &to, datagram.size, proved, now);
    }
    count(serve, drop);
    if (drop == KAD_RELAY_DROP_UNPROVED)
        serve->unproved = to;
    if (drop != KAD_RELAY_FORWARDED)
        return;
    serve->bytes_out += datagram.size;
    kad_udp_queue(serve->ports[place].udp, &to, datagram);
    kad_udp_flush(serve->ports[place].udp);
}

void kad_relay_serve_aside(struct kad_relay *relay, const struct kad_aside *aside)
{
    const kad_ms now = kad_node_clock(relay->node);
    int place;

    switch (aside->bytes.data[0]) {
    case KAD_RELAY_OPEN:
        take_open(relay, aside, now);
        break;
    case KAD_RELAY_SEND:
        take_send(relay, aside, now);
        break;
    case KAD_RELAY_CLOSE:
        place = relay->serve.places ? kad_relay_places_find(relay->serve.places, aside->public_key) : -1;
        if (place >= 0)
            close_port(relay, (unsigned)place);
        break;
    default: /* a word of later days */
        break;
    }
}

void kad_relay_serve_send(struct kad_relay *relay)
{
    struct kad_relay_serve *serve = &relay->serve;

    for (unsigned i = 0; i < serve->n_answers; i++)
        (void)kad_relay_say(relay, &serve->answers[i].to, serve->answers[i].key,
                            (struct kad_bytes){serve->answers[i].bytes, sizeof(serve->answers[i].bytes)});
    if (serve->n_answers)
        kad_relay_flush(relay, kad_relay_socket(relay->node));
    serve->n_answers = 0;
}

/* -- time --------------------------------------------------------------------------------------------------------- */

static void proved(void *user, const struct kad_event *event)
{
    struct kad_node *node = user;

    if (event->kind == KAD_EVENT_DONE && node->relay)
        node->relay->serve.n_proving--;
}

/* Somebody to whom more is to go than he has sent: if he answers the engine's own ping there is no reason why it should not. */
static void prove(struct kad_relay *relay)
{
    struct kad_relay_serve *serve = &relay->serve;
    const struct kad_request ping = {.kind = KAD_REQUEST_PING, .endpoint = serve->unproved};

    if (serve->unproved.family == KAD_FAMILY_NONE)
        return;
    serve->unproved = (struct kad_endpoint){0};
    if (serve->n_proving < PROVING &&
        kad_requests_of_this_run(relay->node, &ping, proved, relay->node) == KAD_OK)
        serve->n_proving++;
}

static void announced(void *user, const struct kad_event *event)
{
    struct kad_node *node = user;

    if (event->kind == KAD_EVENT_DONE && node->relay && event->done.n_stored == 0 &&
        event->done.reason != KAD_REASON_CANCELLED) {
        node->relay->serve.announced = (struct kad_endpoint){0};
        node->relay->serve.announce_at = node->now + AGAIN;
    }
}

static bool is_any(const struct kad_endpoint *endpoint)
{
    const struct kad_endpoint any = {.family = endpoint->family};

    return kad_endpoint_same_host(endpoint, &any);
}

/* Under the name of all relays. The engine renews it. */
static int announce(struct kad_relay *relay)
{
    struct kad_node *node = relay->node;
    struct kad_relay_serve *serve = &relay->serve;
    uint8_t value[32], sealed[KAD_SECURE_VALUE_MAX];
    struct kad_secure_name name;
    struct kad_info info;
    struct kad_endpoint own = kad_udp_endpoint(kad_relay_socket(node));
    struct kad_secure_draft draft = {
        .name = &name, .seed = node->config.secret, .sequence = node->now, .made_at = node->now};
    struct kad_request request = {.kind = KAD_REQUEST_PUT, .keep = true, .renews = true};
    int error;

    kad_engine_info(node->engine, &info);
    if (!info.ready || (is_any(&own) && info.address.family != KAD_IPV4))
        return KAD_E_NOT_FOUND; /* nobody has said yet where we are */
    if (info.address.family == KAD_IPV4)
        own = info.address;
    if (kad_endpoint_equal(&own, &serve->announced))
        return KAD_OK;
    kad_relay_name(&name);
    draft.value = (struct kad_bytes){value, kad_secure_put_endpoints(&own, 1, value, sizeof(value))};
    error = kad_secure_make(&draft, sealed, &request.record);
    if (!error)
        error = kad_secure_signer(&name, node->config.secret, request.signer);
    request.target = request.record.key;
    if (!error)
        error = kad_requests_of_this_run(node, &request, announced, node);
    if (!error)
        serve->announced = own;
    return error;
}

void kad_relay_serve_tick(struct kad_relay *relay)
{
    struct kad_relay_serve *serve = &relay->serve;
    const kad_ms now = relay->node->now;
    int place;

    if (!serve->places)
        return;
    prove(relay);
    if (now >= serve->look_at) {
        struct kad_info info;

        kad_engine_info(relay->node->engine, &info);
        serve->own = info.address;
        serve->look_at = now + KAD_SECOND;
        while ((place = kad_relay_places_expired(serve->places, now)) >= 0)
            close_port(relay, (unsigned)place);
    }
    if (now >= serve->announce_at) {
        serve->announce_at = KAD_NEVER;
        if (announce(relay) < 0)
            serve->announce_at = now + SOON;
    }
}

kad_ms kad_relay_serve_wake_at(const struct kad_relay *relay)
{
    const struct kad_relay_serve *serve = &relay->serve;
    kad_ms at = KAD_NEVER;

    if (!serve->places)
        return KAD_NEVER;
    if (kad_relay_places_used(serve->places))
        at = serve->look_at;
    if (serve->unproved.family)
        at = 0;
    return at < serve->announce_at ? at : serve->announce_at;
}

/* -- life --------------------------------------------------------------------------------------------------------- */

int kad_relay_serve_init(struct kad_relay *relay)
{
    const struct kad_node_config *config = &relay->node->config;
    struct kad_relay_serve *serve = &relay->serve;
    struct kad_relay_places_config places = {
        .allocator = relay->node->allocator,
        .places = config->relay.clients,
        .bytes_per_s = config->relay.bytes_per_s ? config->relay.bytes_per_s : RATE,
        .lifetime_ms = LIFETIME,
        .limit_local = config->settings.limit_local,
    };

    /* Who is hidden behind a relay is none: what passes is wrapped once. */
    if (config->settings.role != KAD_ROLE_RELAY || !config->relay.clients || config->settings.read_only ||
        config->relay.mode == KAD_RELAY_ALWAYS || config->relay.pinned)
        return KAD_OK;
    kad_entropy(&places.hash_key, sizeof(places.hash_key));
    serve->ports = kad_alloc_zero(places.allocator, places.places * sizeof(*serve->ports));
    serve->own_ports = kad_alloc_zero(places.allocator, OWN_PORTS);
    if (serve->ports && serve->own_ports && kad_relay_make_room(relay))
        serve->places = kad_relay_places_new(&places);
    serve->n_places = places.places;
    serve->bytes_per_s = places.bytes_per_s;
    serve->announce_at = relay->node->now + SOON;
    return serve->places ? KAD_OK : KAD_E_MEMORY;
}

void kad_relay_serve_close(struct kad_relay *relay)
{
    for (unsigned i = 0; i < relay->serve.n_places && relay->serve.places; i++)
        close_port(relay, i);
}

void kad_relay_serve_free(struct kad_relay *relay)
{
    struct kad_relay_serve *serve = &relay->serve;

    kad_relay_places_free(serve->places);
    kad_free(relay->node->allocator, serve->ports, serve->n_places * sizeof(*serve->ports));
    kad_free(relay->node->allocator, serve->own_ports, OWN_PORTS);
    serve->places = NULL;
    serve->ports = NULL;
    serve->own_ports = NULL;
}
