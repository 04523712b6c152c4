#include "core/estimate.h"

/* A sample counts for half after 44 more: some 60 count, for an error of 5 % with k = 8. */
#define KEPT (63.0 / 64)

/* The distance as a part of the whole id space. */
static double distance_between(const struct kad_id *a, const struct kad_id *b)
{
    double distance = 0, weight = 1;

    for (unsigned i = 0; i < KAD_ID_SIZE; i++) {
        weight /= 256;
        distance += weight * (a->bytes[i] ^ b->bytes[i]);
    }
    return distance;
}

void kad_estimate_add(struct kad_estimate *estimate, const struct kad_id *target, const struct kad_id *kth,
                      unsigned k)
{
    estimate->ranks = estimate->ranks * KEPT + k;
    estimate->distances = estimate->distances * KEPT + distance_between(target, kth);
    if (estimate->n_samples < UINT32_MAX)
        estimate->n_samples++;
}

double kad_estimate_nodes(const struct kad_estimate *estimate)
{
    if (estimate->ranks <= 1 || estimate->distances <= 0)
        return 0;
    return (estimate->ranks - 1) / estimate->distances;
}
