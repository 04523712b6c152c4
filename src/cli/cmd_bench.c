/* kad bench: what this machine can do with this build, in half a minute. */
#include "cli/commands.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/host.h"
#include "cli/measure.h"
#include "cli/print.h"

static const struct kad_option bench_options[] = {
    KAD_FLAG("quick", quick, "in a few seconds; noisier"),
    KAD_TEXT("data-dir", data_dir, "DIR", "measure the store on this disk (default: a temporary folder)"),
    KAD_OPTIONS_END,
};

struct figures {
    struct kad_serve_figures serve[KAD_MEASURE_ASKS];
    struct kad_lookup_figures lookups;
    struct kad_store_figures memory, lmdb;
    struct kad_crypto_figures crypto;
    char machine[512], folder[4096];
    double load, cores;
};

/* -- the machine ------------------------------------------------------------------------------------------------- */

static void name_machine(struct figures *figures)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256], model[128] = "unknown processor";
    struct utsname system;

    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');

        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        snprintf(model, sizeof model, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file)
        fclose(file);
    figures->cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    if (getloadavg(&figures->load, 1) != 1)
        figures->load = 0;
    snprintf(figures->machine, sizeof figures->machine, "%s, %.0f cores, %s %s", model, figures->cores,
             uname(&system) == 0 ? system.sysname : "?", uname(&system) == 0 ? system.release : "?");
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* A folder of its own within --data-dir, so that nothing there is touched. */
static bool make_folder(const struct kad_cli *cli, struct figures *figures)
{
    const char *above = cli->options.data_dir ? cli->options.data_dir : getenv("TMPDIR");

    if (cli->options.data_dir && !kad_host_make_folder(above))
        return false;
    snprintf(figures->folder, sizeof figures->folder, "%s/kad-bench-XXXXXX",
             above && *above ? above : "/tmp");
    return mkdtemp(figures->folder) != NULL;
}

/* -- showing ----------------------------------------------------------------------------------------------------- */

#define CELL 32

static const char *rate(double per_s, char cell[CELL])
{
    if (per_s <= 0)
        return "-";
    snprintf(cell, CELL, per_s < 1000 ? "%.1f" : "%.0f", per_s);
    return cell;
}

static void show(const struct kad_cli *cli, const struct figures *figures)
{
    static const char *const serve_headings[] = {"answers to", ">answers/s", ">CPU us each", ">echo us",
                                                 ">x echo"};
    static const char *const other_headings[] = {"what", ">figure", "unit"};
    struct kad_columns columns;
    char cells[4][CELL], text[80];

    printf("%s; load %.1f\n\n", figures->machine, figures->load);
    kad_columns_init(&columns, serve_headings, KAD_COUNT_OF(serve_headings));
    for (size_t i = 0; i < KAD_MEASURE_ASKS; i++) {
        const struct kad_serve_figures *serve = &figures->serve[i];

        snprintf(cells[1], CELL, "%.2f", serve->cpu_us);
        snprintf(cells[2], CELL, "%.2f", serve->echo_us);
        snprintf(cells[3], CELL, "%.2f", serve->ratio);
        kad_columns_add(&columns, KAD_PLAIN, serve->query, rate(serve->per_s, cells[0]), cells[1], cells[2],
                        cells[3]);
    }
    kad_columns_print(&columns, cli);
    putchar('\n');
    kad_columns_init(&columns, other_headings, KAD_COUNT_OF(other_headings));
    snprintf(text, sizeof text, "lookups, %d local nodes on one core", KAD_MEASURE_NODES);
    kad_columns_add(&columns, KAD_PLAIN, text, rate(figures->lookups.per_s, cells[0]), "lookups/s");
    snprintf(cells[0], CELL, "%.2f / %.2f", figures->lookups.alone_p50_ms, figures->lookups.alone_p99_ms);
    kad_columns_add(&columns, KAD_PLAIN, "a lookup alone, p50 / p99", cells[0], "ms");
    kad_columns_add(&columns, KAD_PLAIN, "store in memory: puts", rate(figures->memory.put_per_s, cells[0]),
                    "puts/s");
    kad_columns_add(&columns, KAD_PLAIN, "store in memory: gets", rate(figures->memory.get_per_s, cells[0]),
                    "gets/s");
    kad_columns_add(&columns, KAD_PLAIN, "store in LMDB: puts", rate(figures->lmdb.put_per_s, cells[0]),
                    "puts/s");
    kad_columns_add(&columns, KAD_PLAIN, "store in LMDB: gets", rate(figures->lmdb.get_per_s, cells[0]),
                    "gets/s");
    kad_columns_add(&columns, KAD_PLAIN, "store in LMDB: puts that reached the disk",
                    rate(figures->lmdb.synced_per_s, cells[0]), "puts/s");
    kad_columns_add(&columns, KAD_PLAIN, "signatures verified", rate(figures->crypto.verify_per_s, cells[0]),
                    "1/s");
    kad_columns_add(&columns, KAD_PLAIN, "signatures made", rate(figures->crypto.sign_per_s, cells[0]),
                    "1/s");
    kad_columns_print(&columns, cli);
    if (figures->load > figures->cores / 2)
        printf("\nThe machine was busy with other things: read the ratios to the echo, not the rest.\n");
}

