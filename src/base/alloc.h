/*
 * alloc - where all memory comes from: an allocator the host gives at creation.
 *
 * `struct kad_allocator` (kad/types.h) is one function that is told old sizes, so it needs no headers of its own.
 * `kad_arena`, which serves from one fixed run of bytes, is public, too: kad/arena.h.
 */
#ifndef KAD_BASE_ALLOC_H
#define KAD_BASE_ALLOC_H

#include "base/types.h"
#include "kad/arena.h"

/* `size` is not 0. NULL when refused. */
void *kad_alloc(const struct kad_allocator *allocator, size_t size);
void *kad_alloc_zero(const struct kad_allocator *allocator, size_t size); /* the same, cleared */
/* NULL when refused, and `old` is as it was; and NULL when new_size is 0: freed. old_size is what it was asked with. */
void *kad_resize(const struct kad_allocator *allocator, void *old, size_t old_size, size_t new_size);
void kad_free(const struct kad_allocator *allocator, void *old, size_t size); /* NULL is fine */

#endif
