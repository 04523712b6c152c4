/*
 * passphrase - a secret sealed under what a person remembers: Argon2id makes the key, XChaCha20-Poly1305 seals.
 *
 * Costs stand beside what is sealed, so that they can rise with the years; whoever opens holds them against a ceiling first, for a
 * file from a stranger could ask for all memory and a week.
 */
#ifndef KAD_CRYPTO_PASSPHRASE_H
#define KAD_CRYPTO_PASSPHRASE_H

#include "base/types.h"

#define KAD_PASSPHRASE_SALT   16
#define KAD_PASSPHRASE_NONCE  24
#define KAD_PASSPHRASE_TAG    16
#define KAD_PASSPHRASE_PASSES 16     /* at most */
#define KAD_PASSPHRASE_LEAST  8192   /* KiB: 8 MiB */
#define KAD_PASSPHRASE_MOST   524288 /* KiB: 512 MiB */

struct kad_passphrase_cost {
    uint32_t passes;
    uint32_t memory_kib;
};

/* RFC 9106's second recommendation, for machines with little memory to spare: three passes over 64 MiB. */
#define KAD_PASSPHRASE_COST ((struct kad_passphrase_cost){.passes = 3, .memory_kib = 65536})

struct kad_sealed {
    struct kad_passphrase_cost cost;
    uint8_t salt[KAD_PASSPHRASE_SALT];
    uint8_t nonce[KAD_PASSPHRASE_NONCE];
    uint8_t box[32 + KAD_PASSPHRASE_TAG]; /* the secret and its tag */
};

bool kad_passphrase_cost_allowed(const struct kad_passphrase_cost *cost);

/* `beside` is not sealed, but cannot be changed without notice either; so are the costs and the salt. Takes the memory that the costs
 * say from the system, for a moment. 0; KAD_E_INVALID: costs out of range; KAD_E_MEMORY. */
KAD_CHECK int kad_passphrase_seal(const char *passphrase, struct kad_passphrase_cost cost,
                                  const uint8_t secret[32], const uint8_t beside[32],
                                  struct kad_sealed *out_sealed);
/* The same, and KAD_E_REFUSED: another passphrase, or something was changed. */
KAD_CHECK int kad_passphrase_open(const char *passphrase, const struct kad_sealed *sealed,
                                  const uint8_t beside[32], uint8_t out_secret[32]);

#endif
