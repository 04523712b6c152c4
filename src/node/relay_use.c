/*
 * relay_use - this node as a client: whether it needs a relay, which it takes, and how everything passes through.
 *
 *     OFF, NOT_NEEDED -> LOOKING   relays are gathered (contacts that say they are one; the provider record of all relays; the one
 *                                  given) and asked how they stand
 *             LOOKING -> ASKING    the best of them is asked for a place
 *              ASKING -> USED      it gave one;  -> LOOKING: it did not, or kept silent, and is left alone for a while
 *                USED -> LOOKING   it does not answer any more
 */
#include "node/relay_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"
#include "node/portmap.h"

#define QUIET       KAD_MINUTE        /* nobody came by himself for so long: nobody can */
#define SOON        200               /* milliseconds between two looks at what is under way */
#define RENEW       (15 * KAD_SECOND) /* routers forget UDP after 30 s, some of them */
#define RENEW_AGAIN (2 * KAD_SECOND)
#define HEAR_OTHERS KAD_SECOND /* after the first answer others may still turn out to be nearer */

static bool is_wanted(const struct kad_relay_use *use)
{
    return use->mode != KAD_RELAY_OFF;
}

/* -- whether it needs one ----------------------------------------------------------------------------------------- */

static bool is_own_interface(const struct kad_endpoint *address)
{
    uv_interface_address_t *all;
    bool found = false;
    int n;

    if (uv_interface_addresses(&all, &n) < 0)
        return true;
    for (int i = 0; i < n; i++) {
        const struct sockaddr_in *in = &all[i].address.address4;

        found |= in->sin_family == AF_INET && memcmp(&in->sin_addr, address->address, 4) == 0;
    }
    uv_free_interface_addresses(all, n);
    return found;
}

/* Others see it elsewhere than it is, so a router stands between, and in a minute nobody came by himself. */
static bool is_cut_off(struct kad_relay *relay, kad_ms now)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_node *node = relay->node;
    const struct kad_mapper_status *mapping = node->mapping; /* portmap.c is of the program */
    const uint64_t strangers = kad_engine_counters(node->engine)->strangers_in;
    struct kad_info info;

    kad_engine_info(node->engine, &info);
    if (!info.ready || info.address.family != KAD_IPV4 || (mapping && mapping->state == KAD_MAPPER_MAPPED)) {
        use->ready_at = 0;
        return false;
    }
    if (use->ready_at == 0 || strangers != use->strangers) {
        use->ready_at = now;
        use->strangers = strangers;
    }
    if (now - use->ready_at < QUIET)
        return false;
    if (!is_own_interface(&info.address)) /* which takes a while to find out */
        return true;
    use->ready_at = now;
    return false;
}

/* -- what becomes of it ------------------------------------------------------------------------------------------- */

static void tell(const struct kad_relay *relay, const char *event)
{
    const struct kad_relay_use *use = &relay->use;
    char at[KAD_ENDPOINT_TEXT], address[KAD_ENDPOINT_TEXT];

    kad_tell(relay->node, KAD_LOG_INFO, event, "relay", kad_endpoint_format(&use->current.endpoint, at),
             "address", use->address.family ? kad_endpoint_format(&use->address, address) : "none", NULL);
}

static void give_up(struct kad_relay *relay, const char *event)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_relay_candidate *candidate = kad_relay_pick_find(&use->pick, use->current.key);

    tell(relay, event);
    if (candidate)
        kad_relay_pick_failed(candidate, kad_node_clock(relay->node));
    if (use->address.family)
        kad_presence_changed(relay->node);
    use->address = (struct kad_endpoint){0};
    use->state = KAD_RELAY_STATE_LOOKING;
    use->table_at = use->lookup_at = use->at = 0;
}

