/* peers - what the node makes of others: shown, banned, pardoned (kad_node_ban()). */
#ifndef KAD_HTTP_PEERS_H
#define KAD_HTTP_PEERS_H

#include "http/routes.h"

/* {"peers": contacts of the table, "known": all whose behaviour is remembered}. */
json_t *kad_json_known_peers(struct kad_node *node);

struct kad_api_answer kad_peers_ban_route(const struct kad_api *api, struct kad_api_asker asker,
                                          struct kad_params *params);
struct kad_api_answer kad_peers_pardon_route(const struct kad_api *api, struct kad_api_asker asker,
                                             struct kad_params *params);

#endif
