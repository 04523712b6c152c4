/* doctor_reach - can it reach anybody, can anybody reach it; see doctor.h. */
#include "cli/doctor.h"

#include <errno.h>
#include <string.h>

#include "base/endpoint.h"
#include "cli/print.h"

#define SMALL_MTU 1280 /* what IPv6 asks of every link */

static bool is_local(const struct kad_probe *probe)
{
    return probe->to.family != KAD_FAMILY_NONE && kad_endpoint_scope(&probe->to) == KAD_SCOPE_LOOPBACK;
}

static bool forbidden(const struct kad_probe *probe)
{
    return probe->error == EPERM || probe->error == EACCES;
}

static bool no_way(const struct kad_probe *probe)
{
    return probe->error == ENETUNREACH || probe->error == EHOSTUNREACH || probe->error == EADDRNOTAVAIL ||
           probe->error == ENETDOWN || probe->error == EAFNOSUPPORT;
}

static bool silent(const struct kad_probe *probe)
{
    return !probe->unresolved && probe->error == 0 && probe->n_sent > 0 &&
           probe->n_answers + probe->n_errors + probe->n_garbage == 0;
}

static int smallest_mtu(const struct kad_doctor_facts *facts)
{
    int least = 0;

    for (size_t i = 0; i < facts->n_probes; i++) {
        const int mtu = facts->probes[i].mtu;

        least = mtu > 0 && (least == 0 || mtu < least) ? mtu : least;
    }
    return least;
}

void kad_doctor_network(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int mtu = smallest_mtu(facts);
    size_t n_local = 0, n_no_way = 0;

    for (size_t i = 0; i < facts->n_probes; i++) {
        n_local += is_local(&facts->probes[i]);
        n_no_way += no_way(&facts->probes[i]);
    }
    kad_doctor_add(finding->evidence,
                   "%d addresses on interfaces that are up, besides loopback; IPv4 route: %s; IPv6 route: %s",
                   facts->n_addresses, facts->route_v4 ? "yes" : "no", facts->route_v6 ? "yes" : "no");
    if (n_no_way > 0)
        kad_doctor_add(finding->evidence, "; no way to %zu of %zu nodes", n_no_way, facts->n_probes);
    if (mtu > 0)
        kad_doctor_add(finding->evidence, "; smallest path MTU %d", mtu);
    if (facts->n_probes > 0 && n_local == facts->n_probes)
        kad_doctor_add(finding->evidence, "; only loopback is used");
    else if (facts->n_addresses == 0)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM,
                       "this machine has no network: no interface but loopback is up",
                       "bring an interface up: `ip link`, `ip addr`, then your network manager");
    else if (n_no_way > 0 && n_no_way == facts->n_probes - n_local)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM, "there is no route to any node it is to join through",
                       "look at `ip route`: a default route is missing");
    else if (!facts->route_v4 && !facts->route_v6 && facts->n_probes == 0)
        kad_doctor_say(finding, KAD_DOCTOR_WARNING, "there is no route to the rest of the world",
                       "look at `ip route`: a default route is missing");
    else if (mtu > 0 && mtu < SMALL_MTU)
        kad_doctor_say(
            finding, KAD_DOCTOR_WARNING,
            "small packets only: longer answers come in fragments, which get lost",
            "look at the tunnel or VPN (`ip link`, `tracepath`): an MTU of 1280 or more is wanted");
}

static size_t n_answering(const struct kad_doctor_facts *facts)
{
    size_t n = 0;

    for (size_t i = 0; i < facts->n_probes; i++)
        n += facts->probes[i].n_answers + facts->probes[i].n_errors > 0;
    return n;
}

