/* rules - what a network's descriptor tells core: pure functions and widths. Core never names a network. */
#ifndef KAD_CORE_RULES_H
#define KAD_CORE_RULES_H

#include "core/record.h"
#include "base/endpoint.h"
#include "kad/engine.h" /* struct kad_class */

#define KAD_IDENTITY_MAX 64 /* bytes of an identity, of whatever network */

struct kad_rules {
    unsigned id_bits; /* 160 or 256 */
    /* By the record alone: key, sizes, signature, and that its life is no longer than its class's (whether it has begun and
     * not ended is for who knows the time). Of a class that class_of does not know, a program's own, all but what
     * kad_class_check() looks at. One that is `hashed` passes if its signature holds: evidence, never a value. */
    enum kad_refusal (*check_record)(const struct kad_record *record);
    bool (*id_allowed)(const struct kad_id *id, const struct kad_endpoint *endpoint);   /* NULL: all are */
    struct kad_id (*make_id)(const struct kad_endpoint *endpoint, struct kad_rng *rng); /* NULL: random */

    /* -- networks whose nodes prove who they are; all zero elsewhere -- */
    size_t identity_size; /* bytes at most; 0: there are none */
    /* False: no identity (too easy a puzzle, for one). Else its node id. */
    bool (*id_of)(struct kad_bytes identity, struct kad_id *out_id);
    /* Our own node id, of our public key, and the public key in another's identity (zeros: none of 32 bytes). NULL: an identity is a
     * public key. */
    void (*id_of_key)(const uint8_t public_key[32], struct kad_id *out_id);
    void (*key_of)(struct kad_bytes identity, uint8_t out_public_key[32]);
    /* The identity of whoever has this public key, of identity_size bytes at most; its size. NULL: as above. */
    size_t (*identity_of)(const uint8_t public_key[32], uint8_t *out_identity);
    bool
        one_list; /* an answer names the k nearest of both families, not of each; never the asker, wherever it is */
    bool
        whole_lists; /* an answer has as many of a key's values as fit, and there are no pages (kad_message.more) */
    bool
        moves; /* whoever proves who he is may turn up at another address: who has moved tells his neighbours */
    bool
        lives_by_settings; /* how long records are kept is not the class's: peer_ttl_ms providers', record_ttl_ms others' */
    bool no_tokens; /* whoever speaks has shown by it that it receives: puts need nothing else */
    /* May this sender put it? NULL: whoever has a record may. */
    bool (*may_put)(const struct kad_record *record, const struct kad_id *sender);
    const struct kad_class *(*class_of)(uint8_t type); /* NULL result: none of that type */
    /* May whoever is `identity` take what lies under `key`? */
    bool (*is_for)(const struct kad_id *key, struct kad_bytes identity);
    /* The same for a record and for what is left of it (kad_record.hashed). */
    void (*digest)(const struct kad_record *record, uint8_t out_digest[32]);
    /* Signs it anew, after a change of its dates, with the seed of its public key (32 bytes). */
    void (*sign_record)(struct kad_record *record, const uint8_t *seed);
    /* Signs with the node's own secret (64 bytes, as crypto.h has it); checks. */
    void (*sign_attest)(struct kad_attest *attest,
                        const uint8_t *secret); /* NULL, with the next: nothing is */
    bool (*check_attest)(const struct kad_attest *attest);
};

/* What `class` demands of a record beside key and signature: size, length of life, one owner or many, the program's own
 * validator. */
enum kad_refusal kad_class_check(const struct kad_class *class, const struct kad_record *record);

#endif
