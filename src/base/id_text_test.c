/* Ids as users type them: exactly as long as the network's ids are, and the same again when printed. */
#include "kad/text.h"

#include <string.h>

#include "base/test.h"

TEST(an_id_survives_being_text)
{
    const char *mainline = "0123456789abcdef0123456789abcdef01234567";
    const char *whole = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct kad_id id;
    char text[KAD_ID_TEXT];

    memset(&id, 0xff, sizeof(id));
    EXPECT_EQ(kad_id_parse(mainline, &id), KAD_OK);
    EXPECT_STR(kad_id_format(&id, text), mainline);
    for (int i = 20; i < KAD_ID_SIZE; i++)
        EXPECT_EQ(id.bytes[i], 0); /* 160-bit ids compare as 256-bit ones: the tail must not differ */
    EXPECT_EQ(kad_id_parse(whole, &id), KAD_OK);
    EXPECT_STR(kad_id_format(&id, text), whole);
    EXPECT_EQ(kad_id_parse("0123456789ABCDEF0123456789abcdef01234567", &id), KAD_OK);
    EXPECT_STR(kad_id_format(&id, text), mainline);
}

TEST(what_is_no_id_is_refused)
{
    struct kad_id id = {{7}};

    EXPECT_EQ(kad_id_parse("", &id), KAD_E_INVALID);
    EXPECT_EQ(kad_id_parse("0123456789abcdef0123456789abcdef0123456", &id), KAD_E_INVALID);
    EXPECT_EQ(kad_id_parse("0123456789abcdef0123456789abcdef012345678", &id), KAD_E_INVALID);
    EXPECT_EQ(kad_id_parse("0x23456789abcdef0123456789abcdef01234567", &id), KAD_E_INVALID);
    EXPECT_EQ(kad_id_parse("0123456789abcdef0123456789abcdef0123456g", &id), KAD_E_INVALID);
    EXPECT_EQ(id.bytes[0], 7); /* written on success only */
}
