/*
 * skad_main - measures lookups among colluders and prints what came of it.
 *
 *     kad sim skad [--nodes N] [--lookups M] [--seed N] [--part curves|methods|detector] [--json]
 *
 * curves: the paper's rules, d = 1, 2, 4, 8, by the engine's code and by the model. methods: kad's rules, plain Kademlia and
 * libp2p's, against colluders who know everything. detector: what the density of the nearest tells of Sybils. Exit status 1: the engine's curves are not the model's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/skad_parts.h"

#define TOLERANCE 0.015 /* between curves (SCORECARD, row 1) */
#define STEPS     19    /* 0 .. 90 % of adversaries, by five */
#define PAPER_K   16    /* the paper's k and s */
#define KAD_K     20

static const struct skad_rules methods[] = {
    {"plain, alpha 3", 1, 20, 3, 0, 20, 0, 0, true, 0},
    {"libp2p: alpha 10, resiliency 3", 1, 20, 10, 0, 20, 3, 0, true, 0},
    {"kad, 1 path", 1, 20, 3, 4, 64, 0, 0, true, 0},
    {"kad, 4 paths", 4, 20, 1, 4, 64, 0, 0, true, 0},
    {"kad, 8 paths, no quota", 8, 10, 1, 0, 64, 0, 0, true, 0},
    {"kad, 8 paths", 8, 10, 1, 4, 64, 0, 1, true, 0},
    {"kad, a get", 1, 20, 3, 4, 64, 0, 0, true, 8},
};

struct options {
    int64_t nodes, lookups, seed;
    bool curves, methods, detector, json;
};

static bool read_options(struct options *options, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--json") == 0) {
            options->json = true;
            continue;
        }
        i++;
        if (strcmp(argv[i - 1], "--nodes") == 0 &&
            kad_parse_number(value, 100, 10000000, &options->nodes) == 0)
            continue;
        if (strcmp(argv[i - 1], "--lookups") == 0 &&
            kad_parse_number(value, 10, 100000000, &options->lookups) == 0)
            continue;
        if (strcmp(argv[i - 1], "--seed") == 0 && kad_parse_number(value, 0, INT64_MAX, &options->seed) == 0)
            continue;
        if (strcmp(argv[i - 1], "--part") != 0)
            return false;
        options->curves = strcmp(value, "curves") == 0;
        options->methods = strcmp(value, "methods") == 0;
        options->detector = strcmp(value, "detector") == 0;
        if (!options->curves && !options->methods && !options->detector)
            return false;
    }
    return true;
}

/* -- the paper's curves ----------------------------------------------------------------------------------------- */

/* One path that needs h honest hops: of P(h) as measured without adversaries. */
static double expected(const struct skad_figures *clean, double bad)
{
    double sum = 0, honest = 1;

    for (int h = 0; h < SKAD_HOPS; h++, honest *= 1 - bad)
        sum += honest * (double)clean->at_hop[h] / (double)clean->n;
    return sum;
}

static double apart(double a, double b)
{
    return a > b ? a - b : b - a;
}

static int curve(const struct skad_world *world, const struct options *options, unsigned d, double *worst)
{
    const struct skad_rules rules = {"paper", d, PAPER_K, 1, 0, PAPER_K, 0, 0, false, 0};
    struct skad_figures clean = {0};

    for (uint32_t step = 0; step < STEPS; step++) {
        const double bad = 0.05 * step;
        const struct skad_case like = {
            .rules = &rules, .adversary = SKAD_STOPS, .bad_ppm = 50000 * step, .siblings = PAPER_K};
        struct skad_figures engine, model;
        double by_engine, by_model, formula;
        int error = skad_measure(world, &like, (uint64_t)options->lookups, false, &engine);

        error = error ? error : skad_measure(world, &like, (uint64_t)options->lookups, true, &model);
        if (error)
            return error;
        if (step == 0)
            clean = engine;
        by_engine = (double)engine.found / (double)engine.n;
        by_model = (double)model.found / (double)model.n;
        formula = expected(&clean, bad);
        if (apart(by_engine, by_model) > *worst)
            *worst = apart(by_engine, by_model);
        if (d == 1 && apart(by_engine, formula) > *worst)
            *worst = apart(by_engine, formula);
        if (options->json)
            printf("%s{\"paths\":%u,\"bad\":%.2f,\"engine\":%.5f,\"model\":%.5f,\"formula\":%.5f,\"asked\":%."
                   "2f}",
                   d > 1 || step ? "," : "", d, bad, by_engine, by_model, d == 1 ? formula : -1,
                   engine.asked);
        else if (d == 1)
            printf("%5u %6.0f%% %9.2f%% %9.2f%% %9.2f%% %8.1f\n", d, 100 * bad, 100 * by_engine,
                   100 * by_model, 100 * formula, engine.asked);
        else
            printf("%5u %6.0f%% %9.2f%% %9.2f%% %10s %8.1f\n", d, 100 * bad, 100 * by_engine, 100 * by_model,
                   "", engine.asked);
        fflush(stdout);
    }
    return 0;
}

