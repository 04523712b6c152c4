#include "store/test_store.h"

#include <string.h>

#include "base/endpoint.h"

#define START KAD_HOUR /* when the clock of these tests begins */

/* -- helpers ---------------------------------------------------------------------------------------------------- */

static void *counting_resize(void *context, void *old, size_t old_size, size_t new_size)
{
    struct test_store_memory *memory = context;
    void *block;

    if (new_size > old_size) {
        memory->state = memory->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        if (memory->fail_at > 0 && --memory->fail_at == 0)
            return NULL;
        if ((memory->state >> 33) % 100 < memory->fail_percent)
            return NULL;
    }
    block = kad_allocator_system.resize(NULL, old, old_size, new_size);
    if (block || new_size == 0)
        memory->in_use += new_size - old_size;
    return block;
}

void test_store_memory_init(struct test_store_memory *memory)
{
    *memory = (struct test_store_memory){.allocator = {counting_resize, memory}};
}

struct kad_mem_store_config test_store_plenty(void)
{
    return (struct kad_mem_store_config){.max_records = 100000,
                                         .max_record_bytes = 100000000,
                                         .max_keys = 100000,
                                         .max_peers_per_key = 5000,
                                         .max_peers = 100000};
}

struct kad_id test_store_key(unsigned number)
{
    struct kad_id id = {{0}};

    for (unsigned i = 0; i < 20; i++)
        id.bytes[i] = (uint8_t)((number * 2654435761u + i * 40503u) >> (i % 3 * 8));
    id.bytes[16] = (uint8_t)(number >> 24);
    id.bytes[17] = (uint8_t)(number >> 16);
    id.bytes[18] = (uint8_t)(number >> 8);
    id.bytes[19] = (uint8_t)number;
    return id;
}

struct kad_endpoint test_store_host(bool v6, unsigned group, unsigned host, uint16_t port)
{
    const uint8_t v4_address[4] = {45, (uint8_t)(group >> 8), (uint8_t)group, (uint8_t)host};
    const uint8_t v6_address[16] = {
        0x26, 0x00, 0, 0, 0, 0, (uint8_t)(group >> 8), (uint8_t)group, [15] = (uint8_t)host};

    return v6 ? kad_endpoint_v6(v6_address, port) : kad_endpoint_v4(v4_address, port);
}

void test_store_rng(struct kad_rng *rng, uint64_t seed)
{
    uint8_t bytes[KAD_SEED_SIZE] = {0};

    memcpy(bytes, &seed, sizeof seed);
    kad_rng_init(rng, bytes);
}

struct kad_record test_store_make(unsigned key, int64_t sequence, size_t value_size, bool is_mutable,
                                  kad_ms expires_at, struct test_store_content *room)
{
    struct kad_record record = {.type = is_mutable ? KAD_RECORD_MUTABLE : KAD_RECORD_IMMUTABLE,
                                .key = test_store_key(key),
                                .sequence = is_mutable ? sequence : 0,
                                .expires_at = expires_at};

    for (size_t i = 0; i < value_size; i++)
        room->value[i] = (uint8_t)(key * 7 + (unsigned)sequence * 31 + i);
    record.value = (struct kad_bytes){room->value, value_size};
    if (is_mutable) {
        memset(room->salt, (int)(key % 251), sizeof room->salt);
        record.salt = (struct kad_bytes){room->salt, key % 65};
        memset(record.public_key, (int)(key % 255 + 1), sizeof record.public_key);
        memset(record.signature, (int)(sequence % 255 + 1), sizeof record.signature);
    }
    return record;
}

