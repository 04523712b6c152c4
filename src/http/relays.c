#include "http/relays.h"

#include <inttypes.h>
#include <stdlib.h>

#include "http/json.h"
#include "http/libp2p.h"
#include "http/metrics.h"
#include "node/libp2p_link.h"

#define ROWS 64

static const char *const modes[] = {"off", "auto", "always"};

static json_t *rtt(int32_t ms)
{
    return ms < 0 ? json_null() : json_integer(ms);
}

static json_t *number_if(bool known, uint64_t number)
{
    return known ? json_integer((json_int_t)number) : json_null();
}

static json_t *of_kad(struct kad_node *node)
{
    struct kad_relay_row rows[ROWS];
    const size_t n = kad_node_relays(node, rows, ROWS);
    json_t *list = json_array();

    for (size_t i = 0; i < n && i < ROWS; i++) {
        const struct kad_relay_row *row = &rows[i];

        json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "identity",
                                              kad_json_identity(row->public_key), "address",
                                              kad_json_endpoint(&row->endpoint), "rtt_ms", rtt(row->rtt_ms),
                                              "bytes_per_s", number_if(row->told, row->bytes_per_s), "places",
                                              number_if(row->told, row->n_places), "free",
                                              number_if(row->told, row->n_free), "ours", row->ours ? 1 : 0,
                                              "shunned", row->shunned ? 1 : 0));
    }
    return list;
}

static int by_rtt(const void *one, const void *other)
{
    const struct kad_swarm_peer *a = one, *b = other;
    const uint32_t x = (uint32_t)a->rtt_ms, y = (uint32_t)b->rtt_ms; /* -1 is last */

    return (x > y) - (x < y);
}

/* Peers that are connected and say that they forward (circuit relay v2); we use none. */
static json_t *of_libp2p(struct kad_node *node)
{
    const struct kad_swarm *swarm = kad_node_swarm(node);
    size_t n = swarm ? kad_swarm_peers(swarm, NULL, 0) : 0;
    struct kad_swarm_peer *peers = n ? calloc(n, sizeof *peers) : NULL;
    json_t *list = json_array();

    n = peers ? kad_swarm_peers(swarm, peers, n) : 0;
    if (n)
        qsort(peers, n, sizeof *peers, by_rtt);
    for (size_t i = 0; i < n; i++) {
        const struct kad_bytes id = {peers[i].id, peers[i].n_id};
        json_t *addrs;

        if (!peers[i].is_relay)
            continue;
        addrs = json_array();
        for (unsigned j = 0; j < peers[i].n_addrs; j++)
            json_array_append_new(addrs, kad_json_multiaddr(peers[i].addrs[j], id));
        json_array_append_new(list,
                              json_pack("{s:o, s:o, s:o, s:b}", "peer_id", kad_json_peer_id(id), "multiaddrs",
                                        addrs, "rtt_ms", rtt(peers[i].rtt_ms), "ours", 0));
    }
    free(peers);
    return list;
}

json_t *kad_json_relay(const struct kad_node *node)
{
    struct kad_relay_status status;

    kad_node_relay_status(node, &status);
    if (!status.address.family)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "address", kad_json_endpoint(&status.address), "relay",
                     kad_json_endpoint(&status.relay), "identity", kad_json_identity(status.relay_key));
}

static json_t *status_of(const struct kad_node *node)
{
    struct kad_relay_status status;
    json_t *datagrams = json_object();

    kad_node_relay_status(node, &status);
    for (unsigned i = 0; i < KAD_RELAY_DROPS; i++)
        json_object_set_new(datagrams, kad_relay_drop_name(i), json_integer((json_int_t)status.datagrams[i]));
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:o}", "mode", modes[status.mode],
                     "state", status.state, "bytes_in", (json_int_t)status.bytes_in, "bytes_out",
                     (json_int_t)status.bytes_out, "unsent", (json_int_t)status.unsent, "places",
                     (int)status.n_places, "clients", (int)status.n_clients, "relayed_in",
                     (json_int_t)status.relayed_in, "relayed_out", (json_int_t)status.relayed_out,
                     "datagrams", datagrams);
}

struct kad_api_answer kad_relays_route(const struct kad_api *api, struct kad_api_asker asker,
                                       struct kad_params *params)
{
    (void)asker;
    if (!kad_params_finish(params))
        return (struct kad_api_answer){.status = 400, .json = kad_json_error("bad request", params->why)};
    return (struct kad_api_answer){
        .status = 200,
        .json = json_pack("{s:o, s:o, s:o}", "relays",
                          kad_node_is_libp2p(api->node) ? of_libp2p(api->node) : of_kad(api->node), "used",
                          kad_json_relay(api->node), "status", status_of(api->node)),
    };
}

void kad_metrics_relay(FILE *out, const struct kad_node *node)
{
    struct kad_relay_status status;

    kad_node_relay_status(node, &status);
    if (status.mode != KAD_RELAY_OFF) {
        kad_metrics_gauge(out, "kademlia_relay_used", "1 when others reach this node through a relay.",
                          status.address.family != 0);
        kad_metrics_counter(out, "kademlia_relay_received_bytes_total", "Bytes that came through relays.",
                            status.bytes_in);
        kad_metrics_counter(out, "kademlia_relay_sent_bytes_total", "Bytes that left through relays.",
                            status.bytes_out);
        kad_metrics_counter(out, "kademlia_relay_unsent_total",
                            "Datagrams that did not leave for want of one.", status.unsent);
    }
    if (status.n_places == 0)
        return;
    kad_metrics_gauge(out, "kademlia_relay_places", "Nodes that this relay can forward for.",
                      status.n_places);
    kad_metrics_gauge(out, "kademlia_relay_clients", "Nodes that it forwards for.", status.n_clients);
    kad_metrics_head(out, "kademlia_relayed_bytes_total", "counter", "Bytes that were forwarded.");
    fprintf(out, "kademlia_relayed_bytes_total{to=\"clients\"} %" PRIu64 "\n", status.relayed_in);
    fprintf(out, "kademlia_relayed_bytes_total{to=\"others\"} %" PRIu64 "\n", status.relayed_out);
    kad_metrics_head(out, "kademlia_relayed_datagrams_total", "counter",
                     "Datagrams for clients and from them, by what became of them.");
    for (unsigned i = 0; i < KAD_RELAY_DROPS; i++)
        fprintf(out, "kademlia_relayed_datagrams_total{result=\"%s\"} %" PRIu64 "\n", kad_relay_drop_name(i),
                status.datagrams[i]);
}
