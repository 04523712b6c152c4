#include "base/text.h"

#include "base/test.h"
#include "crypto/test_seed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TEST(hex_goes_both_ways)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct kad_rng rng = kad_test_rng(seed);
        uint8_t data[40], back[40];
        const size_t size = kad_rng_below(&rng, 41);
        char text[2 + 2 * sizeof data + 1] = "0x";

        kad_rng_bytes(&rng, data, size);
        EXPECT_EQ(strlen(kad_hex(data, size, text + 2)), 2 * size);
        EXPECT_EQ(kad_unhex(text, back, size), KAD_OK);
        EXPECT_MEM(back, data, size);
        for (char *c = text + 2; *c; c++)
            *c = (char)(*c >= 'a' && kad_rng_below(&rng, 2) ? *c - 'a' + 'A' : *c);
        EXPECT_EQ(kad_unhex(text + 2, back, size), KAD_OK);
        EXPECT_MEM(back, data, size);
        EXPECT_EQ(kad_unhex(text, back, size + 1), KAD_E_INVALID);
        if (size > 0)
            EXPECT_EQ(kad_unhex(text, back, size - 1), KAD_E_INVALID);
    }
}

TEST(hex_is_all_or_nothing)
{
    static const char *const wrong[] = {"",      "0x",       "1",     "123",   "12345", "12 34", " 1234",
                                        "1234 ", "12g4",     "0x123", "x1234", "00x12", "0X12",  "12:4",
                                        "-123",  "0x0x1234", "123/",  "12@4",  "12`4",  "12G4"};
    uint8_t out[2] = {0xaa, 0xbb};

    for (size_t i = 0; i < KAD_COUNT_OF(wrong); i++)
        EXPECT_MSG(kad_unhex(wrong[i], out, 2) == KAD_E_INVALID, "\"%s\"", wrong[i]);
    EXPECT(out[0] == 0xaa && out[1] == 0xbb); /* outputs are written on success only */
    EXPECT_EQ(kad_unhex("0XfFa0", out, 2), KAD_OK);
    EXPECT(out[0] == 0xff && out[1] == 0xa0);
    EXPECT_EQ(kad_unhex("", out, 0), KAD_OK);
}

TEST(numbers_agree_with_the_c_library)
{
    struct kad_rng rng = kad_test_rng(1);

    for (unsigned i = 0; i < 100000; i++) {
        static const char letters[] = "0123456789-+ .x";
        char text[24];
        const size_t size = kad_rng_below(&rng, 22);
        bool whole = size > 0;
        int64_t number = 77, least = INT64_MIN, most = INT64_MAX;
        long long expected;
        char *end;

        for (size_t j = 0; j < size; j++)
            text[j] = letters[kad_rng_below(&rng, kad_rng_below(&rng, 40) ? 10 : 15)];
        text[size] = '\0';
        if (size > 0 && kad_rng_below(&rng, 3) == 0)
            text[0] = '-';
        errno = 0;
        expected = strtoll(text, &end, 10);
        whole = whole && *end == '\0' && errno == 0 && !strpbrk(text, "+ ");
        if (kad_rng_below(&rng, 2) && expected > INT64_MIN && expected < INT64_MAX) {
            least = kad_rng_below(&rng, 4) ? expected : expected + 1;
            most = kad_rng_below(&rng, 4) ? expected : expected - 1;
        }
        if (whole && expected >= least && expected <= most) {
            EXPECT_EQ(kad_parse_number(text, least, most, &number), KAD_OK);
            EXPECT_EQ(number, expected);
        } else {
            EXPECT_MSG(kad_parse_number(text, least, most, &number) == KAD_E_INVALID, "\"%s\"", text);
            EXPECT_EQ(number, 77);
        }
    }
}

TEST(numbers_at_the_ends)
{
    int64_t number;

    EXPECT_EQ(kad_parse_number("9223372036854775807", INT64_MIN, INT64_MAX, &number), KAD_OK);
    EXPECT_EQ(number, INT64_MAX);
    EXPECT_EQ(kad_parse_number("-9223372036854775808", INT64_MIN, INT64_MAX, &number), KAD_OK);
    EXPECT_EQ(number, INT64_MIN);
    EXPECT_EQ(kad_parse_number("9223372036854775808", INT64_MIN, INT64_MAX, &number), KAD_E_INVALID);
    EXPECT_EQ(kad_parse_number("-9223372036854775809", INT64_MIN, INT64_MAX, &number), KAD_E_INVALID);
    EXPECT_EQ(kad_parse_number("18446744073709551617", INT64_MIN, INT64_MAX, &number), KAD_E_INVALID);
    EXPECT_EQ(kad_parse_number("-", INT64_MIN, INT64_MAX, &number), KAD_E_INVALID);
    EXPECT_EQ(kad_parse_number("--1", INT64_MIN, INT64_MAX, &number), KAD_E_INVALID);
    EXPECT_EQ(kad_parse_number("007", 0, 10, &number), KAD_OK);
    EXPECT_EQ(number, 7);
}

TEST(every_error_has_words_of_its_own)
{
    for (int a = KAD_E_DISABLED; a <= KAD_OK; a++) {
        EXPECT(strcmp(kad_error_text(a), "unknown error") != 0);
        for (int b = a + 1; b <= KAD_OK; b++)
            EXPECT(strcmp(kad_error_text(a), kad_error_text(b)) != 0);
    }
    EXPECT_STR(kad_error_text(1), "unknown error");
    EXPECT_STR(kad_error_text(KAD_E_DISABLED - 1), "unknown error");
}
