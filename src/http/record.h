/* record - starting, stopping and watching the flight recorder (kad_node_record()). For those who are trusted only. */
#ifndef KAD_HTTP_RECORD_H
#define KAD_HTTP_RECORD_H

#include "http/routes.h"

struct kad_api_answer kad_record_look(const struct kad_api *api, struct kad_api_asker asker,
                                      struct kad_params *params);
struct kad_api_answer kad_record_start(const struct kad_api *api, struct kad_api_asker asker,
                                       struct kad_params *params);
struct kad_api_answer kad_record_stop(const struct kad_api *api, struct kad_api_asker asker,
                                      struct kad_params *params);

#endif
