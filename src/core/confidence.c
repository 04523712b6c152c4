#include "core/confidence.h"

#define USUAL 0.05 /* results as unusual as one in twenty are not held against anybody */

/* e^-x for x >= 0: the whole part by squaring, the rest by its series. The same on every machine, which libm's is not. */
static double exp_minus(double x)
{
    double base = 0.36787944117144232, power = 1, term = 1, sum = 1;
    unsigned whole;

    if (x > 700)
        return 0;
    whole = (unsigned)x;
    x -= whole;
    for (unsigned n = whole; n; n >>= 1) {
        if (n & 1)
            power *= base;
        base *= base;
    }
    for (int i = 1; i < 20; i++) {
        term *= -x / i;
        sum += term;
    }
    return power * sum;
}

double kad_gamma_below(unsigned k, double d)
{
    double term = exp_minus(d), sum = 0;

    if (d <= 0)
        return 0;
    if (d < k) { /* the tail that is small is summed, or it would drown in rounding */
        for (unsigned i = 1; i <= k; i++)
            term *= d / i;
        for (unsigned i = k; i < k + 400 && term > sum * 1e-17; i++) {
            sum += term;
            term *= d / (i + 1);
        }
        return sum;
    }
    for (unsigned i = 0; i < k; i++) {
        sum += term;
        term *= d / (i + 1);
    }
    return 1 - sum;
}

unsigned kad_density_confidence(double nodes, unsigned k, double distance, bool *out_sparse)
{
    const double below = kad_gamma_below(k, nodes * distance);
    const double tail = below < 0.5 ? below : 1 - below;

    *out_sparse = below >= 0.5;
    return tail >= USUAL ? 1000 : (unsigned)(tail * (1000 / USUAL));
}
