/*
 * moved - what stands under the `peer:` name of an identity that is another one now: who (docs/protocol.md, "Moved").
 *
 *     u8 1 | 136 statement (struct kad_move) | 64 the new identity's signature of its first 72 bytes, for "moved"
 *
 * The old one says where it went, the new one that it was that: so nobody sends those who look for him to a stranger, and
 * nobody takes over whoever he likes. The record around it is signed by the old one, as every `peer:` record.
 *
 * Pure functions, after kad_identity_start().
 */
#ifndef KAD_NODE_MOVED_H
#define KAD_NODE_MOVED_H

#include "crypto/identity.h"

#define KAD_MOVED_SIZE (1 + KAD_MOVE_SIZE + KAD_SIGNATURE_SIZE)
#define KAD_MOVED_HOPS \
    4 /* moves that are followed one after the other; who moves more often waits for its readers */

void kad_moved_write(const struct kad_identity *from, const struct kad_identity *to, kad_ms made_at,
                     uint8_t out_value[KAD_MOVED_SIZE]);
/* What `owner`'s record says. 0; KAD_E_NOT_FOUND: it tells addresses, or nothing; KAD_E_CORRUPT: a move that is malformed, another's, or
 * not signed by both. */
KAD_CHECK int kad_moved_read(struct kad_bytes value, const uint8_t owner[KAD_IDENTITY_SIZE],
                             struct kad_move *out_move);

/* The identities on the way from the one that was looked for. All zero to begin with. */
struct kad_trail {
    uint8_t keys[KAD_MOVED_HOPS + 1][KAD_IDENTITY_SIZE];
    size_t n; /* of them; 0, or at least 2 */
};

/* One further. 0; KAD_E_EXISTS: that one was on the way already, or is the one it comes from; KAD_E_LIMIT: too many. */
KAD_CHECK int kad_trail_step(struct kad_trail *trail, const struct kad_move *move);

#endif
