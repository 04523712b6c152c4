/* without_sim - stands for the simulator in a build that leaves it out (cmake/parts.cmake). */
#include <stdio.h>

#include "cli/cli.h"
#include "sim/sim.h"

int kad_sim_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fputs("kad: the simulator is not in this build\n", stderr);
    return KAD_EXIT_USAGE;
}
