#include "sim/fixed.h"

#include <math.h>

#include "base/test.h"

static double real(sim_q32 x)
{
    return (double)x / 4294967296.0;
}

static sim_q32 q32(double x)
{
    return (sim_q32)(x * 4294967296.0);
}

/* libm is good enough to check against, though not to simulate with. */
TEST(logarithms_and_powers_agree_with_libm)
{
    struct sim_rng rng = {1};

    EXPECT_EQ(sim_log2(1), 0);
    EXPECT_EQ(sim_log2(UINT64_C(1) << 63), 63 * SIM_ONE);
    for (int i = 0; i < 20000; i++) {
        const uint64_t x = sim_random(&rng) >> sim_below(&rng, 63) | 1;
        const uint64_t factor = sim_random(&rng) >> 33 | 1 << 20;
        const sim_q32 power = (sim_q32)(sim_random(&rng) % (uint64_t)(40 * SIM_ONE)) - 10 * SIM_ONE;
        const double expected = (double)factor * exp2(real(power));
        const double got = (double)sim_times_exp2(factor, power);

        EXPECT_MSG(fabs(real(sim_log2(x)) - log2((double)x)) < 1e-8, "log2(%llu)", (unsigned long long)x);
        if (expected < 1e18)
            EXPECT_MSG(fabs(got - expected) <= 1 + expected / (1 << 20), "%g * 2^%g: %g", (double)factor,
                       real(power), got);
    }
    EXPECT_EQ(sim_times_exp2(1000, 100 * SIM_ONE) == UINT64_MAX, true);
    EXPECT_EQ(sim_times_exp2(1000, -100 * SIM_ONE), 0);
    EXPECT_EQ(sim_times_exp2(0, 100 * SIM_ONE), 0);
}

TEST(a_square_root_is_rounded_down)
{
    struct sim_rng rng = {2};

    EXPECT_EQ(sim_sqrt(0), 0);
    EXPECT_EQ(sim_sqrt(UINT64_MAX), UINT32_MAX);
    for (int i = 0; i < 20000; i++) {
        const uint64_t x = sim_random(&rng) >> sim_below(&rng, 64);
        const uint64_t root = sim_sqrt(x);

        EXPECT(root * root <= x);
        EXPECT(root == UINT32_MAX || (root + 1) * (root + 1) > x);
    }
}

/* Weibull: the quantile function, at the shapes that churn uses. */
TEST(weibull_quantiles_agree_with_the_formula)
{
    const double shapes[] = {.47648, .59, .61511, 1, 2};

    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        for (int percent = 1; percent < 100; percent++) {
            const double u = percent / 100.0;
            const double expected = 10170000 * pow(-log(u), 1 / shapes[i]);
            const double got =
                (double)sim_weibull((uint64_t)(u * 18446744073709551616.0), 10170000, q32(shapes[i]));

            EXPECT_MSG(fabs(got - expected) < 2 + expected * 1e-5, "shape %g, u %g: %g, not %g", shapes[i], u,
                       got, expected);
        }
    }
    EXPECT(sim_weibull(0, 1000, q32(.5)) >= sim_weibull(1, 1000, q32(.5)));
    EXPECT(sim_weibull(UINT64_MAX, 1000, SIM_ONE) <= 1);
}

TEST(normals_have_mean_0_and_deviation_1)
{
    struct sim_rng rng = {3};
    double sum = 0, squares = 0;
    const int n = 100000;
    int beyond_two = 0;

    for (int i = 0; i < n; i++) {
        const uint64_t a = sim_random(&rng), b = sim_random(&rng), c = sim_random(&rng);
        const double x = real(sim_normal(a, b, c));

        sum += x;
        squares += x * x;
        beyond_two += fabs(x) > 2;
    }
    EXPECT(fabs(sum / n) < .02);
    EXPECT(fabs(squares / n - 1) < .02);
    EXPECT(beyond_two > n * 4 / 100 && beyond_two < n * 5 / 100); /* 4.55 % of a true normal */
}

/* The one property everything else rests on: the same numbers on every machine. */
TEST(the_stream_is_the_one_it_always_was)
{
    struct sim_rng rng = {0};

    EXPECT(sim_random(&rng) == UINT64_C(0xe220a8397b1dcdaf)); /* SplitMix64's published first output */
    EXPECT(sim_weibull(UINT64_C(1) << 62, 1000000, SIM_ONE) == 1386294);
    EXPECT(sim_lognormal(2500, SIM_ONE / 10 * 8, SIM_ONE) == 5563);
}
