/* ask - see ask.h. */
#include "cli/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/http_client.h"
#include "cli/print.h"
#include "cli/standalone.h"
#include "node/config_keys.h"

/* A request the node gives up by itself after 30 s at most unless told otherwise; then it still has to say so. */
#define DEFAULT_TIMEOUT_MS (60 * KAD_SECOND)
#define VALUE_TIMEOUT_MS   (15 * KAD_MINUTE) /* a long value is many such requests (http/blocks.h) */
#define GRACE_MS           (3 * KAD_SECOND)

void kad_default_data_dir(char *out_path, size_t size)
{
    const char *chosen = getenv("KAD_DATA_DIR"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

    if (chosen && *chosen)
        snprintf(out_path, size, "%s", chosen);
    else if (geteuid() == 0)
        snprintf(out_path, size, "/var/lib/kad");
    else if (data && *data)
        snprintf(out_path, size, "%s/kad", data);
    else
        snprintf(out_path, size, "%s/.local/share/kad", home ? home : "");
}

void kad_ask_socket(const struct kad_cli *cli, char *out_path, size_t size)
{
    struct stat status;
    char folder[4096];

    if (cli->options.node)
        snprintf(folder, sizeof folder, "%s", cli->options.node);
    else
        kad_default_data_dir(folder, sizeof folder);
    if (!cli->options.node || (stat(folder, &status) == 0 && S_ISDIR(status.st_mode)))
        snprintf(out_path, size, "%s/kad.sock", folder);
    else
        snprintf(out_path, size, "%s", folder);
}

json_t *kad_ask_parameters(const struct kad_cli *cli)
{
    json_t *parameters = json_object();

    if (cli->options.timeout.given)
        json_object_set_new(parameters, "timeout_ms", json_integer(cli->options.timeout.value));
    if (cli->options.trace)
        json_object_set_new(parameters, "trace", json_true());
    return parameters;
}

/* -1: it says no such time. */
static kad_ms keep_for(const struct kad_cli *cli)
{
    const char *text = cli->options.duration;
    kad_ms for_ms;

    return text && kad_duration_read(text, &for_ms) && for_ms >= KAD_MINUTE ? for_ms : -1;
}

bool kad_ask_keep_is_right(const struct kad_cli *cli)
{
    const char *wrong = NULL;

    if (cli->options.keep && cli->options.standalone)
        wrong = "--keep needs a node that stays: not with --standalone";
    else if (cli->options.duration && !cli->options.keep)
        wrong = "--for goes with --keep";
    else if (cli->options.duration && keep_for(cli) < 0)
        wrong = "--for wants a time such as 30m, 12h, 7d";
    if (wrong)
        (void)kad_cli_usage(cli, "%s", wrong);
    return !wrong;
}

void kad_ask_keep(const struct kad_cli *cli, json_t *parameters)
{
    if (cli->options.keep)
        json_object_set_new(parameters, "keep", json_true());
    if (cli->options.duration)
        json_object_set_new(parameters, "keep_for_ms", json_integer(keep_for(cli)));
}

static int exit_of(unsigned status, const json_t *answer)
{
    switch (status) {
    case 200:
        return KAD_EXIT_DONE;
    case 400:
        return KAD_EXIT_USAGE;
    case 404:
        return strcmp(kad_json_text(answer, "error"), "not found") == 0 ? KAD_EXIT_NOT_FOUND
                                                                        : KAD_EXIT_INTERNAL;
    case 504:
        return KAD_EXIT_NO_ANSWER;
    case 409:
    case 429:
    case 503:
        return KAD_EXIT_REFUSED;
    default:
        return KAD_EXIT_INTERNAL;
    }
}

static void show_waiting(void *context, kad_ms waited_ms)
{
    (void)context;
    if (waited_ms >= 500)
        fprintf(stderr, "\r\033[K%lld.%lld s ...", (long long)(waited_ms / 1000),
                (long long)(waited_ms / 100 % 10));
}

static int say_no_node(const struct kad_cli *cli, const char *socket, int error)
{
    char reason[4400];

    switch (error) {
    case KAD_E_NOT_FOUND:
    case KAD_E_REFUSED:
        snprintf(reason, sizeof reason,
                 "%s: %s; start one with `kad node`, name one with --node, or use --standalone", socket,
                 errno == EACCES ? "permission denied" : "nobody there");
        return kad_cli_fail(cli, KAD_EXIT_NO_ANSWER, "no node answers", reason);
    case KAD_E_TIMEOUT:
        return kad_cli_fail(cli, KAD_EXIT_NO_ANSWER, "DHT query timeout", "the node itself does not answer");
    case KAD_E_CLOSED:
        return kad_cli_fail(cli, KAD_EXIT_NO_ANSWER, "no node answers",
                            "it closed the connection; is it stopping?");
    case KAD_E_INVALID:
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, "no sensible answer", socket);
    default:
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, kad_error_text(error), strerror(errno));
    }
}

static kad_ms patience(const struct kad_cli *cli, const char *path)
{
    if (cli->options.timeout.given)
        return cli->options.timeout.value + GRACE_MS;
    if (strcmp(path, "/api/dht/get") == 0 || strcmp(path, "/api/dht/put") == 0)
        return VALUE_TIMEOUT_MS;
    return DEFAULT_TIMEOUT_MS;
}

