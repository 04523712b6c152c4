/*
 * latency - how long a datagram travels, in integer microseconds.
 *
 * SIM_LATENCY_WORLD is a synthetic Internet: six clusters of nodes in a plane whose distances are delays, an access delay
 * for each side, and a factor for each pair that breaks the triangle inequality as often as real paths do. Its RTTs have
 * the percentiles 25/60/149/208/276/316/404 ms (5/25/50/75/90/95/99), within about 10 % of those measured between
 * PlanetLab's nodes. Each packet is up to some ten percent later than the path's least.
 */
#ifndef SIM_LATENCY_H
#define SIM_LATENCY_H

#include "sim/fixed.h"

enum sim_latency_kind { SIM_LATENCY_WORLD, SIM_LATENCY_FIXED };

struct sim_latency {
    enum sim_latency_kind kind;
    sim_us one_way; /* FIXED: of each packet, exactly */
    uint64_t seed;
};

struct sim_position {
    int32_t x, y;    /* one-way microseconds */
    uint32_t access; /* microseconds that each way out of or into this node costs */
};

struct sim_position sim_position_of(const struct sim_latency *latency, uint32_t node);
/* Without jitter, the same in both directions. */
sim_us sim_rtt(const struct sim_latency *latency, uint32_t a, const struct sim_position *at_a, uint32_t b,
               const struct sim_position *at_b);
/* One way, of one packet. */
sim_us sim_delay(const struct sim_latency *latency, sim_us rtt, struct sim_rng *rng);

#endif