static bool same_bytes(struct kad_bytes a, struct kad_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool test_store_same(const struct kad_record *a, const struct kad_record *b)
{
    return a->type == b->type && kad_id_equal(&a->key, &b->key) && same_bytes(a->value, b->value) &&
           same_bytes(a->salt, b->salt) && a->sequence == b->sequence && a->expires_at == b->expires_at &&
           memcmp(a->public_key, b->public_key, sizeof a->public_key) == 0 &&
           memcmp(a->signature, b->signature, sizeof a->signature) == 0;
}

int test_store_put(struct kad_store *store, unsigned key, size_t value_size,
                   const struct kad_endpoint *publisher, kad_ms expires_at, kad_ms now)
{
    struct test_store_content room;
    const struct kad_record record = test_store_make(key, 0, value_size, false, expires_at, &room);

    return store->ops->put(store, &record, publisher, now);
}

int test_store_announce(struct kad_store *store, unsigned key, struct kad_endpoint peer, bool seed,
                        kad_ms expires_at, kad_ms now)
{
    const struct kad_id id = test_store_key(key);

    return store->ops->add_peer(store, &id, &peer, seed, expires_at, now);
}

static struct kad_store *open_with(const struct test_store_kind *kind,
                                   const struct kad_mem_store_config *config)
{
    struct kad_store *store = kind->open(&kad_allocator_system, config);

    EXPECT(store != NULL);
    return store;
}

static bool holds(struct kad_store *store, unsigned key, kad_ms now)
{
    const struct kad_id id = test_store_key(key);
    struct kad_record record;

    return store->ops->get(store, &id, now, &record) == KAD_OK;
}

static size_t ask(struct kad_store *store, unsigned key, enum kad_family family, bool no_seeds, uint64_t seed,
                  kad_ms now, struct kad_endpoint *out_peers, size_t n)
{
    const struct kad_id id = test_store_key(key);
    struct kad_rng rng;

    test_store_rng(&rng, seed);
    return store->ops->peers(store, &id, family, no_seeds, &rng, now, out_peers, n);
}

static struct kad_store_stats stats_of(const struct kad_store *store)
{
    struct kad_store_stats stats;

    store->ops->stats(store, &stats);
    return stats;
}

static bool among(const struct kad_endpoint *peers, size_t n, struct kad_endpoint peer)
{
    for (size_t i = 0; i < n; i++) {
        if (kad_endpoint_equal(&peers[i], &peer))
            return true;
    }
    return false;
}

static void expire_all(struct kad_store *store, kad_ms now)
{
    while (store->ops->expire(store, now) <= now)
        ;
}

/* -- what a store promises -------------------------------------------------------------------------------------- */

void test_store_an_empty_store_has_nothing(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = open_with(kind, &config);
    struct kad_endpoint peers[4];
    struct kad_id keys[4];
    struct kad_rng rng;
    uint32_t total = 7;

    test_store_rng(&rng, 1);
    EXPECT(!holds(store, 1, START));
    EXPECT_EQ(ask(store, 1, KAD_FAMILY_NONE, false, 1, START, peers, 4), 0);
    EXPECT_EQ(store->ops->sample(store, &rng, START, keys, 4, &total), 0);
    EXPECT_EQ(total, 0);
    EXPECT_EQ(store->ops->expire(store, START), KAD_NEVER);
    EXPECT_EQ(stats_of(store).n_records, 0);
    EXPECT_EQ(stats_of(store).n_peers, 0);
    kind->close(store);
}

void test_store_a_record_comes_back_as_it_was(const struct test_store_kind *kind)
{
    static const size_t sizes[] = {0, 1, 2, 117, 999, 1000};
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = open_with(kind, &config);
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
    struct kad_store *store = open_with(kind, &config);
    struct test_store_content room;
    struct kad_record put, got;

    for (int64_t sequence = 1; sequence <= 20; sequence++) {
        put = test_store_make(5, sequence, (size_t)(500 - 23 * sequence), true, START + 1000, &room);
        EXPECT_EQ(store->ops->put(store, &put, NULL, START), KAD_OK);
        EXPECT_EQ(store->ops->get(store, &put.key, START, &got), KAD_OK);
        EXPECT(test_store_same(&put, &got));
        EXPECT_EQ(stats_of(store).n_records, 1);
        EXPECT_EQ(stats_of(store).record_bytes, put.value.size + put.salt.size);
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
    struct kad_store *store = open_with(kind, &config);
    struct kad_endpoint peers[4];
    const kad_ms end = START + 5000;

    EXPECT_EQ(test_store_put(store, 1, 10, NULL, end, START), KAD_OK);
    EXPECT_EQ(test_store_announce(store, 2, test_store_host(false, 1, 1, 1), false, end, START), KAD_OK);
    EXPECT_EQ(store->ops->expire(store, START), end);
    EXPECT_EQ(store->ops->expire(store, end - 1), end);
    EXPECT(holds(store, 1, end - 1));
    EXPECT_EQ(ask(store, 2, KAD_IPV4, false, 1, end - 1, peers, 4), 1);
    EXPECT(!holds(store, 1, end));
    EXPECT_EQ(ask(store, 2, KAD_IPV4, false, 1, end, peers, 4), 0);
    EXPECT_EQ(stats_of(store).n_records, 1); /* still here, and yet not served */
    EXPECT_EQ(store->ops->expire(store, end), KAD_NEVER);
    EXPECT_EQ(stats_of(store).n_records, 0);
    EXPECT_EQ(stats_of(store).n_peers, 0);
    EXPECT_EQ(stats_of(store).n_keys, 0);
    EXPECT_EQ(stats_of(store).n_expired, 2);
    kind->close(store);
}

void test_store_a_refresh_moves_the_expiry_both_ways(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = open_with(kind, &config);
    const struct kad_endpoint host = test_store_host(false, 1, 1, 1);
    struct kad_endpoint peers[4];

    EXPECT_EQ(test_store_put(store, 1, 10, NULL, START + 1000, START), KAD_OK);
    EXPECT_EQ(test_store_announce(store, 2, host, false, START + 1000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 1, 10, NULL, START + 1001, START), KAD_OK); /* by the least there is */
    EXPECT_EQ(test_store_announce(store, 2, host, false, START + 1001, START), KAD_OK);
    expire_all(store, START + 1000);
    EXPECT_EQ(stats_of(store).n_records + stats_of(store).n_peers, 2);
    EXPECT_EQ(test_store_put(store, 1, 10, NULL, START + 3000, START), KAD_OK);
    EXPECT_EQ(test_store_announce(store, 2, host, false, START + 3000, START), KAD_OK);
    expire_all(store, START + 1000);
    EXPECT(holds(store, 1, START + 2999));
    EXPECT_EQ(ask(store, 2, KAD_IPV4, false, 1, START + 2999, peers, 4), 1);

    EXPECT_EQ(test_store_put(store, 1, 10, NULL, START + 2000, START + 1000), KAD_OK);
    EXPECT_EQ(test_store_announce(store, 2, host, false, START + 2000, START + 1000), KAD_OK);
    EXPECT(!holds(store, 1, START + 2000));
    EXPECT_EQ(ask(store, 2, KAD_IPV4, false, 1, START + 2000, peers, 4), 0);
    expire_all(store, START + 2000);
    EXPECT_EQ(stats_of(store).n_records + stats_of(store).n_peers, 0);
    kind->close(store);
}

/* A turn must not stall because ten thousand things expire at once. */
void test_store_expiring_is_bounded_and_gives_all_back(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = open_with(kind, &config);
    uint64_t before, calls = 0;
    kad_ms next;

    for (unsigned i = 0; i < 1000; i++) {
        EXPECT_EQ(test_store_put(store, i, 50, NULL, START + 1000 + i % 3, START), KAD_OK);
        EXPECT_EQ(test_store_announce(store, i, test_store_host(i % 2, i, 1, 1), false, START + 1000 + i % 3,
                                      START),
                  KAD_OK);
    }
    do {
        before = stats_of(store).n_expired;
        next = store->ops->expire(store, START + 1002);
        EXPECT(stats_of(store).n_expired - before <= 256);
        calls++;
    } while (next <= START + 1002);
    EXPECT_EQ(next, KAD_NEVER);
    EXPECT(calls >= 2000 / 256);
    EXPECT_EQ(stats_of(store).n_records + stats_of(store).n_peers + stats_of(store).n_keys, 0);
    EXPECT_EQ(stats_of(store).n_expired, 2000);
    kind->close(store);
}

/* A ceiling refuses what is new; it never costs what is there, and what is there may still be replaced. */
void test_store_records_stay_under_their_ceilings(const struct test_store_kind *kind)
{
    struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store;

    config.max_records = 3;
    config.max_record_bytes = 300;
    store = open_with(kind, &config);
    EXPECT_EQ(test_store_put(store, 1, 100, NULL, START + 1000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 2, 100, NULL, START + 2000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 3, 101, NULL, START + 2000, START), KAD_E_LIMIT);
    EXPECT_EQ(test_store_put(store, 3, 99, NULL, START + 2000, START), KAD_OK);
    EXPECT_EQ(test_store_put(store, 4, 0, NULL, START + 2000, START), KAD_E_LIMIT);
    EXPECT_EQ(test_store_put(store, 3, 102, NULL, START + 2000, START), KAD_E_LIMIT);
    EXPECT_EQ(test_store_put(store, 3, 100, NULL, START + 2000, START), KAD_OK);
    EXPECT(holds(store, 1, START) && holds(store, 2, START) && holds(store, 3, START));
    EXPECT_EQ(stats_of(store).n_refused, 3);
    EXPECT_EQ(stats_of(store).record_bytes, 300);
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
    store = open_with(kind, &config);
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

void test_store_peers_stay_under_their_ceilings(const struct test_store_kind *kind)
{
    struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store;

    config.max_keys = 2;
    config.max_peers = 5;
    store = open_with(kind, &config);
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
    EXPECT_EQ(stats_of(store).n_peers, 5);
    EXPECT_EQ(stats_of(store).n_keys, 2);
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
    store = open_with(kind, &config);
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
        store = open_with(kind, &config);
        for (unsigned i = 0; i < KAD_COUNT_OF(local); i++) {
            host = kad_endpoint_v4(local[i], 1);
            EXPECT_EQ(test_store_put(store, 10 * i, 1, &host, START + 1000, START), KAD_OK);
            EXPECT_EQ(test_store_put(store, 10 * i + 1, 1, &host, START + 1000, START), expected);
            EXPECT_EQ(test_store_announce(store, 10 * i, host, false, START + 1000, START), KAD_OK);
            EXPECT_EQ(test_store_announce(store, 10 * i + 1, host, false, START + 1000, START), expected);
        }
        expire_all(store, START + 1000);
        EXPECT_EQ(stats_of(store).n_records + stats_of(store).n_peers, 0);
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
        store = open_with(kind, &config);
        for (unsigned i = 0; i < limit; i++)
            EXPECT_EQ(test_store_announce(store, 1, test_store_host(i % 3 == 0, i, 1, 1), i % 2,
                                          START + 1000 + i, START),
                      KAD_OK);
        /* The first says it again and is the newest now: the second has to go, if there is one. */
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(true, 0, 1, 1), false, START + 2000, START),
                  KAD_OK);
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(false, 99, 1, 1), false, START + 2001, START),
                  KAD_OK);
        EXPECT_EQ(stats_of(store).n_peers, limit);
        EXPECT_EQ(ask(store, 1, KAD_FAMILY_NONE, false, 1, START, peers, 32), limit);
        EXPECT(among(peers, limit, test_store_host(false, 99, 1, 1)));
        EXPECT_EQ(among(peers, limit, test_store_host(true, 0, 1, 1)), limit > 1);
        if (limit > 1)
            EXPECT(!among(peers, limit, test_store_host(false, 1, 1, 1)));
        for (unsigned i = 2; i < limit; i++)
            EXPECT(among(peers, limit, test_store_host(i % 3 == 0, i, 1, 1)));
        kind->close(store);
    }
}

