#include "core/id.h"

#include "base/test.h"
#include "crypto/test_seed.h"

#include <string.h>

/* The reference: a number as its bits, most significant first, one per element, and nothing clever. */
struct number {
    bool bits[256];
};

static struct number number_of(const struct kad_id *id)
{
    struct number number;

    for (unsigned i = 0; i < 256; i++)
        number.bits[i] = (id->bytes[i / 8] / (1 << (7 - i % 8))) % 2;
    return number;
}

static struct number distance_of(const struct kad_id *a, const struct kad_id *b)
{
    const struct number x = number_of(a), y = number_of(b);
    struct number distance;

    for (unsigned i = 0; i < 256; i++)
        distance.bits[i] = x.bits[i] != y.bits[i];
    return distance;
}

static int compare_numbers(const struct number *a, const struct number *b)
{
    for (unsigned i = 0; i < 256; i++) {
        if (a->bits[i] != b->bits[i])
            return a->bits[i] ? 1 : -1;
    }
    return 0;
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

/* Random ids of a width; often close relatives, since independent ones differ in the first bits already. */
static struct kad_id relative(struct kad_rng *rng, const struct kad_id *of, unsigned bits)
{
    switch (kad_rng_below(rng, 4)) {
    case 0:
        return kad_id_random(rng, bits);
    case 1:
        return *of;
    default:
        return kad_id_random_at(rng, of, kad_rng_below(rng, bits), bits);
    }
}

static void check_against_reference(unsigned bits, uint64_t seed)
{
    struct kad_rng rng = kad_test_rng(seed);

    for (unsigned i = 0; i < 500; i++) {
        const struct kad_id target = kad_id_random(&rng, bits), a = relative(&rng, &target, bits),
                            b = relative(&rng, &a, bits), xor = kad_id_xor(&a, &b);
        const struct number of_a = number_of(&a), distance = distance_of(&a, &b);
        const struct number from_a = distance_of(&target, &a), from_b = distance_of(&target, &b),
                            of_xor = number_of(&xor);
        unsigned prefix = 0;

        while (prefix < 256 && !distance.bits[prefix])
            prefix++;
        EXPECT_MSG(compare_numbers(&distance, &of_xor) == 0, "seed %llu", (unsigned long long)seed);
        EXPECT_EQ(kad_id_prefix(&a, &b), prefix);
        EXPECT_EQ(kad_id_equal(&a, &b), prefix == 256);
        EXPECT_EQ(kad_id_is_zero(&xor), prefix == 256);
        EXPECT_MSG(sign(kad_id_compare(&target, &a, &b)) == compare_numbers(&from_a, &from_b), "seed %llu",
                   (unsigned long long)seed);
        EXPECT_EQ(sign(kad_id_compare(&target, &b, &a)), -sign(kad_id_compare(&target, &a, &b)));
        for (unsigned bit = 0; bit < 256; bit++) {
            uint32_t window = 0;

            EXPECT_EQ(kad_id_bit(&a, bit), of_a.bits[bit]);
            for (unsigned j = bit; j < bit + 32; j++)
                window = window << 1 | (j < 256 && of_a.bits[j]);
            EXPECT_EQ(kad_id_bits_from(&a, bit), window);
        }
        EXPECT_EQ(kad_id_head(&a) >> 32, kad_id_bits_from(&a, 0));
        EXPECT_EQ((uint32_t)kad_id_head(&a), kad_id_bits_from(&a, 32));
        EXPECT_EQ(kad_id_bits_from(&a, 256), 0);
        EXPECT_EQ(kad_id_bits_from(&a, 300), 0);
    }
}

TEST(agrees_with_big_numbers_at_256_bit)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        check_against_reference(256, seed);
}

TEST(agrees_with_big_numbers_at_160_bit)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        check_against_reference(160, seed);
}

/* Section 2.1: d(x,y) > 0 unless x = y, d(x,y) = d(y,x), d(x,y) + d(y,z) >= d(x,z) (xor never exceeds the sum, since it
 * drops the carries), and for each x and distance there is exactly one y. */