static void granted(struct kad_relay *relay, const struct kad_relay_place *place, kad_ms now)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_relay_candidate *candidate = kad_relay_pick_find(&use->pick, use->current.key);
    struct kad_endpoint address = use->current.endpoint;
    const kad_ms life = place->lifetime_s * KAD_SECOND;

    address.port = place->port;
    use->n_tries = 0;
    use->renew_at = now + (life / 3 < RENEW ? life / 3 : RENEW);
    if (candidate)
        kad_relay_pick_served(candidate);
    if (use->state == KAD_RELAY_STATE_USED && kad_endpoint_equal(&address, &use->address))
        return;
    use->state = KAD_RELAY_STATE_USED;
    use->address = address;
    use->closed |= use->mode == KAD_RELAY_ALWAYS;
    kad_presence_changed(relay->node);
    tell(relay, "relay_used");
}

void kad_relay_use_told(struct kad_relay *relay, const uint8_t key[32], struct kad_bytes bytes)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_relay_candidate *candidate = kad_relay_pick_find(&use->pick, key);
    const kad_ms now = kad_node_clock(relay->node);
    struct kad_relay_place place;

    if (!kad_relay_get_place(bytes, &place))
        return;
    if (candidate && kad_relay_pick_told(candidate, &place, now))
        use->listen_until = use->state == KAD_RELAY_STATE_LOOKING && use->listen_until < now
                                ? now + HEAR_OTHERS
                                : use->listen_until;
    if (use->state < KAD_RELAY_STATE_ASKING || memcmp(use->current.key, key, 32) != 0 || use->n_tries == 0 ||
        place.nonce != use->nonce)
        return;
    if (place.verdict == KAD_RELAY_GRANTED)
        granted(relay, &place, now);
    else
        give_up(relay, "relay_refused");
}

static void look(struct kad_relay *relay, kad_ms now)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_relay_candidate *best;

    kad_relay_gather(relay, now);
    best = kad_relay_pick_best(&use->pick, now);
    if (!best || (now < use->listen_until && !use->is_pinned))
        return;
    use->current = *best;
    use->state = KAD_RELAY_STATE_ASKING;
    use->n_tries = 0;
    kad_relay_ask_for_place(relay);
}

static void prepare(struct kad_relay *relay, kad_ms now)
{
    struct kad_relay_use *use = &relay->use;

    if (!use->has_secret) {
        kad_relay_session_search(relay);
        return;
    }
    if (kad_relay_session_open(relay) < 0) {
        use->at = now + KAD_MINUTE;
        return;
    }
    use->state = KAD_RELAY_STATE_LOOKING;
    use->table_at = use->lookup_at = 0;
    for (unsigned i = 0; i < use->pick.n; i++)
        use->pick.list[i].asked_at = 0; /* in this session, from here on */
}

void kad_relay_use_tick(struct kad_relay *relay)
{
    struct kad_relay_use *use = &relay->use;
    const kad_ms now = relay->node->now;

    if (now < use->at)
        return;
    use->at = now + SOON;
    if (use->state < KAD_RELAY_STATE_LOOKING) {
        if (is_wanted(use) && (use->mode == KAD_RELAY_ALWAYS || is_cut_off(relay, now)))
            prepare(relay, now);
        else if (now < use->listen_until)
            kad_relay_gather(relay, now);
        else
            use->at = is_wanted(use) ? now + KAD_SECOND : KAD_NEVER;
        return;
    }
    if (use->state == KAD_RELAY_STATE_LOOKING) {
        look(relay, now);
    } else if (use->state == KAD_RELAY_STATE_ASKING) {
        if (now - use->asked_at < KAD_SECOND)
            return;
        if (use->n_tries >= KAD_RELAY_TRIES)
            give_up(relay, "relay_silent");
        else
            kad_relay_ask_for_place(relay);
    } else if (now >= use->renew_at) {
        kad_relay_look_around(relay, now); /* who else there is, while that can be asked */
        use->renew_at = now + RENEW_AGAIN;
        if (use->n_tries >= KAD_RELAY_TRIES)
            give_up(relay, "relay_lost");
        else
            kad_relay_ask_for_place(relay);
    }
}

