/*
 * identity - who somebody is: an Ed25519 key pair, its place in the network, its text, its signature.
 *
 *     struct kad_identity_search search;
 *     char text[KAD_IDENTITY_TEXT];
 *
 *     kad_identity_search_init(&search, NULL, 16);
 *     while (!kad_identity_try(&search, 1000))      some 15 ms each: show progress, or stop
 *         ;
 *     kad_identity_format(search.identity.public_key, text);       "id1..."
 *     kad_identity_search_wipe(&search);                           once the identity was copied
 *
 * The public key is the identity: what contacts carry, and what id1... is the text of (Bech32m, BIP-350). Where it stands in
 * the network is the hash of it, so nobody chooses a place; and a network may ask for a puzzle, a number of leading zero
 * bits in the hash of that hash (S/Kademlia, section 4.1), so that many identities cost many searches: docs/identity.md has the
 * prices. The secret is a 32-byte seed, as in RFC 8032 and everywhere else; an identity can be taken along.
 *
 * A signature is made over "kad/1 PURPOSE", a zero byte and the data, so that what was signed for one purpose is worth
 * nothing for another. Names of purposes that kad uses itself are in docs/protocol.md; a program's own begin with "app ".
 *
 * Pure functions, for any thread, after kad_identity_start(). Nothing is allocated.
 */
#ifndef KAD_IDENTITY_H
#define KAD_IDENTITY_H

#include "kad/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define KAD_IDENTITY_SIZE  32   /* bytes of a public key */
#define KAD_SIGNATURE_SIZE 64   /* bytes of a signature */
#define KAD_SIGN_MAX       4096 /* bytes that can be signed at once; of more, sign a hash */
#define KAD_PURPOSE_MAX    32   /* characters of a purpose */
#define KAD_PUZZLE_MAX     32   /* leading zero bits that can be searched for */
#define KAD_PUZZLE_BITS    16   /* what kad's own network asks for: 65,536 tries on average, once in a life */

/* A key pair. Where it lies is secret: kad_identity_wipe() when it is not needed any more. */
struct kad_identity {
    uint8_t public_key[KAD_IDENTITY_SIZE]; /* who it is */
    uint8_t secret[64];                    /* the seed, then the public key: libsodium's form */
};

/* Once per process, before the rest of this header, unless a node or an engine was made before; again is fine. 0 or KAD_E_SYSTEM. */
KAD_CHECK int kad_identity_start(void);

/* -- key pairs --------------------------------------------------------------------------------------------------- */

/* The key pair of a secret seed. */
void kad_identity_from_seed(struct kad_identity *out_identity, const uint8_t seed[32]);
/* Overwrites the secret. */
void kad_identity_wipe(struct kad_identity *identity);

/* The place of a public key in the network: its SHA-256. */
struct kad_id kad_identity_id(const uint8_t public_key[KAD_IDENTITY_SIZE]);
/* The puzzle it solves: leading zero bits of the SHA-256 of its place, 0 to 256. 0 if the key with the other sign, whose
 * secret is known to the same people, has a smaller one: who has a secret has one identity that solves puzzles, not two. */
unsigned kad_identity_bits(const uint8_t public_key[KAD_IDENTITY_SIZE]);
/* Whether it can be a key pair's at all: a point of the curve, of the group of prime order. 30 us. */
bool kad_identity_valid(const uint8_t public_key[KAD_IDENTITY_SIZE]);

/* -- a search for one that solves a puzzle ----------------------------------------------------------------------- */

/* Look at `n_tries`, and at `identity` when it is found; leave the rest. */
struct kad_identity_search {
    struct kad_identity identity; /* what was found */
    uint64_t n_tries;             /* key pairs made; about 2^bits on average, and of no memory */
    unsigned bits;                /* leading zero bits wanted */
    bool found;                   /* there is one */
    uint8_t seed[32];             /* all candidates' secrets come from it */
};

/* `seed`: 32 secret random bytes that no other search has, or NULL: the operating system's. Two seeds are two independent
 * searches, for two threads. `bits` is at most KAD_PUZZLE_MAX; 0: the first one will do. */
void kad_identity_search_init(struct kad_identity_search *search, const uint8_t *seed, unsigned bits);
/* Goes on for at most n_tries key pairs, 14 us each. True: found, now or before. */
bool kad_identity_try(struct kad_identity_search *search, unsigned n_tries);
/* Overwrites all secrets of it. */
void kad_identity_search_wipe(struct kad_identity_search *search);

/* -- as text ----------------------------------------------------------------------------------------------------- */

#define KAD_IDENTITY_TEXT 62 /* bytes of an identity as text, with its zero */
/* "id1...". Returns `text`. */
char *kad_identity_format(const uint8_t public_key[KAD_IDENTITY_SIZE], char text[KAD_IDENTITY_TEXT]);
/* Lower case, as it is written, and nothing around it; an identity has one text. 0 or KAD_E_INVALID. */
KAD_CHECK int kad_identity_parse(const char *text, uint8_t out_public_key[KAD_IDENTITY_SIZE]);
/* Why parse refuses it, for people: "character 17, \"q\", is mistyped". One mistyped character is always found; more, up
 * to four, are noticed, without a place. Empty when it is well. Returns `out_why`, always terminated. */
char *kad_identity_why(const char *text, char *out_why, size_t why_size);

/* -- signatures -------------------------------------------------------------------------------------------------- */

/* `purpose` has at most KAD_PURPOSE_MAX characters. 0; KAD_E_LIMIT: more than KAD_SIGN_MAX bytes. */
KAD_CHECK int kad_identity_sign(const struct kad_identity *identity, const char *purpose,
                                struct kad_bytes data, uint8_t out_signature[KAD_SIGNATURE_SIZE]);
/* Whether this key signed this data for this purpose. */
bool kad_identity_verify(const uint8_t public_key[KAD_IDENTITY_SIZE], const char *purpose,
                         struct kad_bytes data, const uint8_t signature[KAD_SIGNATURE_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
