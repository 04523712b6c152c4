#include "channel/mask.h"

#include <string.h>

#include "base/test.h"
#include "crypto/crypto.h"

TEST(a_mask_is_siphash_of_the_end_and_the_block)
{
    uint8_t key[KAD_MASK_KEY], input[17], hash[16], datagram[32 + 16];

    EXPECT_EQ(kad_crypto_init(), KAD_OK);
    for (uint8_t i = 0; i < 17; i++) {
        key[i % 16] = i % 16;
        input[i] = i;
    }
    memset(datagram, 0, sizeof(datagram));
    memcpy(datagram + 32, input, 16);
    kad_mask(key, datagram, sizeof(datagram), 32);
    input[16] = 0;
    kad_siphash_128(key, input, sizeof(input), hash);
    EXPECT_MEM(datagram, hash, 16);
    input[16] = 1;
    kad_siphash_128(key, input, sizeof(input), hash);
    EXPECT_MEM(datagram + 16, hash, 16);
    EXPECT(memcmp(datagram, datagram + 16, 16) != 0);
}

TEST(a_mask_comes_off_as_it_went_on)
{
    uint8_t key[KAD_MASK_KEY], datagram[128], before[128], head[16];

    kad_mask_key("kad/1 mask", "abc", 3, key);
    for (uint8_t i = 0; i < sizeof(datagram); i++)
        datagram[i] = before[i] = i;
    kad_mask(key, datagram, sizeof(datagram), 96);
    for (size_t at = 0; at < 96; at += 16)
        EXPECT(memcmp(datagram + at, before + at, 16) != 0);
    EXPECT_MEM(datagram + 96, before + 96, 32);
    kad_mask_peek(key, datagram, sizeof(datagram), head);
    EXPECT_MEM(head, before, 16);
    kad_mask(key, datagram, sizeof(datagram), 96);
    EXPECT_MEM(datagram, before, sizeof(datagram));
}

/* Purpose and text are told apart: neither borrows from the other. */
TEST(keys_of_masks_differ_with_purpose_and_text)
{
    uint8_t one[KAD_MASK_KEY], two[KAD_MASK_KEY];

    kad_mask_key("kad/1 mask", "abc", 3, one);
    kad_mask_key("kad/1 maska", "bc", 2, two);
    EXPECT(memcmp(one, two, sizeof(one)) != 0);
    kad_mask_key("kad/1 door", "abc", 3, two);
    EXPECT(memcmp(one, two, sizeof(one)) != 0);
}
