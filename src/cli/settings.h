/* settings - a daemon's configuration out of a file and flags: defaults, then the file, then the command line. */
#ifndef KAD_CLI_SETTINGS_H
#define KAD_CLI_SETTINGS_H

#include "cli/cli.h"
#include "node/config.h"

/* 0 or KAD_E_INVALID, KAD_E_SYSTEM with what is wrong: "kad.conf:3: alpha: 0 is not between 1 and 64". `file`: NULL: none. */
KAD_CHECK int kad_cli_read_config(const struct kad_options *options, const char *file,
                                  struct kad_config *out_config, char out_why[KAD_CONFIG_WHY]);
/* Of the network that was named as number `network` (1: the second): its own defaults, what stands behind its name on the command
 * line, and a folder of its own in the data directory. */
KAD_CHECK int kad_cli_network_config(const struct kad_options *options, size_t network,
                                     const struct kad_config *first, struct kad_config *out_config,
                                     char out_why[KAD_CONFIG_WHY]);
/* On standard output, as a file. An exit code. */
int kad_cli_print_config(const struct kad_config *config);

#endif
