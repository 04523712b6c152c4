#include "crypto/identity.h"

#include <string.h>

#include "base/test.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/test_seed.h"

/* Seed 003's sample, and what it stands for. */
#define SAMPLE     "id1xv7empyzlwuvlshs2vlf9eruf72jeesr8yxrrd3esusj75qsr6jqj6dv3p"
#define SAMPLE_HEX "333d9d8482fbb8cfc2f0533e92e47c4f952ce603390c31b63987212f50101ea4"

static struct kad_identity identity_of(uint8_t number)
{
    uint8_t seed[32] = {number};
    struct kad_identity identity;

    EXPECT_EQ(kad_identity_start(), 0);
    kad_identity_from_seed(&identity, seed);
    return identity;
}

static struct kad_bytes bytes_of(const char *text)
{
    return (struct kad_bytes){(const uint8_t *)text, strlen(text)};
}

/* RFC 8032, section 7.1, test 1: seeds are what everybody else's are. Place and puzzle bits: sha256sum. */
TEST(a_seed_gives_the_key_its_place_and_its_text)
{
    uint8_t seed[32], expected[32];
    struct kad_identity identity;
    struct kad_id id;
    char text[KAD_IDENTITY_TEXT];

    EXPECT_EQ(kad_identity_start(), 0);
    EXPECT_EQ(kad_unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed, 32), 0);
    EXPECT_EQ(kad_unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", expected, 32), 0);
    kad_identity_from_seed(&identity, seed);
    EXPECT_MEM(identity.public_key, expected, 32);
    EXPECT_MEM(identity.secret, seed, 32);

    EXPECT_EQ(kad_unhex("21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9", expected, 32), 0);
    id = kad_identity_id(identity.public_key);
    EXPECT_MEM(id.bytes, expected, 32);
    EXPECT_EQ(kad_identity_bits(identity.public_key), 0);
    EXPECT_STR(kad_identity_format(identity.public_key, text),
               "id16adfsqvzky9t042tlmfujeq88g8wzuhnm2nzxfd0qgdx3ac82ydq45mapw");
    EXPECT(kad_identity_valid(identity.public_key));

    kad_identity_wipe(&identity);
    memset(expected, 0, sizeof expected);
    EXPECT_MEM(identity.secret, expected, 32);
}

TEST(the_sample_of_the_source_text_is_an_identity)
{
    uint8_t key[32], expected[32];
    char text[KAD_IDENTITY_TEXT], why[80];

    EXPECT_EQ(kad_unhex(SAMPLE_HEX, expected, 32), 0);
    EXPECT_EQ(kad_identity_parse(SAMPLE, key), 0);
    EXPECT_MEM(key, expected, 32);
    EXPECT_STR(kad_identity_format(key, text), SAMPLE);
    EXPECT_STR(kad_identity_why(SAMPLE, why, sizeof why), "");
    EXPECT(kad_identity_valid(key));
}

TEST(what_is_wrong_with_a_text_is_said)
{
    char why[80], text[] = SAMPLE;
    uint8_t key[32];

    EXPECT_STR(kad_identity_why("bc1xv7", why, sizeof why), "an identity begins with id1");
    EXPECT_STR(kad_identity_why("", why, sizeof why), "an identity begins with id1");
    EXPECT_STR(kad_identity_why("id1xv7", why, sizeof why), "an identity has 61 characters, this has 6");
    EXPECT_STR(kad_identity_why(SAMPLE " ", why, sizeof why), "character 62, \" \", is in no identity");
    text[16] = text[16] == 'q' ? 'p' : 'q';
    EXPECT_STR(kad_identity_why(text, why, sizeof why),
               "character 17, \"q\", is mistyped, or swapped with the next");
    EXPECT_EQ(kad_identity_parse(text, key), KAD_E_INVALID);
    text[16] = '\n';
    EXPECT_STR(kad_identity_why(text, why, sizeof why), "character 17, \"?\", is in no identity");
    strcpy(text, SAMPLE);
    text[5] = text[5] == 'q' ? 'p' : 'q';
    text[40] = text[40] == 'q' ? 'p' : 'q';
    EXPECT_STR(kad_identity_why(text, why, sizeof why), "several characters are mistyped");
}

