#include "crypto/seal.h"

#include <string.h>

#include "base/test.h"
#include "base/text.h"
#include "crypto/crypto.h"

/* draft-irtf-cfrg-xchacha-03, A.3.1, has associated data; without it the ciphertext proper is the same and the tag differs. */
TEST(the_key_stream_is_the_drafts)
{
    static const char text[] =
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
        "future, sunscreen would be it.";
    const size_t size = sizeof text - 1;
    uint8_t key[KAD_SEAL_KEY], nonce[KAD_SEAL_NONCE], sealed[sizeof text - 1 + KAD_SEAL_TAG], expected[16];

    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(0x80 + i);
    for (unsigned i = 0; i < sizeof nonce; i++)
        nonce[i] = (uint8_t)(0x40 + i);
    EXPECT_EQ(kad_unhex("bd6d179d3e83d43b9576579493c0e939", expected, sizeof expected), 0);
    kad_seal(key, nonce, (struct kad_bytes){(const uint8_t *)text, size}, sealed);
    EXPECT_MEM(sealed, expected, sizeof expected);
    EXPECT(kad_unseal(key, nonce, (struct kad_bytes){sealed, sizeof sealed}, sealed)); /* in place */
    EXPECT_MEM(sealed, text, size);
}

TEST(whatever_bit_is_changed_it_does_not_open)
{
    const uint8_t key[KAD_SEAL_KEY] = {1}, nonce[KAD_SEAL_NONCE] = {2}, plain[5] = "hello";
    uint8_t sealed[sizeof plain + KAD_SEAL_TAG], out[sizeof plain];

    kad_seal(key, nonce, (struct kad_bytes){plain, sizeof plain}, sealed);
    for (size_t i = 0; i < sizeof sealed * 8; i++) {
        sealed[i / 8] ^= (uint8_t)(1 << i % 8);
        EXPECT(!kad_unseal(key, nonce, (struct kad_bytes){sealed, sizeof sealed}, out));
        sealed[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t n = 0; n < sizeof sealed; n++)
        EXPECT(!kad_unseal(key, nonce, (struct kad_bytes){sealed, n}, out));
    EXPECT(kad_unseal(key, nonce, (struct kad_bytes){sealed, sizeof sealed}, out));
}

TEST(a_letter_opens_for_its_reader_only)
{
    const uint8_t reader[32] = {1}, other[32] = {2}, once[32] = {3}, plain[7] = "letters";
    uint8_t public_key[KAD_ED25519_PUBLIC], secret[KAD_ED25519_SECRET], sealed[sizeof plain + KAD_BOX_EXTRA];
    uint8_t again[sizeof sealed], out[sizeof plain];
    const struct kad_bytes text = {plain, sizeof plain}, letter = {sealed, sizeof sealed};

    EXPECT_EQ(kad_crypto_init(), 0);
    kad_ed25519_keypair(reader, public_key, secret);
    EXPECT(kad_box_seal(public_key, once, text, sealed));
    EXPECT(kad_box_seal(public_key, once, text, again));
    EXPECT_MEM(sealed, again, sizeof sealed); /* no randomness but what is given */
    EXPECT(kad_box_open(reader, letter, out));
    EXPECT_MEM(out, plain, sizeof plain);
    EXPECT(!kad_box_open(other, letter, out));
    sealed[40] ^= 1;
    EXPECT(!kad_box_open(reader, letter, out));
    for (size_t n = 0; n < sizeof sealed; n++)
        EXPECT(!kad_box_open(reader, (struct kad_bytes){again, n}, out));
}

TEST(what_is_no_public_key_gets_no_letter)
{
    const uint8_t none[32] = {0}, once[32] = {3};
    uint8_t sealed[1 + KAD_BOX_EXTRA];

    EXPECT(!kad_box_seal(none, once, (struct kad_bytes){none, 1}, sealed));
}
