/*
 * id - 256-bit ids under the XOR metric (Kademlia, section 2.1).
 *
 * Distances compare as big-endian numbers. Bit 0 is the most significant one, so the length of the common prefix of two
 * ids is also the index of the bucket one has in the other's table.
 */
#ifndef KAD_CORE_ID_H
#define KAD_CORE_ID_H

#include "base/types.h"
#include "crypto/rng.h"

bool kad_id_equal(const struct kad_id *a, const struct kad_id *b);
bool kad_id_is_zero(const struct kad_id *id);
struct kad_id kad_id_xor(const struct kad_id *a, const struct kad_id *b);
/* <0 when a is closer to target than b, 0 when equal, >0 when farther. */
int kad_id_compare(const struct kad_id *target, const struct kad_id *a, const struct kad_id *b);
unsigned kad_id_prefix(const struct kad_id *a, const struct kad_id *b); /* common leading bits, 0..256 */
bool kad_id_bit(const struct kad_id *id, unsigned bit);
uint64_t kad_id_head(const struct kad_id *id); /* the first 64 bits as a number */
uint32_t kad_id_bits_from(const struct kad_id *id,
                          unsigned bit); /* 32 bits from `bit` on, zeros past the end */
struct kad_id kad_id_from_bytes(const void *bytes, size_t size); /* size <= 32; zeros behind */
/* Random id of `bits` bits whose common prefix with `near` is exactly `prefix` bits (prefix < bits). */
struct kad_id kad_id_random_at(struct kad_rng *rng, const struct kad_id *near, unsigned prefix,
                               unsigned bits);
struct kad_id kad_id_random(struct kad_rng *rng, unsigned bits);

#endif
