/* metrics - see metrics.h. */
#include "http/metrics.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "http/api.h"
#include "http/regions.h"
#include "http/relays.h"
#include "node/libp2p_link.h"
#include "node/tally.h"

void kad_metrics_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void kad_metrics_counter(FILE *out, const char *name, const char *help, uint64_t value)
{
    kad_metrics_head(out, name, "counter", help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}

void kad_metrics_gauge(FILE *out, const char *name, const char *help, double value)
{
    kad_metrics_head(out, name, "gauge", help);
    fprintf(out, "%s %.17g\n", name, value);
}

/* "over its rate" -> over_its_rate: label values that need no quoting in a query. */
static const char *word(const char *text, char room[64])
{
    size_t n = 0;

    for (; *text && n < 63; text++)
        room[n++] = isalnum((unsigned char)*text) ? (char)tolower((unsigned char)*text) : '_';
    room[n] = 0;
    return room;
}

static void labelled(FILE *out, const char *name, const char *label, const char *value, uint64_t count)
{
    char room[64];

    fprintf(out, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, word(value, room), count);
}

static void by_family(FILE *out, const char *name, const char *help, double ipv4, double ipv6)
{
    kad_metrics_head(out, name, "gauge", help);
    fprintf(out, "%s{family=\"ipv4\"} %.17g\n%s{family=\"ipv6\"} %.17g\n", name, ipv4, name, ipv6);
}

static void by_method(FILE *out, const char *name, const char *help, const uint64_t counts[KAD_METHODS])
{
    kad_metrics_head(out, name, "counter", help);
    for (unsigned i = 0; i < KAD_METHODS; i++)
        labelled(out, name, "method", kad_method_text(i), counts[i]);
}

static void traffic(FILE *out, const struct kad_counters *c, const struct kad_tally *tally)
{
    static const char *const unsent[KAD_N_UNSENT] = {"budget", "room", "size", "session"};

    kad_metrics_counter(out, "kademlia_datagrams_accepted_total", "Datagrams that were taken in.",
                        c->received[KAD_DROP_NONE]);
    kad_metrics_head(out, "kademlia_datagrams_dropped_total", "counter",
                     "Datagrams that were dropped, by reason.");
    for (unsigned i = KAD_DROP_NONE + 1; i < KAD_N_DROPS; i++)
        labelled(out, "kademlia_datagrams_dropped_total", "reason", kad_drop_text((enum kad_drop)i),
                 c->received[i]);
    kad_metrics_counter(out, "kademlia_datagrams_sent_total", "Datagrams handed to the network.",
                        c->datagrams_out);
    kad_metrics_counter(out, "kademlia_received_bytes_total", "UDP payload received.", c->bytes_in);
    kad_metrics_counter(out, "kademlia_sent_bytes_total", "UDP payload sent.", c->bytes_out);
    kad_metrics_head(out, "kademlia_answers_unsent_total", "counter",
                     "Answers that were not sent, by reason.");
    for (unsigned i = 0; i < KAD_N_UNSENT; i++)
        labelled(out, "kademlia_answers_unsent_total", "reason", unsent[i], c->unsent[i]);
    by_method(out, "kademlia_queries_received_total", "Queries of others, by method.", c->queries_in);
    by_method(out, "kademlia_queries_sent_total", "Queries of this node, by method.", c->queries_out);
    kad_metrics_counter(out, "kademlia_answers_received_total", "Answers to queries of this node.",
                        c->answers_in);
    kad_metrics_counter(out, "kademlia_errors_received_total", "Errors in answer to queries of this node.",
                        c->errors_in);
    /* T024's queries are our requests. */
    kad_metrics_counter(out, "kademlia_dht_query_timeouts_total",
                        tally ? "Requests of this node's users that nobody answered in time."
                              : "Queries of this node that nobody answered in time.",
                        tally ? tally->timeouts : c->timeouts);
    kad_metrics_head(out, "kademlia_queries_refused_total", "counter",
                     "Queries of others that were refused, by reason.");
    for (unsigned i = KAD_REFUSAL_NONE + 1; i < KAD_N_REFUSALS; i++)
        labelled(out, "kademlia_queries_refused_total", "reason", kad_refusal_text((enum kad_refusal)i),
                 c->refused[i]);
}

static void work(FILE *out, const struct kad_counters *c, const struct kad_tally *tally)
{
    kad_metrics_counter(out, "kademlia_requests_total", "Requests of this node's users.", c->requests);
    kad_metrics_head(out, "kademlia_requests_done_total", "counter", "Requests that ended, by reason.");
    for (unsigned i = KAD_REASON_CONVERGED; i <= KAD_REASON_CANCELLED; i++)
        labelled(out, "kademlia_requests_done_total", "reason", kad_reason_text((enum kad_reason)i),
                 c->requests_done[i]);
    kad_metrics_counter(out, "kademlia_routing_table_added_total", "Contacts that entered the routing table.",
                        c->table_added);
    kad_metrics_counter(out, "kademlia_routing_table_removed_total", "Contacts that left the routing table.",
                        c->table_removed);
    kad_metrics_counter(out, "kademlia_routing_table_limited_total",
                        "Contacts kept out by the limits per subnet.", c->table_limited);
    kad_metrics_counter(out, "kademlia_routing_table_unwelcome_total",
                        "Times min_score or the host's gate kept somebody out.", c->table_unwelcome);
    kad_metrics_counter(out, "kademlia_records_stored_total", "Values taken in for others.", c->stored);
    kad_metrics_counter(out, "kademlia_provider_records_stored_total", "Announces taken in for others.",
                        c->announced);
    kad_metrics_counter(out, "kademlia_provider_records_published_total",
                        "Values and announces of this node, published or again.",
                        c->published + (tally ? tally->provided : 0));
    kad_metrics_counter(out, "kademlia_cover_lookups_total", "Gets of random keys, for cover.", c->covers);
    kad_metrics_counter(out, "kademlia_refreshes_total", "Buckets refreshed.", c->refreshes);
    kad_metrics_counter(out, "kademlia_own_queries_delayed_total",
                        "Times that queries waited for the budget of own traffic.", c->own_delayed);
    kad_metrics_counter(out, "kademlia_events_lost_total", "Events that nobody took in time.",
                        c->events_lost);
    kad_metrics_counter(out, "kademlia_store_errors_total", "Failures of the store.", c->store_errors);
}

static void state(FILE *out, const struct kad_info *info)
{
    by_family(out, "kademlia_routing_table_size", "Contacts in the routing table.",
              (double)info->n_contacts[0], (double)info->n_contacts[1]);
    by_family(out, "kademlia_routing_table_buckets", "Buckets in the routing table.", info->n_buckets[0],
              info->n_buckets[1]);
    by_family(out, "kademlia_network_size_estimate", "Estimated nodes in the network; 0: unknown.",
              info->network_size[0], info->network_size[1]);
    kad_metrics_gauge(out, "kademlia_ready", "1 when the node has joined.", info->ready);
    kad_metrics_gauge(out, "kademlia_requests_running", "Requests of this node's users under way.",
                      info->n_requests);
    kad_metrics_gauge(out, "kademlia_queries_running", "Queries of this node not answered yet.",
                      info->n_queries);
    kad_metrics_gauge(out, "kademlia_publications", "Values and announces this node keeps published.",
                      info->n_publications);
    kad_metrics_gauge(out, "kademlia_query_patience_seconds", "How long a query is waited for just now.",
                      (double)info->patience_ms / 1000);
    if (info->rtt_ms >= 0)
        kad_metrics_gauge(out, "kademlia_rtt_seconds", "Round trip time, smoothed over all nodes.",
                          (double)info->rtt_ms / 1000);
    kad_metrics_gauge(out, "kademlia_load_ratio",
                      "How far it is behind with what comes in, 0 to 1; above 0 strangers' queries are shed.",
                      info->load_percent / 100.0);
    kad_metrics_gauge(out, "kademlia_contact_deaths_per_hour_ratio",
                      "Measured: the share of contacts that dies in an hour.",
                      info->deaths_per_1000_h / 1000.0);
    kad_metrics_gauge(out, "kademlia_ping_interval_seconds",
                      "How long a contact may go unheard, as its deaths demand.",
                      (double)info->ping_after_ms / 1000);
    kad_metrics_gauge(out, "kademlia_store_records", "Values held.", (double)info->n_records);
    kad_metrics_gauge(out, "kademlia_store_record_bytes", "Bytes of values held.",
                      (double)info->record_bytes);
    kad_metrics_gauge(out, "kademlia_store_keys", "Keys that peers are held for.", (double)info->n_keys);
    kad_metrics_gauge(out, "kademlia_store_peers", "Peers held.", (double)info->n_peers);
    kad_metrics_gauge(out, "kademlia_memory_bytes", "Memory the engine and its store hold.",
                      (double)info->memory);
}

/* Prometheus wants seconds, and each bucket to hold all smaller ones. */
void kad_metrics_histogram(FILE *out, const char *name, const char *help,
                           const struct kad_histogram *histogram, enum kad_histogram_unit unit)
{
    const uint32_t *bounds = kad_histogram_bounds(unit);
    const double scale = unit == KAD_HISTOGRAM_MS ? 1000 : 1;
    uint64_t n = 0;

    kad_metrics_head(out, name, "histogram", help);
    for (unsigned i = 0; i < KAD_HISTOGRAM_BOUNDS; i++) {
        n += histogram->counts[i];
        fprintf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, bounds[i] / scale, n);
    }
    n += histogram->counts[KAD_HISTOGRAM_BOUNDS];
    fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.17g\n%s_count %" PRIu64 "\n", name, n, name,
            (double)histogram->sum / scale, name, n);
}

