#include "core/measure.h"

#include <stddef.h>

/* Three steps a decade tell 300 ms from half a second; more would cost a scrape more than it shows. */
static const uint32_t bounds_of[][KAD_HISTOGRAM_BOUNDS] = {
    [KAD_HISTOGRAM_MS] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000},
    [KAD_HISTOGRAM_HOPS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30},
};

const uint32_t *kad_histogram_bounds(enum kad_histogram_unit unit)
{
    return bounds_of[unit];
}

void kad_histogram_add(struct kad_histogram *histogram, enum kad_histogram_unit unit, int64_t value)
{
    unsigned i = 0;

    if (!histogram)
        return;
    if (value < 0)
        value = 0;
    while (i < KAD_HISTOGRAM_BOUNDS && value > bounds_of[unit][i])
        i++;
    histogram->counts[i]++;
    histogram->sum += (uint64_t)value;
}
