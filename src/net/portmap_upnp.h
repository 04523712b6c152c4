/* portmap_upnp - a mapping by UPnP's Internet gateway, through libminiupnpc. Blocks; see portmap.h. */
#ifndef KAD_NET_PORTMAP_UPNP_H
#define KAD_NET_PORTMAP_UPNP_H

#include "net/portmap.h"

/* As kad_portmap_ask(). Without libminiupnpc in this build: KAD_E_TIMEOUT and why. */
KAD_CHECK int kad_upnp_ask(uint32_t lease_s, struct kad_portmap *map, char *out_why, size_t why_size);
KAD_CHECK int kad_upnp_drop(struct kad_portmap *map, char *out_why, size_t why_size);

#endif