static void measures(FILE *out, const struct kad_measures *m)
{
    kad_metrics_histogram(out, "kademlia_query_rtt_seconds", "Round trip time of queries that were answered.",
                          &m->query_rtt_ms, KAD_HISTOGRAM_MS);
    kad_metrics_histogram(out, "kademlia_lookup_duration_seconds", "Time until a request of a user ended.",
                          &m->request_ms, KAD_HISTOGRAM_MS);
    kad_metrics_head(out, "kademlia_gets_total", "counter", "Values asked for by users, by what answered.");
    labelled(out, "kademlia_gets_total", "from", "network", m->gets - m->gets_cached);
    labelled(out, "kademlia_gets_total", "from", "cache", m->gets_cached);
    kad_metrics_head(out, "kademlia_lookups_seeded_total", "counter",
                     "Requests that began with whom an earlier one had found, by its target.");
    labelled(out, "kademlia_lookups_seeded_total", "target", "same", m->lookups_same);
    labelled(out, "kademlia_lookups_seeded_total", "target", "near", m->lookups_near);
    kad_metrics_histogram(out, "kademlia_lookup_hops", "Hops of requests of users.", &m->request_hops,
                          KAD_HISTOGRAM_HOPS);
}

static void write_all(FILE *out, const struct kad_info *info, const struct kad_counters *counters,
                      const struct kad_measures *measured, const struct kad_tally *tally, const char *network,
                      kad_ms uptime_ms)
{
    kad_metrics_head(out, "kademlia_build_info", "gauge", "Always 1; the labels say what runs.");
    fprintf(out, "kademlia_build_info{version=\"%s\",network=\"%s\"} 1\n", KAD_VERSION, network);
    kad_metrics_gauge(out, "kademlia_uptime_seconds", "Since the node was started.",
                      (double)uptime_ms / 1000);
    state(out, info);
    traffic(out, counters, tally);
    work(out, counters, tally);
    measures(out, measured);
}

