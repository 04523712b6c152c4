/*
 * churn - how long nodes stay and how long they are away.
 *
 * Measured session lengths are Weibull distributed with shapes well below 1: most are short, and who has stayed long
 * stays longer. Sources: kad: Steiner et al., ToN 2009; ipfs: ProbeLab RFM 2; flatout (harsh): Stutzbach and Rejaie,
 * IMC 2006. Whoever is measured as away comes back with the same id.
 */
#ifndef SIM_CHURN_H
#define SIM_CHURN_H

#include "sim/fixed.h"

struct sim_weibull {
    sim_q32 shape;     /* 0: always `scale` */
    uint64_t scale_ms; /* below 2^32 (49 days) */
};

struct sim_churn {
    struct sim_weibull on, off; /* on.scale_ms 0: nobody leaves */
};

/* "none", "kad", "ipfs", "flatout"; false: there is none of that name. */
bool sim_churn_named(const char *name, struct sim_churn *out_churn);
sim_us sim_churn_draw(const struct sim_weibull *weibull, struct sim_rng *rng);
/* How much longer somebody stays who is met at a random moment: sessions are met in proportion to their length. */
sim_us sim_churn_draw_rest(const struct sim_weibull *weibull, struct sim_rng *rng);

#endif
