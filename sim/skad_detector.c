/* skad_detector - how often the density of the nearest gives Sybils around a key away, and how often it cries wolf. */
#include <stdio.h>

#include "core/confidence.h"
#include "sim/skad_parts.h"

#define K      SKAD_NEAREST
#define WORLDS 100
#define NODES  10000
#define ALARM  6.0 /* D below this: one honest key in 200,000 (SCORECARD, section 3) */

/* P(Gamma(K - sybils) < ALARM): the farthest of the K nearest is the (K - sybils)-th honest one, at least the first. */
double skad_alarms_expected(unsigned sybils)
{
    return kad_gamma_below(sybils < K ? K - sybils : 1, ALARM);
}

int skad_alarms(uint64_t seed, uint64_t keys, uint64_t worlds, double out_shares[K + 1], uint64_t *out_n)
{
    uint64_t alarms[K + 1] = {0};
    uint64_t n = 0;

    for (uint64_t i = 0; i < worlds; i++) {
        struct sim_rng rng = {sim_mix(seed, i, 77)}; /* not what the ids come from */
        struct skad_world world;
        const int error = skad_world_new(&world, NODES, K, seed + i);

        for (uint64_t j = 0; !error && j < keys / worlds; j++, n++) {
            const uint64_t target = sim_random(&rng);
            uint32_t nearest[K];

            skad_nearest(&world, target, K, nearest);
            for (unsigned sybils = 0; sybils <= K; sybils++) {
                const uint32_t farthest = nearest[sybils < K ? K - sybils - 1 : 0];

                alarms[sybils] += (double)(world.ids[farthest] ^ target) * 0x1p-64 * NODES < ALARM;
            }
        }
        skad_world_free(&world);
        if (error)
            return error;
    }
    for (unsigned sybils = 0; sybils <= K; sybils++)
        out_shares[sybils] = (double)alarms[sybils] / (double)n;
    *out_n = n;
    return 0;
}

int skad_detector(uint64_t seed, uint64_t keys, bool json)
{
    double shares[K + 1];
    uint64_t n;
    const int error = skad_alarms(seed, keys, WORLDS, shares, &n);

    if (error)
        return error;
    if (json)
        printf("\"detector\":[");
    else
        printf("\nThe density of the %d nearest, alarm when D < %.0f, %llu keys\n sybils   alarms  closed "
               "form\n",
               K, ALARM, (unsigned long long)n);
    for (unsigned sybils = 0; sybils <= K; sybils += sybils ? 1 : 5) {
        const double share = shares[sybils];
        if (json)
            printf("%s{\"sybils\":%u,\"alarms\":%.7f,\"closed_form\":%.7f}", sybils ? "," : "", sybils, share,
                   skad_alarms_expected(sybils));
        else
            printf("%7u %8.4f%% %11.4f%%\n", sybils, 100 * share, 100 * skad_alarms_expected(sybils));
    }
    if (json)
        printf("]");
    return 0;
}
