/*
 * routes - which paths there are and what each does.
 *
 * Three kinds: a look at the node that is answered at once, a request of the DHT that takes its time, and the rest.
 */
#ifndef KAD_HTTP_ROUTES_H
#define KAD_HTTP_ROUTES_H

#include "http/api.h"
#include "http/params.h"

enum kad_route_methods { KAD_ROUTE_READ = 1, KAD_ROUTE_POST = 2, KAD_ROUTE_DELETE = 4, KAD_ROUTE_PATCH = 8 };

struct kad_route {
    const char *path;
    const char *allow;          /* the methods in words */
    unsigned methods;           /* enum kad_route_methods, or'ed */
    enum kad_request_kind kind; /* with read */
    json_t *(*look)(struct kad_node *node);
    char *(*text)(const struct kad_api *api); /* malloc'ed */
    const char *content_type;                 /* of text */
    /* Fills in what the parameters say; complaints go to kad_params_wrong(). */
    void (*read)(struct kad_params *params, struct kad_request *request);
    struct kad_api_answer (*act)(const struct kad_api *api, struct kad_api_asker asker,
                                 struct kad_params *params);
};

/* NULL: no such path. */
const struct kad_route *kad_route_find(const char *path);
/* All of them, for tests: *out_n routes. */
const struct kad_route *kad_routes(size_t *out_n);
/* Whether the route has this method (HEAD counts as GET). */
bool kad_route_allows(const struct kad_route *route, const char *method);

#endif
