/* P061: how evenly keys lie on nodes. */
#include <math.h>
#include <stdio.h>

#include "base/test.h"
#include "sim/test_run.h"

#define NODES 100
#define KEYS  1000
#define K     20

/* The most that one node holds by what all hold on the average. */
static double most_by_mean(const double held[NODES])
{
    double most = 0, all = 0;

    for (unsigned i = 0; i < NODES; i++) {
        most = held[i] > most ? held[i] : most;
        all += held[i];
    }
    EXPECT(all > 0);
    return most * NODES / all;
}

/* What a node should hold follows from the gaps between ids: it is nearest, second, .. k-th nearest of k pieces of the key space, whose
 * sizes are like exponential ones of mean 1/n. The largest of n such sums is below their mean times 1 + sqrt(2 ln n / k) + ln n / k but
 * for chance (the sub-gamma bound). What is really held may be no worse: nothing about how puts find their way piles keys up. */
TEST(keys_are_spread_as_evenly_as_ids_are)
{
    struct sim_run *run =
        test_run("network kad-toy; seed 61; peers 100; latency world; tables ideal; check 0;"
                 "put 1000 at 10s over 300s");
    const double bound = 1 + sqrt(2 * log(NODES) / K) + log(NODES) / K;
    double held[NODES], nearest[NODES] = {0};

    for (uint32_t i = 0; i < NODES; i++) {
        struct kad_info info;

        kad_engine_info(sim_node_engine(run->world, i), &info);
        held[i] = (double)info.n_records;
    }
    EXPECT_EQ(run->records.n, KEYS);
    for (uint32_t i = 0; i < KEYS; i++) {
        const struct kad_id key = run->records.items[i].key;
        uint32_t nodes[K];

        EXPECT_EQ(sim_world_closest(run->world, &key, K, nodes), K);
        for (unsigned j = 0; j < K; j++)
            nearest[nodes[j]]++;
    }
    printf("max/mean %.2f held, %.2f by the nearest, bound %.2f\n", most_by_mean(held), most_by_mean(nearest),
           bound);
    EXPECT(most_by_mean(held) <= bound);
    EXPECT(most_by_mean(held) <= 1.1 * most_by_mean(nearest));
    sim_run_free(run);
}