/* Closes it; NULL: something did not fit into memory. */
static char *end(FILE *out, char **text)
{
    if (fclose(out) == 0)
        return *text;
    free(*text);
    return NULL;
}

char *kad_metrics_text(const struct kad_info *info, const struct kad_counters *counters,
                       const struct kad_measures *measured, const char *network, kad_ms uptime_ms)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    write_all(out, info, counters, measured, NULL, network, uptime_ms);
    return end(out, &text);
}

#define COUNTRIES 64 /* more are counted together */

struct census {
    struct {
        char name[8];
        uint64_t n;
    } of[COUNTRIES + 1];
    size_t n;
};

static void count(struct census *census, const char country[2])
{
    char name[8];
    size_t i = 0;

    snprintf(name, sizeof name, "%.2s", country[0] ? country : "--");
    while (i < census->n && i < COUNTRIES && strcmp(census->of[i].name, name) != 0)
        i++;
    if (i == COUNTRIES)
        snprintf(name, sizeof name, "others");
    if (i == census->n)
        memcpy(census->of[census->n++].name, name, sizeof name);
    census->of[i].n++;
}

/* T61: which regions the table has contacts in; where no table of places is lent, nothing. */
static void by_country(FILE *out, struct kad_node *node)
{
    const struct kad_places *places = kad_node_config_of(node)->places;
    const struct kad_engine *engine = kad_node_engine(node);
    struct census census = {.n = 0};

    if (!places)
        return;
    for (unsigned family = 0; family < 2; family++) {
        const enum kad_family which = family ? KAD_IPV6 : KAD_IPV4;
        const size_t n = kad_engine_table(engine, which, NULL, 0);
        struct kad_table_row *rows = calloc(n + 1, sizeof *rows);

        for (size_t i = 0, there = rows ? kad_engine_table(engine, which, rows, n) : 0; i < there && i < n;
             i++) {
            struct kad_place place = {0};

            places->place_of(places->context, &rows[i].contact.endpoint, &place);
            if (!rows[i].replacement)
                count(&census, place.country);
        }
        free(rows);
    }
    kad_metrics_head(out, "kademlia_contacts_by_country", "gauge",
                     "Contacts in the routing table, by country as the table of places has it; --: unknown.");
    for (size_t i = 0; i < census.n; i++)
        fprintf(out, "kademlia_contacts_by_country{country=\"%s\"} %" PRIu64 "\n", census.of[i].name,
                census.of[i].n);
}

