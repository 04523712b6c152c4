/*
 * krpc - BitTorrent's Mainline DHT on the wire (BEP 5, 32, 33, 42, 43, 44, 51): the parts of `kad_krpc`.
 *
 * What docs/mainline.md says of strictness is decided in krpc_decode.c. What core must know beside codec.h:
 *
 *   - Replies and errors come out as KAD_UNKNOWN; the transaction says what was asked.
 *   - A put's key is not on the wire: the decoder computes it into record.key and target. Neither key nor salt of a
 *     get's answer is: who asked fills in both, then calls check_record.
 *   - To encode a reply, set `method` and, for find_node, want_*: an empty "nodes" is sent only for those wanted.
 *   - Of a refusal the code goes out as refusal_code, or if that is 0, as `refusal` maps; text likewise.
 */
#ifndef KAD_WIRE_KRPC_KRPC_H
#define KAD_WIRE_KRPC_KRPC_H

#include "wire/codec.h"

#define KAD_KRPC_ID          20 /* bytes of an id on the wire */
#define KAD_KRPC_CONTACT_V4  26
#define KAD_KRPC_CONTACT_V6  38
#define KAD_KRPC_PEER_V4     6
#define KAD_KRPC_PEER_V6     18
#define KAD_KRPC_TRANSACTION 64 /* longest that is echoed */

enum kad_decode kad_krpc_decode(struct kad_bytes bytes, enum kad_family family,
                                struct kad_message *out_message);
size_t kad_krpc_encode(const struct kad_message *message, uint8_t *out_bytes, size_t room);
bool kad_krpc_id_allowed(const struct kad_id *id, const struct kad_endpoint *endpoint);
struct kad_id kad_krpc_make_id(const struct kad_endpoint *endpoint, struct kad_rng *rng);

/* Error codes of BEP 5 and 44. A code we do not know is KAD_REFUSAL_GENERIC. */
int32_t kad_krpc_refusal_code(enum kad_refusal refusal);
const char *kad_krpc_refusal_text(enum kad_refusal refusal);
enum kad_refusal kad_krpc_refusal_of(int64_t code);

#endif
