/* kad config: looks at a configuration file before a node does, and at a running node's settings. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/print.h"
#include "cli/settings.h"
#include "cli/show.h"

/* -- check ------------------------------------------------------------------------------------------------------- */

/* "kad.conf:3: alpha: 0 is not ..." in its parts: what there is of them. */
static json_t *parts_of(const char *why, const char *file)
{
    const size_t n = file ? strlen(file) : 0;
    char *end;
    json_t *object = json_pack("{s:b, s:s?}", "valid", 0, "file", file);
    long line;

    if (n && strncmp(why, file, n) == 0 && why[n] == ':') {
        line = strtol(why + n + 1, &end, 10);
        if (line > 0 && *end == ':') {
            json_object_set_new(object, "line", json_integer(line));
            why = end + 2;
        }
    }
    json_object_set_new(object, "reason", json_string(why));
    return object;
}

static int check(struct kad_cli *cli)
{
    const char *file = cli->n_arguments > 1 ? cli->arguments[1] : cli->options.config;
    struct kad_config *configs = NULL;
    char why[KAD_CONFIG_WHY];
    json_t *answer;
    size_t n = 0;
    const int error = kad_cli_read_configs(&cli->options, file, &configs, &n, why);

    if (error == KAD_OK && cli->options.print_config && !cli->options.json)
        (void)kad_cli_print_config(configs, n);
    free(configs);
    if (cli->options.json) {
        answer = error ? parts_of(why, file) : json_pack("{s:b, s:s?}", "valid", 1, "file", file);
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(answer);
    } else if (error) {
        fprintf(stderr, "kad: %s\n", why);
    } else if (!cli->options.print_config) {
        printf("%s: valid\n", file ? file : "defaults");
    }
    return error ? KAD_EXIT_USAGE : KAD_EXIT_DONE;
}

/* -- of a running node ------------------------------------------------------------------------------------------- */

/* By its key, or its place among all settings: network.dht.KEY. */
static bool is_named(const json_t *setting, const char *name)
{
    const char *path = json_string_value(json_object_get(setting, "path"));

    return strcmp(kad_json_text(setting, "key"), name) == 0 || (path && strcmp(path, name) == 0);
}

static void show_settings(struct kad_cli *cli, const json_t *answer, int code)
{
    static const char *const headings[] = {"key", "value", "changes"};
    const char *only = cli->n_arguments > 1 ? cli->arguments[1] : NULL;
    struct kad_columns columns;
    json_t *setting;
    size_t i;

    if (code != KAD_EXIT_DONE)
        return;
    kad_columns_init(&columns, headings, sizeof headings / sizeof headings[0]);
    json_array_foreach(json_object_get(answer, "settings"), i, setting)
    {
        const char *key = kad_json_text(setting, "key");
        const bool live = kad_json_number(setting, "live") > 0;

        if (only && !is_named(setting, only))
            continue;
        kad_columns_add(&columns, live ? KAD_PLAIN : KAD_DIM, key, kad_json_text(setting, "value"),
                        live ? "live" : "with a restart");
    }
    kad_columns_print(&columns, cli);
}

static bool has_setting(const json_t *answer, const char *name)
{
    json_t *setting;
    size_t i;

    json_array_foreach(json_object_get(answer, "settings"), i, setting)
    {
        if (is_named(setting, name))
            return true;
    }
    return false;
}

static int show(struct kad_cli *cli)
{
    json_t *answer = NULL;
    const int code = kad_ask_quietly(cli, "GET", "/api/settings", json_object(), &answer);

    if (code == KAD_EXIT_DONE && cli->n_arguments > 1 && !has_setting(answer, cli->arguments[1])) {
        json_decref(answer);
        return kad_cli_fail(cli, KAD_EXIT_NOT_FOUND, cli->arguments[1], "no such setting of a running node");
    }
    return answer ? kad_ask_show(cli, code, answer, show_settings) : code;
}

static void show_changes(struct kad_cli *cli, const json_t *answer, int code)
{
    json_t *change;
    size_t i;

    (void)cli;
    if (code != KAD_EXIT_DONE)
        return;
    json_array_foreach(json_object_get(answer, "changed"), i, change)
        printf("%s: %s -> %s\n", kad_json_text(change, "key"), kad_json_text(change, "old"),
               kad_json_text(change, "new"));
    if (i == 0)
        printf("nothing changed\n");
}

static int set(struct kad_cli *cli)
{
    json_t *wanted = json_object();

    if (cli->n_arguments < 3 || cli->n_arguments % 2 == 0) {
        json_decref(wanted);
        return kad_cli_usage(cli, "config set wants KEY VALUE, or several of them");
    }
    for (int i = 1; i < cli->n_arguments; i += 2)
        json_object_set_new(wanted, cli->arguments[i], json_string(cli->arguments[i + 1]));
    return kad_ask(cli, "PATCH", "/api/settings", wanted, show_changes);
}

static int run_config(struct kad_cli *cli)
{
    const char *what = cli->arguments[0];

    if (strcmp(what, "set") == 0)
        return set(cli);
    if (cli->n_arguments > 2)
        return kad_cli_usage(cli, "config %s wants at most one argument", what);
    if (strcmp(what, "check") == 0)
        return check(cli);
    if (strcmp(what, "show") == 0)
        return show(cli);
    return kad_cli_usage(cli, "config %s: there is check, show and set", what);
}

static const struct kad_option config_options[] = {
    KAD_TEXT("config", config, "FILE", "check: the same as the argument"),
    KAD_LIST("set", set, "KEY=VALUE", "check: with this over the file, as kad node has it"),
    KAD_FLAG("print-config", print_config, "check: print all that would hold, as a configuration file"),
    KAD_OPTIONS_END,
};

const struct kad_command kad_command_config = {
    .name = "config",
    .arguments = "check [FILE] | show [KEY] | set KEY VALUE ...",
    .summary = "check a configuration; see and change a running node's settings",
    .details =
        "check reads a file as kad node would: 0 when it is valid, 2 when not, with file, line and "
        "reason. show and set\n"
        "ask the running node. What is set holds until the node ends or reads its file again (SIGHUP); "
        "several settings\n"
        "are changed all or none.",
    .options = config_options,
    .n_least = 1,
    .n_most = 41,
    .run = run_config,
};
