#include "store/lmdb.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/test_lmdb.h"
#include "store/test_store.h"

#define NOW (KAD_HOUR * 24 * 365 * 50)

static struct test_folder the_folder; /* of the store that is open under the suite: it opens one at a time */

static struct kad_store *open_at(const struct test_folder *folder, const struct kad_allocator *allocator,
                                 const struct kad_mem_store_config *config, kad_ms now)
{
    const struct kad_lmdb_store_config lmdb = {.mem = *config, .path = folder->path};
    struct kad_store *store = NULL;
    char why[200];

    return kad_lmdb_store_open(allocator, &lmdb, 42, now, why, sizeof why, &store) == KAD_OK ? store : NULL;
}

static struct kad_store *open_lmdb(const struct kad_allocator *allocator,
                                   const struct kad_mem_store_config *config)
{
    struct kad_store *store;

    test_folder_make(&the_folder);
    store = open_at(&the_folder, allocator, config, 0);
    if (!store)
        test_folder_remove(&the_folder);
    return store;
}

static struct kad_store *reopen_lmdb(struct kad_store *store, const struct kad_allocator *allocator,
                                     const struct kad_mem_store_config *config, kad_ms now)
{
    store->ops->free(store);
    return open_at(&the_folder, allocator, config, now);
}

static void close_lmdb(struct kad_store *store)
{
    store->ops->free(store);
    test_folder_remove(&the_folder);
}

static const struct test_store_kind lmdb_kind = {
    .open = open_lmdb, .reopen = reopen_lmdb, .close = close_lmdb};

TEST_STORE_SUITE(&lmdb_kind)

/* -- opening ---------------------------------------------------------------------------------------------------- */

static int try_open(const char *path, char *why, size_t why_size, struct kad_store **out_store)
{
    const struct kad_lmdb_store_config config = {.mem = test_store_plenty(), .path = path};

    return kad_lmdb_store_open(&kad_allocator_system, &config, 42, NOW, why, why_size, out_store);
}

