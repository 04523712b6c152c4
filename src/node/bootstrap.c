/*
 * bootstrap - the names of nodes to join through, as addresses for the engine.
 *
 * Numbers are given to it at the start. Names are asked for off the loop; what cannot be resolved is tried again after
 * 5 s, and twice as long each time, up to 5 minutes. When nobody answers, names that were found are asked for anew.
 *
 * The list may change while the node runs (kad_node_set_bootstrap()). The engine keeps the addresses it was given: those of
 * names that are gone are asked like others when it is lonely, and harm nobody.
 */
#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"
#include "node/parts.h"

#define WAIT_FIRST (5 * KAD_SECOND)
#define WAIT_MOST  (5 * KAD_MINUTE)

/* n > 0. NULL: *out_error and the reason. */
static struct kad_bootstrap *make(struct kad_node *node, const char *const *names, size_t n, int *out_error,
                                  char *why, size_t why_size)
{
    struct kad_bootstrap *bootstraps = kad_alloc_zero(node->allocator, n * sizeof(*bootstraps));

    *out_error = bootstraps ? KAD_OK : KAD_E_MEMORY;
    for (size_t i = 0; bootstraps && i < n; i++) {
        struct kad_bootstrap *bootstrap = &bootstraps[i];

        bootstrap->node = node;
        bootstrap->text = names[i];
        bootstrap->wait_ms = WAIT_FIRST;
        if (kad_bootstrap_name_read(bootstrap->text, node->config.network, &bootstrap->name) < 0 ||
            (bootstrap->name.has_key && !kad_network_has_identities(node->config.network))) {
            snprintf(why, why_size, "bootstrap: \"%.100s\" is not %s", bootstrap->text,
                     kad_node_is_libp2p(node) ? "a multiaddr that can be dialled" : "host:port");
            kad_free(node->allocator, bootstraps, n * sizeof(*bootstraps));
            *out_error = KAD_E_INVALID;
            return NULL;
        }
    }
    return bootstraps;
}

int kad_bootstrap_init(struct kad_node *node, char *out_why, size_t why_size)
{
    const size_t n = node->config.n_bootstrap;
    int error = KAD_OK;

    if (n)
        node->bootstraps = make(node, node->config.bootstrap, n, &error, out_why, why_size);
    node->n_bootstraps = node->bootstraps ? n : 0;
    return error;
}

static void forget_all(struct kad_node *node)
{
    for (size_t i = 0; i < node->n_bootstraps; i++) {
        if (node->bootstraps[i].resolving)
            kad_resolve_forget(node->bootstraps[i].resolving);
    }
    kad_free(node->allocator, node->bootstraps, node->n_bootstraps * sizeof(*node->bootstraps));
    node->bootstraps = NULL;
    node->n_bootstraps = 0;
}

void kad_bootstrap_clear(struct kad_node *node)
{
    forget_all(node);
    kad_free(node->allocator, node->bootstrap_texts, node->bootstrap_texts_size);
    node->bootstrap_texts = NULL;
    node->bootstrap_texts_size = 0;
}

/* -- while it runs ----------------------------------------------------------------------------------------------- */

/* The names one behind the other in memory of the node's; `out_names` points there. NULL: no memory. n > 0. */
static char *copy_names(struct kad_node *node, const char *const *names, size_t n, const char **out_names,
                        size_t *out_size)
{
    char *texts, *at;

    *out_size = 0;
    for (size_t i = 0; i < n; i++)
        *out_size += strlen(names[i]) + 1;
    texts = at = kad_alloc(node->allocator, *out_size);
    for (size_t i = 0; texts && i < n; i++) {
        out_names[i] = strcpy(at, names[i]);
        at += strlen(names[i]) + 1;
    }
    return texts;
}

