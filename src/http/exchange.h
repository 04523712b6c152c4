/*
 * exchange - one HTTP request and its answer, between libmicrohttpd and http/api.h.
 *
 *     READING    the body comes in, up to KAD_HTTP_BODY_MAX
 *     WAITING    the node works on it: MHD's connection is suspended, its descriptor watched in case the client goes
 *     ANSWERED   the answer is there; MHD writes it
 *
 * The functions are MHD's callbacks (MHD_AccessHandlerCallback, MHD_RequestCompletedCallback) and get the server's
 * exchanges as their closure.
 */
#ifndef KAD_HTTP_EXCHANGE_H
#define KAD_HTTP_EXCHANGE_H

#include <microhttpd.h>

#include "http/api.h"

struct kad_exchanges {
    struct kad_node *node;
    unsigned n_waiting;                            /* suspended connections */
    void (*wake)(struct kad_exchanges *exchanges); /* a connection was resumed: MHD has to run soon */
};

enum MHD_Result kad_exchange_handle(void *exchanges, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_size, void **exchange);
void kad_exchange_completed(void *exchanges, struct MHD_Connection *connection, void **exchange,
                            enum MHD_RequestTerminationCode why);

#endif
