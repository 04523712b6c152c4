/*
 * looks - answers that are the same for all who ask, as text.
 *
 * What took t to make, if that is long, is used again for KAD_LOOKS_TIMES t: so a crowd that asks for a large one takes a
 * bounded share of the loop's time, by whatever way it comes in.
 */
#ifndef KAD_HTTP_LOOKS_H
#define KAD_HTTP_LOOKS_H

#include "http/routes.h"

#define KAD_LOOKS_TIMES 5
#define KAD_LOOKS_NS    UINT64_C(100000) /* what takes less is made each time */
#define KAD_LOOKS_ROOM  8                /* routes; at least as many as there are looks */

struct kad_looks {
    struct kad_look {
        const struct kad_route *route;
        char *text;
        uint64_t until_ns;
    } looks[KAD_LOOKS_ROOM];
};

/* The answer to a route that is a look; yours to free(). NULL: no memory. */
char *kad_looks_take(struct kad_looks *looks, const struct kad_route *route, struct kad_node *node);
void kad_looks_clear(struct kad_looks *looks);

#endif
