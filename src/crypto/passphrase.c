#include "crypto/passphrase.h"

#include <sodium.h>
#include <string.h>

#include "crypto/crypto.h"

/* What is bound to the box: passes, memory, salt, `beside`. */
#define BOUND (4 + 4 + KAD_PASSPHRASE_SALT + 32)

bool kad_passphrase_cost_allowed(const struct kad_passphrase_cost *cost)
{
    return cost->passes >= 1 && cost->passes <= KAD_PASSPHRASE_PASSES &&
           cost->memory_kib >= KAD_PASSPHRASE_LEAST && cost->memory_kib <= KAD_PASSPHRASE_MOST;
}

static void write_number(uint8_t *at, uint32_t number)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> 8 * (3 - i));
}

/* The key of the box, and what is bound to it. */
static int prepare(const char *passphrase, const struct kad_sealed *sealed, const uint8_t beside[32],
                   uint8_t out_key[32], uint8_t out_bound[BOUND])
{
    if (!kad_passphrase_cost_allowed(&sealed->cost))
        return KAD_E_INVALID;
    write_number(out_bound, sealed->cost.passes);
    write_number(out_bound + 4, sealed->cost.memory_kib);
    memcpy(out_bound + 8, sealed->salt, KAD_PASSPHRASE_SALT);
    memcpy(out_bound + 8 + KAD_PASSPHRASE_SALT, beside, 32);
    return crypto_pwhash(out_key, 32, passphrase, strlen(passphrase), sealed->salt, sealed->cost.passes,
                         (size_t)sealed->cost.memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13) == 0
               ? KAD_OK
               : KAD_E_MEMORY; /* nothing else fails there */
}

int kad_passphrase_seal(const char *passphrase, struct kad_passphrase_cost cost, const uint8_t secret[32],
                        const uint8_t beside[32], struct kad_sealed *out_sealed)
{
    struct kad_sealed sealed = {.cost = cost};
    uint8_t key[32], bound[BOUND];
    int error;

    kad_entropy(sealed.salt, sizeof(sealed.salt));
    kad_entropy(sealed.nonce, sizeof(sealed.nonce));
    error = prepare(passphrase, &sealed, beside, key, bound);
    if (error)
        return error;
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.box, NULL, secret, 32, bound, sizeof(bound), NULL,
                                               sealed.nonce, key);
    kad_wipe(key, sizeof(key));
    *out_sealed = sealed;
    return KAD_OK;
}

int kad_passphrase_open(const char *passphrase, const struct kad_sealed *sealed, const uint8_t beside[32],
                        uint8_t out_secret[32])
{
    uint8_t key[32], bound[BOUND];
    int error = prepare(passphrase, sealed, beside, key, bound);

    if (error)
        return error;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(out_secret, NULL, NULL, sealed->box, sizeof(sealed->box),
                                                   bound, sizeof(bound), sealed->nonce, key) != 0)
        error = KAD_E_REFUSED;
    kad_wipe(key, sizeof(key));
    return error;
}
