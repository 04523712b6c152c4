/* metrics_libp2p - what T024 wants to see of its network, under its names, and how the connections are. */
#include <inttypes.h>
#include <stdio.h>

#include "http/metrics.h"
#include "node/libp2p_link.h"
#include "node/look.h"
#include "node/tally.h"

#define STEP  4096 /* records looked at in one go */
#define STEPS 64   /* of a store with more than these hold the first are counted */

static void on_record(void *context, const struct kad_record *record)
{
    *(uint64_t *)context += record->type == KAD_CLASS_PROVIDER;
}

static void on_key(void *context, const struct kad_id *key, uint32_t n_peers)
{
    (void)context;
    (void)key;
    (void)n_peers;
}

static uint64_t provider_records(struct kad_node *node)
{
    uint64_t n = 0, next = 0;
    const struct kad_store_viewer viewer = {on_record, on_key, &n};
    unsigned steps = 0;

    do {
        next = kad_node_look(node, next, STEP, &viewer);
    } while (next != 0 && ++steps < STEPS);
    return n;
}

static void outcome(FILE *out, const char *names[2], const char *helps[2], const uint64_t counts[2])
{
    for (unsigned good = 0; good < 2; good++)
        kad_metrics_counter(out, names[good], helps[good], counts[good]);
}

static void connections(FILE *out, const struct kad_swarm *swarm)
{
    const struct kad_swarm_counters *c = kad_swarm_counters(swarm);

    kad_metrics_gauge(out, "kademlia_connections", "Connections to peers.",
                      (double)kad_swarm_peers(swarm, NULL, 0));
    kad_metrics_counter(out, "kademlia_connections_accepted_total", "Connections that came.", c->accepted);
    kad_metrics_counter(out, "kademlia_connections_refused_total", "Connections over a limit.", c->refused);
    kad_metrics_counter(out, "kademlia_connections_crowded_total",
                        "Of these, from a host or subnet that had its share.", c->crowded);
    kad_metrics_counter(out, "kademlia_connections_trimmed_total",
                        "Connections closed for the sake of others.", c->trimmed);
    kad_metrics_counter(out, "kademlia_provider_probes_total", "Dials to see whether a provider is there.",
                        c->probes);
    kad_metrics_counter(out, "kademlia_provider_probes_failed_total", "Of these, where it was not.",
                        c->probes_failed);
    kad_metrics_gauge(out, "kademlia_providers_gone",
                      "Providers that others are not told of, because they are not there.",
                      (double)c->providers_gone);
    kad_metrics_counter(out, "kademlia_dials_total", "Addresses that were dialled.", c->dialled);
    kad_metrics_counter(out, "kademlia_dials_failed_total", "Addresses where nobody was.", c->dial_failed);
    kad_metrics_counter(out, "kademlia_peers_identified_total", "Times that a peer said what it is.",
                        c->identified);
    kad_metrics_counter(out, "kademlia_malformed_messages_total",
                        "Requests, answers and identifications that were none.", c->malformed);
    kad_metrics_gauge(out, "kademlia_connections_memory_bytes",
                      "Memory that connections and the address book hold.", (double)kad_swarm_memory(swarm));
}

void kad_metrics_libp2p(FILE *out, struct kad_node *node)
{
    static const char *discovery[] = {"kademlia_peer_discovery_failures_total",
                                      "kademlia_peer_discovery_success_total"};
    static const char *lookups[] = {"kademlia_provider_lookups_failures_total",
                                    "kademlia_provider_lookups_success_total"};
    static const char *of_discovery[] = {"Lookups of peers that failed.",
                                         "Lookups of peers that ended well."};
    static const char *of_lookups[] = {"Lookups of providers that found none.",
                                       "Lookups of providers that found some."};
    const struct kad_tally *tally = kad_node_tally(node);
    const struct kad_counters *counters = kad_engine_counters(kad_node_engine(node));
    const struct kad_swarm *swarm = kad_node_swarm(node);

    kad_metrics_histogram(out, "kademlia_query_duration_seconds", "Time until a request of a user ended.",
                          &kad_node_measures(node)->request_ms, KAD_HISTOGRAM_MS);
    kad_metrics_gauge(out, "kademlia_provider_records", "Provider records held.",
                      (double)provider_records(node));
    outcome(out, discovery, of_discovery, tally->closest);
    outcome(out, lookups, of_lookups, tally->providers);
    kad_metrics_counter(out, "kademlia_routing_table_refreshes_total", "Buckets refreshed.",
                        counters->refreshes);
    kad_metrics_counter(out, "kademlia_rpc_timeouts_total", "Messages that were not answered in time.",
                        counters->timeouts);
    if (swarm)
        connections(out, swarm);
}
