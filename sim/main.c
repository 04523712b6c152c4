/*
 * main - runs a scenario and prints what came of it. Only this file and skad_main.c (skad_detector.c) print.
 *
 *     kad sim FILE|NAME [--seed N] [--set NAME=VALUE] [--with "STATEMENTS"] [--json]
 *     kad sim lookup [--nodes N] [--k K] [--alpha A] [--tables ideal|join] [--lookups M] [--seed N]
 *                    [--network NAME] [--json]
 *     kad sim skad [...]    lookups among colluders (sim/skad_main.c)
 */
#define _GNU_SOURCE /* popen's friends: isatty, fileno, clock_gettime, getrusage */
#include "sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "sim/figures.h"
#include "sim/siege.h"
#include "sim/skad.h"

#define TEXT_MAX    65536
#define FIGURES_MAX 96

struct options {
    const char *file; /* as given, for messages and for replaying */
    const char *nodes, *k, *alpha, *tables, *lookups, *network;
    const char *seed;
    const char *extra[32]; /* statements */
    size_t n_extra;
    bool json;
};

static int usage(void)
{
    fputs(
        "usage: kad sim FILE|NAME [--seed N] [--set NAME=VALUE] [--with STATEMENTS] [--json]\n"
        "       kad sim lookup [--nodes N] [--k K] [--alpha A] [--tables ideal|join] [--lookups M] [--seed "
        "N] [--network NAME] [--json]\n"
        "       kad sim skad [--nodes N] [--lookups M] [--seed N] [--part curves|methods|detector] [--json]\n"
        "NAME is one of sim/scenarios; docs/simulator.md lists the statements.\n",
        stderr);
    return 2;
}

static bool read_options(struct options *options, int argc, char **argv)
{
    const struct {
        const char *name;
        const char **value;
    } named[] = {
        {"--seed", &options->seed},       {"--nodes", &options->nodes},   {"--k", &options->k},
        {"--alpha", &options->alpha},     {"--tables", &options->tables}, {"--lookups", &options->lookups},
        {"--network", &options->network},
    };

    for (int i = 1; i < argc; i++) {
        bool known = false;

        if (strcmp(argv[i], "--json") == 0) {
            options->json = true;
            continue;
        }
        if (argv[i][0] != '-') {
            if (options->file)
                return false;
            options->file = argv[i];
            continue;
        }
        if (i + 1 == argc)
            return false;
        for (size_t j = 0; j < sizeof(named) / sizeof(named[0]); j++) {
            if (strcmp(argv[i], named[j].name) == 0) {
                *named[j].value = argv[i + 1];
                known = true;
            }
        }
        if (!known && options->n_extra < 32 &&
            (strcmp(argv[i], "--set") == 0 || strcmp(argv[i], "--with") == 0)) {
            if (strcmp(argv[i], "--set") == 0) {
                char *equals = strchr(argv[i + 1], '=');

                if (!equals)
                    return false;
            }
            options->extra[options->n_extra++] = argv[i + 1];
            known = true;
        }
        if (!known)
            return false;
        i++;
    }
    return options->file;
}

/* -- the scenario ----------------------------------------------------------------------------------------------- */

static bool add(struct sim_scenario *scenario, const char *name, const char *text, size_t size)
{
    char problem[SIM_PROBLEM_MAX];

    if (sim_scenario_read(scenario, (struct kad_bytes){(const uint8_t *)text, size}, problem) == 0)
        return true;
    fprintf(stderr, "%s:%s\n", name, problem);
    return false;
}

static FILE *open_scenario(const char *name)
{
    static const char *const places[] = {"%s", "sim/scenarios/%s.scn", "sim/scenarios/%s",
                                         "/usr/local/share/kad/scenarios/%s.scn"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char path[512] = "";
        const char *hole = strstr(places[i], "%s");
        FILE *file;

        snprintf(path, sizeof(path), "%.*s%s%s", (int)(hole - places[i]), places[i], name, hole + 2);
        file = fopen(path, "r");
        if (file)
            return file;
    }
    return NULL;
}

