/*
 * key_file - an identity on disk: the secret seed, open or under a passphrase, and whom it took over from.
 *
 *     kad identity 1
 *     id id1...                          whose it is, readable without the passphrase
 *     seed 64 HEX DIGITS                 the secret; or, sealed (crypto/passphrase.h),
 *     argon2id PASSES KIB SALT           what makes a key of the passphrase
 *     sealed NONCE+BOX                   the secret under that key, bound to the id and the line above
 *     moved 272 HEX DIGITS               a struct kad_move, oldest first: identities that handed over to this one
 *
 * Lines end with a newline; empty ones and those that begin with "#" are skipped. docs/identity.md has it for others.
 *
 * For whoever builds a node with an identity:
 *
 *     kad_key_file_load_or_make(&(struct kad_key_wish){.path = PATH, .bits = 16, ...}, &identity, why, sizeof(why));
 *     ... kad_engine_config.secret gets identity.secret (its first 32 bytes are the seed) ...
 *     kad_identity_wipe(&identity);
 *
 * Call it before the loop turns: mining takes 2^bits * 14 us on average, one second with 16 bits, and now and then five times
 * that. `on_progress` hears of it twice a second, and can end it. Whoever has a loop that must turn meanwhile mines
 * by kad_identity_try() in slices and saves by kad_key_file_save().
 *
 * The file is its owner's alone (0600), written as a whole or not at all, and refused when others may read it.
 */
#ifndef KAD_NODE_KEY_FILE_H
#define KAD_NODE_KEY_FILE_H

#include "crypto/identity.h"
#include "crypto/passphrase.h"

#define KAD_KEY_FILE_MAX  8192 /* bytes */
#define KAD_KEY_FILE_NAME "identity"
#define KAD_MOVES_MAX     8 /* more: the oldest is forgotten */

struct kad_key_file {
    uint8_t public_key[KAD_IDENTITY_SIZE];
    bool is_sealed;
    uint8_t seed[32];         /* unless is_sealed */
    struct kad_sealed sealed; /* if is_sealed */
    struct kad_move moves[KAD_MOVES_MAX];
    size_t n_moves;
};

/* -- as bytes: pure ---------------------------------------------------------------------------------------------- */

/* What an identity's file says. `passphrase`: NULL: not sealed. 0, KAD_E_INVALID (cost), KAD_E_MEMORY. */
KAD_CHECK int kad_key_file_make(const struct kad_identity *identity, const char *passphrase,
                                struct kad_passphrase_cost cost, struct kad_key_file *out_file);
/* Adds a statement to it; the oldest gives way. */
void kad_key_file_moved(struct kad_key_file *file, const struct kad_move *move);
void kad_key_file_wipe(struct kad_key_file *file);

/* Returns the length of the text; writes at most room - 1 characters and a zero. */
size_t kad_key_file_encode(const struct kad_key_file *file, char *out_text, size_t room);
/* Statements are checked: each signed, and leading to the next and at last to this identity. 0 or KAD_E_INVALID with the
 * reason in `out_why` ("line 3: ..."). */
KAD_CHECK int kad_key_file_decode(struct kad_bytes bytes, struct kad_key_file *out_file, char *out_why,
                                  size_t why_size);
/* The key pair in it. 0; KAD_E_NOT_FOUND: sealed, and no passphrase given; KAD_E_REFUSED: another passphrase, or changed;
 * KAD_E_INVALID: costs; KAD_E_CORRUPT: the seed is not this id's; KAD_E_MEMORY. */
KAD_CHECK int kad_key_file_open(const struct kad_key_file *file, const char *passphrase,
                                struct kad_identity *out_identity);

/* -- on disk ------------------------------------------------------------------------------------------------------ */

/* 0; KAD_E_NOT_FOUND; KAD_E_INVALID: it is none; KAD_E_REFUSED: others may read or change it; KAD_E_SYSTEM and errno. With a sentence. */
KAD_CHECK int kad_key_file_load(const char *path, struct kad_key_file *out_file, char *out_why,
                                size_t why_size);
/* On disk when it returns, whole. `replace`: over what is there; else KAD_E_EXISTS. Or KAD_E_SYSTEM. With a sentence. */
KAD_CHECK int kad_key_file_save(const char *path, const struct kad_key_file *file, bool replace,
                                char *out_why, size_t why_size);

/* Where the key file that `path` took over from is kept: beside it, with the first twelve characters of its id. False: too long a name. */
bool kad_key_file_old_path(const char *path, const uint8_t old_key[KAD_IDENTITY_SIZE], char *out_path,
                           size_t room);
/* A new identity takes over the file at `path`: `old`, what stands there, is kept beside it, and `old_identity`, the key pair in
 * that, signs that it moved. `passphrase`: seals the new one; NULL: open. *out_move (may be NULL): what was signed. 0, KAD_E_EXISTS (somebody
 * else's file is in the way), KAD_E_INVALID (too long a name), KAD_E_SYSTEM, KAD_E_MEMORY; with a sentence. */
KAD_CHECK int kad_key_file_rotate(const char *path, const struct kad_key_file *old,
                                  const struct kad_identity *old_identity,
                                  const struct kad_identity *identity, const char *passphrase, kad_ms now,
                                  struct kad_move *out_move, char *out_why, size_t why_size);

/* Since when the file at `path` has this identity: when it was moved to, else when the file was written. Unix time. */
kad_ms kad_key_file_since(const char *path, const struct kad_key_file *file);

/* How far a search is. */
struct kad_key_progress {
    unsigned bits;    /* looked for */
    uint64_t n_tries; /* so far; 2^bits are needed on average, however many were made */
    double elapsed_s;
};

struct kad_key_wish {
    const char *path;       /* NULL: for this run only, on no disk */
    const char *passphrase; /* of a sealed file, and to seal a new one; NULL: none */
    unsigned bits;          /* the network's puzzle */
    /* Twice a second while it searches; false: give up. May be NULL. */
    bool (*on_progress)(void *context, const struct kad_key_progress *progress);
    void *context;
};

/* The identity in the file; if there is none, one that solves the puzzle is searched for and saved. *out_made (may be NULL): it is
 * new. 0; with a sentence KAD_E_REFUSED (permissions, passphrase), KAD_E_INVALID (no key file; or its puzzle is easier than
 * `bits`), KAD_E_CLOSED (given up), KAD_E_SYSTEM, KAD_E_MEMORY. */
KAD_CHECK int kad_key_file_load_or_make(const struct kad_key_wish *wish, struct kad_identity *out_identity,
                                        bool *out_made, char *out_why, size_t why_size);

#endif
