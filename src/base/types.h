/* types - the public words, and what only our own code needs beside them. */
#ifndef KAD_BASE_TYPES_H
#define KAD_BASE_TYPES_H

#include "kad/types.h"

#define KAD_COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static inline kad_ms kad_ms_min(kad_ms a, kad_ms b)
{
    return a < b ? a : b;
}

static inline kad_ms kad_ms_max(kad_ms a, kad_ms b)
{
    return a > b ? a : b;
}

#endif
