/*
 * secure - names and sealed, signed records of kad's own network (docs/protocol.md, "Records", "Names and privacy").
 *
 * What stands in the network are records: a key, a sealed value, a signature. A holder learns neither the name that a key was made
 * of, nor the value, nor whose it is; whoever knows the name finds, opens and checks it all. So:
 *
 *     kad_secure_parse("room:lobby", ...)         a name
 *     kad_secure_make(&draft, ...)                a record: put it with KAD_REQUEST_PUT
 *     kad_secure_key(&name, ...)                  what KAD_REQUEST_GET looks for
 *     kad_secure_open(&name, record, ...)         the value a GET brought, and who its owner is
 *
 * Pure functions: no clock, no randomness of their own, no allocation; any thread, after the first engine was made.
 */
#ifndef KAD_SECURE_H
#define KAD_SECURE_H

#include "kad/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

#define KAD_SECURE_NAME_MAX 255 /* bytes of a name, its class aside */

/* What can be looked for. Made by kad_secure_parse() and kad_secure_named(); copy it as you like. */
struct kad_secure_name {
    const struct kad_class *class_;     /* the network's, or one of those given */
    bool has_public_key;                /* peer, msg: it was given whole, not only its hash */
    uint8_t public_key[32];             /* whose (Ed25519) */
    uint8_t size;                       /* bytes used below */
    uint8_t bytes[KAD_SECURE_NAME_MAX]; /* what is hashed: docs/protocol.md, "Names and privacy" */
};

/*
 * "class:name". After the colon
 *
 *     peer, msg            id1... (the public key), or the node id in hexadecimal; to send a message it takes id1...
 *     immutable, plain     the SHA-256 of the content, in hexadecimal
 *     provider             what the content is called: bytes in hexadecimal (an info-hash, a SHA-256, a CID)
 *     room, domain, listing, mutable, and the program's own classes     any text
 *
 * `classes` are the program's own (NULL with 0). 0 or KAD_E_INVALID.
 */
KAD_CHECK int kad_secure_parse(const char *text, const struct kad_class *classes, size_t n_classes,
                               struct kad_secure_name *out_name);
/* The same from bytes: a public key or a node id cannot be told apart, so for peer and msg these are a public key's 32. */
KAD_CHECK int kad_secure_named(const char *class_name, struct kad_bytes bytes,
                               const struct kad_class *classes, size_t n_classes,
                               struct kad_secure_name *out_name);
/* "immutable" by what it is to hold. */
void kad_secure_content_name(struct kad_bytes content, struct kad_secure_name *out_name);

/* What it is found by. */
void kad_secure_key(const struct kad_secure_name *name, struct kad_id *out_key);

/* Fills in a KAD_REQUEST_GET. With `prefix_bits` no node learns more of the key than so many bits (kad_request.prefix_bits); 0: they
 * see all of it, which is a hash and no name. */
void kad_secure_request(const struct kad_secure_name *name, uint8_t prefix_bits,
                        struct kad_request *out_request);

/* What is to be published. */
struct kad_secure_draft {
    const struct kad_secure_name *name; /* under which */
    struct kad_bytes value;             /* kad_secure_room() bytes at most */
    const uint8_t
        *seed; /* the owner's Ed25519 seed, 32 bytes. NULL: nobody's, with immutable, plain and msg only */
    const uint8_t *entropy; /* msg: 32 bytes that were never used before (kad_entropy); else NULL */
    int64_t sequence;       /* higher than that of what it replaces; 0 with immutable and plain */
    kad_ms made_at;         /* Unix time now */
    kad_ms valid_until;     /* 0, and with withdrawn: as long as its class may live */
    bool withdrawn;         /* a tombstone: takes back what stands there; no value */
};

/* Bytes of value that fit into a record of this class. */
size_t kad_secure_room(const struct kad_class *class_);
/* Seals and signs. *out_record borrows its value from out_value, which has room for KAD_SECURE_VALUE_MAX bytes. 0, KAD_E_INVALID (no
 * such life, sequence or owner for this class; content that does not have this name), KAD_E_SPACE (value too large). */
KAD_CHECK int kad_secure_make(const struct kad_secure_draft *draft, uint8_t *out_value,
                              struct kad_record *out_record);
/* The same value under a newer date: what republishing needs. `signer` is kad_secure_signer()'s. 0 or KAD_E_INVALID. */
KAD_CHECK int kad_secure_renew(struct kad_record *record, const uint8_t signer[32], kad_ms made_at,
                               kad_ms valid_until);
/* The Ed25519 seed that signs this owner's records of this name: of its own for each name, so that nobody can link an owner's
 * names; the owner's identity for peer, provider and plain classes. It can sign, but not tell the owner or the name. Not for msg,
 * whose letters each have one of their own (KAD_E_INVALID). */
KAD_CHECK int kad_secure_signer(const struct kad_secure_name *name, const uint8_t *seed,
                                uint8_t out_signer[32]);

/* What a record holds. */
struct kad_secure_opened {
    struct kad_bytes value; /* in the caller's buffer */
    bool has_owner;         /* false: an immutable, a message without sender */
    uint8_t owner[32];      /* the owner's identity (Ed25519 public key), proven */
};

/* Checks a record against its name and opens it. `seed` opens messages (the recipient's; else NULL). out_value has room for
 * KAD_SECURE_VALUE_MAX bytes. 0; KAD_E_NOT_FOUND (validly withdrawn, or only its hash is left: there is no value), KAD_E_INVALID (not this name's, or not validly signed), KAD_E_CORRUPT (does not open, owner not proven, not the
 * content of that name). */
KAD_CHECK int kad_secure_open(const struct kad_secure_name *name, const struct kad_record *record,
                              const uint8_t *seed, uint8_t *out_value, struct kad_secure_opened *out_opened);

/* -- what stands in peer and provider records: where to reach somebody ------------------------------------------------ */

#define KAD_SECURE_ENDPOINTS_MAX 16 /* addresses in one value */

/* Writes at most KAD_SECURE_ENDPOINTS_MAX addresses as a value. Returns its size; 0: they do not fit `room`. */
size_t kad_secure_put_endpoints(const struct kad_endpoint *endpoints, size_t n, uint8_t *out_value,
                                size_t room);
/* Returns how many there are, 0 also when the value is malformed. */
size_t kad_secure_get_endpoints(struct kad_bytes value,
                                struct kad_endpoint out_endpoints[KAD_SECURE_ENDPOINTS_MAX]);

#ifdef __cplusplus
}
#endif
#endif
