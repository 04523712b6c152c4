/*
 * door - one place where clients come in: a listening socket, libmicrohttpd behind it, and the clients inside.
 *
 * libmicrohttpd has no thread here: its epoll descriptor is one more descriptor of the loop, and its next deadline one
 * more timer. A client is in one of four states, and has so long in it:
 *
 *     READING     its request comes in           limits.request_ms; one second when all places are taken
 *     WAITING     the node works on it           the request's own deadline
 *     WRITING     it takes the answer            limits.answer_ms
 *     STREAMING   it listens to the feed         until the feed overtakes it (stream.h, websocket_client.h)
 *
 * For server.c, exchange.c, stream.c and websocket_client.c.
 */
#ifndef KAD_HTTP_DOOR_H
#define KAD_HTTP_DOOR_H

#include <microhttpd.h>
#include <uv.h>

#include "http/api.h"
#include "http/guard.h"
#include "http/web.h"

enum kad_door_kind {
    KAD_DOOR_LOCAL,
    KAD_DOOR_API,
    KAD_DOOR_METRICS,
    KAD_DOOR_MEMBERS, /* for nobody but members */
};
enum kad_client_state { KAD_CLIENT_READING, KAD_CLIENT_WAITING, KAD_CLIENT_WRITING, KAD_CLIENT_STREAMING };

/* One connection. */
struct kad_client {
    struct kad_client *next, *previous;
    struct kad_door *door;
    int fd;
    enum kad_client_state state;
    uint64_t since; /* the loop's milliseconds */
    bool cut;
};

struct kad_exchange;
struct kad_stream;
struct kad_websocket_client;
struct kad_members;

/* What all doors share. */
struct kad_face {
    struct kad_api api;
    struct kad_feed *feed;
    struct kad_web *web;
    struct kad_web_limits limits;
    uv_loop_t *loop;
};

/* Requests are taken up for so long in one turn of the loop; the others wait for the next, so that datagrams have their say
 * in between. */
#define KAD_DOOR_TURN_NS UINT64_C(500000)

struct kad_door {
    struct kad_face *face;
    enum kad_door_kind kind;
    struct kad_guard guard;
    int listening; /* -1: no more */
    struct MHD_Daemon *daemon;
    uv_poll_t poll;   /* MHD's epoll descriptor */
    uv_timer_t timer; /* MHD's next deadline */
    unsigned n_handles;
    void (*closed)(struct kad_door *door); /* all handles are */

    struct kad_client *clients;
    struct kad_stream *streams;
    struct kad_websocket_client *websockets;
    struct kad_members *members;                   /* who come to /kad; NULL: nobody does */
    struct kad_exchange *deferred, *last_deferred; /* to the next turn, first come first */
    uint64_t turn_ns;                              /* when this turn began */
    bool woken;                                    /* since MHD began to run: once more, then */
    unsigned n_clients, n_before;                  /* n_before: when MHD last ran */
    unsigned n_waiting;                            /* requests with the node */
    unsigned n_strangers;                          /* of them, not trusted */
};

/* `door` is zeroed but for face, kind, guard and listening, which is the door's from here on. 0 or KAD_E_SYSTEM; then the
 * descriptor is closed. */
KAD_CHECK int kad_door_open(struct kad_door *door);
void kad_door_close(struct kad_door *door); /* no new clients */
/* The last answers leave; door->closed is called when the loop has let go of it. */
void kad_door_end(struct kad_door *door);

/* A connection was resumed, or the feed has news: MHD has to run soon. */
void kad_door_wake(struct kad_door *door);
/* Whatever else is to be begun has to wait for the next turn. */
bool kad_door_turn_is_over(const struct kad_door *door);
/* About once a second: cuts off who is too slow. */
void kad_door_sweep(struct kad_door *door);

void kad_client_enter(struct kad_client *client, enum kad_client_state state);
void kad_client_cut(struct kad_client *client, enum kad_web_refusal why);

#endif
