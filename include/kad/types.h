/*
 * types - the words that every kad header uses.
 *
 * Instants and durations are whole milliseconds. An instant is whatever the host counts from; it must never
 * run backwards. Nodes give Unix time (made monotonic), so that an expiry on disk means something after a
 * restart; simulations start wherever they like.
 */
#ifndef KAD_TYPES_H
#define KAD_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int64_t kad_ms; /* milliseconds: an instant or a duration */

#define KAD_NEVER  INT64_MAX                           /* an instant that does not come */
#define KAD_SECOND ((kad_ms)1000)                      /* a duration, as the next two */
#define KAD_MINUTE (60 * KAD_SECOND)                   /* sixty seconds */
#define KAD_HOUR   (60 * KAD_MINUTE)                   /* sixty minutes */
#define KAD_CHECK  __attribute__((warn_unused_result)) /* the caller must look at what comes back */

/* A run of bytes that somebody else owns. */
struct kad_bytes {
    const uint8_t *data; /* NULL is fine when there are none */
    size_t size;         /* how many */
};

/* What the world can do to us. Functions return 0 or one of these; `kad_error_text` names them. */
enum kad_error {
    KAD_OK = 0,           /* it did what it says */
    KAD_E_MEMORY = -1,    /* the allocator refused */
    KAD_E_LIMIT = -2,     /* a ceiling was reached */
    KAD_E_INVALID = -3,   /* an argument or input is malformed */
    KAD_E_NOT_FOUND = -4, /* there is none */
    KAD_E_EXISTS = -5,    /* there is one already */
    KAD_E_SPACE = -6,     /* the output does not fit */
    KAD_E_TIMEOUT = -7,   /* no answer in time */
    KAD_E_REFUSED = -8,   /* the other side said no */
    KAD_E_SYSTEM = -9,    /* the operating system said no; errno has it */
    KAD_E_CORRUPT = -10,  /* stored data does not verify */
    KAD_E_CLOSED = -11,   /* stopped before it was done */
    KAD_E_DISABLED = -12, /* switched off by its configuration, or not in this build */
};

/* "out of memory": a constant, never NULL, of any number. Any thread. */
const char *kad_error_text(int error);

/*
 * Where all memory comes from. One function does everything, and it is told the old size:
 *
 *     resize(context, NULL, 0, n)      allocate n bytes, aligned for anything
 *     resize(context, p, old, n)       grow or shrink; on failure NULL and p is untouched
 *     resize(context, p, old, 0)       free; returns NULL
 */
struct kad_allocator {
    void *(*resize)(void *context, void *old, size_t old_size, size_t new_size); /* as above */
    void *context;                                                               /* handed to it */
};

/* malloc and friends. Any thread. */
extern const struct kad_allocator kad_allocator_system;

/* Random bytes of the operating system's, for seeds and keys. Any thread. */
void kad_entropy(void *out_data, size_t size);

/* Which kind of address. */
enum kad_family {
    KAD_FAMILY_NONE = 0, /* no address */
    KAD_IPV4 = 4,        /* 4 bytes */
    KAD_IPV6 = 6,        /* 16 bytes */
};

/* An IP address and a port. 20 bytes without padding, unused bytes zero, so endpoints compare as memory. IPv4 stands in
 * the first four bytes of `address`; IPv4-mapped IPv6 addresses are never kept. */
struct kad_endpoint {
    uint8_t address[16]; /* network order */
    uint16_t port;       /* host order */
    uint8_t family;      /* enum kad_family */
    uint8_t zero;        /* always 0 */
};

#define KAD_ID_SIZE 32 /* bytes of an id, of any network */

/* A node id or key: 256 bit, compared by XOR distance. A 160-bit id (Mainline) has a tail of zeros. */
struct kad_id {
    uint8_t bytes[KAD_ID_SIZE]; /* the most significant first */
};

/* A node as others know it. */
struct kad_contact {
    struct kad_id id;             /* who it says it is */
    struct kad_endpoint endpoint; /* where it is */
};

/* What makes a record true. */
enum kad_record_type {
    KAD_RECORD_NONE = 0,  /* no record */
    KAD_RECORD_IMMUTABLE, /* key is a hash of the value */
    KAD_RECORD_MUTABLE,   /* key is a hash of public key and salt; signed; highest sequence number wins */
    KAD_RECORD_CLASSES,   /* from here on: a network's own */
};

