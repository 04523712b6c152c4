/*
 * bloom - filters that count the addresses of a swarm without naming them (BEP 33): 2048 bits, 2 of them set by each
 * address. Ports do not count. Filters of several nodes merge into that of the union.
 */
#ifndef KAD_CORE_BLOOM_H
#define KAD_CORE_BLOOM_H

#include "core/message.h"

/* A filter of zeros is empty. */
void kad_bloom_add(uint8_t filter[KAD_BLOOM_SIZE], const struct kad_endpoint *peer);
void kad_bloom_merge(uint8_t into[KAD_BLOOM_SIZE], const uint8_t from[KAD_BLOOM_SIZE]);
/* How many addresses were added, about; useful up to some 6,000. An empty filter gives 0, a full one what a filter with
 * a single zero gives (7,805), where the formula of BEP 33 has 0.5 and infinity. */
double kad_bloom_estimate(const uint8_t filter[KAD_BLOOM_SIZE]);

#endif
