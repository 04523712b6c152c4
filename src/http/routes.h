/*
 * routes - which paths there are and what each does.
 *
 * Three kinds: a look at the node that is answered at once, a request of the DHT that takes its time, and the rest.
 */
#ifndef KAD_HTTP_ROUTES_H
#define KAD_HTTP_ROUTES_H

#include "http/api.h"
#include "http/params.h"

enum kad_route_methods {
    KAD_ROUTE_READ = 1,
    KAD_ROUTE_POST = 2,
    KAD_ROUTE_DELETE = 4,
    KAD_ROUTE_PATCH = 8,
    KAD_ROUTE_PUT = 16
};

struct kad_route {
    const char *path;           /* with a slash at its end: and one more word, the parameter `tail` */
    const char *allow;          /* the methods in words */
    unsigned methods;           /* enum kad_route_methods, or'ed */
    enum kad_request_kind kind; /* with read */
    json_t *(*look)(struct kad_node *node);
    char *(*text)(const struct kad_api *api); /* malloc'ed */
    const char *content_type;                 /* of text */
    /* Fills in what the parameters say; complaints go to kad_params_wrong(). */
    void (*read)(struct kad_params *params, struct kad_request *request);
    /* Puts its answer in another shape than kad_json_done(); NULL: that one. */
    struct kad_api_answer (*shape)(const struct kad_event *event, const struct kad_request *request,
                                   struct kad_node *node, struct kad_api_asker asker);
    const char *tail;
    bool of_many; /* one request for each of `keys` (http/many.h) */
    struct kad_api_answer (*act)(const struct kad_api *api, struct kad_api_asker asker,
                                 struct kad_params *params);
};

/* NULL: no such path. */
const struct kad_route *kad_route_find(const char *path);
/* What stands behind the path of a route with a tail. */
const char *kad_route_tail(const struct kad_route *route, const char *path);
/* The same with PUT, which has a route of its own where the path has other methods, too. */
const struct kad_route *kad_route_for(const char *method, const char *path);
/* All of them, for tests: *out_n routes. */
const struct kad_route *kad_routes(size_t *out_n);
/* Whether the route has this method (HEAD counts as GET). */
bool kad_route_allows(const struct kad_route *route, const char *method);

#endif
