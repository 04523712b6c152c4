#include "wire/krpc/bencode.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

/* The text in memory of exactly its size, so that ASan sees the first byte read past it. */
static uint8_t *exact(const char *text, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    EXPECT(copy != NULL);
    memcpy(copy, text, size);
    return copy;
}

static bool reads(const char *text, size_t size, struct kad_bencode_item *out_item)
{
    uint8_t *copy = exact(text, size);
    struct kad_bencode_reader reader = kad_bencode_reader((struct kad_bytes){copy, size});
    bool whole = kad_bencode_item(&reader, out_item);

    EXPECT(whole == !reader.broken);
    EXPECT(!whole || out_item->raw.data == copy);
    free(copy);
    return whole;
}

static bool accepts(const char *text)
{
    struct kad_bencode_item item;

    return reads(text, strlen(text), &item);
}

static bool canonical(const char *text)
{
    size_t size = strlen(text);
    uint8_t *copy = exact(text, size);
    bool holds = kad_bencode_canonical((struct kad_bytes){copy, size});

    free(copy);
    return holds;
}

TEST(integers_span_all_of_int64)
{
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"i0e", 0},
        {"i42e", 42},
        {"i-42e", -42},
        {"i-0e", 0},
        {"i007e", 7},
        {"i9223372036854775807e", INT64_MAX},
        {"i-9223372036854775808e", INT64_MIN},
    };
    struct kad_bencode_item item;

    for (size_t i = 0; i < KAD_COUNT_OF(cases); i++) {
        EXPECT_MSG(reads(cases[i].text, strlen(cases[i].text), &item), "%s", cases[i].text);
        EXPECT_EQ(item.type, KAD_BENCODE_INTEGER);
        EXPECT_EQ(item.integer, cases[i].value);
    }
}

/* BEP 3 sets no limit, so a larger number is no reason to drop the message around it. */
TEST(larger_integers_are_told_apart_not_cut_off)
{
    static const char *const cases[] = {"i9223372036854775808e", "i-9223372036854775809e",
                                        "i18446744073709551616e", "i99999999999999999999999999999999999999e"};
    struct kad_bencode_item item;

    for (size_t i = 0; i < KAD_COUNT_OF(cases); i++) {
        EXPECT_MSG(reads(cases[i], strlen(cases[i]), &item), "%s", cases[i]);
        EXPECT_EQ(item.type, KAD_BENCODE_BIG);
    }
}

TEST(strings_end_where_their_length_says)
{
    struct kad_bencode_item item;

    EXPECT(reads("4:spamspam", 10, &item));
    EXPECT_EQ(item.string.size, 4);
    EXPECT_EQ(item.raw.size, 6);
    EXPECT(reads("0:", 2, &item));
    EXPECT_EQ(item.string.size, 0);
    EXPECT(accepts("0004:spam")); /* as libtorrent and jech's dht read it */
}

TEST(broken_structure_is_refused)
{
    static const char *const cases[] = {
        "",
        "e",
        "x",
        "i",
        "ie",
        "i-e",
        "i1",
        "i1",
        "i1-e",
        "i 1e",
        "i1x",
        "1",
        "1:",
        "2:a",
        ":",
        "-1:a",
        "1a:",
        "4spam",
        "l",
        "li1e",
        "l1:a",
        "d",
        "d1:a",
        "d1:ae",
        "di1e",
        "di1e1:ae",
        "dle1:ae",
        "d1:a1:b",
        "lli1ee",
        "d1:adi1e1:bee",
        "99999999999999999999999999999999:a",
        "18446744073709551617:a",
        "d1:a1:b1:ce",
    };

    for (size_t i = 0; i < KAD_COUNT_OF(cases); i++)
        EXPECT_MSG(!accepts(cases[i]), "%s was accepted", cases[i]);
}

TEST(nesting_stops_at_the_ceiling)
{
    char text[2 * KAD_BENCODE_DEPTH + 3];

    memset(text, 'l', KAD_BENCODE_DEPTH);
    memset(text + KAD_BENCODE_DEPTH, 'e', KAD_BENCODE_DEPTH);
    text[2 * KAD_BENCODE_DEPTH] = '\0';
    EXPECT(accepts(text));
    EXPECT(canonical(text));
    memset(text, 'l', KAD_BENCODE_DEPTH + 1);
    memset(text + KAD_BENCODE_DEPTH + 1, 'e', KAD_BENCODE_DEPTH + 1);
    text[2 * KAD_BENCODE_DEPTH + 2] = '\0';
    EXPECT(!accepts(text));
    EXPECT(!canonical(text));
}

/* Whatever is cut off at its end is broken, and nothing is read past the cut. */
TEST(no_beginning_of_an_item_is_an_item)
{
    static const char text[] = "d3:cowi-17e4:listl4:spamd1:a0:ei0ee1:zd0:leee";
    struct kad_bencode_item item;

    EXPECT(reads(text, sizeof text - 1, &item));
    EXPECT_EQ(item.raw.size, sizeof text - 1);
    for (size_t size = 0; size < sizeof text - 1; size++)
        EXPECT_MSG(!reads(text, size, &item), "%zu bytes were accepted", size);
}

