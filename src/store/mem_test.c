#include "store/mem.h"

#include "store/test_store.h"

#define NOW KAD_HOUR

static struct kad_store *open_mem(const struct kad_allocator *allocator,
                                  const struct kad_mem_store_config *config)
{
    struct kad_store *store = NULL;

    return kad_mem_store_new(allocator, config, 42, &store) == KAD_OK ? store : NULL;
}

static void close_mem(struct kad_store *store)
{
    store->ops->free(store);
}

static const struct test_store_kind mem_kind = {.open = open_mem, .close = close_mem};

TEST_STORE_SUITE(&mem_kind)

/* A million simulated nodes have one each, most of them empty, or empty again. */
TEST(an_empty_store_costs_next_to_nothing)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct test_store_memory memory;
    struct kad_store *store;

    test_store_memory_init(&memory);
    store = open_mem(&memory.allocator, &config);
    EXPECT(memory.in_use < 200);
    EXPECT_EQ(test_store_put(store, 1, 100, NULL, NOW + 10, NOW), KAD_OK);
    EXPECT_EQ(test_store_announce(store, 1, test_store_host(false, 1, 1, 1), false, NOW + 10, NOW), KAD_OK);
    EXPECT(memory.in_use < 2500);
    EXPECT_EQ(store->ops->expire(store, NOW + 10), KAD_NEVER);
    EXPECT(memory.in_use < 200);
    close_mem(store);
    EXPECT_EQ(memory.in_use, 0);
}

/* FACTS section 4's filling, every announce on a key of its own, group limits on: within 2 MB. What stats() says is
 * what the allocator gave. */
TEST(ten_thousand_announces_and_a_thousand_items_fit_two_megabytes)
{
    struct kad_mem_store_config config;
    struct kad_store_stats stats;
    struct test_store_memory memory;
    struct kad_store *store;

    kad_mem_store_config_default(&config);
    test_store_memory_init(&memory);
    store = open_mem(&memory.allocator, &config);
    for (unsigned i = 0; i < 10000; i++)
        EXPECT_EQ(test_store_announce(store, i, test_store_host(false, i, 1, 1), false, NOW + 10, NOW),
                  KAD_OK);
    for (unsigned i = 0; i < 1000; i++)
        EXPECT_EQ(test_store_put(store, i, 100 + i % 100, NULL, NOW + 10, NOW), KAD_OK);
    store->ops->stats(store, &stats);
    EXPECT_EQ(stats.n_peers, 10000);
    EXPECT_EQ(stats.n_records, 1000);
    EXPECT_EQ(stats.memory, memory.in_use);
    EXPECT_MSG(memory.in_use <= 2 << 20, "%llu bytes", (unsigned long long)memory.in_use);
    close_mem(store);
}

/* Refreshing is what announces do most: it must not grow anything. */
TEST(refreshing_takes_no_memory)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct test_store_memory memory;
    struct kad_store *store;
    uint64_t before = 0;

    test_store_memory_init(&memory);
    store = open_mem(&memory.allocator, &config);
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < 100; i++) {
            EXPECT_EQ(test_store_announce(store, i % 7, test_store_host(false, i, 1, 1), round % 2,
                                          NOW + 10000 - 10 * round, NOW),
                      KAD_OK);
            EXPECT_EQ(test_store_put(store, i, 50, NULL, NOW + 10000 + 10 * round, NOW), KAD_OK);
        }
        if (round == 100) /* by now the expiries that moved closer have left all the stale entries they may */
            before = memory.in_use;
    }
    EXPECT_EQ(memory.in_use, before);
    close_mem(store);
}

struct seen {
    unsigned n_records, n_keys, n_peers;
};

static void see_record(void *context, const struct kad_record *record)
{
    EXPECT(record->value.size == 100);
    ((struct seen *)context)->n_records++;
}

static void see_key(void *context, const struct kad_id *key, uint32_t n_peers)
{
    (void)key;
    ((struct seen *)context)->n_keys++;
    ((struct seen *)context)->n_peers += n_peers;
}

/* Whoever looks does so in bounded steps, and sees each thing once; what has expired is not there, expired away or not. */
TEST(a_look_shows_everything_once_in_steps_of_any_size)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = open_mem(&kad_allocator_system, &config);

    for (unsigned i = 0; i < 50; i++)
        EXPECT_EQ(test_store_put(store, i, 100, NULL, NOW + (i < 20 ? 10 : 1000), NOW), KAD_OK);
    for (unsigned i = 0; i < 60; i++)
        EXPECT_EQ(test_store_announce(store, i / 2, test_store_host(false, i, 1, 1), false, NOW + 1000, NOW),
                  KAD_OK);
    for (unsigned step = 1; step < 200; step += 33) {
        struct seen seen = {0};
        const struct kad_store_viewer viewer = {see_record, see_key, &seen};
        uint64_t at = 0;
        unsigned n_steps = 0;

        do {
            at = store->ops->look(store, at, step, NOW + 10, &viewer);
            n_steps++;
        } while (at != 0);
        EXPECT_EQ(seen.n_records, 30);
        EXPECT_EQ(seen.n_keys, 30);
        EXPECT_EQ(seen.n_peers, 60);
        EXPECT(n_steps >= 80 / step);
    }
    close_mem(store);
}
