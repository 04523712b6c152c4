/* test_message - what the codec's tests and its fuzz target share: are two messages the same? */
#ifndef KAD_WIRE_KAD_TEST_MESSAGE_H
#define KAD_WIRE_KAD_TEST_MESSAGE_H

#include <string.h>

#include "wire/kad/kad.h"

static inline bool wire_same_bytes(struct kad_bytes a, struct kad_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool wire_same_record(const struct kad_record *a, const struct kad_record *b)
{
    return a->type == b->type && a->many == b->many && a->withdrawn == b->withdrawn &&
           a->hashed == b->hashed && memcmp(&a->key, &b->key, 32) == 0 &&
           wire_same_bytes(a->value, b->value) && a->sequence == b->sequence &&
           memcmp(a->public_key, b->public_key, 32) == 0 && memcmp(a->signature, b->signature, 64) == 0 &&
           a->made_at == b->made_at && a->valid_until == b->valid_until;
}

static inline bool wire_same_attest(const struct kad_attest *a, const struct kad_attest *b)
{
    return a->kind == b->kind && memcmp(a->digest, b->digest, 32) == 0 && a->at == b->at &&
           memcmp(a->signature, b->signature, 64) == 0;
}

/* Field by field. NULL, or the name of the first part that differs. */
static inline const char *wire_different_part(const struct kad_message *a, const struct kad_message *b)
{
#define SAME(field)           \
    if (a->field != b->field) \
    return #field
#define SAME_MEMORY(field)                                  \
    if (memcmp(&a->field, &b->field, sizeof a->field) != 0) \
    return #field
#define SAME_BYTES(field)                     \
    if (!wire_same_bytes(a->field, b->field)) \
    return #field
    SAME(kind);
    SAME(method);
    SAME_BYTES(transaction);
    SAME_MEMORY(target);
    SAME_MEMORY(your_address);
    SAME_BYTES(token);
    SAME(sequence);
    SAME(cas);
    SAME(refusal);
    SAME(refusal_code);
    SAME_BYTES(refusal_text);
    SAME(has_sender);
    SAME(read_only);
    SAME(want_ipv4);
    SAME(want_ipv6);
    SAME(has_sequence);
    SAME(has_cas);
    SAME(record_type);
    SAME(prefix_bits);
    SAME(from);
    SAME(wants_attest);
    SAME(has_attest);
    SAME(has_ghost);
    SAME(n_contacts);
    SAME(n_records);
    if (!wire_same_record(&a->record, &b->record))
        return "record";
    if (a->n_results != b->n_results || memcmp(a->results, b->results, a->n_results) != 0)
        return "results";
    for (unsigned i = 0; i < a->n_records; i++)
        if (!wire_same_record(&a->records[i], &b->records[i]))
            return "records";
    if (a->has_ghost && !wire_same_record(&a->ghost, &b->ghost))
        return "ghost";
    if (a->has_attest && !wire_same_attest(&a->attest, &b->attest))
        return "attest";
    if (memcmp(a->contacts, b->contacts, a->n_contacts * sizeof *a->contacts) != 0)
        return "contacts";
    for (unsigned i = 0; i < a->n_contacts; i++)
        SAME_BYTES(identities[i]);
    return NULL;
#undef SAME
#undef SAME_MEMORY
#undef SAME_BYTES
}

#endif
