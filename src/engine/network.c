/* network - what can be said of any network by looking at its descriptor. */
#include "engine/network.h"

#include <string.h>

static const struct kad_network *(*const all[])(void) = {
    kad_network_mainline,    kad_network_kad,      kad_network_kad_ws,  kad_network_libp2p_icn,
    kad_network_libp2p_ipfs, kad_network_kad_easy, kad_network_kad_toy, kad_network_kad_ws_easy};

const struct kad_network *kad_network_named(const char *name)
{
    for (size_t i = 0; i < KAD_COUNT_OF(all); i++) {
        if (strcmp(all[i]()->name, name) == 0)
            return all[i]();
    }
    return NULL;
}

const struct kad_network *kad_network_at(unsigned number)
{
    for (size_t i = 0; i < KAD_COUNT_OF(all); i++) {
        if (kad_network_is_built(all[i]()) && number-- == 0)
            return all[i]();
    }
    return NULL;
}

bool kad_network_is_built(const struct kad_network *network)
{
    return network->codec != NULL;
}

const char *kad_network_name(const struct kad_network *network)
{
    return network->name;
}

uint16_t kad_network_port(const struct kad_network *network)
{
    return network->port;
}

uint32_t kad_network_datagram(const struct kad_network *network)
{
    return network->datagram_max ? network->datagram_max : KAD_DATAGRAM_MAX;
}

bool kad_network_has_identities(const struct kad_network *network)
{
    return network->rules.identity_size > 0;
}

unsigned kad_network_puzzle(const struct kad_network *network)
{
    return network->puzzle_bits;
}

void kad_settings_default(const struct kad_network *network, struct kad_settings *out_settings)
{
    *out_settings = network->settings;
}
