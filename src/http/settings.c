#include "http/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/json.h"
#include "node/config_change.h"
#include "node/config_keys.h"

static struct kad_api_answer failed(unsigned status, const char *error, const char *reason)
{
    return (struct kad_api_answer){.status = status, .json = kad_json_error(error, reason)};
}

/* The daemon's file and flags are not the node's to know; what can change is. NULL: no memory; free() it. */
static struct kad_config *running(const struct kad_node *node)
{
    struct kad_config *config = malloc(sizeof *config);

    if (config) {
        kad_config_default(kad_node_config_of(node)->network, config);
        kad_change_running(node, config);
    }
    return config;
}

static bool of_the_node(const struct kad_key *key)
{
    const size_t at = offsetof(struct kad_config, settings);

    return kad_key_live(key) || (key->offset >= at && key->offset < at + sizeof(struct kad_settings));
}

static json_t *one(const struct kad_config *config, const struct kad_key *key)
{
    char value[KAD_CHANGE_TEXT], path[80];
    json_t *setting =
        json_pack("{s:s, s:s, s:s, s:b, s:s}", "key", key->name, "section", key->section, "value",
                  kad_change_text(config, key, value), "live", kad_key_live(key), "meaning", key->meaning);

    snprintf(path, sizeof(path), KAD_KEY_PATH "%s", key->name);
    if (kad_key_is_networks(key))
        json_object_set_new(setting, "path", json_string(path));
    return setting;
}

static struct kad_api_answer show(const struct kad_config *config)
{
    json_t *list = json_array();

    for (size_t i = 0; i < kad_n_keys; i++) {
        const struct kad_key *key = &kad_keys[i];
        if (of_the_node(key))
            json_array_append_new(list, one(config, key));
    }
    return (struct kad_api_answer){.status = 200, .json = json_pack("{s:o}", "settings", list)};
}

/* As it would stand in the file; NULL: an object, a list, or null. */
static const char *text_of(const json_t *value, char room[32])
{
    if (json_is_boolean(value))
        return json_is_true(value) ? "yes" : "no";
    if (!json_is_integer(value))
        return json_string_value(value);
    snprintf(room, 32, "%lld", (long long)json_integer_value(value));
    return room;
}

static void add_change(void *context, const char *key, const char *before, const char *after, bool live)
{
    (void)live;
    json_array_append_new(context, json_pack("{s:s, s:s, s:s}", "key", key, "old", before, "new", after));
}

static struct kad_api_answer change(struct kad_node *node, const struct kad_config *from,
                                    struct kad_config *to, json_t *wanted)
{
    char why[KAD_CONFIG_WHY], room[32];
    const char *key;
    json_t *value, *changes;
    int error = KAD_OK;

    kad_config_next_source(to);
    json_object_foreach(wanted, key, value)
    {
        const char *text = text_of(value, room);

        if (!text) {
            snprintf(why, sizeof why, "%.60s: neither text nor number nor true or false", key);
            return failed(400, "bad request", why);
        }
        error = kad_change_set(to, key, text, why);
        if (error)
            return failed(error == KAD_E_REFUSED ? 409 : 400,
                          error == KAD_E_REFUSED ? "refused" : "bad request", why);
    }
    error = kad_config_check(to, why);
    if (!error)
        error = kad_change_apply(node, from, to, why);
    if (error)
        return failed(error == KAD_E_CLOSED ? 503 : 400,
                      error == KAD_E_CLOSED ? kad_json_error_text(error) : "bad request", why);
    changes = json_array();
    kad_change_compare(from, to, add_change, changes);
    return (struct kad_api_answer){.status = 200, .json = json_pack("{s:o}", "changed", changes)};
}

struct kad_api_answer kad_settings_route(const struct kad_api *api, struct kad_api_asker asker,
                                         struct kad_params *params)
{
    struct kad_config *from, *to;
    struct kad_api_answer answer;

    if (!asker.trusted)
        return failed(403, "forbidden", "only for who runs the node");
    if (!asker.patches && !kad_params_finish(params))
        return failed(400, "bad request", params->why);
    from = running(api->node);
    to = running(api->node);
    if (!from || !to)
        answer = failed(500, kad_json_error_text(KAD_E_MEMORY), NULL);
    else
        answer = asker.patches ? change(api->node, from, to, params->object) : show(from);
    free(from);
    free(to);
    return answer;
}
