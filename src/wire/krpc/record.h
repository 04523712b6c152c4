/*
 * record - what makes a stored item good (BEP 44): sizes, form, key, signature.
 *
 * A value is one bencoded item in canonical form. An immutable one is kept under its SHA-1; a mutable one under that of
 * public key and salt, and signed together with its sequence number.
 */
#ifndef KAD_WIRE_KRPC_RECORD_H
#define KAD_WIRE_KRPC_RECORD_H

#include "core/record.h"
#include "crypto/crypto.h"

/* KAD_REFUSAL_NONE, or the first thing wrong. The costly part, the signature, comes last. */
enum kad_refusal kad_krpc_check_record(const struct kad_record *record);
/* The key that type, value, public_key and salt give. */
struct kad_id kad_krpc_record_key(const struct kad_record *record);
/* Fills in key and, for a mutable one, signature; everything else is set. `secret` belongs to public_key (NULL for an
 * immutable one). What is sealed within the size limits passes kad_krpc_check_record(). */
void kad_krpc_seal_record(struct kad_record *record, const uint8_t *secret);

/* What is signed: "4:salt6:foobar3:seqi1e1:v12:Hello World!". Returns its size. Value and salt within their limits. */
#define KAD_KRPC_SIGNED_MAX (7 + 3 + KAD_RECORD_SALT_MAX + 6 + 20 + 4 + KAD_RECORD_VALUE_MAX)
size_t kad_krpc_signed_bytes(const struct kad_record *record, uint8_t out_bytes[KAD_KRPC_SIGNED_MAX]);

#endif