/* An identity has one text: upper case, which Bech32 allows, is none. */
TEST(upper_and_mixed_case_are_refused)
{
    char text[] = SAMPLE, why[80];
    uint8_t key[32] = {0}, zero[32] = {0};

    for (size_t i = 0; text[i]; i++)
        text[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 32) : text[i];
    EXPECT_EQ(kad_identity_parse(text, key), KAD_E_INVALID);
    EXPECT_STR(kad_identity_why(text, why, sizeof why), "an identity is written in lower case");
    text[0] = 'i';
    EXPECT_EQ(kad_identity_parse(text, key), KAD_E_INVALID);
    EXPECT_STR(kad_identity_why(text, why, sizeof why), "an identity is written in lower case");
    EXPECT_MEM(key, zero, 32);
}

/* The identity point, one of order two, and what is no point: nobody's keys, and dangerous ones. */
TEST(keys_that_are_nobody_s_are_not_valid)
{
    uint8_t key[32] = {1};

    EXPECT_EQ(kad_identity_start(), 0);
    EXPECT(!kad_identity_valid(key));
    memset(key, 0xff, 32);
    key[0] = 0xec;
    key[31] = 0x7f;
    EXPECT(!kad_identity_valid(key));
    memset(key, 0, 32);
    key[0] = 2;
    EXPECT(!kad_identity_valid(key));
}

/* A key and its negative are one to X25519, and one secret serves both: if both were identities, a handshake would prove two. */
TEST(of_a_key_and_its_negative_one_solves_puzzles)
{
    unsigned n_both = 0;

    EXPECT_EQ(kad_identity_start(), 0);
    for (unsigned i = 0; i < 4000; i++) {
        const uint8_t seed[32] = {(uint8_t)i, (uint8_t)(i >> 8), 7};
        uint8_t hash[KAD_SHA256_SIZE], others[KAD_SHA256_SIZE];
        struct kad_identity identity;
        struct kad_id id;
        bool smaller;

        kad_identity_from_seed(&identity, seed);
        id = kad_identity_id(identity.public_key);
        kad_sha256(id.bytes, sizeof(id.bytes), hash);
        identity.public_key[31] ^= 0x80;
        id = kad_identity_id(identity.public_key);
        kad_sha256(id.bytes, sizeof(id.bytes), others);
        smaller = memcmp(hash, others, sizeof(hash)) < 0;
        EXPECT(kad_identity_valid(identity.public_key)); /* it is a key like any other */
        EXPECT(!smaller || kad_identity_bits(identity.public_key) == 0);
        EXPECT_EQ(kad_identity_bits(identity.public_key) > 0, !smaller && others[0] < 0x80);
        identity.public_key[31] ^= 0x80;
        EXPECT(smaller || kad_identity_bits(identity.public_key) == 0);
        EXPECT_EQ(kad_identity_bits(identity.public_key) > 0, smaller && hash[0] < 0x80);
        n_both += hash[0] < 0x40 && others[0] < 0x40;
    }
    EXPECT(n_both > 100); /* where both hashes would do */
}

/* -- the search --------------------------------------------------------------------------------------------------- */

TEST(a_search_finds_what_it_looks_for)
{
    const uint8_t seed[32] = {5};
    struct kad_identity_search search;
    struct kad_identity again;
    unsigned slices = 0;

    EXPECT_EQ(kad_identity_start(), 0);
    kad_identity_search_init(&search, seed, 8);
    while (!kad_identity_try(&search, 10))
        EXPECT(++slices < 1000);
    EXPECT(search.n_tries > 10 * slices && search.n_tries <= 10 * (slices + 1));
    EXPECT(kad_identity_bits(search.identity.public_key) >= 8);
    /* A standard key: its seed alone gives it. */
    kad_identity_from_seed(&again, search.identity.secret);
    EXPECT_MEM(&again, &search.identity, sizeof again);
    /* Found is found: more tries change nothing. */
    EXPECT(kad_identity_try(&search, 10));
    EXPECT_MEM(&again, &search.identity, sizeof again);
}

/* So that a host may show progress, or share its loop: how it is cut does not change what is found. */
TEST(slices_do_not_change_what_is_found)
{
    const uint8_t seed[32] = {6};
    struct kad_identity_search whole, cut;

    EXPECT_EQ(kad_identity_start(), 0);
    kad_identity_search_init(&whole, seed, 6);
    kad_identity_search_init(&cut, seed, 6);
    EXPECT(kad_identity_try(&whole, 100000));
    while (!kad_identity_try(&cut, 1))
        ;
    EXPECT_MEM(&whole, &cut, sizeof whole);
    kad_identity_search_wipe(&cut);
    for (size_t i = 0; i < sizeof cut; i++)
        EXPECT_EQ(((const uint8_t *)&cut)[i], 0);
}

