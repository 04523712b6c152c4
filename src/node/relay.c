/* relay - what both sides of it need: relay.h. */
#include "node/relay_parts.h"

#include <string.h>

#include "crypto/crypto.h"
#include "engine/network.h"
#include "kad/secure.h"

#define MEMORY (KAD_RELAY_BATCH * (size_t)KAD_DATAGRAM_MAX)

struct kad_udp *kad_relay_socket(const struct kad_node *node)
{
    for (size_t i = 0; i < node->n_sockets; i++) {
        if (kad_udp_endpoint(node->sockets[i]).family == KAD_IPV4)
            return node->sockets[i];
    }
    return NULL;
}

bool kad_relay_make_room(struct kad_relay *relay)
{
    if (!relay->memory)
        relay->memory = kad_alloc(relay->node->allocator, MEMORY);
    if (relay->memory)
        relay->out = (struct kad_batch){.datagrams = relay->datagrams,
                                        .memory = relay->memory,
                                        .n = relay->out.n,
                                        .room = KAD_RELAY_BATCH};
    return relay->memory != NULL;
}

void kad_relay_flush(struct kad_relay *relay, struct kad_udp *udp)
{
    for (unsigned i = 0; i < relay->out.n && udp; i++)
        kad_udp_queue(udp, &relay->out.datagrams[i].peer, relay->out.datagrams[i].bytes);
    if (udp && relay->out.n)
        kad_udp_flush(udp);
    relay->out.n = 0;
}

bool kad_relay_say(struct kad_relay *relay, const struct kad_endpoint *to, const uint8_t key[32],
                   struct kad_bytes bytes)
{
    struct kad_node *node = relay->node;

    /* It would leave from where the node is: whoever is reached through a relay is heard from nowhere else. */
    if (relay->use.closed || relay->use.state == KAD_RELAY_STATE_USED)
        return false;
    if (!kad_relay_make_room(relay))
        return false;
    if (relay->out.n == relay->out.room)
        kad_relay_flush(relay, kad_relay_socket(node));
    return kad_engine_say(node->engine, to, key, bytes, kad_node_clock(node), &relay->out);
}

void kad_relay_name(struct kad_secure_name *out_name)
{
    static const char what[] = "kad/1 relay";
    const int error = kad_secure_named(
        "provider", (struct kad_bytes){(const uint8_t *)what, sizeof(what) - 1}, NULL, 0, out_name);

    assert(!error && "a name like any other");
    (void)error;
}

/* Within the engine's call: what is said in answer is sent by whoever made the call. */
static void hear(void *context, const struct kad_aside *aside)
{
    struct kad_relay *relay = context;

    if (aside->from.family != KAD_IPV4)
        return;
    if (aside->bytes.data[0] == KAD_RELAY_PLACE)
        kad_relay_use_told(relay, aside->public_key, aside->bytes);
    else
        kad_relay_serve_aside(relay, aside);
}

int kad_relay_init(struct kad_node *node, char *why, size_t why_size)
{
    struct kad_relay *relay;
    int error;

    if (node->config.network->carrier != KAD_CARRIER_SESSIONS || !kad_relay_socket(node))
        return KAD_OK;
    relay = node->relay = kad_alloc_zero(node->allocator, sizeof(*relay));
    if (!relay)
        return KAD_E_MEMORY;
    relay->node = node;
    error = kad_relay_serve_init(relay);
    if (!error)
        error = kad_relay_use_init(relay, why, why_size);
    kad_engine_on_aside(node->engine, hear, relay);
    return error;
}

void kad_relay_close(struct kad_node *node)
{
    if (node->relay) {
        kad_relay_serve_close(node->relay);
        kad_relay_use_close(node->relay);
    }
}

void kad_relay_free(struct kad_node *node)
{
    if (!node->relay)
        return;
    kad_relay_serve_free(node->relay);
    kad_relay_use_free(node->relay);
    kad_wipe(&node->relay->use, sizeof(node->relay->use));
    kad_free(node->allocator, node->relay->memory, MEMORY);
    kad_free(node->allocator, node->relay, sizeof(*node->relay));
    node->relay = NULL;
}

void kad_relay_tick(struct kad_node *node)
{
    if (!node->relay)
        return;
    kad_relay_serve_tick(node->relay);
    kad_relay_use_tick(node->relay);
}

void kad_relay_moved(struct kad_node *node)
{
    if (node->relay && node->relay->serve.places)
        node->relay->serve.announce_at = node->now;
}

kad_ms kad_relay_wake_at(const struct kad_node *node)
{
    kad_ms serve, use;

    if (!node->relay)
        return KAD_NEVER;
    serve = kad_relay_serve_wake_at(node->relay);
    use = kad_relay_use_wake_at(node->relay);
    return serve < use ? serve : use;
}

const char *kad_relay_drop_name(unsigned drop)
{
    return kad_relay_drop_text(drop);
}

void kad_node_relay_status(const struct kad_node *node, struct kad_relay_status *out_status)
{
    static const char *const states[] = {"off", "not_needed", "looking", "asking", "used"};
    static_assert(KAD_RELAY_DROPS == KAD_RELAY_N_DROPS, "the public count of drops");
    const struct kad_relay *relay = node->relay;

    *out_status = (struct kad_relay_status){.mode = node->config.relay.mode, .state = states[0]};
    if (!relay)
        return;
    out_status->mode = relay->use.mode;
    out_status->state = states[relay->use.state];
    if (kad_relay_address(node, &out_status->address)) {
        out_status->relay = relay->use.current.endpoint;
        memcpy(out_status->relay_key, relay->use.current.key, 32);
    }
    out_status->bytes_in = relay->use.bytes_in;
    out_status->bytes_out = relay->use.bytes_out;
    out_status->unsent = relay->use.unsent;
    out_status->n_places = relay->serve.n_places;
    out_status->n_clients = relay->serve.places ? kad_relay_places_used(relay->serve.places) : 0;
    out_status->relayed_in = relay->serve.bytes_in;
    out_status->relayed_out = relay->serve.bytes_out;
    memcpy(out_status->datagrams, relay->serve.datagrams, sizeof(out_status->datagrams));
}