static int ask_socket(struct kad_cli *cli, const char *method, const char *path, json_t *parameters,
                      json_t **out_answer)
{
    const bool show = isatty(STDERR_FILENO) && !cli->options.json;
    const bool has_body = strcmp(method, "GET") != 0;
    char socket[4200], whole[200];
    char *body = json_dumps(parameters, JSON_COMPACT);
    struct kad_http_exchange exchange = {
        .socket = socket,
        .method = method,
        .path = path,
        .body = has_body ? body : NULL,
        .timeout_ms = patience(cli, path),
        .waiting = show ? show_waiting : NULL,
    };
    json_t *answer = NULL;
    int code, error;

    if (!has_body && cli->options.network.n) {
        snprintf(whole, sizeof whole, "%s%cnetwork=%s", path, strchr(path, '?') ? '&' : '?',
                 cli->options.network.items[0]);
        exchange.path = whole;
    }
    kad_ask_socket(cli, socket, sizeof socket);
    errno = 0;
    error = kad_http_exchange(&exchange);
    if (show)
        fprintf(stderr, "\r\033[K");
    if (error == KAD_OK)
        answer = json_loadb((const char *)exchange.reply.body.data, exchange.reply.body.size,
                            JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (error == KAD_OK && !json_is_object(answer))
        error = KAD_E_INVALID;
    if (error == KAD_OK) {
        code = exit_of(exchange.reply.status, answer);
        *out_answer = answer;
    } else {
        json_decref(answer);
        code = say_no_node(cli, socket, error);
    }
    free(exchange.received);
    free(body);
    return code;
}

int kad_ask_quietly(struct kad_cli *cli, const char *method, const char *path, json_t *parameters,
                    json_t **out_answer)
{
    unsigned status;
    int code;

    *out_answer = NULL;
    if (!cli->options.standalone) {
        if (cli->options.network.n)
            json_object_set_new(parameters, "network", json_string(cli->options.network.items[0]));
        code = ask_socket(cli, method, path, parameters, out_answer);
        json_decref(parameters);
        return code;
    }
    code = kad_standalone_ask(cli, method, path, parameters, &status, out_answer);
    return code == KAD_EXIT_DONE ? exit_of(status, *out_answer) : code;
}

int kad_ask_show(struct kad_cli *cli, int code, json_t *answer, kad_show *show)
{
    if (!answer)
        return code;
    if (cli->options.json) {
        json_dumpf(answer, stdout, 0);
        putchar('\n');
    } else if (show && (!json_object_get(answer, "error") || json_object_size(answer) > 2)) {
        show(cli, answer, code); /* with nothing but error and reason nothing was done */
    }
    if (code != KAD_EXIT_DONE) {
        fflush(stdout);
        fprintf(stderr, "kad: %s: %s\n", kad_json_text(answer, "error"), kad_json_text(answer, "reason"));
    }
    json_decref(answer);
    return code;
}

int kad_ask(struct kad_cli *cli, const char *method, const char *path, json_t *parameters, kad_show *show)
{
    json_t *answer;
    const int code = kad_ask_quietly(cli, method, path, parameters, &answer);

    return kad_ask_show(cli, code, answer, show);
}

void kad_show_trace(const struct kad_cli *cli, const json_t *answer)
{
    static const char *const headings[] = {">ms",  ">hop",    "node",   "address",
                                           ">rtt", ">shared", ">named", "what"};
    const json_t *trace = json_object_get(answer, "trace");
    struct kad_columns columns;
    size_t i;
    json_t *hop;

    if (!json_is_array(trace))
        return;
    kad_columns_init(&columns, headings, sizeof headings / sizeof headings[0]);
    json_array_foreach(trace, i, hop)
    {
        const char *what = kad_json_text(hop, "what");
        char at[KAD_NUMBER_TEXT], depth[KAD_NUMBER_TEXT], rtt[KAD_NUMBER_TEXT], shared[KAD_NUMBER_TEXT];
        char named[KAD_NUMBER_TEXT], id[12], said[KAD_CELL_MAX];
        const bool answered = strcmp(what, "answered") == 0;

        if (strcmp(what, "asked") == 0) /* what came of it says as much; --json has both */
            continue;
        snprintf(id, sizeof id, "%.10s", kad_json_text(hop, "id"));
        snprintf(said, sizeof said, "%s%s%s", what,
                 kad_json_number(hop, "value") > 0 ? ", has the value" : "",
                 kad_json_number(hop, "peers") > 0 ? ", has peers" : "");
        kad_columns_add(&columns,
                        answered                      ? KAD_PLAIN
                        : strcmp(what, "stored") == 0 ? KAD_GREEN
                                                      : KAD_YELLOW,
                        kad_json_count(hop, "at_ms", at), kad_json_count(hop, "hop", depth), id,
                        kad_json_text(hop, "address"), kad_json_ms(hop, "rtt_ms", rtt),
                        id[0] == '-' ? NULL : kad_json_count(hop, "prefix", shared),
                        answered ? kad_json_count(hop, "contacts", named) : NULL, said);
    }
    kad_columns_print(&columns, cli);
    putchar('\n');
}

void kad_show_effort(const struct kad_cli *cli, const json_t *answer)
{
    printf("%s%lld queries, %lld answers, %lld timeouts, %lld hops, %lld ms: %s%s\n",
           kad_style(cli->colour, KAD_DIM), (long long)kad_json_number(answer, "queries"),
           (long long)kad_json_number(answer, "answers"), (long long)kad_json_number(answer, "timeouts"),
           (long long)kad_json_number(answer, "hops"), (long long)kad_json_number(answer, "duration_ms"),
           kad_json_text(answer, "reason"), kad_style_end(cli->colour));
}
