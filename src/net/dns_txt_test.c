#include "net/dns_txt.h"

#include <string.h>

#include "base/test.h"

/* An answer to x.example TXT: `n` records; data behind. */
static size_t head(uint8_t *message, uint8_t n)
{
    static const uint8_t fixed[] = {0, 1,   0x81, 0x80, 0,   1,   0,   0,   0,   0,   0, 0, /* one question */
                                    1, 'x', 7,    'e',  'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 16, 0, 1};

    memcpy(message, fixed, sizeof(fixed));
    message[7] = n;
    return sizeof(fixed);
}

static size_t record(uint8_t *message, size_t at, uint8_t type, const char *data, size_t size)
{
    const uint8_t fixed[] = {0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, (uint8_t)(size >> 8), (uint8_t)size};

    memcpy(message + at, fixed, sizeof(fixed));
    memcpy(message + at + sizeof(fixed), data, size);
    return at + sizeof(fixed) + size;
}

TEST(records_become_lines_and_their_strings_one)
{
    uint8_t message[512];
    char text[KAD_DNS_TXT_MAX];
    const char *why;
    size_t size = head(message, 3);

    size = record(message, size, 16,
                  "\x03"
                  "a:1\x04 b:2",
                  9);
    size = record(message, size, 5, "\xc0\x0c", 2); /* a CNAME between */
    size = record(message, size, 16,
                  "\x05"
                  "c\n\xff:3",
                  6);
    EXPECT_EQ(kad_dns_txt_read(message, size, text, &why), 0);
    EXPECT_STR(text, "a:1 b:2\nc  :3\n");
}

TEST(an_answer_that_is_cut_off_or_lies_is_none)
{
    uint8_t message[512];
    char text[KAD_DNS_TXT_MAX];
    const char *why;
    size_t size = record(message, head(message, 1), 16,
                         "\x03"
                         "a:1",
                         4);

    for (size_t cut = 0; cut < size; cut++)
        EXPECT(kad_dns_txt_read(message, cut, text, &why) < 0);
    EXPECT_EQ(kad_dns_txt_read(message, size, text, &why), 0);
    message[size - 4] = 4; /* the string is said to be longer than its record */
    EXPECT_EQ(kad_dns_txt_read(message, size, text, &why), KAD_E_INVALID);
}

TEST(no_record_is_said_so)
{
    uint8_t message[512];
    char text[KAD_DNS_TXT_MAX];
    const char *why;

    EXPECT_EQ(kad_dns_txt_read(message, head(message, 0), text, &why), KAD_E_NOT_FOUND);
    EXPECT_STR(why, "the name has no TXT record");
}

TEST(more_than_fits_is_refused)
{
    static uint8_t message[65000];
    char text[KAD_DNS_TXT_MAX], data[256];
    const char *why;
    size_t size = head(message, 200);

    memset(data, 'x', sizeof(data));
    data[0] = (char)255;
    for (int i = 0; i < 200; i++)
        size = record(message, size, 16, data, sizeof(data));
    EXPECT_EQ(kad_dns_txt_read(message, size, text, &why), KAD_E_INVALID);
}
