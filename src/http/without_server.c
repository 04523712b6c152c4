/*
 * without_server - stands for the HTTP face in a build that leaves it out (cmake/parts.cmake): a node runs without doors, and nobody
 * can ask it anything from outside. What was asked for by name is refused instead.
 */
#include "http/server.h"

#include <stdio.h>

#include "node/libp2p_link.h"
#include "node/link.h"

static int refuse(const char *what, char *out_why, size_t why_size)
{
    snprintf(out_why, why_size, "%s: HTTP is not in this build", what);
    return KAD_E_DISABLED;
}

/* kad-ws, whose connections come and go through the face. */
static bool needs_it(const struct kad_node *node)
{
    return kad_node_is_linked(node) && !kad_node_is_libp2p(node);
}

int kad_http_new(struct kad_node *node, const struct kad_http_config *config, struct kad_http **out_http,
                 char *out_why, size_t why_size)
{
    bool needed = needs_it(node);

    for (size_t i = 0; i < config->n_others; i++)
        needed |= needs_it(config->others[i]);
    if (needed)
        return refuse("network kad-ws", out_why, why_size);
    if (config->api && !config->api_is_default)
        return refuse("api", out_why, why_size);
    if (config->metrics && !config->metrics_is_default)
        return refuse("metrics", out_why, why_size);
    *out_http = NULL;
    return KAD_OK;
}

void kad_http_event(struct kad_http *http, struct kad_node *node, const struct kad_event *event)
{
    (void)http;
    (void)node;
    (void)event;
}

void kad_http_close(struct kad_http *http)
{
    (void)http;
}

void kad_http_free(struct kad_http *http)
{
    (void)http;
}
