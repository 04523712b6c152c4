/* doctor_table - whom the node knows, and whether that holds; see doctor.h. */
#include "cli/doctor.h"

#include <stdio.h>
#include <string.h>

#include "cli/print.h"

static bool no_node(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    if (facts->node && facts->stats && facts->table)
        return false;
    finding->state = KAD_DOCTOR_UNKNOWN;
    kad_doctor_add(finding->evidence, "no node runs that could be asked");
    return true;
}

/* Both families together; -1: unknown. */
static int64_t network_size(const json_t *object, const char *name)
{
    const json_t *pair = json_object_get(object, name);
    const int64_t ipv4 = kad_json_number(pair, "ipv4"), ipv6 = kad_json_number(pair, "ipv6");

    return ipv4 > ipv6 ? ipv4 : ipv6;
}

void kad_doctor_contacts_few(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int64_t contacts = kad_doctor_contacts(facts), size = network_size(facts->node, "network_size");

    if (no_node(facts, finding))
        return;
    kad_doctor_add(finding->evidence, "%lld contacts", (long long)contacts);
    if (size > 0)
        kad_doctor_add(finding->evidence, "; the network has about %lld nodes", (long long)size);
    if (contacts == 0)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM, "it knows nobody",
                       "see what `network`, `firewall-out` and `bootstrap` say here");
    else if (contacts < 5 && size > contacts + 2)
        kad_doctor_say(finding, KAD_DOCTOR_WARNING, "few peers: it should know 5 or more",
                       "add `bootstrap` nodes; see what `diversity` and `firewall-in` say here");
}

void kad_doctor_availability(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    int64_t n = 0, n_doubted = 0;
    unsigned n_asked = 0, n_alive = 0;
    json_t *row;
    size_t i;

    if (no_node(facts, finding))
        return;
    json_array_foreach(json_object_get(facts->table, "rows"), i, row)
    {
        n += kad_json_number(row, "replacement") == 0;
        n_doubted += kad_json_number(row, "replacement") == 0 && kad_json_number(row, "failures") > 0;
    }
    for (i = 0; i < facts->n_probes; i++) {
        n_asked += facts->probes[i].is_contact;
        n_alive += facts->probes[i].is_contact && facts->probes[i].n_answers + facts->probes[i].n_errors > 0;
    }
    kad_doctor_add(
        finding->evidence,
        "%lld of %lld contacts left their last query unanswered; of a sample of %u others %u answer",
        (long long)n_doubted, (long long)n, n_asked, n_alive);
    if (n < 4)
        finding->state = KAD_DOCTOR_UNKNOWN;
    else if (10 * (n - n_doubted) < 7 * n || 10 * n_alive < 7 * n_asked)
        kad_doctor_say(finding, KAD_DOCTOR_WARNING, "less than 70 % of the contacts are there",
                       "look after them more often: `kad config set ping_after 5m refresh_after 5m`; see "
                       "what `churn` says here");
}

/* The regions that are silent, by name; how many. */
static size_t silent_regions(const struct kad_doctor_facts *facts, char names[KAD_FINDING_TEXT / 2])
{
    size_t i, n = 0, length = 0;
    json_t *region;

    json_array_foreach(json_object_get(facts->node, "regions"), i, region)
    {
        const char *name = kad_json_text(region, "region");

        if (!json_is_true(json_object_get(region, "silent")))
            continue;
        if (length + strlen(name) + 3 < KAD_FINDING_TEXT / 2)
            length +=
                (size_t)snprintf(names + length, KAD_FINDING_TEXT / 2 - length, "%s%s", n ? ", " : "", name);
        n++;
    }
    return n;
}

void kad_doctor_partition(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int64_t now = network_size(facts->node, "network_size");
    const int64_t peak = network_size(facts->evidence, "network_size_peak");
    const int64_t lost = kad_doctor_number(facts->evidence, "warnings.few_contacts.count");
    char cause[KAD_FINDING_TEXT] = "", names[KAD_FINDING_TEXT / 2] = "";
    const size_t n_silent = silent_regions(facts, names);

    if (no_node(facts, finding))
        return;
    if (now > 0)
        kad_doctor_add(finding->evidence, "the network has about %lld nodes", (long long)now);
    else
        kad_doctor_add(finding->evidence, "nobody knows how large the network is");
    kad_doctor_add(finding->evidence, ", at most %lld within the last day; %lld times everybody was lost",
                   (long long)(peak > 0 ? peak : 0), (long long)(lost > 0 ? lost : 0));
    kad_doctor_add(finding->evidence, "; %zu of %zu regions silent", n_silent,
                   json_array_size(json_object_get(facts->node, "regions")));
    kad_doctor_add(cause, "a part of the network is out of reach: it seems %lld times smaller than it was",
                   now > 0 ? (long long)((peak + now / 2) / now) : 0LL);
    if (lost > 0 && kad_doctor_contacts(facts) == 0)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM, "cut off: everybody it knew is gone",
                       "look at the link; it joins again by itself when bootstraps answer");
    else if (now > 0 && peak >= 16 && 2 * now < peak)
        kad_doctor_say(finding, 4 * now < peak ? KAD_DOCTOR_PROBLEM : KAD_DOCTOR_WARNING, cause,
                       "look at routes and firewalls between the parts; a `bootstrap` in each part brings "
                       "them together again");
    else if (n_silent > 0) {
        cause[0] = '\0';
        kad_doctor_add(cause, "nobody answers in %s, while others do", names);
        kad_doctor_say(finding, KAD_DOCTOR_WARNING, cause,
                       "look at routes and firewalls towards there; `kad status` says since when");
    } else if (now <= 0)
        finding->state = KAD_DOCTOR_UNKNOWN;
}

