#include "node/bootstrap_name.h"

#include <string.h>

int kad_bootstrap_name_read(const char *text, const struct kad_network *network,
                            struct kad_bootstrap_name *out_name)
{
    const uint16_t usual = kad_network_has_identities(network) ? kad_network_port(network) : 0;
    const char *slash = strchr(text, '/');
    const size_t size = slash ? (size_t)(slash - text) : strlen(text);

    if (size >= sizeof(out_name->address))
        return KAD_E_INVALID;
    memcpy(out_name->address, text, size);
    out_name->address[size] = '\0';
    out_name->has_key = slash != NULL;
    if (slash && kad_identity_parse(slash + 1, out_name->key) < 0)
        return KAD_E_INVALID;
    return kad_resolve_split(out_name->address, usual, out_name->host, &out_name->port);
}
