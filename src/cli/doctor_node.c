/* doctor_node - the node itself: is it there, is it set up well, has it all it needs; see doctor.h. */
#include "cli/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "cli/print.h"

#define YEAR_2024_MS 1704067200000

static bool no_node(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    if (facts->node && facts->stats)
        return false;
    finding->state = KAD_DOCTOR_UNKNOWN;
    kad_doctor_add(finding->evidence, "no node runs that could be asked");
    return true;
}

void kad_doctor_daemon(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const bool ready = kad_json_number(facts->node, "ready") > 0;

    if (!facts->node) {
        kad_doctor_add(finding->evidence, "nobody answers at the local socket");
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM,
                       "no node runs (or --node names another, or you may not ask it)",
                       "`kad node`, or `systemctl start kad`; the other checks go on without it");
        return;
    }
    kad_doctor_add(finding->evidence, "up for %lld s, version %s, %s",
                   (long long)kad_json_number(facts->node, "uptime"), kad_json_text(facts->node, "version"),
                   kad_json_text(facts->node, "state"));
    if (!ready && kad_json_number(facts->node, "uptime") > 20)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM, "it has not joined the network",
                       "see what `network`, `firewall-out`, `bootstrap` and `timeouts` say here");
}

/* -- configuration ----------------------------------------------------------------------------------------------- */

struct lint {
    const struct kad_doctor_facts *facts;
    char why[KAD_FINDING_TEXT], how[KAD_FINDING_TEXT];
};

static const char *setting(const struct lint *lint, const char *key)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(lint->facts->settings, "settings"), i, one)
    {
        if (strcmp(kad_json_text(one, "key"), key) == 0)
            return kad_json_text(one, "value");
    }
    return "";
}

static long long number(const struct lint *lint, const char *key)
{
    const char *text = setting(lint, key);

    return *text ? strtoll(text, NULL, 10) : -1;
}

static long long ms(const struct lint *lint, const char *key)
{
    return (long long)kad_doctor_setting_ms(lint->facts, key);
}

static void complain(struct lint *lint, bool wrong, const char *why, const char *how)
{
    if (!wrong)
        return;
    kad_doctor_add(lint->why, "%s%s", *lint->why ? "; " : "", why);
    kad_doctor_add(lint->how, "%s%s", *lint->how ? "; " : "", how);
}

static void check_settings(struct lint *lint)
{
    if (!lint->facts->settings)
        return;
    complain(lint, ms(lint, "put_again_ms") >= ms(lint, "record_ttl_ms"),
             "put_again is not shorter than record_ttl: values are forgotten in between",
             "put_again = 1h, record_ttl = 2h");
    complain(lint, ms(lint, "announce_again_ms") >= ms(lint, "peer_ttl_ms"),
             "announce_again is not shorter than peer_ttl: announces are forgotten in between",
             "announce_again = 15m, peer_ttl = 45m");
    complain(lint, ms(lint, "query_timeout_ms") < 500,
             "query_timeout is under half a second: far nodes are never heard", "query_timeout = 4s");
    complain(lint, ms(lint, "patience_max_ms") > ms(lint, "query_timeout_ms"),
             "patience_max is longer than query_timeout: lookups wait for those already given up",
             "patience_max = 1500ms");
    complain(
        lint, ms(lint, "request_timeout_ms") < ms(lint, "query_timeout_ms"),
        "request_timeout is shorter than query_timeout: requests end before a silent node is passed over",
        "request_timeout = 30s");
    complain(lint, number(lint, "k") < 4, "k is under 4: a few nodes that leave take values with them",
             "k = 8");
    complain(lint, number(lint, "alpha") > number(lint, "k"),
             "alpha is larger than k: all are asked at once, most of them for nothing", "alpha = 3");
    complain(lint, number(lint, "replicas") > number(lint, "k"),
             "replicas is larger than k: a lookup finds no more than k", "replicas = 8");
    complain(lint, number(lint, "max_failures") == 1,
             "max_failures is 1: a single lost datagram drops a contact", "max_failures = 3");
    complain(lint, ms(lint, "refresh_after_ms") > 3 * KAD_HOUR && number(lint, "dead_percent") == 0,
             "refresh_after is over three hours and dead_percent is off: the table goes stale",
             "refresh_after = 15m");
    complain(lint, number(lint, "unproven_gain") == 0,
             "unproven_gain is 0: anybody can have this node flood others", "unproven_gain = 3");
    complain(lint, strcmp(setting(lint, "read_only"), "yes") == 0,
             "read_only: it answers nobody, so nobody keeps it",
             "read_only = no, unless it is a client that comes and goes");
}

static void check_listen(struct lint *lint, const struct kad_config *config)
{
    for (unsigned i = 0; config && i < config->n_listen; i++)
        complain(lint, config->listen[i].port == 0,
                 "listen has port 0: after each start the node is somewhere else", "listen = 0.0.0.0:6881");
}

/* P074: who cuts off the one network that all stand in cuts off every newcomer. */
static bool in_one_network(const struct kad_doctor_facts *facts)
{
    uint64_t first = 0;
    size_t n = 0;

    for (size_t i = 0; i < facts->n_probes; i++) {
        const struct kad_probe *probe = &facts->probes[i];
        const uint64_t group = kad_endpoint_wide_group(&probe->to);

        if (probe->is_contact)
            continue;
        if (probe->unresolved || kad_endpoint_scope(&probe->to) != KAD_SCOPE_PUBLIC ||
            (n > 0 && group != first))
            return false;
        first = group;
        n++;
    }
    return n > 1;
}

