/*
 * text - addresses and ids as people write them.
 *
 * Pure functions, for any thread. Nothing is allocated, no name is resolved.
 */
#ifndef KAD_TEXT_H
#define KAD_TEXT_H

#include "kad/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An endpoint from an address in network order and a port in host order. */
struct kad_endpoint kad_endpoint_v4(const uint8_t address[4], uint16_t port);
/* The same of 16 bytes. An IPv4-mapped address becomes IPv4. */
struct kad_endpoint kad_endpoint_v6(const uint8_t address[16], uint16_t port);
/* Whether they are the same address and port. */
bool kad_endpoint_equal(const struct kad_endpoint *a, const struct kad_endpoint *b);

/* Reads "1.2.3.4:5", "[2001:db8::1]:5"; a bare address takes `default_port` when that is not 0.
 * The port may be 0 (to listen on). Names, zones, leading zeros and surrounding spaces are refused. 0 or KAD_E_INVALID. */
KAD_CHECK int kad_endpoint_parse(const char *text, uint16_t default_port, struct kad_endpoint *out_endpoint);

#define KAD_ENDPOINT_TEXT 56 /* bytes that an endpoint as text needs at most, with its zero */
/* "1.2.3.4:5" or "[...]:5" (RFC 5952), "-" for no address; always terminated. Returns `text`. */
char *kad_endpoint_format(const struct kad_endpoint *endpoint, char text[KAD_ENDPOINT_TEXT]);

#define KAD_ID_TEXT (2 * KAD_ID_SIZE + 1) /* bytes that an id as text needs at most, with its zero */
/* Reads an id from its hexadecimal digits, of either case: 40 of a Mainline id, whose tail becomes zeros, or 64.
 * 0 or KAD_E_INVALID. */
KAD_CHECK int kad_id_parse(const char *text, struct kad_id *out_id);
/* The id in lower-case digits: 40 when its tail is zeros, as Mainline's are, else 64; always terminated. Returns `text`. */
char *kad_id_format(const struct kad_id *id, char text[KAD_ID_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
