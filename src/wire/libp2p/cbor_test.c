/* Examples from RFC 8949, appendix A, and what DAG-CBOR forbids: longer forms than are needed. */
#include "wire/libp2p/cbor.h"

#include <string.h>

#include "base/test.h"

static struct kad_bytes of(const char *bytes, size_t n)
{
    return (struct kad_bytes){(const uint8_t *)bytes, n};
}
#define OF(literal) of(literal, sizeof(literal) - 1)

/* A number under the key "a", as the one entry of what a map holds. */
TEST(numbers_have_one_form)
{
    static const struct {
        const char *bytes;
        size_t n;
        uint64_t number;
    } good[] = {
        {"\x00", 1, 0},
        {"\x01", 1, 1},
        {"\x0a", 1, 10},
        {"\x17", 1, 23},
        {"\x18\x18", 2, 24},
        {"\x18\x64", 2, 100},
        {"\x19\x03\xe8", 3, 1000},
        {"\x1a\x00\x0f\x42\x40", 5, 1000000},
        {"\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00", 9, UINT64_C(1000000000000)},
        {"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", 9, UINT64_MAX},
    };
    static const struct kad_bytes bad[] = {
        {(const uint8_t *)"\x18\x17", 2},                             /* 23 in two bytes */
        {(const uint8_t *)"\x19\x00\xff", 3},                         /* 255 in three */
        {(const uint8_t *)"\x1a\x00\x00\xff\xff", 5},                 /* 65,535 in five */
        {(const uint8_t *)"\x1b\x00\x00\x00\x00\xff\xff\xff\xff", 9}, /* 2^32 - 1 in nine */
        {(const uint8_t *)"\x1c", 1},                                 /* reserved */
        {(const uint8_t *)"\x1f", 1},                                 /* of no definite length */
        {(const uint8_t *)"\x20", 1},                                 /* -1 */
        {(const uint8_t *)"\xf5", 1},                                 /* true */
        {(const uint8_t *)"\x80", 1},                                 /* a list */
        {(const uint8_t *)"\xa0", 1},                                 /* a map in a map */
        {(const uint8_t *)"\x19\x03", 2},                             /* cut off */
        {(const uint8_t *)"", 0},
    };
    struct kad_cbor_entry entry;
    uint8_t bytes[16] = {0x61, 'a'};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct kad_bytes rest = {bytes, 2 + good[i].n};

        memcpy(bytes + 2, good[i].bytes, good[i].n);
        EXPECT_EQ(kad_cbor_entry(&rest, &entry), 0);
        EXPECT(entry.is_number && rest.size == 0 && entry.key.size == 1 && entry.key.data[0] == 'a');
        EXPECT_MSG(entry.number == good[i].number, "%zu", i);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct kad_bytes rest = {bytes, 2 + bad[i].size};

        memcpy(bytes + 2, bad[i].data, bad[i].size);
        EXPECT_MSG(kad_cbor_entry(&rest, &entry) == KAD_E_INVALID, "%zu", i);
    }
}

TEST(strings_end_where_they_say)
{
    struct kad_bytes rest = OF("\xa2\x63key\x44\x01\x02\x03\x04\x60\x62hi");
    struct kad_cbor_entry entry;
    uint64_t n;

    EXPECT_EQ(kad_cbor_map(&rest, &n), 0);
    EXPECT_EQ(n, 2);
    EXPECT_EQ(kad_cbor_entry(&rest, &entry), 0);
    EXPECT(!entry.is_number && entry.bytes.size == 4 && memcmp(entry.bytes.data, "\1\2\3\4", 4) == 0);
    EXPECT_EQ(kad_cbor_entry(&rest, &entry), 0);
    EXPECT(entry.key.size == 0 && entry.bytes.size == 2 && memcmp(entry.bytes.data, "hi", 2) == 0);
    EXPECT_EQ(rest.size, 0);
    EXPECT_EQ(kad_cbor_entry(&rest, &entry), KAD_E_INVALID);

    rest = OF("\x64key\x01"); /* a key that takes in what follows, and is then without a value */
    EXPECT_EQ(kad_cbor_entry(&rest, &entry), KAD_E_INVALID);
    rest = OF("\x43key\x01"); /* a key that is no text */
    EXPECT_EQ(kad_cbor_entry(&rest, &entry), KAD_E_INVALID);
    rest = OF("\x61k\x5b\xff\xff\xff\xff\xff\xff\xff\xff"); /* more bytes than there can be */
    EXPECT_EQ(kad_cbor_entry(&rest, &entry), KAD_E_INVALID);
    rest = OF("\x82\x01\x02"); /* a list is no map */
    EXPECT_EQ(kad_cbor_map(&rest, &n), KAD_E_INVALID);
    rest = OF("");
    EXPECT_EQ(kad_cbor_map(&rest, &n), KAD_E_INVALID);
}
