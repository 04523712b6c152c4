/* measure - histograms of what a node's queries and requests cost (struct kad_measures of kad/engine.h). */
#ifndef KAD_CORE_MEASURE_H
#define KAD_CORE_MEASURE_H

#include "kad/engine.h"

/* NULL is fine: nobody measures. `value` in the histogram's unit, negative counts as 0. */
void kad_histogram_add(struct kad_histogram *histogram, enum kad_histogram_unit unit, int64_t value);

#endif
