/* kad provide, providers, take: who has some content, and letters, in networks with names. */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/print.h"
#include "cli/show.h"
#include "http/content.h"

#define CHUNK  256 /* keys in one request */
#define TRIES  32  /* providers that --verify tries */
#define TRY_MS 5000

static const struct kad_option provide_options[] = {
    KAD_TEXT("at", at, "IP:PORT", "where it is to be had (default: where this node's peer record says)"),
    KAD_TEXT("file", file, "FILE", "a line of FILE, or - for standard input, names each piece of content"),
    KAD_FLAG("keep", keep, "say it again and again, until kad withdraw"),
    KAD_TEXT("for", duration, "TIME", "with --keep: for so long (7d), and then no longer, by itself"),
    KAD_FLAG("later", later, "with --keep: say it within minutes, with others near its key: for many"),
    KAD_FLAG("trace", trace, "show every step of the lookup"),
    KAD_OPTIONS_END,
};

static const struct kad_option providers_options[] = {
    KAD_NUMBER("prefix", prefix, "BITS", 1, 255, "tell nobody more of the key than so many bits"),
    KAD_TEXT("file", file, "FILE", "a line of FILE, or - for standard input, names each piece of content"),
    KAD_NUMBER("need", need, "K", 1, 1024, "of many: enough when so many of them were found"),
    KAD_FLAG("verify", verify, "in libp2p's networks: try each, and say which answer"),
    KAD_FLAG("first", first, "the first that are found will do"),
    KAD_FLAG("trace", trace, "show every step of the lookup"),
    KAD_OPTIONS_END,
};

static const struct kad_option query_options[] = {
    KAD_TEXT("shard-hash", shard_hash, "0xHASH", "the shard's hash, 32 bytes"),
    KAD_FLAG("verify", verify, "try each, and say which answer"),
    KAD_OPTIONS_END,
};

/* -- many -------------------------------------------------------------------------------------------------------- */

/* The arguments, or a file's lines. NULL: what is wrong was said, and *out_code is the exit code. */
static json_t *read_keys(struct kad_cli *cli, int *out_code)
{
    const char *path = cli->options.file;
    FILE *in = !path ? NULL : strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    json_t *keys = json_array();
    char line[256];

    for (int i = 0; i < cli->n_arguments; i++)
        json_array_append_new(keys, json_string(cli->arguments[i]));
    if (path && !in) {
        *out_code = kad_cli_fail(cli, KAD_EXIT_USAGE, path, strerror(errno));
        json_decref(keys);
        return NULL;
    }
    while (in && fgets(line, sizeof line, in)) {
        line[strcspn(line, "\r\n")] = 0;
        if (*line)
            json_array_append_new(keys, json_string(line));
    }
    if (in && in != stdin)
        fclose(in);
    if (json_array_size(keys) > 0)
        return keys;
    *out_code = kad_cli_usage(cli, "%s needs CONTENT, or --file with a line of it", cli->command->name);
    json_decref(keys);
    return NULL;
}

/* Keys from..to, or fewer. */
static json_t *chunk(const json_t *keys, size_t from)
{
    json_t *some = json_array();

    for (size_t i = from; i < from + CHUNK && i < json_array_size(keys); i++)
        json_array_append(some, json_array_get(keys, i));
    return some;
}

typedef void show_row(const struct kad_cli *cli, const json_t *row);

/* In as many requests as it takes; what they say comes together in one object. Takes over `keys`. */
static int ask_many(struct kad_cli *cli, const char *path, json_t *keys, int64_t need, show_row *show)
{
    json_t *all = json_array(), *answer = NULL;
    int64_t found = 0;
    int worst = KAD_EXIT_DONE;

    for (size_t from = 0; from < json_array_size(keys) && found < need; from += CHUNK) {
        json_t *parameters = kad_ask_parameters(cli), *some = chunk(keys, from);
        const int64_t n = (int64_t)json_array_size(some), left = need - found;
        int code;

        json_object_set_new(parameters, "keys", some);
        json_object_set_new(parameters, "need", json_integer(left < n ? left : n));
        kad_ask_keep(cli, parameters);
        if (cli->options.later)
            json_object_set_new(parameters, "later", json_true());
        if (cli->options.first)
            json_object_set_new(parameters, "first", json_true());
        code = kad_ask_quietly(cli, "POST", path, parameters, &answer);
        if (!answer || !json_is_array(json_object_get(answer, "keys"))) {
            json_decref(keys);
            json_decref(all);
            return answer ? kad_ask_show(cli, code, answer, NULL) : code;
        }
        if (code > worst)
            worst = code;
        found += kad_json_number(answer, "found");
        json_array_extend(all, json_object_get(answer, "keys"));
        json_decref(answer);
    }
    if (cli->options.json) {
        json_t *object =
            json_pack("{s:I, s:I, s:O}", "need", (json_int_t)need, "found", (json_int_t)found, "keys", all);

        json_dumpf(object, stdout, 0);
        putchar('\n');
        json_decref(object);
    } else {
        size_t i;
        json_t *row;

        json_array_foreach(all, i, row) show(cli, row);
        fflush(stdout);
        fprintf(stderr, "%lld of %zu\n", (long long)found, json_array_size(keys));
    }
    json_decref(keys);
    json_decref(all);
    return found >= need ? KAD_EXIT_DONE : worst;
}

