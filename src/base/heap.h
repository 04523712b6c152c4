/*
 * heap - the earliest of many instants (a binary heap of instant and slot number).
 *
 * Entries are not removed when their owner loses interest: the owner notices a stale entry when it comes up
 * (kad_heap_pop) and drops it. Ties come up in the order they were added, so a run is the same each time.
 */
#ifndef KAD_BASE_HEAP_H
#define KAD_BASE_HEAP_H

#include "base/alloc.h"

struct kad_heap_entry {
    kad_ms at;
    uint32_t order;
    uint32_t slot;
};

struct kad_heap {
    const struct kad_allocator *allocator;
    struct kad_heap_entry *entries;
    uint32_t n_entries;
    uint32_t capacity;
    uint32_t ceiling;
    uint32_t next_order;
};

void kad_heap_init(struct kad_heap *heap, const struct kad_allocator *allocator, uint32_t ceiling);
void kad_heap_clear(struct kad_heap *heap);
KAD_CHECK int kad_heap_add(struct kad_heap *heap, kad_ms at,
                           uint32_t slot); /* 0, KAD_E_LIMIT, KAD_E_MEMORY */
bool kad_heap_pop(struct kad_heap *heap, kad_ms now,
                  struct kad_heap_entry *out_entry); /* the earliest, if due */
static inline kad_ms kad_heap_next(const struct kad_heap *heap)
{
    return heap->n_entries ? heap->entries[0].at : KAD_NEVER;
}

#endif
