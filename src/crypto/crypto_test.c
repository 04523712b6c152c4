#include "crypto/crypto.h"

#include "base/test.h"
#include "base/text.h"
#include "crypto/test_seed.h"

#include <sodium.h>
#include <string.h>

static void expect_hex(const void *data, size_t size, const char *hex)
{
    char text[2 * 64 + 1];

    EXPECT_STR(kad_hex(data, size, text), hex);
}

static void unhex(const char *hex, void *out, size_t size)
{
    EXPECT_EQ(kad_unhex(hex, out, size), KAD_OK);
}

TEST(start_up_may_be_repeated)
{
    EXPECT_EQ(kad_crypto_init(), KAD_OK);
    EXPECT_EQ(kad_crypto_init(), KAD_OK);
}

/* FIPS 180's examples. */
TEST(sha1_and_sha256)
{
    uint8_t hash[32];

    kad_sha1("abc", 3, hash);
    expect_hex(hash, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
    kad_sha1(NULL, 0, hash);
    expect_hex(hash, 20, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    kad_sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hash);
    expect_hex(hash, 20, "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    kad_sha256("abc", 3, hash);
    expect_hex(hash, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    kad_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hash);
    expect_hex(hash, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* libsodium has the same SHA-256, written by other people. */
TEST(sha256_agrees_with_libsodium)
{
    struct kad_rng rng = kad_test_rng(1);
    uint8_t data[300], ours[32], theirs[32];

    kad_rng_bytes(&rng, data, sizeof data);
    for (size_t size = 0; size <= sizeof data; size++) {
        kad_sha256(data, size, ours);
        crypto_hash_sha256(theirs, data, size);
        EXPECT_MEM(ours, theirs, 32);
    }
}

/* The appendix of the SipHash paper: key 00..0f, input 00..0e. */
TEST(siphash)
{
    uint8_t bytes[16];

    for (unsigned i = 0; i < 16; i++)
        bytes[i] = (uint8_t)i;
    EXPECT_EQ(kad_siphash(bytes, bytes, 15), (int64_t)UINT64_C(0xa129ca6149be45e5));
    EXPECT_EQ(kad_siphash(bytes, NULL, 0), (int64_t)UINT64_C(0x726fdb47dd0e0e31));
}

/* RFC 3720, B.4, and the usual check value. */
TEST(crc32c)
{
    uint8_t bytes[32];

    EXPECT_EQ(kad_crc32c("123456789", 9), 0xe3069283);
    EXPECT_EQ(kad_crc32c("", 0), 0);
    memset(bytes, 0, sizeof bytes);
    EXPECT_EQ(kad_crc32c(bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    EXPECT_EQ(kad_crc32c(bytes, 32), 0x62a8ab43);
    for (unsigned i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    EXPECT_EQ(kad_crc32c(bytes, 32), 0x46dd794e);
}

/* BEP 42's table: the first 21 bits of the id are those of the hash of the masked address and three random bits. */
TEST(crc32c_makes_the_ids_of_bep_42)
{
    static const struct {
        uint8_t address[4];
        uint8_t random;
        uint32_t id; /* its first 24 bits */
    } cases[] = {
        {{124, 31, 75, 21}, 1, 0x5fbfbf},  {{21, 75, 31, 124}, 86, 0x5a3ce9},
        {{65, 23, 51, 170}, 22, 0xa5d432}, {{84, 124, 73, 14}, 65, 0x1b0321},
        {{43, 213, 53, 83}, 90, 0xe56f6c},
    };
    static const uint8_t mask[4] = {0x03, 0x0f, 0x3f, 0xff};

    for (size_t i = 0; i < KAD_COUNT_OF(cases); i++) {
        uint8_t input[4];

        for (unsigned j = 0; j < 4; j++)
            input[j] = cases[i].address[j] & mask[j];
        input[0] |= (uint8_t)((cases[i].random & 7) << 5);
        EXPECT_EQ(kad_crc32c(input, 4) >> 11, cases[i].id >> 3);
    }
}

/* RFC 8032, 7.1, tests 1 and 3. */
TEST(ed25519_as_rfc_8032)
{
    uint8_t seed[32], public_key[32], secret[64], signature[64];
    const uint8_t message[2] = {0xaf, 0x82};

    unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed, 32);
    kad_ed25519_keypair(seed, public_key, secret);
    expect_hex(public_key, 32, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    kad_ed25519_sign(secret, "", 0, signature);
    expect_hex(signature, 64,
               "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
               "46bd25bf5f"
               "0595bbe24655141438e7a100b");
    unhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", seed, 32);
    kad_ed25519_keypair(seed, public_key, secret);
    expect_hex(public_key, 32, "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
    kad_ed25519_sign(secret, message, 2, signature);
    expect_hex(signature, 64,
               "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
               "6594a7c15e"
               "9716ed28dc027beceea1ec40a");
    EXPECT(kad_ed25519_verify(public_key, message, 2, signature));
}

/* BEP 44, test vectors 1 and 2: a mutable item without and with salt, and how its target is made. */
TEST(ed25519_as_bep_44)
{
    static const struct {
        const char *data, *salt, *signature, *target;
    } cases[] = {
        {"3:seqi1e1:v12:Hello World!", "",
         "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff1260d3f39e4999684aa92eb73ffd136e6f4"
         "f3ecbfda0"
         "ce53a1608ecd7ae21f01",
         "4a533d47ec9c7d95b1ad75f576cffc641853b750"},
        {"4:salt6:foobar3:seqi1e1:v12:Hello World!", "foobar",
         "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17ddf9a8a7104b1258f30bed3787e6cb896fca"
         "78c58f8e0"
         "3b5f18f14951a87d9a08",
         "411eba73b6f087ca51a3795d9c8c938d365e32c1"},
    };
    uint8_t public_key[32], expanded[64], hash[20];

    unhex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548", public_key, 32);
    unhex("e06d3183d14159228433ed599221b80bd0a5ce8352e4bdf0262f76786ef1c74d"
          "b7e7a9fea2c0eb269d61e3b38e450a22e754941ac78479d6c54e1faf6037881d",
          expanded, 64);
    for (size_t i = 0; i < KAD_COUNT_OF(cases); i++) {
        const size_t size = strlen(cases[i].data), salt_size = strlen(cases[i].salt);
        uint8_t signature[64], key_and_salt[32 + 8];

        kad_ed25519_sign_expanded(expanded, public_key, cases[i].data, size, signature);
        expect_hex(signature, 64, cases[i].signature);
        EXPECT(kad_ed25519_verify(public_key, cases[i].data, size, signature));
        memcpy(key_and_salt, public_key, 32);
        memcpy(key_and_salt + 32, cases[i].salt, salt_size);
        kad_sha1(key_and_salt, 32 + salt_size, hash);
        expect_hex(hash, 20, cases[i].target);
    }
    kad_sha1("12:Hello World!", 15, hash); /* vector 3: immutable */
    expect_hex(hash, 20, "e5f96f6f38320f0f33959cb4d3d656452117aadb");
}

/* Both ways of signing give the same bytes, since the expanded secret is the hash of the seed. */
TEST(expanded_and_plain_signatures_agree)
{
    for (uint64_t n = 1; n <= 20; n++) {
        struct kad_rng rng = kad_test_rng(n);
        uint8_t seed[32], public_key[32], secret[64], expanded[64], plain[64], other[64], data[100];
        const size_t size = kad_rng_below(&rng, sizeof data);

        kad_rng_bytes(&rng, seed, sizeof seed);
        kad_rng_bytes(&rng, data, sizeof data);
        kad_ed25519_keypair(seed, public_key, secret);
        crypto_hash_sha512(expanded, seed, 32);
        expanded[0] &= 248;
        expanded[31] &= 127;
        expanded[31] |= 64;
        kad_ed25519_sign(secret, data, size, plain);
        kad_ed25519_sign_expanded(expanded, public_key, data, size, other);
        EXPECT_MEM(plain, other, 64);
        EXPECT(kad_ed25519_verify(public_key, data, size, plain));
    }
}

TEST(a_signature_with_any_bit_turned_is_refused)
{
    uint8_t seed[32] = {7}, public_key[32], secret[64], signature[64];
    char data[] = "a value";

    kad_ed25519_keypair(seed, public_key, secret);
    kad_ed25519_sign(secret, data, sizeof data, signature);
    for (unsigned bit = 0; bit < 512; bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT(!kad_ed25519_verify(public_key, data, sizeof data, signature));
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (unsigned bit = 0; bit < 256; bit++) {
        public_key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT(!kad_ed25519_verify(public_key, data, sizeof data, signature));
        public_key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    data[0] ^= 1;
    EXPECT(!kad_ed25519_verify(public_key, data, sizeof data, signature));
    EXPECT(!kad_ed25519_verify(public_key, data, sizeof data - 1, signature));
}

/* Strict: S beyond the group's order (the same signature again, malleated) and keys of small order (which verify
 * anything) are refused. */
TEST(malleated_signatures_and_weak_keys_are_refused)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    uint8_t seed[32] = {8}, public_key[32], secret[64], signature[64], identity[32] = {1};
    unsigned carry = 0;

    kad_ed25519_keypair(seed, public_key, secret);
    kad_ed25519_sign(secret, "x", 1, signature);
    for (unsigned i = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    EXPECT(!kad_ed25519_verify(public_key, "x", 1, signature));

    memset(signature, 0, sizeof signature);
    signature[0] = 1; /* R the identity, S zero: fits an identity key and every message */
    EXPECT(!kad_ed25519_verify(identity, "x", 1, signature));
}

TEST(entropy_and_wiping)
{
    uint8_t a[32] = {0}, b[32] = {0}, zeros[32] = {0};

    kad_entropy(a, sizeof a);
    kad_entropy(b, sizeof b);
    EXPECT(memcmp(a, b, sizeof a) != 0);
    kad_wipe(a, sizeof a);
    EXPECT_MEM(a, zeros, sizeof a);
}