static void readers(FILE *out, const struct kad_node *node)
{
    struct kad_reader_counts counts;

    kad_node_reader_counts(node, &counts);
    kad_metrics_counter(out, "kademlia_unlinked_readers_total",
                        "Members there were for one get each, which cannot be linked.", counts.begun);
    kad_metrics_counter(out, "kademlia_unlinked_refused_total",
                        "Such gets for which none was to be had at once.", counts.refused);
    kad_metrics_counter(out, "kademlia_unlinked_timeouts_total",
                        "Such gets for which none was to be had in time.", counts.timeouts);
    kad_metrics_counter(out, "kademlia_unlinked_tries_total", "Key pairs made for their identities.",
                        counts.tries);
    kad_metrics_gauge(out, "kademlia_unlinked_readers", "Those there are now.", counts.n_open);
    kad_metrics_gauge(out, "kademlia_unlinked_identities", "Identities that are ready for more.",
                      counts.n_ready);
}

static char *of_node(struct kad_node *node)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct kad_info info;

    if (!out)
        return NULL;
    kad_engine_info(kad_node_engine(node), &info);
    write_all(out, &info, kad_engine_counters(kad_node_engine(node)), kad_node_measures(node),
              kad_node_is_libp2p(node) ? kad_node_tally(node) : NULL,
              kad_network_name(kad_node_config_of(node)->network),
              kad_node_now(node) - kad_node_started_at(node));
    by_country(out, node);
    kad_metrics_relay(out, node);
    if (kad_network_has_identities(kad_node_config_of(node)->network) && !kad_node_is_libp2p(node))
        readers(out, node);
    kad_metrics_regions(out, node);
    if (kad_node_is_libp2p(node))
        kad_metrics_libp2p(out, node);
    return end(out, &text);
}

/* The node that was asked first, for it is who others' rules and pictures are about. */
char *kad_metrics_of_all(const struct kad_api *asked)
{
    const struct kad_api *api = asked->first ? asked->first : asked;
    enum { MOST = 8 };
    const char *networks[1 + MOST];
    char *texts[1 + MOST];
    const size_t n = 1 + (api->n_others < MOST ? api->n_others : MOST);

    for (size_t i = 0; i < n; i++) {
        struct kad_node *node = i ? api->others[i - 1].node : api->node;

        networks[i] = kad_network_name(kad_node_config_of(node)->network);
        texts[i] = of_node(node);
    }
    return n > 1 ? kad_metrics_merge(texts, networks, n) : texts[0];
}
