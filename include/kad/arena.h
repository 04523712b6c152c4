/*
 * arena - an allocator that serves from one fixed run of bytes: no malloc after the start, and a ceiling that nothing passes.
 *
 *     static uint8_t memory[4 << 20];
 *     struct kad_arena arena;
 *     struct kad_allocator allocator;
 *
 *     kad_arena_init(&arena, memory, sizeof(memory));
 *     allocator = kad_arena_allocator(&arena);
 *     config.allocator = &allocator;                     of an engine
 *
 * Freed blocks are kept in lists by size class (powers of two and the halves between), so it suits programs that, like
 * ours, ask for few sizes again and again. When the run is used up, larger free blocks are cut into smaller ones; small
 * ones are never joined. It belongs to one thread at a time.
 */
#ifndef KAD_ARENA_H
#define KAD_ARENA_H

#include "kad/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define KAD_ARENA_CLASSES 64 /* lists of free blocks */

/* The arena's own book-keeping; look at `used` and `in_use`, leave the rest. */
struct kad_arena {
    uint8_t *memory;                     /* lent for the life of the arena */
    size_t size;                         /* bytes of it */
    size_t used;                         /* high-water mark: never shrinks */
    size_t in_use;                       /* bytes handed out now, rounded to their classes */
    void *free_lists[KAD_ARENA_CLASSES]; /* by class */
};

/* All of `memory` is free, whatever was in it before. */
void kad_arena_init(struct kad_arena *arena, void *memory, size_t size);
/* The allocator that serves from it, for as long as the arena stays where it is. */
struct kad_allocator kad_arena_allocator(struct kad_arena *arena);

#ifdef __cplusplus
}
#endif
#endif