void kad_doctor_churn(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int64_t removed = kad_doctor_number(facts->stats, "table_removed");
    const int64_t uptime = kad_json_number(facts->node, "uptime"), contacts = kad_doctor_contacts(facts);
    const int64_t deaths = kad_json_number(facts->node, "deaths_per_1000_h");
    int64_t an_hour;

    if (no_node(facts, finding))
        return;
    an_hour = uptime > 0 ? removed * 3600 / uptime : 0;
    kad_doctor_add(finding->evidence,
                   "%lld contacts left the table of %lld in %lld s; measured: %lld of a thousand die in an "
                   "hour; it pings after %lld s",
                   (long long)removed, (long long)contacts, (long long)uptime,
                   (long long)(deaths > 0 ? deaths : 0),
                   (long long)kad_json_number(facts->node, "ping_after_ms") / 1000);
    if (removed >= 10 && an_hour > contacts && (deaths < 0 || deaths > 1000))
        kad_doctor_say(finding, KAD_DOCTOR_WARNING, "churn: contacts come and go within the hour",
                       "refresh more often: `kad config set ping_after 2m refresh_after 2m` (dead_percent "
                       "does it by itself); prefer nodes that stay as bootstraps");
}

/* Contacts that share more bits with this node's id than there are nodes to explain it: of N nodes one in 64 would by chance.
 * Whoever stands there has chosen its id, to be asked for what this node is asked for. */
static size_t n_too_near(const struct kad_doctor_facts *facts)
{
    const int64_t size = network_size(facts->node, "network_size");
    int64_t expected = 0;
    json_t *row;
    size_t i, n = 0;

    if (size <= 0)
        return 0;
    while (size >> expected > 0)
        expected++;
    json_array_foreach(json_object_get(facts->table, "rows"), i, row) n +=
        kad_json_number(row, "prefix") > expected + 6;
    return n;
}

/* An answer after its time counts as unsolicited as well: only what is above the timeouts is somebody's doing. */
void kad_doctor_interference(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int64_t accepted = kad_doctor_number(facts->stats, "accepted");
    const int64_t malformed = kad_doctor_number(facts->stats, "dropped.malformed");
    const int64_t unasked =
        kad_doctor_number(facts->stats, "dropped.unsolicited") - kad_doctor_number(facts->stats, "timeouts");
    const size_t n_near = n_too_near(facts);
    int64_t bad = malformed + (unasked > 0 ? unasked : 0);
    json_t *count;
    const char *name;

    if (no_node(facts, finding))
        return;
    kad_doctor_add(finding->evidence, "%lld datagrams accepted; dropped:", (long long)accepted);
    json_object_foreach(json_object_get(facts->stats, "dropped"), name, count)
    {
        const int64_t n = json_integer_value(count);

        if (n > 0)
            kad_doctor_add(finding->evidence, " %lld %s,", (long long)n, name);
        if (strstr(name, "rate") || strstr(name, "graylist") || strcmp(name, "id") == 0)
            bad += n;
    }
    kad_doctor_add(finding->evidence, " of these %lld are somebody's doing", (long long)bad);
    kad_doctor_add(finding->evidence, "; %zu contacts stand nearer to its id than chance has it", n_near);
    if (bad >= 100 && 10 * bad > accepted + bad)
        kad_doctor_say(
            finding, 2 * bad > accepted + bad ? KAD_DOCTOR_PROBLEM : KAD_DOCTOR_WARNING,
            "interference: much of what comes in breaks the rules of the protocol, or comes in floods",
            "it is dropped, and who sends it is ignored after `strikes`; block the source upstream "
            "(`log_level = debug` names contacts), set `enforce_id = yes`");
    else if (n_near >= 3)
        kad_doctor_say(finding, KAD_DOCTOR_WARNING,
                       "interference: ids were made to surround this node's (an eclipse)",
                       "for a new id stop the node and remove mainline.state in its data directory (contacts "
                       "and publications go with it), set `enforce_id = yes`, start it");
}