static bool read_file(struct sim_scenario *scenario, const char *name)
{
    FILE *file = open_scenario(name);
    char *text;
    size_t n;
    bool good;

    if (!file) {
        fprintf(stderr, "kad sim: there is no scenario '%s'\n", name);
        return false;
    }
    text = malloc(TEXT_MAX);
    n = text ? fread(text, 1, TEXT_MAX, file) : 0;
    good = text && !ferror(file) && n < TEXT_MAX;
    fclose(file);
    if (!good)
        fprintf(stderr, "kad sim: cannot read '%s', or it is too long\n", name);
    else
        good = add(scenario, name, text, n);
    free(text);
    return good;
}

/* Nothing but lookups: no upkeep falls into the time they take, no limits, no loss. */
static bool make_lookup(struct sim_scenario *scenario, const struct options *options)
{
    const bool join = options->tables && strcmp(options->tables, "join") == 0;
    const long nodes = options->nodes ? atol(options->nodes) : 10000;
    const long lookups = options->lookups ? atol(options->lookups) : 10000;
    char text[1024];
    int n;

    n = snprintf(
        text, sizeof(text),
        "network %s; peers %s; k %s; alpha %s; set alpha_end 0; limits off; latency world; check 0; set "
        "table_wide 0; set follow_address off;"
        "set verify_per_s %d; tables %s%s",
        options->network ? options->network : "mainline", options->nodes ? options->nodes : "10000",
        options->k ? options->k : "20", options->alpha ? options->alpha : "3", join ? 10 : 0,
        options->tables ? options->tables : "ideal", join ? " over " : "");
    if (join)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%lds; lookup %ld at %lds over %lds",
                      nodes / 100 + 1, lookups, nodes / 100 + 300, lookups / 500 + 1);
    else
        n += snprintf(text + n, sizeof(text) - (size_t)n,
                      "; set refresh_pace_ms 1h; lookup %ld at 1s over %lds", lookups, lookups / 500 + 1);
    return add(scenario, "lookup", text, (size_t)n);
}

static bool make_scenario(struct sim_scenario *scenario, const struct options *options)
{
    char text[512];

    sim_scenario_init(scenario);
    if (strcmp(options->file, "lookup") == 0 ? !make_lookup(scenario, options)
                                             : !read_file(scenario, options->file))
        return false;
    for (size_t i = 0; i < options->n_extra; i++) {
        const char *extra = options->extra[i], *equals = strchr(extra, '=');

        if (equals && !strchr(extra, ' ')) /* --set NAME=VALUE */
            snprintf(text, sizeof(text), "set %.*s %s", (int)(equals - extra), extra, equals + 1);
        else
            snprintf(text, sizeof(text), "%s", extra);
        if (!add(scenario, "--set", text, strlen(text)))
            return false;
    }
    if (options->seed) {
        snprintf(text, sizeof(text), "seed %s", options->seed);
        return add(scenario, "--seed", text, strlen(text));
    }
    return true;
}

/* -- what came of it -------------------------------------------------------------------------------------------- */

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* others may be using this machine */
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_number(FILE *out, double value)
{
    const double whole = value < 0 ? -value : value;

    if (whole == (double)(int64_t)whole && whole < 1e15)
        fprintf(out, "%" PRId64, (int64_t)value);
    else
        fprintf(out, "%.3f", value);
}

static void print_table(struct sim_run *run, double took, const struct sim_figure_row *rows, size_t n)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("%-24s %" PRIu64 "\n", "seed", run->scenario.config.seed);
    for (size_t i = 0; i < n; i++) {
        printf("%-24s ", rows[i].name);
        print_number(stdout, rows[i].value);
        printf("%s%s\n", rows[i].unit[0] == '%' ? "" : " ", rows[i].unit);
    }
    if (run->siege)
        sim_siege_print(run, stdout);
    printf("%-24s %.1f MiB\n", "resident at most", (double)usage.ru_maxrss / 1024);
    printf("%-24s %.3f s\n", "virtual time", (double)sim_world_now(run->world) / 1e6);
    printf("%-24s %.2f s\n", "processor time", took);
    printf("%-24s %.0f\n", "events per second",
           (double)sim_world_counts(run->world)->events / (took > 0 ? took : 1));
    printf("%-24s %016" PRIx64 "\n", "trace", sim_world_trace(run->world));
}

