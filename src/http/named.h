/*
 * named - what requests and answers say of kad's own network: names ("room:lobby"), sealed values, owners, receipts.
 *
 * The node seals and opens with its own identity: what goes over the API is the name and the plain value. docs/api.md, "Names", has
 * the parameters.
 */
#ifndef KAD_HTTP_NAMED_H
#define KAD_HTTP_NAMED_H

#include "http/params.h"
#include "kad/node.h"

/* Does the node of these parameters keep records by name? */
bool kad_named_wanted(const struct kad_params *params);

void kad_named_get(struct kad_params *params, struct kad_request *request);
void kad_named_put(struct kad_params *params, struct kad_request *request);
void kad_named_take(struct kad_params *params, struct kad_request *request);
/* Until when a record is valid that is asked to live for `life_ms` (0: not said) and published until `keep_until` (0: for good).
 * 0: as long as its class may. */
kad_ms kad_named_end(const struct kad_class *class_, kad_ms made_at, kad_ms life_ms, kad_ms keep_until);
/* The key alone: of a request to stop publishing. */
void kad_named_key(struct kad_params *params, const char *parameter, struct kad_request *request);

/* The root in what a get found (http/blocks.h): the value itself is still to be fetched. False: it is all there. */
bool kad_named_root(const struct kad_event *event, const struct kad_params *params,
                    uint8_t out_root[KAD_SECURE_VALUE_MAX], size_t *out_size);
/* The whole value into the answer to a get, when its blocks are there. */
void kad_named_whole(json_t *object, struct kad_bytes value);

/* Says in an answer's object what the records in `event` are. */
void kad_named_answer(json_t *object, const struct kad_event *event, const struct kad_params *params);

#endif
