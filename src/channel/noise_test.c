#include "channel/noise.h"

#include <string.h>

#include "base/test.h"
#include "base/types.h"
#include "crypto/crypto.h"

static size_t hex(const char *text, uint8_t *out)
{
    size_t n = 0;

    for (; text[2 * n]; n++) {
        uint8_t byte = 0;

        for (unsigned i = 0; i < 2; i++) {
            const char c = text[2 * n + i];

            byte = (uint8_t)(byte << 4 | (c <= '9' ? c - '0' : c - 'a' + 10));
        }
        out[n] = byte;
    }
    return n;
}

static struct kad_noise_keys keys(const char *secret)
{
    struct kad_noise_keys pair;

    EXPECT_EQ(hex(secret, pair.secret), KAD_DH_SIZE);
    kad_suite_real.keypair(pair.secret, pair.public_key);
    return pair;
}

/* A published vector (cacophony, as the Noise implementations snow and noise-c test with): Noise_IK_25519_AESGCM_SHA256. */
static const char prologue[] = "John Galt";
static const char *const initiator_secret =
    "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
static const char *const initiator_ephemeral =
    "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
static const char *const responder_secret =
    "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
static const char *const responder_public =
    "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
static const char *const responder_ephemeral =
    "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
static const char *const messages[][2] = {
    {"4c756477696720766f6e204d69736573", "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444e4"
                                         "17bc55c7a8166c993356c1be41ef67818a292426f"
                                         "301556c7f26b21d25ddb097153891a9a956cff47b83e63ad8d701c1342c209cff1c"
                                         "a5ecd43402762ac249e3bd3a4c0a145fe07cb5dae"
                                         "28ea13a3"},
    {"4d757272617920526f746862617264",
     "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843af2ccf9972e2"
     "2afc67aeafcd25162f7f98c363b7762e3e4cb7d272e39f27a5"},
    {"462e20412e20486179656b", "66acfc92e3197de166809e6d4d5d003dcc819a84bc3522ca53c9d9"},
    {"4361726c204d656e676572", "71f89aa6533a6de70b0826864dd75f60806ee40170c16290189eb3"},
    {"4a65616e2d426170746973746520536179",
     "4795a3423550c8bf00386bd496a3e2c76c10669d2a75ab8f79b5094c5412a25705"},
    {"457567656e2042f6686d20766f6e2042617765726b",
     "aa0bb39097555c918e40be82abc2b909eb79d9eb87adb07e268fc37323a6cf904fd01fb391"},
};
static const char *const handshake_hash = "669c8640d9e42a3cda2f232f78597ceefb01daa6e3df81181ccce6fc6b5026bf";

struct pair {
    struct kad_noise initiator, responder;
    struct kad_noise_keys a, b, ea, eb;
};

static void start(struct pair *pair)
{
    pair->a = keys(initiator_secret);
    pair->b = keys(responder_secret);
    pair->ea = keys(initiator_ephemeral);
    pair->eb = keys(responder_ephemeral);
    kad_noise_init(&pair->initiator, &kad_suite_real, prologue, sizeof(prologue) - 1);
    pair->responder = pair->initiator;
}

TEST(the_published_vector_is_met_byte_for_byte_by_both_sides)
{
    uint8_t expected[256], first[256], second[256], remote[KAD_DH_SIZE], key[2][KAD_SEAL_KEY],
        other[2][KAD_SEAL_KEY];
    struct pair pair;
    size_t n, size;

    start(&pair);
    EXPECT_EQ(hex(responder_public, expected), KAD_DH_SIZE);
    EXPECT_MEM(pair.b.public_key, expected, KAD_DH_SIZE);

    n = hex(messages[0][0], first + 80);
    size = hex(messages[0][1], expected);
    EXPECT(kad_noise_write_first(&pair.initiator, &kad_suite_real, &pair.a, &pair.ea, pair.b.public_key,
                                 first, first + 32, first + 80, n));
    EXPECT_EQ(size, 80 + n + KAD_SEAL_TAG);
    EXPECT_MEM(first, expected, size);
    EXPECT(kad_noise_read_first(&pair.responder, &kad_suite_real, &pair.b, first, first + 32, first + 80,
                                n + KAD_SEAL_TAG, remote));
    EXPECT_MEM(remote, pair.a.public_key, KAD_DH_SIZE);
    EXPECT_EQ(hex(messages[0][0], expected), n);
    EXPECT_MEM(first + 80, expected, n);

    n = hex(messages[1][0], second + 32);
    size = hex(messages[1][1], expected);
    EXPECT(kad_noise_write_answer(&pair.responder, &kad_suite_real, &pair.eb, pair.ea.public_key, remote,
                                  second, second + 32, n));
    EXPECT_EQ(size, 32 + n + KAD_SEAL_TAG);
    EXPECT_MEM(second, expected, size);
    EXPECT(kad_noise_read_answer(&pair.initiator, &kad_suite_real, &pair.a, pair.ea.secret, second,
                                 second + 32, n + KAD_SEAL_TAG));
    EXPECT_EQ(hex(messages[1][0], expected), n);
    EXPECT_MEM(second + 32, expected, n);

    EXPECT_EQ(hex(handshake_hash, expected), KAD_HASH_SIZE);
    EXPECT_MEM(pair.initiator.hash, expected, KAD_HASH_SIZE);
    EXPECT_MEM(pair.responder.hash, expected, KAD_HASH_SIZE);
    kad_noise_split(&pair.initiator, &kad_suite_real, key[0], key[1]);
    kad_noise_split(&pair.responder, &kad_suite_real, other[0], other[1]);
    EXPECT_MEM(key, other, sizeof(key));

    for (unsigned i = 2; i < KAD_COUNT_OF(messages); i++) {
        n = hex(messages[i][0], first);
        size = hex(messages[i][1], expected);
        EXPECT_EQ(size, n + KAD_SEAL_TAG);
        kad_suite_real.seal(key[i & 1], (i - 2) / 2, NULL, 0, first, n);
        EXPECT_MEM(first, expected, size);
        EXPECT(kad_suite_real.open(key[i & 1], (i - 2) / 2, NULL, 0, first, size));
        EXPECT_EQ(hex(messages[i][0], expected), n);
        EXPECT_MEM(first, expected, n);
    }
}

