#include "crypto/passphrase.h"

#include <string.h>

#include "base/test.h"
#include "crypto/crypto.h"

/* As cheap as it may be. */
static const struct kad_passphrase_cost cheap = {.passes = 1, .memory_kib = KAD_PASSPHRASE_LEAST};
static const uint8_t secret[32] = {1, 2, 3}, beside[32] = {9};

static struct kad_sealed seal(void)
{
    struct kad_sealed sealed;

    EXPECT_EQ(kad_crypto_init(), 0);
    EXPECT_EQ(kad_passphrase_seal("correct horse", cheap, secret, beside, &sealed), 0);
    return sealed;
}

TEST(only_its_passphrase_opens_it)
{
    const struct kad_sealed sealed = seal();
    uint8_t opened[32] = {0};

    EXPECT_EQ(kad_passphrase_open("correct horse", &sealed, beside, opened), 0);
    EXPECT_MEM(opened, secret, 32);
    EXPECT(memcmp(sealed.box, secret, 32) != 0);
    EXPECT_EQ(kad_passphrase_open("correct horse ", &sealed, beside, opened), KAD_E_REFUSED);
    EXPECT_EQ(kad_passphrase_open("", &sealed, beside, opened), KAD_E_REFUSED);
}

TEST(sealed_twice_it_looks_different)
{
    const struct kad_sealed a = seal(), b = seal();

    EXPECT(memcmp(a.salt, b.salt, sizeof a.salt) != 0);
    EXPECT(memcmp(a.box, b.box, sizeof a.box) != 0);
}

TEST(nothing_of_it_can_be_changed)
{
    static const uint8_t other[32] = {8};
    struct kad_sealed sealed = seal();
    uint8_t opened[32];

    EXPECT_EQ(kad_passphrase_open("correct horse", &sealed, other, opened), KAD_E_REFUSED);
    sealed.box[47] ^= 1;
    EXPECT_EQ(kad_passphrase_open("correct horse", &sealed, beside, opened), KAD_E_REFUSED);
    sealed.box[47] ^= 1;
    sealed.nonce[0] ^= 1;
    EXPECT_EQ(kad_passphrase_open("correct horse", &sealed, beside, opened), KAD_E_REFUSED);
    sealed.nonce[0] ^= 1;
    sealed.salt[0] ^= 1;
    EXPECT_EQ(kad_passphrase_open("correct horse", &sealed, beside, opened), KAD_E_REFUSED);
    sealed.salt[0] ^= 1;
    sealed.cost.passes = 2;
    EXPECT_EQ(kad_passphrase_open("correct horse", &sealed, beside, opened), KAD_E_REFUSED);
}

/* A stranger's file decides about our memory and time, so it does within limits; none of these gets as far as trying. */
TEST(costs_have_a_ceiling_and_a_floor)
{
    static const struct kad_passphrase_cost bad[] = {
        {.passes = 0, .memory_kib = 65536},
        {.passes = KAD_PASSPHRASE_PASSES + 1, .memory_kib = 65536},
        {.passes = 3, .memory_kib = KAD_PASSPHRASE_LEAST - 1},
        {.passes = 3, .memory_kib = KAD_PASSPHRASE_MOST + 1},
        {.passes = 3, .memory_kib = 64 << 20}, /* 64 GiB */
        {.passes = UINT32_MAX, .memory_kib = UINT32_MAX},
    };
    struct kad_sealed sealed = seal();
    uint8_t opened[32];

    for (size_t i = 0; i < KAD_COUNT_OF(bad); i++) {
        sealed.cost = bad[i];
        EXPECT_EQ(kad_passphrase_open("correct horse", &sealed, beside, opened), KAD_E_INVALID);
        EXPECT_EQ(kad_passphrase_seal("correct horse", bad[i], secret, beside, &sealed), KAD_E_INVALID);
    }
    EXPECT(kad_passphrase_cost_allowed(&KAD_PASSPHRASE_COST));
}
