#include "core/measure.h"

#include "base/test.h"

TEST(each_value_falls_into_the_range_that_ends_with_the_first_bound_not_below_it)
{
    for (unsigned unit = KAD_HISTOGRAM_MS; unit <= KAD_HISTOGRAM_HOPS; unit++) {
        const uint32_t *bounds = kad_histogram_bounds((enum kad_histogram_unit)unit);

        for (unsigned i = 0; i < KAD_HISTOGRAM_BOUNDS; i++) {
            struct kad_histogram histogram = {0};

            EXPECT(i == 0 || bounds[i] > bounds[i - 1]);
            kad_histogram_add(&histogram, (enum kad_histogram_unit)unit, bounds[i]);
            kad_histogram_add(&histogram, (enum kad_histogram_unit)unit, (int64_t)bounds[i] + 1);
            EXPECT_EQ(histogram.counts[i], 1);
            EXPECT_EQ(histogram.counts[i + 1], 1);
            EXPECT_EQ(histogram.sum, 2 * (uint64_t)bounds[i] + 1);
        }
    }
}

TEST(what_is_beyond_every_bound_is_counted_too_and_negative_is_zero)
{
    struct kad_histogram histogram = {0};

    kad_histogram_add(&histogram, KAD_HISTOGRAM_MS, INT64_MAX / 2);
    kad_histogram_add(&histogram, KAD_HISTOGRAM_MS, -1);
    kad_histogram_add(NULL, KAD_HISTOGRAM_MS, 1);
    EXPECT_EQ(histogram.counts[KAD_HISTOGRAM_BOUNDS], 1);
    EXPECT_EQ(histogram.counts[0], 1);
    EXPECT_EQ(histogram.sum, INT64_MAX / 2);
}
