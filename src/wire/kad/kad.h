/*
 * kad - the messages of kad's own network, as they stand in a session's datagram (docs/protocol.md, "Messages").
 *
 *     kind and method 1 | transaction 4 | fields: tag 1, length 2, value | 0, and zeros to the end
 *
 * Tags ascend; only RECORD comes more than once. A field that does not belong to its message, a wrong length, a bit that
 * means nothing: malformed, so that a message has one form. A tag we do not know is skipped if it is even and refused if it is odd.
 * No message says who sends it: the session proved it. What core must know beside codec.h:
 *
 *   - Contacts travel with their public keys: id is its hash, `identities` has the key. One without a key is not named.
 *   - A reply's attest has neither key nor public key: who asked knows both and fills them in, then calls check_attest.
 *   - What is left of a record (hashed) comes in `ghost`, never in `record`.
 *   - Contacts of an answer that do not fit are left out, of both families alike, the last first; records as kad_message.places says.
 *   - A query with a prefix names no more of its target than the prefix.
 *   - GET_PEERS, ANNOUNCE and SAMPLE are not spoken: they do not encode.
 */
#ifndef KAD_WIRE_KAD_KAD_H
#define KAD_WIRE_KAD_KAD_H

#include "wire/codec.h"

#define KAD_WIRE_HEAD        5 /* kind and method, transaction */
#define KAD_WIRE_TRANSACTION 4
#define KAD_WIRE_CONTACT_V4  38 /* public key, address, port */
#define KAD_WIRE_CONTACT_V6  50
#define KAD_WIRE_RECORD      154 /* a record but for its value */
#define KAD_WIRE_TOKEN_MAX   32
#define KAD_WIRE_TEXT_MAX    128
#define KAD_WIRE_ATTEST      105 /* kind, digest, at, signature */
#define KAD_WIRE_FORGET      41  /* type, public key, sequence */

/* `family` is not looked at: a message says the same whatever it came by. */
enum kad_decode kad_wire_decode(struct kad_bytes bytes, enum kad_family family,
                                struct kad_message *out_message);
size_t kad_wire_encode(const struct kad_message *message, uint8_t *out_bytes, size_t room);

#endif
