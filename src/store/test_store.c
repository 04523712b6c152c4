/* test_store - what the cases of the suite share. */
#include "store/test_store.h"

#include <string.h>

#include "base/endpoint.h"

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
    return a->type == b->type && a->many == b->many && a->withdrawn == b->withdrawn &&
           a->hashed == b->hashed && a->made_at == b->made_at && a->valid_until == b->valid_until &&
           kad_id_equal(&a->key, &b->key) && same_bytes(a->value, b->value) && same_bytes(a->salt, b->salt) &&
           a->sequence == b->sequence && a->expires_at == b->expires_at &&
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

struct kad_store *test_store_open(const struct test_store_kind *kind,
                                  const struct kad_mem_store_config *config)
{
    struct kad_store *store = kind->open(&kad_allocator_system, config);

    EXPECT(store != NULL);
    return store;
}

bool test_store_holds(struct kad_store *store, unsigned key, kad_ms now)
{
    const struct kad_id id = test_store_key(key);
    struct kad_record record;

    return store->ops->get(store, &id, now, &record) == KAD_OK;
}

size_t test_store_ask(struct kad_store *store, unsigned key, enum kad_family family, bool no_seeds,
                      uint64_t seed, kad_ms now, struct kad_endpoint *out_peers, size_t n)
{
    const struct kad_id id = test_store_key(key);
    struct kad_rng rng;

    test_store_rng(&rng, seed);
    return store->ops->peers(store, &id, family, no_seeds, &rng, now, out_peers, n);
}

struct kad_store_stats test_store_stats(const struct kad_store *store)
{
    struct kad_store_stats stats;

    store->ops->stats(store, &stats);
    return stats;
}

bool test_store_among(const struct kad_endpoint *peers, size_t n, struct kad_endpoint peer)
{
    for (size_t i = 0; i < n; i++) {
        if (kad_endpoint_equal(&peers[i], &peer))
            return true;
    }
    return false;
}

void test_store_expire_all(struct kad_store *store, kad_ms now)
{
    while (store->ops->expire(store, now) <= now)
        ;
}
