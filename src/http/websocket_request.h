/*
 * websocket_request - what a client of the WebSocket asks, and how it is answered.
 *
 *     {"id": 7, "method": "get", "params": {"key": "..."}}           id: any number or string; params may be left out
 *     {"id": 7, "result": {...}}                                     the body that HTTP would have sent with 200
 *     {"id": 7, "error": {"status": 404, "error": ..., "reason": ...}}     HTTP's status in the body of the failure
 *     {"event": "stats", "data": {...}}                              as in /events
 *
 * A method is a path: "get" is /api/dht/get, "network/table" is /api/network/table. With parameters "settings" is a PATCH.
 */
#ifndef KAD_HTTP_WEBSOCKET_REQUEST_H
#define KAD_HTTP_WEBSOCKET_REQUEST_H

#include <jansson.h>

#include "http/feed.h"
#include "http/routes.h"

struct kad_websocket_request {
    json_t *id, *params;           /* yours: json_decref() them; id is null if it could not be read */
    const struct kad_route *route; /* NULL: there is none */
    const char *verb;              /* HTTP's: "GET", "POST", "PATCH" */
    bool reads;                    /* a GET would do */
};

/* Reads `text`. False: *out_why says what is wrong with it, and only `id` is set. */
bool kad_websocket_request_read(struct kad_bytes text, struct kad_websocket_request *out_request,
                                char *out_why, size_t why_size);

/* Texts to send; malloc'ed, or NULL. Takes over `id` and what is in `answer`. */
char *kad_websocket_answer(json_t *id, struct kad_api_answer answer);
char *kad_websocket_event(const struct kad_feed_message *message);

#endif
