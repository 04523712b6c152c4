/*
 * lmdb_fuzz - a store's file with anything in it. What kad_lmdb_check() lets pass, LMDB has to survive: it is opened,
 * read, written to and closed. Start from fuzz/corpus/lmdb, which holds real files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "store/lmdb.h"
#include "store/lmdb_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW ((kad_ms)1000)

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void use(struct kad_store *store)
{
    static const uint8_t address[4] = {45, 1, 2, 3};
    const struct kad_endpoint host = kad_endpoint_v4(address, 1);
    struct kad_id key = {{0}};
    struct kad_bytes state;

    for (unsigned i = 0; i < 40; i++) {
        const struct kad_record record = {
            .type = KAD_RECORD_IMMUTABLE, .key = key, .value = {address, 4}, .expires_at = NOW + 1000};

        key.bytes[0] = (uint8_t)(i * 37);
        (void)store->ops->put(store, &record, &host, NOW);
        (void)store->ops->add_peer(store, &key, &host, false, NOW + 1000, NOW);
        if (i % 8 == 0)
            (void)store->ops->commit(store);
    }
    if (kad_lmdb_state_get(store, "table", &kad_allocator_system, &state) == KAD_OK)
        kad_free(&kad_allocator_system, (void *)(uintptr_t)state.data, state.size);
    require(kad_lmdb_state_put(store, "table", (struct kad_bytes){address, 4}) != KAD_E_INVALID);
    (void)store->ops->expire(store, NOW + 5000);
    (void)store->ops->commit(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kad_lmdb_store_config config = {.max_size = 1 << 20};
    struct kad_store *store;
    const char *what = NULL;
    char path[64], why[200];
    int fd;

    if (kad_lmdb_check(&kad_allocator_system, (struct kad_bytes){data, size}, &what) != KAD_OK) {
        require(what != NULL);
        return 0;
    }
    if (size == 0 || data[size - 1] % 16 != 0) /* opening takes a hundred times as long as checking */
        return 0;
    kad_mem_store_config_default(&config.mem);
    fd = memfd_create("lmdb_fuzz", MFD_CLOEXEC);
    require(fd >= 0);
    require(write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    config.path = path;
    if (kad_lmdb_store_open(&kad_allocator_system, &config, 42, NOW, why, sizeof why, &store) == KAD_OK) {
        use(store);
        store->ops->free(store);
    }
    close(fd);
    return 0;
}
