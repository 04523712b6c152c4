/*
 * options - reads a command line by tables of options (struct kad_option).
 *
 *     --name VALUE, --name=VALUE, --flag     anywhere among the arguments; -h and --help; "--" ends options
 *
 * getopt_long() does the splitting, so abbreviations that are unique are understood.
 */
#ifndef KAD_CLI_OPTIONS_H
#define KAD_CLI_OPTIONS_H

#include "cli/cli.h"

/* Reads argv[1..argc). Both tables may be NULL. With `stop_at_argument` the first argument ends it (global options before
 * the command). Returns the index of the first argument (argv is reordered so that all stand behind the options), or
 * -1 with a sentence in `out_why`. */
int kad_options_read(const struct kad_option *own, const struct kad_option *global, int argc, char **argv,
                     bool stop_at_argument, struct kad_options *options, char *out_why, size_t why_size);

#endif
