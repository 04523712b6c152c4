#include "sim/fixed.h"

#include <assert.h>
#include <math.h>

__extension__ typedef unsigned __int128 u128;

uint64_t sim_random(struct sim_rng *rng)
{
    uint64_t x = rng->state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint32_t sim_below(struct sim_rng *rng, uint32_t bound)
{
    assert(bound > 0 && "a choice of nothing");
    return (uint32_t)(((u128)sim_random(rng) * bound) >> 64);
}

bool sim_chance(struct sim_rng *rng, uint32_t ppm)
{
    return ppm > 0 && sim_below(rng, 1000000) < ppm;
}

uint64_t sim_mix(uint64_t a, uint64_t b, uint64_t c)
{
    struct sim_rng rng = {a};

    rng.state = sim_random(&rng) ^ b;
    rng.state = sim_random(&rng) ^ c;
    return sim_random(&rng);
}

/* Squares the mantissa again and again: each time it passes 2 is a bit of the logarithm. */
sim_q32 sim_log2(uint64_t x)
{
    const int whole = 63 - __builtin_clzll(x);
    uint64_t mantissa = x << (63 - whole); /* Q63, in [1, 2) */
    sim_q32 result = (sim_q32)whole << 32;

    for (int bit = 31; bit >= 0; bit--) {
        const u128 square = (u128)mantissa * mantissa; /* Q126, in [1, 4) */

        if (square >> 127) {
            result |= (sim_q32)1 << bit;
            mantissa = (uint64_t)(square >> 64);
        } else {
            mantissa = (uint64_t)(square >> 63);
        }
    }
    return result;
}

/* 2^(n/16) in Q32 */
static const uint64_t sixteenths[16] = {
    0x100000000, 0x10b5586d0, 0x1172b83c8, 0x12387a6e7, 0x1306fe0a3, 0x13dea64c1, 0x14bfdad53, 0x15ab07dd5,
    0x16a09e668, 0x17a11473f, 0x18ace5423, 0x19c49182a, 0x1ae89f996, 0x1c199bdd8, 0x1d5818dd0, 0x1ea4afa2a,
};
#define LN_2 0xb17217f8 /* Q32 */

/* 2^power in Q32; power in [0, 1) in Q32. Sixteenths from the table, and e^y = 1 + y (1 + y/2 (1 + y/3 (1 + y/4))) for what is
 * left: no branch depends on a bit of it, of which no processor guesses the next. Error below 2^-27. */
static uint64_t fraction_exp2(uint32_t power)
{
    const uint64_t one = (uint64_t)SIM_ONE;
    const uint64_t y = (uint64_t)(power & ((1u << 28) - 1)) * LN_2 >> 32;
    uint64_t sum = one + y / 4;

    sum = one + (y * sum >> 32) / 3;
    sum = one + (y * sum >> 32) / 2;
    sum = one + (y * sum >> 32);
    return (uint64_t)((u128)sixteenths[power >> 28] * sum >> 32);
}

uint64_t sim_times_exp2(uint64_t x, sim_q32 power)
{
    const int whole = (int)(power >> 32); /* rounds down, also below zero */
    u128 result;

    assert(x < UINT64_C(1) << 32 && "a factor that could overflow");
    if (whole < -63)
        return 0;
    if (whole > 62)
        return x ? UINT64_MAX : 0;
    result = (u128)x * fraction_exp2((uint32_t)power);
    result = whole < 0 ? result >> -whole : result << (whole > 60 ? 60 : whole);
    result >>= 32;
    return result > UINT64_MAX || whole > 60 ? UINT64_MAX : (uint64_t)result;
}

/* The processor's root, and then whatever it was, the right one. */
uint32_t sim_sqrt(uint64_t x)
{
    uint64_t root = (uint64_t)sqrt((double)x);

    if (root > UINT32_MAX)
        root = UINT32_MAX;
    while (root * root > x)
        root--;
    while (root < UINT32_MAX && (root + 1) * (root + 1) <= x)
        root++;
    return (uint32_t)root;
}

sim_q32 sim_normal(uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t words[3] = {a, b, c};
    int64_t sum = 0;

    for (int i = 0; i < 3; i++) {
        for (int shift = 0; shift < 64; shift += 16)
            sum += (int64_t)(words[i] >> shift & 0xffff);
    }
    return (sum - 6 * 65535) * 65536; /* Q16 to Q32 */
}

static sim_q32 times(sim_q32 a, sim_q32 b)
{
    __extension__ typedef __int128 i128;

    return (sim_q32)(((i128)a * b) >> 32);
}

#define LOG2_E    0x171547653   /* log2(e) */
#define LOG2_LN_2 (-2271034279) /* log2(ln 2) */

uint64_t sim_lognormal(uint64_t median, sim_q32 sigma, sim_q32 normal)
{
    return sim_times_exp2(median, times(times(sigma, normal), LOG2_E));
}

uint64_t sim_weibull(uint64_t u, uint64_t scale, sim_q32 shape)
{
    const sim_q32 minus_log2 = ((sim_q32)64 << 32) - sim_log2(u ? u : 1); /* of u / 2^64: in (0, 64] */
    const sim_q32 log2_minus_ln =
        sim_log2((uint64_t)(minus_log2 > 0 ? minus_log2 : 1)) - ((sim_q32)32 << 32) + LOG2_LN_2;
    __extension__ typedef __int128 i128;
    const sim_q32 power = (sim_q32)((i128)log2_minus_ln * SIM_ONE / shape);
    const uint64_t most = (uint64_t)UINT32_MAX << 10;
    const uint64_t value = sim_times_exp2(scale, power);

    return value < most ? value : most;
}
