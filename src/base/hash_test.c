#include "base/hash.h"

#include "base/test.h"
#include "crypto/test_seed.h"

#include <string.h>

static unsigned ones(uint64_t x)
{
    unsigned n = 0;

    for (; x; x &= x - 1)
        n++;
    return n;
}

/* Half of the output turns over when one bit of the input does, at every length and in every place. */
TEST(every_input_bit_reaches_half_of_the_output)
{
    struct kad_rng rng = kad_test_rng(1);

    for (size_t size = 1; size <= 70; size++) {
        unsigned turned = 0, n = 0;

        for (unsigned round = 0; round < 4; round++) {
            uint8_t data[70];
            const uint64_t key = kad_rng_u64(&rng);
            uint64_t plain;

            kad_rng_bytes(&rng, data, size);
            plain = kad_hash(key, data, size);
            for (unsigned bit = 0; bit < 8 * size; bit++) {
                unsigned difference;

                data[bit / 8] ^= (uint8_t)(1 << bit % 8);
                difference = ones(plain ^ kad_hash(key, data, size));
                EXPECT_MSG(difference > 8, "size %zu, bit %u: only %u bits turned", size, bit, difference);
                turned += difference;
                n++;
                data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            }
        }
        EXPECT_MSG(turned > 29 * n && turned < 35 * n, "size %zu: %u bits of %u hashes", size, turned, n);
    }
}

TEST(length_counts_and_key_counts)
{
    const uint8_t zeros[64] = {0};

    for (size_t size = 0; size < 64; size++) {
        EXPECT(kad_hash(7, zeros, size) != kad_hash(7, zeros, size + 1));
        EXPECT(kad_hash(7, zeros, size) != kad_hash(8, zeros, size));
    }
}

/* Strangers choose the keys: inputs that differ by a pattern which passes one multiplication unchanged (the top bits)
 * must not collide under every secret, or one prepared set would fill one bucket everywhere. */
TEST(no_difference_collides_whatever_the_key)
{
    struct kad_rng rng = kad_test_rng(2);

    for (unsigned a = 0; a < 128; a++) {
        for (unsigned b = a + 1; b < 128; b++) {
            unsigned collisions = 0;

            for (unsigned round = 0; round < 4; round++) {
                uint8_t data[32];
                const uint64_t key = kad_rng_u64(&rng);
                uint64_t plain;

                kad_rng_bytes(&rng, data, sizeof data);
                plain = kad_hash(key, data, sizeof data);
                data[a / 8] ^= (uint8_t)(1 << a % 8);
                data[b / 8] ^= (uint8_t)(1 << b % 8);
                collisions += kad_hash(key, data, sizeof data) == plain;
            }
            EXPECT_EQ(collisions, 0);
        }
    }
}

/* Small integers, as slot numbers and ports are, spread over few buckets about evenly by either half. */
TEST(words_spread)
{
    unsigned low[256] = {0}, high[256] = {0};

    for (uint64_t word = 0; word < 256 * 100; word++) {
        const uint64_t hash = kad_hash_word(12345, word);

        low[hash & 255]++;
        high[hash >> 56]++;
    }
    for (unsigned i = 0; i < 256; i++) {
        EXPECT_MSG(low[i] > 50 && low[i] < 150, "low bucket %u: %u", i, low[i]);
        EXPECT_MSG(high[i] > 50 && high[i] < 150, "high bucket %u: %u", i, high[i]);
    }
}

/* The same on every machine: simulations depend on it, and a big-endian run is compared with these. */
TEST(hashes_are_what_they_were)
{
    EXPECT_EQ(kad_hash(0, "", 0), (int64_t)UINT64_C(0x7894a6d09fec7e24));
    EXPECT_EQ(kad_hash(1, "kademlia", 8), (int64_t)UINT64_C(0x695bf8af6b73ca89));
    EXPECT_EQ(kad_hash(2, "a distance is an exclusive or", 29), (int64_t)UINT64_C(0x30e9d1283dead206));
    EXPECT_EQ(kad_hash_word(3, 4), (int64_t)UINT64_C(0x793f9bd73383384a));
}
