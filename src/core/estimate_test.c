#include "base/test.h"
#include "core/estimate.h"
#include "core/test_core.h"

#include <stdlib.h>

TEST(without_samples_the_size_is_unknown)
{
    const struct kad_estimate estimate = {0};

    EXPECT(kad_estimate_nodes(&estimate) <= 0);
}

/* One node at half of the space says: about (k - 1) / distance. */
TEST(one_sample_by_hand)
{
    struct kad_estimate estimate = {0};
    const struct kad_id target = test_id(0), kth = test_id(0x40); /* a quarter of the space away */

    kad_estimate_add(&estimate, &target, &kth, 8);
    EXPECT_EQ((int)(kad_estimate_nodes(&estimate) * 1000 + 0.5), 28000);
}

TEST(a_target_that_is_a_node_does_not_divide_by_zero)
{
    struct kad_estimate estimate = {0};
    const struct kad_id target = test_id(1);

    kad_estimate_add(&estimate, &target, &target, 1);
    EXPECT(kad_estimate_nodes(&estimate) <= 0);
    kad_estimate_add(&estimate, &target, &target, 8);
    EXPECT(kad_estimate_nodes(&estimate) <= 0);
}

static void sample(struct kad_estimate *estimate, struct kad_rng *rng, const struct kad_id *nodes, size_t n,
                   unsigned k)
{
    const struct kad_id target = kad_id_random(rng, 160);
    const struct kad_id *best[20];
    size_t n_best = 0;

    for (size_t i = 0; i < n; i++) {
        size_t at = n_best;

        for (; at > 0 && kad_id_compare(&target, &nodes[i], best[at - 1]) < 0; at--) {
            if (at < k)
                best[at] = best[at - 1];
        }
        if (at < k)
            best[at] = &nodes[i];
        n_best += n_best < k;
    }
    kad_estimate_add(estimate, &target, best[k - 1], k);
}

/* In a network of known size, both from nothing and after it has shrunk to a fifth: within 15 %, three times the expected
 * error of 64 samples of 8. */
TEST(it_finds_the_size_of_a_network_and_follows_it)
{
    enum { NODES = 3000 };
    struct kad_id *nodes = malloc(NODES * sizeof(*nodes));
    struct kad_estimate estimate = {0};
    struct kad_rng rng;
    double n;

    test_rng_init(&rng, 5);
    for (int i = 0; i < NODES; i++)
        nodes[i] = kad_id_random(&rng, 160);
    for (int i = 0; i < 200; i++)
        sample(&estimate, &rng, nodes, NODES, 8);
    n = kad_estimate_nodes(&estimate);
    EXPECT_MSG(n > NODES * 0.85 && n < NODES * 1.15, "%d nodes estimated as %.0f", NODES, n);

    for (int i = 0; i < 400; i++)
        sample(&estimate, &rng, nodes, NODES / 5, 8);
    n = kad_estimate_nodes(&estimate);
    EXPECT_MSG(n > NODES / 5 * 0.85 && n < NODES / 5 * 1.15, "%d nodes estimated as %.0f", NODES / 5, n);
    free(nodes);
}
