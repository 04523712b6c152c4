#include "base/cid.h"

#include <string.h>

#include "base/test.h"
#include "base/text.h"

/* Made with Python's base64 and a division by hand: sha2-256 of "hello kad", codec raw. */
static const char *const spellings[] = {
    "QmdVrLJkWgNxvnb8ueLa5ZeHUCWVWsC5d8xHpc8pYe6EtG",
    "bafkreihbhkwlj3ttad65frgs7ccsgsvgt44lyrblb7bz5pamcdhzwld3fe",
    "f01551220e13aacb4ee7300fdd2c4d2f885234aa69f38bc442b0fc39ebc0c10cf9b2c7b29",
    "zb2rhmoUpMxkXdysySgtk6rmU2kEUDzEMWpXukN8H2QJv4R5z",
};

TEST(all_spellings_of_a_content_are_one_multihash)
{
    uint8_t wanted[34], found[KAD_MULTIHASH_MAX];
    size_t n;

    EXPECT_EQ(kad_unhex("1220e13aacb4ee7300fdd2c4d2f885234aa69f38bc442b0fc39ebc0c10cf9b2c7b29", wanted, 34),
              0);
    for (size_t i = 0; i < KAD_COUNT_OF(spellings); i++) {
        EXPECT_EQ(kad_cid_multihash(spellings[i], found, &n), 0);
        EXPECT_EQ(n, 34);
        EXPECT_MEM(found, wanted, 34);
    }
}

TEST(content_that_is_its_own_name)
{
    uint8_t found[KAD_MULTIHASH_MAX];
    size_t n;

    EXPECT_EQ(kad_cid_multihash("bafkqablimvwgy3y", found, &n), 0);
    EXPECT_EQ(n, 7);
    EXPECT_MEM(found, "\x00\x05hello", 7);
}

TEST(what_is_no_cid_is_refused)
{
    static const char *const wrong[] = {
        "",
        "b",
        "z",
        "Qm",
        "hello",
        "QmdVrLJkWgNxvnb8ueLa5ZeHUCWVWsC5d8xHpc8pYe6Et0",                /* 0 is no digit of base 58 */
        "bafkreihbhkwlj3ttad65frgs7ccsgsvgt44lyrblb7bz5pamcdhzwld3f",    /* a byte short */
        "bafkreihbhkwlj3ttad65frgs7ccsgsvgt44lyrblb7bz5pamcdhzwld3feaa", /* and one too many */
        "Bafkreihbhkwlj3ttad65frgs7ccsgsvgt44lyrblb7bz5pamcdhzwld3fe",
        "f02551220e13aacb4ee7300fdd2c4d2f885234aa69f38bc442b0fc39ebc0c10cf9b2c7b29", /* version 2 */
        "f01551220e13aacb4ee7300fdd2c4d2f885234aa69f38bc442b0fc39ebc0c10cf9b2c7b2",
        "f0155",
        "f01551200",               /* an empty digest */
        "f01551221e13aacb4ee7300", /* its length does not fit */
        "f018080808055122000",     /* a codec without an end */
        "f01d5001220",             /* a varint longer than it need be */
    };
    char endless[2000];
    uint8_t found[KAD_MULTIHASH_MAX];
    size_t n;

    for (size_t i = 0; i < KAD_COUNT_OF(wrong); i++)
        EXPECT_MSG(kad_cid_multihash(wrong[i], found, &n) == KAD_E_INVALID, "%s", wrong[i]);
    for (const char *base = "bfz"; *base; base++) {
        memset(endless, *base == 'z' ? 'z' : '2', sizeof endless - 1);
        endless[0] = *base;
        endless[sizeof endless - 1] = '\0';
        EXPECT_EQ(kad_cid_multihash(endless, found, &n), KAD_E_INVALID);
    }
}

TEST(a_wrong_letter_never_reads_beyond_the_text)
{
    char text[100];
    uint8_t found[KAD_MULTIHASH_MAX];
    size_t n;

    for (size_t i = 0; i < KAD_COUNT_OF(spellings); i++) {
        for (size_t at = 0; at <= strlen(spellings[i]); at++) {
            strcpy(text, spellings[i]);
            text[at] = '\0';
            if (at < strlen(spellings[i]))
                EXPECT_EQ(kad_cid_multihash(text, found, &n), KAD_E_INVALID);
        }
    }
}

TEST(a_name_is_made_and_read)
{
    uint8_t digest[32], multihash[34], found[KAD_MULTIHASH_MAX];
    char text[KAD_CID_TEXT];
    size_t n;

    /* sha2-256 of "hello", raw: libp2p-vectors.json */
    EXPECT_EQ(kad_unhex("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", digest, 32), 0);
    kad_multihash_sha256(digest, multihash);
    EXPECT_EQ(kad_cid_write(KAD_CID_RAW, (struct kad_bytes){multihash, 34}, text, sizeof(text)), 0);
    EXPECT_STR(text, "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq");
    EXPECT_EQ(kad_cid_multihash(text, found, &n), 0);
    EXPECT_EQ(n, 34);
    EXPECT_MEM(found, multihash, 34);
    EXPECT_EQ(kad_cid_write(KAD_CID_RAW, (struct kad_bytes){multihash, 34}, text, 59), KAD_E_SPACE);
}

TEST(a_cid_in_bytes)
{
    uint8_t cid[36];
    struct kad_bytes multihash;

    EXPECT_EQ(kad_unhex("015512202cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", cid, 36),
              0);
    EXPECT_EQ(kad_cid_multihash_of((struct kad_bytes){cid, 36}, &multihash), 0);
    EXPECT(multihash.data == cid + 2 && multihash.size == 34);
    EXPECT_EQ(kad_cid_multihash_of((struct kad_bytes){cid + 2, 34}, &multihash), 0);
    EXPECT(multihash.data == cid + 2 && multihash.size == 34);
    for (size_t n = 0; n < 36; n++)
        EXPECT_EQ(kad_cid_multihash_of((struct kad_bytes){cid, n}, &multihash), KAD_E_INVALID);
}
