#include "base/test.h"
#include "core/confidence.h"

static void expect_close(double is, double wanted, double relative)
{
    EXPECT_MSG(is >= wanted * (1 - relative) && is <= wanted * (1 + relative), "%g, wanted %g", is, wanted);
}

/* Values of the incomplete gamma function (tables; SCORECARD section 3: D < 6 at k = 20 is one in 200,000). */
TEST(gamma_agrees_with_tables)
{
    expect_close(kad_gamma_below(1, 1), 0.63212055882855767, 1e-12);
    expect_close(kad_gamma_below(1, 0.001), 0.00099950016662500, 1e-12);
    expect_close(kad_gamma_below(20, 20), 0.52974273, 1e-7);
    expect_close(kad_gamma_below(20, 6), 5.18016893701e-6, 1e-10);
    expect_close(1 - kad_gamma_below(20, 50), 4.7913573e-7, 1e-6);
    expect_close(kad_gamma_below(8, 8), 0.54703919, 1e-7);
    EXPECT(kad_gamma_below(20, 0) == 0);
    EXPECT(kad_gamma_below(20, 1e6) == 1);
}

/* It grows, from nothing to all. */
TEST(gamma_grows)
{
    for (unsigned k = 1; k <= 64; k++) {
        double before = 0;

        for (double d = 0.1; d < 200; d *= 1.05) {
            const double is = kad_gamma_below(k, d);

            EXPECT_MSG(is >= before - 1e-12 && is <= 1 + 1e-12, "k %u, d %g: %g after %g", k, d, is, before);
            before = is;
        }
        EXPECT(before > 0.999);
    }
}

/* Twenty nodes where twenty belong are usual; six times as dense, or three times as sparse, are not. */
TEST(unusual_densities_are_told)
{
    bool sparse;

    EXPECT_EQ(kad_density_confidence(1e6, 20, 20e-6, &sparse), 1000);
    EXPECT(kad_density_confidence(1e6, 20, 20e-6 / 6, &sparse) < 5);
    EXPECT(!sparse);
    EXPECT(kad_density_confidence(1e6, 20, 60e-6, &sparse) < 5);
    EXPECT(sparse);
    EXPECT(kad_density_confidence(1e6, 20, 12e-6, &sparse) < 1000); /* one in fifty */
    EXPECT(kad_density_confidence(1e6, 20, 12e-6, &sparse) > 300);
}
