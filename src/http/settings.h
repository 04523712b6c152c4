/* settings - what the node's settings are, and others while it runs: GET and PATCH /api/settings. */
#ifndef KAD_HTTP_SETTINGS_H
#define KAD_HTTP_SETTINGS_H

#include "http/params.h"
#include "http/routes.h"

/* Without parameters what holds, by key:
 *
 *     {"settings": [{"key": "alpha", "section": "lookup", "value": "3", "live": true, "meaning": "queries of ..."}, ..]}
 *
 * With keys and values (texts as in the configuration file, numbers, true and false) they are changed, all or none, and the
 * answer is {"changed": [{"key": "alpha", "old": "3", "new": "5"}]}. 400: no such key or value; 409: it needs a restart. Only
 * for those that are trusted. */
struct kad_api_answer kad_settings_route(const struct kad_api *api, struct kad_api_asker asker,
                                         struct kad_params *params);

#endif
