#include "base/index.h"

#include "base/test.h"
#include "crypto/test_seed.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 600

/* The naive way: which slots are used, and under which hash. */
struct naive {
    bool used[SLOTS];
    uint64_t hash[SLOTS];
    uint32_t n;
};

static void check_same(const struct kad_index *index, const struct naive *naive, uint64_t hash)
{
    bool found[SLOTS] = {false};

    for (uint32_t at = kad_index_first(index, hash); at != KAD_INDEX_END;
         at = kad_index_next(index, hash, at)) {
        const uint32_t slot = kad_index_slot(index, at);

        EXPECT(slot < SLOTS && naive->used[slot]);
        EXPECT(naive->hash[slot] >> 32 == hash >> 32);
        EXPECT(!found[slot]); /* none comes twice */
        found[slot] = true;
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        EXPECT(found[slot] == (naive->used[slot] && naive->hash[slot] >> 32 == hash >> 32));
}

/* From hashes that nearly never collide to hashes that nearly all do, and ones at the end of the table, so that chains
 * wrap around. */
static uint64_t random_hash(struct kad_rng *rng, uint64_t seed)
{
    switch (seed % 4) {
    case 0:
        return kad_rng_u64(rng);
    case 1:
        return (uint64_t)kad_rng_below(rng, 40) << 32 | kad_rng_u32(rng);
    case 2:
        return (uint64_t)(UINT32_MAX - kad_rng_below(rng, 5)) << 32;
    default:
        return (uint64_t)(kad_rng_below(rng, 100) << 20 | kad_rng_below(rng, 4)) << 32;
    }
}

TEST(finds_what_a_plain_search_finds)
{
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct kad_rng rng = kad_test_rng(seed);
        struct naive naive = {.n = 0};
        struct kad_index index;

        kad_index_init(&index, &kad_allocator_system, 400);
        for (unsigned step = 0; step < 3000; step++) {
            const uint32_t slot = kad_rng_below(&rng, SLOTS), other = kad_rng_below(&rng, SLOTS);

            if (!naive.used[slot]) {
                const uint64_t hash = random_hash(&rng, seed);
                const int result = kad_index_add(&index, hash, slot);

                EXPECT_EQ(result, naive.n < 400 ? KAD_OK : KAD_E_LIMIT);
                if (result == KAD_OK) {
                    naive.used[slot] = true;
                    naive.hash[slot] = hash;
                    naive.n++;
                }
            } else if (!naive.used[other]) {
                kad_index_move(&index, naive.hash[slot], slot, other);
                naive.used[slot] = false;
                naive.used[other] = true;
                naive.hash[other] = naive.hash[slot];
            } else {
                kad_index_remove(&index, naive.hash[slot], slot);
                naive.used[slot] = false;
                naive.n--;
            }
            EXPECT_EQ(index.n_used, naive.n);
            check_same(&index, &naive, naive.hash[kad_rng_below(&rng, SLOTS)]);
            check_same(&index, &naive, random_hash(&rng, seed));
        }
        kad_index_clear(&index);
        EXPECT_EQ(kad_index_first(&index, 0), KAD_INDEX_END);
    }
}

TEST(an_empty_index_finds_nothing_and_owns_nothing)
{
    struct kad_index index;

    kad_index_init(&index, &kad_allocator_system, 10);
    EXPECT_EQ(kad_index_first(&index, 5), KAD_INDEX_END);
    EXPECT(index.cells == NULL);
    kad_index_clear(&index);
}

TEST(a_refusal_changes_nothing)
{
    static _Alignas(16) uint8_t memory[2048];
    struct kad_arena arena;
    struct kad_allocator allocator;
    struct kad_index index;
    uint32_t n = 0;

    kad_arena_init(&arena, memory, sizeof memory);
    allocator = kad_arena_allocator(&arena);
    kad_index_init(&index, &allocator, 1000);
    while (kad_index_add(&index, (uint64_t)n << 32, n) == KAD_OK)
        n++;
    EXPECT(n >= 48 && n < 1000);
    EXPECT_EQ(kad_index_add(&index, 0, n), KAD_E_MEMORY);
    for (uint32_t i = 0; i < n; i++)
        EXPECT_EQ(kad_index_slot(&index, kad_index_first(&index, (uint64_t)i << 32)), i);
    kad_index_clear(&index);
    EXPECT_EQ(arena.in_use, 0);
}

/* There are no tombstones: after a million comings and goings an absent key is still found absent in a few steps. */
TEST(age_does_not_fill_it)
{
    struct kad_rng rng = kad_test_rng(3);
    uint64_t hashes[100];
    struct kad_index index;
    uint32_t n_filled = 0;

    kad_index_init(&index, &kad_allocator_system, 100);
    for (uint32_t slot = 0; slot < 100; slot++)
        EXPECT_EQ(kad_index_add(&index, hashes[slot] = kad_rng_u64(&rng), slot), KAD_OK);
    for (unsigned i = 0; i < 1000000; i++) {
        const uint32_t slot = i % 100;

        kad_index_remove(&index, hashes[slot], slot);
        EXPECT(kad_index_add(&index, hashes[slot] = kad_rng_u64(&rng), slot) == KAD_OK);
    }
    EXPECT_EQ(index.n_cells, 256);
    for (uint32_t i = 0; i < index.n_cells; i++)
        n_filled += index.cells[i].slot != 0;
    EXPECT_EQ(n_filled, 100);
    kad_index_clear(&index);
}
