#include "base/heap.h"

#include "base/test.h"
#include "crypto/test_seed.h"

#include <stdlib.h>

struct due {
    kad_ms at;
    uint32_t slot; /* numbered in order of addition */
};

static int compare(const void *left, const void *right)
{
    const struct due *a = left, *b = right;

    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->slot < b->slot ? -1 : 1;
}

/* What comes out is what a stable sort gives, ties in the order of addition: with few distinct instants nearly all are
 * ties. */
TEST(comes_out_sorted_and_stable)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct kad_rng rng = kad_test_rng(seed);
        const uint32_t n = kad_rng_below(&rng, 2000), instants = 1 + kad_rng_below(&rng, 1000);
        struct due *dues = calloc(n + 1, sizeof *dues);
        struct kad_heap_entry entry;
        struct kad_heap heap;

        kad_heap_init(&heap, &kad_allocator_system, n);
        heap.next_order = UINT32_MAX - 500; /* addition 2^32 is no special one */
        for (uint32_t i = 0; i < n; i++) {
            dues[i] = (struct due){(kad_ms)kad_rng_below(&rng, instants) - 100, i};
            EXPECT_EQ(kad_heap_add(&heap, dues[i].at, i), KAD_OK);
        }
        EXPECT_EQ(kad_heap_add(&heap, 0, 0), KAD_E_LIMIT);
        qsort(dues, n, sizeof *dues, compare);
        for (uint32_t i = 0; i < n; i++) {
            EXPECT_EQ(kad_heap_next(&heap), dues[i].at);
            EXPECT(!kad_heap_pop(&heap, dues[i].at - 1, &entry));
            EXPECT(kad_heap_pop(&heap, dues[i].at, &entry));
            EXPECT_MSG(entry.at == dues[i].at && entry.slot == dues[i].slot, "seed %llu, entry %u",
                       (unsigned long long)seed, i);
        }
        EXPECT_EQ(kad_heap_next(&heap), KAD_NEVER);
        EXPECT(!kad_heap_pop(&heap, KAD_NEVER, &entry));
        kad_heap_clear(&heap);
        free(dues);
    }
}

/* As timers live: additions and removals mixed, time moving on. Each comes up once, never early, and in order. */
TEST(mixed_use_against_a_plain_list)
{
    enum { ROOM = 300 };

    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct kad_rng rng = kad_test_rng(seed);
        struct due list[ROOM];
        uint32_t n = 0, added = 0;
        struct kad_heap heap;
        kad_ms now = 0;

        kad_heap_init(&heap, &kad_allocator_system, ROOM);
        for (unsigned step = 0; step < 3000; step++) {
            struct kad_heap_entry entry;

            if (kad_rng_below(&rng, 2)) {
                const kad_ms at = now + kad_rng_below(&rng, 50);
                const int result = kad_heap_add(&heap, at, added);

                EXPECT_EQ(result, n < ROOM ? KAD_OK : KAD_E_LIMIT);
                if (result == KAD_OK)
                    list[n++] = (struct due){at, added++};
                continue;
            }
            now += kad_rng_below(&rng, 5);
            while (kad_heap_pop(&heap, now, &entry)) {
                uint32_t earliest = 0;

                EXPECT(n > 0);
                for (uint32_t i = 1; i < n; i++) {
                    if (compare(&list[i], &list[earliest]) < 0)
                        earliest = i;
                }
                EXPECT_MSG(entry.slot == list[earliest].slot, "seed %llu, step %u", (unsigned long long)seed,
                           step);
                list[earliest] = list[--n];
            }
            for (uint32_t i = 0; i < n; i++)
                EXPECT(list[i].at > now);
        }
        EXPECT_EQ(heap.n_entries, n);
        kad_heap_clear(&heap);
    }
}

/* Refused memory leaves the heap as it was. */
TEST(a_refusal_changes_nothing)
{
    static _Alignas(16) uint8_t memory[1024];
    struct kad_arena arena;
    struct kad_allocator allocator;
    struct kad_heap_entry entry;
    struct kad_heap heap;
    uint32_t n = 0;

    kad_arena_init(&arena, memory, sizeof memory);
    allocator = kad_arena_allocator(&arena);
    kad_heap_init(&heap, &allocator, 1000);
    while (kad_heap_add(&heap, 1000 - (kad_ms)n, n) == KAD_OK)
        n++;
    EXPECT(n > 0 && n < 1000);
    EXPECT_EQ(kad_heap_add(&heap, 0, 7777), KAD_E_MEMORY);
    for (uint32_t i = n; i > 0; i--) {
        EXPECT(kad_heap_pop(&heap, KAD_NEVER, &entry));
        EXPECT_EQ(entry.slot, i - 1);
    }
    kad_heap_clear(&heap);
    EXPECT_EQ(arena.in_use, 0);
}
