/* settings - a daemon's configuration out of a file and flags: defaults, then the file, then the command line. */
#ifndef KAD_CLI_SETTINGS_H
#define KAD_CLI_SETTINGS_H

#include "cli/cli.h"
#include "node/config.h"

/* 0 or KAD_E_INVALID, KAD_E_SYSTEM with what is wrong: "kad.conf:3: alpha: 0 is not between 1 and 64". `file`: NULL: none. */
KAD_CHECK int kad_cli_read_config(const struct kad_options *options, const char *file,
                                  struct kad_config *out_config, char out_why[KAD_CONFIG_WHY]);
/* One for each network: those of the command line, else those of the file. What stands behind a network's name, here or there, is
 * for it; what else is said is for all. `*out_configs` is yours to free(). KAD_E_MEMORY besides. */
KAD_CHECK int kad_cli_read_configs(const struct kad_options *options, const char *file,
                                   struct kad_config **out_configs, size_t *out_n,
                                   char out_why[KAD_CONFIG_WHY]);
/* On standard output, as a file that says the same. An exit code. */
int kad_cli_print_config(const struct kad_config *configs, size_t n);

#endif