/* -- one, in each of the networks ------------------------------------------------------------------------------- */

/* What one network says, of several. */
static void show_of_network(struct kad_cli *cli, const json_t *row, kad_show *show)
{
    const char *error = json_string_value(json_object_get(row, "error"));

    printf("%s:\n", kad_json_text(row, "network"));
    fflush(stdout);
    if (error)
        fprintf(stderr, "kad: %s: %s: %s\n", kad_json_text(row, "network"), error,
                kad_json_text(row, "reason"));
    else
        show(cli, row, KAD_EXIT_DONE);
}

typedef void prepare_row(struct kad_cli *cli, json_t *row);

/* Shown as the answer of the one network that was asked, or of each. Takes over `parameters`. */
static int ask_one(struct kad_cli *cli, const char *path, json_t *parameters, prepare_row *prepare,
                   kad_show *show)
{
    json_t *answer = NULL, *rows, *row;
    int code;
    size_t i;

    code = kad_ask_quietly(cli, "POST", path, parameters, &answer);
    rows = json_object_get(answer, "keys");
    if (!json_is_array(rows))
        return answer ? kad_ask_show(cli, code, answer, NULL) : code;
    json_array_foreach(rows, i, row)
    {
        if (prepare)
            prepare(cli, row);
    }
    if (json_array_size(rows) == 1) {
        row = json_incref(json_array_get(rows, 0));
        json_decref(answer);
        return kad_ask_show(cli, code, row, show);
    }
    if (cli->options.json) {
        json_dumpf(answer, stdout, 0);
        putchar('\n');
    } else {
        json_array_foreach(rows, i, row) show_of_network(cli, row, show);
    }
    json_decref(answer);
    return code;
}

/* {"keys": [CONTENT]} */
static json_t *about(const struct kad_cli *cli, const char *content)
{
    json_t *parameters = kad_ask_parameters(cli);

    json_object_set_new(parameters, "keys", json_pack("[s]", content));
    return parameters;
}

/* -- provide ----------------------------------------------------------------------------------------------------- */

static void show_provided(const struct kad_cli *cli, const json_t *row)
{
    (void)cli;
    if (json_is_string(json_object_get(row, "error")))
        fprintf(stderr, "kad: %s: %s\n", kad_json_text(row, "asked"), kad_json_text(row, "error"));
    else
        puts(kad_json_text(row, "asked"));
}

static int run_provide(struct kad_cli *cli)
{
    json_t *parameters;
    int code = KAD_EXIT_DONE;

    if (!kad_ask_keep_is_right(cli))
        return KAD_EXIT_USAGE;
    if (cli->options.later && !cli->options.keep)
        return kad_cli_usage(cli, "--later goes with --keep");
    if (cli->n_arguments != 1 || cli->options.file) {
        json_t *keys = cli->options.at ? NULL : read_keys(cli, &code);

        if (cli->options.at)
            return kad_cli_usage(cli, "--at goes with one piece of content");
        return keys ? ask_many(cli, "/api/dht/provide", keys, (int64_t)json_array_size(keys), show_provided)
                    : code;
    }
    parameters = about(cli, cli->arguments[0]);
    if (cli->options.at)
        json_object_set_new(parameters, "address", json_string(cli->options.at));
    kad_ask_keep(cli, parameters);
    if (cli->options.later)
        json_object_set_new(parameters, "later", json_true());
    return ask_one(cli, "/api/dht/provide", parameters, NULL, kad_show_stored);
}

const struct kad_command kad_command_provide = {
    .name = "provide",
    .arguments = "CONTENT...",
    .summary = "tell the network that this node has some content",
    .details = "CONTENT is a CID, or a hash in hexadecimal digits. The record is signed by this node's "
               "identity and\n"
               "lasts 12 hours: see --keep, and --for with it. kad withdraw provider:CONTENT "
               "takes it back. For networks with\n"
               "identities; Mainline has kad announce. In libp2p's networks nothing is signed, and the "
               "record lasts\n"
               "12 hours with the preset icn and 48 with ipfs. Of many, those that were told are printed. A "
               "node in several "
               "networks\n"
               "with providers tells all, unless --network names one. With --later the kad network is not "
               "asked about each at\n"
               "once: those near each other in the key space are said together, within minutes and at a "
               "fraction of the packets.",
    .options = provide_options,
    .n_least = 0,
    .n_most = 4096,
    .run = run_provide,
};

/* -- providers --------------------------------------------------------------------------------------------------- */

static void print_addresses(const json_t *addresses)
{
    json_t *address;
    size_t i;

    json_array_foreach(addresses, i, address) printf(" %s", json_string_value(address));
    putchar('\n');
}

