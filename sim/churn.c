#include "sim/churn.h"

#include <string.h>

#define SHAPE(millionths) ((sim_q32)((millionths) * (SIM_ONE / 1000000.0)))
#define MINUTES(n)        ((uint64_t)((n) * 60000))

static const struct {
    const char *name;
    struct sim_churn churn;
} named[] = {
    {"none", {{0, 0}, {0, 0}}},
    {"kad", {{SHAPE(615110), MINUTES(169.5)}, {SHAPE(476480), MINUTES(413.7)}}},
    {"ipfs", {{SHAPE(608000), MINUTES(219.6)}, {SIM_ONE, MINUTES(240)}}},
    {"flatout", {{SHAPE(590000), MINUTES(41.9)}, {SIM_ONE, MINUTES(60)}}},
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
