#include "node/bootstrap_name.h"

#include <stdio.h>
#include <string.h>

#include "base/test.h"

/* An address alone, or with who is to be there; half of an identity is none. */
TEST(addresses_may_say_who_is_there)
{
    const uint8_t key[KAD_IDENTITY_SIZE] = {0x33, 4, 5};
    const struct kad_network *network = kad_network_mainline();
    struct kad_bootstrap_name name;
    char text[200], who[KAD_IDENTITY_TEXT];

    EXPECT_EQ(kad_bootstrap_name_read("dht.example.org:4242", network, &name), 0);
    EXPECT_STR(name.host, "dht.example.org");
    EXPECT_EQ(name.port, 4242);
    EXPECT(!name.has_key);
    snprintf(text, sizeof(text), "[2001:db8::1]:99/%s", kad_identity_format(key, who));
    EXPECT_EQ(kad_bootstrap_name_read(text, network, &name), 0);
    EXPECT_STR(name.host, "2001:db8::1");
    EXPECT_EQ(name.port, 99);
    EXPECT(name.has_key);
    EXPECT_MEM(name.key, key, sizeof(key));
    text[strlen(text) - 1] ^= 1;
    EXPECT_EQ(kad_bootstrap_name_read(text, network, &name), KAD_E_INVALID);
    EXPECT_EQ(kad_bootstrap_name_read("127.0.0.1:1/", network, &name), KAD_E_INVALID);
    EXPECT_EQ(kad_bootstrap_name_read("127.0.0.1", network, &name), KAD_E_INVALID);
}

/* As in seed 003: host/nodeId. Mainline has no port of its own that everybody has. */
TEST(a_port_may_be_left_out_where_the_network_has_one)
{
    const uint8_t key[KAD_IDENTITY_SIZE] = {0x33, 4, 5};
    struct kad_bootstrap_name name;
    char text[200], who[KAD_IDENTITY_TEXT];

    snprintf(text, sizeof(text), "dht.example.org/%s", kad_identity_format(key, who));
    EXPECT_EQ(kad_bootstrap_name_read(text, kad_network_kad_ws(), &name), 0);
    EXPECT_STR(name.host, "dht.example.org");
    EXPECT_EQ(name.port, 4280);
    EXPECT_MEM(name.key, key, sizeof(key));
    EXPECT_EQ(kad_bootstrap_name_read("127.0.0.1", kad_network_kad(), &name), 0);
    EXPECT_EQ(name.port, 4242);
    EXPECT_EQ(kad_bootstrap_name_read("127.0.0.1", kad_network_mainline(), &name), KAD_E_INVALID);
    EXPECT_EQ(kad_bootstrap_name_read("", kad_network_kad(), &name), KAD_E_INVALID);
}
