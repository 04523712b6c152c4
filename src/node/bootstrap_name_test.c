#include "node/bootstrap_name.h"

#include <stdio.h>
#include <string.h>

#include "base/test.h"

/* An address alone, or with who is to be there; half of an identity is none. */
TEST(addresses_may_say_who_is_there)
{
    const uint8_t key[KAD_IDENTITY_SIZE] = {0x33, 4, 5};
    struct kad_bootstrap_name name;
    char text[200], who[KAD_IDENTITY_TEXT];

    EXPECT_EQ(kad_bootstrap_name_read("dht.example.org:4242", &name), 0);
    EXPECT_STR(name.host, "dht.example.org");
    EXPECT_EQ(name.port, 4242);
    EXPECT(!name.has_key);
    snprintf(text, sizeof(text), "[2001:db8::1]:99/%s", kad_identity_format(key, who));
    EXPECT_EQ(kad_bootstrap_name_read(text, &name), 0);
    EXPECT_STR(name.host, "2001:db8::1");
    EXPECT_EQ(name.port, 99);
    EXPECT(name.has_key);
    EXPECT_MEM(name.key, key, sizeof(key));
    text[strlen(text) - 1] ^= 1;
    EXPECT_EQ(kad_bootstrap_name_read(text, &name), KAD_E_INVALID);
    EXPECT_EQ(kad_bootstrap_name_read("127.0.0.1:1/", &name), KAD_E_INVALID);
    EXPECT_EQ(kad_bootstrap_name_read("127.0.0.1", &name), KAD_E_INVALID);
}