TEST(xor_is_a_metric_and_one_to_one)
{
    struct kad_rng rng = kad_test_rng(1);

    for (unsigned i = 0; i < 2000; i++) {
        const struct kad_id x = kad_id_random(&rng, 256), y = kad_id_random(&rng, 256),
                            z = kad_id_random(&rng, 256);
        const struct kad_id xy = kad_id_xor(&x, &y), yx = kad_id_xor(&y, &x), yz = kad_id_xor(&y, &z),
                            xz = kad_id_xor(&x, &z), back = kad_id_xor(&x, &xy);
        unsigned sum[33] = {0}; /* of xy and yz, most significant first, with room for the carry */
        bool enough = true;

        EXPECT(kad_id_equal(&xy, &yx));
        EXPECT(kad_id_equal(&back, &y));
        EXPECT(!kad_id_is_zero(&xy));
        for (unsigned j = 32; j > 0; j--) {
            sum[j] += (unsigned)xy.bytes[j - 1] + yz.bytes[j - 1];
            sum[j - 1] = sum[j] >> 8;
            sum[j] &= 255;
        }
        if (sum[0] == 0) {
            for (unsigned j = 0; j < 32; j++) {
                if (sum[j + 1] != xz.bytes[j]) {
                    enough = sum[j + 1] > xz.bytes[j];
                    break;
                }
            }
        }
        EXPECT(enough);
    }
}

/* A 160-bit id is a 256-bit id whose tail is zero: distances between such ids compare as the 160-bit ones do. */
TEST(narrow_ids_are_wide_ones_with_a_zero_tail)
{
    struct kad_rng rng = kad_test_rng(2);

    for (unsigned i = 0; i < 2000; i++) {
        uint8_t bytes[3][20], distances[2][20];
        struct kad_id ids[3];

        for (unsigned j = 0; j < 3; j++) {
            kad_rng_bytes(&rng, bytes[j], 20);
            ids[j] = kad_id_from_bytes(bytes[j], 20);
        }
        for (unsigned j = 0; j < 20; j++) {
            distances[0][j] = bytes[0][j] ^ bytes[1][j];
            distances[1][j] = bytes[0][j] ^ bytes[2][j];
        }
        EXPECT_EQ(sign(kad_id_compare(&ids[0], &ids[1], &ids[2])),
                  sign(memcmp(distances[0], distances[1], 20)));
    }
}

TEST(bytes_come_first_and_zeros_behind)
{
    uint8_t bytes[KAD_ID_SIZE];

    memset(bytes, 0xff, sizeof bytes);
    for (size_t size = 0; size <= KAD_ID_SIZE; size++) {
        const struct kad_id id = kad_id_from_bytes(size ? bytes : NULL, size);

        for (size_t i = 0; i < KAD_ID_SIZE; i++)
            EXPECT_EQ(id.bytes[i], i < size ? 0xff : 0);
        EXPECT_EQ(kad_id_is_zero(&id), size == 0);
    }
}

/* For every width, not only multiples of eight. */
TEST(random_ids_have_their_width)
{
    struct kad_rng rng = kad_test_rng(3);

    for (unsigned bits = 0; bits <= 256; bits++) {
        bool seen[256] = {false};

        for (unsigned i = 0; i < 40; i++) {
            const struct kad_id id = kad_id_random(&rng, bits);

            for (unsigned bit = 0; bit < 256; bit++) {
                if (kad_id_bit(&id, bit))
                    seen[bit] = true;
            }
        }
        for (unsigned bit = 0; bit < 256; bit++) /* missing a bit in 40 draws: one in 2^40 */
            EXPECT_MSG(seen[bit] == (bit < bits), "width %u, bit %u", bits, bit);
    }
}

/* Exactly `prefix` bits in common, the rest free: that is a bucket, and refresh looks for an id in it. */
TEST(random_at_a_distance)
{
    static const unsigned widths[] = {1, 5, 8, 9, 160, 256};
    struct kad_rng rng = kad_test_rng(4);

    for (size_t i = 0; i < KAD_COUNT_OF(widths); i++) {
        for (unsigned prefix = 0; prefix < widths[i]; prefix++) {
            const struct kad_id near = kad_id_random(&rng, widths[i]);
            struct kad_id seen = {{0}};

            for (unsigned round = 0; round < 40; round++) {
                const struct kad_id id = kad_id_random_at(&rng, &near, prefix, widths[i]);
                const struct kad_id distance = kad_id_xor(&id, &near);

                EXPECT_EQ(kad_id_prefix(&near, &id), prefix);
                for (unsigned j = 0; j < KAD_ID_SIZE; j++)
                    seen.bytes[j] |= distance.bytes[j];
            }
            for (unsigned bit = 0; bit < 256; bit++)
                EXPECT_EQ(kad_id_bit(&seen, bit), bit >= prefix && bit < widths[i]);
        }
    }
}
