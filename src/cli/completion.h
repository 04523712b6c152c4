/* completion - scripts that complete kad's command line in bash, zsh and fish, out of the table of commands. */
#ifndef KAD_CLI_COMPLETION_H
#define KAD_CLI_COMPLETION_H

#include <stdio.h>

#include "cli/cli.h"

/* False: there is no such shell. `first`: the options that stand before a command only. */
bool kad_completion_write(FILE *out, const char *shell, const struct kad_option *first);

#endif
