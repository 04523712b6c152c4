/* doctor_lookup - why lookups may be slow; see doctor.h. */
#include "cli/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "cli/print.h"

#define SLOW_MS 500 /* the seed's: more than this is no good network */

/* -- diversity --------------------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static size_t largest_run(uint64_t *groups, size_t n)
{
    size_t most = 0, run = 0;

    qsort(groups, n, sizeof *groups, by_number);
    for (size_t i = 0; i < n; i++) {
        run = i > 0 && groups[i] == groups[i - 1] ? run + 1 : 1;
        most = run > most ? run : most;
    }
    return most;
}

/* Only addresses of the public network are judged: in one's own all are neighbours. */
void kad_doctor_diversity(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    static const char more[] = "add bootstraps in other networks; in a network of your own set "
                               "narrow_per_bucket, narrow_per_table, wide_per_bucket and wide_per_table to 0";
    const json_t *rows = json_object_get(facts->table, "rows");
    const int64_t limited = kad_doctor_number(facts->stats, "table_limited"),
                  contacts = kad_doctor_contacts(facts);
    const size_t room = json_array_size(rows);
    uint64_t *narrow = calloc(2 * room + 1, sizeof *narrow), *wide = narrow ? narrow + room : NULL;
    size_t n = 0, n_narrow, n_wide, i;
    json_t *row;

    if (!facts->table || !narrow) {
        free(narrow);
        finding->state = KAD_DOCTOR_UNKNOWN;
        kad_doctor_add(finding->evidence, "there is no table to look at");
        return;
    }
    json_array_foreach(rows, i, row)
    {
        struct kad_endpoint endpoint;

        if (kad_json_number(row, "replacement") > 0 ||
            kad_endpoint_parse(kad_json_text(row, "address"), 0, &endpoint) != KAD_OK ||
            kad_endpoint_scope(&endpoint) != KAD_SCOPE_PUBLIC)
            continue;
        narrow[n] = kad_endpoint_narrow_group(&endpoint);
        wide[n++] = kad_endpoint_wide_group(&endpoint);
    }
    n_narrow = largest_run(narrow, n);
    n_wide = largest_run(wide, n);
    free(narrow);
    kad_doctor_add(finding->evidence,
                   "of %zu contacts with public addresses %zu stand in one /24 (or /64), %zu in one /16 (or "
                   "/48); limits per subnet kept %lld out",
                   n, n_narrow, n_wide, (long long)limited);
    if (limited > 0 && contacts < 8)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM,
                       "too few networks: the limits per subnet keep out most of the nodes it meets", more);
    else if (n >= 8 && (2 * n_narrow > n || 4 * n_wide > 3 * n))
        kad_doctor_say(finding, KAD_DOCTOR_WARNING,
                       "most contacts are in one network: whoever runs it decides what lookups find", more);
}

/* -- round trips ------------------------------------------------------------------------------------------------- */

void kad_doctor_latency(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int64_t measured = kad_doctor_rtt(facts, 50), smoothed = kad_json_number(facts->node, "rtt_ms");
    const int64_t rtt = measured >= 0 ? measured : smoothed;

    if (rtt < 0) {
        finding->state = KAD_DOCTOR_UNKNOWN;
        kad_doctor_add(finding->evidence, "nobody answered");
        return;
    }
    kad_doctor_add(finding->evidence, "median round trip %lld ms, 95th percentile %lld ms", (long long)rtt,
                   (long long)kad_doctor_rtt(facts, 95));
    if (smoothed >= 0)
        kad_doctor_add(finding->evidence, "; the node's own figure is %lld ms", (long long)smoothed);
    if (rtt > SLOW_MS)
        kad_doctor_say(finding, KAD_DOCTOR_WARNING,
                       "high latency: half of the round trips take more than 500 ms",
                       "look at this machine's link (`mtr`, bufferbloat, VPN); until then ask more at once: "
                       "`kad config set alpha 8`");
}

/* Three times what nearly all need, in steps of a tenth of a second, and never less than two seconds. */
static int64_t suggested_timeout(int64_t rtt)
{
    const int64_t wanted = (3 * rtt + 99) / 100 * 100;

    return wanted < 2000 ? 2000 : wanted;
}

