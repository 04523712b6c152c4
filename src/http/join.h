/* join - whom else to join through, while the node runs. */
#ifndef KAD_HTTP_JOIN_H
#define KAD_HTTP_JOIN_H

#include "http/api.h"
#include "http/params.h"

/* "addresses": one or more, with commas between them. Multiaddrs in libp2p's networks, else ip:port. */
struct kad_api_answer kad_join_route(const struct kad_api *api, struct kad_api_asker asker,
                                     struct kad_params *params);

#endif