TEST(a_file_or_a_directory_will_do)
{
    struct kad_store *store;
    struct test_folder folder;
    struct stat status;
    char why[200], path[300];

    test_folder_make(&folder);
    EXPECT_EQ(try_open(folder.path, why, sizeof why, &store), KAD_OK);
    store->ops->free(store);
    snprintf(path, sizeof path, "%s/store.mdb", folder.path);
    EXPECT_EQ(stat(path, &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600); /* who announced what is nobody else's business */
    EXPECT_EQ(try_open(path, why, sizeof why, &store), KAD_OK);
    store->ops->free(store);
    snprintf(path, sizeof path, "%s/other", folder.path);
    EXPECT_EQ(try_open(path, why, sizeof why, &store), KAD_OK);
    store->ops->free(store);
    snprintf(path, sizeof path, "%s/no/such/folder", folder.path);
    EXPECT_EQ(try_open(path, why, sizeof why, &store), KAD_E_SYSTEM);
    EXPECT_MSG(strstr(why, "No such file or directory") != NULL, "%s", why);
    test_folder_remove(&folder);
}

/* Two nodes on one data directory would each undo what the other writes. */
TEST(a_second_opener_is_refused)
{
    struct kad_store *store, *second;
    struct test_folder folder;
    char why[200];

    test_folder_make(&folder);
    EXPECT_EQ(try_open(folder.path, why, sizeof why, &store), KAD_OK);
    EXPECT_EQ(try_open(folder.path, why, sizeof why, &second), KAD_E_EXISTS);
    EXPECT_MSG(strstr(why, "in use by another process") != NULL, "%s", why);
    store->ops->free(store);
    EXPECT_EQ(try_open(folder.path, why, sizeof why, &store), KAD_OK);
    store->ops->free(store);
    test_folder_remove(&folder);
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    EXPECT(file != NULL);
    EXPECT_EQ(fwrite(data, 1, size, file), size);
    EXPECT_EQ(fclose(file), 0);
}

TEST(a_foreign_file_is_refused_with_a_reason_and_left_alone)
{
    struct kad_store *store;
    struct test_folder folder;
    char why[200], path[300], garbage[20000], after[sizeof garbage];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    MDB_val key = {5, "hello"}, value = {5, "world"};
    FILE *file;

    test_folder_make(&folder);
    snprintf(path, sizeof path, "%s/garbage", folder.path);
    memset(garbage, 'x', sizeof garbage);
    write_file(path, garbage, sizeof garbage);
    EXPECT_EQ(try_open(path, why, sizeof why, &store), KAD_E_CORRUPT);
    EXPECT_MSG(strstr(why, "no LMDB file") != NULL, "%s", why);
    file = fopen(path, "rb");
    EXPECT(file != NULL);
    EXPECT_EQ(fread(after, 1, sizeof after, file), sizeof after);
    EXPECT_EQ(fgetc(file), EOF);
    fclose(file);
    EXPECT_MEM(garbage, after, sizeof after);
    write_file(path, garbage, 3);
    EXPECT_EQ(try_open(path, why, sizeof why, &store), KAD_E_CORRUPT);

    snprintf(path, sizeof path, "%s/foreign", folder.path);
    EXPECT_EQ(mdb_env_create(&env), 0);
    EXPECT_EQ(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
    EXPECT_EQ(mdb_txn_begin(env, NULL, 0, &txn), 0);
    EXPECT_EQ(mdb_dbi_open(txn, NULL, 0, &table), 0);
    EXPECT_EQ(mdb_put(txn, table, &key, &value, 0), 0);
    EXPECT_EQ(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    EXPECT_EQ(try_open(path, why, sizeof why, &store), KAD_E_CORRUPT);
    EXPECT_MSG(strstr(why, "not a store of this version") != NULL, "%s", why);
    test_folder_remove(&folder);
}

static void set_format(const char *path, uint8_t format)
{
    uint8_t number[4] = {format};
    MDB_val key = {16, "kad-store-format"}, value = {4, number};
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;

    EXPECT_EQ(mdb_env_create(&env), 0);
    EXPECT_EQ(mdb_env_set_maxdbs(env, 4), 0);
    EXPECT_EQ(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
    EXPECT_EQ(mdb_txn_begin(env, NULL, 0, &txn), 0);
    EXPECT_EQ(mdb_dbi_open(txn, NULL, 0, &table), 0);
    if (format != 0) {
        EXPECT_EQ(mdb_put(txn, table, &key, &value, 0), 0);
    } else {
        EXPECT_EQ(mdb_get(txn, table, &key, &value), 0);
        EXPECT_EQ(*(const uint8_t *)value.mv_data, 2);
    }
    EXPECT_EQ(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

/* A file of the format before keeps what is in it and becomes one of this format; one of a format to come is left alone. */
TEST(a_file_of_the_first_format_is_taken_over)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store;
    struct test_folder folder;
    char why[200], path[300];

    test_folder_make(&folder);
    snprintf(path, sizeof path, "%s/store.mdb", folder.path);
    store = open_at(&folder, &kad_allocator_system, &config, NOW);
    EXPECT_EQ(test_store_put(store, 1, 100, NULL, NOW + 1000, NOW), KAD_OK);
    EXPECT_EQ(store->ops->commit(store), KAD_OK);
    store->ops->free(store);
    set_format(path, 1);
    store = open_at(&folder, &kad_allocator_system, &config, NOW);
    EXPECT(store != NULL);
    EXPECT(test_store_holds(store, 1, NOW));
    store->ops->free(store);
    set_format(path, 0);
    set_format(path, 3);
    EXPECT_EQ(try_open(path, why, sizeof why, &store), KAD_E_CORRUPT);
    EXPECT_MSG(strstr(why, "not a store of this version") != NULL, "%s", why);
    test_folder_remove(&folder);
}

TEST(a_ceiling_too_low_to_work_under_is_refused)
{
    struct kad_lmdb_store_config config = {.mem = test_store_plenty(), .max_size = 100000};
    struct kad_store *store;
    struct test_folder folder;
    char why[200];

    test_folder_make(&folder);
    config.path = folder.path;
    EXPECT_EQ(kad_lmdb_store_open(&kad_allocator_system, &config, 42, NOW, why, sizeof why, &store),
              KAD_E_INVALID);
    EXPECT_MSG(strstr(why, "256 KiB") != NULL, "%s", why);
    test_folder_remove(&folder);
}

/* Whatever ceiling memory has, the file has room for it. */
TEST(a_ceiling_that_is_not_given_follows_the_records)
{
    static const uint64_t ceilings[] = {0, 1 << 20, UINT64_C(1) << 30, UINT64_MAX};
    struct kad_mem_store_config config = test_store_plenty();
    struct test_folder folder;

    for (unsigned i = 0; i < KAD_COUNT_OF(ceilings); i++) {
        struct kad_store *store;

        config.max_record_bytes = ceilings[i];
        test_folder_make(&folder);
        store = open_at(&folder, &kad_allocator_system, &config, NOW);
        EXPECT(store != NULL);
        EXPECT_EQ(test_store_put(store, 1, 10, NULL, NOW + 1, NOW), i == 0 ? KAD_E_LIMIT : KAD_OK);
        EXPECT_EQ(store->ops->commit(store), KAD_OK);
        store->ops->free(store);
        test_folder_remove(&folder);
    }
}

/* -- surviving -------------------------------------------------------------------------------------------------- */

TEST(what_was_stored_is_there_after_a_restart_and_what_expired_is_not)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct test_store_content room;
    struct kad_lmdb_store_info info;
    struct kad_record put, got;
    struct kad_store *store;
    struct test_folder folder;

    test_folder_make(&folder);
    store = open_at(&folder, &kad_allocator_system, &config, NOW);
    for (unsigned i = 0; i < 500; i++) {
        put = test_store_make(i, i, i * 2, i % 2, NOW + 1000 + (i % 5 == 0 ? 0 : 1), &room);
        EXPECT_EQ(store->ops->put(store, &put, NULL, NOW), KAD_OK);
        EXPECT_EQ(test_store_announce(store, i % 50, test_store_host(i % 3 == 0, i, 1, 7), i % 2,
                                      put.expires_at, NOW),
                  KAD_OK);
    }
    EXPECT_EQ(store->ops->commit(store), KAD_OK);
    store->ops->free(store);

    store = open_at(&folder, &kad_allocator_system, &config, NOW + 1000);
    EXPECT(store != NULL);
    kad_lmdb_store_info(store, &info);
    EXPECT_EQ(info.n_loaded, 800);
    EXPECT_EQ(info.n_expired, 200);
    EXPECT_EQ(info.n_skipped, 0);
    for (unsigned i = 0; i < 500; i++) {
        put = test_store_make(i, i, i * 2, i % 2, NOW + 1000 + (i % 5 == 0 ? 0 : 1), &room);
        EXPECT_EQ(store->ops->get(store, &put.key, NOW + 1000, &got), i % 5 == 0 ? KAD_E_NOT_FOUND : KAD_OK);
        EXPECT(i % 5 == 0 || test_store_same(&put, &got));
    }
    store->ops->free(store);
    store = open_at(&folder, &kad_allocator_system, &config, NOW + 1000);
    kad_lmdb_store_info(store, &info);
    EXPECT_EQ(info.n_expired, 0); /* the first start has removed them */
    EXPECT_EQ(info.n_loaded, 800);
    store->ops->free(store);
    test_folder_remove(&folder);
}

/* A clock that was set wrong must not leave entries that outlive us. */
TEST(an_entry_from_too_far_a_future_is_left_out)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_lmdb_store_info info;
    struct kad_store *store;
    struct test_folder folder;

    test_folder_make(&folder);
    store = open_at(&folder, &kad_allocator_system, &config, NOW);
    EXPECT_EQ(test_store_put(store, 1, 10, NULL, NOW + KAD_LMDB_LONGEST_LIFE, NOW), KAD_OK);
    EXPECT_EQ(test_store_put(store, 2, 10, NULL, NOW + KAD_LMDB_LONGEST_LIFE + 1, NOW), KAD_OK);
    EXPECT_EQ(test_store_put(store, 3, 10, NULL, KAD_NEVER, NOW), KAD_OK);
    EXPECT_EQ(store->ops->commit(store), KAD_OK);
    store->ops->free(store);
    store = open_at(&folder, &kad_allocator_system, &config, NOW);
    kad_lmdb_store_info(store, &info);
    EXPECT_EQ(info.n_loaded, 2);
    EXPECT_EQ(info.n_skipped, 1);
    store->ops->free(store);
    test_folder_remove(&folder);
}

/* A limit that was lowered holds from the next start on; of a full key the newest stay. */
TEST(a_lower_ceiling_holds_at_the_next_start)
{
    struct kad_mem_store_config config = test_store_plenty();
    struct kad_store_stats stats;
    struct kad_endpoint peers[20];
    struct kad_id key = test_store_key(1);
    struct kad_store *store;
    struct test_folder folder;
    struct kad_rng rng;

    test_store_rng(&rng, 1);
    test_folder_make(&folder);
    store = open_at(&folder, &kad_allocator_system, &config, NOW);
    for (unsigned i = 0; i < 20; i++) { /* the newest come first on disk */
        EXPECT_EQ(test_store_put(store, i, 10, NULL, NOW + 1000, NOW), KAD_OK);
        EXPECT_EQ(test_store_announce(store, 1, test_store_host(false, i, 1, 1), false, NOW + 1000 - i, NOW),
                  KAD_OK);
    }
    config.max_records = 7;
    config.max_peers_per_key = 5;
    store->ops->free(store); /* commits */
    store = open_at(&folder, &kad_allocator_system, &config, NOW);
    store->ops->stats(store, &stats);
    EXPECT_EQ(stats.n_records, 7);
    EXPECT_EQ(stats.n_peers, 5);
    EXPECT_EQ(store->ops->peers(store, &key, KAD_IPV4, false, &rng, NOW, peers, 20), 5);
    for (unsigned i = 0; i < 5; i++)
        EXPECT(peers[i].address[2] < 5);
    store->ops->free(store);
    test_folder_remove(&folder);
}

/* What memory lets go of leaves the file too, or it would only ever grow. */
TEST(what_goes_from_memory_goes_from_the_disk)
{
    struct kad_mem_store_config config = test_store_plenty();
    struct kad_lmdb_store_info info;
    struct kad_store *store;
    struct test_folder folder;

    config.max_peers_per_key = 1;
    test_folder_make(&folder);
    store = open_at(&folder, &kad_allocator_system, &config, NOW);
    for (unsigned i = 0; i < 60; i++) {
        const kad_ms expires_at = NOW + (i < 20 ? 100 : 1000);

        EXPECT_EQ(test_store_put(store, i, 10, NULL, expires_at, NOW), KAD_OK);
        EXPECT_EQ(test_store_announce(store, i, test_store_host(i % 2, i, 1, 1), false, expires_at, NOW),
                  KAD_OK);
        EXPECT_EQ(test_store_announce(store, 100, test_store_host(i % 2, i, 1, 1), false, NOW + 1000, NOW),
                  KAD_OK);
        EXPECT_EQ(store->ops->commit(store), KAD_OK);
    }
    EXPECT_EQ(store->ops->expire(store, NOW + 100), NOW + 1000);
    EXPECT_EQ(store->ops->commit(store), KAD_OK);
    store->ops->free(store);
    config = test_store_plenty();
    store = open_at(&folder, &kad_allocator_system, &config, NOW); /* by this clock nothing has expired */
    kad_lmdb_store_info(store, &info);
    EXPECT_EQ(info.n_loaded, 40 + 40 + 1);
    EXPECT_EQ(info.n_expired + info.n_skipped, 0);
    store->ops->free(store);
    test_folder_remove(&folder);
}

/* No memory to note what changed: then everything counts as changed, and nothing that was taken is lost. */
TEST(want_of_memory_loses_nothing_that_was_taken)
{
    const struct kad_mem_store_config config = test_store_plenty();
    bool failed = true;

    for (unsigned n = 1; failed; n++) {
        bool put[30], announced[30];
        struct test_store_memory memory;
        struct test_folder folder;
        struct kad_store *store;
        struct kad_store_stats stats;
        uint64_t n_records = 0, n_peers = 0;

        test_store_memory_init(&memory);
        test_folder_make(&folder);
        store = open_at(&folder, &memory.allocator, &config, NOW);
        EXPECT(store != NULL);
        memory.fail_at = n;
        for (unsigned i = 0; i < 30; i++) {
            put[i] = test_store_put(store, i, 10, NULL, NOW + 1000, NOW) == KAD_OK;
            announced[i] = test_store_announce(store, i % 3, test_store_host(false, i, 1, 1), false,
                                               NOW + 1000, NOW) == KAD_OK;
            n_records += put[i];
            n_peers += announced[i];
        }
        failed = memory.fail_at == 0;
        memory.fail_at = 0;
        EXPECT_EQ(store->ops->commit(store), KAD_OK);
        store->ops->free(store);
        EXPECT_EQ(memory.in_use, 0);
        EXPECT(n_records >= 29 && n_peers >= 29);
        store = open_at(&folder, &memory.allocator, &config, NOW);
        store->ops->stats(store, &stats);
        EXPECT_MSG(stats.n_records == n_records && stats.n_peers == n_peers, "allocation %u", n);
        for (unsigned i = 0; i < 30; i++) {
            const struct kad_id key = test_store_key(i);
            struct kad_record got;

            EXPECT_EQ(store->ops->get(store, &key, NOW, &got) == KAD_OK, put[i]);
        }
        store->ops->free(store);
        test_folder_remove(&folder);
        EXPECT(n < 1000);
    }
}

/* -- the node's own --------------------------------------------------------------------------------------------- */

TEST(state_is_kept_by_name)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct test_store_memory memory;
    struct kad_store *store;
    struct test_folder folder;
    struct kad_bytes got;
    uint8_t large[300000];

    test_store_memory_init(&memory);
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * i >> 3);
    test_folder_make(&folder);
    store = open_at(&folder, &kad_allocator_system, &config, NOW);
    EXPECT_EQ(kad_lmdb_state_get(store, "table", &memory.allocator, &got), KAD_E_NOT_FOUND);
    EXPECT_EQ(kad_lmdb_state_put(store, "table", (struct kad_bytes){large, sizeof large}), KAD_OK);
    EXPECT_EQ(kad_lmdb_state_put(store, "id", (struct kad_bytes){large, 20}), KAD_OK);
    EXPECT_EQ(kad_lmdb_state_put(store, "id", (struct kad_bytes){large + 5, 32}), KAD_OK);
    EXPECT_EQ(kad_lmdb_state_put(store, "empty", (struct kad_bytes){NULL, 0}), KAD_OK);
    EXPECT_EQ(kad_lmdb_state_put(store, "", (struct kad_bytes){large, 20}), KAD_E_INVALID);
    store->ops->free(store);
    store = open_at(&folder, &kad_allocator_system, &config, NOW);
    EXPECT_EQ(kad_lmdb_state_get(store, "table", &memory.allocator, &got), KAD_OK);
    EXPECT_EQ(got.size, sizeof large);
    EXPECT_MEM(got.data, large, sizeof large);
    kad_free(&memory.allocator, (void *)(uintptr_t)got.data, got.size);
    EXPECT_EQ(kad_lmdb_state_get(store, "id", &memory.allocator, &got), KAD_OK);
    EXPECT_EQ(got.size, 32);
    EXPECT_MEM(got.data, large + 5, 32);
    kad_free(&memory.allocator, (void *)(uintptr_t)got.data, got.size);
    EXPECT_EQ(kad_lmdb_state_get(store, "empty", &memory.allocator, &got), KAD_OK);
    EXPECT_EQ(got.size, 0);
    memory.fail_at = 1;
    EXPECT_EQ(kad_lmdb_state_get(store, "id", &memory.allocator, &got), KAD_E_MEMORY);
    EXPECT_EQ(memory.in_use, 0);
    store->ops->free(store);
    test_folder_remove(&folder);
}

/* What another file holds is taken over once: it is there, is counted, and is in this file from the next commit on. What stands
 * here already stays. */
TEST(another_files_entries_are_taken_over)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct test_folder old, folder;
    struct kad_store *store;
    char path[300], why[200];
    uint64_t n = 0;

    test_folder_make(&old);
    store = open_at(&old, &kad_allocator_system, &config, NOW);
    EXPECT_EQ(test_store_put(store, 1, 10, NULL, NOW + KAD_HOUR, NOW), KAD_OK);
    EXPECT_EQ(test_store_put(store, 2, 10, NULL, NOW + KAD_HOUR, NOW), KAD_OK);
    EXPECT_EQ(test_store_put(store, 3, 10, NULL, NOW + 5, NOW), KAD_OK);
    EXPECT_EQ(test_store_announce(store, 4, test_store_host(false, 1, 1, 1), false, NOW + KAD_HOUR, NOW),
              KAD_OK);
    store->ops->free(store);

    test_folder_make(&folder);
    store = open_at(&folder, &kad_allocator_system, &config, NOW);
    EXPECT_EQ(test_store_put(store, 2, 20, NULL, NOW + KAD_HOUR, NOW), KAD_OK);
    EXPECT_EQ(store->ops->commit(store), KAD_OK);
    snprintf(path, sizeof path, "%s/store.mdb", old.path);
    EXPECT_EQ(kad_lmdb_store_import(store, path, NOW + 5, why, sizeof why, &n), KAD_OK);
    EXPECT_EQ(n, 2);
    EXPECT_EQ(test_store_stats(store).record_bytes, 30);
    EXPECT_EQ(store->ops->commit(store), KAD_OK);
    store->ops->free(store);
    store = open_at(&folder, &kad_allocator_system, &config, NOW + 5);
    EXPECT_EQ(test_store_stats(store).record_bytes, 30);
    EXPECT_EQ(test_store_stats(store).n_peers, 1);
    EXPECT_EQ(kad_lmdb_store_import(store, "/nowhere/store.mdb", NOW, why, sizeof why, &n), KAD_E_SYSTEM);
    EXPECT(why[0] != 0);
    store->ops->free(store);
    test_folder_remove(&folder);
    test_folder_remove(&old);
}