/* What kad's own network keeps (docs/protocol.md), beside immutable and mutable values. */
enum kad_record_class {
    KAD_CLASS_PEER = KAD_RECORD_CLASSES, /* "peer": where a node is; its own identity signs; 1 h */
    KAD_CLASS_ROOM,                      /* "room": 24 h */
    KAD_CLASS_DOMAIN,                    /* "domain": its first owner's, for good */
    KAD_CLASS_LISTING,                   /* "listing": 7 days */
    KAD_CLASS_MESSAGE,                   /* "msg": many for one recipient, taken once; 1 h */
    KAD_CLASS_PROVIDER,                  /* who has a piece of content: many, with addresses; 12 h */
    KAD_CLASS_USER,                      /* from here on: classes of the program's own, up to 255 */
};

#define KAD_RECORD_VALUE_MAX 1000 /* bytes on the wire (BEP 44) */
#define KAD_RECORD_SALT_MAX  64   /* bytes (BEP 44) */
/* Bytes of a value of any network: libp2p's have larger ones (IPNS: 10 KiB). */
#define KAD_RECORD_VALUE_MOST 10240
/* Bytes of a salt, or of the name that stands in its place, of any network. */
#define KAD_RECORD_SALT_MOST 128

/* A stored value, opaque but for what decides its life. What it must satisfy, and which of two is better, is the
 * network's rule. */
struct kad_record {
    uint8_t type;           /* enum kad_record_type, or kad_record_class */
    bool many;              /* its key has a value of each owner (public key): it replaces its owner's only */
    bool withdrawn;         /* a tombstone: its owner took back what stood here; `value` is empty */
    bool hashed;            /* what is left of one that is gone: `value` is the SHA-256 of what it was */
    struct kad_id key;      /* what it is found by */
    struct kad_bytes value; /* as on the wire, that is with Mainline one bencoded item */
    struct kad_bytes salt;  /* mutable; may be empty */
    int64_t sequence;       /* mutable: the highest wins */
    uint8_t public_key[32]; /* mutable: whose it is (Ed25519) */
    uint8_t signature[64]; /* mutable: over salt, sequence and value; of a class: over all but `expires_at` */
    kad_ms made_at;        /* of a class, signed: when its owner made it, Unix time */
    kad_ms valid_until;    /* of a class, signed: no holder may serve it longer; KAD_NEVER: for good */
    kad_ms expires_at;     /* the holder's business */
    kad_ms seen_at; /* the same, of a class: when a holder last stored it, here or elsewhere; 0: unknown */
};

/* What a holder signs for: that it took a record, or what it knows of a key without one. */
enum kad_attest_kind {
    KAD_ATTEST_NONE,    /* nothing was signed */
    KAD_ATTEST_STORED,  /* it took the record and keeps it until `at` */
    KAD_ATTEST_HELD,    /* it held one, which expired at `at` */
    KAD_ATTEST_NOTHING, /* it has seen none since `at` */
};

/* The same with its signature, whose making and checking are the network's. */
struct kad_attest {
    uint8_t kind;           /* enum kad_attest_kind */
    struct kad_id key;      /* the record's */
    uint8_t digest[32];     /* of the record; zero: of none */
    kad_ms at;              /* Unix time, as `kind` says */
    uint8_t public_key[32]; /* the holder's */
    uint8_t signature[64];  /* by it, over all of the above */
};

/* Why a query is refused. A codec maps these to its own codes (Mainline: BEP 5 and BEP 44). */
enum kad_refusal {
    KAD_REFUSAL_NONE = 0,     /* it is not */
    KAD_REFUSAL_GENERIC,      /* 201 */
    KAD_REFUSAL_SERVER,       /* 202: full, or cannot just now */
    KAD_REFUSAL_PROTOCOL,     /* 203: malformed, bad argument, bad token */
    KAD_REFUSAL_METHOD,       /* 204 */
    KAD_REFUSAL_TOO_BIG,      /* 205: value over 1000 bytes */
    KAD_REFUSAL_SIGNATURE,    /* 206 */
    KAD_REFUSAL_SALT_TOO_BIG, /* 207: salt over 64 bytes */
    KAD_REFUSAL_CAS,          /* 301: cas is not the stored sequence number */
    KAD_REFUSAL_SEQUENCE,     /* 302: sequence number less than the stored one */
    KAD_REFUSAL_OWNER,        /* somebody else has this key, or it is not the asker's to take */
    KAD_REFUSAL_LIFE,         /* lives longer than its class may, or has expired */
    KAD_REFUSAL_CLASS,        /* a class this node does not hold */
    KAD_REFUSAL_BUSY,         /* alive, but it has too much to do: ask another */
    KAD_REFUSAL_POLICY,       /* its host wants none of this: struct kad_gate */
    KAD_N_REFUSALS,           /* how many kinds there are */
};

#ifdef __cplusplus
}
#endif
#endif
