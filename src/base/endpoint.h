/*
 * endpoint - an IP address and a UDP or TCP port.
 *
 * 20 bytes without padding, unused bytes zero, so endpoints compare and hash as memory. IPv4 stands in the first four
 * bytes of `address`. An IPv4-mapped IPv6 address is never kept: kad_endpoint_v6() turns it into IPv4.
 */
#ifndef KAD_BASE_ENDPOINT_H
#define KAD_BASE_ENDPOINT_H

#include "base/types.h"
#include "kad/text.h" /* made, compared, read and written there */

/* What kind of address this is, most local first. IPv4 inside IPv6 (NAT64, 6to4) is public or invalid. */
enum kad_scope {
    KAD_SCOPE_INVALID = 0, /* unspecified, multicast, broadcast, documentation, unassigned, port 0 */
    KAD_SCOPE_LOOPBACK,
    KAD_SCOPE_LINK,    /* 169.254/16, fe80::/10 */
    KAD_SCOPE_PRIVATE, /* RFC 1918, RFC 6598, fc00::/7, benchmarks, site-local */
    KAD_SCOPE_PUBLIC,
};

bool kad_endpoint_same_host(const struct kad_endpoint *a, const struct kad_endpoint *b); /* port ignored */
size_t kad_endpoint_address_size(const struct kad_endpoint *endpoint);                   /* 4, 16 or 0 */
enum kad_scope kad_endpoint_scope(const struct kad_endpoint *endpoint);

/* The address groups that limits count by: /24 and /16 of IPv4, /64 and /48 of IPv6. As a number that is unique per
 * family and group, never 0. Narrow and wide numbers are not told apart: keep them in different tables. */
uint64_t kad_endpoint_narrow_group(const struct kad_endpoint *endpoint);
uint64_t kad_endpoint_wide_group(const struct kad_endpoint *endpoint);

#endif
