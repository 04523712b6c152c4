#include "wire/krpc/record.h"

#include "base/test.h"
#include "base/text.h"

#include <string.h>

static const char value[] = "12:Hello World!";

static struct kad_bytes bytes_of(const char *text)
{
    return (struct kad_bytes){(const uint8_t *)text, strlen(text)};
}

/* The mutable item of BEP 44, tests 1 and 2. */
static struct kad_record bep_44(const char *salt, const char *key, const char *signature)
{
    struct kad_record record = {
        .type = KAD_RECORD_MUTABLE, .value = bytes_of(value), .salt = bytes_of(salt), .sequence = 1};

    EXPECT_EQ(kad_crypto_init(), 0);
    EXPECT_EQ(
        kad_unhex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548", record.public_key, 32),
        0);
    EXPECT_EQ(kad_unhex(key, record.key.bytes, 20), 0);
    EXPECT_EQ(kad_unhex(signature, record.signature, 64), 0);
    return record;
}

static struct kad_record test_1(void)
{
    return bep_44("", "4a533d47ec9c7d95b1ad75f576cffc641853b750",
                  "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
                  "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01");
}

static struct kad_record test_2(void)
{
    return bep_44("foobar", "411eba73b6f087ca51a3795d9c8c938d365e32c1",
                  "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
                  "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08");
}

TEST(the_signed_bytes_of_bep_44)
{
    static const char plain[] = "3:seqi1e1:v12:Hello World!";
    static const char salted[] = "4:salt6:foobar3:seqi1e1:v12:Hello World!";
    struct kad_record one = test_1(), two = test_2();
    uint8_t bytes[KAD_KRPC_SIGNED_MAX];

    EXPECT_EQ(kad_krpc_signed_bytes(&one, bytes), sizeof plain - 1);
    EXPECT_MEM(bytes, plain, sizeof plain - 1);
    EXPECT_EQ(kad_krpc_signed_bytes(&two, bytes), sizeof salted - 1);
    EXPECT_MEM(bytes, salted, sizeof salted - 1);
}

/* The private key stands there in its expanded form, so the signature can be made, not only checked. */
TEST(the_signatures_of_bep_44)
{
    struct kad_record records[] = {test_1(), test_2()};
    uint8_t expanded[64], bytes[KAD_KRPC_SIGNED_MAX], signature[64];

    EXPECT_EQ(kad_unhex("e06d3183d14159228433ed599221b80bd0a5ce8352e4bdf0262f76786ef1c74d"
                        "b7e7a9fea2c0eb269d61e3b38e450a22e754941ac78479d6c54e1faf6037881d",
                        expanded, 64),
              0);
    for (size_t i = 0; i < KAD_COUNT_OF(records); i++) {
        size_t size = kad_krpc_signed_bytes(&records[i], bytes);

        kad_ed25519_sign_expanded(expanded, records[i].public_key, bytes, size, signature);
        EXPECT_MEM(signature, records[i].signature, sizeof signature);
        EXPECT_EQ(kad_krpc_check_record(&records[i]), KAD_REFUSAL_NONE);
    }
}

TEST(the_immutable_item_of_bep_44)
{
    struct kad_record record = {.type = KAD_RECORD_IMMUTABLE, .value = bytes_of(value)};
    uint8_t expected[20];

    EXPECT_EQ(kad_unhex("e5f96f6f38320f0f33959cb4d3d656452117aadb", expected, 20), 0);
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_PROTOCOL); /* no key yet */
    kad_krpc_seal_record(&record, NULL);
    EXPECT_MEM(record.key.bytes, expected, 20);
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_NONE);
    record.key.bytes[KAD_ID_SIZE - 1] = 1; /* a 160-bit key ends in zeros */
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_PROTOCOL);
}

TEST(whatever_is_signed_counts)
{
    struct kad_record record = test_2();

    record.sequence = 2;
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_SIGNATURE);
    record = test_2();
    record.value = bytes_of("12:Hello world!");
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_SIGNATURE);
    record = test_2();
    record.signature[63] ^= 1;
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_SIGNATURE);
    record = test_2();
    record.salt = bytes_of("foobaz"); /* salt and public key also make the key */
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_PROTOCOL);
    record = test_2();
    record.public_key[0] ^= 1;
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_PROTOCOL);
}

TEST(sealed_records_pass_up_to_the_limits)
{
    static const uint8_t seed[32] = {7};
    uint8_t secret[64], big[KAD_RECORD_VALUE_MAX + 1], salt[KAD_RECORD_SALT_MAX + 1] = {1};
    struct kad_record record = {.type = KAD_RECORD_MUTABLE, .value = {big, KAD_RECORD_VALUE_MAX}};

    EXPECT_EQ(kad_crypto_init(), 0);
    memset(big, 'x', sizeof big);
    memcpy(big, "996:", 4);
    kad_ed25519_keypair(seed, record.public_key, secret);
    record.salt = (struct kad_bytes){salt, KAD_RECORD_SALT_MAX};
    record.sequence = INT64_MAX;
    kad_krpc_seal_record(&record, secret);
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_NONE);

    record.salt.size++;
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_SALT_TOO_BIG);
    record.salt.size--;
    memcpy(big, "997:", 4);
    record.value.size++;
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_TOO_BIG);
}

TEST(a_negative_sequence_number_is_refused)
{
    static const uint8_t seed[32] = {7};
    struct kad_record record = {.type = KAD_RECORD_MUTABLE, .value = bytes_of("i1e"), .sequence = -1};
    uint8_t secret[64];

    EXPECT_EQ(kad_crypto_init(), 0);
    kad_ed25519_keypair(seed, record.public_key, secret);
    kad_krpc_seal_record(&record, secret);
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_PROTOCOL);
    record.sequence = 0;
    kad_krpc_seal_record(&record, secret);
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_NONE);
}

/* "(e.g. a dictionary with unsorted keys), the storing node MUST reject the request" */
TEST(a_value_is_one_canonical_item)
{
    static const char *const bad[] = {"", "x", "5:abc", "i1ei2e", "i01e", "d1:b0:1:a0:e"};
    static const char *const good[] = {"0:", "i-5e", "le", "d1:a0:1:b0:e", "ld1:ali1e1:xeee"};

    for (size_t i = 0; i < KAD_COUNT_OF(bad); i++) {
        struct kad_record record = {.type = KAD_RECORD_IMMUTABLE, .value = bytes_of(bad[i])};

        kad_krpc_seal_record(&record, NULL);
        EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_PROTOCOL);
    }
    for (size_t i = 0; i < KAD_COUNT_OF(good); i++) {
        struct kad_record record = {.type = KAD_RECORD_IMMUTABLE, .value = bytes_of(good[i])};

        kad_krpc_seal_record(&record, NULL);
        EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_NONE);
    }
}

TEST(other_networks_records_are_refused)
{
    struct kad_record record = {.type = KAD_RECORD_NONE, .value = bytes_of("le")};

    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_PROTOCOL);
    record.type = KAD_RECORD_CLASSES;
    EXPECT_EQ(kad_krpc_check_record(&record), KAD_REFUSAL_PROTOCOL);
}
