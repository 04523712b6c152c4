#include "crypto/bech32.h"

#include <string.h>

#include "base/test.h"
#include "base/text.h"
#include "crypto/test_seed.h"

/* Seed 003's sample, and what it stands for. */
#define SAMPLE     "id1xv7empyzlwuvlshs2vlf9eruf72jeesr8yxrrd3esusj75qsr6jqj6dv3p"
#define SAMPLE_HEX "333d9d8482fbb8cfc2f0533e92e47c4f952ce603390c31b63987212f50101ea4"

static struct kad_bech32_fault read_any(const char *text)
{
    char prefix[KAD_BECH32_MAX];
    uint8_t groups[KAD_BECH32_MAX];
    size_t n;

    return kad_bech32_groups(text, prefix, groups, &n);
}

static struct kad_bech32_fault read_id(const char *text)
{
    uint8_t bytes[32];

    return kad_bech32_decode(text, "id", bytes, sizeof bytes);
}

/* BIP-350, "Test vectors for Bech32m". */
TEST(what_the_standard_calls_valid_is_read)
{
    static const char *const valid[] = {
        "A1LQFN3A",
        "a1lqfn3a",
        "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
        "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
        "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
        "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
        "?1v759aa",
    };

    for (size_t i = 0; i < KAD_COUNT_OF(valid); i++)
        EXPECT_MSG(read_any(valid[i]).kind == KAD_BECH32_GOOD, "%s", valid[i]);
}

TEST(what_the_standard_calls_invalid_is_refused_for_its_reason)
{
    static const struct {
        const char *text;
        enum kad_bech32_kind kind;
        size_t at;
    } invalid[] = {
        {"\x20"
         "1xj0phk",
         KAD_BECH32_CHARACTER, 0},
        {"\x7f"
         "1g6xzxy",
         KAD_BECH32_CHARACTER, 0},
        {"\x80"
         "1vctc34",
         KAD_BECH32_CHARACTER, 0},
        {"an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
         KAD_BECH32_LENGTHS, KAD_BECH32_NOWHERE},
        {"qyrz8wqd2c9m", KAD_BECH32_PREFIX, KAD_BECH32_NOWHERE},
        {"1qyrz8wqd2c9m", KAD_BECH32_PREFIX, KAD_BECH32_NOWHERE},
        {"y1b0jsk6g", KAD_BECH32_CHARACTER, 2},
        {"lt1igcx5c0", KAD_BECH32_CHARACTER, 3},
        {"in1muywd", KAD_BECH32_LENGTHS, KAD_BECH32_NOWHERE},
        {"mm1crxm3i", KAD_BECH32_CHARACTER, 8},
        {"au1s5cgom", KAD_BECH32_CHARACTER, 7},
        {"M1VUXWEZ", KAD_BECH32_CHECKSUM, KAD_BECH32_NOWHERE},
        {"16plkw9", KAD_BECH32_PREFIX, KAD_BECH32_NOWHERE},
        {"1p2gdwpf", KAD_BECH32_PREFIX, KAD_BECH32_NOWHERE},
        {"a1LQFN3A", KAD_BECH32_CASE, 2},
        {"A12UEL5L", KAD_BECH32_CHECKSUM, KAD_BECH32_NOWHERE}, /* Bech32 without the m */
        {"abcdef1l7aum6echk45nj2s0wdvt2fg8x9yrzpqzd3ryx", KAD_BECH32_CHECKSUM, 21},
        {"", KAD_BECH32_PREFIX, KAD_BECH32_NOWHERE},
    };

    for (size_t i = 0; i < KAD_COUNT_OF(invalid); i++) {
        const struct kad_bech32_fault fault = read_any(invalid[i].text);

        EXPECT_MSG(fault.kind == invalid[i].kind, "%s: kind %d", invalid[i].text, (int)fault.kind);
        EXPECT_MSG(fault.at == invalid[i].at, "%s: at %zu", invalid[i].text, fault.at);
    }
}

TEST(groups_are_the_alphabet_in_order)
{
    char prefix[KAD_BECH32_MAX];
    uint8_t groups[KAD_BECH32_MAX];
    size_t n = 0;

    EXPECT_EQ(kad_bech32_groups("abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", prefix, groups, &n).kind,
              KAD_BECH32_GOOD);
    EXPECT_STR(prefix, "abcdef");
    EXPECT_EQ(n, 32);
    for (size_t i = 0; i < n; i++)
        EXPECT_EQ(groups[i], 31 - i);
}

TEST(the_sample_of_the_source_text_reads_and_writes)
{
    uint8_t bytes[32], expected[32];
    char text[KAD_BECH32_MAX + 1];

    EXPECT_EQ(kad_unhex(SAMPLE_HEX, expected, sizeof expected), 0);
    EXPECT_EQ(kad_bech32_decode(SAMPLE, "id", bytes, sizeof bytes).kind, KAD_BECH32_GOOD);
    EXPECT_MEM(bytes, expected, sizeof bytes);
    EXPECT_EQ(kad_bech32_encode("id", (struct kad_bytes){expected, 32}, text, sizeof text), 0);
    EXPECT_STR(text, SAMPLE);
    EXPECT_EQ(kad_bech32_encode("id", (struct kad_bytes){expected, 32}, text, strlen(SAMPLE)), KAD_E_SPACE);
    EXPECT_EQ(kad_bech32_encode("id", (struct kad_bytes){expected, 32}, text, strlen(SAMPLE) + 1), 0);
}

