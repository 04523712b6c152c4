#include "crypto/seal.h"

#include <assert.h>
#include <sodium.h>

#include "crypto/crypto.h"

static_assert(KAD_SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "as the header says");
static_assert(KAD_SEAL_NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "as the header says");
static_assert(KAD_SEAL_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "as the header says");
static_assert(KAD_BOX_EXTRA == crypto_box_SEALBYTES, "as the header says");

void kad_seal(const uint8_t key[KAD_SEAL_KEY], const uint8_t nonce[KAD_SEAL_NONCE], struct kad_bytes plain,
              uint8_t *out_sealed)
{
    crypto_aead_xchacha20poly1305_ietf_encrypt(out_sealed, NULL, plain.data, plain.size, NULL, 0, NULL, nonce,
                                               key);
}

bool kad_unseal(const uint8_t key[KAD_SEAL_KEY], const uint8_t nonce[KAD_SEAL_NONCE], struct kad_bytes sealed,
                uint8_t *out_plain)
{
    return crypto_aead_xchacha20poly1305_ietf_decrypt(out_plain, NULL, NULL, sealed.data, sealed.size, NULL,
                                                      0, nonce, key) == 0;
}

/* crypto_box_seal() itself draws its ephemeral key from the system. */
bool kad_box_seal(const uint8_t public_key[32], const uint8_t seed[32], struct kad_bytes plain,
                  uint8_t *out_sealed)
{
    uint8_t to[crypto_box_PUBLICKEYBYTES], secret[crypto_box_SECRETKEYBYTES], nonce[crypto_box_NONCEBYTES];
    crypto_generichash_state state;
    bool sealed;

    if (crypto_sign_ed25519_pk_to_curve25519(to, public_key) != 0)
        return false;
    crypto_box_seed_keypair(out_sealed, secret, seed);
    crypto_generichash_init(&state, NULL, 0, sizeof nonce);
    crypto_generichash_update(&state, out_sealed, crypto_box_PUBLICKEYBYTES);
    crypto_generichash_update(&state, to, sizeof to);
    crypto_generichash_final(&state, nonce, sizeof nonce);
    sealed = crypto_box_easy(out_sealed + crypto_box_PUBLICKEYBYTES, plain.data, plain.size, nonce, to,
                             secret) == 0;
    kad_wipe(secret, sizeof secret);
    return sealed;
}

bool kad_box_open(const uint8_t seed[32], struct kad_bytes sealed, uint8_t *out_plain)
{
    uint8_t ed_public[KAD_ED25519_PUBLIC], ed_secret[KAD_ED25519_SECRET];
    uint8_t public_key[crypto_box_PUBLICKEYBYTES], secret[crypto_box_SECRETKEYBYTES];
    bool opened;

    kad_ed25519_keypair(seed, ed_public, ed_secret);
    opened = crypto_sign_ed25519_pk_to_curve25519(public_key, ed_public) == 0 &&
             crypto_sign_ed25519_sk_to_curve25519(secret, ed_secret) == 0 &&
             crypto_box_seal_open(out_plain, sealed.data, sealed.size, public_key, secret) == 0;
    kad_wipe(ed_secret, sizeof ed_secret);
    kad_wipe(secret, sizeof secret);
    return opened;
}
