/* id_bench - what identities cost on this machine: whoever has one, and whoever wants many at a chosen place. */
#ifndef KAD_CLI_ID_BENCH_H
#define KAD_CLI_ID_BENCH_H

#include "cli/cli.h"

int kad_id_bench(struct kad_cli *cli); /* an exit code */

#endif
