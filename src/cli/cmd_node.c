/* kad node: runs a node until it is told to stop. */
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "cli/ask.h"
#include "cli/host.h"
#include "node/local_net.h"
#include "node/config.h"
#include "node/log.h"

static const struct kad_option node_options[] = {
    KAD_LIST("listen", listen, "ADDR", "listen here (default: 0.0.0.0:6881 and [::]:6881)"),
    KAD_TEXT("data-dir", data_dir, "DIR", "where its state is kept; none: nowhere"),
    KAD_TEXT("store", store, "KIND", "where values of others are held: lmdb (default) or mem"),
    KAD_TEXT("name", name, "TEXT", "a name, shown in status"),
    KAD_FLAG("read-only", read_only, "ask, but answer nobody (BEP 43)"),
    KAD_TEXT("api", api, "ADDR",
             "HTTP API over TCP (default: 127.0.0.1:8080; a taken default port only warns), or none"),
    KAD_FLAG("public-api", public_api,
             "let others read it; with the token in the data directory they may do more"),
    KAD_TEXT("metrics", metrics, "ADDR", "/metrics for Prometheus (default: 127.0.0.1:9100), or none"),
    KAD_TEXT("log-level", log_level, "LEVEL", "error, warn, info (default), debug or trace"),
    KAD_TEXT("log-format", log_format, "FORMAT", "logfmt (default) or json"),
    KAD_TEXT("config", config, "FILE", "read settings from FILE; options override it"),
    KAD_LIST("set", set, "KEY=VALUE", "any setting of the configuration file"),
    KAD_TEXT("record", record, "FILE", "write down everything that goes into the node, for kad replay"),
    KAD_NUMBER("record-max", record_max, "MB", 1, 1000000, "end the recording at this size (default: 256)"),
    KAD_FLAG("print-config", print_config, "print the settings that hold, as a configuration file, and end"),
    KAD_NUMBER("nodes", nodes, "N", 1, KAD_LOCAL_NET_MAX,
               "run N nodes at loopback addresses that follow --listen"),
    KAD_OPTIONS_END,
};

/* -- settings ---------------------------------------------------------------------------------------------------- */

static int set_list(struct kad_config *config, const char *key, const struct kad_list *list, char *why)
{
    int error = KAD_OK;

    for (size_t i = 0; i < list->n && error == KAD_OK; i++)
        error = kad_config_set(config, key, list->items[i], why);
    return error;
}

/* --set key=value, after all else. */
static int set_others(struct kad_config *config, const struct kad_list *list, char *why)
{
    int error = KAD_OK;

    for (size_t i = 0; i < list->n && error == KAD_OK; i++) {
        const char *equals = strchr(list->items[i], '=');
        char key[64];

        if (!equals || (size_t)(equals - list->items[i]) >= sizeof key) {
            snprintf(why, KAD_CONFIG_WHY, "--set %.60s: not key=value", list->items[i]);
            return KAD_E_INVALID;
        }
        snprintf(key, sizeof key, "%.*s", (int)(equals - list->items[i]), list->items[i]);
        error = kad_config_set(config, key, equals + 1, why);
    }
    return error;
}

static int set_flags(struct kad_config *config, const struct kad_options *options, char *why)
{
    const char *store = options->store && strcmp(options->store, "mem") == 0 ? "memory" : options->store;
    const struct {
        const char *key, *value;
    } flags[] = {
        {"data_dir", options->data_dir},
        {"store", store},
        {"name", options->name},
        {"read_only", options->read_only ? "yes" : NULL},
        {"log_level", options->log_level},
        {"log_format", options->log_format},
        {"api", options->api},
        {"metrics", options->metrics},
        {"public_api", options->public_api ? "yes" : NULL},
    };
    int error;

    kad_config_next_source(config);
    error = set_list(config, "listen", &options->listen, why);
    if (error == KAD_OK)
        error = set_list(config, "bootstrap", &options->bootstrap, why);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0] && error == KAD_OK; i++) {
        if (flags[i].value)
            error = kad_config_set(config, flags[i].key, flags[i].value, why);
    }
    return error == KAD_OK ? set_others(config, &options->set, why) : error;
}

/* Defaults, then the file, then the command line. 0 or an exit code. */
static int read_config(struct kad_cli *cli, struct kad_config *config)
{
    char folder[4096], why[KAD_CONFIG_WHY];
    int error = KAD_OK;

    kad_config_default(kad_network_mainline(), config);
    kad_default_data_dir(folder, sizeof folder);
    if (kad_config_set(config, "data_dir", folder, why) != KAD_OK)
        return kad_cli_fail(cli, KAD_EXIT_USAGE, "the default data directory", why);
    if (cli->options.config)
        error = kad_config_file(config, cli->options.config, why);
    if (error == KAD_OK)
        error = set_flags(config, &cli->options, why);
    if (error == KAD_OK)
        error = kad_config_check(config, why);
    return error == KAD_OK ? KAD_EXIT_DONE : kad_cli_fail(cli, KAD_EXIT_USAGE, why, NULL);
}

