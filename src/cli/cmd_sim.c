/* kad sim: hands its arguments to the simulator (sim/), which reads its own options. */
#include "cli/commands.h"

#if __has_include("sim/sim.h")
#include "sim/sim.h"

static int run_sim(struct kad_cli *cli)
{
    /* argv as a program of its own would see it: the command's name comes first. */
    return kad_sim_main(cli->n_arguments + 1, cli->arguments - 1);
}

const struct kad_command kad_command_sim = {
    .name = "sim",
    .arguments = "SCENARIO",
    .summary = "run a scenario: thousands of nodes in virtual time",
    .details = "SCENARIO is a file; sim/scenarios has some. One seed, one result.",
    .n_least = 1,
    .n_most = 100,
    .offline = true,
    .passes_on = true,
    .run = run_sim,
};
#endif
