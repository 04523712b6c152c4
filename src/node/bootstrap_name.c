#include "node/bootstrap_name.h"

#include <string.h>

#include "base/multiaddr.h"
#include "engine/network.h"

static int read_multiaddr(const char *text)
{
    uint8_t bytes[KAD_MULTIADDR_MAX];
    struct kad_multiaddr parts;
    size_t n;

    if (kad_multiaddr_read(text, bytes, sizeof(bytes), &n) < 0 ||
        kad_multiaddr_parse((struct kad_bytes){bytes, n}, &parts) < 0)
        return KAD_E_INVALID;
    return parts.transport == KAD_TRANSPORT_OTHER ||
                   (parts.transport == KAD_TRANSPORT_NONE && parts.host != KAD_HOST_DNSADDR)
               ? KAD_E_INVALID
               : KAD_OK;
}

int kad_bootstrap_name_read(const char *text, const struct kad_network *network,
                            struct kad_bootstrap_name *out_name)
{
    const uint16_t usual = kad_network_has_identities(network) ? kad_network_port(network) : 0;
    const char *slash = strchr(text, '/');
    const size_t size = slash ? (size_t)(slash - text) : strlen(text);

    if (network->stream_protocol) {
        memset(out_name, 0, sizeof(*out_name));
        return read_multiaddr(text);
    }
    if (size >= sizeof(out_name->address))
        return KAD_E_INVALID;
    memcpy(out_name->address, text, size);
    out_name->address[size] = '\0';
    out_name->has_key = slash != NULL;
    if (slash && kad_identity_parse(slash + 1, out_name->key) < 0)
        return KAD_E_INVALID;
    return kad_resolve_split(out_name->address, usual, out_name->host, &out_name->port);
}
