/*
 * index - finds a slot number by the hash of its key.
 *
 * Open addressing over 32-bit slot numbers; the things themselves live in their owner's array. The owner compares:
 * the index only says which slots share a hash. Grows by doubling up to `ceiling` entries (less than 2^30); add past it
 * fails.
 *
 *     for (uint32_t at = kad_index_first(ix, hash); at != KAD_INDEX_END; at = kad_index_next(ix, hash, at))
 *         if (same key as things[kad_index_slot(ix, at)]) ...
 */
#ifndef KAD_BASE_INDEX_H
#define KAD_BASE_INDEX_H

#include "base/alloc.h"

#define KAD_INDEX_END UINT32_MAX

struct kad_index_cell {
    uint32_t hash; /* upper half of the 64-bit hash, to skip most comparisons */
    uint32_t slot; /* slot + 1; 0 is empty */
};

struct kad_index {
    const struct kad_allocator *allocator;
    struct kad_index_cell *cells;
    uint32_t n_cells; /* power of two, or 0 before the first add */
    uint32_t n_used;
    uint32_t ceiling;
};

void kad_index_init(struct kad_index *index, const struct kad_allocator *allocator, uint32_t ceiling);
void kad_index_clear(struct kad_index *index); /* memory freed; usable again */
KAD_CHECK int kad_index_add(struct kad_index *index, uint64_t hash,
                            uint32_t slot); /* 0, KAD_E_LIMIT, KAD_E_MEMORY */
void kad_index_remove(struct kad_index *index, uint64_t hash, uint32_t slot); /* must be there */
/* The slot moved in its owner's array. */
void kad_index_move(struct kad_index *index, uint64_t hash, uint32_t old_slot, uint32_t new_slot);

/* Has the processor fetch the cell where kad_index_first() will begin to look: for whoever looks up many at once in an
 * index that is larger than its caches. */
void kad_index_prefetch(const struct kad_index *index, uint64_t hash);
uint32_t kad_index_first(const struct kad_index *index, uint64_t hash);
uint32_t kad_index_next(const struct kad_index *index, uint64_t hash, uint32_t at);
static inline uint32_t kad_index_slot(const struct kad_index *index, uint32_t at)
{
    return index->cells[at].slot - 1;
}

#endif