void kad_doctor_firewall_out(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    static const char remedy[] =
        "let UDP out: `nft add rule inet filter output meta l4proto udp accept`, and the same in the router";
    size_t n_forbidden = 0, n_silent = 0, n_hosts = 0;

    for (size_t i = 0; i < facts->n_probes; i++) {
        n_forbidden += forbidden(&facts->probes[i]);
        n_silent += silent(&facts->probes[i]);
        n_hosts += facts->probes[i].n_sent > 0;
    }
    kad_doctor_add(finding->evidence,
                   "%zu of %zu nodes pinged answer; %zu are silent; to %zu sending is forbidden",
                   n_answering(facts), n_hosts, n_silent, n_forbidden);
    if (n_forbidden > 0)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM, "a firewall on this machine forbids outgoing UDP",
                       remedy);
    else if (n_hosts == 0 || n_answering(facts) > 0)
        finding->state = n_hosts == 0 ? KAD_DOCTOR_UNKNOWN : KAD_DOCTOR_OK;
    else if (n_silent > 1)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM,
                       "nobody answers and nobody says why: a firewall drops UDP on its way out (or its "
                       "answers), or all of them are down",
                       remedy);
    else
        finding->state = KAD_DOCTOR_UNKNOWN; /* one silent node may as well be down */
}

static const char *listening_port(const struct kad_doctor_facts *facts)
{
    const char *address = json_string_value(json_array_get(json_object_get(facts->node, "listening"), 0));
    const char *colon = address ? strrchr(address, ':') : NULL;

    return colon ? colon + 1 : "6881";
}

/* Mainline has no message that makes others call back. What is left is who comes by himself: a firewall that only lets
 * answers in lets nobody through who was not asked before. */
void kad_doctor_firewall_in(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const int64_t uptime = kad_json_number(facts->node, "uptime"), contacts = kad_doctor_contacts(facts);
    const int64_t answers = kad_doctor_number(facts->stats, "answers_in"),
                  asked = kad_doctor_sum(facts->stats, "queries_in");
    const int64_t strangers = kad_doctor_number(facts->stats, "strangers_in");
    const int64_t size = kad_doctor_number(facts->node, "network_size.ipv4");
    char remedy[KAD_FINDING_TEXT] = "";

    if (!facts->node || !facts->stats) {
        finding->state = KAD_DOCTOR_UNKNOWN;
        kad_doctor_add(finding->evidence, "only a running node hears who comes by himself");
        return;
    }
    kad_doctor_add(
        finding->evidence,
        "%lld answers to this node's queries, %lld queries of others, %lld of them of strangers, in %lld s",
        (long long)answers, (long long)asked, (long long)strangers, (long long)uptime);
    kad_doctor_add(remedy,
                   "open the port, here `nft add rule inet filter input udp dport %s accept`, and forward "
                   "UDP %s in the router",
                   listening_port(facts), listening_port(facts));
    if (kad_json_number(facts->node, "read_only") > 0)
        kad_doctor_add(finding->evidence, "; it is read-only, so nobody is to come");
    else if (answers <= 0 || contacts < 1 || uptime < facts->patience_s || strangers < 0)
        finding->state = asked > 0 ? KAD_DOCTOR_OK : KAD_DOCTOR_UNKNOWN;
    else if (asked == 0)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM,
                       "its own queries are answered, but nobody's reach it: incoming UDP is blocked",
                       remedy);
    else if (strangers == 0 && size > 2 * contacts)
        kad_doctor_say(
            finding, KAD_DOCTOR_WARNING,
            "only nodes it has asked before reach it: a firewall or NAT lets nothing in but answers", remedy);
    else if (strangers == 0)
        kad_doctor_add(finding->evidence, "; so small a network has no strangers");
}

static void describe(const struct kad_probe *probe, char text[KAD_FINDING_TEXT])
{
    kad_doctor_add(text, "%s%s: ", *text ? "; " : "", probe->name);
    if (probe->unresolved)
        kad_doctor_add(text, "the name does not resolve");
    else if (probe->is_self)
        kad_doctor_add(text, "that is this node itself");
    else if (probe->n_answers > 0)
        kad_doctor_add(text, "answers after %lld ms", (long long)probe->rtt_ms[0]);
    else if (probe->n_errors > 0)
        kad_doctor_add(text, "answers with errors");
    else if (probe->n_garbage > 0)
        kad_doctor_add(text, "something answers that does not speak this network's language");
    else if (forbidden(probe))
        kad_doctor_add(text, "sending is forbidden here");
    else if (probe->error == ECONNREFUSED)
        kad_doctor_add(text, "nobody listens on that port (ICMP port unreachable)");
    else if (probe->error)
        kad_doctor_add(text, "unreachable (%s)", strerrordesc_np(probe->error));
    else
        kad_doctor_add(text, "no answer");
}

