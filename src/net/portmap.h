/*
 * portmap - asks the router before us to let datagrams to a UDP port in: PCP (RFC 6887), NAT-PMP (RFC 6886), UPnP's
 * Internet gateway. IPv4.
 *
 *     kad_portmap_ask()    maps, or maps anew what `map` holds already (the same outside port if that can be)
 *     kad_portmap_drop()   gives it back
 *
 * Both block, kad_portmap_ask() for up to KAD_PORTMAP_WAIT_S, so they belong on a worker thread. PCP and NAT-PMP are by
 * hand (portmap_wire.h); UPnP is libminiupnpc's, which is optional when kad is built. AUTO asks in that order: what a router
 * answers first is the cheapest for both.
 */
#ifndef KAD_NET_PORTMAP_H
#define KAD_NET_PORTMAP_H

#include "base/endpoint.h"

#define KAD_PORTMAP_WAIT_S 15

/* The order of the words of the setting port_mapping. */
enum kad_portmap_how {
    KAD_PORTMAP_OFF = 0,
    KAD_PORTMAP_AUTO,
    KAD_PORTMAP_PCP,
    KAD_PORTMAP_NAT_PMP,
    KAD_PORTMAP_UPNP,
};

/* A mapping; zeroed before the first ask but for `inside_port`. */
struct kad_portmap {
    uint16_t inside_port;
    enum kad_portmap_how how;    /* by which it was made; OFF: there is none */
    struct kad_endpoint outside; /* as the router says; the address may be unknown (zero) */
    uint32_t lease_s;            /* granted; 0: for good */
    uint8_t gateway[4];
    uint8_t nonce[12];               /* PCP: by it the router knows us again */
    char control[256], service[128]; /* UPnP */
};

/* 0; KAD_E_NOT_FOUND (no router, or our own address is public: nothing to map), KAD_E_TIMEOUT (no router speaks it),
 * KAD_E_REFUSED (it said no), KAD_E_SYSTEM, with the reason in `out_why`. `map` is as it was then. */
KAD_CHECK int kad_portmap_ask(enum kad_portmap_how how, uint32_t lease_s, struct kad_portmap *map,
                              char *out_why, size_t why_size);
/* The same errors but KAD_E_NOT_FOUND. `map` has none afterwards. */
KAD_CHECK int kad_portmap_drop(struct kad_portmap *map, char *out_why, size_t why_size);

const char *kad_portmap_how_text(enum kad_portmap_how how); /* as in the configuration */

#endif
