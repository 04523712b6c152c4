/* Hashes of shards become CIDs and come back; what is none is refused, and said is where. */
#include "http/content.h"

#include <string.h>

#include "base/test.h"
#include "base/text.h"

/* SHA-256 of the empty string, and the CIDs that `ipfs add` and `ipfs block put` know it by. */
#define EMPTY    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define EMPTY_V1 "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
#define EMPTY_V0 "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n"

static void expect(const char *text, const char *digest)
{
    struct kad_content content;
    char room[65], why[KAD_CONTENT_WHY] = "";

    EXPECT_MSG(kad_content_read(text, &content, why) == KAD_OK, "%s: %s", text, why);
    EXPECT_STR(kad_hex(kad_content_digest(&content), 32, room), digest);
}

static void expect_none(const char *text, const char *wanted)
{
    struct kad_content content;
    char why[KAD_CONTENT_WHY] = "";

    EXPECT_MSG(kad_content_read(text, &content, why) == KAD_E_INVALID, "%s", text);
    EXPECT_STR(why, wanted);
}

TEST(a_hash_of_32_bytes_is_the_digest_itself) /* I013 */
{
    struct kad_content content;
    char why[KAD_CONTENT_WHY], text[KAD_CID_TEXT];

    expect(EMPTY, EMPTY);
    expect("0x" EMPTY, EMPTY);
    expect("0XE3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", EMPTY);
    expect("0x1220" EMPTY, EMPTY);
    EXPECT(kad_content_read("0x" EMPTY, &content, why) == KAD_OK);
    kad_content_cid(&content, text);
    EXPECT_STR(text, EMPTY_V1);
    EXPECT(kad_content_cid_v0(&content, text));
    EXPECT_STR(text, EMPTY_V0);
}

TEST(a_cid_comes_back_as_the_hash) /* I013, I033 */
{
    expect(EMPTY_V1, EMPTY);
    expect(EMPTY_V0, EMPTY);
    expect("f01551220" EMPTY, EMPTY);
}

TEST(shorter_bytes_are_hashed_first) /* I046: T024 publishes 0xABCD */
{
    expect("0xABCD", "123d4c7ef2d1600a1b3a0f6addc60a10f05a3495c9409f2ecbf4cc095d000a6b");
    expect("abcd", "123d4c7ef2d1600a1b3a0f6addc60a10f05a3495c9409f2ecbf4cc095d000a6b");
}

TEST(what_is_mistyped_is_refused_and_said_is_where) /* I103 */
{
    expect_none("0x" EMPTY "00", "longer than a hash of 32 bytes, at character 67 (\"0\")");
    expect_none("0x" EMPTY "000000", "longer than a hash, at character 71 (\"0\")");
    expect_none("0xb0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "31 bytes: a hash has 32, at its end (character 65)");
    expect_none("0xabc", "an odd number of digits, at its end (character 6)");
    expect_none("0x12g4", "no hexadecimal digit, at character 5 (\"g\")");
    expect_none("0x", "hexadecimal digits are wanted, at its end (character 3)");
    expect_none("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk!",
                "a CID, or a hash in hexadecimal digits behind 0x, is wanted");
    expect_none("", "hexadecimal digits are wanted, at its end (character 1)");
}

TEST(where_only_a_hash_will_do_nothing_shorter_does) /* I103: H256 */
{
    struct kad_content content;
    char why[KAD_CONTENT_WHY];

    EXPECT(kad_content_read_hash("0x" EMPTY, &content, why) == KAD_OK);
    EXPECT(kad_content_read_hash("0xABCD", &content, why) == KAD_E_INVALID);
    EXPECT_STR(why, "shorter than a hash of 32 bytes, at its end (character 7)");
    EXPECT(kad_content_read_hash("0x" EMPTY "00", &content, why) == KAD_E_INVALID);
    EXPECT_STR(why, "longer than a hash, at character 67 (\"0\")");
    EXPECT(kad_content_read_hash(EMPTY_V1, &content, why) == KAD_E_INVALID);
}