static json_t *stores(const struct kad_store_figures *figures)
{
    return json_pack("{s:f, s:f, s:o}", "put_per_s", figures->put_per_s, "get_per_s", figures->get_per_s,
                     "synced_put_per_s",
                     figures->synced_per_s > 0 ? json_real(figures->synced_per_s) : json_null());
}

static void print_json(const struct figures *figures, bool quick)
{
    json_t *serve = json_object(), *object;

    for (size_t i = 0; i < KAD_MEASURE_ASKS; i++) {
        const struct kad_serve_figures *one = &figures->serve[i];

        json_object_set_new(serve, one->query,
                            json_pack("{s:f, s:f, s:f, s:f, s:I, s:I}", "answers_per_s", one->per_s, "cpu_us",
                                      one->cpu_us, "echo_cpu_us", one->echo_us, "times_echo", one->ratio,
                                      "answers", (json_int_t)one->answers, "lost", (json_int_t)one->lost));
    }
    object =
        json_pack("{s:s, s:f, s:b, s:o, s:{s:i, s:f, s:f, s:f, s:f, s:I, s:I}, s:{s:o, s:o}, s:{s:f, s:f}}",
                  "machine", figures->machine, "load", figures->load, "quick", quick, "serve", serve,
                  "lookup", "nodes", KAD_MEASURE_NODES, "lookups_per_s", figures->lookups.per_s,
                  "alone_p50_ms", figures->lookups.alone_p50_ms, "alone_p99_ms",
                  figures->lookups.alone_p99_ms, "queries", figures->lookups.queries, "lookups",
                  (json_int_t)figures->lookups.lookups, "failed", (json_int_t)figures->lookups.failed,
                  "store", "memory", stores(&figures->memory), "lmdb", stores(&figures->lmdb), "signatures",
                  "verify_per_s", figures->crypto.verify_per_s, "sign_per_s", figures->crypto.sign_per_s);
    json_dumpf(object, stdout, JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(object);
}

/* -- the command ------------------------------------------------------------------------------------------------- */

static void say(const struct kad_cli *cli, const char *part)
{
    if (!cli->options.json && isatty(STDERR_FILENO))
        fprintf(stderr, "measuring %s ...\n", part);
}

/* First, so that what stands in the folder stands there for a moment only, whoever interrupts the rest. */
static bool measure_stores(const struct kad_cli *cli, struct figures *figures)
{
    const unsigned n_records = cli->options.quick ? 4000 : 40000;
    const bool good = kad_measure_store(NULL, n_records, &figures->memory) &&
                      kad_measure_store(figures->folder, n_records, &figures->lmdb);

    nftw(figures->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return good;
}

/* What failed; NULL: nothing. Answers come before lookups: they fork, and a process with threads should not. */
static const char *measure(const struct kad_cli *cli, struct figures *figures)
{
    const bool quick = cli->options.quick;

    say(cli, "stores");
    if (!measure_stores(cli, figures))
        return "the store";
    say(cli, "answers");
    if (!kad_measure_serve(quick ? 0.1 : 0.5, figures->serve))
        return "answers";
    say(cli, "lookups");
    if (!kad_measure_lookups(quick ? 0.6 : 4, &figures->lookups))
        return "lookups";
    say(cli, "signatures");
    kad_measure_crypto(quick ? 0.2 : 1, &figures->crypto);
    return NULL;
}

static int run_bench(struct kad_cli *cli)
{
    struct figures *figures = calloc(1, sizeof *figures);
    const char *failed = NULL;
    int code = KAD_EXIT_DONE;

    if (!figures)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    name_machine(figures);
    if (!make_folder(cli, figures))
        code = kad_cli_fail(cli, KAD_EXIT_INTERNAL, "cannot make a folder", figures->folder);
    else if ((failed = measure(cli, figures)) != NULL)
        code = kad_cli_fail(cli, KAD_EXIT_INTERNAL, "could not be measured", failed);
    else if (cli->options.json)
        print_json(figures, cli->options.quick);
    else
        show(cli, figures);
    free(figures);
    return code;
}

const struct kad_command kad_command_bench = {
    .name = "bench",
    .arguments = "",
    .summary = "what this machine can do: answers, lookups, puts, signatures a second",
    .details =
        "Measures this build on this machine in half a minute, over loopback and with nodes of its own; "
        "asks no\n"
        "running one. Answers are told beside those of a bare echo, a program that only sends back as "
        "many bytes:\n"
        "what that costs is the kernel's price. docs/benchmarks.md has kad beside other programs.",
    .options = bench_options,
    .n_least = 0,
    .n_most = 0,
    .offline = true,
    .run = run_bench,
};
