#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *system_resize(void *context, void *old, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

const struct kad_allocator kad_allocator_system = {system_resize, NULL};

void *kad_alloc(const struct kad_allocator *allocator, size_t size)
{
    assert(size > 0 && "an allocation of nothing is a free in disguise");
    return allocator->resize(allocator->context, NULL, 0, size);
}

void *kad_alloc_zero(const struct kad_allocator *allocator, size_t size)
{
    void *memory = kad_alloc(allocator, size);

    if (memory)
        memset(memory, 0, size);
    return memory;
}

void *kad_resize(const struct kad_allocator *allocator, void *old, size_t old_size, size_t new_size)
{
    assert((old != NULL) == (old_size > 0) && "every block has the size it was asked for");
    return allocator->resize(allocator->context, old, old_size, new_size);
}

void kad_free(const struct kad_allocator *allocator, void *old, size_t size)
{
    if (old)
        allocator->resize(allocator->context, old, size, 0);
}

/* The arena. Class 2n holds blocks of 16 << n bytes, class 2n + 1 those of 24 << n. All are multiples of 16, so that
 * every block is aligned for anything; 24 itself is not, and class 1 stays empty. */
#define GRAIN ((size_t)16)

static size_t class_size(unsigned class)
{
    return (class % 2 ? GRAIN + GRAIN / 2 : GRAIN) << class / 2;
}

/* The smallest class that holds `size`, or KAD_ARENA_CLASSES when none does. */
static unsigned class_of(size_t size)
{
    unsigned class;

    if (size <= GRAIN)
        return 0;
    class = 2 * (unsigned)(64 - __builtin_clzll((unsigned long long)(size - 1) / GRAIN));
    /* 16 << n is the power of two at or above `size`; the half below it may do. */
    if (class > 2 && class_size(class - 1) >= size)
        class --;
    return class < KAD_ARENA_CLASSES && class_size(class) >= size ? class : KAD_ARENA_CLASSES;
}

static void push(struct kad_arena *arena, void *block, unsigned class)
{
    memcpy(block, &arena->free_lists[class], sizeof(void *));
    arena->free_lists[class] = block;
}

static void *pop(struct kad_arena *arena, unsigned class)
{
    void *block = arena->free_lists[class];

    if (block)
        memcpy(&arena->free_lists[class], block, sizeof(void *));
    return block;
}

/* Lists a run of bytes (a multiple of the grain) as the fewest blocks that make it up. */
static void list_run(struct kad_arena *arena, uint8_t *run, size_t size)
{
    while (size > 0) {
        unsigned class = class_of(size);

        if (class == KAD_ARENA_CLASSES || class_size(class) > size)
            class -= class == 2 ? 2 : 1; /* class 1 is not in use */
        push(arena, run, class);
        run += class_size(class);
        size -= class_size(class);
    }
}

/* Nothing fits and the fresh memory is used up: the smallest larger free block gives a piece of itself. */
static void *cut(struct kad_arena *arena, unsigned class)
{
    for (unsigned larger = class + 1; larger < KAD_ARENA_CLASSES; larger++) {
        uint8_t *block = pop(arena, larger);

        if (block) {
            list_run(arena, block + class_size(class), class_size(larger) - class_size(class));
            return block;
        }
    }
    return NULL;
}

static void *arena_take(struct kad_arena *arena, unsigned class)
{
    void *block;

    if (class == KAD_ARENA_CLASSES)
        return NULL;
    block = pop(arena, class);
    if (!block && class_size(class) <= arena->size - arena->used) {
        block = arena->memory + arena->used;
        arena->used += class_size(class);
    }
    if (!block)
        block = cut(arena, class);
    if (block)
        arena->in_use += class_size(class);
    return block;
}

static void arena_give(struct kad_arena *arena, void *block, unsigned class)
{
    arena->in_use -= class_size(class);
    push(arena, block, class);
}

static void *arena_resize(void *context, void *old, size_t old_size, size_t new_size)
{
    struct kad_arena *arena = context;
    const unsigned old_class = class_of(old_size), new_class = class_of(new_size);
    void *block;

    if (old && new_size == 0) {
        arena_give(arena, old, old_class);
        return NULL;
    }
    if (new_size == 0)
        return NULL;
    if (old && old_class == new_class)
        return old;
    block = arena_take(arena, new_class);
    if (block && old) {
        memcpy(block, old, old_size < new_size ? old_size : new_size);
        arena_give(arena, old, old_class);
    }
    return block;
}

void kad_arena_init(struct kad_arena *arena, void *memory, size_t size)
{
    const size_t skip = (GRAIN - (uintptr_t)memory % GRAIN) % GRAIN;

    *arena = (struct kad_arena){.memory = memory};
    if (size > skip) {
        arena->memory += skip;
        arena->size = (size - skip) / GRAIN * GRAIN;
    }
}

struct kad_allocator kad_arena_allocator(struct kad_arena *arena)
{
    return (struct kad_allocator){arena_resize, arena};
}