TEST(a_dictionary_is_walked_in_and_out)
{
    static const char text[] = "d1:ai1e1:bli2ei3ee1:ci4ee5:after";
    struct kad_bencode_reader reader =
        kad_bencode_reader((struct kad_bytes){(const uint8_t *)text, sizeof text - 1});
    struct kad_bencode_item item;
    struct kad_bytes key;

    EXPECT(kad_bencode_open(&reader, KAD_BENCODE_DICT));
    EXPECT(kad_bencode_pair(&reader, &key, &item));
    EXPECT_MEM(key.data, "a", 1);
    EXPECT_EQ(item.integer, 1);
    EXPECT(kad_bencode_key(&reader, &key));
    EXPECT(kad_bencode_open(&reader, KAD_BENCODE_LIST));
    EXPECT(kad_bencode_next(&reader, &item));
    EXPECT(kad_bencode_next(&reader, &item));
    EXPECT_EQ(item.integer, 3);
    EXPECT(!kad_bencode_next(&reader, &item));
    EXPECT(kad_bencode_pair(&reader, &key, &item));
    EXPECT_EQ(item.integer, 4);
    EXPECT(!kad_bencode_pair(&reader, &key, &item));
    EXPECT(!reader.broken);
    EXPECT(kad_bencode_item(&reader, &item));
    EXPECT_MEM(item.string.data, "after", 5);
    EXPECT(!kad_bencode_item(&reader, &item));
    EXPECT(reader.broken);
}

TEST(what_is_broken_stays_broken)
{
    static const char text[] = "li1eX";
    struct kad_bencode_reader reader =
        kad_bencode_reader((struct kad_bytes){(const uint8_t *)text, sizeof text - 1});
    struct kad_bencode_item item;
    struct kad_bytes key;

    EXPECT(!kad_bencode_open(&reader, KAD_BENCODE_DICT)); /* it is a list */
    EXPECT(reader.broken);
    EXPECT(!kad_bencode_open(&reader, KAD_BENCODE_LIST));
    EXPECT(!kad_bencode_next(&reader, &item));
    EXPECT(!kad_bencode_pair(&reader, &key, &item));
    EXPECT(!kad_bencode_close(&reader));
}

TEST(only_the_one_form_is_canonical)
{
    static const char *const good[] = {"0:",
                                       "4:spam",
                                       "i0e",
                                       "i-1e",
                                       "i10e",
                                       "le",
                                       "de",
                                       "i99999999999999999999999e",
                                       "d1:a1:x1:b1:ye",
                                       "d0:0:1:ale2:aadee",
                                       "ld1:ai0eed1:ai0eee"};
    static const char *const bad[] = {
        "",
        "i00e",
        "i01e",
        "i-0e",
        "i-01e",
        "00:",
        "01:a",
        "i1ei2e",
        "1:ab",
        "d1:bi0e1:ai0ee",
        "d1:ai0e1:ai0ee",
        "d2:aai0e1:ai0ee",
        "ld1:bi0e1:ai0eee",
        "d01:ai0ee",
        "d1:a",
    };

    for (size_t i = 0; i < KAD_COUNT_OF(good); i++)
        EXPECT_MSG(canonical(good[i]), "%s was refused", good[i]);
    for (size_t i = 0; i < KAD_COUNT_OF(bad); i++)
        EXPECT_MSG(!canonical(bad[i]), "%s was accepted", bad[i]);
}

/* Keys sort as raw bytes: unsigned, the shorter first. */
TEST(keys_sort_as_unsigned_bytes)
{
    EXPECT(canonical("d1:\x7f"
                     "i0e1:\x80"
                     "i0ee"));
    EXPECT(!canonical("d1:\x80"
                      "i0e1:\x7f"
                      "i0ee"));
    EXPECT(canonical("d1:ai0e2:aai0ee"));
}

TEST(the_writer_writes_what_the_reader_reads)
{
    static const char expected[] = "d1:ai-9223372036854775808e1:bi9223372036854775807e1:ci0e0:10:0123456789e";
    uint8_t bytes[sizeof expected];
    struct kad_bencode_writer writer = kad_bencode_writer(bytes, sizeof expected - 1);

    kad_bencode_put(&writer, "d", 1);
    kad_bencode_put_string(&writer, "a", 1);
    kad_bencode_put_integer(&writer, INT64_MIN);
    kad_bencode_put_string(&writer, "b", 1);
    kad_bencode_put_integer(&writer, INT64_MAX);
    kad_bencode_put_string(&writer, "c", 1);
    kad_bencode_put_integer(&writer, 0);
    kad_bencode_put_string(&writer, NULL, 0);
    kad_bencode_put_string(&writer, "0123456789", 10);
    kad_bencode_put(&writer, "e", 1);
    EXPECT(!writer.full);
    EXPECT_EQ(writer.at - bytes, sizeof expected - 1);
    EXPECT_MEM(bytes, expected, sizeof expected - 1);

    kad_bencode_put(&writer, "e", 1);
    EXPECT(writer.full);
    EXPECT_EQ(writer.at - bytes, sizeof expected - 1);
}

TEST(a_full_writer_stays_full)
{
    uint8_t bytes[4];
    struct kad_bencode_writer writer = kad_bencode_writer(bytes, sizeof bytes);

    kad_bencode_put_string(&writer, "spam", 4);
    EXPECT(writer.full);
    kad_bencode_put(&writer, "e", 1); /* would fit, but not where it belongs */
    EXPECT_EQ(writer.at - bytes, 2);
    EXPECT(kad_bencode_put_room(&writer, 0) == NULL);
}
