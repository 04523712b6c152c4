/*
 * presence - the node's own `peer:` record: who knows an identity finds where it is (K20, P045, T19).
 *
 * Put when the node is ready and knows an address of its own, and again when that is another; the engine renews it at half
 * of its life for as long as the node runs. What the host keeps published is restored first, so that this one is newer.
 */
#include <stdio.h>

#include "base/endpoint.h"
#include "kad/identity.h"
#include "kad/secure.h"
#include "node/parts.h"

#define SOON  (2 * KAD_SECOND) /* the first who answered have told us our address by then */
#define AGAIN KAD_MINUTE       /* when nobody took it, or too much else is under way */

static bool wanted(const struct kad_node *node)
{
    return node->config.announce_self && kad_network_has_identities(node->config.network) &&
           !node->config.settings.read_only;
}

static bool is_any(const struct kad_endpoint *endpoint)
{
    const struct kad_endpoint any = {.family = endpoint->family};

    return kad_endpoint_same_host(endpoint, &any);
}

/* What others see of us; where they do not agree on it, what we listen at. */
static size_t whereabouts(const struct kad_node *node, struct kad_endpoint out_endpoints[KAD_NODE_LISTEN_MAX])
{
    struct kad_endpoint listening[KAD_NODE_LISTEN_MAX];
    const size_t n_listening = kad_node_listening(node, listening, KAD_NODE_LISTEN_MAX);
    struct kad_info info;
    size_t n = 0;

    kad_engine_info(node->engine, &info);
    if (info.address.family)
        out_endpoints[n++] = info.address;
    for (size_t i = 0; i < n_listening && n < KAD_NODE_LISTEN_MAX; i++) {
        if (!is_any(&listening[i]) && listening[i].family != info.address.family)
            out_endpoints[n++] = listening[i];
    }
    return n;
}

static bool is_said(const struct kad_node *node, const struct kad_endpoint *endpoints, size_t n)
{
    if (n != node->presence.n_said)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!kad_endpoint_equal(&endpoints[i], &node->presence.said[i]))
            return false;
    }
    return true;
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
        node->presence.n_said = 0;
        node->presence.at = node->now + AGAIN;
        return;
    }
    snprintf(stored, sizeof(stored), "%u", (unsigned)event->done.n_stored);
    kad_tell(node, KAD_LOG_INFO, "announced_self", "address",
             kad_endpoint_format(&node->presence.said[0], first), "stored", stored, NULL);
}

/* Sealed, signed and on its way. 0, or why not now. */
static int put(struct kad_node *node, const struct kad_endpoint *endpoints, size_t n)
{
    const struct kad_bytes key = {kad_engine_identity(node->engine), KAD_IDENTITY_SIZE};
    uint8_t value[KAD_SECURE_ENDPOINTS_MAX * 20], sealed[KAD_SECURE_VALUE_MAX];
    struct kad_secure_name name;
    const struct kad_secure_draft draft = {
        .name = &name,
        .value = {value, kad_secure_put_endpoints(endpoints, n, value, sizeof(value))},
        .seed = node->config.secret,
        .sequence = node->now, /* higher than all before, as long as the clock is right */
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
    struct kad_endpoint endpoints[KAD_NODE_LISTEN_MAX];
    size_t n;

    if (node->now < presence->at)
        return;
    presence->at = KAD_NEVER;
    if (!node->restored || node->n_restoring || presence->asking) {
        presence->at = node->now + SOON;
        return;
    }
    n = whereabouts(node, endpoints);
    if (n == 0 || is_said(node, endpoints, n))
        return; /* an address makes itself known by an event */
    if (put(node, endpoints, n) < 0) {
        presence->at = node->now + AGAIN;
        return;
    }
    presence->asking = true;
    presence->n_said = n;
    for (size_t i = 0; i < n; i++)
        presence->said[i] = endpoints[i];
}
