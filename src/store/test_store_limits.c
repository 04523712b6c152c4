/* test_store_limits - what a store refuses, and who pays for what. */
#include "base/endpoint.h"
#include "store/test_store.h"

#define START KAD_HOUR /* when the clock of these tests begins */

/* A ceiling refuses what is new; it never costs what is there, and what is there may still be replaced. */
void test_store_records_stay_under_their_ceilings(const struct test_store_kind *kind)
{
    struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store;

    config.max_records = 3;
    config.max_record_bytes = 300;
    store = test_store_open(kind, &config);
    EXPECT_EQ(test_store_put(store, 1, 100, NULL, START + 1000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 2, 100, NULL, START + 2000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 3, 101, NULL, START + 2000, START), KAD_E_LIMIT);
    EXPECT_EQ(test_store_put(store, 3, 99, NULL, START + 2000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 4, 0, NULL, START + 2000, START), KAD_E_LIMIT);
    EXPECT_EQ(test_store_put(store, 3, 102, NULL, START + 2000, START), KAD_E_LIMIT);
    EXPECT_EQ(test_store_put(store, 3, 100, NULL, START + 2000, START), KAD_OK);
    EXPECT(test_store_holds(store, 1, START) && test_store_holds(store, 2, START) &&
           test_store_holds(store, 3, START));
    EXPECT_EQ(test_store_stats(store).n_refused, 3);
    EXPECT_EQ(test_store_stats(store).record_bytes, 300);
    /* Room comes back in the instant of an expiry, without anybody calling expire(). */
    EXPECT_EQ(test_store_put(store, 4, 100, NULL, START + 2000, START + 999), KAD_E_LIMIT);
    EXPECT_EQ(test_store_put(store, 4, 100, NULL, START + 2000, START + 1000), KAD_OK);
    kind->close(store);
}

void test_store_a_group_pays_for_what_it_puts(const struct test_store_kind *kind)
{
    const struct kad_endpoint a = test_store_host(false, 1, 1, 1), a_too = test_store_host(false, 1, 200, 9);
    const struct kad_endpoint b = test_store_host(false, 2, 1, 1);
    struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store;

    config.max_records_per_group = 2;
    store = test_store_open(kind, &config);
    EXPECT_EQ(test_store_put(store, 1, 9, &a, START + 1000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 2, 9, &a_too, START + 2000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 3, 9, &a, START + 1000, START), KAD_E_LIMIT);
    EXPECT_EQ(test_store_put(store, 1, 9, &a, START + 1000, START), KAD_OK); /* a refresh costs nothing */
    EXPECT_EQ(test_store_put(store, 3, 9, &b, START + 2000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 3, 9, &a, START + 2000, START), KAD_OK); /* b still pays */
    EXPECT_EQ(test_store_put(store, 4, 9, &b, START + 2000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 5, 9, &b, START + 2000, START), KAD_E_LIMIT);
    EXPECT_EQ(test_store_put(store, 5, 9, NULL, START + 2000, START), KAD_OK); /* our own: nobody's group */
    EXPECT_EQ(test_store_put(store, 6, 9, &a, START + 2000, START + 1000), KAD_OK); /* 1 has expired */
    EXPECT_EQ(test_store_put(store, 7, 9, &a, START + 2000, START + 1000), KAD_E_LIMIT);
    kind->close(store);
}

/* A value of 10 KiB, as libp2p's networks have them, costs its publisher ten times what others do: quotas are of bytes. */
void test_store_long_records_count_as_several(const struct test_store_kind *kind)
{
    static uint8_t value[10240];
    const struct kad_endpoint a = test_store_host(false, 1, 1, 1);
    struct kad_mem_store_config config = test_store_plenty();
    struct test_store_content room;
    struct kad_record record = test_store_make(1, 0, 1, false, START + 1000, &room);
    struct kad_store *store;

    config.max_records_per_group = 12;
    store = test_store_open(kind, &config);
    record.value = (struct kad_bytes){value, sizeof(value)};
    EXPECT_EQ(store->ops->put(store, &record, &a, START), KAD_OK); /* as ten */
    EXPECT_EQ(test_store_put(store, 2, 9, &a, START + 2000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 3, 1000, &a, START + 2000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 4, 9, &a, START + 2000, START), KAD_E_LIMIT);
    record.value.size = 9;
    EXPECT_EQ(store->ops->put(store, &record, &a, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 4, 9, &a, START + 2000, START), KAD_OK);
    record.value.size = sizeof(value); /* nor by growing later */
    EXPECT_EQ(store->ops->put(store, &record, &a, START), KAD_E_LIMIT);
    for (unsigned i = 5; i < 13; i++)
        EXPECT_EQ(test_store_put(store, i, 9, &a, START + 2000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 13, 9, &a, START + 2000, START), KAD_E_LIMIT);
    kind->close(store);
}