TEST(bytes_of_every_length_come_back)
{
    struct kad_rng rng = kad_test_rng(7);
    uint8_t bytes[51], back[51];
    char text[KAD_BECH32_MAX + 1];

    for (size_t size = 1; KAD_BECH32_LENGTH(2, size) <= KAD_BECH32_MAX; size++) {
        kad_rng_bytes(&rng, bytes, size);
        EXPECT_EQ(kad_bech32_encode("id", (struct kad_bytes){bytes, size}, text, sizeof text), 0);
        EXPECT_EQ(strlen(text), KAD_BECH32_LENGTH(2, size));
        EXPECT_EQ(kad_bech32_decode(text, "id", back, size).kind, KAD_BECH32_GOOD);
        EXPECT_MEM(back, bytes, size);
    }
    EXPECT_EQ(kad_bech32_encode("id", (struct kad_bytes){bytes, 51}, text, sizeof text), KAD_E_LIMIT);
}

/* The reason for a checksum: whoever copies an id by hand hears of it, and where. */
TEST(every_typo_is_found_at_its_place)
{
    char text[] = SAMPLE;

    for (size_t at = 0; text[at]; at++) {
        for (int c = '!'; c <= '~'; c++) {
            struct kad_bech32_fault fault;

            if (c == SAMPLE[at] || (at < 2 && c == SAMPLE[at] - 32))
                continue;
            text[at] = (char)c;
            fault = read_id(text);
            EXPECT_MSG(fault.kind != KAD_BECH32_GOOD, "%s", text);
            /* In the prefix one upper-case letter is another case; so is one in the data, whichever letter it was. */
            EXPECT_MSG(fault.at == at || fault.kind == KAD_BECH32_CASE, "%s: at %zu", text, fault.at);
        }
        text[at] = SAMPLE[at];
    }
}

TEST(swapped_neighbours_are_found)
{
    char text[] = SAMPLE;

    for (size_t at = 3; text[at + 1]; at++) {
        struct kad_bech32_fault fault;

        if (text[at] == text[at + 1])
            continue;
        text[at] = SAMPLE[at + 1];
        text[at + 1] = SAMPLE[at];
        fault = read_id(text);
        EXPECT_EQ(fault.kind, KAD_BECH32_CHECKSUM);
        EXPECT_EQ(fault.at, at);
        text[at] = SAMPLE[at];
        text[at + 1] = SAMPLE[at + 1];
    }
}

/* Up to four wrong characters can never make another valid text: the code's promise, tried on a sample of them. */
TEST(up_to_four_wrong_characters_are_always_found)
{
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    struct kad_rng rng = kad_test_rng(4);

    for (unsigned round = 0; round < 3000; round++) {
        char text[] = SAMPLE;
        const uint32_t n = 2 + kad_rng_below(&rng, 3);

        for (uint32_t i = 0; i < n; i++)
            text[3 + kad_rng_below(&rng, sizeof SAMPLE - 4)] = alphabet[kad_rng_below(&rng, 32)];
        EXPECT_MSG(strcmp(text, SAMPLE) == 0 || read_id(text).kind == KAD_BECH32_CHECKSUM, "%s", text);
    }
}

TEST(a_missing_or_doubled_character_is_a_wrong_length)
{
    char text[sizeof SAMPLE + 1];

    for (size_t at = 4; at < sizeof SAMPLE - 1; at++) {
        memcpy(text, SAMPLE, at);
        strcpy(text + at, &SAMPLE[at + 1]);
        EXPECT_EQ(read_id(text).kind, KAD_BECH32_LENGTHS);
        strcpy(text + at, &SAMPLE[at - 1]);
        EXPECT_EQ(read_id(text).kind, KAD_BECH32_LENGTHS);
    }
}

TEST(another_prefix_or_number_of_bytes_is_refused)
{
    uint8_t bytes[33] = {0};
    char text[KAD_BECH32_MAX + 1];

    EXPECT_EQ(kad_bech32_encode("bc", (struct kad_bytes){bytes, 32}, text, sizeof text), 0);
    EXPECT_EQ(read_id(text).kind, KAD_BECH32_PREFIX);
    EXPECT_EQ(kad_bech32_encode("idx", (struct kad_bytes){bytes, 32}, text, sizeof text), 0);
    EXPECT_EQ(read_id(text).kind, KAD_BECH32_PREFIX);
    EXPECT_EQ(kad_bech32_encode("id", (struct kad_bytes){bytes, 31}, text, sizeof text), 0);
    EXPECT_EQ(read_id(text).kind, KAD_BECH32_LENGTHS);
    EXPECT_EQ(kad_bech32_encode("id", (struct kad_bytes){bytes, 33}, text, sizeof text), 0);
    EXPECT_EQ(read_id(text).kind, KAD_BECH32_LENGTHS);
    EXPECT_EQ(read_id("").kind, KAD_BECH32_PREFIX);
    EXPECT_EQ(read_id("id1").kind, KAD_BECH32_LENGTHS);
}

/* One run of bytes has one text: what is left of the last group is zero. Checksums made outside (BIP-350's reference). */
TEST(bits_behind_the_last_byte_are_refused)
{
    uint8_t byte;

    EXPECT_EQ(kad_bech32_decode("id1qqxxxxxx", "id", &byte, 1).kind, KAD_BECH32_CHECKSUM);
    EXPECT_EQ(kad_bech32_decode("id1qq5ql2q4", "id", &byte, 1).kind, KAD_BECH32_GOOD);
    EXPECT_EQ(byte, 0);
    EXPECT_EQ(kad_bech32_decode("id1qpfktla8", "id", &byte, 1).kind, KAD_BECH32_PADDING);
    EXPECT_EQ(kad_bech32_decode("id1qqq59zuw3", "id", &byte, 1).kind, KAD_BECH32_PADDING);
}
