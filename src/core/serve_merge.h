/* serve_merge - of the contacts of both families one list, where the network's answers have only one. */
#ifndef KAD_CORE_SERVE_MERGE_H
#define KAD_CORE_SERVE_MERGE_H

#include "core/message.h"

/* `named`, and their `identities` beside them, are two lists, the second one from `n_first` on, each with the nearest to `target` first.
 * They become one, in which everybody is once, and `most` at most: returns how many. */
uint16_t kad_serve_merge(const struct kad_id *target, unsigned most, unsigned n_first, unsigned n,
                         const struct kad_contact *named[KAD_MESSAGE_CONTACTS],
                         struct kad_bytes identities[KAD_MESSAGE_CONTACTS]);

#endif
