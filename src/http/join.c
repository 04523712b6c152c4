/* join - see join.h. */
#include "http/join.h"

#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/multiaddr.h"
#include "http/json.h"
#include "node/libp2p_link.h"

/* Is it one, so that it is not the second that turns out to be none? */
static bool is_address(const struct kad_node *node, const char *text, struct kad_endpoint *out_endpoint)
{
    uint8_t bytes[KAD_MULTIADDR_MAX];
    size_t n;

    if (kad_node_is_libp2p(node))
        return kad_multiaddr_read(text, bytes, sizeof bytes, &n) == KAD_OK;
    return kad_endpoint_parse(text, 0, out_endpoint) == KAD_OK && out_endpoint->port != 0;
}

static int join(struct kad_node *node, const char *text, const struct kad_endpoint *endpoint)
{
    return kad_node_is_libp2p(node) ? kad_node_meet(node, text) : kad_node_bootstrap(node, endpoint);
}

static struct kad_api_answer failed(int error, const char *text)
{
    char reason[200];

    snprintf(reason, sizeof reason, "addresses: \"%.120s\" cannot be joined through", text);
    return (struct kad_api_answer){
        .status = error == KAD_E_CLOSED  ? 503
                  : error == KAD_E_LIMIT ? 429
                                         : 400,
        .json = kad_json_error(error == KAD_E_INVALID ? "bad request" : kad_json_error_text(error), reason)};
}

struct kad_api_answer kad_join_route(const struct kad_api *api, struct kad_api_asker asker,
                                     struct kad_params *params)
{
    struct kad_endpoint endpoint;
    struct kad_bytes text = {0};
    char *one, *rest;
    int n = 0;

    (void)asker;
    if (!kad_params_text(params, "addresses", &text))
        kad_params_wrong(params, "addresses", "wanted, and not given");
    if (!kad_params_finish(params))
        return (struct kad_api_answer){.status = 400, .json = kad_json_error("bad request", params->why)};
    /* The parameters are this call's own. */
    for (one = strtok_r((char *)(uintptr_t)text.data, ", ", &rest); one; one = strtok_r(NULL, ", ", &rest)) {
        int error = is_address(api->node, one, &endpoint) ? KAD_OK : KAD_E_INVALID;

        if (!error)
            error = join(api->node, one, &endpoint);
        if (error)
            return failed(error, one);
        n++;
    }
    if (n == 0)
        return failed(KAD_E_INVALID, "");
    return (struct kad_api_answer){.status = 200, .json = json_pack("{s:i}", "addresses", n)};
}
