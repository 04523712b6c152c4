/* doctor_report - a bundle to attach to a bug report; see doctor.h.
 *
 * Numbers are taken over field by field from a list, so that nothing new slips in; texts are gone over for whatever looks
 * like an address, a name with a port, a path, or 16 hexadecimal digits and more.
 */
#include "cli/doctor.h"

#include <regex.h>
#include <string.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "cli/print.h"
#include "node/config_keys.h"

static const char secret[] = "([0-9]{1,3}[.]){3}[0-9]{1,3}(:[0-9]+)?"   /* IPv4 */
                             "|\\[[0-9a-fA-F:.]+\\](:[0-9]+)?"          /* [v6]:port */
                             "|[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){2,}" /* v6 */
                             "|[A-Za-z0-9-]+([.][A-Za-z0-9-]+)*:[0-9]+" /* host:port */
                             "|(/[A-Za-z0-9._-]+){2,}"                  /* paths */
                             "|[0-9a-fA-F]{16,}";                       /* ids, keys */

/* A new string with those parts replaced. */
static json_t *scrub(const char *text, const regex_t *pattern)
{
    char out[2 * KAD_FINDING_TEXT];
    regmatch_t match;
    size_t n = 0;

    while (n < sizeof out - 16 && regexec(pattern, text, 1, &match, 0) == 0) {
        n += (size_t)snprintf(out + n, sizeof out - n, "%.*s<hidden>", (int)match.rm_so, text);
        text += match.rm_eo;
        if (match.rm_eo == 0)
            break;
    }
    if (n < sizeof out)
        snprintf(out + n, sizeof out - n, "%s", text);
    return json_string(out);
}

static json_t *scrub_checks(const json_t *checks, const regex_t *pattern)
{
    static const char *const texts[] = {"evidence", "cause"};
    json_t *list = json_deep_copy(checks), *check;
    size_t i;

    json_array_foreach(list, i, check)
    {
        for (size_t j = 0; j < sizeof texts / sizeof texts[0]; j++) {
            const char *text = json_string_value(json_object_get(check, texts[j]));

            if (text)
                json_object_set_new(check, texts[j], scrub(text, pattern));
        }
    }
    return list;
}

static void take(json_t *out, const json_t *object, const char *const *names)
{
    for (; *names; names++) {
        json_t *value = json_object_get(object, *names);

        if (value)
            json_object_set(out, *names, value);
    }
}

static json_t *of_node(const json_t *node)
{
    static const char *const names[] = {"version",       "state",
                                        "network",       "uptime",
                                        "peer_count",    "ready",
                                        "read_only",     "contacts",
                                        "buckets",       "network_size",
                                        "requests",      "queries",
                                        "publications",  "patience_ms",
                                        "rtt_ms",        "store",
                                        "load_percent",  "deaths_per_1000_h",
                                        "ping_after_ms", "refresh_after_ms",
                                        "memory_bytes",  NULL};
    json_t *out = json_object();

    if (!node)
        return json_null();
    take(out, node, names);
    json_object_set_new(out, "outside_address_known",
                        json_boolean(json_is_string(json_object_get(node, "outside_address"))));
    json_object_set_new(out, "n_listening",
                        json_integer((json_int_t)json_array_size(json_object_get(node, "listening"))));
    return out;
}

static json_t *of_table(const json_t *table)
{
    static const char *const names[] = {"family",   "bucket",      "prefix",  "rtt_ms", "heard_ms_ago",
                                        "failures", "replacement", "id_fits", NULL};
    json_t *list = json_array(), *row;
    size_t i;

    json_array_foreach(json_object_get(table, "rows"), i, row)
    {
        json_t *out = json_object();

        take(out, row, names);
        json_array_append_new(list, out);
    }
    return list;
}

/* Numbers, switches and words out of a list of ours. Texts and lists hold names and addresses. */
static bool is_harmless(const char *name)
{
    const struct kad_key *key = kad_key_find(name);

    if (!key)
        return false;
    return key->kind == KAD_KEY_COUNT || key->kind == KAD_KEY_DURATION || key->kind == KAD_KEY_SIZE ||
           key->kind == KAD_KEY_FLAG || key->kind == KAD_KEY_CHOICE || key->kind == KAD_KEY_NETWORK;
}

static json_t *of_settings(const json_t *settings)
{
    json_t *out = json_object(), *setting;
    size_t i;

    json_array_foreach(json_object_get(settings, "settings"), i, setting)
    {
        const char *name = kad_json_text(setting, "key");

        if (is_harmless(name))
            json_object_set(out, name, json_object_get(setting, "value"));
    }
    return out;
}

static json_t *of_evidence(const json_t *evidence)
{
    static const char *const names[] = {"warnings", "network_size_peak", "clock_moved_ms", "store_max_bytes",
                                        NULL};
    json_t *out = json_object();

    take(out, evidence, names);
    return out;
}

json_t *kad_doctor_report(const struct kad_doctor_facts *facts, const json_t *checks)
{
    struct utsname machine;
    regex_t pattern;
    json_t *report;
    char system[200] = "unknown";

    if (regcomp(&pattern, secret, REG_EXTENDED) != 0)
        return NULL;
    if (uname(&machine) == 0) /* but for its name */
        snprintf(system, sizeof system, "%.60s %.60s %.60s", machine.sysname, machine.release,
                 machine.machine);
    report = json_pack(
        "{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "kad", KAD_VERSION, "system", system, "running",
        facts->node ? 1 : 0, "checks", scrub_checks(checks, &pattern), "node", of_node(facts->node), "stats",
        facts->stats ? json_deep_copy(facts->stats) : json_null(), "settings", of_settings(facts->settings),
        "evidence", of_evidence(facts->evidence), "table", of_table(facts->table));
    regfree(&pattern);
    return report;
}