static int print_config(const struct kad_config *config)
{
    const size_t size = kad_config_print(config, NULL, 0);
    char *text = malloc(size + 1);

    if (!text)
        return KAD_EXIT_INTERNAL;
    kad_config_print(config, text, size + 1);
    fputs(text, stdout);
    free(text);
    return KAD_EXIT_DONE;
}

/* -- running ----------------------------------------------------------------------------------------------------- */

struct running {
    struct kad_cli *cli;
    struct kad_config config;
    struct kad_log log;
    struct kad_host host;
    struct kad_node_config *nodes;
    char socket[4096], bootstrap[KAD_ENDPOINT_TEXT];
};

static int open_log(struct running *running)
{
    const struct kad_config *config = &running->config;
    int fd = STDERR_FILENO;

    if (*config->log_file)
        fd = open(config->log_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return kad_cli_fail(running->cli, KAD_EXIT_USAGE, config->log_file, strerror(errno));
    if (kad_log_init(&running->log, fd, (enum kad_log_level)config->log_level,
                     (enum kad_log_format)config->log_format) != KAD_OK) {
        if (fd != STDERR_FILENO)
            close(fd);
        return kad_cli_fail(running->cli, KAD_EXIT_INTERNAL, "cannot log", NULL);
    }
    return KAD_EXIT_DONE;
}

static void close_log(struct running *running)
{
    kad_log_clear(&running->log);
    if (running->log.fd != STDERR_FILENO)
        close(running->log.fd);
}

/* Of many nodes the first one speaks; the others only when something is wrong. */
static int configure(struct running *running, size_t n)
{
    struct kad_node_config *first = &running->nodes[0];

    kad_config_node(&running->config, first);
    first->record = running->cli->options.record;
    first->record_max_bytes = (uint64_t)running->cli->options.record_max.value << 20;
    kad_host_leave_out_ipv6(first);
    first->log = kad_log_write;
    first->log_context = &running->log;
    if (n > 1) {
        kad_endpoint_format(&first->listen[0], running->bootstrap);
        if (kad_local_net_fill(running->nodes, n, running->bootstrap) != KAD_OK)
            return kad_cli_usage(running->cli,
                                 "--nodes needs one --listen with a loopback address and a port, such as "
                                 "127.0.1.1:6881, with room behind it");
    }
    for (size_t i = 1; i < n; i++) {
        running->nodes[i].log_level = KAD_LOG_ERROR;
        running->nodes[i].name = NULL;
    }
    if (*running->config.socket)
        snprintf(running->socket, sizeof running->socket, "%s", running->config.socket);
    else if (first->data_dir)
        snprintf(running->socket, sizeof running->socket, "%s/kad.sock", first->data_dir);
    return KAD_EXIT_DONE;
}

static int run_nodes(struct running *running, size_t n)
{
    struct kad_http_config http;
    const char *folder;
    int code;

    running->nodes = calloc(n, sizeof *running->nodes);
    if (!running->nodes)
        return kad_cli_fail(running->cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    code = configure(running, n);
    if (code != KAD_EXIT_DONE)
        return code;
    folder = running->nodes[0].data_dir;
    if (folder && !kad_host_make_folder(folder))
        return kad_cli_fail(running->cli, KAD_EXIT_USAGE, folder, strerror(errno));
    kad_host_web(&running->config, &http);
    http.socket = *running->socket ? running->socket : NULL;
    if (kad_host_start(&running->host, running->nodes, n, &http, true) != KAD_OK)
        code = kad_cli_fail(running->cli, KAD_EXIT_INTERNAL, "cannot start", running->host.why);
    else
        kad_host_run(&running->host);
    kad_host_free(&running->host);
    return code;
}

static int run_node(struct kad_cli *cli)
{
    struct running *running = calloc(1, sizeof *running);
    int code;

    if (!running)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    running->cli = cli;
    code = read_config(cli, &running->config);
    if (code == KAD_EXIT_DONE && cli->options.print_config) {
        code = print_config(&running->config);
    } else if (code == KAD_EXIT_DONE) {
        code = open_log(running);
        if (code == KAD_EXIT_DONE) {
            code = run_nodes(running, cli->options.nodes.given ? (size_t)cli->options.nodes.value : 1);
            close_log(running);
        }
    }
    free(running->nodes);
    free(running);
    return code;
}

const struct kad_command kad_command_node = {
    .name = "node",
    .arguments = "",
    .summary = "run a node",
    .details = "Runs until SIGINT or SIGTERM, then ends what is under way, saves its state and exits. Log "
               "lines go to\n"
               "standard error; the first says \"event=listening\". It joins through --bootstrap and the "
               "contacts it saved.",
    .options = node_options,
    .n_least = 0,
    .n_most = 0,
    .offline = true,
    .run = run_node,
};
