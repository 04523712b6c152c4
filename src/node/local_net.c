/* local_net - see local_net.h. */
#include "node/local_net.h"

int kad_local_net_address(const struct kad_endpoint *first, size_t i, struct kad_endpoint *out_endpoint)
{
    const uint8_t *bytes = first->address;
    uint64_t number =
        (uint64_t)bytes[0] << 24 | (uint64_t)bytes[1] << 16 | (uint64_t)bytes[2] << 8 | bytes[3];
    struct kad_endpoint endpoint = *first;

    if (first->family != KAD_IPV4 || first->port == 0 || bytes[0] != 127)
        return KAD_E_INVALID;
    number += i;
    if (number >= ((uint64_t)127 << 24 | 0xffffff)) /* 127.255.255.255 is a broadcast address */
        return KAD_E_INVALID;
    for (int j = 0; j < 4; j++)
        endpoint.address[j] = (uint8_t)(number >> (24 - 8 * j));
    *out_endpoint = endpoint;
    return KAD_OK;
}

int kad_local_net_fill(struct kad_node_config *configs, size_t n, const char *bootstrap)
{
    if (configs[0].n_listen != 1)
        return KAD_E_INVALID;
    for (size_t i = 1; i < n; i++) {
        configs[i] = configs[0];
        configs[i].data_dir = NULL;
        configs[i].record = NULL; /* the first one's */
        configs[i].store = KAD_STORE_MEMORY;
        configs[i].has_id = false;
        configs[i].has_secret = false; /* each is somebody */
        configs[i].identity = configs[i].passphrase = NULL;
        configs[i].bootstrap[0] = bootstrap;
        configs[i].n_bootstrap = 1;
        /* A given seed must not make them all the same node. */
        for (int j = 0; j < 4; j++)
            configs[i].seed[j] ^= (uint8_t)(i >> 8 * j);
        if (kad_local_net_address(&configs[0].listen[0], i, &configs[i].listen[0]) != KAD_OK)
            return KAD_E_INVALID;
    }
    return KAD_OK;
}
