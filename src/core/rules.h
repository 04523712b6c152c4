/* rules - what a network's descriptor tells core: pure functions and widths. Core never names a network. */
#ifndef KAD_CORE_RULES_H
#define KAD_CORE_RULES_H

#include "core/record.h"
#include "base/endpoint.h"

/* A class of records: how long it lives, who may write it. Any descriptor may have some. */
struct kad_class {
    const char *name; /* "room" */
    uint8_t type;     /* enum kad_record_class */
    kad_ms ttl_ms;    /* valid_until - made_at at most; KAD_NEVER: for good, while there is room */
    uint16_t value_max;
    uint16_t owners_max; /* values of different owners under one key; 1: one value */
    bool first_owner;    /* with one value: while it is held, nobody else's replaces it */
    bool taken_once;     /* given to whom it is for (kad_rules.is_for) only, and forgotten then */
};

struct kad_rules {
    unsigned id_bits; /* 160 or 256 */
    /* By the record alone: key, sizes, signature, and that its life is no longer than its class's. */
    enum kad_refusal (*check_record)(const struct kad_record *record);
    bool (*id_allowed)(const struct kad_id *id, const struct kad_endpoint *endpoint);   /* NULL: all are */
    struct kad_id (*make_id)(const struct kad_endpoint *endpoint, struct kad_rng *rng); /* NULL: random */

    /* -- networks whose nodes prove who they are; all zero elsewhere -- */
    size_t identity_size; /* bytes; 0: there are none */
    /* False: no identity (too easy a puzzle, for one). Else its node id. */
    bool (*id_of)(struct kad_bytes identity, struct kad_id *out_id);
    const struct kad_class *(*class_of)(uint8_t type); /* NULL result: none of that type */
    /* May whoever is `identity` take what lies under `key`? */
    bool (*is_for)(const struct kad_id *key, struct kad_bytes identity);
    /* The same for a record and for what is left of it (kad_record.hashed). */
    void (*digest)(const struct kad_record *record, uint8_t out_digest[32]);
    /* Signs with the node's own secret (64 bytes, as crypto.h has it); checks. */
    void (*sign_attest)(struct kad_attest *attest, const uint8_t *secret);
    bool (*check_attest)(const struct kad_attest *attest);
};

#endif
