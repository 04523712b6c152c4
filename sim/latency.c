#include "sim/latency.h"

struct cluster {
    int32_t x, y;     /* microseconds */
    uint32_t percent; /* of all nodes */
};

static const struct cluster clusters[] = {
    {-45000, -5000, 38}, {20000, 5000, 36},  {60000, -60000, 15},
    {75000, 40000, 5},   {-50000, 75000, 4}, {95000, -110000, 2},
};

#define SPREAD       8000 /* deviation of a node from its cluster's centre, microseconds */
#define ACCESS       2500 /* median access delay, microseconds */
#define ACCESS_SIGMA (SIM_ONE / 10 * 8)
#define PAIR_SIGMA   (SIM_ONE / 100 * 12)
#define JITTER       10 /* percent: a packet takes 1 + |N(0, 10 %)| times the least */

static sim_q32 normal_of(uint64_t seed, uint64_t a, uint64_t b)
{
    struct sim_rng rng = {sim_mix(seed, a, b)};
    const uint64_t x = sim_random(&rng), y = sim_random(&rng), z = sim_random(&rng);

    return sim_normal(x, y, z);
}

static int32_t spread(sim_q32 normal)
{
    return (int32_t)(normal / 65536 * SPREAD / 65536);
}

struct sim_position sim_position_of(const struct sim_latency *latency, uint32_t node)
{
    uint32_t at = (uint32_t)(sim_mix(latency->seed, node, 1) % 100);
    struct sim_position position = {0};
    size_t i = 0;

    if (latency->kind == SIM_LATENCY_FIXED)
        return position;
    while (at >= clusters[i].percent)
        at -= clusters[i++].percent;
    position.x = clusters[i].x + spread(normal_of(latency->seed, node, 2));
    position.y = clusters[i].y + spread(normal_of(latency->seed, node, 3));
    position.access = (uint32_t)sim_lognormal(ACCESS, ACCESS_SIGMA, normal_of(latency->seed, node, 4));
    return position;
}

sim_us sim_rtt(const struct sim_latency *latency, uint32_t a, const struct sim_position *at_a, uint32_t b,
               const struct sim_position *at_b)
{
    const int64_t x = at_a->x - at_b->x, y = at_a->y - at_b->y;
    uint64_t rtt;

    if (latency->kind == SIM_LATENCY_FIXED)
        return 2 * latency->one_way;
    rtt = 2 * (sim_sqrt((uint64_t)(x * x + y * y)) + (uint64_t)at_a->access + at_b->access);
    return (sim_us)sim_lognormal(rtt, PAIR_SIGMA, normal_of(latency->seed ^ 5, a < b ? a : b, a < b ? b : a));
}

sim_us sim_delay(const struct sim_latency *latency, sim_us rtt, struct sim_rng *rng)
{
    const uint64_t x = sim_random(rng), y = sim_random(rng), z = sim_random(rng);
    const sim_q32 normal = sim_normal(x, y, z);

    if (latency->kind == SIM_LATENCY_FIXED)
        return latency->one_way;
    return rtt / 2 + rtt / 200 * JITTER * ((normal < 0 ? -normal : normal) / 65536) / 65536;
}
