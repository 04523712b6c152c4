/*
 * mem_groups - how many things each address group has here.
 *
 * A count per 32-bit fingerprint of the group under a secret key: 8 bytes, and the cell of the index is all there is.
 * Two groups share a count once in four thousand million, and nobody outside can choose which.
 */
#ifndef KAD_STORE_MEM_GROUPS_H
#define KAD_STORE_MEM_GROUPS_H

#include "base/index.h"

/* `group` is kad_endpoint_narrow_group(), or 0: nobody's, never counted. */
uint32_t kad_mem_groups_count(const struct kad_index *groups, uint64_t hash_key, uint64_t group);
/* `n` more, or fewer. 0, KAD_E_MEMORY. */
KAD_CHECK int kad_mem_groups_add(struct kad_index *groups, uint64_t hash_key, uint64_t group, uint32_t n);
void kad_mem_groups_remove(struct kad_index *groups, uint64_t hash_key, uint64_t group, uint32_t n);

#endif
