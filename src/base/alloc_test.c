#include "base/alloc.h"

#include "base/test.h"
#include "crypto/test_seed.h"

#include <stdlib.h>
#include <string.h>

#define BLOCKS 200

static _Alignas(16) uint8_t memory[1 << 20];

struct block {
    uint8_t *at;
    size_t size;
    uint8_t mark;
};

static bool is_marked(const struct block *block, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (block->at[i] != block->mark)
            return false;
    }
    return true;
}

/* Whatever an allocator is asked, blocks keep their bytes, are aligned for anything, and do not touch each other (each
 * is filled with its own mark, so touching shows). */
static void check_random_use(const struct kad_allocator *allocator, struct kad_arena *arena, uint64_t seed)
{
    struct kad_rng rng = kad_test_rng(seed);
    struct block blocks[BLOCKS] = {{0}};
    size_t asked = 0;

    for (unsigned step = 0; step < 20000; step++) {
        struct block *block = &blocks[kad_rng_below(&rng, BLOCKS)];
        const size_t size = kad_rng_below(&rng, 8) ? kad_rng_below(&rng, 400) : kad_rng_below(&rng, 40000);
        uint8_t *moved = kad_resize(allocator, block->at, block->size, size);

        if (!moved && size > 0) {
            EXPECT_MSG(!block->at || is_marked(block, block->size),
                       "seed %llu, step %u: a refusal changed it", (unsigned long long)seed, step);
            continue;
        }
        EXPECT(size > 0 || !moved);
        EXPECT_EQ((uintptr_t)moved % 16, 0);
        asked += size - block->size;
        if (moved) {
            block->at = moved;
            EXPECT_MSG(is_marked(block, block->size < size ? block->size : size), "seed %llu, step %u",
                       (unsigned long long)seed, step);
        }
        *block = (struct block){moved, moved ? size : 0, (uint8_t)kad_rng_u32(&rng)};
        if (moved)
            memset(moved, block->mark, size);
        if (arena) {
            EXPECT(arena->in_use >= asked);
            EXPECT(arena->used >= arena->in_use && arena->used <= arena->size);
        }
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        EXPECT(!blocks[i].at || is_marked(&blocks[i], blocks[i].size));
        kad_free(allocator, blocks[i].at, blocks[i].size);
    }
}

TEST(the_system_allocator_keeps_what_is_written)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        check_random_use(&kad_allocator_system, NULL, seed);
}

TEST(an_arena_keeps_what_is_written_and_gets_all_of_it_back)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct kad_arena arena;
        struct kad_allocator allocator;

        /* Sizes at which it never, sometimes and mostly refuses, and memory that begins at an odd place. */
        kad_arena_init(&arena, memory + seed, sizeof memory >> seed % 4 * 2);
        allocator = kad_arena_allocator(&arena);
        check_random_use(&allocator, &arena, seed);
        EXPECT_EQ(arena.in_use, 0);
    }
}

/* A program that asks for the same sizes again and again runs forever in the memory of its first round. */
TEST(an_arena_reuses_freed_blocks)
{
    struct kad_arena arena;
    struct kad_allocator allocator;
    size_t used = 0;

    kad_arena_init(&arena, memory, sizeof memory);
    allocator = kad_arena_allocator(&arena);
    for (unsigned round = 0; round < 1000; round++) {
        void *blocks[64];

        for (unsigned i = 0; i < 64; i++)
            EXPECT((blocks[i] = kad_alloc(&allocator, 16 * i + 1)) != NULL);
        for (unsigned i = 0; i < 64; i++)
            kad_free(&allocator, blocks[i], 16 * i + 1);
        if (round == 0)
            used = arena.used;
        EXPECT_EQ(arena.used, used);
        EXPECT_EQ(arena.in_use, 0);
    }
}

TEST(a_full_arena_refuses_and_works_on_after_a_free)
{
    struct kad_arena arena;
    struct kad_allocator allocator;
    void *blocks[64];
    unsigned n = 0;

    kad_arena_init(&arena, memory, 4096);
    allocator = kad_arena_allocator(&arena);
    while (n < 64 && (blocks[n] = kad_alloc(&allocator, 128)))
        n++;
    EXPECT_EQ(n, 4096 / 128);
    EXPECT_EQ(arena.used, 4096);
    EXPECT(!kad_alloc(&allocator, 1));
    EXPECT(!kad_resize(&allocator, blocks[0], 128, 129));
    kad_free(&allocator, blocks[7], 128);
    EXPECT(kad_alloc(&allocator, 100) == blocks[7]);
}

/* Without this, memory freed in one size would be lost to all others. */
TEST(a_full_arena_cuts_small_blocks_from_large_ones)
{
    struct kad_arena arena;
    struct kad_allocator allocator;
    void *large;
    unsigned n = 0;

    kad_arena_init(&arena, memory, 4096 + 2048);
    allocator = kad_arena_allocator(&arena);
    EXPECT((large = kad_alloc(&allocator, 4096 + 2048)) != NULL);
    kad_free(&allocator, large, 4096 + 2048);
    while (kad_alloc(&allocator, 64))
        n++;
    EXPECT_EQ(n, (4096 + 2048) / 64);
    EXPECT_EQ(arena.in_use, arena.size);
}

TEST(sizes_beyond_any_class_are_refused)
{
    struct kad_arena arena;
    struct kad_allocator allocator;

    kad_arena_init(&arena, memory, sizeof memory);
    allocator = kad_arena_allocator(&arena);
    EXPECT(!kad_alloc(&allocator, SIZE_MAX));
    EXPECT(!kad_alloc(&allocator, SIZE_MAX / 2));
    EXPECT(!kad_alloc(&allocator, sizeof memory + 1));
    EXPECT_EQ(arena.used, 0);
    EXPECT(kad_alloc(&allocator, sizeof memory) != NULL);
}

TEST(an_arena_too_small_for_anything_refuses)
{
    struct kad_arena arena;
    struct kad_allocator allocator;

    for (size_t size = 0; size < 16; size++) {
        kad_arena_init(&arena, memory + 1, size);
        allocator = kad_arena_allocator(&arena);
        EXPECT(!kad_alloc(&allocator, 1));
    }
}

TEST(a_cleared_block_is_zero_even_when_reused)
{
    struct kad_arena arena;
    struct kad_allocator allocator;
    const uint8_t zeros[100] = {0};
    uint8_t *block;

    kad_arena_init(&arena, memory, sizeof memory);
    allocator = kad_arena_allocator(&arena);
    EXPECT((block = kad_alloc(&allocator, 100)) != NULL);
    memset(block, 0xee, 100);
    kad_free(&allocator, block, 100);
    EXPECT(kad_alloc_zero(&allocator, 100) == (void *)block);
    EXPECT_MEM(block, zeros, 100);
    kad_free(&allocator, NULL, 0);
}
