#include "cli/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"

/* With several networks each takes what stands behind its name; what stands before all names is the first one's. */
static int set_list(struct kad_config *config, const char *key, const struct kad_options *options,
                    const struct kad_list *list, size_t network, char *why)
{
    int error = KAD_OK;

    for (size_t i = 0; i < list->n && error == KAD_OK; i++) {
        const size_t of = list->networks[i] ? list->networks[i] - 1u : 0;

        if (options->network.n < 2 || of == network)
            error = kad_config_set(config, key, list->items[i], why);
    }
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
        {"network", options->network.n ? options->network.items[0] : NULL}, /* first: it brings defaults */
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
        error = set_list(config, "listen", options, &options->listen, 0, why);
    if (error == KAD_OK)
        error = set_list(config, "bootstrap", options, &options->bootstrap, 0, why);
    return error == KAD_OK ? set_others(config, &options->set, why) : error;
}

int kad_cli_read_config(const struct kad_options *options, const char *file, struct kad_config *out_config,
                        char out_why[KAD_CONFIG_WHY])
{
    char folder[4096];
    int error;

    kad_config_default(kad_cli_network(options), out_config);
    kad_default_data_dir(folder, sizeof folder);
    error = kad_config_set(out_config, "data_dir", folder, out_why);
    if (error == KAD_OK && file)
        error = kad_config_file(out_config, file, out_why);
    if (error == KAD_OK)
        error = set_flags(out_config, options, out_why);
    return error == KAD_OK ? kad_config_check(out_config, out_why) : error;
}

int kad_cli_network_config(const struct kad_options *options, size_t network, const struct kad_config *first,
                           struct kad_config *out_config, char out_why[KAD_CONFIG_WHY])
{
    const char *name = options->network.items[network];
    int error;

    kad_config_default(kad_network_named(name), out_config);
    memcpy(out_config->name, first->name, sizeof out_config->name);
    out_config->log_level = first->log_level;
    out_config->store = first->store;
    if (kad_network_has_identities(out_config->network)) /* a file that was named is who all of them are */
        memcpy(out_config->identity, first->identity, sizeof out_config->identity);
    memcpy(out_config->data_dir, first->data_dir, sizeof out_config->data_dir);
    kad_config_next_source(out_config);
    error = set_list(out_config, "listen", options, &options->listen, network, out_why);
    if (error == KAD_OK)
        error = set_list(out_config, "bootstrap", options, &options->bootstrap, network, out_why);
    return error == KAD_OK ? kad_config_check(out_config, out_why) : error;
}

int kad_cli_print_config(const struct kad_config *config)
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
