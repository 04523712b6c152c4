#include "sim/churn.h"

#include <string.h>

#define SHAPE(millionths) ((sim_q32)(millionths)*SIM_ONE / 1000000)
#define TENTHS(minutes)   ((uint64_t)(minutes)*6000) /* of a minute */

static const struct {
    const char *name;
    struct sim_churn churn;
} named[] = {
    {"none", {{0, 0}, {0, 0}}},
    {"kad", {{SHAPE(615110), TENTHS(1695)}, {SHAPE(476480), TENTHS(4137)}}},
    {"ipfs", {{SHAPE(608000), TENTHS(2196)}, {SIM_ONE, TENTHS(2400)}}},
    {"flatout", {{SHAPE(590000), TENTHS(419)}, {SIM_ONE, TENTHS(600)}}},
};

bool sim_churn_named(const char *name, struct sim_churn *out_churn)
{
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        if (strcmp(named[i].name, name) == 0) {
            *out_churn = named[i].churn;
            return true;
        }
    }
    return false;
}

sim_us sim_churn_draw(const struct sim_weibull *weibull, struct sim_rng *rng)
{
    if (weibull->shape == 0)
        return (sim_us)weibull->scale_ms * 1000;
    return (sim_us)sim_weibull(sim_random(rng), weibull->scale_ms, weibull->shape) * 1000 + 1;
}

/* Of 32 sessions one is chosen in proportion to its length, and then an instant within it. */
sim_us sim_churn_draw_rest(const struct sim_weibull *weibull, struct sim_rng *rng)
{
    enum { DRAWN = 32 };
    sim_us lengths[DRAWN], total = 0, at;
    size_t i = 0;

    for (size_t j = 0; j < DRAWN; j++)
        total += lengths[j] = sim_churn_draw(weibull, rng);
    at = (sim_us)(sim_random(rng) % (uint64_t)total);
    while (at >= lengths[i])
        at -= lengths[i++];
    return lengths[i] - at;
}