static void show_provider(const json_t *value)
{
    const json_t *problem = json_object_get(value, "problem"), *alive = json_object_get(value, "alive");

    if (json_is_string(problem))
        return; /* withdrawn, or not its own */
    if (json_is_boolean(alive))
        printf("%s ", json_is_true(alive) ? "alive" : "dead");
    if (json_is_string(json_object_get(value, "peer_id"))) {
        printf("%s", kad_json_text(value, "peer_id"));
        print_addresses(json_object_get(value, "multiaddrs"));
    } else {
        printf("%s", kad_json_text(value, "owner"));
        print_addresses(json_object_get(value, "addresses"));
    }
}

static void show_providers(struct kad_cli *cli, const json_t *answer, int code)
{
    const json_t *providers = json_object_get(answer, "providers");
    json_t *value;
    size_t i;

    kad_show_trace(cli, answer);
    if (code != KAD_EXIT_DONE)
        return;
    json_array_foreach(providers ? providers : json_object_get(answer, "values"), i, value)
        show_provider(value);
}

/* CONTENT before each of its providers. */
static void show_found(const struct kad_cli *cli, const json_t *row)
{
    const json_t *providers = json_object_get(row, "providers");
    json_t *value;
    size_t i;

    (void)cli;
    json_array_foreach(providers ? providers : json_object_get(row, "values"), i, value)
    {
        printf("%s ", kad_json_text(row, "asked"));
        show_provider(value);
    }
}

/* Whether each is to be had, of the first few: records outlive those they are about. */
static void verify(struct kad_cli *cli, json_t *row)
{
    json_t *provider, *pong;
    size_t i;

    json_array_foreach(json_object_get(row, "providers"), i, provider)
    {
        json_t *parameters = json_object();
        int code;

        if (i == TRIES) {
            json_decref(parameters);
            return;
        }
        json_object_set(parameters, "peer", json_object_get(provider, "peer_id"));
        json_object_set(parameters, "network", json_object_get(row, "network"));
        json_object_set_new(parameters, "timeout_ms",
                            json_integer(cli->options.timeout.given ? cli->options.timeout.value : TRY_MS));
        code = kad_ask_quietly(cli, "POST", "/api/dht/ping", parameters, &pong);
        json_object_set_new(provider, "alive", json_boolean(code == KAD_EXIT_DONE));
        if (code == KAD_EXIT_DONE)
            json_object_set(provider, "rtt_ms", json_object_get(pong, "rtt_ms"));
        json_decref(pong);
    }
}

static int find_providers(struct kad_cli *cli, json_t *parameters)
{
    return ask_one(cli, "/api/dht/providers", parameters, cli->options.verify ? verify : NULL,
                   show_providers);
}

static int run_providers(struct kad_cli *cli)
{
    json_t *parameters;
    int code = KAD_EXIT_DONE;

    if (cli->n_arguments != 1 || cli->options.file) {
        json_t *keys;

        if (cli->options.verify || cli->options.prefix.given)
            return kad_cli_usage(cli, "--verify and --prefix go with one piece of content");
        keys = read_keys(cli, &code);
        return keys ? ask_many(cli, "/api/dht/providers", keys,
                               cli->options.need.given ? cli->options.need.value
                                                       : (int64_t)json_array_size(keys),
                               show_found)
                    : code;
    }
    parameters = about(cli, cli->arguments[0]);
    if (cli->options.first)
        json_object_set_new(parameters, "first", json_true());
    if (cli->options.prefix.given)
        json_object_set_new(parameters, "prefix", json_integer(cli->options.prefix.value));
    return find_providers(cli, parameters);
}

const struct kad_command kad_command_providers = {
    .name = "providers",
    .arguments = "CONTENT...",
    .summary = "who has some content",
    .details = "Prints a line each: the identity, and its addresses if it said any; else kad find says "
               "where it is. Of many,\n"
               "CONTENT stands before; --need K ends the search when K of them were found, as pieces of an "
               "erasure code want it.\n"
               "A node in several networks asks all that have providers, and says which answered what, "
               "unless --network "
               "names one.\nExit status 1: nobody, or fewer.",
    .options = providers_options,
    .n_least = 0,
    .n_most = 4096,
    .run = run_providers,
};

/* -- T024's example ---------------------------------------------------------------------------------------------- */

static int run_query(struct kad_cli *cli)
{
    struct kad_content content;
    char why[KAD_CONTENT_WHY];

    if (!cli->options.shard_hash)
        return kad_cli_usage(cli, "--shard-hash is wanted");
    if (kad_content_read_hash(cli->options.shard_hash, &content, why) != KAD_OK)
        return kad_cli_usage(cli, "--shard-hash: %s", why);
    return find_providers(cli, about(cli, cli->options.shard_hash));
}

const struct kad_command kad_command_query = {
    .name = "dht_query",
    .arguments = "",
    .summary = "the providers of a shard, by its hash (T024's name for kad providers)",
    .details =
        "What kad providers 0xHASH does, for a hash of 32 bytes only. The program does the same when it is "
        "called\ndht_query, as a link to it may be.",
    .options = query_options,
    .n_least = 0,
    .n_most = 0,
    .run = run_query,
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
