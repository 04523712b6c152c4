/*
 * many - one request for each of many keys, a number of them at a time, as one: provide a thousand shards, or find holders of k
 * of n. Each goes to every network of the daemon that has provider records, unless one was named, and what each says is told.
 *
 * With `need` a search is over as soon as so many keys have been found somewhere; what is under way then is given up. Keys
 * are asked for in the order of where they stand in the key space, so that neighbours follow each other.
 *
 * Where libp2p's networks and our own are asked for the same, ours is asked for the CID: what has one name in one has the same in all.
 */
#ifndef KAD_HTTP_MANY_H
#define KAD_HTTP_MANY_H

#include "http/routes.h"

#define KAD_MANY_KEYS 1024 /* in one request */

/* `everywhere`: no network was named. 0; then `done` is called once, later or before this returns. KAD_E_INVALID with the reason,
 * KAD_E_MEMORY. */
KAD_CHECK int kad_many_begin(const struct kad_api *api, struct kad_api_asker asker,
                             const struct kad_route *route, struct kad_params *params, bool everywhere,
                             kad_api_done *done, void *user, struct kad_many **out_many,
                             const char **out_why);
void kad_many_cancel(struct kad_many *many); /* done comes all the same, soon */

#endif
