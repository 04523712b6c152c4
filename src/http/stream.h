/*
 * stream - GET /events: a client that listens to the feed, as server-sent events.
 *
 * While there is nothing to say its connection is suspended. One that reads too slowly is overtaken by the feed, cut off
 * and counted; the others never notice. Each second brings `stats`, which keeps the connection alive as well.
 */
#ifndef KAD_HTTP_STREAM_H
#define KAD_HTTP_STREAM_H

#include "http/door.h"

#define KAD_STREAM_RETRY_MS 2000 /* after which a browser comes again */

/* The answer that begins the stream; NULL: no memory. */
struct MHD_Response *kad_stream_new(struct kad_client *client, struct MHD_Connection *connection,
                                    bool trusted, const char *network);

/* Lets those go on that have something to send, and cuts off those that were overtaken. */
void kad_streams_resume(struct kad_door *door);

#endif
