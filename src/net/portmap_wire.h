/*
 * portmap_wire - messages of PCP and NAT-PMP, to and from bytes. Pure.
 *
 * Both go to UDP port 5351 of the router; the first byte is the version: 2 is PCP, 0 NAT-PMP. The answer to a version that
 * a router does not know begins with one it knows.
 */
#ifndef KAD_NET_PORTMAP_WIRE_H
#define KAD_NET_PORTMAP_WIRE_H

#include "base/endpoint.h"

#define KAD_PCP_PORT    5351
#define KAD_PCP_MESSAGE 60 /* a MAP request, and its answer without options */
#define KAD_PMP_MESSAGE 16 /* the longest of NAT-PMP's */

struct kad_pcp_map {
    uint8_t client[4]; /* our address; requests only */
    uint8_t nonce[12];
    uint32_t lifetime_s; /* 0 in a request: no longer wanted */
    uint16_t inside_port;
    uint16_t outside_port;      /* wanted, or granted; 0: any */
    uint8_t outside_address[4]; /* likewise; 0.0.0.0: any */
};

/* RFC 6887, sections 7.1 and 11.1: protocol UDP. */
void kad_pcp_write(const struct kad_pcp_map *map, uint8_t out_message[KAD_PCP_MESSAGE]);
/* The answer to `asked`. 0 with *out_map; KAD_E_INVALID: not an answer to that. KAD_E_REFUSED: no, with the router's reason
 * (section 7.4) in *out_result; *out_result is 1 when it speaks another version. */
KAD_CHECK int kad_pcp_read(const uint8_t *message, size_t size, const struct kad_pcp_map *asked,
                           struct kad_pcp_map *out_map, unsigned *out_result);

/* RFC 6886, sections 3.2 and 3.3. Returns the request's size. */
size_t kad_pmp_write_address(uint8_t out_message[KAD_PMP_MESSAGE]);
size_t kad_pmp_write_map(uint16_t inside_port, uint16_t outside_port, uint32_t lifetime_s,
                         uint8_t out_message[KAD_PMP_MESSAGE]);
/* As kad_pcp_read(); reasons of section 3.5. */
KAD_CHECK int kad_pmp_read_address(const uint8_t *message, size_t size, uint8_t out_address[4],
                                   unsigned *out_result);
KAD_CHECK int kad_pmp_read_map(const uint8_t *message, size_t size, uint16_t inside_port,
                               uint16_t *out_outside_port, uint32_t *out_lifetime_s, unsigned *out_result);

/* The gateway of the default route with the least metric, out of the text of /proc/self/net/route. False: there is none. */
bool kad_route_gateway(const char *text, uint8_t out_gateway[4]);

#endif
