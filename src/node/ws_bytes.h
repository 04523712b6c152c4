/*
 * ws_bytes - bytes through a WebSocket (RFC 6455), without I/O: the HTTP that begins it, either side, then binary messages whose
 * bounds mean nothing. Frames are libwslay's. libp2p's "/ws" is this.
 *
 *     kad_ws_input()    what came; `take` is called with the bytes of messages, as they come
 *     kad_ws_write()    bytes to send, once it is open, and nothing waits to be written
 *     kad_ws_output()   what is to be written
 *
 * Pings are answered. Bounded by itself is what comes (nothing of it is kept but a head of HTTP, 4 KiB); what is to be written, by
 * who writes only when there is nothing to be written.
 */
#ifndef KAD_NODE_WS_BYTES_H
#define KAD_NODE_WS_BYTES_H

#include "base/alloc.h"

struct kad_ws;

typedef void kad_ws_take(void *context, uint8_t *bytes, size_t n); /* the callee's to spoil */

#define KAD_WS_ACCEPT 29 /* 28 characters and a zero */

/* The answer to a client's Sec-WebSocket-Key. False: not the base64 of 16 bytes. */
bool kad_ws_accept(const char *key, char out_accept[KAD_WS_ACCEPT]);

/* A server; or a client, which names `host` and its port. 0 or KAD_E_MEMORY. */
KAD_CHECK int kad_ws_new(const struct kad_allocator *allocator, const char *host, kad_ws_take *take,
                         void *context, struct kad_ws **out_ws);
void kad_ws_free(struct kad_ws *ws); /* NULL is fine */
/* False: it is over, for it was closed, or something came that has no place there. What is to be written may still be. */
bool kad_ws_input(struct kad_ws *ws, struct kad_bytes bytes);
bool kad_ws_is_open(const struct kad_ws *ws);
bool kad_ws_has_output(const struct kad_ws *ws);
size_t kad_ws_output(struct kad_ws *ws, uint8_t *out, size_t room);
bool kad_ws_write(struct kad_ws *ws,
                  struct kad_bytes bytes); /* copied; false: no memory, or it is not open */

#endif
