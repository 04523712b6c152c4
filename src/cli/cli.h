/*
 * cli - what the commands of `kad` share: a table of commands, options described as data, exit codes.
 *
 * A command is a row (struct kad_command) with a function that gets the options and arguments read. Its help and its part
 * of the manual page come out of the same row. All options' values stand in one structure, struct kad_options; a
 * command lists those it knows. Global options may stand before the command or after it.
 */
#ifndef KAD_CLI_CLI_H
#define KAD_CLI_CLI_H

#include <jansson.h>

#include "kad/node.h"

/* A contract with scripts: ARCHITECTURE.md, "The command line". */
enum kad_exit {
    KAD_EXIT_DONE = 0,
    KAD_EXIT_NOT_FOUND = 1,
    KAD_EXIT_USAGE = 2,
    KAD_EXIT_NO_ANSWER = 3, /* in time; or no node runs to be asked */
    KAD_EXIT_REFUSED = 4,
    KAD_EXIT_INTERNAL = 5,
};

#define KAD_LIST_MAX 64

struct kad_list {
    const char *items[KAD_LIST_MAX]; /* of argv */
    uint8_t networks[KAD_LIST_MAX];  /* beside each how often --network stood before it */
    size_t n;
};

struct kad_number {
    int64_t value;
    bool given;
};

struct kad_options {
    /* global */
    bool help, json, standalone, man, man_config, version;
    const char *node, *completion;
    struct kad_list network, bootstrap;
    struct kad_number timeout; /* milliseconds */
    /* requests */
    bool trace, first, keep, later, seed, scrape, raw, mutable, new_key;
    const char *salt, *file, *key_file, *at, *as, *class_name, *duration;
    bool unlinked, unlinked_now;
    struct kad_number seq, cas, port, prefix;
    /* kad node */
    struct kad_list listen, set, bootstrap_peers;
    bool read_only, print_config, public_api;
    const char *record;
    struct kad_number record_max;
    const char *data_dir, *identity, *name, *log_level, *log_format, *config, *store, *api, *metrics;
    struct kad_number nodes;
    /* kad providers */
    struct kad_number need;
    bool verify;
    const char *shard_hash;
    /* kad manifest */
    bool txt;
    const char *trust;
    /* kad doctor, get */
    bool report, explain;
    struct kad_number patience, wait;
    /* kad id */
    bool passphrase, open;
    const char *passphrase_file;
    const char *preset;
    struct kad_number bits, jobs;
    /* kad record, replay, crawl */
    bool stop, list_nodes, quick;
    struct kad_number length, until, rate, most;
};

enum kad_option_kind {
    KAD_OPTION_FLAG,
    KAD_OPTION_TEXT,
    KAD_OPTION_NUMBER,
    KAD_OPTION_SECONDS,
    KAD_OPTION_LIST
};

struct kad_option {
    const char *name;
    enum kad_option_kind kind;
    size_t offset;       /* in struct kad_options */
    const char *metavar; /* unless FLAG */
    const char *help;
    int64_t least, most; /* NUMBER */
};

/* clang-format off */
#define KAD_FLAG(name, field, help) {name, KAD_OPTION_FLAG, offsetof(struct kad_options, field), NULL, help, 0, 0}
#define KAD_TEXT(name, field, metavar, help) \
    {name, KAD_OPTION_TEXT, offsetof(struct kad_options, field), metavar, help, 0, 0}
#define KAD_NUMBER(name, field, metavar, least, most, help) \
    {name, KAD_OPTION_NUMBER, offsetof(struct kad_options, field), metavar, help, least, most}
#define KAD_SECONDS(name, field, metavar, help) \
    {name, KAD_OPTION_SECONDS, offsetof(struct kad_options, field), metavar, help, 0, 0}
#define KAD_LIST(name, field, metavar, help) \
    {name, KAD_OPTION_LIST, offsetof(struct kad_options, field), metavar, help, 0, 0}
#define KAD_OPTIONS_END {NULL, KAD_OPTION_FLAG, 0, NULL, NULL, 0, 0}
/* clang-format on */

struct kad_standalone;

struct kad_cli {
    struct kad_options options;
    const struct kad_command *command;
    char **arguments;
    int n_arguments;
    bool colour;                       /* standard output is a terminal that wants it */
    struct kad_standalone *standalone; /* with --standalone, from the first request on */
};

/* The network that was asked for, the first if several were; else the first of this build, which is Mainline if it is in. */
const struct kad_network *kad_cli_network(const struct kad_options *options);

struct kad_command {
    const char *name;
    const char *arguments;            /* as in the synopsis; may be empty */
    const char *summary;              /* one line */
    const char *details;              /* paragraphs, newline-separated; may be NULL */
    const struct kad_option *options; /* its own; NULL: none */
    int n_least, n_most;              /* arguments */
    bool offline;                     /* asks no node: the options that choose one mean nothing */
    bool passes_on;                   /* its arguments are read elsewhere, options and all */
    int (*run)(struct kad_cli *cli);  /* an exit code */
};

int kad_cli_main(int argc, char **argv);

/* All commands in the order of the help; ends with a NULL name. */
extern const struct kad_command *const kad_commands[];
extern const struct kad_option kad_global_options[];
extern const struct kad_option kad_first_options[];            /* before the command only */
const struct kad_command *kad_command_named(const char *name); /* NULL: none */

/* Says what is wrong with the command line and where help is. Returns KAD_EXIT_USAGE. */
int kad_cli_usage(const struct kad_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "kad: ..." on standard error; with --json also {"error": ..., "reason": ...} on standard output. Returns `exit`. */
int kad_cli_fail(const struct kad_cli *cli, enum kad_exit exit, const char *error, const char *reason);

/* help.c */
void kad_help_overview(FILE *out, bool colour);
void kad_help_command(FILE *out, const struct kad_command *command, bool colour);
void kad_help_manual(FILE *out); /* kad.1, in mdoc */

#endif
