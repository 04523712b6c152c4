/*
 * presence - the node's own `peer:` record: who knows an identity finds where it is (K20, P045, T19).
 *
 * Put when the node is ready and knows an address of its own, and again when that is another; the engine renews it at half
 * of its life for as long as the node runs. What the host keeps published is restored first, so that this one is newer.
 *
 * Nodes that have a key pair together, on several networks, have one such record: each puts the addresses of all, under one
 * sequence, so that in the store they share neither takes the other's for older.
 */
#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"
#include "kad/identity.h"
#include "kad/secure.h"
#include "node/parts.h"

#define SOON  (2 * KAD_SECOND) /* the first who answered have told us our address by then */
#define AGAIN KAD_MINUTE       /* when nobody took it, or too much else is under way */

static bool wanted(const struct kad_node *node)
{
    return node->config.announce_self && kad_network_has_identities(node->config.network) &&
           !kad_node_is_libp2p(node) && !node->config.settings.read_only;
}

static bool is_any(const struct kad_endpoint *endpoint)
{
    const struct kad_endpoint any = {.family = endpoint->family};

    return kad_endpoint_same_host(endpoint, &any);
}

static void add(struct kad_whereabouts *where, const struct kad_endpoint *endpoint)
{
    for (size_t i = 0; i < where->n; i++) {
        if (kad_endpoint_equal(&where->endpoints[i], endpoint))
            return;
    }
    if (where->n < KAD_COUNT_OF(where->endpoints))
        where->endpoints[where->n++] = *endpoint;
}

/* What others see of us; where they do not agree on it, what we listen at. */
static void add_own(const struct kad_node *node, struct kad_whereabouts *where)
{
    struct kad_endpoint listening[KAD_NODE_LISTEN_MAX];
    const size_t n_listening = kad_node_listening(node, listening, KAD_NODE_LISTEN_MAX);
    struct kad_info info;

    kad_engine_info(node->engine, &info);
    if (kad_relay_address(node, &info.address)) {
        add(where, &info.address);
        return;
    }
    if (info.address.family)
        add(where, &info.address);
    for (size_t i = 0; i < n_listening; i++) {
        if (!is_any(&listening[i]) && listening[i].family != info.address.family)
            add(where, &listening[i]);
    }
}

static bool is_kin(const struct kad_node *node, const struct kad_node *other)
{
    return wanted(other) && other->phase == KAD_NODE_RUNNING &&
           memcmp(node->config.secret, other->config.secret, sizeof(node->config.secret)) == 0;
}

static void gather(const struct kad_node *node, struct kad_whereabouts *out_where)
{
    out_where->n = 0;
    for (const struct kad_node *user = node->storage->users; user; user = user->storage_next) {
        if (is_kin(node, user))
            add_own(user, out_where);
    }
}

static bool same(const struct kad_whereabouts *a, const struct kad_whereabouts *b)
{
    for (size_t i = 0; i < a->n && a->n == b->n; i++) {
        if (!kad_endpoint_equal(&a->endpoints[i], &b->endpoints[i]))
            return false;
    }
    return a->n == b->n;
}

static void done(void *user, const struct kad_event *event)
{
    struct kad_node *node = user;
    char first[KAD_ENDPOINT_TEXT], stored[16];

    if (event->kind != KAD_EVENT_DONE)
        return;
    node->presence.asking = false;
    if (event->done.reason == KAD_REASON_CANCELLED)
        return;
    if (event->done.n_stored == 0) {
        node->presence.said.n = 0;
        node->presence.at = node->now + AGAIN;
        return;
    }
    snprintf(stored, sizeof(stored), "%u", (unsigned)event->done.n_stored);
    kad_tell(node, KAD_LOG_INFO, "announced_self", "address",
             kad_endpoint_format(&node->presence.said.endpoints[0], first), "stored", stored, NULL);
}

/* Of what is new the others have to speak, too. */
static int64_t sequence_of(struct kad_node *node, const struct kad_whereabouts *where)
{
    struct kad_storage *storage = node->storage;

    if (same(where, &storage->where) && storage->where_sequence)
        return storage->where_sequence;
    storage->where = *where;
    storage->where_sequence = node->now; /* higher than all before, as long as the clock is right */
    for (struct kad_node *user = storage->users; user; user = user->storage_next) {
        if (user != node && is_kin(node, user) && user->presence.said.n) {
            user->presence.at = node->now + SOON;
            kad_node_turn_soon(user);
        }
    }
    return storage->where_sequence;
}

/* Sealed, signed and on its way. 0, or why not now. */
static int put(struct kad_node *node, const struct kad_whereabouts *where)
{
    const struct kad_bytes key = {kad_engine_identity(node->engine), KAD_IDENTITY_SIZE};
    uint8_t value[KAD_SECURE_ENDPOINTS_MAX * 20], sealed[KAD_SECURE_VALUE_MAX];
    struct kad_secure_name name;
    const struct kad_secure_draft draft = {
        .name = &name,
        .value = {value, kad_secure_put_endpoints(where->endpoints, where->n, value, sizeof(value))},
        .seed = node->config.secret,
        .sequence = sequence_of(node, where),
        .made_at = node->now,
    };
    struct kad_request request = {.kind = KAD_REQUEST_PUT, .keep = true, .renews = true};
    int error = kad_secure_named("peer", key, NULL, 0, &name);

    if (!error)
        error = kad_secure_make(&draft, sealed, &request.record);
    if (!error)
        error = kad_secure_signer(&name, node->config.secret, request.signer);
    request.target = request.record.key;
    return error ? error : kad_requests_of_this_run(node, &request, done, node);
}

void kad_presence_changed(struct kad_node *node)
{
    node->presence.at = wanted(node) ? node->now + SOON : KAD_NEVER;
}

kad_ms kad_presence_wake_at(const struct kad_node *node)
{
    return node->presence.at;
}

void kad_presence_tick(struct kad_node *node)
{
    struct kad_presence *presence = &node->presence;
    struct kad_whereabouts where;

    if (node->now < presence->at)
        return;
    presence->at = KAD_NEVER;
    if (!node->restored || node->n_restoring || presence->asking) {
        presence->at = node->now + SOON;
        return;
    }
    gather(node, &where);
    if (where.n == 0 || same(&where, &presence->said))
        return; /* an address makes itself known by an event */
    if (put(node, &where) < 0) {
        presence->at = node->now + AGAIN;
        return;
    }
    presence->asking = true;
    presence->said = where;
}
