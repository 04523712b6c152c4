/* record - what kad/types.h says of records; what a record must satisfy is a pure function of its network. */
#ifndef KAD_CORE_RECORD_H
#define KAD_CORE_RECORD_H

#include "core/id.h"

#endif
