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

#include "http/feed.h"
#include "http/history.h"
#include "kad/node.h"

struct kad_api_call;
struct kad_many;
struct kad_evidence;
struct kad_looks;
struct kad_news_told;
struct kad_survey;
struct kad_web;

/* What there is to ask. All of it is lent, for as long as calls run. */
struct kad_api {
    struct kad_node *node;
    const struct kad_api
        *others; /* of this process' nodes on other networks, for requests that name one; n_others of them */
    size_t n_others;
    const struct kad_api *first;       /* of one of the others: whose other it is; else NULL */
    struct kad_feed *feed;             /* hears of requests; NULL: nobody does */
    const struct kad_history *history; /* NULL: none is kept; else with */
    struct kad_news_told *told;        /* two: of its seconds, of its minutes */
    struct kad_survey *survey;         /* NULL: nobody makes one */
    struct kad_evidence *evidence;     /* NULL: nobody collects any */
    struct kad_looks *looks;           /* NULL: each look is made anew, as JSON */
    const struct kad_web *web;         /* what the server counts (http/web.h); NULL: there is none */
};

/* Who asks. */
struct kad_api_asker {
    bool trusted; /* local, or with the token: sees and does everything */
    bool patches; /* the method is PATCH: kad_api_begin() sees to it */
    bool lines;   /* of a list a line each is wanted (NDJSON), where there is that choice */
    /* With lines: some that are there already, while the rest is looked for; lent. The answer then has what is left, and status 200. The
     * user is kad_api_begin()'s. NULL: all come with the answer. */
    void (*part)(void *user, const char *text, size_t size);
};

struct kad_api_answer {
    unsigned status;          /* HTTP's */
    json_t *json;             /* yours now; or NULL, and then */
    char *text;               /* yours: free() it */
    size_t text_size;         /* its bytes; 0: up to its zero */
    const char *content_type; /* of the text */
    const char *allow;        /* with 405: the methods there are */
};

typedef void kad_api_done(void *user, struct kad_api_answer answer);

/* Takes over `parameters` (an object; NULL: none). NULL: `done` has been called already; otherwise the call, which is gone
 * when `done` returns. */
struct kad_api_call *kad_api_begin(const struct kad_api *api, struct kad_api_asker asker, const char *method,
                                   const char *path, json_t *parameters, kad_api_done *done, void *user);
void kad_api_cancel(struct kad_api_call *call); /* done comes all the same, soon */

#endif
