#include "crypto/peer_id.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/test.h"
#include "base/text.h"
#include "crypto/crypto.h"

/* I002: keys and their names, of libp2p/specs (peer-ids) and js-libp2p. */
static const struct {
    const char *key, *id, *base58, *base32, *base36, *place;
} known[] = {
    {"08011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f73242",
     "002408011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f73242",
     "12D3KooWPBFzpNemfrwjMSTSENKAC6cDHxE2RXojcMJRwMtitDms",
     "bafzaajaiaejcbrucey34puyq5rlwe67aborftustospuvl3eirym767fhi27omsc",
     "k51qzi5uqu5dl4pbdor7layd70c4d7ga0w7abi9ne801qrujw6mb5sihnhjygy",
     "6ad3dd40a45bd72049a842ad6f07504261f62f6a6db3e979b8e60fd3e99a9ce3"},
    {"0801122034b4d9043156cb6dcf0beb0a2949b7559c940d2bcb6dbe8c53a9b30278e3a746",
     "00240801122034b4d9043156cb6dcf0beb0a2949b7559c940d2bcb6dbe8c53a9b30278e3a746",
     "12D3KooWDN7K2vo9rDBdpWGjDwMsQJaWvSqJxKZKg5ywyS42P8aq",
     "bafzaajaiaejcanfu3ecdcvwlnxhqx2ykffe3ovm4sqgsxs3nx2gfhkntaj4ohj2g",
     "k51qzi5uqu5dhhvphvycqb01tzo2vv3egfryragxqtowyua81wzqp5jshanubq",
     "881918bee5547af319d9f72f1c1d127af9926d5e400772af23827b87477c1a1b"},
    {"0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d83abab44"
     "abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c409e62",
     "122068362c312e155f4f7290b67f5cd094a22a0a4fbf20efd8c287934419350d36f7",
     "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk",
     "bafzbeidigywdclqvl5hxfefwp5onbffcfife7pza57mmfb4tiqmtkdjw64",
     "k2k4r8m0iploq6r25jp915xawtnx0qdr0je62jws2kki6votbj5191x3",
     "45d658cb8617a1f146305c9ba932404ccbb92eb891b58bfdb8aafcf729220a9f"},
    {"080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
     "0024080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
     "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq",
     "bafzaajaiaejcahwr5d5ofrfbis4l5d6uwr57hu5tjodrypfm6yaq6dsc2r2pzyt6",
     "k51qzi5uqu5dgy8qsq67hbz73jqkw87l3fgf4a91qb0d9b5173tir7n4vxk1oe",
     "dfd53212a4bd2beda3ea8e82d08285370c70a70cfe9c588e28754b23c8033121"},
    {"08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99",
     "002508021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99",
     "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY",
     "bafzaajiiaijcca3xo7uzjzcsyilaj6i54cj44qk7kqzpoao5rti2pjx6udtdbp6kte",
     "kzwfwjn5ji4put13uvtwtc7azzwk42cq2o8ctfnxa6q8n90e72o3pjqbrp3lpcp",
     "9d903983cbc42aee57123942e5cac1ab62dd70e4b817e4520025cbbccb72ab63"},
};

static struct kad_bytes unhex(const char *hex, uint8_t *out_bytes)
{
    const size_t n = strlen(hex) / 2;

    EXPECT_EQ(kad_unhex(hex, out_bytes, n), 0);
    return (struct kad_bytes){out_bytes, n};
}