/* Each bit doubles the price: U15. 40 searches of b bits take 40 * 2^b tries, give or take a sixth of that (one sigma). */
TEST(each_bit_doubles_the_price)
{
    struct kad_rng rng = kad_test_rng(11);
    uint64_t tries[3] = {0};

    EXPECT_EQ(kad_identity_start(), 0);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned n = 0; n < 40; n++) {
            struct kad_identity_search search;
            uint8_t seed[32];

            kad_rng_bytes(&rng, seed, sizeof seed);
            kad_identity_search_init(&search, seed, 2 * i);
            EXPECT(kad_identity_try(&search, 1000000));
            tries[i] += search.n_tries;
        }
    }
    EXPECT_EQ(tries[0], 40);
    EXPECT_MSG(tries[1] > 80 && tries[1] < 260, "%llu", (unsigned long long)tries[1]);
    EXPECT_MSG(tries[2] > 320 && tries[2] < 1040, "%llu", (unsigned long long)tries[2]);
}

/* Searches of `bits` until one lies within 2^-near of the network from `key`: how many key pairs it took. */
static uint64_t price_of_a_place(struct kad_rng *rng, unsigned near, unsigned bits)
{
    const struct kad_id key = {{0x5a, 0xc3}};
    struct kad_identity_search search;
    uint8_t seed[32];
    uint64_t tries = 0;

    for (;;) {
        struct kad_id id;

        kad_rng_bytes(rng, seed, sizeof seed);
        kad_identity_search_init(&search, seed, bits);
        EXPECT(kad_identity_try(&search, 1000000));
        tries += search.n_tries;
        id = kad_identity_id(search.identity.public_key);
        if ((id.bytes[0] ^ key.bytes[0]) >> (8 - near) == 0)
            return tries;
    }
}

/* U15: a place near a key costs 2^near key pairs, since places are hashes; a puzzle of b bits makes that 2^(near + b).
 * Sums of 50: give or take a seventh (one sigma), so three sigma to both sides. */
TEST(a_puzzle_raises_the_price_of_a_place)
{
    struct kad_rng rng = kad_test_rng(15);
    uint64_t free = 0, puzzled = 0;

    EXPECT_EQ(kad_identity_start(), 0);
    for (unsigned i = 0; i < 50; i++) {
        free += price_of_a_place(&rng, 4, 0);
        puzzled += price_of_a_place(&rng, 4, 4);
    }
    EXPECT_MSG(free > 50 * 16 * 4 / 7 && free < 50 * 16 * 10 / 7, "%llu", (unsigned long long)free);
    EXPECT_MSG(puzzled > 50 * 256 * 4 / 7 && puzzled < 50 * 256 * 10 / 7, "%llu",
               (unsigned long long)puzzled);
}

TEST(two_searches_from_the_system_s_entropy_differ)
{
    struct kad_identity_search a, b;

    EXPECT_EQ(kad_identity_start(), 0);
    kad_identity_search_init(&a, NULL, 0);
    kad_identity_search_init(&b, NULL, 0);
    EXPECT(kad_identity_try(&a, 1) && kad_identity_try(&b, 1));
    EXPECT(memcmp(a.identity.public_key, b.identity.public_key, 32) != 0);
}

/* -- signatures --------------------------------------------------------------------------------------------------- */

TEST(a_signature_is_for_its_key_its_purpose_and_its_data)
{
    const struct kad_identity alice = identity_of(1), bob = identity_of(2);
    uint8_t signature[64];

    EXPECT_EQ(kad_identity_sign(&alice, "app chat", bytes_of("hello"), signature), 0);
    EXPECT(kad_identity_verify(alice.public_key, "app chat", bytes_of("hello"), signature));
    EXPECT(!kad_identity_verify(bob.public_key, "app chat", bytes_of("hello"), signature));
    EXPECT(!kad_identity_verify(alice.public_key, "app mail", bytes_of("hello"), signature));
    EXPECT(!kad_identity_verify(alice.public_key, "app chat", bytes_of("hallo"), signature));
    signature[63] ^= 1;
    EXPECT(!kad_identity_verify(alice.public_key, "app chat", bytes_of("hello"), signature));
}