static void print_json(struct sim_run *run, double took, const struct sim_figure_row *rows, size_t n,
                       bool good)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("{\"seed\": %" PRIu64, run->scenario.config.seed);
    for (size_t i = 0; i < n; i++) {
        printf(", \"%s\": ", rows[i].name);
        print_number(stdout, rows[i].value);
    }
    printf(", \"resident_bytes\": %ld, \"virtual_s\": %.3f, \"processor_s\": %.3f, \"events_per_s\": %.0f",
           usage.ru_maxrss * 1024, (double)sim_world_now(run->world) / 1e6, took,
           (double)sim_world_counts(run->world)->events / (took > 0 ? took : 1));
    printf(", \"trace\": \"%016" PRIx64 "\", \"holds\": %s}\n", sim_world_trace(run->world),
           good ? "true" : "false");
}

static bool judge(struct sim_run *run, FILE *out)
{
    bool good = true;

    for (size_t i = 0; i < run->scenario.n_expects; i++) {
        const struct sim_expectation *expect = &run->scenario.expects[i];
        double value;
        const bool holds = sim_expectation_holds(run, expect, &value);

        good = good && holds;
        fprintf(out, "%s  %s %s ", holds ? "holds" : "FAILS", expect->metric,
                expect->comparison == SIM_AT_LEAST ? ">=" : "<=");
        print_number(out, expect->value);
        fputs(", is ", out);
        print_number(out, value);
        fputc('\n', out);
    }
    return good;
}

static void replay(const struct options *options, const struct sim_run *run)
{
    fprintf(stderr, "replay: kad sim %s --seed %" PRIu64, options->file, run->scenario.config.seed);
    for (size_t i = 0; i < options->n_extra; i++)
        fprintf(stderr, " --with '%s'", options->extra[i]);
    if (strcmp(options->file, "lookup") == 0)
        fprintf(stderr, " --nodes %s --k %s --alpha %s --tables %s --lookups %s",
                options->nodes ? options->nodes : "10000", options->k ? options->k : "20",
                options->alpha ? options->alpha : "3", options->tables ? options->tables : "ideal",
                options->lookups ? options->lookups : "10000");
    fputc('\n', stderr);
}

static bool watch(struct sim_run *run)
{
    const bool talk = isatty(fileno(stderr));
    bool good = true;

    for (int step = 1; step <= 100 && good; step++) {
        good = sim_run_until(run, run->end / 100 * step + (step == 100 ? run->end % 100 : 0));
        if (talk)
            fprintf(stderr, "\r%3d %%  %" PRIu64 " events ", step, sim_world_counts(run->world)->events);
    }
    if (talk)
        fputs("\r                                  \r", stderr);
    return good;
}

static int run_it(const struct options *options, const struct sim_scenario *scenario)
{
    struct sim_figure_row rows[FIGURES_MAX];
    struct sim_run *run;
    double began = seconds(), took;
    size_t n;
    bool good;

    if (sim_run_new(scenario, &run) != 0) {
        fputs("kad sim: out of memory, or the settings contradict one another\n", stderr);
        return 1;
    }
    if (!options->json)
        printf("%-24s %.2f s\n", "set up", seconds() - began);
    began = seconds();
    good = watch(run);
    took = seconds() - began;
    if (!good)
        fprintf(stderr, "BROKEN: %s\n", sim_world_why(run->world));
    n = sim_figures(run, rows, FIGURES_MAX);
    if (!options->json)
        print_table(run, took, rows, n);
    good = judge(run, options->json ? stderr : stdout) && good;
    if (options->json)
        print_json(run, took, rows, n, good);
    if (!good)
        replay(options, run);
    sim_run_free(run);
    return good ? 0 : 1;
}

int kad_sim_main(int argc, char **argv)
{
    struct options options = {0};
    struct sim_scenario *scenario;
    int status = 2;

    if (argc > 1 && strcmp(argv[1], "skad") == 0)
        return kad_skad_main(argc, argv);
    if (!read_options(&options, argc, argv))
        return usage();
    scenario = malloc(sizeof(*scenario));
    if (scenario && make_scenario(scenario, &options))
        status = run_it(&options, scenario);
    free(scenario);
    return status;
}