void test_store_peers_stay_under_their_ceilings(const struct test_store_kind *kind)
{
    struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store;

    config.max_keys = 2;
    config.max_peers = 5;
    store = test_store_open(kind, &config);
    EXPECT_EQ(test_store_announce(store, 1, test_store_host(false, 1, 1, 1), false, START + 1000, START),
              KAD_OK);
    EXPECT_EQ(test_store_announce(store, 2, test_store_host(false, 1, 1, 1), false, START + 2000, START),
              KAD_OK);
    EXPECT_EQ(test_store_announce(store, 3, test_store_host(false, 1, 1, 1), false, START + 2000, START),
              KAD_E_LIMIT);
    for (unsigned i = 2; i <= 4; i++)
        EXPECT_EQ(test_store_announce(store, 2, test_store_host(false, 1, i, 1), false, START + 2000, START),
                  KAD_OK);
    EXPECT_EQ(test_store_announce(store, 2, test_store_host(false, 1, 5, 1), false, START + 2000, START),
              KAD_E_LIMIT);
    EXPECT_EQ(test_store_announce(store, 2, test_store_host(false, 1, 4, 1), true, START + 2000, START),
              KAD_OK);
    EXPECT_EQ(test_store_stats(store).n_peers, 5);
    EXPECT_EQ(test_store_stats(store).n_keys, 2);
    EXPECT_EQ(
        test_store_announce(store, 3, test_store_host(false, 1, 1, 1), false, START + 2000, START + 1000),
        KAD_OK);
    kind->close(store);
}

void test_store_a_group_adds_only_so_many_peers(const struct test_store_kind *kind)
{
    struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store;

    config.max_peers_per_group = 3;
    store = test_store_open(kind, &config);
    for (unsigned i = 0; i < 2; i++) {
        const bool v6 = i == 1;

        for (unsigned key = 1; key <= 3; key++)
            EXPECT_EQ(test_store_announce(store, key, test_store_host(v6, 1, key, 1), false,
                                          START + 1000 * key, START),
                      KAD_OK);
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(v6, 1, 9, 1), false, START + 9000, START),
                  KAD_E_LIMIT);
        EXPECT_EQ(test_store_announce(store, 2, test_store_host(v6, 1, 2, 1), true, START + 2000, START),
                  KAD_OK);
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(v6, 2, 9, 1), false, START + 9000, START),
                  KAD_OK);
    }
    EXPECT_EQ(
        test_store_announce(store, 4, test_store_host(false, 1, 9, 1), false, START + 9000, START + 1000),
        KAD_OK);
    EXPECT_EQ(
        test_store_announce(store, 5, test_store_host(false, 1, 9, 1), false, START + 9000, START + 1000),
        KAD_E_LIMIT);
    kind->close(store);
}

void test_store_local_addresses_are_nobodys_group(const struct test_store_kind *kind)
{
    static const uint8_t local[][4] = {{127, 0, 0, 1}, {10, 1, 2, 3}, {192, 168, 1, 1}, {169, 254, 1, 1}};
    struct kad_mem_store_config config = test_store_plenty();
    struct kad_endpoint host;
    struct kad_store *store;

    config.max_peers_per_group = 1;
    config.max_records_per_group = 1;
    for (unsigned limited = 0; limited < 2; limited++) {
        const int expected = limited ? KAD_E_LIMIT : KAD_OK;

        config.limit_local = limited;
        store = test_store_open(kind, &config);
        for (unsigned i = 0; i < KAD_COUNT_OF(local); i++) {
            host = kad_endpoint_v4(local[i], 1);
            EXPECT_EQ(test_store_put(store, 10 * i, 1, &host, START + 1000, START), KAD_OK);
            EXPECT_EQ(test_store_put(store, 10 * i + 1, 1, &host, START + 1000, START), expected);
            EXPECT_EQ(test_store_announce(store, 10 * i, host, false, START + 1000, START), KAD_OK);
            EXPECT_EQ(test_store_announce(store, 10 * i + 1, host, false, START + 1000, START), expected);
        }
        test_store_expire_all(store, START + 1000);
        EXPECT_EQ(test_store_stats(store).n_records + test_store_stats(store).n_peers, 0);
        kind->close(store);
    }
}

void test_store_a_full_key_gives_up_its_oldest(const struct test_store_kind *kind)
{
    struct kad_mem_store_config config = test_store_plenty();
    struct kad_endpoint peers[32];
    struct kad_store *store;

    for (unsigned limit = 1; limit <= 20; limit += limit < 4 ? 1 : 8) {
        config.max_peers_per_key = limit;
        store = test_store_open(kind, &config);
        for (unsigned i = 0; i < limit; i++)
            EXPECT_EQ(test_store_announce(store, 1, test_store_host(i % 3 == 0, i, 1, 1), i % 2,
                                          START + 1000 + i, START),
                      KAD_OK);
        /* The first says it again and is the newest now: the second has to go, if there is one. */
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(true, 0, 1, 1), false, START + 2000, START),
                  KAD_OK);
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(false, 99, 1, 1), false, START + 2001, START),
                  KAD_OK);
        EXPECT_EQ(test_store_stats(store).n_peers, limit);
        EXPECT_EQ(test_store_ask(store, 1, KAD_FAMILY_NONE, false, 1, START, peers, 32), limit);
        EXPECT(test_store_among(peers, limit, test_store_host(false, 99, 1, 1)));
        EXPECT_EQ(test_store_among(peers, limit, test_store_host(true, 0, 1, 1)), limit > 1);
        if (limit > 1)
            EXPECT(!test_store_among(peers, limit, test_store_host(false, 1, 1, 1)));
        for (unsigned i = 2; i < limit; i++)
            EXPECT(test_store_among(peers, limit, test_store_host(i % 3 == 0, i, 1, 1)));
        kind->close(store);
    }
}
