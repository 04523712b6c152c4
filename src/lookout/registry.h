/*
 * registry - which of the five regional registries an address was given by: the region it stands in, where no table of places says
 * better.
 *
 * Out of IANA's lists of IPv4 /8s and of IPv6 unicast blocks (www.iana.org/assignments), which hardly change. Addresses are traded
 * between regions, and what is older than the registries counts as North America's: so it is a coarse answer, good for asking
 * whether a part of the world is still there, and for nothing else.
 */
#ifndef KAD_LOOKOUT_REGISTRY_H
#define KAD_LOOKOUT_REGISTRY_H

#include "base/endpoint.h"

enum kad_registry {
    KAD_REGISTRY_NONE,
    KAD_AFRINIC,
    KAD_APNIC,
    KAD_ARIN,
    KAD_LACNIC,
    KAD_RIPE,
    KAD_N_REGISTRIES
};

/* NONE: no public address, or one of no registry's. */
enum kad_registry kad_registry_of(const struct kad_endpoint *endpoint);
/* "ripe": a constant, never NULL. */
const char *kad_registry_text(enum kad_registry registry);

#endif
