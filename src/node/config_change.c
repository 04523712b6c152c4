#include "node/config_change.h"

#include <stdio.h>
#include <string.h>

#include "node/config_keys.h"
#include "node/parts.h"

/* -- comparing --------------------------------------------------------------------------------------------------- */

const char *kad_change_text(const struct kad_config *config, const struct kad_key *key,
                            char out_text[KAD_CHANGE_TEXT])
{
    const size_t n_entries = kad_value_count(config, key);
    size_t n = 0;

    out_text[0] = '\0';
    for (size_t i = 0; i < n_entries && n < KAD_CHANGE_TEXT; i++) {
        char value[KAD_VALUE_TEXT];

        n += (size_t)snprintf(out_text + n, KAD_CHANGE_TEXT - n, "%s%s", i ? ", " : "",
                              kad_value_print(config, key, i, value));
    }
    return out_text;
}

/* Value by value, for a list may be longer than its text. */
static bool same(const struct kad_config *a, const struct kad_config *b, const struct kad_key *key)
{
    const size_t n = kad_value_count(a, key);
    char one[KAD_VALUE_TEXT], other[KAD_VALUE_TEXT];

    if (kad_value_count(b, key) != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(kad_value_print(a, key, i, one), kad_value_print(b, key, i, other)) != 0)
            return false;
    }
    return true;
}

void kad_change_compare(const struct kad_config *from, const struct kad_config *to, kad_change_each *each,
                        void *context)
{
    for (size_t i = 0; i < kad_n_keys; i++) {
        const struct kad_key *key = &kad_keys[i];
        char before[KAD_CHANGE_TEXT], after[KAD_CHANGE_TEXT];

        if (!same(from, to, key))
            each(context, key->name, kad_change_text(from, key, before), kad_change_text(to, key, after),
                 kad_key_reloads(key));
    }
}

/* -- changing ---------------------------------------------------------------------------------------------------- */

/* Whether the node's names to join through are those of the configuration, once `public` is spelled out. */
static bool same_names(const struct kad_node_config *a, const struct kad_node_config *b)
{
    if (a->n_bootstrap != b->n_bootstrap)
        return false;
    for (size_t i = 0; i < a->n_bootstrap; i++) {
        if (strcmp(a->bootstrap[i], b->bootstrap[i]) != 0)
            return false;
    }
    return true;
}

void kad_change_running(const struct kad_node *node, struct kad_config *config)
{
    struct kad_node_config configured;

    kad_config_node(config, &configured);
    if (!same_names(&configured, &node->config)) {
        config->n_bootstrap = (unsigned)node->config.n_bootstrap;
        for (unsigned i = 0; i < config->n_bootstrap; i++)
            snprintf(config->bootstrap[i], sizeof(config->bootstrap[i]), "%s", node->config.bootstrap[i]);
    }
    config->settings = node->config.settings;
    config->log_level = (unsigned)node->config.log_level;
}

/* The settings of `to`, but those that cannot change as they are in `from`. */
static int take_live(const struct kad_config *from, const struct kad_config *to,
                     struct kad_settings *out_settings, char *why)
{
    struct kad_config mixed = *from;

    for (size_t i = 0; i < kad_n_keys; i++) {
        const struct kad_key *key = &kad_keys[i];
        char value[KAD_VALUE_TEXT];

        if (kad_key_live(key) && key->kind != KAD_KEY_BOOTSTRAP &&
            kad_value_read(&mixed, key, kad_value_print(to, key, 0, value), why, KAD_CONFIG_WHY) < 0)
            return KAD_E_INVALID;
    }
    *out_settings = mixed.settings;
    return KAD_OK;
}

static void tell(void *context, const char *key, const char *before, const char *after, bool live)
{
    const struct kad_node *node = context;

    if (live)
        kad_tell(node, KAD_LOG_INFO, "setting_changed", "key", key, "old", before, "new", after, NULL);
    else
        kad_tell(node, KAD_LOG_WARN, "setting_needs_restart", "key", key, "running", before, "configured",
                 after, NULL);
}

int kad_change_apply(struct kad_node *node, const struct kad_config *from, const struct kad_config *to,
                     char out_why[KAD_CONFIG_WHY])
{
    struct kad_config running = *from;
    struct kad_node_config configured;
    struct kad_settings settings;
    const char *field = NULL;
    int error;

    kad_change_running(node, &running);
    error = take_live(&running, to, &settings, out_why);
    if (error)
        return error;
    error = kad_node_set_settings(node, &settings, &field);
    if (error) {
        snprintf(out_why, KAD_CONFIG_WHY, "%s%s%s", field ? field : "", field ? ": " : "",
                 field ? "does not go with what cannot change before a restart" : kad_error_text(error));
        return error;
    }
    kad_config_node(to, &configured);
    if (!same_names(&configured, &node->config)) {
        error = kad_node_set_bootstrap(node, configured.bootstrap, configured.n_bootstrap, out_why,
                                       KAD_CONFIG_WHY);
        if (error)
            return error;
    }
    kad_node_set_log_level(node, to->log_level > node->config.log_level ? (enum kad_log_level)to->log_level
                                                                        : node->config.log_level);
    kad_change_compare(&running, to, tell, node); /* under the more talkative of both levels */
    kad_node_set_log_level(node, (enum kad_log_level)to->log_level);
    return KAD_OK;
}

int kad_change_set(struct kad_config *to, const char *key, const char *value, char out_why[KAD_CONFIG_WHY])
{
    const int error = kad_config_set(to, key, value, out_why);
    char name[64];
    size_t n = 0;

    if (error)
        return error;
    for (; key[n] && n < sizeof(name) - 1; n++)
        name[n] = key[n] == '-' ? '_' : key[n];
    name[n] = '\0';
    if (kad_key_live(kad_key_find(name)))
        return KAD_OK;
    snprintf(out_why, KAD_CONFIG_WHY, "%s: needs %s", kad_key_find(name)->name,
             kad_key_reloads(kad_key_find(name)) ? "a change of the file and SIGHUP" : "a restart");
    return KAD_E_REFUSED;
}
