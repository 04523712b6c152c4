/* test_krpc - what the codec's tests and its fuzz target share: are two messages the same? */
#ifndef KAD_WIRE_KRPC_TEST_KRPC_H
#define KAD_WIRE_KRPC_TEST_KRPC_H

#include <string.h>

#include "wire/krpc/krpc.h"

static inline bool same_bytes(struct kad_bytes a, struct kad_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool same_filter(const uint8_t *a, const uint8_t *b)
{
    return a && b ? memcmp(a, b, KAD_BLOOM_SIZE) == 0 : a == b;
}

/* Field by field, padding aside. NULL, or the name of the first part that differs. `method` is not compared in answers,
 * which do not carry it, nor is a record's key in replies. */
static inline const char *different_part(const struct kad_message *a, const struct kad_message *b)
{
#define SAME(field)           \
    if (a->field != b->field) \
    return #field
#define SAME_MEMORY(field)                                  \
    if (memcmp(&a->field, &b->field, sizeof a->field) != 0) \
    return #field
#define SAME_BYTES(field)                \
    if (!same_bytes(a->field, b->field)) \
    return #field
    SAME(kind);
    if (a->kind == KAD_QUERY) {
        SAME(method);
        SAME_MEMORY(record.key);
    }
    SAME_BYTES(transaction);
    SAME_BYTES(version);
    SAME_MEMORY(sender);
    SAME_MEMORY(target);
    SAME_MEMORY(your_address);
    SAME_BYTES(token);
    SAME(record.type);
    SAME_BYTES(record.value);
    SAME_BYTES(record.salt);
    SAME(record.sequence);
    SAME_MEMORY(record.public_key);
    SAME_MEMORY(record.signature);
    if (!same_filter(a->bloom_seeds, b->bloom_seeds))
        return "bloom_seeds";
    if (!same_filter(a->bloom_peers, b->bloom_peers))
        return "bloom_peers";
    SAME(sequence);
    SAME(cas);
    SAME(refusal);
    SAME(refusal_code);
    SAME_BYTES(refusal_text);
    SAME(sample_total);
    SAME(sample_interval_s);
    SAME(port);
    SAME(has_sender);
    SAME(read_only);
    SAME(want_ipv4);
    SAME(want_ipv6);
    SAME(implied_port);
    SAME(seed);
    SAME(no_seeds);
    SAME(scrape);
    SAME(has_sequence);
    SAME(has_cas);
    SAME(has_samples);
    SAME(n_contacts);
    SAME(n_peers);
    SAME(n_samples);
    if (memcmp(a->contacts, b->contacts, a->n_contacts * sizeof *a->contacts) != 0)
        return "contacts";
    if (memcmp(a->peers, b->peers, a->n_peers * sizeof *a->peers) != 0)
        return "peers";
    if (memcmp(a->samples, b->samples, a->n_samples * sizeof *a->samples) != 0)
        return "samples";
    return NULL;
#undef SAME
#undef SAME_MEMORY
#undef SAME_BYTES
}

#endif
