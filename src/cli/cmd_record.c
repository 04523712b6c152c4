/* kad record: the flight recorder of a running node (docs/replay.md). */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/print.h"

static const struct kad_option record_options[] = {
    KAD_SECONDS("for", length, "SECONDS", "end by itself after this long (default: 60)"),
    KAD_NUMBER("max", most, "MB", 1, 1000000, "end by itself at this size (default: 256)"),
    KAD_FLAG("stop", stop, "end the recording that is being made"),
    KAD_OPTIONS_END,
};

static void show_recording(struct kad_cli *cli, const json_t *answer, int code)
{
    if (code != KAD_EXIT_DONE)
        return;
    kad_print_pair(cli, "file", "%s", kad_json_text(answer, "path"));
    kad_print_pair(cli, "state", "%s",
                   json_is_true(json_object_get(answer, "running"))    ? "recording"
                   : json_is_true(json_object_get(answer, "complete")) ? "complete"
                                                                       : "cut off");
    kad_print_pair(cli, "bytes", "%lld", (long long)kad_json_number(answer, "bytes"));
    kad_print_pair(cli, "datagrams", "%lld", (long long)kad_json_number(answer, "datagrams"));
    kad_print_pair(cli, "requests", "%lld", (long long)kad_json_number(answer, "requests"));
}

/* The node has a working directory of its own. */
static bool absolute(const char *path, char *out_path, size_t size)
{
    char folder[4096];

    if (path[0] == '/')
        return snprintf(out_path, size, "%s", path) < (int)size;
    if (!getcwd(folder, sizeof folder))
        return false;
    return snprintf(out_path, size, "%s/%s", folder, path) < (int)size;
}

static int run_record(struct kad_cli *cli)
{
    const kad_ms length = cli->options.length.given ? cli->options.length.value : KAD_MINUTE;
    json_t *parameters;
    char path[4096];

    if (cli->options.standalone)
        return kad_cli_usage(cli, "a node that is running is recorded: not with --standalone");
    if (cli->options.stop)
        return cli->n_arguments ? kad_cli_usage(cli, "--stop takes no file")
                                : kad_ask(cli, "POST", "/api/record/stop", json_object(), show_recording);
    if (cli->n_arguments == 0)
        return kad_ask(cli, "GET", "/api/record", json_object(), show_recording);
    if (!absolute(cli->arguments[0], path, sizeof path))
        return kad_cli_usage(cli, "%s: the name is too long", cli->arguments[0]);
    if (length <= 0)
        return kad_cli_usage(cli, "--for: longer than that");
    parameters = json_pack("{s:s, s:I}", "path", path, "duration_ms", (json_int_t)length);
    if (parameters && cli->options.most.given)
        json_object_set_new(parameters, "max_bytes", json_integer(cli->options.most.value << 20));
    return kad_ask(cli, "POST", "/api/record/start", parameters, show_recording);
}

const struct kad_command kad_command_record = {
    .name = "record",
    .arguments = "[FILE]",
    .summary = "have a running node write down everything that goes into it",
    .details = "Begins a recording and returns; the node makes FILE, which must not exist. Without FILE: "
               "how the\n"
               "recording stands, or the last one ended. kad replay runs it again. It holds what everybody "
               "said to\n"
               "the node: keep it to yourself.",
    .options = record_options,
    .n_least = 0,
    .n_most = 1,
    .run = run_record,
};
