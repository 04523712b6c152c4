/* peek - what a request of the host's has found so far. */
#ifndef KAD_ENGINE_PEEK_H
#define KAD_ENGINE_PEEK_H

#include "kad/engine.h"

/* Of a GET that is under way, on networks with classes of records: how many, in the order in which they came. Borrowed until the engine
 * is called again. */
size_t kad_engine_found(const struct kad_engine *engine, uint64_t request,
                        const struct kad_record **out_records);

#endif
