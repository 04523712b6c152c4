/* relay_find - which relays there are: gathered from all sides, asked how they stand, and told to whoever wants to know. */
#include "node/relay_parts.h"

#include <string.h>

#include "base/endpoint.h"
#include "kad/secure.h"

#define ASK_AGAIN    (10 * KAD_SECOND) /* how it stands */
#define TABLE_AGAIN  (5 * KAD_SECOND)
#define LOOKUP_AGAIN KAD_MINUTE
#define LISTEN       (20 * KAD_SECOND) /* after somebody asked which relays there are */
#define PEERS_MAX    1024

static void add(struct kad_relay *relay, const struct kad_endpoint *endpoint, const uint8_t key[32])
{
    const uint8_t *own = kad_engine_identity(relay->node->engine);

    if (endpoint->family == KAD_IPV4 && endpoint->port && memcmp(own, key, 32) != 0)
        (void)kad_relay_pick_add(&relay->use.pick, endpoint, key);
}

static void add_contacts(struct kad_relay *relay)
{
    struct kad_node *node = relay->node;
    struct kad_peer_row *rows = kad_alloc(node->allocator, PEERS_MAX * sizeof(*rows));
    size_t n = rows ? kad_engine_peers(node->engine, rows, PEERS_MAX, kad_node_clock(node)) : 0;

    n = n < PEERS_MAX ? n : PEERS_MAX;
    for (size_t i = 0; i < n; i++) {
        uint8_t key[32];

        if (!rows[i].is_address && rows[i].role == KAD_ROLE_RELAY && rows[i].state == KAD_PEER_FINE &&
            kad_engine_key_of(node->engine, &rows[i].contact, key))
            add(relay, &rows[i].contact.endpoint, key);
    }
    kad_free(node->allocator, rows, PEERS_MAX * sizeof(*rows));
}

static void looked_up(void *user, const struct kad_event *event)
{
    struct kad_node *node = user;
    struct kad_relay *relay = node->relay;
    struct kad_secure_name name;
    struct kad_info info;

    if (event->kind != KAD_EVENT_DONE || !relay)
        return;
    kad_engine_info(node->engine, &info);
    relay->use.looking_up = false;
    relay->use.at = 0;
    kad_relay_name(&name);
    for (size_t i = 0; i < event->done.n_records; i++) {
        struct kad_endpoint endpoints[KAD_SECURE_ENDPOINTS_MAX];
        uint8_t value[KAD_SECURE_VALUE_MAX];
        struct kad_secure_opened opened;

        if (kad_secure_open(&name, &event->done.records[i], NULL, value, &opened) == KAD_OK &&
            opened.has_owner && kad_secure_get_endpoints(opened.value, endpoints) > 0 &&
            kad_endpoint_scope(&endpoints[0]) >= kad_endpoint_scope(&info.address))
            add(relay, &endpoints[0], opened.owner);
    }
}

static void look_up(struct kad_relay *relay)
{
    struct kad_secure_name name;
    struct kad_request request;
    struct kad_info info;

    kad_engine_info(relay->node->engine, &info);
    if (relay->use.looking_up || !info.ready)
        return;
    kad_relay_name(&name);
    kad_secure_request(&name, 0, &request);
    relay->use.looking_up = kad_requests_of_this_run(relay->node, &request, looked_up, relay->node) == KAD_OK;
}

static void resolved(void *context, int error, const char *why, const struct kad_endpoint *found, size_t n)
{
    struct kad_relay *relay = ((struct kad_node *)context)->relay;

    (void)why;
    relay->use.resolving = NULL;
    for (size_t i = 0; i < n && !error; i++) {
        if (found[i].family != KAD_IPV4)
            continue;
        add(relay, &found[i], relay->use.pinned.key);
        break;
    }
    relay->use.at = 0;
    kad_node_turn_soon(relay->node);
}