void kad_doctor_bootstrap(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    static const char remedy[] = "replace those in the `bootstrap` list by nodes that run (`bootstrap = "
                                 "public` for the public network), then restart";
    char wrong[KAD_FINDING_TEXT] = "";
    const int64_t contacts = kad_doctor_contacts(facts);
    size_t n = 0, n_good = 0;

    for (size_t i = 0; i < facts->n_probes; i++) {
        const struct kad_probe *probe = &facts->probes[i];
        const bool good = probe->n_answers > 0 && !probe->is_self;

        if (probe->is_contact)
            continue;
        n++;
        n_good += good;
        if (!good)
            describe(probe, wrong);
    }
    kad_doctor_add(finding->evidence, "%zu of %zu bootstraps answer", n_good, n);
    if (n == 0)
        kad_doctor_say(finding, contacts > 0 ? KAD_DOCTOR_WARNING : KAD_DOCTOR_PROBLEM,
                       "there is no bootstrap: nobody to join through",
                       "`kad node --bootstrap HOST:PORT`, or `bootstrap = HOST:PORT` in the configuration");
    else if (n_good < n)
        kad_doctor_say(finding, n_good > 0 || contacts > 0 ? KAD_DOCTOR_WARNING : KAD_DOCTOR_PROBLEM, wrong,
                       remedy);
}

/* What others see of a port: of the node's, by their votes; of our own sockets, by the answers to the pings. */
void kad_doctor_port(const struct kad_doctor_facts *facts, struct kad_finding *finding)
{
    const char *outside = json_string_value(json_object_get(facts->node, "outside_address"));
    const json_t *listening = json_object_get(facts->node, "listening");
    char remedy[KAD_FINDING_TEXT] = "";
    struct kad_endpoint seen = {0}, bound;
    size_t n_same = 0, n_other = 0, n_loopback = 0, n_far = 0, i;
    bool fits = false;
    json_t *one;

    for (i = 0; i < facts->n_probes; i++) {
        const struct kad_probe *probe = &facts->probes[i];

        n_far += !is_local(probe) && !probe->unresolved;
        if (probe->seen_as.family == KAD_FAMILY_NONE)
            continue;
        n_same += probe->seen_as.port == probe->from_port;
        n_other += probe->seen_as.port != probe->from_port;
    }
    if (outside && kad_endpoint_parse(outside, 0, &seen) != KAD_OK)
        outside = NULL;
    json_array_foreach(listening, i, one)
    {
        if (kad_endpoint_parse(json_string_value(one), 0, &bound) != KAD_OK)
            continue;
        fits |= bound.port == seen.port;
        n_loopback += kad_endpoint_scope(&bound) == KAD_SCOPE_LOOPBACK;
    }
    kad_doctor_add(finding->evidence, "it listens on port %s; ",
                   facts->node ? listening_port(facts) : "unknown");
    if (outside)
        kad_doctor_add(finding->evidence, "others see port %u; ", (unsigned)seen.port);
    kad_doctor_add(finding->evidence,
                   "of the doctor's own sockets %zu are seen with their port, %zu with another", n_same,
                   n_other);
    kad_doctor_add(remedy, "forward UDP port %s in the router to this machine, to the same port",
                   listening_port(facts));
    if (n_loopback > 0 && n_loopback == json_array_size(listening) && n_far > 0)
        kad_doctor_say(finding, KAD_DOCTOR_PROBLEM,
                       "it listens on loopback only, and its bootstraps are elsewhere",
                       "`listen = 0.0.0.0:6881` in the configuration, or leave `listen` out");
    else if (outside && !fits)
        kad_doctor_say(finding, KAD_DOCTOR_WARNING,
                       "others see it at a port it does not listen on: a NAT translates ports", remedy);
    else if (n_other > 0)
        kad_doctor_say(finding, KAD_DOCTOR_WARNING, "a NAT between here and the network translates ports",
                       remedy);
    else if (!outside && n_same == 0)
        finding->state = KAD_DOCTOR_UNKNOWN;
}
