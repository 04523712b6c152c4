/* bootstrap_name - what is written down of a node to join through: host, port, and perhaps who it has to be. */
#ifndef KAD_NODE_BOOTSTRAP_NAME_H
#define KAD_NODE_BOOTSTRAP_NAME_H

#include "kad/engine.h"
#include "kad/identity.h"
#include "net/resolve.h"

struct kad_bootstrap_name {
    char address[KAD_RESOLVE_HOST + 8]; /* host and port as written */
    char host[KAD_RESOLVE_HOST];
    uint16_t port;
    bool has_key;
    uint8_t key[KAD_IDENTITY_SIZE];
};

/* "host:port", "[v6]:port", each with "/id1..." behind it if need be; where nodes prove who they are the port may be left out, and is
 * the network's. In networks of libp2p: a multiaddr that can be dialled, or "/dnsaddr/..."; nothing but that it is one is filled in.
 * 0 or KAD_E_INVALID. */
KAD_CHECK int kad_bootstrap_name_read(const char *text, const struct kad_network *network,
                                      struct kad_bootstrap_name *out_name);

#endif
