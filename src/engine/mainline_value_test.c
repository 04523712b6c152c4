/* What programs around kad would otherwise each write themselves: ids from names and keys, texts as values. */
#include "kad/engine.h"

#include <string.h>

#include "base/test.h"
#include "kad/text.h"

static struct kad_bytes text(const char *words)
{
    return (struct kad_bytes){(const uint8_t *)words, strlen(words)};
}

/* P040: `printf %s kad | sha1sum`, and the empty text. */
TEST(an_id_is_the_sha1_of_anything)
{
    struct kad_id id;
    char digits[KAD_ID_TEXT];

    kad_mainline_id_of(text("kad"), &id);
    EXPECT_STR(kad_id_format(&id, digits), "5ade54cadc9b8070838b81a3ca2f53d7aaac8db1");
    kad_mainline_id_of(text(""), &id);
    EXPECT_STR(kad_id_format(&id, digits), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST(a_text_survives_being_a_value)
{
    uint8_t value[32];
    size_t size = 7;
    struct kad_bytes back;

    EXPECT_EQ(kad_mainline_wrap(text("Hello World!"), value, sizeof(value), &size), KAD_OK);
    EXPECT_EQ(size, 15);
    EXPECT_MEM(value, "12:Hello World!", 15);
    EXPECT_EQ(kad_mainline_unwrap((struct kad_bytes){value, size}, &back), KAD_OK);
    EXPECT_EQ(back.size, 12);
    EXPECT(back.data == value + 3); /* borrowed, not copied */
    EXPECT_EQ(kad_mainline_wrap(text("Hello World!"), value, 14, &size), KAD_E_SPACE);
}

/* Others may have stored a number, a dictionary, or something and then more. */
TEST(what_is_not_one_text_is_not_unwrapped)
{
    struct kad_bytes back = {0};

    EXPECT_EQ(kad_mainline_unwrap(text("i5e"), &back), KAD_E_INVALID);
    EXPECT_EQ(kad_mainline_unwrap(text("d1:a1:be"), &back), KAD_E_INVALID);
    EXPECT_EQ(kad_mainline_unwrap(text("1:ab"), &back), KAD_E_INVALID);
    EXPECT_EQ(kad_mainline_unwrap(text("5:ab"), &back), KAD_E_INVALID);
    EXPECT_EQ(kad_mainline_unwrap(text(""), &back), KAD_E_INVALID);
    EXPECT(back.data == NULL);
}