kad_ms kad_relay_use_wake_at(const struct kad_relay *relay)
{
    const struct kad_relay_use *use = &relay->use;

    if (use->state == KAD_RELAY_STATE_USED)
        return use->renew_at > use->at ? use->renew_at : use->at;
    return use->at;
}

/* -- what passes through ------------------------------------------------------------------------------------------ */

static bool wrap(struct kad_relay *relay, const struct kad_datagram *datagram)
{
    struct kad_relay_use *use = &relay->use;
    uint8_t head[KAD_RELAY_HEAD];
    const struct kad_bytes words = {head, kad_relay_put_head(KAD_RELAY_SEND, &datagram->peer, head)};

    if (use->state != KAD_RELAY_STATE_USED || datagram->peer.family != KAD_IPV4 ||
        datagram->bytes.size > KAD_RELAY_DATAGRAM ||
        !kad_relay_session_say(relay, &use->current, words, datagram->bytes))
        return false;
    use->bytes_out += datagram->bytes.size;
    return true;
}

/* IPv6 is not relayed: where only reach is wanted it goes by itself. */
void kad_relay_send(struct kad_node *node)
{
    struct kad_relay *relay = node->relay;
    unsigned kept = 0;

    if (!relay)
        return;
    kad_relay_serve_send(relay);
    if (relay->use.state != KAD_RELAY_STATE_USED && !relay->use.closed)
        return;
    for (unsigned i = 0; i < node->out.n; i++) {
        if (node->out.datagrams[i].peer.family != KAD_IPV4 && !relay->use.closed)
            node->out.datagrams[kept++] = node->out.datagrams[i];
        else if (!wrap(relay, &node->out.datagrams[i]))
            relay->use.unsent++;
    }
    node->out.n = kept;
    kad_relay_flush(relay, relay->use.udp);
}

bool kad_relay_hides(const struct kad_node *node)
{
    return node->relay && node->relay->use.closed;
}

bool kad_relay_address(const struct kad_node *node, struct kad_endpoint *out_address)
{
    if (!node->relay || node->relay->use.state != KAD_RELAY_STATE_USED)
        return false;
    *out_address = node->relay->use.address;
    return true;
}

/* -- life --------------------------------------------------------------------------------------------------------- */

int kad_relay_use_init(struct kad_relay *relay, char *why, size_t why_size)
{
    const struct kad_node_config *config = &relay->node->config;
    struct kad_relay_use *use = &relay->use;

    use->mode = relay->serve.places ? KAD_RELAY_OFF : config->relay.mode; /* a relay is reached by itself */
    use->at = KAD_NEVER;
    use->last_nonce = (uint32_t)relay->node->now;
    if (config->relay.pinned) {
        if (kad_bootstrap_name_read(config->relay.pinned, config->network, &use->pinned) < 0 ||
            !use->pinned.has_key) {
            snprintf(why, why_size, "relay: %s is not host:port/id1...", config->relay.pinned);
            return KAD_E_INVALID;
        }
        use->is_pinned = use->closed = true;
        use->mode = KAD_RELAY_ALWAYS;
    }
    if (use->mode != KAD_RELAY_OFF) {
        use->state = KAD_RELAY_STATE_NOT_NEEDED;
        use->at = 0;
    }
    return KAD_OK;
}

void kad_relay_use_close(struct kad_relay *relay)
{
    struct kad_relay_use *use = &relay->use;

    if (use->resolving)
        kad_resolve_forget(use->resolving);
    use->resolving = NULL;
    kad_relay_session_close(relay);
    use->state = KAD_RELAY_STATE_OFF;
}

void kad_relay_use_free(struct kad_relay *relay)
{
    kad_channel_free(relay->use.channel);
    relay->use.channel = NULL;
}
