/* cli - see cli.h: from a command line to a command. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/completion.h"
#include "cli/options.h"
#include "cli/standalone.h"
#include "crypto/crypto.h"
#include "node/config.h"

const struct kad_option kad_global_options[] = {
    KAD_FLAG("help", help, "show help (of a command, after its name)"),
    KAD_FLAG("json", json, "print one JSON object"),
    KAD_TEXT("node", node, "PATH", "the running node to ask: its local socket or its data directory"),
    KAD_SECONDS("timeout", timeout, "SECONDS", "how long an answer is waited for (default: the node's, 30)"),
    KAD_LIST("network", network, "NAME",
             "mainline, kad, kad-ws or libp2p (default: the asked node's first, of a new one mainline)"),
    KAD_FLAG("standalone", standalone, "ask through a short-lived read-only node of this process"),
    KAD_LIST("bootstrap", bootstrap, "HOST:PORT", "whom to join through; \"public\": the well-known hosts"),
    KAD_OPTIONS_END,
};

/* Before the command: `kad --man` writes the manual page. */
const struct kad_option kad_first_options[] = {
    KAD_FLAG("man", man, "print the manual page"),
    KAD_FLAG("man-config", man_config, "print the manual page of the configuration file"),
    KAD_FLAG("version", version, "print the version"),
    KAD_TEXT("completion", completion, "SHELL", "print what completes kad in bash, zsh or fish"),
    KAD_OPTIONS_END,
};

static bool wants_colour(void)
{
    const char *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && terminal && strcmp(terminal, "dumb") != 0;
}

int kad_cli_fail(const struct kad_cli *cli, enum kad_exit exit, const char *error, const char *reason)
{
    if (cli->options.json) {
        json_t *object = json_pack("{s:s, s:s?}", "error", error, "reason", reason);

        json_dumpf(object, stdout, JSON_ENSURE_ASCII);
        putchar('\n');
        json_decref(object);
    }
    fprintf(stderr, "kad: %s%s%s\n", error, reason && *reason ? ": " : "", reason ? reason : "");
    return (int)exit;
}

int kad_cli_usage(const struct kad_cli *cli, const char *format, ...)
{
    char why[256], hint[80];
    va_list list;

    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    snprintf(hint, sizeof hint, "see kad %s%s--help", cli->command ? cli->command->name : "",
             cli->command ? " " : "");
    return kad_cli_fail(cli, KAD_EXIT_USAGE, why, hint);
}

const struct kad_network *kad_cli_network(const struct kad_options *options)
{
    return options->network.n ? kad_network_named(options->network.items[0]) : kad_network_at(0);
}

const struct kad_command *kad_command_named(const char *name)
{
    for (size_t i = 0; kad_commands[i]; i++) {
        if (strcmp(kad_commands[i]->name, name) == 0)
            return kad_commands[i];
    }
    return NULL;
}

/* argv[0] is the command's name. */
static int run_command(struct kad_cli *cli, int argc, char **argv)
{
    const struct kad_command *command = cli->command;
    char why[256];
    int first = 1;

    if (command->passes_on)
        cli->options.help |= argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    else
        first = kad_options_read(command->options, kad_global_options, argc, argv, false, &cli->options, why,
                                 sizeof why);
    if (first < 0)
        return kad_cli_usage(cli, "%s", why);
    if (cli->options.help) {
        kad_help_command(stdout, command, cli->colour);
        return KAD_EXIT_DONE;
    }
    cli->arguments = argv + first;
    cli->n_arguments = argc - first;
    if (cli->n_arguments < command->n_least)
        return kad_cli_usage(cli, "%s needs %s", command->name, command->arguments);
    if (cli->n_arguments > command->n_most)
        return kad_cli_usage(cli, "%s does not know what to do with \"%.60s\"", command->name,
                             cli->arguments[command->n_most]);
    for (size_t i = 0; i < cli->options.network.n; i++) {
        const char *name = cli->options.network.items[i];
        const struct kad_network *network = kad_network_named(name);

        if (!network)
            return kad_cli_usage(cli, "there is no network \"%.40s\"; there are mainline and kad", name);
        if (!kad_network_is_built(network))
            return kad_cli_usage(cli, "the network %s is not in this build", name);
    }
    if (kad_crypto_init() != KAD_OK)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, "libsodium does not start", NULL);
    return command->run(cli);
}

static int print_config_manual(const struct kad_cli *cli)
{
    const size_t n = kad_config_manual(NULL, 0);
    char *text = malloc(n + 1);

    if (!text)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    kad_config_manual(text, n + 1);
    fputs(text, stdout);
    free(text);
    return KAD_EXIT_DONE;
}

/* A global option's name is never a command's, so `kad --json ping` and `kad ping --json` are the same. */
static int run(struct kad_cli *cli, int argc, char **argv)
{
    char why[256];
    int first = kad_options_read(kad_first_options, kad_global_options, argc, argv, true, &cli->options, why,
                                 sizeof why);

    if (first < 0)
        return kad_cli_usage(cli, "%s", why);
    if (cli->options.man) {
        kad_help_manual(stdout);
        return KAD_EXIT_DONE;
    }
    if (cli->options.completion)
        return kad_completion_write(stdout, cli->options.completion, kad_first_options)
                   ? KAD_EXIT_DONE
                   : kad_cli_usage(cli, "--completion takes bash, zsh or fish, not \"%.40s\"",
                                   cli->options.completion);
    if (cli->options.man_config)
        return print_config_manual(cli);
    if (cli->options.version) {
        cli->command = kad_command_named("version");
        return run_command(cli, 1, argv);
    }
    if (first < argc && strcmp(argv[first], "help") == 0) {
        cli->options.help = true;
        first++;
    }
    if (first == argc) {
        kad_help_overview(cli->options.help ? stdout : stderr, cli->colour && cli->options.help);
        return cli->options.help ? KAD_EXIT_DONE : KAD_EXIT_USAGE;
    }
    cli->command = kad_command_named(argv[first]);
    if (!cli->command)
        return kad_cli_usage(cli, "there is no command \"%.40s\"", argv[first]);
    return run_command(cli, argc - first, argv + first);
}

/* A link to the program may have T024's name for one of its commands. */
static bool is_called_query(const char *program)
{
    const char *slash = program ? strrchr(program, '/') : NULL;

    return program && strcmp(slash ? slash + 1 : program, "dht_query") == 0;
}

static int run_query(struct kad_cli *cli, int argc, char **argv)
{
    cli->command = kad_command_named("dht_query");
    return run_command(cli, argc, argv);
}

int kad_cli_main(int argc, char **argv)
{
    struct kad_cli cli = {.colour = wants_colour()};
    int code = is_called_query(argv[0]) ? run_query(&cli, argc, argv) : run(&cli, argc, argv);

    kad_standalone_free(cli.standalone);
    if (fflush(stdout) != 0 && code == KAD_EXIT_DONE)
        code = KAD_EXIT_INTERNAL; /* what was asked for did not arrive */
    return code;
}