TEST(known_keys_and_their_names)
{
    uint8_t bytes[KAD_PEER_KEY_MAX], wanted[KAD_PEER_ID_MAX], id[KAD_PEER_ID_MAX], place[32];
    char text[KAD_PEER_ID_TEXT + 40];
    struct kad_id found;
    size_t n;

    for (size_t i = 0; i < KAD_COUNT_OF(known); i++) {
        const struct kad_bytes key = unhex(known[i].key, bytes), of = unhex(known[i].id, wanted);
        const char *const texts[] = {known[i].base58, known[i].base32, known[i].base36};

        EXPECT_EQ(kad_peer_id_of_key(key, id, &n), 0);
        EXPECT_EQ(n, of.size);
        EXPECT_MEM(id, of.data, n);
        EXPECT(kad_peer_id_is_valid(of));
        kad_peer_id_place(of, &found);
        EXPECT_MEM(found.bytes, unhex(known[i].place, place).data, 32);
        kad_peer_id_write(of, text);
        EXPECT_STR(text, known[i].base58);
        EXPECT_EQ(kad_peer_id_write_cid(of, text, sizeof(text)), 0);
        EXPECT_STR(text, known[i].base36);
        for (size_t k = 0; k < KAD_COUNT_OF(texts); k++) {
            EXPECT_EQ(kad_peer_id_read(texts[k], strlen(texts[k]), id, &n), 0);
            EXPECT_EQ(n, of.size);
            EXPECT_MEM(id, of.data, n);
        }
    }
}

TEST(a_short_id_contains_its_key)
{
    uint8_t bytes[KAD_PEER_KEY_MAX], id[KAD_PEER_ID_MAX];
    struct kad_bytes key;
    size_t n;

    for (size_t i = 0; i < KAD_COUNT_OF(known); i++) {
        const struct kad_bytes wanted = unhex(known[i].key, bytes);

        EXPECT_EQ(kad_peer_id_of_key(wanted, id, &n), 0);
        EXPECT_EQ(kad_peer_id_key((struct kad_bytes){id, n}, &key), wanted.size <= 42);
        if (wanted.size <= 42) {
            EXPECT_EQ(key.size, wanted.size);
            EXPECT_MEM(key.data, wanted.data, key.size);
        }
    }
}

TEST(a_known_signature)
{
    static const char signed_[] = "6e6f6973652d6c69627032702d7374617469632d6b65793a01010101010101010101010101"
                                  "01010101010101010101010101010101010101";
    static const char signature[] = "5434e576a0b202f1cf1a5da011692ce26b9a85197249e2e1af2c85de56fa798bf15e1f49"
                                    "50190f554851cf4976eb39d39fb1c8ae8acc74f96a2080d21fd09600";
    uint8_t key_bytes[KAD_PEER_KEY_MAX], data_bytes[sizeof(signed_)], bytes[64];
    const struct kad_bytes key = unhex(known[0].key, key_bytes), data = unhex(signed_, data_bytes),
                           of = unhex(signature, bytes);

    EXPECT(kad_peer_key_verify(key, data, of));
    EXPECT(!kad_peer_key_verify(key, data, (struct kad_bytes){bytes, 63}));
    bytes[10] ^= 1;
    EXPECT(!kad_peer_key_verify(key, data, of));
}

/* -- keys that libcrypto makes ---------------------------------------------------------------------------------- */

/* The key's message, as a libp2p peer would send it. */
static struct kad_bytes message_of(EVP_PKEY *pair, uint8_t kind, uint8_t *out)
{
    uint8_t der[KAD_PEER_KEY_MAX], *at = der;
    size_t n;

    if (kind == KAD_PEER_SECP256K1) {
        EXPECT_EQ(EVP_PKEY_get_octet_string_param(pair, OSSL_PKEY_PARAM_PUB_KEY, der, sizeof(der), &n), 1);
        if (n == 65) { /* not compressed */
            der[0] = (uint8_t)(2 + (der[64] & 1));
            n = 33;
        }
    } else {
        n = (size_t)i2d_PUBKEY(pair, &at);
    }
    out[0] = 8;
    out[1] = kind;
    out[2] = 0x12;
    if (n < 128) {
        out[3] = (uint8_t)n;
        memcpy(out + 4, der, n);
        return (struct kad_bytes){out, n + 4};
    }
    out[3] = (uint8_t)(n | 0x80);
    out[4] = (uint8_t)(n >> 7);
    memcpy(out + 5, der, n);
    return (struct kad_bytes){out, n + 5};
}

