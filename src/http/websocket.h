/*
 * websocket - RFC 6455 without I/O: bytes in, text messages out; text messages in, bytes out. Frames are libwslay's.
 *
 *     kad_websocket_input()    bytes that came: `text` is called for each whole message
 *     kad_websocket_send()     a text message; ping() and close() likewise. They queue, and do not fail the connection
 *     kad_websocket_output()   the bytes to write next
 *
 * Pings are answered and closing is agreed upon by itself. A client that breaks the rules (no mask, no UTF-8, a message that
 * is too long or not text) is told the code of RFC 6455 section 7.4 for it, and nothing of it is read any more. What is
 * queued is bounded by whoever reads no more input while there is output to write.
 */
#ifndef KAD_HTTP_WEBSOCKET_H
#define KAD_HTTP_WEBSOCKET_H

#include "kad/types.h"

struct wslay_event_context;

typedef void kad_websocket_text(void *context, struct kad_bytes text); /* lent for the call */

struct kad_websocket {
    struct wslay_event_context *wslay;
    kad_websocket_text *text;
    void *context;
    struct kad_bytes in; /* what input() was lent and wslay has not taken */
    uint8_t *out;        /* what output() was lent */
    size_t n_out, out_room;
    bool broken; /* no memory, or wslay gave up */
};

enum kad_websocket_code {
    KAD_WEBSOCKET_GOING_AWAY = 1001,
    KAD_WEBSOCKET_NO_BINARY = 1003,
};

/* 0 or KAD_E_MEMORY. A message of more than `message_max` bytes, in however many frames, closes with 1009. */
KAD_CHECK int kad_websocket_init(struct kad_websocket *socket, size_t message_max, kad_websocket_text *text,
                                 void *context);
/* The other end of it: what it sends is masked. */
KAD_CHECK int kad_websocket_init_client(struct kad_websocket *socket, size_t message_max,
                                        kad_websocket_text *text, void *context);
void kad_websocket_clear(struct kad_websocket *socket);

void kad_websocket_input(struct kad_websocket *socket, struct kad_bytes bytes);
/* Up to `room` bytes; 0: nothing to write. */
size_t kad_websocket_output(struct kad_websocket *socket, uint8_t *out, size_t room);
bool kad_websocket_has_output(const struct kad_websocket *socket);
/* Bytes of messages that are queued. */
size_t kad_websocket_queued(const struct kad_websocket *socket);
/* Closed by both, or broken: nothing more to read or write. */
bool kad_websocket_ended(const struct kad_websocket *socket);

void kad_websocket_send(struct kad_websocket *socket, struct kad_bytes text); /* UTF-8; copied */
void kad_websocket_ping(struct kad_websocket *socket);
void kad_websocket_close(struct kad_websocket *socket, enum kad_websocket_code code);

#endif
