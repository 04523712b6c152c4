#define _GNU_SOURCE /* madvise */
#include "sim/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE        ((size_t)2 << 20) /* of the large kind */
#define CHUNK       (2 * PAGE)
#define SMALL_CLASS 2u /* classes 0 and 1 divide a line */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ALL_FROM_SYSTEM true
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ALL_FROM_SYSTEM true
#endif
#ifndef ALL_FROM_SYSTEM
#define ALL_FROM_SYSTEM false
#endif

/* -- whole pages ------------------------------------------------------------------------------------------------- */

static void *take_pages(size_t size)
{
    void *pages = aligned_alloc(PAGE, (size + PAGE - 1) / PAGE * PAGE);

#ifdef MADV_HUGEPAGE
    if (pages)
        (void)!madvise(pages, (size + PAGE - 1) / PAGE * PAGE,
                       MADV_HUGEPAGE); /* else pages of the usual size */
#endif
    return pages;
}

/* What fills pages has them to itself, and is never moved in place. */
static void *resize_large(void *old, size_t old_size, size_t new_size)
{
    void *moved;

    if (old_size < PAGE && new_size < PAGE)
        return kad_allocator_system.resize(NULL, old, old_size, new_size);
    if (!new_size) {
        free(old);
        return NULL;
    }
    moved = new_size < PAGE ? malloc(new_size) : take_pages(new_size);
    if (moved && old) {
        memcpy(moved, old, old_size < new_size ? old_size : new_size);
        free(old);
    }
    return moved;
}

/* -- blocks ------------------------------------------------------------------------------------------------------ */

static unsigned class_of(size_t size)
{
    if (size <= 32)
        return size > 16;
    return SMALL_CLASS + (unsigned)((size - 1) / SIM_MEMORY_LINE);
}

static size_t class_size(unsigned class)
{
    return class < SMALL_CLASS ? (size_t)16 << class : (size_t)(class - SMALL_CLASS + 1) * SIM_MEMORY_LINE;
}

static void push(struct sim_memory *memory, void *block, unsigned class)
{
    memcpy(block, &memory->free[class], sizeof(void *));
    memory->free[class] = block;
}

/* What is left of the old chunk is less than the block that did not fit; it stays unused. */
static bool add_chunk(struct sim_memory *memory)
{
    uint8_t *chunk = take_pages(CHUNK);

    if (!chunk)
        return false;
    memcpy(chunk, &memory->chunks, sizeof(void *));
    memory->chunks = chunk;
    memory->fresh = chunk + SIM_MEMORY_LINE;
    memory->left = CHUNK - SIM_MEMORY_LINE;
    return true;
}

static void *take(struct sim_memory *memory, size_t size)
{
    const unsigned class = class_of(size);
    const size_t fresh = class < SMALL_CLASS ? SIM_MEMORY_LINE : class_size(class);
    uint8_t *block = memory->free[class];

    if (block) {
        memcpy(&memory->free[class], block, sizeof(void *));
        return block;
    }
    if (memory->left < fresh && !add_chunk(memory))
        return NULL;
    block = memory->fresh;
    memory->fresh += fresh;
    memory->left -= fresh;
    for (size_t at = class_size(class); at < fresh; at += class_size(class))
        push(memory, block + at, class);
    return block;
}

static void *resize(struct sim_memory *memory, void *old, size_t old_size, size_t new_size)
{
    const bool was_large = old_size > SIM_MEMORY_MOST, is_large = new_size > SIM_MEMORY_MOST;
    void *block;

    if (ALL_FROM_SYSTEM)
        return kad_allocator_system.resize(NULL, old, old_size, new_size);
    if ((was_large || !old) && (is_large || !new_size))
        return resize_large(old, old_size, new_size);
    if (!new_size) {
        push(memory, old, class_of(old_size));
        return NULL;
    }
    if (old && !was_large && !is_large && class_of(old_size) == class_of(new_size))
        return old;
    block = is_large ? resize_large(NULL, 0, new_size) : take(memory, new_size);
    if (!block || !old)
        return block;
    memcpy(block, old, old_size < new_size ? old_size : new_size);
    if (was_large)
        resize_large(old, old_size, 0);
    else
        push(memory, old, class_of(old_size));
    return block;
}

static void *counted(void *context, void *old, size_t old_size, size_t new_size)
{
    struct sim_memory *memory = context;
    void *result = resize(memory, old, old_size, new_size);

    if (!result && new_size)
        return NULL;
    assert(memory->now >= old_size && "freed with a size it was not asked with");
    memory->now += new_size - old_size;
    if (memory->now > memory->peak)
        memory->peak = memory->now;
    return result;
}

/* -- life -------------------------------------------------------------------------------------------------------- */

void sim_memory_init(struct sim_memory *memory)
{
    *memory = (struct sim_memory){.allocator = {counted, memory}};
}

void sim_memory_clear(struct sim_memory *memory)
{
    void *chunk = memory->chunks, *before;

    assert(memory->now == 0 && "somebody has lost memory");
    for (; chunk; chunk = before) {
        memcpy(&before, chunk, sizeof(before));
        free(chunk);
    }
    sim_memory_init(memory);
}
