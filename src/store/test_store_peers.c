/* test_store_peers - which peers, and which keys, a store names when it has more than were asked for. */
#include "store/test_store.h"

#define START KAD_HOUR /* when the clock of these tests begins */

void test_store_families_and_seeds_are_told_apart(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    struct kad_endpoint peers[64];

    for (unsigned i = 0; i < 40; i++) /* mixed, then half of them change their mind about being a seed */
        EXPECT_EQ(
            test_store_announce(store, 1, test_store_host(i % 2, i, 1, 1), i % 4 < 2, START + 1000, START),
            KAD_OK);
    for (unsigned i = 0; i < 40; i += 8)
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(i % 2, i, 1, 1), false, START + 1000, START),
                  KAD_OK);
    for (unsigned family = 0; family < 3; family++) {
        for (unsigned no_seeds = 0; no_seeds < 2; no_seeds++) {
            static const enum kad_family families[] = {KAD_FAMILY_NONE, KAD_IPV4, KAD_IPV6};
            const size_t n = test_store_ask(store, 1, families[family], no_seeds, 1, START, peers, 64);
            size_t expected = 0;

            for (unsigned i = 0; i < 40; i++) {
                const struct kad_endpoint host = test_store_host(i % 2, i, 1, 1);
                const bool seed = i % 4 < 2 && i % 8 != 0;
                const bool meant = (families[family] == KAD_FAMILY_NONE || host.family == families[family]) &&
                                   !(no_seeds && seed);

                EXPECT_MSG(test_store_among(peers, n, host) == meant, "peer %u family %u no_seeds %u", i,
                           family, no_seeds);
                expected += meant;
            }
            EXPECT_EQ(n, expected);
        }
    }
    kind->close(store);
}

/* Everybody in a swarm has to be found: no peer more often than another, none twice in an answer. */
void test_store_a_choice_of_peers_is_fair(const struct test_store_kind *kind)
{
    enum { PEERS = 97, WANTED = 60, ROUNDS = 1617 }; /* stretches of one and of two */
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    const struct kad_id key = test_store_key(1);
    struct kad_endpoint peers[WANTED];
    unsigned seen[PEERS] = {0};
    struct kad_rng rng;

    for (unsigned i = 0; i < PEERS; i++) {
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(false, i, 1, 1), false, START + 1000, START),
                  KAD_OK);
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(true, i, 1, 1), i % 2, START + 1000, START),
                  KAD_OK);
    }
    test_store_rng(&rng, 20);
    for (unsigned round = 0; round < ROUNDS; round++) {
        EXPECT_EQ(store->ops->peers(store, &key, KAD_IPV4, round % 2, &rng, START, peers, WANTED), WANTED);
        for (unsigned i = 0; i < WANTED; i++) {
            EXPECT(!test_store_among(peers, i, peers[i]));
            seen[peers[i].address[2]]++;
        }
    }
    for (unsigned i = 0; i < PEERS; i++) /* 1000 expected; the deviation of a fair choice is 20 */
        EXPECT_MSG(seen[i] > 850 && seen[i] < 1150, "peer %u came %u times", i, seen[i]);
    kind->close(store);
}

void test_store_a_sample_of_keys_is_fair(const struct test_store_kind *kind)
{
    enum { KEYS = 101, WANTED = 20, ROUNDS = 5050 };
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    struct kad_id keys[KEYS + 1], again[WANTED];
    unsigned seen[KEYS] = {0};
    struct kad_rng rng;
    uint32_t total;

    for (unsigned i = 0; i < KEYS; i++) {
        for (unsigned j = 0; j <= i % 12; j++) /* the number of peers must not matter */
            EXPECT_EQ(test_store_announce(store, i, test_store_host(false, j, 1, 1), false, START + 1000 + i,
                                          START),
                      KAD_OK);
    }
    test_store_rng(&rng, 51);
    for (unsigned round = 0; round < ROUNDS; round++) {
        EXPECT_EQ(store->ops->sample(store, &rng, START, keys, WANTED, &total), WANTED);
        EXPECT_EQ(total, KEYS);
        for (unsigned i = 0; i < WANTED; i++) {
            for (unsigned j = 0; j < i; j++)
                EXPECT(!kad_id_equal(&keys[i], &keys[j]));
            seen[keys[i].bytes[19]]++;
        }
    }
    for (unsigned i = 0; i < KEYS; i++) /* 1000 expected */
        EXPECT_MSG(seen[i] > 850 && seen[i] < 1150, "key %u came %u times", i, seen[i]);

    /* The same randomness, the same sample (BEP 51: one sample per interval), whatever was asked in between. */
    test_store_rng(&rng, 7);
    EXPECT_EQ(store->ops->sample(store, &rng, START, keys, WANTED, &total), WANTED);
    EXPECT(test_store_ask(store, 11, KAD_IPV4, false, 1, START, (struct kad_endpoint[2]){0}, 2) == 2);
    test_store_rng(&rng, 7);
    EXPECT_EQ(store->ops->sample(store, &rng, START, again, WANTED, &total), WANTED);
    EXPECT_MEM(keys, again, sizeof again);

    /* All when there are not more, and none that has expired. */
    EXPECT_EQ(store->ops->sample(store, &rng, START, keys, KEYS + 1, &total), KEYS);
    test_store_expire_all(store, START + 1050);
    EXPECT_EQ(store->ops->sample(store, &rng, START + 1050, keys, KEYS, &total), 50);
    EXPECT_EQ(total, 50);
    for (unsigned i = 0; i < 50; i++)
        EXPECT(keys[i].bytes[19] > 50);
    kind->close(store);
}

void test_store_expired_peers_do_not_hide_live_ones(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    struct kad_endpoint peers[64];

    for (unsigned i = 0; i < 400; i++)
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(false, i, 1, 1), false,
                                      i % 10 == 0 ? START + 2000 : START + 1000, START),
                  KAD_OK);
    /* Nobody has called expire(); of each stretch of 40 four live. */
    EXPECT(test_store_ask(store, 1, KAD_IPV4, false, 3, START + 1000, peers, 10) >= 9);
    EXPECT_EQ(test_store_ask(store, 1, KAD_IPV4, false, 3, START + 2000, peers, 10), 0);
    test_store_expire_all(store, START + 1000);
    EXPECT_EQ(test_store_ask(store, 1, KAD_IPV4, false, 3, START + 1000, peers, 64), 40);
    kind->close(store);
}

struct shown {
    struct kad_endpoint peers[64];
    size_t n, n_seeds;
};

static void show(void *context, const struct kad_endpoint *peer, bool seed)
{
    struct shown *shown = context;

    EXPECT(shown->n < 64);
    shown->peers[shown->n++] = *peer;
    shown->n_seeds += seed;
}

void test_store_each_peer_is_shown_once(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    const struct kad_id key = test_store_key(1), other = test_store_key(2);
    struct shown shown = {.n = 0};

    for (unsigned i = 0; i < 30; i++)
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(i % 2, i, 1, 1), i % 3 == 0, START + 1000 + i,
                                      START),
                  KAD_OK);
    store->ops->each_peer(store, &other, START, show, &shown);
    EXPECT_EQ(shown.n, 0);
    store->ops->each_peer(store, &key, START + 1005, show, &shown); /* 0 to 5 have expired */
    EXPECT_EQ(shown.n, 24);
    EXPECT_EQ(shown.n_seeds, 8);
    for (unsigned i = 6; i < 30; i++)
        EXPECT(test_store_among(shown.peers, shown.n, test_store_host(i % 2, i, 1, 1)));
    kind->close(store);
}