/* What others have to build: plain Ed25519 over the frame. And the frame's zero keeps a purpose from running into data. */
TEST(what_is_signed_is_domain_purpose_zero_data)
{
    const struct kad_identity alice = identity_of(1);
    static const char frame[] = "kad/1 move\0data";
    uint8_t signature[64], plain[64];

    EXPECT_EQ(kad_identity_sign(&alice, "move", bytes_of("data"), signature), 0);
    kad_ed25519_sign(alice.secret, frame, sizeof frame - 1, plain);
    EXPECT_MEM(signature, plain, 64);
    EXPECT(!kad_identity_verify(alice.public_key, "mov", bytes_of("edata"), signature));
}

/* What npm's @ulixee/crypto 2.0.0-alpha.28 calls this seed, and how it signs these 32 bytes (it signs no others). */
TEST(others_sign_the_same)
{
    uint8_t seed[32], expected[64], signature[64];
    struct kad_identity identity;
    char text[KAD_IDENTITY_TEXT];

    EXPECT_EQ(kad_identity_start(), 0);
    for (uint8_t i = 0; i < 32; i++)
        seed[i] = (uint8_t)(i + 1);
    kad_identity_from_seed(&identity, seed);
    EXPECT_STR(kad_identity_format(identity.public_key, text),
               "id10x64vt50ue20jsrckyfw32vt57gplpf6u62ma4lquwgshtgyjejqggxeqq");
    EXPECT_EQ(kad_unhex("1c63b3661135ef23bee032d4f765ec21b8b2f7998423c573692a00c2ca094c27"
                        "cdde7f14a3d5b6f2ff0ea8b22d93f869c901bd0c36833f643d7bfff5e1bd4e0b",
                        expected, 64),
              0);
    EXPECT_EQ(kad_identity_sign(&identity, "app chat", bytes_of("hello of ulixee!!"), signature), 0);
    EXPECT_MEM(signature, expected, 64);
    EXPECT(kad_identity_verify(identity.public_key, "app chat", bytes_of("hello of ulixee!!"), expected));
}

TEST(what_can_be_signed_has_a_ceiling)
{
    static const uint8_t data[KAD_SIGN_MAX + 1];
    const struct kad_identity alice = identity_of(1);
    uint8_t signature[64] = {0};

    EXPECT_EQ(kad_identity_sign(&alice, "record", (struct kad_bytes){data, sizeof data}, signature),
              KAD_E_LIMIT);
    EXPECT(
        !kad_identity_verify(alice.public_key, "record", (struct kad_bytes){data, sizeof data}, signature));
    EXPECT_EQ(kad_identity_sign(&alice, "record", (struct kad_bytes){data, KAD_SIGN_MAX}, signature), 0);
    EXPECT(
        kad_identity_verify(alice.public_key, "record", (struct kad_bytes){data, KAD_SIGN_MAX}, signature));
    EXPECT_EQ(kad_identity_sign(&alice, "record", (struct kad_bytes){NULL, 0}, signature), 0);
    EXPECT(kad_identity_verify(alice.public_key, "record", (struct kad_bytes){NULL, 0}, signature));
}

/* -- moving ------------------------------------------------------------------------------------------------------- */

TEST(a_move_is_signed_by_who_moves)
{
    const struct kad_identity alice = identity_of(1), bob = identity_of(2), eve = identity_of(3);
    uint8_t bytes[KAD_MOVE_SIZE];
    struct kad_move move, back;

    kad_move_make(&move, &alice, bob.public_key, 1234567890123);
    EXPECT(kad_move_check(&move));
    kad_move_encode(&move, bytes);
    kad_move_decode(bytes, &back);
    EXPECT(kad_move_check(&back));
    EXPECT_EQ(back.made_at, 1234567890123);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 1;
        kad_move_decode(bytes, &back);
        EXPECT_MSG(!kad_move_check(&back), "byte %zu", i);
        bytes[i] ^= 1;
    }
    /* Nobody sends Alice's readers to himself. */
    memcpy(move.to, eve.public_key, 32);
    EXPECT(!kad_move_check(&move));
    kad_move_make(&move, &eve, eve.public_key, 1);
    memcpy(move.from, alice.public_key, 32);
    EXPECT(!kad_move_check(&move));
}
