/*
 * usual - queries as nearly everybody writes them, read in one pass.
 *
 * Keys in bencode's order, numbers without superfluous zeros, no keys but those a method has: what libtorrent,
 * transmission and we ourselves send. Such a query needs no parts: the place of each value follows from those before it,
 * which is three times as fast. At the first byte that is otherwise it declines, and kad_krpc_decode_any() decides; so
 * what is accepted, refused and dropped is decided there alone, and this file says the same or nothing.
 */
#ifndef KAD_WIRE_KRPC_USUAL_H
#define KAD_WIRE_KRPC_USUAL_H

#include "wire/codec.h"

/* True: a query, decoded exactly as kad_krpc_decode_any() would. False: declined, and the message is untouched. */
bool kad_krpc_decode_usual(struct kad_bytes bytes, struct kad_message *out_message);

/* Any layout. */
enum kad_decode kad_krpc_decode_any(struct kad_bytes bytes, enum kad_family family,
                                    struct kad_message *out_message);

#endif
