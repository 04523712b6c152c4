#include "lookout/variety.h"

#include <math.h>
#include <stdlib.h>

#include "core/id.h"

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

#define BITS_MOST 64
#define RARE      1e-5
#define MANY_THERE \
    2 /* fewer would stand there, if chance had it: of more the size would have to be known better */

/* That so many or more stand where `expected` are to be expected (Poisson); from above. */
static double chance_of(unsigned n, double expected)
{
    const double rest = 1 - expected / (n + 1);

    return rest > 0 ? exp(n * log(expected) - expected - lgamma(n + 1.0)) / rest : 1;
}

unsigned kad_variety_crowd(const struct kad_table_row *rows, size_t n, const struct kad_id *self,
                           double network_size)
{
    unsigned sharing[BITS_MOST + 1] = {0}, most = 0;
    double expected = 1.5 * network_size;

    if (network_size < 1)
        return 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned bits = rows[i].replacement ? 0 : kad_id_prefix(&rows[i].contact.id, self);

        sharing[bits < BITS_MOST ? bits : BITS_MOST]++;
    }
    for (unsigned bits = BITS_MOST; bits-- > 0;)
        sharing[bits] += sharing[bits + 1]; /* so many bits or more */
    for (unsigned bits = 0; bits <= BITS_MOST; bits++, expected /= 2) {
        if (expected <= MANY_THERE && sharing[bits] > 2 && chance_of(sharing[bits], expected) < RARE)
            most = sharing[bits] > most ? sharing[bits] : most;
    }
    return most;
}
