/*
 * routing - IPFS's Delegated Routing (specs.ipfs.tech, HTTP Routing V1): what programs ask that leave the DHT to others.
 *
 *     GET /routing/v1/providers/{cid}     who has some content
 *     GET /routing/v1/peers/{peer}        where a peer is
 *     GET /routing/v1/ipns/{name}         a name's record as it is; PUT stores one
 *     GET /routing/v1/dht/closest/peers/{key}   who is nearest to it
 *
 * Lists come as JSON, or with a line each (application/x-ndjson) for whom accepts that; providers then come as they are found. Of filters,
 * filter-addrs and filter-protocols, none is applied: the specification leaves that to the server. What nobody has is an empty list (IPIP-513), but of a name's record 404.
 */
#ifndef KAD_HTTP_ROUTING_H
#define KAD_HTTP_ROUTING_H

#include "http/api.h"
#include "http/params.h"

void kad_routing_read_providers(struct kad_params *params, struct kad_request *request);
void kad_routing_read_peer(struct kad_params *params, struct kad_request *request);
void kad_routing_read_name(struct kad_params *params, struct kad_request *request);
void kad_routing_read_closest(struct kad_params *params, struct kad_request *request);
void kad_routing_read_record(struct kad_params *params, struct kad_request *request);

/* Providers of records, a line each; yours. NULL: no memory. */
char *kad_routing_lines(struct kad_node *node, const struct kad_record *records, size_t n, size_t *out_size);

/* kad_route.shape */
struct kad_api_answer kad_routing_providers(const struct kad_event *event, const struct kad_request *request,
                                            struct kad_node *node, struct kad_api_asker asker);
struct kad_api_answer kad_routing_peer(const struct kad_event *event, const struct kad_request *request,
                                       struct kad_node *node, struct kad_api_asker asker);
struct kad_api_answer kad_routing_closest(const struct kad_event *event, const struct kad_request *request,
                                          struct kad_node *node, struct kad_api_asker asker);
struct kad_api_answer kad_routing_record(const struct kad_event *event, const struct kad_request *request,
                                         struct kad_node *node, struct kad_api_asker asker);
struct kad_api_answer kad_routing_stored(const struct kad_event *event, const struct kad_request *request,
                                         struct kad_node *node, struct kad_api_asker asker);

#endif
