/*
 * store_fuzz - the store: what entries on disk may say, and any sequence of operations on the store in memory.
 *
 * The first byte chooses: 0 a record's value, 1 a peer's key and value, 2 a piece of state; else operations, with the
 * byte as the share of allocations that fail.
 */
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "store/lmdb_entry.h"
#include "store/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    RECORDS_MAX = 6,
    BYTES_MAX = 600,
    PER_GROUP = 3,
    KEYS_MAX = 5,
    PER_KEY = 12,
    PEERS_MAX = 40,
    PEERS_PER_GROUP = 9
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* -- entries ---------------------------------------------------------------------------------------------------- */

/* What is read back is what is written: byte for byte, since the format has one way to say a thing. */
static void read_record(const uint8_t *data, size_t size)
{
    static const uint8_t key[KAD_ENTRY_RECORD_KEY_MAX] = {1, 2, 3};
    static const size_t key_sizes[] = {KAD_ID_SIZE, KAD_ID_SIZE + 1, KAD_ENTRY_RECORD_KEY_MAX};
    uint8_t key_again[KAD_ENTRY_RECORD_KEY_MAX];
    struct kad_record record;
    struct kad_bytes name = {key, 0};
    uint64_t group;
    uint8_t *again;
    int error = KAD_E_CORRUPT;

    for (size_t i = 0; i < 3 && error; i++) {
        name.size = key_sizes[i];
        error = kad_entry_record_read(name, (struct kad_bytes){data, size}, &record, &group);
    }
    if (error)
        return;
    require(kad_entry_record_key(&record, key_again) == name.size && memcmp(key_again, key, name.size) == 0);
    require(record.type != KAD_RECORD_NONE);
    require(record.value.size + record.salt.size <= size);
    if (kad_entry_record_size(&record) != size)
        return; /* all-zero proof, which the writer leaves out */
    again = malloc(size);
    require(again != NULL);
    kad_entry_record_write(&record, group, again);
    require(memcmp(again, data, size) == 0);
    free(again);
}

static void read_peer(const uint8_t *data, size_t size)
{
    uint8_t key[KAD_ENTRY_PEER_KEY_MAX], value[KAD_ENTRY_PEER_VALUE];
    struct kad_mem_peer peer;
    size_t key_size = size < sizeof value ? 0 : size - sizeof value;

    if (kad_entry_peer_read((struct kad_bytes){data, key_size},
                            (struct kad_bytes){data + key_size, size - key_size}, &peer))
        return;
    require(peer.endpoint.port != 0);
    require(kad_entry_peer_key(&peer.key, &peer.endpoint, key) == key_size);
    require(memcmp(key, data, key_size) == 0);
    kad_entry_peer_write(&peer, value);
    require(memcmp(value, data + key_size, sizeof value) == 0);
}

static void read_state(const uint8_t *data, size_t size)
{
    static const uint8_t name[] = "table";
    struct kad_bytes content;

    if (kad_entry_state_read((struct kad_bytes){name, 5}, (struct kad_bytes){data, size}, &content))
        return;
    require(content.size + KAD_ENTRY_STATE_HEADER == size);
}

/* -- operations ------------------------------------------------------------------------------------------------- */

struct memory {
    uint64_t in_use, state;
    uint8_t failing;
};

static void *resize(void *context, void *old, size_t old_size, size_t new_size)
{
    struct memory *memory = context;
    void *block;

    if (new_size > old_size) {
        memory->state = memory->state * UINT64_C(6364136223846793005) + 1;
        if ((memory->state >> 56) < memory->failing)
            return NULL;
    }
    block = kad_allocator_system.resize(NULL, old, old_size, new_size);
    if (block || new_size == 0)
        memory->in_use += new_size - old_size;
    return block;
}

static uint8_t take(const uint8_t **data, size_t *size)
{
    if (*size == 0)
        return 0;
    (*size)--;
    return *(*data)++;
}

static struct kad_endpoint host(uint8_t byte)
{
    const uint8_t v4[4] = {45, 0, byte >> 6, byte}, v6[16] = {0x26, [7] = byte >> 6, [15] = byte};

    return byte & 1 ? kad_endpoint_v6(v6, 1) : kad_endpoint_v4(v4, 1);
}

static void count_peer(void *context, const struct kad_endpoint *peer, bool seed)
{
    size_t *n = context;

    (void)seed;
    require(peer->port == 1);
    (*n)++;
}

/* Either half of the records has the whole of the ceilings to itself. */
static void check(struct kad_store *store, const struct memory *memory)
{
    static const enum kad_mem_half halves[] = {KAD_MEM_PLAIN, KAD_MEM_CLASSED, KAD_MEM_BOTH};
    struct kad_store_stats stats;

    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        const unsigned n = halves[i] == KAD_MEM_BOTH ? 2 : 1;

        kad_mem_store_see(store, (struct kad_mem_eye){.half = halves[i]});
        store->ops->stats(store, &stats);
        require(stats.n_records <= n * RECORDS_MAX && stats.record_bytes <= n * BYTES_MAX);
        require(stats.n_keys <= KEYS_MAX && stats.n_peers <= PEERS_MAX && stats.n_keys <= stats.n_peers);
        require(stats.memory == memory->in_use);
    }
}

