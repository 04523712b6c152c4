/*
 * exchange_parts - one request inside, for the files that handle it.
 *
 *     exchange.c          what is asked: guard, body, parameters, waiting for the node
 *     exchange_send.c     what is sent: answers, files of ours
 *     exchange_flow.c     answers that are sent while they are made
 *     exchange_stay.c     clients that stay: the event stream, the WebSocket
 */
#ifndef KAD_HTTP_EXCHANGE_PARTS_H
#define KAD_HTTP_EXCHANGE_PARTS_H

#include "http/exchange.h"

struct kad_asset;

enum kad_exchange_state { KAD_EXCHANGE_READING, KAD_EXCHANGE_WAITING, KAD_EXCHANGE_ANSWERED };

struct kad_exchange {
    struct kad_exchange *next; /* of the deferred */
    struct kad_door *door;
    struct kad_client *client;
    struct MHD_Connection *connection;
    struct kad_api_call *call; /* while WAITING */
    struct kad_api_answer answer;
    enum kad_exchange_state state;
    const char *network;       /* of a stream: the one it hears of; NULL: all */
    bool trusted, of_stranger; /* of_stranger: counted in the door's n_strangers */
    bool is_put;
    char *body;
    size_t body_size, body_room;
    /* Lines that come one by one: an answer that has begun although its end is not there. */
    bool flows, is_sent, is_paused, is_whole,
        is_gone; /* is_sent: MHD has the response; is_gone: nobody reads it */
    char *lines; /* not given to MHD yet: from lines_at on */
    size_t lines_at, lines_size, lines_room;
    uv_poll_t watch;    /* the connection's descriptor, while WAITING */
    unsigned n_holders; /* MHD, and the loop while `watch` closes */
};

/* The answer is there (a kad_api_done); one that waited is resumed. */
void kad_exchange_done(void *exchange, struct kad_api_answer answer);
void kad_exchange_error(struct kad_exchange *exchange, unsigned status, const char *error,
                        const char *reason);
const char *kad_exchange_header(const struct kad_exchange *exchange, const char *name); /* NULL: not there */

/* exchange_flow.c: lines for a client that gets them as they come (a kad_api_asker.part); the rest of them, and the end. */
void kad_exchange_part(void *exchange, const char *text, size_t size);
void kad_exchange_flow_end(struct kad_exchange *exchange, struct kad_api_answer answer);
enum MHD_Result kad_exchange_send_flow(struct kad_exchange *exchange);
void kad_exchange_stop_watch(struct kad_exchange *exchange);
void kad_exchange_release(struct kad_exchange *exchange);

/* exchange_send.c */
enum MHD_Result kad_exchange_send_answer(struct kad_exchange *exchange);
enum MHD_Result kad_exchange_send_error(struct kad_exchange *exchange, unsigned status, const char *error,
                                        const char *reason);
/* Takes over `response`; NULL: no memory, then MHD closes the connection. */
enum MHD_Result kad_exchange_send(struct kad_exchange *exchange, unsigned status,
                                  struct MHD_Response *response);
enum MHD_Result kad_exchange_send_asset(struct kad_exchange *exchange, const struct kad_asset *asset);

/* exchange_stay.c */
enum MHD_Result kad_exchange_send_stream(struct kad_exchange *exchange);
enum MHD_Result kad_exchange_send_member(struct kad_exchange *exchange);
enum MHD_Result kad_exchange_send_websocket(struct kad_exchange *exchange);

#endif