static void add_pinned(struct kad_relay *relay)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_endpoint endpoint;

    if (kad_endpoint_parse(use->pinned.address, use->pinned.port, &endpoint) == 0)
        add(relay, &endpoint, use->pinned.key);
    else if (!use->resolving &&
             kad_resolve_start(relay->node->loop, relay->node->allocator, use->pinned.host, use->pinned.port,
                               resolved, relay->node, &use->resolving) < 0)
        use->resolving = NULL;
}

void kad_relay_look_around(struct kad_relay *relay, kad_ms now)
{
    struct kad_relay_use *use = &relay->use;

    if (now >= use->table_at) {
        use->table_at = now + TABLE_AGAIN;
        if (use->is_pinned && use->state != KAD_RELAY_STATE_USED)
            add_pinned(relay);
        else if (!use->is_pinned)
            add_contacts(relay);
    }
    if (now >= use->lookup_at && !use->is_pinned && (!use->closed || use->state == KAD_RELAY_STATE_USED)) {
        use->lookup_at = now + LOOKUP_AGAIN;
        look_up(relay);
        if (!use->looking_up)
            use->lookup_at = now + KAD_SECOND;
    }
}

void kad_relay_gather(struct kad_relay *relay, kad_ms now)
{
    struct kad_relay_use *use = &relay->use;

    kad_relay_look_around(relay, now);
    for (unsigned i = 0; i < use->pick.n; i++) {
        struct kad_relay_candidate *candidate = &use->pick.list[i];
        const kad_ms since = now - candidate->asked_at;

        /* One that was given is the only one. */
        if (candidate->waiting && since >= KAD_SECOND && candidate->asked_at && !use->is_pinned)
            kad_relay_pick_silent(candidate, now);
        if (now < candidate->shunned_until && !use->is_pinned)
            continue;
        if (candidate->asked_at == 0 || since >= ASK_AGAIN ||
            ((candidate->waiting || candidate->n_silent) && since >= KAD_SECOND))
            kad_relay_ask(relay, candidate);
    }
}

/* -- which there are, for whoever asks ---------------------------------------------------------------------------- */

static bool goes_before(const struct kad_relay_candidate *a, const struct kad_relay_candidate *b)
{
    const uint32_t x = (uint32_t)a->rtt_ms, y = (uint32_t)b->rtt_ms; /* -1 is last */

    return x != y ? x < y : a->n_free > b->n_free;
}

size_t kad_node_relays(struct kad_node *node, struct kad_relay_row *out_rows, size_t room)
{
    struct kad_relay *relay = node->relay;
    const struct kad_relay_candidate *sorted[KAD_RELAY_PICK_MAX];
    unsigned n = 0;

    if (!relay || node->phase != KAD_NODE_RUNNING)
        return 0;
    /* Who hides is not to say to relays who he is: without a session for them he waits. */
    if ((relay->use.state < KAD_RELAY_STATE_LOOKING && relay->use.mode != KAD_RELAY_ALWAYS) ||
        relay->use.state == KAD_RELAY_STATE_USED) {
        relay->use.listen_until = kad_node_clock(node) + LISTEN;
        kad_relay_gather(relay, kad_node_clock(node));
        relay->use.at = 0;
        kad_node_turn_soon(node);
    }
    for (unsigned i = 0; i < relay->use.pick.n; i++) {
        unsigned at = n++;

        for (; at > 0 && goes_before(&relay->use.pick.list[i], sorted[at - 1]); at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = &relay->use.pick.list[i];
    }
    for (unsigned i = 0; i < n && i < room; i++) {
        out_rows[i] = (struct kad_relay_row){
            .endpoint = sorted[i]->endpoint,
            .rtt_ms = sorted[i]->rtt_ms,
            .told = sorted[i]->told,
            .bytes_per_s = sorted[i]->bytes_per_s,
            .n_places = sorted[i]->n_places,
            .n_free = sorted[i]->n_free,
            .ours = relay->use.state == KAD_RELAY_STATE_USED &&
                    memcmp(sorted[i]->key, relay->use.current.key, 32) == 0,
            .shunned = sorted[i]->shunned_until > kad_node_clock(node),
        };
        memcpy(out_rows[i].public_key, sorted[i]->key, 32);
    }
    return n;
}
