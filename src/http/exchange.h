/*
 * exchange - one HTTP request and its answer, between libmicrohttpd and http/api.h.
 *
 *     READING    the body comes in, up to the limit
 *     WAITING    the node works on it: MHD's connection is suspended, its descriptor watched in case the client goes
 *     ANSWERED   the answer is there; MHD writes it
 *
 * The functions are MHD's callbacks (MHD_AccessHandlerCallback, MHD_RequestCompletedCallback) and get the door as their
 * closure.
 */
#ifndef KAD_HTTP_EXCHANGE_H
#define KAD_HTTP_EXCHANGE_H

#include "http/door.h"

/* Requests of strangers (a public face, no token) with the node at once. */
#define KAD_EXCHANGE_STRANGERS 16

enum MHD_Result kad_exchange_handle(void *door, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_size, void **exchange);
void kad_exchange_completed(void *door, struct MHD_Connection *connection, void **exchange,
                            enum MHD_RequestTerminationCode why);

/* Requests that were put off go on: as many as may be taken up in a turn. */
void kad_exchanges_resume(struct kad_door *door);

#endif
