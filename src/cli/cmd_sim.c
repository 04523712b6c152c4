/* kad sim: hands its arguments to the simulator (sim/), which reads its own options. */
#include "cli/commands.h"

#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

/* The simulator sees what a program of its own would: its name, its arguments, and --json wherever it was said. */
static int run_sim(struct kad_cli *cli)
{
    char **argv = calloc((size_t)cli->n_arguments + 3, sizeof *argv);
    int argc = 0, status;

    if (!argv)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    argv[argc++] = "sim";
    if (cli->options.json)
        argv[argc++] = "--json";
    memcpy(argv + argc, cli->arguments, (size_t)cli->n_arguments * sizeof *argv);
    argc += cli->n_arguments;
    status = kad_sim_main(argc, argv);
    free(argv);
    return status;
}

const struct kad_command kad_command_sim = {
    .name = "sim",
    .arguments = "SCENARIO",
    .summary = "run a scenario: thousands of nodes in virtual time",
    .details =
        "SCENARIO is a file or the name of one in sim/scenarios; docs/simulator.md describes them. "
        "One seed, one\n"
        "result. Options: --seed N, --set NAME=VALUE, --with STATEMENTS, --json. kad sim lookup "
        "measures lookups:\n"
        "--nodes N, --k K, --alpha A, --tables ideal|join, --lookups M. kad sim skad measures them among "
        "colluders\n"
        "(docs/lookups.md): --nodes N, --lookups M, --part curves|methods|detector. Exit status 1: an "
        "invariant "
        "broke, "
        "or\nsomething the scenario expects did not come true.",
    .n_least = 1,
    .n_most = 100,
    .offline = true,
    .passes_on = true,
    .run = run_sim,
};
