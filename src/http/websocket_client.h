/*
 * websocket_client - GET /api/ws: a client that hears the feed and puts requests, over one connection on the node's loop.
 *
 * libmicrohttpd answers the handshake and then hands the socket over; from there on it is watched and written to here. Three
 * things bound what one client may cost:
 *
 *     reading    stops while anything is to be written, so nobody makes us queue what he does not take
 *     requests   KAD_WEBSOCKET_CALLS at once, begun in the turns that HTTP requests are begun in (exchange.c)
 *     events     taken from the feed when all else was written: who is slow is overtaken, cut off and counted
 *
 * A silent client is sent a ping, and cut off when nothing comes of it.
 */
#ifndef KAD_HTTP_WEBSOCKET_CLIENT_H
#define KAD_HTTP_WEBSOCKET_CLIENT_H

#include "http/door.h"

#define KAD_WEBSOCKET_CALLS 16

/* The answer that begins it; NULL: no memory. `key` is the client's Sec-WebSocket-Key; *out_valid: it was one. `context` will
 * be the handler's second argument. */
struct MHD_Response *kad_websocket_response(const char *key, MHD_UpgradeHandler handler, void *context,
                                            bool *out_valid);

/* The handler's part: `fd` is ours until `upgrade` is closed; `early` came with the handshake. */
void kad_websocket_client_new(struct kad_client *client, bool trusted, const char *network, int fd,
                              struct MHD_UpgradeResponseHandle *upgrade, struct kad_bytes early);

/* Requests are begun while the turn lasts, news are sent, and who was overtaken is cut off. True: some have to wait. */
bool kad_websockets_resume(struct kad_door *door);
/* About once a second: pings, and cuts off who is too slow. */
void kad_websockets_sweep(struct kad_door *door);
/* The node has stopped: the last answers leave, then everybody does. */
void kad_websockets_end(struct kad_door *door);

#endif
