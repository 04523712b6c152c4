/*
 * name - from names to keys, signers and sealed values. Pure; docs/protocol.md, "Names and privacy", has it byte by byte.
 *
 *     key     H("kad/1 key" 0 | class | 0 | name)              what nodes see and route by
 *     seal    H("kad/1 seal" 0 | class | 0 | name)             what opens the value: only who knows the name has it
 *     signer  H("kad/1 name key" 0 | owner's seed | class | 0 | name)     an Ed25519 seed for this owner and name alone
 *
 * kad/secure.h says how to use it; this is what stands behind it.
 */
#ifndef KAD_WIRE_KAD_NAME_H
#define KAD_WIRE_KAD_NAME_H

#include "core/rules.h"
#include "kad/secure.h"

/* Who signs the records of a name. */
enum kad_signer {
    KAD_SIGNER_NAME,     /* a key of its own for each owner and name; the value tells and proves the owner */
    KAD_SIGNER_IDENTITY, /* the owner's identity: peer, provider, a program's plain classes */
    KAD_SIGNER_CONTENT,  /* a key made of the content's hash: immutable, plain */
    KAD_SIGNER_LETTER,   /* a key of its own for each message */
};
enum kad_signer kad_wire_signer(const struct kad_class *class);

struct kad_id kad_wire_key(const char *class_name, struct kad_bytes name);

/* The class "plain": content that is not sealed. Its records are of type KAD_RECORD_IMMUTABLE (record.c). */
extern const struct kad_class kad_wire_class_plain;

/* As kad/secure.h has them. */
void kad_name_key(const struct kad_secure_name *name, struct kad_id *out_key);
KAD_CHECK int kad_name_signer(const struct kad_secure_name *name, const uint8_t *seed,
                              uint8_t out_signer[32]);
size_t kad_name_room(const struct kad_class *class);
KAD_CHECK int kad_name_make(const struct kad_secure_draft *draft, uint8_t *out_value,
                            struct kad_record *out_record);
KAD_CHECK int kad_name_open(const struct kad_secure_name *name, const struct kad_record *record,
                            const uint8_t *seed, uint8_t *out_value, struct kad_secure_opened *out_opened);
KAD_CHECK int kad_name_parse(const char *text, const struct kad_class *classes, size_t n_classes,
                             struct kad_secure_name *out_name);
KAD_CHECK int kad_name_of(const char *class_name, struct kad_bytes bytes, const struct kad_class *classes,
                          size_t n_classes, struct kad_secure_name *out_name);

#endif