void kad_doctor_configuration(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    struct lint *lint = calloc(1, sizeof *lint);
    size_t n = 0;

    if (!lint)
        return;
    lint->facts = facts;
    for (size_t i = 0; i < facts->n_probes; i++)
        n += !facts->probes[i].is_contact;
    kad_doctor_add(finding->evidence, "%zu bootstraps, %zu settings looked at", n,
                   json_array_size(json_object_get(facts->settings, "settings")));
    complain(lint, n < 3, "fewer than three bootstraps: when they are away nobody new can join",
             "three or more `bootstrap` lines");
    complain(lint, in_one_network(facts), "all bootstraps stand in one network, one /16 (or /48)",
             "bootstraps in other networks too");
    complain(lint, facts->node && json_is_null(json_object_get(facts->node, "data_dir")),
             "no data_dir: id, contacts and publications are gone after each stop",
             "data_dir = /var/lib/kad");
    check_settings(lint);
    check_listen(lint, facts->config);
    if (!facts->config)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM, facts->config_why,
                       "`kad config check FILE` until it says valid");
    else if (*lint->why)
        kad_doctor_say(finding, KAD_DOCTOR_WARNING, lint->why, lint->how);
    free(lint);
}

/* -- clock ------------------------------------------------------------------------------------------------------- */

/* The node reads the wall clock once, at its start; what it says since then differs from the wall clock by as much as that
 * was set meanwhile. */
void kad_doctor_clock(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const json_t *moved = json_object_get(facts->evidence, "clock_moved_ms");
    const long long ms = moved ? (long long)json_integer_value(moved) : 0;

    if (moved)
        kad_doctor_add(finding->evidence, "the wall clock was moved by %lld ms since the node started", ms);
    else
        kad_doctor_add(finding->evidence, "no node runs whose clock could be compared");
    if (facts->wall_ms < YEAR_2024_MS)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM, "the clock of this machine is years behind",
                       "`timedatectl set-ntp true`, then restart the node");
    else if (ms > 30 * KAD_SECOND || ms < -30 * KAD_SECOND)
        kad_doctor_say(
            finding, KAD_DOCTOR_WARNING,
            "the clock of this machine was set while the node ran: instants it shows and saves are off",
            "`timedatectl set-ntp true`, then restart the node");
    else if (!moved)
        finding->state = KAD_DOCTOR_UNKNOWN;
}

/* -- what it keeps and does ---------------------------------------------------------------------------------------- */

void kad_doctor_store(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int64_t errors = kad_doctor_number(facts->stats, "store_errors");
    const int64_t failed = kad_doctor_number(facts->evidence, "warnings.store_failed.count");
    const int64_t full = kad_doctor_number(facts->evidence, "warnings.store_full.count");

    if (no_node(facts, finding))
        return;
    kad_doctor_add(finding->evidence,
                   "%lld values of %lld bytes and %lld peers held in %s; %lld errors; full %lld times",
                   (long long)kad_doctor_number(facts->node, "store.records"),
                   (long long)kad_doctor_number(facts->node, "store.record_bytes"),
                   (long long)kad_doctor_number(facts->node, "store.peers"),
                   kad_json_text(json_object_get(facts->node, "store"), "kind"), (long long)errors,
                   (long long)(full > 0 ? full : 0));
    if (errors > 0 || failed > 0)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM,
                       "the disk fails, or is full: values of others cannot be kept",
                       "`df -h` and `dmesg`; the node's log says what failed; restart it when there is room");
    else if (full > 0)
        kad_doctor_say(finding, KAD_DOCTOR_WARNING,
                       "the store is full: values and announces of others are refused",
                       "`store_max_bytes = 1G` in the configuration, then restart");
}

void kad_doctor_publications(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int64_t n = kad_json_number(facts->node, "publications");

    if (no_node(facts, finding))
        return;
    kad_doctor_add(finding->evidence, "this node keeps %lld things published; %lld times published again",
                   (long long)n, (long long)kad_doctor_number(facts->stats, "published"));
    if (n > 0 && (kad_json_number(facts->node, "ready") <= 0 || kad_doctor_contacts(facts) == 0))
        kad_doctor_say(
            finding, KAD_DOCTOR_PROBLEM,
            "what it publishes is not published again: it is cut off, and others forget within hours",
            "see what `contacts` says here; `kad get KEY --explain` tells of one value");
}

void kad_doctor_load(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int64_t load = kad_json_number(facts->node, "load_percent");
    const int64_t shed = kad_doctor_number(facts->stats, "dropped.shed");
    const int64_t lost = kad_doctor_number(facts->stats, "events_lost");

    if (no_node(facts, finding))
        return;
    kad_doctor_add(finding->evidence, "load %lld %%, %lld queries shed since the start, %lld events lost",
                   (long long)(load > 0 ? load : 0), (long long)(shed > 0 ? shed : 0),
                   (long long)(lost > 0 ? lost : 0));
    if (load > 0)
        kad_doctor_say(
            finding, KAD_DOCTOR_PROBLEM, "it cannot keep up: strangers' queries are dropped",
            "give it more CPU (`top`, `nice`), or less to do: lower `group_per_s` and `max_requests`");
    else if (shed > 0 || lost > 0)
        kad_doctor_say(
            finding, KAD_DOCTOR_WARNING, "at times it could not keep up: strangers' queries were dropped",
            "watch `kademlia_datagrams_dropped_total{reason=\"shed\"}`; give it more CPU if it rises");
}