static void expect_verified(EVP_PKEY *pair, uint8_t kind, bool wanted)
{
    static const uint8_t text[] = "noise-libp2p-static-key:";
    const struct kad_bytes data = {text, sizeof(text)};
    uint8_t message[KAD_PEER_KEY_MAX], signature[KAD_PEER_SIGN_MAX], id[KAD_PEER_ID_MAX];
    struct kad_bytes key = message_of(pair, kind, message), of = {signature, sizeof(signature)};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t n;

    EXPECT_EQ(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pair), 1);
    EXPECT_EQ(EVP_DigestSign(context, signature, &of.size, data.data, data.size), 1);
    EXPECT_EQ(kad_peer_id_of_key(key, id, &n), 0);
    EXPECT_EQ(kad_peer_key_verify(key, data, of), wanted);
    signature[of.size / 2] ^= 1;
    EXPECT(!kad_peer_key_verify(key, data, of));
    signature[of.size / 2] ^= 1;
    message[key.size - 1] ^= 1;
    EXPECT(!kad_peer_key_verify(key, data, of));
    for (uint8_t other = 0; other < 4; other++) { /* a key of one kind, said to be of another */
        message[key.size - 1] ^= other == 0;
        message[1] = other;
        if (other != kind)
            EXPECT(!kad_peer_key_verify(key, data, of));
    }
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
}

TEST(rsa_of_a_fair_size_is_verified)
{
    expect_verified(EVP_RSA_gen(2048), KAD_PEER_RSA, true);
    expect_verified(EVP_RSA_gen(3072), KAD_PEER_RSA, true);
    expect_verified(EVP_RSA_gen(1024), KAD_PEER_RSA, false);
}

TEST(curves)
{
    expect_verified(EVP_EC_gen("P-256"), KAD_PEER_ECDSA, true);
    expect_verified(EVP_EC_gen("P-384"), KAD_PEER_ECDSA, false);
    expect_verified(EVP_EC_gen("secp256k1"), KAD_PEER_SECP256K1, true);
}

/* -- what is none ----------------------------------------------------------------------------------------------- */

TEST(keys_have_one_form)
{
    static const char *const wrong[] = {
        "",
        "0801",
        "08011220",
        "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce2",     /* a byte short */
        "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27eff", /* and one too many */
        "08041220"
        "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",         /* no such kind */
        "12201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e0801", /* the other way round */
        "08011221"
        "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e00",
        "0802122104"
        "3777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99", /* no compressed point */
        "0801"
        "12a000"
        "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
    };
    uint8_t bytes[64], id[KAD_PEER_ID_MAX];
    size_t n;

    for (size_t i = 0; i < KAD_COUNT_OF(wrong); i++)
        EXPECT_EQ(kad_peer_id_of_key(unhex(wrong[i], bytes), id, &n), KAD_E_INVALID);
}

TEST(what_is_no_peer_id_is_refused)
{
    static const char *const wrong[] = {
        "",
        "1",
        "Qm",
        "hello",
        "12D3KooWPBFzpNemfrwjMSTSENKAC6cDHxE2RXojcMJRwMtitDm",   /* a letter short */
        "12D3KooWPBFzpNemfrwjMSTSENKAC6cDHxE2RXojcMJRwMtitDms1", /* and one too many */
        "QmRN6wdp1S2A5EtjW9A3M1vKSBuQQGcgvuhoMUoEz4iiT",
        "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq", /* content, not a key */
        "k51qzi5uqu5dl4pbdor7layd70c4d7ga0w7abi9ne801qrujw6mb5sihnhjyg",
    };
    uint8_t id[KAD_PEER_ID_MAX];
    size_t n;

    for (size_t i = 0; i < KAD_COUNT_OF(wrong); i++)
        EXPECT_EQ(kad_peer_id_read(wrong[i], strlen(wrong[i]), id, &n), KAD_E_INVALID);
}
