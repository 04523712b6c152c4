/* without_libp2p - stands for libp2p's networks in a build that leaves them out (cmake/parts.cmake): they can be named, and
 * kad_engine_new() refuses them. */
#include "engine/network.h"

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
