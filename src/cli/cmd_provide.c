/* kad provide, providers, take: who has some content, and letters, in networks with names. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/print.h"
#include "cli/show.h"

static const struct kad_option provide_options[] = {
    KAD_TEXT("at", at, "IP:PORT", "where it is to be had (default: where this node's peer record says)"),
    KAD_FLAG("keep", keep, "say it again and again, until kad withdraw"),
    KAD_FLAG("trace", trace, "show every step of the lookup"),
    KAD_OPTIONS_END,
};

static const struct kad_option providers_options[] = {
    KAD_NUMBER("prefix", prefix, "BITS", 1, 255, "tell nobody more of the key than so many bits"),
    KAD_FLAG("trace", trace, "show every step of the lookup"),
    KAD_OPTIONS_END,
};

/* {"key": "provider:CONTENT"} */
static json_t *about(const struct kad_cli *cli)
{
    json_t *parameters = kad_ask_parameters(cli);

    json_object_set_new(parameters, "key", json_sprintf("provider:%s", cli->arguments[0]));
    return parameters;
}

static int run_provide(struct kad_cli *cli)
{
    json_t *parameters;

    if (cli->options.keep && cli->options.standalone)
        return kad_cli_usage(cli, "--keep needs a node that stays: not with --standalone");
    parameters = about(cli);
    if (cli->options.at)
        json_object_set_new(parameters, "address", json_string(cli->options.at));
    if (cli->options.keep)
        json_object_set_new(parameters, "keep", json_true());
    return kad_ask(cli, "POST", "/api/dht/put", parameters, kad_show_stored);
}

const struct kad_command kad_command_provide = {
    .name = "provide",
    .arguments = "CONTENT",
    .summary = "tell the network that this node has some content",
    .details = "CONTENT is a CID, or a hash in hexadecimal digits. The record is signed by this node's "
               "identity and\n"
               "lasts 12 hours: see --keep. kad withdraw provider:CONTENT takes it back. For networks with\n"
               "identities; Mainline has kad announce.",
    .options = provide_options,
    .n_least = 1,
    .n_most = 1,
    .run = run_provide,
};

static void show_provider(const json_t *value)
{
    const json_t *problem = json_object_get(value, "problem");
    json_t *address;
    size_t i;

    if (json_is_string(problem))
        return; /* withdrawn, or not its own */
    printf("%s", kad_json_text(value, "owner"));
    json_array_foreach(json_object_get(value, "addresses"), i, address)
        printf(" %s", json_string_value(address));
    putchar('\n');
}

static void show_providers(struct kad_cli *cli, const json_t *answer, int code)
{
    json_t *value;
    size_t i;

    kad_show_trace(cli, answer);
    if (code != KAD_EXIT_DONE)
        return;
    json_array_foreach(json_object_get(answer, "values"), i, value) show_provider(value);
}

static int run_providers(struct kad_cli *cli)
{
    json_t *parameters = about(cli);

    if (cli->options.prefix.given)
        json_object_set_new(parameters, "prefix", json_integer(cli->options.prefix.value));
    return kad_ask(cli, "POST", "/api/dht/get", parameters, show_providers);
}

const struct kad_command kad_command_providers = {
    .name = "providers",
    .arguments = "CONTENT",
    .summary = "who has some content",
    .details = "Prints a line each: the identity, and its addresses if it said any; else kad find says "
               "where it is.\nExit status 1: nobody.",
    .options = providers_options,
    .n_least = 1,
    .n_most = 1,
    .run = run_providers,
};

static void show_letters(struct kad_cli *cli, const json_t *answer, int code)
{
    json_t *value;
    size_t i;

    (void)cli;
    if (code != KAD_EXIT_DONE)
        return;
    json_array_foreach(json_object_get(answer, "values"), i, value)
    {
        const json_t *text = json_object_get(value, "value");

        if (json_is_string(text))
            kad_print_text(json_string_value(text), json_string_length(text));
        else
            printf("%s", kad_json_text(value, "value_hex"));
        putchar('\n');
    }
}

static int run_take(struct kad_cli *cli)
{
    return kad_ask(cli, "POST", "/api/dht/take", kad_ask_parameters(cli), show_letters);
}

const struct kad_command kad_command_take = {
    .name = "take",
    .arguments = "",
    .summary = "the letters for this node, which are gone then",
    .details = "A line each. kad put --class msg ID TEXT writes one. What is no text is printed as "
               "hexadecimal digits.\nExit status 1: there is none.",
    .n_least = 0,
    .n_most = 0,
    .run = run_take,
};
