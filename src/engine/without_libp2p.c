/* without_libp2p - stands for libp2p's networks in a build that leaves them out (cmake/parts.cmake): they can be named, and
 * kad_engine_new() refuses them. */
#include "engine/network.h"
#include "engine/swarm.h"

static const struct kad_network icn = {.name = "libp2p"};
static const struct kad_network ipfs = {.name = "libp2p-ipfs"};

const struct kad_network *kad_network_libp2p_icn(void)
{
    return &icn;
}

const struct kad_network *kad_network_libp2p_ipfs(void)
{
    return &ipfs;
}

size_t kad_swarm_peers(const struct kad_swarm *swarm, struct kad_swarm_peer *out_peers, size_t room)
{
    (void)swarm;
    (void)out_peers;
    (void)room;
    return 0;
}
