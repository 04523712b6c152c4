/* params - see params.h. */
#include "http/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/endpoint.h"
#include "base/text.h"
#include "kad/node.h"

void kad_params_init(struct kad_params *params, json_t *object)
{
    memset(params, 0, sizeof *params);
    params->object = object;
}

void kad_params_clear(struct kad_params *params)
{
    json_decref(params->object);
    params->object = NULL;
    kad_blocks_clear(&params->blocks);
    free(params->large);
    params->large = NULL;
}

void kad_params_wrong(struct kad_params *params, const char *name, const char *why)
{
    if (params->why[0] == 0)
        snprintf(params->why, sizeof params->why, "%.40s: %s", name, why);
}

bool kad_params_finish(struct kad_params *params)
{
    const char *name;
    json_t *value;

    if (params->why[0] == 0) {
        json_object_foreach(params->object, name, value)
        {
            kad_params_wrong(params, name, "unknown parameter");
            break;
        }
    }
    return params->why[0] == 0;
}

/* The value, now the caller's to drop; NULL: not given. */
static json_t *take(struct kad_params *params, const char *name)
{
    json_t *value = json_incref(json_object_get(params->object, name));

    if (value)
        json_object_del(params->object, name);
    return value;
}

static uint8_t *room(struct kad_params *params, const char *name, size_t size)
{
    uint8_t *at = params->bytes + params->n_bytes;

    if (size > sizeof params->bytes - params->n_bytes) {
        kad_params_wrong(params, name, "too long");
        return NULL;
    }
    params->n_bytes += size;
    return at;
}

bool kad_params_text(struct kad_params *params, const char *name, struct kad_bytes *out_text)
{
    json_t *value = take(params, name);
    bool found = false;

    if (value && !json_is_string(value)) {
        kad_params_wrong(params, name, "not a string");
    } else if (value) {
        const size_t size = json_string_length(value);
        uint8_t *at = room(params, name, size + 1); /* and a zero, for those who want a C string */

        if (at) {
            memcpy(at, json_string_value(value), size);
            at[size] = 0;
            *out_text = (struct kad_bytes){at, size};
            found = true;
        }
    }
    json_decref(value);
    return found;
}

bool kad_params_hex(struct kad_params *params, const char *name, size_t least, size_t most,
                    struct kad_bytes *out_bytes)
{
    json_t *value = take(params, name);
    bool found = false;

    if (value && !json_is_string(value)) {
        kad_params_wrong(params, name, "not a string of hexadecimal digits");
    } else if (value) {
        const size_t size = json_string_length(value) / 2;
        uint8_t *at = room(params, name, size);
        char why[64];

        if (at && kad_unhex(json_string_value(value), at, size) != KAD_OK) {
            kad_params_wrong(params, name, "not hexadecimal");
        } else if (at && (size < least || size > most)) {
            if (least == most)
                snprintf(why, sizeof why, "%zu hexadecimal digits are wanted", 2 * least);
            else
                snprintf(why, sizeof why, "%zu to %zu hexadecimal digits are wanted", 2 * least, 2 * most);
            kad_params_wrong(params, name, why);
        } else if (at) {
            *out_bytes = (struct kad_bytes){at, size};
            found = true;
        }
    }
    json_decref(value);
    return found;
}

bool kad_params_large(struct kad_params *params, const char *name, size_t most, struct kad_bytes *out_bytes)
{
    char hex_name[64];
    json_t *value = take(params, name);
    const bool is_hex = !value;
    size_t size;
    bool found = false;

    snprintf(hex_name, sizeof hex_name, "%.50s_hex", name);
    name = is_hex ? hex_name : name;
    value = is_hex ? take(params, name) : value;
    if (!value)
        return false;
    size = json_string_length(value) / (is_hex ? 2 : 1); /* 0: it is no string */
    if (!json_is_string(value)) {
        kad_params_wrong(params, name, is_hex ? "not a string of hexadecimal digits" : "not a string");
    } else if (size > most) {
        char why[96];

        snprintf(why, sizeof why, "%zu bytes are too long: at most %zu", size, most);
        kad_params_wrong(params, name, why);
    } else if (params->large || !(params->large = malloc(size + 1))) {
        kad_params_wrong(params, name, "out of memory");
    } else if (is_hex && kad_unhex(json_string_value(value), params->large, size) != KAD_OK) {
        kad_params_wrong(params, name, "not hexadecimal");
    } else {
        if (!is_hex && size)
            memcpy(params->large, json_string_value(value), size);
        *out_bytes = (struct kad_bytes){params->large, size};
        found = true;
    }
    json_decref(value);
    return found;
}

bool kad_params_number(struct kad_params *params, const char *name, int64_t least, int64_t most,
                       int64_t *out_number)
{
    json_t *value = take(params, name);
    const bool given = value != NULL;
    int64_t number = 0;
    bool right = false;

    if (json_is_integer(value)) {
        number = json_integer_value(value);
        right = number >= least && number <= most;
    } else if (json_is_string(value)) {
        right = kad_parse_number(json_string_value(value), least, most, &number) == KAD_OK;
    }
    json_decref(value);
    if (given && !right) {
        char why[80];

        snprintf(why, sizeof why, "a number from %lld to %lld is wanted", (long long)least, (long long)most);
        kad_params_wrong(params, name, why);
    }
    if (right)
        *out_number = number;
    return right;
}

bool kad_params_flag(struct kad_params *params, const char *name, bool *out_flag)
{
    static const char *const yes[] = {"true", "1", "yes", ""}; /* a bare `?trace` means yes */
    static const char *const no[] = {"false", "0", "no"};
    json_t *value = take(params, name);
    bool right = json_is_boolean(value), flag = json_is_true(value);

    if (json_is_string(value)) {
        for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
            if (strcasecmp(json_string_value(value), yes[i]) == 0)
                right = flag = true;
        }
        for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
            right = right || strcasecmp(json_string_value(value), no[i]) == 0;
    }
    if (value && !right)
        kad_params_wrong(params, name, "true or false is wanted");
    json_decref(value);
    if (right)
        *out_flag = flag;
    return right;
}

void kad_params_keep(struct kad_params *params, struct kad_request *request)
{
    int64_t for_ms;

    kad_params_flag(params, "keep", &request->keep);
    if (!kad_params_number(params, "keep_for_ms", KAD_MINUTE, 3650 * 24 * KAD_HOUR, &for_ms))
        return;
    if (request->keep && params->node)
        request->keep_until = kad_node_now(params->node) + for_ms;
    else
        kad_params_wrong(params, "keep_for_ms", "goes with keep");
}

bool kad_params_endpoint(struct kad_params *params, const char *name, struct kad_endpoint *out_endpoint)
{
    json_t *value = take(params, name);
    struct kad_endpoint endpoint;
    bool right = false;

    if (json_is_string(value))
        right = kad_endpoint_parse(json_string_value(value), 0, &endpoint) == KAD_OK && endpoint.port != 0;
    if (value && !right)
        kad_params_wrong(params, name, "an address like 192.0.2.1:6881 or [2001:db8::1]:6881 is wanted");
    json_decref(value);
    if (right)
        *out_endpoint = endpoint;
    return right;
}
