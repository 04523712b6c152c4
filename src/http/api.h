/*
 * api - what the HTTP face offers, without HTTP: a method, a path and parameters in; a status and a body out.
 *
 *     kad_api_begin()    finds the route, checks the parameters, asks the node
 *     kad_api_cancel()   whoever asked has gone
 *
 * `done` is called exactly once for each begin: before begin returns, when the answer is at hand or the request is
 * wrong, otherwise on the loop's thread when the node has finished. So a server can stand in front of it, and so can a
 * program that has the node in its own process. Everything happens on the node's loop.
 */
#ifndef KAD_HTTP_API_H
#define KAD_HTTP_API_H

#include <jansson.h>

#include "kad/node.h"

struct kad_api_call;

struct kad_api_answer {
    unsigned status;          /* HTTP's */
    json_t *json;             /* yours now; or NULL, and then */
    char *text;               /* yours: free() it */
    const char *content_type; /* of the text */
    const char *allow;        /* with 405: the methods there are */
};

typedef void kad_api_done(void *user, struct kad_api_answer answer);

/* Takes over `parameters` (an object; NULL: none). NULL: `done` has been called already; otherwise the call, which is gone
 * when `done` returns. */
struct kad_api_call *kad_api_begin(struct kad_node *node, const char *method, const char *path,
                                   json_t *parameters, kad_api_done *done, void *user);
void kad_api_cancel(struct kad_api_call *call); /* done comes all the same, soon */

#endif