/* Whatever bit is turned, in whichever part: the reader says no. */
TEST(a_turned_bit_anywhere_is_refused)
{
    uint8_t good[256], bad[256], remote[KAD_DH_SIZE];
    struct pair pair;
    const size_t size = hex(messages[0][1], good), n_answer = hex(messages[1][1], bad);
    uint8_t answer[256];

    for (size_t bit = 0; bit < 8 * size; bit++) {
        start(&pair);
        memcpy(bad, good, size);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        EXPECT_MSG(!kad_noise_read_first(&pair.responder, &kad_suite_real, &pair.b, bad, bad + 32, bad + 80,
                                         size - 80, remote),
                   "bit %zu", bit);
    }
    for (size_t bit = 0; bit < 8 * n_answer; bit++) {
        start(&pair);
        memset(bad, 0, sizeof(bad));
        EXPECT(kad_noise_write_first(&pair.initiator, &kad_suite_real, &pair.a, &pair.ea, pair.b.public_key,
                                     bad, bad + 32, bad + 80, hex(messages[0][0], bad + 80)));
        (void)hex(messages[1][1], answer);
        answer[bit / 8] ^= (uint8_t)(1u << bit % 8);
        EXPECT_MSG(!kad_noise_read_answer(&pair.initiator, &kad_suite_real, &pair.a, pair.ea.secret, answer,
                                          answer + 32, n_answer - 32),
                   "bit %zu", bit);
    }
}

/* A key of low order would make the shared secret known to everybody. */
TEST(keys_of_low_order_are_refused)
{
    static const uint8_t zero[KAD_DH_SIZE] = {0}, one[KAD_DH_SIZE] = {1};
    uint8_t bytes[128] = {0}, remote[KAD_DH_SIZE];
    struct pair pair;

    start(&pair);
    EXPECT(!kad_noise_write_first(&pair.initiator, &kad_suite_real, &pair.a, &pair.ea, zero, bytes,
                                  bytes + 32, bytes + 80, 0));
    EXPECT(!kad_noise_write_first(&pair.initiator, &kad_suite_real, &pair.a, &pair.ea, one, bytes, bytes + 32,
                                  bytes + 80, 0));
    memset(bytes, 0, sizeof(bytes));
    EXPECT(!kad_noise_read_first(&pair.responder, &kad_suite_real, &pair.b, bytes, bytes + 32, bytes + 80, 16,
                                 remote));
}

/* The toy has the same shape, and notices accidents. */
TEST(the_toy_shakes_hands_as_well)
{
    struct kad_noise_keys a = {{1}, {0}}, b = {{2}, {0}}, ea = {{3}, {0}}, eb = {{4}, {0}};
    uint8_t first[256] = {0}, second[256] = {0}, remote[KAD_DH_SIZE], key[2][KAD_SEAL_KEY],
            other[2][KAD_SEAL_KEY];
    const struct kad_suite *toy = &kad_suite_toy;
    struct kad_noise one, two;

    toy->keypair(a.secret, a.public_key);
    toy->keypair(b.secret, b.public_key);
    toy->keypair(ea.secret, ea.public_key);
    toy->keypair(eb.secret, eb.public_key);
    kad_noise_init(&one, toy, prologue, 4);
    two = one;
    EXPECT(kad_noise_write_first(&one, toy, &a, &ea, b.public_key, first, first + 32, first + 80, 10));
    EXPECT(kad_noise_read_first(&two, toy, &b, first, first + 32, first + 80, 26, remote));
    EXPECT_MEM(remote, a.public_key, KAD_DH_SIZE);
    EXPECT(kad_noise_write_answer(&two, toy, &eb, first, remote, second, second + 32, 5));
    EXPECT(kad_noise_read_answer(&one, toy, &a, ea.secret, second, second + 32, 21));
    kad_noise_split(&one, toy, key[0], key[1]);
    kad_noise_split(&two, toy, other[0], other[1]);
    EXPECT_MEM(key, other, sizeof(key));
    EXPECT(memcmp(key[0], key[1], KAD_SEAL_KEY) != 0);
}