static int curves(const struct options *options, double *worst)
{
    struct skad_world world;
    int error = skad_world_new(&world, (uint32_t)options->nodes, PAPER_K, (uint64_t)options->seed);

    if (options->json)
        printf("\"curves\":[");
    else
        printf("S/Kademlia's rules, %" PRId64 " nodes, k = s = %d, alpha = 1, %" PRId64 " lookups a row\n"
               "paths    bad     engine      model    formula  queries\n",
               options->nodes, PAPER_K, options->lookups);
    for (unsigned d = 1; d <= 8 && !error; d *= 2)
        error = curve(&world, options, d, worst);
    if (options->json)
        printf("],\"apart\":%.5f", *worst);
    else
        printf("at most %.2f points between engine and model, and formula with one path (%.1f are allowed)\n",
               100 * *worst, 100 * TOLERANCE);
    skad_world_free(&world);
    return error;
}

/* -- methods ---------------------------------------------------------------------------------------------------- */

static int compare(const struct options *options)
{
    const uint64_t lookups = (uint64_t)options->lookups > 40 ? (uint64_t)options->lookups / 4 : 10;
    struct skad_world world;
    int error = skad_world_new(&world, (uint32_t)options->nodes, KAD_K, (uint64_t)options->seed);

    if (options->json)
        printf("\"methods\":[");
    else
        printf("\nColluders who know everything, %" PRId64 " nodes, k = %d, %" PRIu64 " lookups a row\n"
               "%-34s    bad     found    surely  reached  queries  to first\n",
               options->nodes, KAD_K, lookups, "method");
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]) && !error; i++) {
        for (uint32_t bad = 0; bad <= 60 && !error; bad += bad ? 10 : 20) {
            const struct skad_case like = {.rules = &methods[i],
                                           .adversary = SKAD_OMNISCIENT,
                                           .bad_ppm = 10000 * bad,
                                           .siblings = KAD_K};
            struct skad_figures figures;

            error = skad_measure(&world, &like, lookups, false, &figures);
            if (error)
                break;
            if (options->json)
                printf("%s{\"method\":\"%s\",\"bad\":%.2f,\"found\":%.5f,\"surely\":%.5f,\"reached\":%.5f,"
                       "\"asked\":%.2f,\"to_"
                       "first\":%.2f}",
                       i || bad ? "," : "", methods[i].name, bad / 100.0,
                       (double)figures.found / (double)figures.n, figures.lowest, figures.reached,
                       figures.asked, figures.to_found);
            else
                printf("%-34s %5u%% %8.2f%% %8.2f%% %7.1f%% %8.1f %9.1f\n", methods[i].name, bad,
                       100.0 * (double)figures.found / (double)figures.n, 100 * figures.lowest,
                       100 * figures.reached, figures.asked, figures.to_found);
            fflush(stdout);
        }
    }
    if (options->json)
        printf("]");
    skad_world_free(&world);
    return error;
}

int kad_skad_main(int argc, char **argv)
{
    struct options options = {
        .nodes = 10000, .lookups = 40000, .seed = 1, .curves = true, .methods = true, .detector = true};
    double worst = 0;
    int error = 0;

    if (!read_options(&options, argc, argv)) {
        fputs("usage: kad sim skad [--nodes N] [--lookups M] [--seed N] [--part curves|methods|detector] "
              "[--json]\n",
              stderr);
        return 2;
    }
    if (options.json)
        printf("{\"nodes\":%" PRId64 ",\"lookups\":%" PRId64 ",\"seed\":%" PRId64 ",", options.nodes,
               options.lookups, options.seed);
    if (options.curves)
        error = curves(&options, &worst);
    if (options.json && options.curves && options.methods)
        printf(",");
    if (options.methods && !error)
        error = compare(&options);
    if (options.json && options.detector && options.methods)
        printf(",");
    if (options.detector && !error)
        error = skad_detector((uint64_t)options.seed, (uint64_t)options.lookups * 25, options.json);
    if (options.json)
        printf("}\n");
    if (error) {
        fprintf(stderr, "kad sim skad: %s\n", kad_error_text(error));
        return 1;
    }
    return worst > TOLERANCE;
}
