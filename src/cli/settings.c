#include "cli/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"

/* With several networks each takes what stands behind its name; what stands before all names is the first one's. */
static bool is_for(const struct kad_list *list, size_t i, size_t network)
{
    return (list->networks[i] ? list->networks[i] - 1u : 0) == network;
}

static int set_list(struct kad_config *config, const char *key, const struct kad_list *list, size_t network,
                    char *why)
{
    int error = KAD_OK;

    for (size_t i = 0; i < list->n && error == KAD_OK; i++) {
        if (is_for(list, i, network))
            error = kad_config_set(config, key, list->items[i], why);
    }
    return error;
}

/* --set key=value, after all else: for the network that stands before it, or the daemon. */
static int set_others(struct kad_config *config, const struct kad_list *list, size_t network, char *why)
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
        if (is_for(list, i, network) || !kad_config_is_networks(key))
            error = kad_config_set(config, key, equals + 1, why);
    }
    return error;
}

static int set_flags(struct kad_config *config, const struct kad_options *options, size_t network, char *why)
{
    const char *store = options->store && strcmp(options->store, "mem") == 0 ? "memory" : options->store;
    const struct {
        const char *key, *value;
    } flags[] = {
        {"network",
         options->network.n ? options->network.items[network] : NULL}, /* first: it brings defaults */
        {"preset", options->preset},
        {"data_dir", options->data_dir},
        {"identity", options->identity},
        {"passphrase_file", options->passphrase_file},
        {"store", store},
        {"name", options->name},
        {"read_only", options->read_only ? "yes" : NULL},
        {"log_level", options->log_level},
        {"log_format", options->log_format},
        {"api", options->api},
        {"metrics", options->metrics},
        {"public_api", options->public_api ? "yes" : NULL},
    };
    int error = KAD_OK;

    kad_config_next_source(config);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0] && error == KAD_OK; i++) {
        if (flags[i].value)
            error = kad_config_set(config, flags[i].key, flags[i].value, why);
    }
    if (error == KAD_OK)
        error = set_list(config, "listen", &options->listen, network, why);
    if (error == KAD_OK)
        error = set_list(config, "bootstrap", &options->bootstrap, network, why);
    return error == KAD_OK ? set_others(config, &options->set, network, why) : error;
}

/* The part of the file that is about this network, or the first if the file names just one, and that gives way. */
static unsigned part_of(const struct kad_config *first, const struct kad_network *network, size_t number)
{
    for (unsigned i = 0; i < first->n_named; i++) {
        if (first->named[i] == network)
            return i;
    }
    return number == 0 && first->n_named < 2 ? 0 : KAD_CONFIG_NO_PART;
}

static int read_part(const struct kad_options *options, const char *file, unsigned part, size_t number,
                     const struct kad_network *network, struct kad_config *out_config, char *why)
{
    char folder[4096];
    int error;

    kad_config_default(network, out_config);
    out_config->part = part;
    kad_default_data_dir(folder, sizeof folder);
    error = kad_config_set(out_config, "data_dir", folder, why);
    if (error == KAD_OK && file)
        error = kad_config_file(out_config, file, why);
    if (error == KAD_OK)
        error = set_flags(out_config, options, number, why);
    return error == KAD_OK ? kad_config_check(out_config, why) : error;
}

int kad_cli_read_config(const struct kad_options *options, const char *file, struct kad_config *out_config,
                        char out_why[KAD_CONFIG_WHY])
{
    const struct kad_network *network = kad_cli_network(options);
    int error = read_part(options, file, 0, 0, network, out_config, out_why);

    if (error == KAD_OK && options->network.n > 0 && part_of(out_config, network, 0) != 0)
        error = read_part(options, file, part_of(out_config, network, 0), 0, network, out_config, out_why);
    return error;
}

static int check_names(const struct kad_options *options, char *why)
{
    const struct kad_list *list = &options->network;

    if (list->n > KAD_CONFIG_NETWORKS) {
        snprintf(why, KAD_CONFIG_WHY, "%d networks at most", KAD_CONFIG_NETWORKS);
        return KAD_E_INVALID;
    }
    for (size_t i = 0; i < list->n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(list->items[i], list->items[j]) == 0) {
                snprintf(why, KAD_CONFIG_WHY, "--network %.20s is there twice", list->items[i]);
                return KAD_E_INVALID;
            }
        }
    }
    return KAD_OK;
}

int kad_cli_read_configs(const struct kad_options *options, const char *file, struct kad_config **out_configs,
                         size_t *out_n, char out_why[KAD_CONFIG_WHY])
{
    struct kad_config *configs = calloc(KAD_CONFIG_NETWORKS, sizeof *configs);
    size_t n = options->network.n;
    int error = check_names(options, out_why);

    if (!configs) {
        snprintf(out_why, KAD_CONFIG_WHY, "%s", kad_error_text(KAD_E_MEMORY));
        return KAD_E_MEMORY;
    }
    if (error == KAD_OK)
        error = kad_cli_read_config(options, file, &configs[0], out_why);
    if (error == KAD_OK && n == 0)
        n = configs[0].n_named ? configs[0].n_named : 1;
    for (size_t i = 1; i < n && error == KAD_OK; i++) {
        const struct kad_network *network =
            options->network.n ? kad_network_named(options->network.items[i]) : configs[0].named[i];

        error = read_part(options, file, part_of(&configs[0], network, i), i, network, &configs[i], out_why);
    }
    if (error) {
        free(configs);
        return error;
    }
    *out_configs = configs;
    *out_n = n;
    return KAD_OK;
}

int kad_cli_print_config(const struct kad_config *configs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t (*const print)(const struct kad_config *, char *, size_t) =
            i ? kad_config_print_network : kad_config_print;
        const size_t size = print(&configs[i], NULL, 0);
        char *text = malloc(size + 1);

        if (!text)
            return KAD_EXIT_INTERNAL;
        print(&configs[i], text, size + 1);
        printf("%s%s", i ? "\n" : "", text);
        free(text);
    }
    return KAD_EXIT_DONE;
}
