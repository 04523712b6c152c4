/*
 * resolve - names to addresses, off the loop's thread.
 *
 * All addresses of both families come, each once. A lookup that a name server keeps hanging cannot be
 * interrupted (getaddrinfo has no such thing): kad_resolve_forget() makes its end silent, and its memory goes then.
 */
#ifndef KAD_NET_RESOLVE_H
#define KAD_NET_RESOLVE_H

#include <uv.h>

#include "base/alloc.h"

#define KAD_RESOLVE_MAX  16 /* addresses of one name that are taken */
#define KAD_RESOLVE_HOST 256

/* Splits "host:port", "[v6]:port", "host" (takes default_port when that is not 0). 0 or KAD_E_INVALID. */
KAD_CHECK int kad_resolve_split(const char *text, uint16_t default_port, char out_host[KAD_RESOLVE_HOST],
                                uint16_t *out_port);

struct kad_resolve;

/* `error` is 0, or KAD_E_NOT_FOUND with the system's words in `why`. `found` is lent for the call. */
typedef void kad_resolve_done(void *context, int error, const char *why, const struct kad_endpoint *found,
                              size_t n);

/* Begins; `done` is called from the loop exactly once unless forgotten. 0, KAD_E_MEMORY, KAD_E_SYSTEM. */
KAD_CHECK int kad_resolve_start(uv_loop_t *loop, const struct kad_allocator *allocator, const char *host,
                                uint16_t port, kad_resolve_done *done, void *context,
                                struct kad_resolve **out_resolve);
void kad_resolve_forget(struct kad_resolve *resolve); /* `done` will not be called; do not use it again */

#endif