int kad_node_set_bootstrap(struct kad_node *node, const char *const *names, size_t n, char *out_why,
                           size_t why_size)
{
    const char *copied[KAD_NODE_BOOTSTRAP_MAX];
    struct kad_bootstrap *bootstraps = NULL;
    size_t size = 0;
    char *texts = NULL;
    int error = KAD_OK;

    snprintf(out_why, why_size, "%s", kad_error_text(KAD_E_LIMIT));
    if (n > KAD_NODE_BOOTSTRAP_MAX)
        return KAD_E_LIMIT;
    snprintf(out_why, why_size, "%s", kad_error_text(KAD_E_CLOSED));
    if (node->phase != KAD_NODE_MADE && node->phase != KAD_NODE_RUNNING)
        return KAD_E_CLOSED;
    snprintf(out_why, why_size, "%s", kad_error_text(KAD_E_MEMORY));
    if (n) {
        texts = copy_names(node, names, n, copied, &size);
        if (!texts)
            return KAD_E_MEMORY;
        bootstraps = make(node, copied, n, &error, out_why, why_size);
    }
    if (error) {
        kad_free(node->allocator, texts, size);
        return error;
    }
    kad_bootstrap_clear(node);
    node->bootstraps = bootstraps;
    node->n_bootstraps = n;
    node->bootstrap_texts = texts;
    node->bootstrap_texts_size = size;
    for (size_t i = 0; i < n; i++)
        node->config.bootstrap[i] = copied[i];
    node->config.n_bootstrap = n;
    kad_node_turn_soon(node);
    return KAD_OK;
}

int kad_node_bootstrap(struct kad_node *node, const struct kad_endpoint *endpoint)
{
    int error;

    if (node->phase != KAD_NODE_MADE && node->phase != KAD_NODE_RUNNING)
        return KAD_E_CLOSED;
    if (kad_node_is_libp2p(node))
        return KAD_E_INVALID; /* kad_node_meet() */
    error = kad_engine_bootstrap(node->engine, endpoint, kad_node_clock(node));
    kad_node_turn_soon(node);
    return error;
}

/* -- names ------------------------------------------------------------------------------------------------------- */

/* An address of a family we do not speak is no fault of anybody's, nor that the engine has enough. */
static void offer(const struct kad_bootstrap *bootstrap, const struct kad_endpoint *endpoint)
{
    struct kad_node *node = bootstrap->node;
    const kad_ms now = kad_node_clock(node);
    const int error = bootstrap->name.has_key
                          ? kad_engine_bootstrap_key(node->engine, endpoint, bootstrap->name.key, now)
                          : kad_engine_bootstrap(node->engine, endpoint, now);
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
            offer(bootstrap, &found[i]);
    }
    kad_node_turn_soon(node);
}

static bool is_lonely(const struct kad_node *node)
{
    struct kad_info info;

    kad_engine_info(node->engine, &info);
    return info.n_contacts[0] + info.n_contacts[1] == 0;
}

/* In networks of libp2p the engine hears of whom we have met; as long as there is nobody, they are met again. */
static void meet(struct kad_bootstrap *bootstrap)
{
    struct kad_node *node = bootstrap->node;
    const int error = is_lonely(node) ? kad_node_meet(node, bootstrap->text) : KAD_OK;

    if (error)
        kad_tell(node, KAD_LOG_WARN, "bootstrap_unused", "address", bootstrap->text, "why",
                 kad_error_text(error), NULL);
    bootstrap->next_at = node->now + bootstrap->wait_ms;
    bootstrap->wait_ms = !is_lonely(node)                     ? WAIT_FIRST
                         : bootstrap->wait_ms < WAIT_MOST / 2 ? 2 * bootstrap->wait_ms
                                                              : WAIT_MOST;
}

static void begin(struct kad_bootstrap *bootstrap)
{
    struct kad_node *node = bootstrap->node;
    struct kad_endpoint endpoint;

    if (kad_node_is_libp2p(node)) {
        meet(bootstrap);
        return;
    }
    bootstrap->next_at = KAD_NEVER;
    if (kad_endpoint_parse(bootstrap->name.address, bootstrap->name.port, &endpoint) == 0) {
        offer(bootstrap, &endpoint);
        return;
    }
    if (kad_resolve_start(node->loop, node->allocator, bootstrap->name.host, bootstrap->name.port, resolved,
                          bootstrap, &bootstrap->resolving) < 0)
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

        if (!bootstrap->resolving && bootstrap->next_at == KAD_NEVER && !kad_node_is_libp2p(node)) {
            bootstrap->next_at = node->now + bootstrap->wait_ms;
            bootstrap->wait_ms = bootstrap->wait_ms < WAIT_MOST / 2 ? 2 * bootstrap->wait_ms : WAIT_MOST;
        }
    }
}
