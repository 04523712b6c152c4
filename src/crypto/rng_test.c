#include "crypto/rng.h"

#include "base/test.h"
#include "base/text.h"
#include "crypto/test_seed.h"

#include <sodium.h>
#include <string.h>

/* RFC 8439, A.1, test vectors 1 and 2: key and nonce zero, blocks 0 and 1. */
TEST(the_stream_is_chacha20)
{
    static const uint8_t seed[KAD_SEED_SIZE] = {0};
    struct kad_rng rng;
    uint8_t bytes[128];
    char text[2 * sizeof bytes + 1];

    kad_rng_init(&rng, seed);
    kad_rng_bytes(&rng, bytes, sizeof bytes);
    EXPECT_STR(kad_hex(bytes, sizeof bytes, text), "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8"
                                                   "b770dc7da41597c5157488d7724e03fb8d84a376a43b8f4"
                                                   "1518a11cc387b669b2ee65869f07e7be5551387a98ba977c732d080dc"
                                                   "b0f29a048e3656912c6533e32ee7aed29b721769ce64e43"
                                                   "d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f");
}

/* However it is asked for, it is one stream: libsodium's, in one piece. */
TEST(pieces_make_up_the_stream)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct kad_rng rng = kad_test_rng(seed), sizes = kad_test_rng(seed + 1000);
        static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = {0};
        uint8_t expected[4096], bytes[200];
        size_t at = 0;

        crypto_stream_chacha20_ietf(expected, sizeof expected, nonce, rng.key);
        while (at + sizeof bytes < sizeof expected) {
            const size_t size = kad_rng_below(&sizes, sizeof bytes);
            uint64_t number = 0;

            switch (kad_rng_below(&sizes, 3)) {
            case 0:
                kad_rng_bytes(&rng, bytes, size);
                EXPECT_MEM(bytes, expected + at, size);
                at += size;
                break;
            case 1:
                for (unsigned i = 0; i < 4; i++)
                    number |= (uint64_t)expected[at + i] << 8 * i;
                EXPECT_EQ(kad_rng_u32(&rng), number);
                at += 4;
                break;
            default:
                for (unsigned i = 0; i < 8; i++)
                    number |= (uint64_t)expected[at + i] << 8 * i;
                EXPECT_EQ(kad_rng_u64(&rng), number);
                at += 8;
            }
        }
    }
}

/* At the end of the counter the stream goes on under another key: it neither stops nor repeats itself. */
TEST(the_stream_does_not_end)
{
    struct kad_rng rng = kad_test_rng(1), start = kad_test_rng(1);
    uint8_t last[64], next[64], first[64], key[KAD_SEED_SIZE];

    kad_rng_bytes(&start, first, sizeof first);
    memcpy(key, rng.key, sizeof key);
    rng.counter = UINT32_MAX - 1;
    kad_rng_bytes(&rng, last, sizeof last);
    EXPECT_MEM(rng.key, key, sizeof key);
    kad_rng_bytes(&rng, next, sizeof next);
    EXPECT(memcmp(rng.key, key, sizeof key) != 0);
    EXPECT(memcmp(next, first, sizeof next) != 0);
    EXPECT(memcmp(next, last, sizeof next) != 0);
    EXPECT(memcmp(next, rng.key, sizeof rng.key) != 0); /* what becomes the key is not given out */
}

TEST(below_is_in_range_and_even)
{
    static const uint32_t bounds[] = {1, 2, 3, 7, 10, 100};
    struct kad_rng rng = kad_test_rng(2);

    for (size_t i = 0; i < KAD_COUNT_OF(bounds); i++) {
        unsigned counts[100] = {0};

        for (unsigned j = 0; j < 1000 * bounds[i]; j++) {
            const uint32_t number = kad_rng_below(&rng, bounds[i]);

            EXPECT(number < bounds[i]);
            counts[number]++;
        }
        for (uint32_t j = 0; j < bounds[i]; j++) /* five standard deviations of about 32 */
            EXPECT_MSG(counts[j] > 840 && counts[j] < 1160, "%u of %u: %u times", j, bounds[i], counts[j]);
    }
}

/* With the bound at 3/4 of the range a plain remainder would give the lower third twice as often. */
TEST(below_is_unbiased_at_large_bounds)
{
    const uint32_t bound = UINT32_C(3) << 30;
    struct kad_rng rng = kad_test_rng(3);
    unsigned thirds[3] = {0};

    for (unsigned i = 0; i < 30000; i++)
        thirds[kad_rng_below(&rng, bound) >> 30]++;
    for (unsigned i = 0; i < 3; i++)
        EXPECT_MSG(thirds[i] > 9600 && thirds[i] < 10400, "third %u: %u", i, thirds[i]);
    EXPECT(kad_rng_below(&rng, UINT32_MAX) < UINT32_MAX);
}

TEST(jitter_stays_within_and_reaches_both_ends)
{
    struct kad_rng rng = kad_test_rng(4);
    kad_ms least = KAD_NEVER, most = 0;

    for (unsigned i = 0; i < 10000; i++) {
        const kad_ms value = kad_rng_jitter(&rng, 1000, 10);

        EXPECT(value >= 900 && value <= 1100);
        least = kad_ms_min(least, value);
        most = kad_ms_max(most, value);
    }
    EXPECT_EQ(least, 900);
    EXPECT_EQ(most, 1100);
    EXPECT_EQ(kad_rng_jitter(&rng, 0, 50), 0);
    EXPECT_EQ(kad_rng_jitter(&rng, 12345, 0), 12345);
    EXPECT_EQ(kad_rng_jitter(&rng, KAD_NEVER, 50), KAD_NEVER);
    for (unsigned i = 0; i < 1000; i++) {
        const kad_ms year = 365 * 24 * KAD_HOUR, value = kad_rng_jitter(&rng, year, 100);

        EXPECT(value >= 0 && value <= 2 * year);
    }
}
