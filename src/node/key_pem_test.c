#include "node/key_pem.h"

#include <string.h>

#include "base/test.h"
#include "base/text.h"

static struct kad_bytes bytes_of(const char *text)
{
    return (struct kad_bytes){(const uint8_t *)text, strlen(text)};
}

/* RFC 8410, section 10.3: the example. */
static const char example[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                              "-----END PRIVATE KEY-----\n";
static const char example_seed[] = "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";

TEST(the_standard_s_example_reads_and_writes)
{
    uint8_t seed[32], expected[32];
    char text[KAD_PEM_MAX];

    EXPECT_EQ(kad_unhex(example_seed, expected, 32), 0);
    EXPECT_EQ(kad_pem_read(bytes_of(example), NULL, seed), 0);
    EXPECT_MEM(seed, expected, 32);
    EXPECT_EQ(kad_pem_write(seed, NULL, text, sizeof text), 0);
    EXPECT_STR(text, example);
    EXPECT_EQ(kad_pem_write(seed, NULL, text, 40), KAD_E_SPACE);
}

TEST(sealed_only_its_passphrase_opens_it)
{
    static const uint8_t seed[32] = {7};
    uint8_t back[32];
    char text[KAD_PEM_MAX];

    EXPECT_EQ(kad_pem_write(seed, "correct horse", text, sizeof text), 0);
    EXPECT(strstr(text, "BEGIN ENCRYPTED PRIVATE KEY"));
    EXPECT_EQ(kad_pem_read(bytes_of(text), "correct horse", back), 0);
    EXPECT_MEM(back, seed, 32);
    EXPECT_EQ(kad_pem_read(bytes_of(text), "battery staple", back), KAD_E_REFUSED);
    EXPECT_EQ(kad_pem_read(bytes_of(text), NULL, back), KAD_E_NOT_FOUND);
}

/* An X25519 key (RFC 8410's algorithm 1.3.101.110) is as long, and nothing to sign with. */
TEST(other_keys_and_no_keys_are_refused)
{
    static const char x25519[] = "-----BEGIN PRIVATE KEY-----\n"
                                 "MC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                                 "-----END PRIVATE KEY-----\n";
    uint8_t seed[32];

    EXPECT_EQ(kad_pem_read(bytes_of(x25519), NULL, seed), KAD_E_INVALID);
    EXPECT_EQ(kad_pem_read(bytes_of(""), NULL, seed), KAD_E_INVALID);
    EXPECT_EQ(kad_pem_read(bytes_of("kad identity 1\n"), NULL, seed), KAD_E_INVALID);
    EXPECT_EQ(kad_pem_read((struct kad_bytes){(const uint8_t *)example, 60}, NULL, seed), KAD_E_INVALID);
}