void test_store_families_and_seeds_are_told_apart(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = open_with(kind, &config);
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
            const size_t n = ask(store, 1, families[family], no_seeds, 1, START, peers, 64);
            size_t expected = 0;

            for (unsigned i = 0; i < 40; i++) {
                const struct kad_endpoint host = test_store_host(i % 2, i, 1, 1);
                const bool seed = i % 4 < 2 && i % 8 != 0;
                const bool meant = (families[family] == KAD_FAMILY_NONE || host.family == families[family]) &&
                                   !(no_seeds && seed);

                EXPECT_MSG(among(peers, n, host) == meant, "peer %u family %u no_seeds %u", i, family,
                           no_seeds);
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
    struct kad_store *store = open_with(kind, &config);
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
            EXPECT(!among(peers, i, peers[i]));
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
    struct kad_store *store = open_with(kind, &config);
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
    EXPECT(ask(store, 11, KAD_IPV4, false, 1, START, (struct kad_endpoint[2]){0}, 2) == 2);
    test_store_rng(&rng, 7);
    EXPECT_EQ(store->ops->sample(store, &rng, START, again, WANTED, &total), WANTED);
    EXPECT_MEM(keys, again, sizeof again);

    /* All when there are not more, and none that has expired. */
    EXPECT_EQ(store->ops->sample(store, &rng, START, keys, KEYS + 1, &total), KEYS);
    expire_all(store, START + 1050);
    EXPECT_EQ(store->ops->sample(store, &rng, START + 1050, keys, KEYS, &total), 50);
    EXPECT_EQ(total, 50);
    for (unsigned i = 0; i < 50; i++)
        EXPECT(keys[i].bytes[19] > 50);
    kind->close(store);
}

void test_store_expired_peers_do_not_hide_live_ones(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = open_with(kind, &config);
    struct kad_endpoint peers[64];

    for (unsigned i = 0; i < 400; i++)
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(false, i, 1, 1), false,
                                      i % 10 == 0 ? START + 2000 : START + 1000, START),
                  KAD_OK);
    /* Nobody has called expire(); of each stretch of 40 four live. */
    EXPECT(ask(store, 1, KAD_IPV4, false, 3, START + 1000, peers, 10) >= 9);
    EXPECT_EQ(ask(store, 1, KAD_IPV4, false, 3, START + 2000, peers, 10), 0);
    expire_all(store, START + 1000);
    EXPECT_EQ(ask(store, 1, KAD_IPV4, false, 3, START + 1000, peers, 64), 40);
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
    struct kad_store *store = open_with(kind, &config);
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
        EXPECT(among(shown.peers, shown.n, test_store_host(i % 2, i, 1, 1)));
    kind->close(store);
}
