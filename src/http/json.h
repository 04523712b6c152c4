/*
 * json - what the engine says, as JSON.
 *
 * All return a new reference, or NULL when there is no memory. Ids and keys are 40 hexadecimal digits (64 for networks
 * with longer ones), addresses "ip:port", durations whole milliseconds, instants RFC 3339 in UTC; what is unknown is
 * null. The shapes are described in docs/api.md.
 */
#ifndef KAD_HTTP_JSON_H
#define KAD_HTTP_JSON_H

#include <jansson.h>

#include "kad/node.h"

json_t *kad_json_id(const struct kad_id *id);
/* "id1...", or null when it is all zeros: the network has no identities. */
json_t *kad_json_identity(const uint8_t public_key[32]);
json_t *kad_json_hex(struct kad_bytes bytes); /* digits; null for more than a record's value may have */
json_t *kad_json_endpoint(const struct kad_endpoint *endpoint); /* null for no family */
json_t *kad_json_instant(kad_ms unix_ms);                       /* "2026-11-21T05:10:00.123Z" */
json_t *kad_json_hop(const struct kad_event *event);            /* KAD_EVENT_HOP */

/* Result of a request. `trace` (may be NULL) is taken over. `request` is what was asked. */
json_t *kad_json_done(const struct kad_event *event, const struct kad_request *request, json_t *trace);
/* The HTTP status that goes with it. */
unsigned kad_json_status(const struct kad_event *event);
unsigned kad_json_status_of(int error);
/* {"error": ..., "reason": ...}; reason may be NULL. */
json_t *kad_json_error(const char *error, const char *reason);
/* "DHT query timeout", and kad_error_text() for all else. */
const char *kad_json_error_text(int error);

json_t *kad_json_node(struct kad_node *node);
json_t *kad_json_stats(struct kad_node *node);
json_t *kad_json_table(struct kad_node *node);
/* "country" and "as" of this address, as far as the node's table of places knows, into `row`. */
void kad_json_place(struct kad_node *node, const struct kad_endpoint *endpoint, json_t *row);
json_t *kad_json_peers(struct kad_node *node);

#endif
