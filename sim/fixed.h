/*
 * fixed - the little mathematics a world needs, in integers.
 *
 * What comes out of libm differs between machines in its last bits, and one bit is another run. Numbers with a fraction
 * are Q32 (an int64_t, 32 bits of it behind the point) unless said otherwise.
 */
#ifndef SIM_FIXED_H
#define SIM_FIXED_H

#include "base/types.h"

typedef int64_t sim_q32;

#define SIM_ONE ((sim_q32)1 << 32)

/* Microseconds of virtual time since the world began. */
typedef int64_t sim_us;

#define SIM_SECOND ((sim_us)1000000)
#define SIM_MINUTE (60 * SIM_SECOND)
#define SIM_HOUR   (60 * SIM_MINUTE)

/* SplitMix64: one word of state, any seed is good. Streams that must not disturb one another have one each. */
struct sim_rng {
    uint64_t state;
};

uint64_t sim_random(struct sim_rng *rng);
uint32_t sim_below(struct sim_rng *rng, uint32_t bound); /* 0 .. bound-1; bound > 0 */
/* True for `ppm` of a million. */
bool sim_chance(struct sim_rng *rng, uint32_t ppm);
/* A number that is always the same for the same three words. */
uint64_t sim_mix(uint64_t a, uint64_t b, uint64_t c);

sim_q32 sim_log2(uint64_t x); /* x > 0; 2^-31 exact */
uint64_t sim_times_exp2(uint64_t x,
                        sim_q32 power); /* x * 2^power, UINT64_MAX at most; x < 2^32, error below 2^-20 */
uint32_t sim_sqrt(uint64_t x);          /* rounded down */

/* Standard normal (sum of twelve uniforms, so within +-6), from the words of a hash. */
sim_q32 sim_normal(uint64_t a, uint64_t b, uint64_t c);
/* median * e^(sigma * normal) */
uint64_t sim_lognormal(uint64_t median, sim_q32 sigma, sim_q32 normal);
/* The value that a Weibull distribution stays below with probability 1 - u / 2^64: scale * (-ln u)^(1 / shape).
 * scale < 2^32; UINT32_MAX * 2^10 at most, so that sums of results stay small. u == 0 counts as 1. */
uint64_t sim_weibull(uint64_t u, uint64_t scale, sim_q32 shape);

#endif
