/* kad node: runs a node until it is told to stop. */
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "cli/ask.h"
#include "cli/host.h"
#include "cli/notify.h"
#include "cli/passphrase.h"
#include "cli/settings.h"
#include "crypto/crypto.h"
#include "node/local_net.h"
#include "node/config_change.h"
#include "node/config_namespaces.h"
#include "node/key_file.h"
#include "node/log.h"
#include "node/places.h"
#include "node/portmap.h"
#include "node/sources.h"

static const struct kad_option node_options[] = {
    KAD_LIST("listen", listen, "ADDR", "listen here (default: 0.0.0.0 and [::], port 6881, of kad 4242)"),
    KAD_TEXT("preset", preset, "NAME", "of --network libp2p: icn (default) or ipfs"),
    KAD_NUMBER("port", port, "PORT", 0, 65535, "listen at this port of all addresses"),
    KAD_LIST(
        "bootstrap-peers", bootstrap_peers, "MULTIADDR,...",
        "as --bootstrap, several with commas between them; the network is libp2p unless another was named"),
    KAD_TEXT("identity", identity, "FILE",
             "its key pair (kad id), with --network kad (default: identity in DIR)"),
    KAD_TEXT("passphrase-file", passphrase_file, "FILE",
             "its first line opens that, if it is sealed (or KAD_PASSPHRASE, or the terminal is asked)"),
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

/* -- running ----------------------------------------------------------------------------------------------------- */

struct running {
    struct kad_cli *cli;
    struct kad_config *config; /* the first network's, and behind it the others' */
    size_t n_networks;
    struct kad_class classes[KAD_CONFIG_NETWORKS][KAD_CONFIG_CLASSES];
    struct kad_log log;
    struct kad_host host;
    struct kad_node_config *nodes;
    struct kad_sources *sources; /* of the first node, as is */
    struct kad_mapper *mapper;
    struct kad_place_table *places; /* of all nodes, as the first network has it */
    char socket[4096], bootstrap[KAD_ENDPOINT_TEXT];
    char passphrase[KAD_PASSPHRASE_TEXT];
};

static int open_log(struct running *running)
{
    const struct kad_config *config = running->config;
    int fd = STDERR_FILENO;

    if (*config->log_file)
        fd = open(config->log_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return kad_cli_fail(running->cli, KAD_EXIT_USAGE, config->log_file, strerror(errno));
    if (kad_log_init(&running->log, fd, KAD_LOG_TRACE, /* the node knows its level, which may change */
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

/* The key pair's passphrase: asked for when there is a sealed file, and new ones are sealed under it when it is given. */
static int take_passphrase(struct running *running, struct kad_node_config *node)
{
    char path[4096], why[256];
    struct kad_key_file file = {.is_sealed = false};
    bool given;
    int code;

    if (!kad_network_has_identities(node->network) || (!node->identity && !node->data_dir))
        return KAD_EXIT_DONE;
    if (*running->passphrase) { /* of the same key pair, for a network named before */
        node->passphrase = running->passphrase;
        return KAD_EXIT_DONE;
    }
    snprintf(path, sizeof path, "%s%s", node->identity ? node->identity : node->data_dir,
             node->identity ? "" : "/" KAD_KEY_FILE_NAME);
    (void)!kad_key_file_load(path, &file, why, sizeof why); /* what is wrong with it the node says */
    kad_key_file_wipe(&file);
    if (*running->config->passphrase_file)
        running->cli->options.passphrase_file = running->config->passphrase_file;
    code = kad_cli_passphrase(running->cli, file.is_sealed ? "Passphrase: " : NULL, false,
                              running->passphrase, &given);
    node->passphrase = given ? running->passphrase : NULL;
    return code;
}

/* The record classes of its part of the configuration, which outlives it. */
static void lend_classes(struct running *running, size_t network, struct kad_node_config *node)
{
    const struct kad_config *config = &running->config[network];

    for (unsigned i = 0; i < config->n_classes; i++)
        kad_config_class_make(&config->classes[i], &running->classes[network][i]);
    node->classes = running->classes[network];
    if (kad_config_is_libp2p(config->network))
        node->n_classes = kad_namespaces_class(config->libp2p_namespaces, running->classes[network]);
    else
        node->n_classes = kad_network_has_identities(config->network) ? config->n_classes : 0;
}

/* The networks named behind the first one. */
static int configure_networks(struct running *running, size_t n)
{
    int code = KAD_EXIT_DONE;

    for (size_t i = 1; i < n && code == KAD_EXIT_DONE; i++) {
        struct kad_node_config *node = &running->nodes[i];

        kad_config_node(&running->config[i], node);
        lend_classes(running, i, node);
        kad_host_leave_out_ipv6(node);
        node->log = kad_log_write;
        node->log_context = &running->log;
        code = take_passphrase(running, node);
    }
    return code;
}

/* Where all others join. */
static void name_first(const struct kad_node_config *first, char out_text[KAD_ENDPOINT_TEXT])
{
    char address[KAD_ENDPOINT_TEXT], *colon;

    kad_endpoint_format(&first->listen[0], address);
    colon = strrchr(address, ':');
    if (kad_config_is_libp2p(first->network)) /* loopback, so IPv4 */
        snprintf(out_text, KAD_ENDPOINT_TEXT, "/ip4/%.*s/tcp/%s%s", (int)(colon - address), address,
                 colon + 1, first->listen_as[0] == KAD_LISTEN_WS ? "/ws" : "");
    else
        snprintf(out_text, KAD_ENDPOINT_TEXT, "%s", address);
}

/* Of many nodes the first one speaks; the others only when something is wrong. */
static int configure(struct running *running, size_t n)
{
    struct kad_node_config *first = &running->nodes[0];
    char why[KAD_CONFIG_WHY];
    int code;

    kad_config_node(running->config, first);
    lend_classes(running, 0, first);
    first->record = running->cli->options.record;
    first->record_max_bytes = (uint64_t)running->cli->options.record_max.value << 20;
    code = take_passphrase(running, first);
    if (code != KAD_EXIT_DONE)
        return code;
    kad_host_leave_out_ipv6(first);
    first->log = kad_log_write;
    first->log_context = &running->log;
    if (running->n_networks > 1)
        code = configure_networks(running, n);
    if (code != KAD_EXIT_DONE)
        return code;
    if (n > 1 && running->n_networks == 1) {
        name_first(first, running->bootstrap);
        if (kad_local_net_fill(running->nodes, n, running->bootstrap) != KAD_OK)
            return kad_cli_usage(running->cli,
                                 "--nodes needs one --listen with a loopback address and a port, such as "
                                 "127.0.1.1:6881, with room behind it");
    }
    if (kad_place_table_new(running->config, &running->places, why) != KAD_OK)
        return kad_cli_fail(running->cli, KAD_EXIT_USAGE, why, NULL);
    for (size_t i = 0; i < n; i++)
        running->nodes[i].places = kad_place_table_places(running->places);
    for (size_t i = 1; i < n && running->n_networks == 1; i++) {
        running->nodes[i].log_level = KAD_LOG_ERROR;
        running->nodes[i].name = NULL;
    }
    if (*running->config->socket)
        snprintf(running->socket, sizeof running->socket, "%s", running->config->socket);
    else if (first->data_dir)
        snprintf(running->socket, sizeof running->socket, "%s/kad.sock", first->data_dir);
    return KAD_EXIT_DONE;
}

/* -- while it runs ----------------------------------------------------------------------------------------------- */

static void say(struct running *running, enum kad_log_level level, const char *event, const char *name,
                const char *value)
{
    const struct kad_log_field field = {name, value};

    kad_log_write(&running->log, level, event, &field, 1);
}

static void say_places(struct running *running)
{
    const struct kad_place_files *files = kad_place_table_files(running->places);

    for (size_t i = 0; files && i < kad_place_files_count(files); i++)
        say(running, KAD_LOG_INFO, "places_read", "type", kad_place_files_type(files, i));
}

/* A node that is stopping looks nobody up any more, whichever table it has. */
static void take_places(struct running *running, struct kad_place_table *table)
{
    for (size_t i = 0; i < running->host.n_slots; i++)
        (void)!kad_node_set_places(running->host.slots[i].node, kad_place_table_places(table));
    kad_place_table_free(running->places);
    running->places = table;
    say_places(running);
}

/* How it is found and finds others, besides the list it was given. What fails here is no reason not to run. */
static void look_around(struct running *running, const struct kad_config *config)
{
    struct kad_node *node = running->host.slots[0].node;

    if (running->sources)
        kad_sources_reload(running->sources, config);
    else if (kad_sources_wanted(config) && kad_sources_new(node, config, &running->sources) != KAD_OK)
        say(running, KAD_LOG_ERROR, "sources_off", "why", kad_error_text(KAD_E_SYSTEM));
}

static void map_port(struct running *running)
{
    const struct kad_config *config = running->config;

    if (config->port_mapping != KAD_PORTMAP_OFF &&
        kad_mapper_new(running->host.slots[0].node, (enum kad_portmap_how)config->port_mapping,
                       config->port_mapping_lease_ms, &running->mapper) != KAD_OK)
        say(running, KAD_LOG_ERROR, "port_mapping_off", "why", kad_error_text(KAD_E_SYSTEM));
}

/* Each network's node; of many nodes on one network the first one speaks for all. */
static int apply(struct running *running, const struct kad_config *fresh, char *why)
{
    struct kad_host *host = &running->host;
    int error = KAD_OK;

    for (size_t i = 0; i < running->n_networks && error == KAD_OK; i++)
        error = kad_change_apply(host->slots[i].node, &running->config[i], &fresh[i], why);
    for (size_t i = 1; i < host->n_slots && error == KAD_OK && running->n_networks == 1; i++) {
        const struct kad_settings *settings = &kad_node_config_of(host->slots[0].node)->settings;
        const char *field;

        error = kad_node_set_settings(host->slots[i].node, settings, &field);
    }
    return error;
}

static bool same_networks(const struct running *running, const struct kad_config *fresh, size_t n)
{
    for (size_t i = 0; i < n && n == running->n_networks; i++) {
        if (fresh[i].network != running->config[i].network)
            return false;
    }
    return n == running->n_networks;
}

/* The file as it is now, and over it the same flags; what was changed meanwhile by other ways gives way to it. */
static void reload(void *context)
{
    struct running *running = context;
    const struct kad_options *options = &running->cli->options;
    struct kad_place_table *places = NULL;
    struct kad_config *fresh = NULL;
    char why[KAD_CONFIG_WHY];
    size_t n = 0;
    int error;

    kad_notify_reloading();
    error = kad_cli_read_configs(options, options->config, &fresh, &n, why);
    if (error == KAD_OK && !same_networks(running, fresh, n)) {
        snprintf(why, sizeof why, "network: other networks than before need a restart");
        error = KAD_E_INVALID;
    }
    if (error == KAD_OK)
        error = kad_place_table_new(fresh, &places, why);
    if (error == KAD_OK)
        error = apply(running, fresh, why);
    if (error == KAD_OK) {
        if (fresh->dht_enabled)
            look_around(running, fresh);
        kad_sources_take(running->config, fresh);
        take_places(running, places);
        kad_place_table_take(running->config, fresh);
    } else {
        kad_place_table_free(places);
    }
    if (error == KAD_OK)
        say(running, KAD_LOG_INFO, "configuration_reloaded", "file",
            options->config ? options->config : "none");
    else
        say(running, KAD_LOG_ERROR, "configuration_refused", "why", why);
    free(fresh);
    kad_notify("READY=1");
}

static void stopping(void *context)
{
    struct running *running = context;

    kad_notify("STOPPING=1");
    kad_sources_close(running->sources);
    kad_mapper_close(running->mapper);
    running->sources = NULL;
    running->mapper = NULL;
}

static void beat(void *context)
{
    (void)context;
    kad_notify_alive();
}

static void happened(void *context, size_t index, const struct kad_event *event)
{
    struct running *running = context;

    if (index == 0 && event->kind == KAD_EVENT_READY)
        kad_notify("STATUS=joined");
    if (index == 0 && event->kind == KAD_EVENT_WARNING && event->warning == KAD_WARN_NO_BOOTSTRAP)
        kad_sources_again(running->sources);
}

static int run_nodes(struct running *running, size_t n)
{
    struct kad_http_config http;
    const char *folder;
    int code, error;

    running->nodes = calloc(n, sizeof *running->nodes);
    if (!running->nodes)
        return kad_cli_fail(running->cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    code = configure(running, n);
    if (code != KAD_EXIT_DONE)
        return code;
    folder = running->nodes[0].data_dir;
    if (folder && !kad_host_make_folder(folder))
        return kad_cli_fail(running->cli, KAD_EXIT_USAGE, folder, strerror(errno));
    kad_host_web(running->config, &http);
    http.socket = *running->socket ? running->socket : NULL;
    running->host.on_reload = reload;
    running->host.on_stopping = stopping;
    running->host.on_beat = beat;
    running->host.on_event = happened;
    running->host.beat_ms = kad_notify_watchdog_ms();
    running->host.context = running;
    error = kad_host_start(&running->host, running->nodes, n, &http, true);
    kad_wipe(running->passphrase, sizeof running->passphrase); /* the nodes have who they are */
    if (error) {
        code = kad_cli_fail(running->cli, KAD_EXIT_INTERNAL, "cannot start", running->host.why);
    } else {
        kad_notify(
            "READY=1\nSTATUS=joining"); /* it answers from here on, whoever else it may still look for */
        say_places(running);
        if (running->config->dht_enabled) {
            look_around(running, running->config);
            map_port(running);
        }
        kad_host_run(&running->host);
    }
    kad_host_free(&running->host);
    return code;
}

/* Of one network as many as were asked for; else one of each. */
static size_t how_many(const struct running *running)
{
    const struct kad_number *nodes = &running->cli->options.nodes;

    if (running->n_networks > 1)
        return running->n_networks;
    return nodes->given ? (size_t)nodes->value : 1;
}

/* T024's own words: in its network the log has the level that RUST_LOG says, unless told otherwise, alone or last of "kad=debug". */
static void take_rust_log(struct kad_options *options)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", "trace"};
    const char *said = getenv("RUST_LOG"), *equals = said ? strrchr(said, '=') : NULL;

    if (!said || options->log_level || kad_cli_network(options) != kad_network_named("libp2p"))
        return;
    for (size_t i = 0; i < KAD_COUNT_OF(levels); i++) {
        if (strcasecmp(equals ? equals + 1 : said, levels[i]) == 0)
            options->log_level = levels[i];
    }
}

static void add(struct kad_list *list, const char *text, uint8_t network)
{
    if (list->n < KAD_LIST_MAX) {
        list->networks[list->n] = network;
        list->items[list->n++] = text;
    }
}

/* --port and --bootstrap-peers become --listen and --bootstrap, in `room`. */
static void take_aliases(struct kad_options *options, char room[2][64])
{
    const struct kad_list *peers = &options->bootstrap_peers;
    bool is_libp2p;
    char *rest;

    if (peers->n > 0 && options->network.n == 0)
        add(&options->network, "libp2p", 0);
    is_libp2p = options->network.n > 0 && strncmp(options->network.items[0], "libp2p", 6) == 0;
    for (size_t i = 0; i < peers->n; i++) {
        for (char *one = strtok_r((char *)(uintptr_t)peers->items[i], ",", &rest); one;
             one = strtok_r(NULL, ",", &rest))
            add(&options->bootstrap, one, peers->networks[i]);
    }
    if (options->port.given) {
        const int port = (int)options->port.value;

        snprintf(room[0], 64, is_libp2p ? "/ip4/0.0.0.0/tcp/%d" : "0.0.0.0:%d", port);
        snprintf(room[1], 64, is_libp2p ? "/ip6/::/tcp/%d" : "[::]:%d", port);
        add(&options->listen, room[0], 0);
        add(&options->listen, room[1], 0);
    }
    take_rust_log(options);
}

static int run_node(struct kad_cli *cli)
{
    struct running *running = calloc(1, sizeof *running);
    char why[KAD_CONFIG_WHY], listen[2][64];
    int code = KAD_EXIT_DONE;

    if (!running)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    take_aliases(&cli->options, listen);
    running->cli = cli;
    if (kad_cli_read_configs(&cli->options, cli->options.config, &running->config, &running->n_networks,
                             why) != KAD_OK)
        code = kad_cli_fail(cli, KAD_EXIT_USAGE, why, NULL);
    else if (running->n_networks > 1 && cli->options.nodes.given)
        code = kad_cli_usage(cli, "--nodes goes with one network");
    if (code == KAD_EXIT_DONE && cli->options.print_config) {
        code = kad_cli_print_config(running->config, running->n_networks);
    } else if (code == KAD_EXIT_DONE) {
        code = open_log(running);
        if (code == KAD_EXIT_DONE) {
            code = run_nodes(running, how_many(running));
            close_log(running);
        }
    }
    kad_place_table_free(running->places);
    free(running->nodes);
    free(running->config);
    free(running);
    return code;
}

const struct kad_command kad_command_node = {
    .name = "node",
    .arguments = "",
    .summary = "run a node",
    .details =
        "Runs until SIGINT or SIGTERM, then ends what is under way, saves its state and exits. Log "
        "lines go to\n"
        "standard error; the first says \"event=listening\". It joins through --bootstrap and the "
        "contacts it saved.\n"
        "With several --network each takes the --listen and --bootstrap behind its name; they have "
        "one data\n"
        "directory, one store and one key pair, and each a table of its own. Commands ask the first, "
        "or the one that\n"
        "--network names. With --network libp2p addresses are multiaddrs, and of T024's own words --port,\n"
        "--bootstrap-peers and the environment's RUST_LOG (error .. trace) are understood.",
    .options = node_options,
    .n_least = 0,
    .n_most = 0,
    .offline = true,
    .run = run_node,
};
