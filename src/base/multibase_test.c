#include "base/multibase.h"

#include <string.h>

#include "base/test.h"
#include "base/text.h"

static const enum kad_multibase all[] = {KAD_BASE16, KAD_BASE32, KAD_BASE36, KAD_BASE58};

/* RFC 4648, section 10, and draft-msporny-base58, section 5; base36 by Python's int(). */
TEST(known_texts)
{
    static const struct {
        enum kad_multibase base;
        const char *bytes, *text;
    } known[] = {
        {KAD_BASE16, "foobar", "666f6f626172"},
        {KAD_BASE32, "f", "my"},
        {KAD_BASE32, "fo", "mzxq"},
        {KAD_BASE32, "foobar", "mzxw6ytboi"},
        {KAD_BASE36, "foobar", "13x8yd7ywi"},
        {KAD_BASE58, "Hello World!", "2NEpo7TZRRrLZSi2U"},
    };
    uint8_t bytes[64];
    char text[64];
    size_t n;

    for (size_t i = 0; i < KAD_COUNT_OF(known); i++) {
        const struct kad_bytes wanted = {(const uint8_t *)known[i].bytes, strlen(known[i].bytes)};

        EXPECT_EQ(kad_base_write(known[i].base, wanted, text, sizeof(text)), 0);
        EXPECT_STR(text, known[i].text);
        EXPECT_EQ(kad_base_read(known[i].base, text, strlen(text), bytes, sizeof(bytes), &n), 0);
        EXPECT_EQ(n, wanted.size);
        EXPECT_MEM(bytes, wanted.data, n);
    }
}

TEST(what_was_written_is_read_again)
{
    uint8_t bytes[100], again[100];
    char text[KAD_MULTIBASE_TEXT(100)];
    uint32_t random = 7;
    size_t n;

    for (size_t size = 0; size < sizeof(bytes); size++) {
        for (size_t i = 0; i < size; i++) {
            random = random * 1664525 + 1013904223;
            bytes[i] = i < size % 5 ? 0 : (uint8_t)(random >> 24); /* leading zeros, too */
        }
        for (size_t i = 0; i < KAD_COUNT_OF(all); i++) {
            EXPECT_EQ(kad_multibase_write(all[i], (struct kad_bytes){bytes, size}, text, sizeof(text)), 0);
            EXPECT_EQ(text[0], (char)all[i]);
            EXPECT_EQ(kad_multibase_read(text, strlen(text), again, sizeof(again), &n), 0);
            EXPECT_EQ(n, size);
            EXPECT_MEM(again, bytes, size);
        }
    }
}

TEST(room_is_kept_to)
{
    const uint8_t bytes[4] = {0, 0, 200, 1};
    char text[KAD_MULTIBASE_TEXT(4)];
    uint8_t again[4];
    size_t n;

    for (size_t i = 0; i < KAD_COUNT_OF(all); i++) {
        size_t full;

        EXPECT_EQ(kad_multibase_write(all[i], (struct kad_bytes){bytes, 4}, text, sizeof(text)), 0);
        full = strlen(text);
        for (size_t room = 0; room < 4; room++)
            EXPECT_EQ(kad_multibase_read(text, full, again, room, &n), KAD_E_SPACE);
        for (size_t room = 0; room <= full; room++)
            EXPECT_EQ(kad_multibase_write(all[i], (struct kad_bytes){bytes, 4}, text, room), KAD_E_SPACE);
    }
    EXPECT_EQ(
        kad_base_write(KAD_BASE58, (struct kad_bytes){bytes, KAD_MULTIBASE_MAX + 1}, text, sizeof(text)),
        KAD_E_SPACE);
}

TEST(what_is_none_of_it_is_refused)
{
    static const char *const wrong[] = {"",   "x00", "f0", "f0g", "F00", "z0",
                                        "zI", "k-",  "b1", "bmz", "bM",  "ba"};
    uint8_t bytes[16];
    size_t n;

    for (size_t i = 0; i < KAD_COUNT_OF(wrong); i++)
        EXPECT_EQ(kad_multibase_read(wrong[i], strlen(wrong[i]), bytes, sizeof(bytes), &n), KAD_E_INVALID);
}
