/* defaults - a node's configuration before anybody changed it. */
#include "base/endpoint.h"
#include "kad/node.h"
#include "lookout/regions.h"

#include <string.h>

void kad_node_config_default(const struct kad_network *network, struct kad_node_config *out_config)
{
    static const uint8_t any[16];

    memset(out_config, 0, sizeof(*out_config));
    out_config->network = network;
    kad_settings_default(network, &out_config->settings);
    out_config->listen[0] = kad_endpoint_v4(any, kad_network_port(network));
    out_config->listen[1] = kad_endpoint_v6(any, kad_network_port(network));
    out_config->n_listen = 2;
    out_config->store = KAD_STORE_MEMORY;
    out_config->announce_self = true;
    out_config->relay.mode = KAD_RELAY_AUTO;
    out_config->relay.clients = 32;
    out_config->moved_for_ms = 7 * 24 * KAD_HOUR;
    out_config->region_silent_ms = KAD_REGIONS_QUIET_MS;
    out_config->log_level = KAD_LOG_INFO;
}
