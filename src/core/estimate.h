/*
 * estimate - how many nodes the network has, from how dense they stand around random targets.
 *
 * When the k closest to a target are known, the k-th of them lies at distance d with N * d / 2^bits ~ Gamma(k, 1). Over
 * many targets the sum of N * d / 2^bits is Gamma(sum of k, 1), so that (sum of k - 1) / (sum of d / 2^bits) estimates N
 * without bias. Sums decay, so the estimate follows the network. Only targets nobody chose for their position (random
 * or hashed) should be given.
 */
#ifndef KAD_CORE_ESTIMATE_H
#define KAD_CORE_ESTIMATE_H

#include "core/id.h"

struct kad_estimate {
    double ranks;     /* decayed sum of k */
    double distances; /* decayed sum of d, as a part of the id space */
    uint32_t n_samples;
};

/* `kth` is the k-th closest node to `target`, and none nearer was missed. */
void kad_estimate_add(struct kad_estimate *estimate, const struct kad_id *target, const struct kad_id *kth,
                      unsigned k);
/* Nodes, 0 while unknown. */
double kad_estimate_nodes(const struct kad_estimate *estimate);

#endif