static void operate(struct kad_store *store, const uint8_t *data, size_t size, const struct memory *memory)
{
    static const uint8_t seed[KAD_SEED_SIZE] = {7};
    static const uint8_t content[256] = {0};
    struct kad_endpoint peers[64], one;
    struct kad_record record, records[4];
    struct kad_id keys[8], key = {{0}};
    struct kad_rng rng;
    kad_ms now = 1000;
    uint32_t total, next;
    size_t n, n_each;

    kad_rng_init(&rng, seed);
    while (size > 0) {
        const uint8_t what = take(&data, &size);

        key.bytes[0] = take(&data, &size) % 8;
        switch (what % 11) {
        case 0:
            record = (struct kad_record){
                .type = KAD_RECORD_MUTABLE, .key = key, .expires_at = now + take(&data, &size)};
            record.value = (struct kad_bytes){content, take(&data, &size)};
            record.salt = (struct kad_bytes){content, what / 8};
            record.signature[0] = what & 0x80;
            one = host(take(&data, &size));
            (void)store->ops->put(store, &record, &one, now);
            break;
        case 1:
        case 2:
            one = host(take(&data, &size));
            (void)store->ops->add_peer(store, &key, &one, what & 0x80, now + take(&data, &size), now);
            break;
        case 3:
            if (store->ops->get(store, &key, now, &record) == KAD_OK)
                require(record.expires_at > now && kad_id_equal(&record.key, &key));
            break;
        case 4:
            n_each = 0;
            n = store->ops->peers(store, &key, what & 0x80 ? KAD_IPV4 : KAD_FAMILY_NONE, what & 0x40, &rng,
                                  now, peers, what & 0x20 ? 64 : 3);
            store->ops->each_peer(store, &key, now, count_peer, &n_each);
            require(n <= n_each && n_each <= PER_KEY);
            for (size_t i = 0; i < n; i++) {
                for (size_t j = 0; j < i; j++)
                    require(!kad_endpoint_equal(&peers[i], &peers[j]));
            }
            break;
        case 5:
            n = store->ops->sample(store, &rng, now, keys, what / 8 % 8, &total);
            require(n <= what / 8 % 8u && n <= total);
            break;
        case 7:
            record = (struct kad_record){.type = (uint8_t)(1 + what / 11 % 3),
                                         .many = what & 0x80,
                                         .key = key,
                                         .made_at = now,
                                         .valid_until = now + 300,
                                         .expires_at = now + take(&data, &size)};
            record.value = (struct kad_bytes){content, take(&data, &size)};
            record.public_key[0] = take(&data, &size) % 16;
            (void)store->ops->put(store, &record, NULL, now);
            break;
        case 8:
            total = 0;
            next = 0;
            do {
                n = store->ops->list(store, &key, what / 11 % 4, now, next, records, 1 + what / 64, &next);
                for (size_t i = 0; i < n; i++)
                    require(records[i].expires_at > now && kad_id_equal(&records[i].key, &key));
                total += (uint32_t)n;
            } while (next);
            require(total <= 2 * RECORDS_MAX);
            if (n > 0 && what & 1) {
                record = records[n - 1];
                require(store->ops->remove(store, &record) == KAD_OK);
            }
            break;
        case 9:
            if (store->ops->ghost(store, &key, what / 11 % 4, now, &record) == KAD_OK)
                require(record.hashed && record.expires_at <= now && record.value.size == 32);
            break;
        case 6:
            require(store->ops->expire(store, now) > now);
            break;
        default:
            now += take(&data, &size);
            break;
        }
        check(store, memory);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kad_mem_store_config config = {.max_records = RECORDS_MAX,
                                                       .max_record_bytes = BYTES_MAX,
                                                       .max_records_per_group = PER_GROUP,
                                                       .max_records_per_owner = 3,
                                                       .class_percent = 80,
                                                       .max_ghosts = 4,
                                                       .max_keys = KEYS_MAX,
                                                       .max_peers_per_key = PER_KEY,
                                                       .max_peers = PEERS_MAX,
                                                       .max_peers_per_group = PEERS_PER_GROUP};
    struct memory memory = {.state = size};
    const struct kad_allocator allocator = {resize, &memory};
    struct kad_store *store;

    if (size == 0)
        return 0;
    switch (data[0]) {
    case 0:
        read_record(data + 1, size - 1);
        break;
    case 1:
        read_peer(data + 1, size - 1);
        break;
    case 2:
        read_state(data + 1, size - 1);
        break;
    default:
        memory.failing = data[0] < 128 ? 0 : data[0] - 128;
        if (kad_mem_store_new(&allocator, &config, 42, &store) != KAD_OK)
            break;
        operate(store, data + 1, size - 1, &memory);
        store->ops->free(store);
        require(memory.in_use == 0);
    }
    return 0;
}
