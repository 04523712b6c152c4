#include "core/bloom.h"

#include "base/endpoint.h"
#include "base/test.h"
#include "base/text.h"

#include <math.h>

/* BEP 33, Test Vectors. */
static const char vector[] = "F6C3F5EAA07FFD91BDE89F777F26FB2BFF37BDB8FB2BBAA2FD3DDDE7BACFFF75EE7CCBAE"
                             "FE5EEDB1FBFAFF67F6ABFF5E43DDBCA3FD9B9FFDF4FFD3E9DFF12D1BDF59DB53DBE9FA5B"
                             "7FF3B8FDFCDE1AFB8BEDD7BE2F3EE71EBBBFE93BCDEEFE148246C2BC5DBFF7E7EFDCF24F"
                             "D8DC7ADFFD8FFFDFDDFFF7A4BBEEDF5CB95CE81FC7FCFF1FF4FFFFDFE5F7FDCBB7FD79B3"
                             "FA1FC77BFE07FFF905B7B7FFC7FEFEFFE0B8370BB0CD3F5B7F2BD93FEB4386CFDD6F7FD5"
                             "BFAF2E9EBFFFFEECD67ADBF7C67F17EFD5D75EBA6FFEBA7FFF47A91EB1BFBB53E8ABFB57"
                             "62ABE8FF237279BFEFBFEEF5FFC5FEBFDFE5ADFFADFEE1FB737FFFFBFD9F6AEFFEEE76B6"
                             "FD8F72EF";

static void add_v4(uint8_t filter[KAD_BLOOM_SIZE], uint16_t port)
{
    for (unsigned i = 0; i <= 255; i++) {
        const uint8_t address[4] = {192, 0, 2, (uint8_t)i};
        struct kad_endpoint peer = kad_endpoint_v4(address, port);

        kad_bloom_add(filter, &peer);
    }
}

static void add_v6(uint8_t filter[KAD_BLOOM_SIZE], uint16_t port)
{
    for (unsigned i = 0; i <= 0x3e7; i++) {
        const uint8_t address[16] = {0x20, 0x01, 0x0d, 0xb8, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i};
        struct kad_endpoint peer = kad_endpoint_v6(address, port);

        kad_bloom_add(filter, &peer);
    }
}

TEST(the_vector_of_bep_33)
{
    uint8_t filter[KAD_BLOOM_SIZE] = {0}, expected[KAD_BLOOM_SIZE];

    EXPECT_EQ(kad_unhex(vector, expected, sizeof expected), 0);
    add_v4(filter, 6881);
    add_v6(filter, 1);
    EXPECT_MEM(filter, expected, sizeof expected);
    EXPECT(fabs(kad_bloom_estimate(filter) - 1224.9308) < 0.0001);
}

TEST(filters_of_two_nodes_merge_into_that_of_the_union)
{
    uint8_t here[KAD_BLOOM_SIZE] = {0}, there[KAD_BLOOM_SIZE] = {0}, expected[KAD_BLOOM_SIZE];

    EXPECT_EQ(kad_unhex(vector, expected, sizeof expected), 0);
    add_v4(here, 6881);
    add_v4(there, 6882);
    add_v6(there, 6881);
    kad_bloom_merge(here, there);
    EXPECT_MEM(here, expected, sizeof expected);
}

TEST(few_are_counted_exactly)
{
    uint8_t filter[KAD_BLOOM_SIZE] = {0};

    EXPECT(kad_bloom_estimate(filter) == 0);
    for (unsigned i = 1; i <= 5; i++) {
        const uint8_t address[4] = {10, 0, 0, (uint8_t)i};
        struct kad_endpoint peer = kad_endpoint_v4(address, 1);

        kad_bloom_add(filter, &peer);
        kad_bloom_add(filter, &peer);
        EXPECT(fabs(kad_bloom_estimate(filter) - i) < 0.1);
    }
}

/* The formula has no answer there; ours is the last it has. */
TEST(a_full_filter_has_a_finite_count)
{
    uint8_t filter[KAD_BLOOM_SIZE], almost[KAD_BLOOM_SIZE];

    for (unsigned i = 0; i < KAD_BLOOM_SIZE; i++)
        filter[i] = almost[i] = 0xff;
    almost[100] = 0xef;
    EXPECT(kad_bloom_estimate(filter) == kad_bloom_estimate(almost));
    EXPECT((int)kad_bloom_estimate(filter) == 7805);
}
