/*
 * alloc - where all memory comes from: an allocator the host gives at creation.
 *
 * `struct kad_allocator` (kad/types.h) is one function that is told old sizes, so it needs no headers of its own.
 *
 * `kad_arena` serves from one fixed run of bytes (no malloc after start; simulations; firmware). Freed blocks are
 * kept in lists by size class (powers of two and the halves between), so it suits programs that, like ours,
 * ask for few sizes again and again. When the run is used up, larger free blocks are cut into smaller ones; small ones
 * are never joined.
 */
#ifndef KAD_BASE_ALLOC_H
#define KAD_BASE_ALLOC_H

#include "base/types.h"

/* `size` is not 0. NULL when refused. */
void *kad_alloc(const struct kad_allocator *allocator, size_t size);
void *kad_alloc_zero(const struct kad_allocator *allocator, size_t size); /* the same, cleared */
/* NULL when refused, and `old` is as it was; and NULL when new_size is 0: freed. old_size is what it was asked with. */
void *kad_resize(const struct kad_allocator *allocator, void *old, size_t old_size, size_t new_size);
void kad_free(const struct kad_allocator *allocator, void *old, size_t size); /* NULL is fine */

#define KAD_ARENA_CLASSES 64

struct kad_arena {
    uint8_t *memory; /* lent for the life of the arena */
    size_t size;
    size_t used;   /* high-water mark: never shrinks */
    size_t in_use; /* bytes handed out now, rounded to their classes */
    void *free_lists[KAD_ARENA_CLASSES];
};

void kad_arena_init(struct kad_arena *arena, void *memory, size_t size);
struct kad_allocator kad_arena_allocator(struct kad_arena *arena);

#endif
