/* doctor_facts - what the running node and the configuration say; see doctor.h. */
#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "cli/ask.h"
#include "cli/http_client.h"
#include "cli/print.h"

/* NULL: nobody there, or it does not answer this. */
static json_t *get(const char *socket, const char *path)
{
    struct kad_http_exchange exchange = {
        .socket = socket, .method = "GET", .path = path, .timeout_ms = 10 * KAD_SECOND};
    json_t *answer = NULL;

    if (kad_http_exchange(&exchange) == KAD_OK && exchange.reply.status == 200)
        answer = json_loadb((const char *)exchange.reply.body.data, exchange.reply.body.size,
                            JSON_REJECT_DUPLICATES, NULL);
    free(exchange.received);
    if (!json_is_object(answer)) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}

void kad_doctor_ask(struct kad_cli *cli, struct kad_doctor_facts *facts)
{
    char socket[4200];

    kad_ask_socket(cli, socket, sizeof socket);
    facts->node = get(socket, "/api/node");
    if (!facts->node)
        return;
    facts->stats = get(socket, "/api/network/stats");
    facts->table = get(socket, "/api/network/table");
    facts->settings = get(socket, "/api/settings");
    facts->evidence = get(socket, "/api/evidence");
}

void kad_doctor_facts_clear(struct kad_doctor_facts *facts)
{
    json_decref(facts->node);
    json_decref(facts->stats);
    json_decref(facts->table);
    json_decref(facts->settings);
    json_decref(facts->evidence);
    free(facts->probes);
}

int64_t kad_doctor_number(const json_t *object, const char *path)
{
    const char *dot;

    while ((dot = strchr(path, '.')) != NULL) {
        char name[64];

        snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
        object = json_object_get(object, name);
        path = dot + 1;
    }
    return kad_json_number(object, path);
}

int64_t kad_doctor_sum(const json_t *object, const char *name)
{
    const char *kind;
    json_t *count;
    int64_t sum = 0;

    json_object_foreach(json_object_get(object, name), kind, count) sum += json_integer_value(count);
    return sum;
}

/* As docs/configuration.md writes durations. -1: none. */
static int64_t duration(const char *text)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1},       {"s", KAD_SECOND},    {"m", KAD_MINUTE},
                 {"h", KAD_HOUR}, {"d", 24 * KAD_HOUR}, {"", 1}};
    char *end;
    const long long number = strtoll(text, &end, 10);

    for (size_t i = 0; end != text && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0)
            return number * units[i].ms;
    }
    return -1;
}

int64_t kad_doctor_setting_ms(const struct kad_doctor_facts *facts, const char *key)
{
    json_t *setting;
    size_t i;

    json_array_foreach(json_object_get(facts->settings, "settings"), i, setting)
    {
        if (strcmp(kad_json_text(setting, "key"), key) == 0)
            return duration(kad_json_text(setting, "value"));
    }
    return -1;
}

int64_t kad_doctor_contacts(const struct kad_doctor_facts *facts)
{
    return facts->node ? kad_json_number(facts->node, "peer_count") : -1;
}

static int by_size(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

int64_t kad_doctor_rtt(const struct kad_doctor_facts *facts, unsigned percentile)
{
    int64_t all[(KAD_PROBE_MAX + KAD_PROBE_SAMPLE) * KAD_PROBE_PINGS];
    size_t n = 0;

    for (int contacts = 1; contacts >= 0 && n == 0; contacts--) {
        for (size_t i = 0; i < facts->n_probes; i++) {
            const struct kad_probe *probe = &facts->probes[i];

            for (unsigned j = 0; probe->is_contact == (contacts == 1) && j < probe->n_answers; j++)
                all[n++] = probe->rtt_ms[j];
        }
    }
    if (n == 0)
        return -1;
    qsort(all, n, sizeof all[0], by_size);
    return all[(n - 1) * percentile / 100];
}

void kad_doctor_add(char text[KAD_FINDING_TEXT], const char *format, ...)
{
    const size_t n = strlen(text);
    va_list list;

    va_start(list, format);
    vsnprintf(text + n, KAD_FINDING_TEXT - n, format, list);
    va_end(list);
}

void kad_doctor_say(struct kad_finding *finding, enum kad_doctor_state state, const char *cause,
                    const char *remedy)
{
    finding->state = state;
    snprintf(finding->cause, sizeof finding->cause, "%s", cause);
    snprintf(finding->remedy, sizeof finding->remedy, "%s", remedy);
}

/* -- whom to ping ------------------------------------------------------------------------------------------------ */

static void add_bootstrap(struct kad_doctor_facts *facts, const char *text)
{
    struct kad_probe *probe = &facts->probes[facts->n_probes];
    const int size = (int)strcspn(text, "/"); /* who has to be there stands behind the address */

    for (size_t i = 0; i < facts->n_probes; i++) {
        if (strlen(facts->probes[i].name) == (size_t)size &&
            strncmp(facts->probes[i].name, text, (size_t)size) == 0)
            return;
    }
    if (facts->n_probes == KAD_PROBE_MAX)
        return;
    snprintf(probe->name, sizeof probe->name, "%.*s", size, text);
    facts->n_probes++;
}

/* Spread over the table, and only those that the node has no doubt of: what is lost on the way to them was lost. */
static void add_contacts(struct kad_doctor_facts *facts)
{
    const json_t *rows = json_object_get(facts->table, "rows"), *row;
    const size_t n = json_array_size(rows), step = n / KAD_PROBE_SAMPLE + 1;

    for (size_t first = 0, n_sample = 0; first < step && n_sample < KAD_PROBE_SAMPLE; first++) {
        for (size_t i = first; i < n && n_sample < KAD_PROBE_SAMPLE; i += step) {
            struct kad_probe *probe = &facts->probes[facts->n_probes];

            row = json_array_get(rows, i);
            if (kad_json_number(row, "replacement") > 0 || kad_json_number(row, "failures") > 0 ||
                kad_endpoint_parse(kad_json_text(row, "address"), 0, &probe->to) != KAD_OK)
                continue;
            snprintf(probe->name, sizeof probe->name, "%s", kad_json_text(row, "address"));
            probe->is_contact = true;
            facts->n_probes++;
            n_sample++;
        }
    }
}

bool kad_doctor_choose(struct kad_doctor_facts *facts)
{
    struct kad_node_config *node = malloc(sizeof *node);
    json_t *text;
    size_t i;

    facts->probes = calloc(KAD_PROBE_MAX + KAD_PROBE_SAMPLE, sizeof *facts->probes);
    if (!node || !facts->probes) {
        free(node);
        return false;
    }
    json_array_foreach(json_object_get(facts->evidence, "bootstrap"), i, text)
        add_bootstrap(facts, json_string_value(text));
    if (facts->config) {
        kad_config_node(facts->config, node); /* `public` is several */
        for (i = 0; i < node->n_bootstrap; i++)
            add_bootstrap(facts, node->bootstrap[i]);
    }
    free(node);
    add_contacts(facts);
    return true;
}
