/*
 * record - what makes a record of kad's own network good: its class, its key, its life, its signature.
 *
 * Every record is signed by public_key over all that a holder could alter (docs/protocol.md, "Records"):
 *
 *     "kad/1 record" 0 | type | flags | key 32 | sequence 8 | made_at 8 | valid_until 8 | H(value) 32
 *
 * H(value) and not the value, so that a holder that has forgotten a value can still show what was signed: a ghost has the hash
 * in the value's place, and the same digest. Pure functions, without time: that a record was not made in the future and has not
 * expired is for who has a clock.
 */
#ifndef KAD_WIRE_KAD_RECORD_H
#define KAD_WIRE_KAD_RECORD_H

#include "core/rules.h"
#include "crypto/crypto.h"

struct kad_attest;

/* kad_rules.check_record: KAD_REFUSAL_NONE, or the first thing wrong. The costly part, the signature, comes last. Of a program's own
 * classes all but what kad_class_check() looks at. A ghost passes when its signature holds. */
enum kad_refusal kad_wire_check_record(const struct kad_record *record);
/* kad_rules.class_of: of the network's own classes; NULL for any other type, a program's own among them. */
const struct kad_class *kad_wire_class_of(uint8_t type);
/* kad_rules.digest: names a record with all that its signature covers, and its owner. The same for its ghost. */
void kad_wire_digest(const struct kad_record *record, uint8_t out_digest[32]);
/* kad_rules.id_of without a puzzle: H(public key). */
bool kad_wire_id_of(struct kad_bytes identity, struct kad_id *out_id);
/* kad_rules.is_for: is this key the mailbox of that identity? */
bool kad_wire_is_for(const struct kad_id *key, struct kad_bytes identity);

/* Fills in public_key and signature; everything else is set. `seed` is the signer's (KAD_ED25519_SEED bytes). Signs what
 * check_record() refuses, too: who signs decides that before. */
void kad_wire_sign_record(struct kad_record *record, const uint8_t seed[KAD_ED25519_SEED]);
/* Turns a record into its ghost: the hash of its value, written to `out_hash`, becomes its value, borrowed from there. */
#define KAD_GHOST_SIZE 32
void kad_wire_make_ghost(struct kad_record *record, uint8_t out_hash[KAD_GHOST_SIZE]);

/* kad_rules.sign_attest, check_attest: over "kad/1 attest" 0 | kind | key 32 | digest 32 | at 8. The first fills in public_key,
 * too. What a reply brought has neither key nor public_key: who asked knows both and fills them in. */
void kad_wire_sign_attest(struct kad_attest *attest, const uint8_t *secret);
bool kad_wire_check_attest(const struct kad_attest *attest);

#endif
