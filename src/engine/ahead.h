/* ahead - has the processor fetch what an engine's next turn will read, for a host of so many engines that none stays in cache. */
#ifndef KAD_ENGINE_AHEAD_H
#define KAD_ENGINE_AHEAD_H

#include "kad/types.h"

struct kad_engine;
struct kad_message;

/* What is found through what `step` - 1 fetched some microseconds ago: 0 the engine itself, 1 its parts, 2 their parts. A matter of time
 * only. */
#define KAD_AHEAD_STEPS 3
void kad_engine_ahead(const struct kad_engine *engine, unsigned step);
/* What is needed for this message, which was just decoded: all at once rather than one after the other. */
void kad_engine_ahead_of(const struct kad_engine *engine, const struct kad_message *message,
                         enum kad_family family);

#endif
