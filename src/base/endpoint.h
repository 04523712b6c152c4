/*
 * endpoint - an IP address and a UDP or TCP port.
 *
 * 20 bytes without padding, unused bytes zero, so endpoints compare and hash as memory. IPv4 stands in the first four
 * bytes of `address`. An IPv4-mapped IPv6 address is never kept: kad_endpoint_v6() turns it into IPv4.
 */
#ifndef KAD_BASE_ENDPOINT_H
#define KAD_BASE_ENDPOINT_H

#include "base/types.h"

/* What kind of address this is, most local first. IPv4 inside IPv6 (NAT64, 6to4) is public or invalid. */
enum kad_scope {
    KAD_SCOPE_INVALID = 0, /* unspecified, multicast, broadcast, documentation, unassigned, port 0 */
    KAD_SCOPE_LOOPBACK,
    KAD_SCOPE_LINK,    /* 169.254/16, fe80::/10 */
    KAD_SCOPE_PRIVATE, /* RFC 1918, RFC 6598, fc00::/7, benchmarks, site-local */
    KAD_SCOPE_PUBLIC,
};

struct kad_endpoint kad_endpoint_v4(const uint8_t address[4], uint16_t port);
struct kad_endpoint kad_endpoint_v6(const uint8_t address[16], uint16_t port);
bool kad_endpoint_equal(const struct kad_endpoint *a, const struct kad_endpoint *b);
bool kad_endpoint_same_host(const struct kad_endpoint *a, const struct kad_endpoint *b); /* port ignored */
size_t kad_endpoint_address_size(const struct kad_endpoint *endpoint);                   /* 4, 16 or 0 */
enum kad_scope kad_endpoint_scope(const struct kad_endpoint *endpoint);

/* The address groups that limits count by: /24 and /16 of IPv4, /64 and /48 of IPv6. As a number that is unique per
 * family and group, never 0. Narrow and wide numbers are not told apart: keep them in different tables. */
uint64_t kad_endpoint_narrow_group(const struct kad_endpoint *endpoint);
uint64_t kad_endpoint_wide_group(const struct kad_endpoint *endpoint);

/* Reads "1.2.3.4:5", "[2001:db8::1]:5"; a bare address takes `default_port` when that is not 0.
 * The port may be 0 (to listen on). Names, zones, leading zeros and surrounding spaces are refused. 0 or KAD_E_INVALID. */
KAD_CHECK int kad_endpoint_parse(const char *text, uint16_t default_port, struct kad_endpoint *out_endpoint);

#define KAD_ENDPOINT_TEXT 56
/* "1.2.3.4:5" or "[...]:5" (RFC 5952), "-" for no address; always terminated. Returns `text`. */
char *kad_endpoint_format(const struct kad_endpoint *endpoint, char text[KAD_ENDPOINT_TEXT]);

#endif
