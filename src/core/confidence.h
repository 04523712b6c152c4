/*
 * confidence - how far a lookup's result can be believed, from what it looks like.
 *
 * Ids are bound to keys or addresses, so who wants to stand around a key needs many: the k nodes nearest to any target, the
 * farthest of them at distance d, obey D = N * d / 2^bits ~ Gamma(k, 1), where N is how many nodes there are. Too dense a result is
 * full of forged ids (Sybils); too sparse a one misses nodes, because liars named only each other. Where the k nearest come from
 * few address groups, somebody may own them; and where paths that share nobody ended among different nodes, some of them were
 * misled.
 *
 * Each of these gives a figure in thousandths (struct kad_confidence), 1000: nothing to complain about; the least counts. It tells how the result looks,
 * no more: SCORECARD section 3 says why nothing may depend on it but how much more is asked.
 */
#ifndef KAD_CORE_CONFIDENCE_H
#define KAD_CORE_CONFIDENCE_H

#include "kad/engine.h"

/* P(X <= d) of X ~ Gamma(k, 1): closed, as k is whole. */
double kad_gamma_below(unsigned k, double d);
/* How likely something at least as unusual is, to the side that is unusual, in thousandths: 50 per thousand or more count as
 * usual. `distance` is the k-th nearest's, as a part of the id space. */
unsigned kad_density_confidence(double nodes, unsigned k, double distance, bool *out_sparse);

#endif