void kad_doctor_timeouts(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int64_t rtt = kad_doctor_rtt(facts, 95), timeout = kad_doctor_setting_ms(facts, "query_timeout_ms");
    const int64_t patience = kad_json_number(facts->node, "patience_ms");
    char remedy[KAD_FINDING_TEXT] = "";

    if (rtt < 0 || timeout < 0) {
        finding->state = KAD_DOCTOR_UNKNOWN;
        kad_doctor_add(finding->evidence,
                       rtt < 0 ? "nobody answered" : "no node runs whose settings could be seen");
        return;
    }
    kad_doctor_add(finding->evidence,
                   "95th percentile of round trips %lld ms; query_timeout is %lld ms, %lld ms would suit",
                   (long long)rtt, (long long)timeout, (long long)suggested_timeout(rtt));
    if (patience >= 0)
        kad_doctor_add(finding->evidence, "; patience is %lld ms now", (long long)patience);
    kad_doctor_add(remedy, "`kad config set query_timeout %lldms`, and the same in the configuration",
                   (long long)suggested_timeout(rtt));
    if (rtt >= timeout)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM,
                       "query_timeout is too short: answers come when they are given up", remedy);
    else if (4 * rtt > 3 * timeout)
        kad_doctor_say(finding, KAD_DOCTOR_WARNING, "query_timeout is short for these round trips", remedy);
}

/* -- loss -------------------------------------------------------------------------------------------------------- */

/* Of nodes that do answer: what they leave unanswered was lost. A node's own timeouts say less, for those it hears of may
 * long be gone. */
void kad_doctor_congestion(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int64_t out = kad_doctor_sum(facts->stats, "queries_out"),
                  timeouts = kad_doctor_number(facts->stats, "timeouts");
    unsigned n_sent = 0, n_lost = 0, percent;

    for (size_t i = 0; i < facts->n_probes; i++) {
        const struct kad_probe *probe = &facts->probes[i];

        if (probe->n_answers == 0 || (!probe->is_contact && kad_doctor_contacts(facts) > 0))
            continue;
        n_sent += probe->n_sent;
        n_lost += probe->n_sent - probe->n_answers -
                  (probe->n_errors < probe->n_sent - probe->n_answers ? probe->n_errors
                                                                      : probe->n_sent - probe->n_answers);
    }
    percent = n_sent ? 100 * n_lost / n_sent : 0;
    kad_doctor_add(finding->evidence, "%u of %u pings to nodes that answer were lost (%u %%)", n_lost, n_sent,
                   percent);
    if (out > 0)
        kad_doctor_add(finding->evidence, "; the node's own queries: %lld of %lld unanswered (%lld %%)",
                       (long long)timeouts, (long long)out, (long long)(100 * timeouts / out));
    if (n_sent < 2 * KAD_PROBE_PINGS)
        finding->state = KAD_DOCTOR_UNKNOWN;
    else if (percent >= 5 && n_lost >= 3)
        kad_doctor_say(finding, percent >= 25 ? KAD_DOCTOR_PROBLEM : KAD_DOCTOR_WARNING,
                       "congestion: packets are lost on the way",
                       "look at the link (`ip -s link`, `mtr`); limit what this node sends "
                       "(`own_bytes_per_s`); ask more at once: `kad config set alpha 8`");
}

/* -- bootstraps that have too much to do ------------------------------------------------------------------------- */

void kad_doctor_bootstrap_load(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int64_t usual = kad_doctor_rtt(facts, 50);
    char names[KAD_FINDING_TEXT] = "";
    char cause[KAD_FINDING_TEXT] = "";
    size_t n = 0, n_slow = 0;

    for (size_t i = 0; i < facts->n_probes; i++) {
        const struct kad_probe *probe = &facts->probes[i];
        const int64_t rtt = probe->n_answers ? probe->rtt_ms[probe->n_answers / 2] : -1;

        if (probe->is_contact || probe->n_answers + probe->n_errors == 0)
            continue;
        n++;
        if (probe->n_errors == 0 && probe->n_answers + 1 >= probe->n_sent && (rtt < 1000 || rtt < 3 * usual))
            continue;
        n_slow++;
        kad_doctor_add(names, "%s%s (%u of %u pings answered, %u refused)", *names ? ", " : "", probe->name,
                       probe->n_answers, probe->n_sent, probe->n_errors);
    }
    kad_doctor_add(finding->evidence, "%zu of %zu bootstraps that answer do so late, seldom, or with errors",
                   n_slow, n);
    if (n == 0) {
        finding->state = KAD_DOCTOR_UNKNOWN;
    } else if (n_slow > 0) {
        kad_doctor_add(cause, "overloaded bootstraps: %s", names);
        kad_doctor_say(
            finding, KAD_DOCTOR_WARNING, cause,
            "add more `bootstrap` nodes, at least three; a node that has joined does without them");
    }
}
