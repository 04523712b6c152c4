/* relays - which relays a node knows, and how it stands with them: docs/relay.md; in libp2p's networks which of its peers are some. */
#ifndef KAD_HTTP_RELAYS_H
#define KAD_HTTP_RELAYS_H

#include <stdio.h>

#include "http/routes.h"

struct kad_api_answer kad_relays_route(const struct kad_api *api, struct kad_api_asker asker,
                                       struct kad_params *params);
/* "relay" of a node: through which one it is reached; null: through none. */
json_t *kad_json_relay(const struct kad_node *node);
void kad_metrics_relay(FILE *out, const struct kad_node *node);

#endif
