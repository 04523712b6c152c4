/*
 * bootstrap - the names of nodes to join through, as addresses for the engine.
 *
 * Numbers are given to it at the start. Names are asked for off the loop; what cannot be resolved is tried again after
 * 5 s, and twice as long each time, up to 5 minutes. When nobody answers, names that were found are asked for anew.
 */
#include <stdio.h>

#include "base/endpoint.h"
#include "node/parts.h"

#define WAIT_FIRST (5 * KAD_SECOND)
#define WAIT_MOST  (5 * KAD_MINUTE)

int kad_bootstrap_init(struct kad_node *node, char *out_why, size_t why_size)
{
    const size_t n = node->config.n_bootstrap;

    if (n == 0)
        return KAD_OK;
    node->bootstraps = kad_alloc_zero(node->allocator, n * sizeof(*node->bootstraps));
    if (!node->bootstraps)
        return KAD_E_MEMORY;
    node->n_bootstraps = n;
    for (size_t i = 0; i < n; i++) {
        struct kad_bootstrap *bootstrap = &node->bootstraps[i];

        bootstrap->node = node;
        bootstrap->text = node->config.bootstrap[i];
        bootstrap->wait_ms = WAIT_FIRST;
        if (kad_resolve_split(bootstrap->text, 0, bootstrap->host, &bootstrap->port) < 0) {
            snprintf(out_why, why_size, "bootstrap: \"%.100s\" is not host:port", bootstrap->text);
            return KAD_E_INVALID;
        }
    }
    return KAD_OK;
}

void kad_bootstrap_clear(struct kad_node *node)
{
    for (size_t i = 0; i < node->n_bootstraps; i++) {
        if (node->bootstraps[i].resolving)
            kad_resolve_forget(node->bootstraps[i].resolving);
    }
    kad_free(node->allocator, node->bootstraps, node->n_bootstraps * sizeof(*node->bootstraps));
    node->bootstraps = NULL;
    node->n_bootstraps = 0;
}

/* An address of a family we do not speak is no fault of anybody's, nor that the engine has enough. */
static void offer(struct kad_node *node, const struct kad_endpoint *endpoint)
{
    const int error = kad_engine_bootstrap(node->engine, endpoint, kad_node_clock(node));
    char address[KAD_ENDPOINT_TEXT];

    if (error)
        kad_tell(node, KAD_LOG_DEBUG, "bootstrap_unused", "address", kad_endpoint_format(endpoint, address),
                 "why", kad_error_text(error), NULL);
}

static void try_later(struct kad_bootstrap *bootstrap, const char *why)
{
    struct kad_node *node = bootstrap->node;

    kad_tell(node, KAD_LOG_WARN, "bootstrap_unresolved", "name", bootstrap->text, "why", why, NULL);
    bootstrap->next_at = kad_node_clock(node) + bootstrap->wait_ms;
    bootstrap->wait_ms = bootstrap->wait_ms < WAIT_MOST / 2 ? 2 * bootstrap->wait_ms : WAIT_MOST;
}

static void resolved(void *context, int error, const char *why, const struct kad_endpoint *found, size_t n)
{
    struct kad_bootstrap *bootstrap = context;
    struct kad_node *node = bootstrap->node;

    bootstrap->resolving = NULL;
    if (error) {
        try_later(bootstrap, why);
    } else {
        bootstrap->wait_ms = WAIT_FIRST;
        for (size_t i = 0; i < n; i++)
            offer(node, &found[i]);
    }
    kad_node_turn_soon(node);
}

static void begin(struct kad_bootstrap *bootstrap)
{
    struct kad_node *node = bootstrap->node;
    struct kad_endpoint endpoint;

    bootstrap->next_at = KAD_NEVER;
    if (kad_endpoint_parse(bootstrap->text, 0, &endpoint) == 0) {
        offer(node, &endpoint);
        return;
    }
    if (kad_resolve_start(node->loop, node->allocator, bootstrap->host, bootstrap->port, resolved, bootstrap,
                          &bootstrap->resolving) < 0)
        try_later(bootstrap, "the system is out of resources");
}

void kad_bootstrap_tick(struct kad_node *node)
{
    for (size_t i = 0; i < node->n_bootstraps; i++) {
        if (node->now >= node->bootstraps[i].next_at)
            begin(&node->bootstraps[i]);
    }
}

kad_ms kad_bootstrap_wake_at(const struct kad_node *node)
{
    kad_ms at = KAD_NEVER;

    for (size_t i = 0; i < node->n_bootstraps; i++)
        at = at < node->bootstraps[i].next_at ? at : node->bootstraps[i].next_at;
    return at;
}

void kad_bootstrap_again(struct kad_node *node)
{
    for (size_t i = 0; i < node->n_bootstraps; i++) {
        struct kad_bootstrap *bootstrap = &node->bootstraps[i];

        if (!bootstrap->resolving && bootstrap->next_at == KAD_NEVER) {
            bootstrap->next_at = node->now + bootstrap->wait_ms;
            bootstrap->wait_ms = bootstrap->wait_ms < WAIT_MOST / 2 ? 2 * bootstrap->wait_ms : WAIT_MOST;
        }
    }
}
