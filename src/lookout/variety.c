#include "lookout/variety.h"

#include <stdlib.h>

#define MANY 16 /* of fewer, more than half in one network may be chance */

static int by_number(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

struct kad_variety kad_variety_of(const struct kad_endpoint *endpoints, size_t n, uint64_t *groups)
{
    struct kad_variety variety = {0};
    size_t run = 0;

    for (size_t i = 0; i < n; i++) {
        if (kad_endpoint_scope(&endpoints[i]) == KAD_SCOPE_PUBLIC)
            groups[variety.n_public++] = kad_endpoint_wide_group(&endpoints[i]);
    }
    qsort(groups, variety.n_public, sizeof(*groups), by_number);
    for (size_t i = 0; i < variety.n_public; i++) {
        const bool another = i == 0 || groups[i] != groups[i - 1];

        variety.n_networks += another;
        run = another ? 1 : run + 1;
        variety.n_largest = run > variety.n_largest ? run : variety.n_largest;
    }
    return variety;
}

bool kad_variety_is_poor(const struct kad_variety *variety)
{
    return variety->n_networks == 1 ||
           (variety->n_public >= MANY && 2 * variety->n_largest > variety->n_public);
}

unsigned kad_variety_too_near(double network_size)
{
    unsigned bits = 0;

    if (network_size < 1)
        return 0;
    for (; network_size >= 1; network_size /= 2)
        bits++;
    return bits + 7;
}
