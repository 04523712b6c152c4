/* test_store_records - what a store promises of anything it holds: it comes back, is replaced, and ends in time. */
#include "store/test_store.h"

#define START KAD_HOUR /* when the clock of these tests begins */

void test_store_an_empty_store_has_nothing(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    struct kad_endpoint peers[4];
    struct kad_id keys[4];
    struct kad_rng rng;
    uint32_t total = 7;

    test_store_rng(&rng, 1);
    EXPECT(!test_store_holds(store, 1, START));
    EXPECT_EQ(test_store_ask(store, 1, KAD_FAMILY_NONE, false, 1, START, peers, 4), 0);
    EXPECT_EQ(store->ops->sample(store, &rng, START, keys, 4, &total), 0);
    EXPECT_EQ(total, 0);
    EXPECT_EQ(store->ops->expire(store, START), KAD_NEVER);
    EXPECT_EQ(test_store_stats(store).n_records, 0);
    EXPECT_EQ(test_store_stats(store).n_peers, 0);
    kind->close(store);
}

void test_store_a_record_comes_back_as_it_was(const struct test_store_kind *kind)
{
    static const size_t sizes[] = {0, 1, 2, 117, 999, 1000};
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    struct test_store_content room;
    struct kad_record put, got;

    for (unsigned i = 0; i < 2 * KAD_COUNT_OF(sizes); i++) {
        put = test_store_make(i, i, sizes[i / 2], i % 2 == 1, START + 1000 + i, &room);
        EXPECT_EQ(store->ops->put(store, &put, NULL, START), KAD_OK);
    }
    for (unsigned i = 0; i < 2 * KAD_COUNT_OF(sizes); i++) {
        put = test_store_make(i, i, sizes[i / 2], i % 2 == 1, START + 1000 + i, &room);
        EXPECT_EQ(store->ops->get(store, &put.key, START, &got), KAD_OK);
        EXPECT_MSG(test_store_same(&put, &got), "record %u", i);
    }
    kind->close(store);
}

void test_store_a_later_put_replaces(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    struct test_store_content room;
    struct kad_record put, got;

    for (int64_t sequence = 1; sequence <= 20; sequence++) {
        put = test_store_make(5, sequence, (size_t)(500 - 23 * sequence), true, START + 1000, &room);
        EXPECT_EQ(store->ops->put(store, &put, NULL, START), KAD_OK);
        EXPECT_EQ(store->ops->get(store, &put.key, START, &got), KAD_OK);
        EXPECT(test_store_same(&put, &got));
        EXPECT_EQ(test_store_stats(store).n_records, 1);
        EXPECT_EQ(test_store_stats(store).record_bytes, put.value.size + put.salt.size);
    }
    /* What get() lent may be put again. */
    EXPECT_EQ(store->ops->put(store, &got, NULL, START), KAD_OK);
    EXPECT_EQ(store->ops->get(store, &put.key, START, &got), KAD_OK);
    EXPECT(test_store_same(&put, &got));
    kind->close(store);
}

/* To the millisecond, and whether or not anybody called expire(). */
void test_store_nothing_is_served_from_its_expiry_on(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    struct kad_endpoint peers[4];
    const kad_ms end = START + 5000;

    EXPECT_EQ(test_store_put(store, 1, 10, NULL, end, START), KAD_OK);
    EXPECT_EQ(test_store_announce(store, 2, test_store_host(false, 1, 1, 1), false, end, START), KAD_OK);
    EXPECT_EQ(store->ops->expire(store, START), end);
    EXPECT_EQ(store->ops->expire(store, end - 1), end);
    EXPECT(test_store_holds(store, 1, end - 1));
    EXPECT_EQ(test_store_ask(store, 2, KAD_IPV4, false, 1, end - 1, peers, 4), 1);
    EXPECT(!test_store_holds(store, 1, end));
    EXPECT_EQ(test_store_ask(store, 2, KAD_IPV4, false, 1, end, peers, 4), 0);
    EXPECT_EQ(test_store_stats(store).n_records, 1); /* still here, and yet not served */
    EXPECT_EQ(store->ops->expire(store, end), KAD_NEVER);
    EXPECT_EQ(test_store_stats(store).n_records, 0);
    EXPECT_EQ(test_store_stats(store).n_peers, 0);
    EXPECT_EQ(test_store_stats(store).n_keys, 0);
    EXPECT_EQ(test_store_stats(store).n_expired, 2);
    kind->close(store);
}

void test_store_a_refresh_moves_the_expiry_both_ways(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    const struct kad_endpoint host = test_store_host(false, 1, 1, 1);
    struct kad_endpoint peers[4];

    EXPECT_EQ(test_store_put(store, 1, 10, NULL, START + 1000, START), KAD_OK);
    EXPECT_EQ(test_store_announce(store, 2, host, false, START + 1000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 1, 10, NULL, START + 1001, START), KAD_OK); /* by the least there is */
    EXPECT_EQ(test_store_announce(store, 2, host, false, START + 1001, START), KAD_OK);
    test_store_expire_all(store, START + 1000);
    EXPECT_EQ(test_store_stats(store).n_records + test_store_stats(store).n_peers, 2);
    EXPECT_EQ(test_store_put(store, 1, 10, NULL, START + 3000, START), KAD_OK);
    EXPECT_EQ(test_store_announce(store, 2, host, false, START + 3000, START), KAD_OK);
    test_store_expire_all(store, START + 1000);
    EXPECT(test_store_holds(store, 1, START + 2999));
    EXPECT_EQ(test_store_ask(store, 2, KAD_IPV4, false, 1, START + 2999, peers, 4), 1);

    EXPECT_EQ(test_store_put(store, 1, 10, NULL, START + 2000, START + 1000), KAD_OK);
    EXPECT_EQ(test_store_announce(store, 2, host, false, START + 2000, START + 1000), KAD_OK);
    EXPECT(!test_store_holds(store, 1, START + 2000));
    EXPECT_EQ(test_store_ask(store, 2, KAD_IPV4, false, 1, START + 2000, peers, 4), 0);
    test_store_expire_all(store, START + 2000);
    EXPECT_EQ(test_store_stats(store).n_records + test_store_stats(store).n_peers, 0);
    kind->close(store);
}

/* A turn must not stall because ten thousand things expire at once. */
void test_store_expiring_is_bounded_and_gives_all_back(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    uint64_t before, calls = 0;
    kad_ms next;

    for (unsigned i = 0; i < 1000; i++) {
        EXPECT_EQ(test_store_put(store, i, 50, NULL, START + 1000 + i % 3, START), KAD_OK);
        EXPECT_EQ(test_store_announce(store, i, test_store_host(i % 2, i, 1, 1), false, START + 1000 + i % 3,
                                      START),
                  KAD_OK);
    }
    do {
        before = test_store_stats(store).n_expired;
        next = store->ops->expire(store, START + 1002);
        EXPECT(test_store_stats(store).n_expired - before <= 256);
        calls++;
    } while (next <= START + 1002);
    EXPECT_EQ(next, KAD_NEVER);
    EXPECT(calls >= 2000 / 256);
    EXPECT_EQ(test_store_stats(store).n_records + test_store_stats(store).n_peers +
                  test_store_stats(store).n_keys,
              0);
    EXPECT_EQ(test_store_stats(store).n_expired, 2000);
    kind->close(store);
}
