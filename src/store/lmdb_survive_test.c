/* What happens to the LMDB store when the process, the file or the disk does not behave. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/lmdb.h"
#include "store/test_lmdb.h"
#include "store/test_store.h"

#define NOW (KAD_HOUR * 24 * 365 * 50)

static struct kad_store *open_sized(const struct test_folder *folder, uint64_t max_size, kad_ms now)
{
    const struct kad_lmdb_store_config config = {
        .mem = test_store_plenty(), .path = folder->path, .max_size = max_size};
    struct kad_store *store = NULL;
    char why[300];
    const int error = kad_lmdb_store_open(&kad_allocator_system, &config, 42, now, why, sizeof why, &store);

    EXPECT_MSG(error == KAD_OK, "%s", why);
    return store;
}

static struct kad_lmdb_store_info info_of(const struct kad_store *store)
{
    struct kad_lmdb_store_info info;

    kad_lmdb_store_info(store, &info);
    return info;
}

static struct kad_store_stats stats_of(const struct kad_store *store)
{
    struct kad_store_stats stats;

    store->ops->stats(store, &stats);
    return stats;
}

/* -- death ------------------------------------------------------------------------------------------------------ */

enum { ROUNDS = 25, RECORDS = 100, HOSTS = 400 };

/* What turn `i` does, and its only trace: record i % 100 has sequence i, host i % 400 announced key 1000 + i % 37. */
static int do_turn(struct kad_store *store, unsigned i)
{
    struct test_store_content room;
    const struct kad_record record =
        test_store_make(i % RECORDS, i, 100 + i % 500, true, NOW + KAD_HOUR + i, &room);
    int error = store->ops->put(store, &record, NULL, NOW);

    if (error == KAD_OK)
        error = test_store_announce(store, 1000 + i % 37, test_store_host(false, i % HOSTS, 1, 1), false,
                                    NOW + KAD_HOUR + i, NOW);
    return error ? error : store->ops->commit(store);
}

static void write_until_killed(const struct test_folder *folder, unsigned first, int acknowledged)
{
    struct kad_store *store = open_sized(folder, 0, NOW);

    for (unsigned i = first;; i++) {
        if (do_turn(store, i) != KAD_OK || write(acknowledged, &i, sizeof i) != (ssize_t)sizeof i)
            _exit(1);
    }
}

/* Turn `last` was acknowledged, so all up to it are there; the one after it may be. Nothing is torn. */
static void check_turns(struct kad_store *store, unsigned last)
{
    for (unsigned key = 0; key < RECORDS; key++) {
        const struct kad_id id = test_store_key(key);
        const unsigned least = last >= key ? last - (last - key) % RECORDS : 0;
        struct test_store_content room;
        struct kad_record expected, got;

        if (store->ops->get(store, &id, NOW, &got) != KAD_OK) {
            EXPECT_MSG(last < key, "record %u is lost after turn %u", key, last);
            continue;
        }
        EXPECT_MSG(got.sequence >= least && got.sequence <= last + 1,
                   "record %u is of turn %lld, after turn %u", key, (long long)got.sequence, last);
        expected = test_store_make(key, got.sequence, 100 + (size_t)got.sequence % 500, true,
                                   NOW + KAD_HOUR + got.sequence, &room);
        EXPECT(test_store_same(&got, &expected));
    }
    for (unsigned i = last; last - i < HOSTS && i > 0; i--) {
        const struct kad_id id = test_store_key(1000 + i % 37);
        const struct kad_endpoint host = test_store_host(false, i % HOSTS, 1, 1);
        struct kad_endpoint peers[HOSTS];
        struct kad_rng rng;
        size_t n;
        bool found = false;

        test_store_rng(&rng, i);
        n = store->ops->peers(store, &id, KAD_IPV4, false, &rng, NOW, peers, HOSTS);
        for (size_t j = 0; j < n; j++)
            found = found || memcmp(&peers[j], &host, sizeof host) == 0;
        EXPECT_MSG(found, "the announce of turn %u is lost after turn %u", i, last);
    }
}

/* K03, T06: SIGKILL at a random instant, twenty-five times on the same file; nothing that was acknowledged is lost. */
TEST(a_killed_process_loses_nothing_it_acknowledged)
{
    struct test_folder folder;
    struct kad_rng rng;
    unsigned last = 0;

    test_store_rng(&rng, 9);
    test_folder_make(&folder);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const unsigned patience = 1 + kad_rng_below(&rng, 400);
        struct kad_store *store;
        unsigned first = last + 1, seen;
        int pipe_ends[2], status;
        pid_t child;

        EXPECT_EQ(pipe(pipe_ends), 0);
        child = fork();
        EXPECT(child >= 0);
        if (child == 0) {
            close(pipe_ends[0]);
            write_until_killed(&folder, first, pipe_ends[1]);
        }
        close(pipe_ends[1]);
        for (unsigned i = 0; i < patience && read(pipe_ends[0], &seen, sizeof seen) == (ssize_t)sizeof seen;
             i++)
            last = seen;
        EXPECT_EQ(kill(child, SIGKILL), 0);
        while (read(pipe_ends[0], &seen, sizeof seen) == (ssize_t)sizeof seen)
            last = seen; /* acknowledged before it died */
        close(pipe_ends[0]);
        EXPECT_EQ(waitpid(child, &status, 0), child);
        EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        store = open_sized(&folder, 0, NOW);
        EXPECT_EQ(info_of(store).n_skipped, 0);
        check_turns(store, last);
        store->ops->free(store);
    }
    EXPECT(last > ROUNDS);
    test_folder_remove(&folder);
}

/* -- a full disk ------------------------------------------------------------------------------------------------ */

/* The ceiling of the file is met as a refusal, long before LMDB has no page left to work with. */
TEST(a_full_file_refuses_what_is_new_and_recovers)
{
    struct kad_store *store;
    struct test_folder folder;
    unsigned n = 0;
    int result;

    test_folder_make(&folder);
    store = open_sized(&folder, 1 << 20, NOW);
    while ((result = test_store_put(store, n, 900, NULL, NOW + 1000, NOW)) == KAD_OK) {
        EXPECT_EQ(store->ops->commit(store), KAD_OK);
        n++;
        EXPECT(n < 1000);
    }
    EXPECT_EQ(result, KAD_E_LIMIT);
    EXPECT(n > 100);
    EXPECT_EQ(test_store_announce(store, 1, test_store_host(false, 1, 1, 1), false, NOW + 1000, NOW),
              KAD_E_LIMIT);
    for (unsigned round = 0; round < 10; round++) { /* what is there can be refreshed for ever */
        for (unsigned i = 0; i < n; i++)
            EXPECT_EQ(test_store_put(store, i, 900, NULL, NOW + 1000 + round, NOW), KAD_OK);
        EXPECT_EQ(store->ops->commit(store), KAD_OK);
    }
    store->ops->free(store);
    store = open_sized(&folder, 1 << 20, NOW);
    EXPECT_EQ(stats_of(store).n_records, n);
    EXPECT_EQ(test_store_put(store, n, 900, NULL, NOW + 1000, NOW), KAD_E_LIMIT);
    EXPECT_EQ(store->ops->expire(store, NOW + 2000), KAD_NEVER);
    EXPECT_EQ(store->ops->commit(store), KAD_OK);
    for (unsigned i = 0; i < n * 3 / 4; i++) { /* pages fill differently with other keys */
        EXPECT_EQ(test_store_put(store, 5000 + i, 900, NULL, NOW + 3000, NOW + 2000), KAD_OK);
        EXPECT_EQ(store->ops->commit(store), KAD_OK);
    }
    EXPECT_EQ(info_of(store).n_failed, 0);
    store->ops->free(store);
    test_folder_remove(&folder);
}

TEST(the_map_grows_as_far_as_it_may)
{
    struct kad_store *store;
    struct test_folder folder;

    test_folder_make(&folder);
    store = open_sized(&folder, 128 << 20, NOW);
    EXPECT(info_of(store).map_size <= 1 << 20);
    for (unsigned i = 0; i < 8000; i++) {
        EXPECT_EQ(test_store_put(store, i, 1000, NULL, NOW + 1000, NOW), KAD_OK);
        if (i % 1000 == 0)
            EXPECT_EQ(store->ops->commit(store), KAD_OK);
    }
    EXPECT_EQ(store->ops->commit(store), KAD_OK);
    EXPECT(info_of(store).map_size > 8 << 20);
    store->ops->free(store);
    store = open_sized(&folder, 128 << 20, NOW);
    EXPECT_EQ(stats_of(store).n_records, 8000);
    store->ops->free(store);

    /* Nine tenths go: the next start gives the space back. */
    store = open_sized(&folder, 128 << 20, NOW + 2000);
    EXPECT_EQ(info_of(store).n_expired, 8000);
    EXPECT(info_of(store).map_size <= 1 << 20);
    EXPECT_EQ(test_store_put(store, 1, 1000, NULL, NOW + 3000, NOW + 2000), KAD_OK);
    EXPECT_EQ(store->ops->commit(store), KAD_OK);
    store->ops->free(store);
    store = open_sized(&folder, 128 << 20, NOW + 2000);
    EXPECT_EQ(stats_of(store).n_records, 1);
    store->ops->free(store);
    test_folder_remove(&folder);
}

/* The kernel refuses to write: memory serves on, commit() says so, and all is made up for when it can. */
TEST(a_disk_that_refuses_is_survived_and_caught_up_with)
{
    struct rlimit before, tight;
    struct kad_store *store;
    struct test_folder folder;
    const struct kad_id key = test_store_key(150);
    struct kad_record got;

    signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    test_folder_make(&folder);
    store = open_sized(&folder, 0, NOW);
    for (unsigned i = 0; i < 100; i++)
        EXPECT_EQ(test_store_put(store, i, 900, NULL, NOW + 500 + i, NOW), KAD_OK);
    EXPECT_EQ(store->ops->commit(store), KAD_OK);

    tight = before;
    tight.rlim_cur = 32 << 10;
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
    for (unsigned i = 100; i < 200; i++) {
        EXPECT_EQ(test_store_put(store, i, 900, NULL, NOW + 100000, NOW), KAD_OK);
        EXPECT_EQ(store->ops->commit(store), KAD_E_SYSTEM);
    }
    EXPECT_EQ(info_of(store).n_failed, 1); /* once a second, not once a turn */
    EXPECT(info_of(store).last_error != NULL);
    EXPECT_EQ(info_of(store).n_pending, 100);
    store->ops->expire(store, NOW + 520); /* deletions wait too */
    EXPECT_EQ(store->ops->commit(store), KAD_E_SYSTEM);
    EXPECT_EQ(store->ops->get(store, &key, NOW + 520, &got), KAD_OK);
    store->ops->expire(store, NOW + 1000 + 520);
    EXPECT_EQ(store->ops->commit(store), KAD_E_SYSTEM);
    EXPECT_EQ(info_of(store).n_failed, 2);

    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    store->ops->expire(store, NOW + 5000);
    EXPECT_EQ(store->ops->commit(store), KAD_OK);
    EXPECT_EQ(info_of(store).n_pending, 0);
    EXPECT_EQ(stats_of(store).n_records, 100);
    store->ops->free(store);
    store = open_sized(&folder, 0, NOW + 400); /* by this clock the first hundred would still be good */
    EXPECT_EQ(stats_of(store).n_records, 100);
    EXPECT_EQ(info_of(store).n_skipped, 0);
    store->ops->free(store);
    test_folder_remove(&folder);
}

/* -- a damaged file --------------------------------------------------------------------------------------------- */

static size_t read_whole(const struct test_folder *folder, uint8_t **out_data)
{
    char path[300];
    struct stat status;
    int fd;

    snprintf(path, sizeof path, "%s/store.mdb", folder->path);
    fd = open(path, O_RDONLY);
    EXPECT(fd >= 0 && fstat(fd, &status) == 0);
    *out_data = malloc((size_t)status.st_size);
    EXPECT(*out_data != NULL);
    EXPECT_EQ(read(fd, *out_data, (size_t)status.st_size), status.st_size);
    close(fd);
    return (size_t)status.st_size;
}

static void write_whole(const struct test_folder *folder, const uint8_t *data, size_t size)
{
    char path[300];
    int fd;

    snprintf(path, sizeof path, "%s/store.mdb", folder->path);
    fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    EXPECT(fd >= 0);
    EXPECT_EQ(write(fd, data, size), (ssize_t)size);
    close(fd);
}

static void fill(const struct test_folder *folder)
{
    struct kad_store *store = open_sized(folder, 0, NOW);

    for (unsigned i = 0; i < 200; i++) {
        EXPECT_EQ(test_store_put(store, i, 20 + i % 80, NULL, NOW + 1000, NOW), KAD_OK);
        EXPECT_EQ(test_store_announce(store, i, test_store_host(i % 2, i, 1, 1), false, NOW + 1000, NOW),
                  KAD_OK);
        if (i % 20 == 0)
            EXPECT_EQ(store->ops->commit(store), KAD_OK);
    }
    store->ops->free(store);
}

/* One entry is damaged: it is left out and counted, all others are there. */
TEST(a_damaged_entry_costs_itself_alone)
{
    static const char content[] = "34:these words stand nowhere else here";
    const struct kad_record record = {.type = KAD_RECORD_IMMUTABLE,
                                      .key = test_store_key(777),
                                      .value = {(const uint8_t *)content, sizeof content - 1},
                                      .expires_at = NOW + 1000};
    struct kad_store *store;
    struct test_folder folder;
    struct kad_record got;
    uint8_t *data;
    size_t size;
    unsigned n_changed = 0;

    test_folder_make(&folder);
    fill(&folder);
    store = open_sized(&folder, 0, NOW);
    EXPECT_EQ(store->ops->put(store, &record, NULL, NOW), KAD_OK);
    store->ops->free(store);
    size = read_whole(&folder, &data);
    for (size_t i = 0; i + sizeof content <= size;
         i++) { /* older copies of its page may be in the file too */
        if (memcmp(data + i, content, sizeof content - 1) == 0) {
            data[i + 7] ^= 0x10;
            n_changed++;
        }
    }
    EXPECT(n_changed > 0);
    write_whole(&folder, data, size);
    free(data);
    store = open_sized(&folder, 0, NOW);
    EXPECT_EQ(info_of(store).n_skipped, 1);
    EXPECT_EQ(info_of(store).n_loaded, 400);
    EXPECT_EQ(store->ops->get(store, &record.key, NOW, &got), KAD_E_NOT_FOUND);
    store->ops->free(store);
    store = open_sized(&folder, 0, NOW);
    EXPECT_EQ(info_of(store).n_skipped, 0); /* and removed */
    EXPECT_EQ(info_of(store).n_loaded, 400);
    store->ops->free(store);
    test_folder_remove(&folder);
}

/* In a child, since what is looked for is a crash. 0: opened and worked; 1: refused as corrupt; else: anything else. */
static int open_in_child(const struct test_folder *folder)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    const pid_t child = fork();
    int status;

    EXPECT(child >= 0);
    if (child == 0) {
        const struct kad_lmdb_store_config config = {.mem = test_store_plenty(), .path = folder->path};
        struct kad_store *store;
        char why[300] = "";
        int error;

        for (unsigned i = 0; i < KAD_COUNT_OF(deadly); i++)
            signal(deadly[i], SIG_DFL); /* the test framework would go on */
        error = kad_lmdb_store_open(&kad_allocator_system, &config, 42, NOW, why, sizeof why, &store);
        if (error != KAD_OK)
            _exit(error == KAD_E_CORRUPT && why[0] ? 1 : 2);
        for (unsigned i = 0; i < 50; i++) { /* served from memory, whatever the file thinks of it */
            if (test_store_put(store, 1000 + i, 50, NULL, NOW + 1000, NOW) != KAD_OK)
                _exit(3);
        }
        (void)store->ops->commit(store);
        store->ops->free(store);
        _exit(0);
    }
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

TEST(a_file_cut_short_is_refused_or_read_but_never_crashes)
{
    struct test_folder folder;
    uint8_t *data;
    size_t size;
    unsigned n_refused = 0;

    test_folder_make(&folder);
    fill(&folder);
    size = read_whole(&folder, &data);
    for (size_t cut = 0; cut < 40 * 4096; cut += 2027) {
        int result;

        write_whole(&folder, data, cut);
        result = open_in_child(&folder);
        EXPECT_MSG(result <= 1, "cut at %zu: %d", cut, result);
        n_refused += result == 1;
    }
    EXPECT(n_refused > 5);
    free(data);
    EXPECT(size > 40 * 4096);
    test_folder_remove(&folder);
}

/* Pages are overwritten with noise, as a failing disk does. */
TEST(a_scrambled_file_is_refused_or_read_but_never_crashes)
{
    struct test_folder folder;
    struct kad_rng rng;
    uint8_t *data, *scrambled;
    size_t size;
    unsigned n_refused = 0;

    test_folder_make(&folder);
    fill(&folder);
    size = read_whole(&folder, &data);
    scrambled = malloc(size);
    EXPECT(scrambled != NULL);
    for (unsigned seed = 1; seed <= 150; seed++) {
        unsigned n_changes, result;

        test_store_rng(&rng, seed);
        memcpy(scrambled, data, size);
        n_changes = 1 + kad_rng_below(&rng, 40);
        for (unsigned i = 0; i < n_changes; i++) {
            const size_t page = kad_rng_below(&rng, 40);

            if (kad_rng_below(&rng, 4) == 0)
                kad_rng_bytes(&rng, scrambled + page * 4096 + 16, 4080);
            else
                scrambled[page * 4096 + kad_rng_below(&rng, 4096)] = (uint8_t)kad_rng_u32(&rng);
        }
        write_whole(&folder, scrambled, size);
        result = (unsigned)open_in_child(&folder);
        EXPECT_MSG(result <= 1, "seed %u: %u", seed, result);
        n_refused += result == 1;
    }
    EXPECT(n_refused > 5);
    free(data);
    free(scrambled);
    test_folder_remove(&folder);
}

/* -- the worker ------------------------------------------------------------------------------------------------- */

struct worker {
    struct kad_store *store;
    atomic_bool stop;
    int error;
};

static void *sync_on_and_on(void *argument)
{
    struct worker *worker = argument;

    do {
        worker->error |= kad_lmdb_store_sync(worker->store);
    } while (!atomic_load(&worker->stop));
    return NULL;
}

/* For ThreadSanitizer, mostly: sync runs beside everything, growing the map included. */
TEST(a_worker_may_sync_while_the_loop_writes)
{
    struct worker worker = {.error = 0};
    struct test_folder folder;
    pthread_t thread;

    test_folder_make(&folder);
    worker.store = open_sized(&folder, 0, NOW);
    atomic_init(&worker.stop, false);
    EXPECT_EQ(pthread_create(&thread, NULL, sync_on_and_on, &worker), 0);
    for (unsigned i = 0; i < 3000; i++) {
        EXPECT_EQ(test_store_put(worker.store, i, 800, NULL, NOW + 1000, NOW), KAD_OK);
        if (i % 100 == 0)
            EXPECT_EQ(worker.store->ops->commit(worker.store), KAD_OK);
    }
    atomic_store(&worker.stop, true);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT_EQ(worker.error, 0);
    EXPECT(info_of(worker.store).map_size > 1 << 20);
    worker.store->ops->free(worker.store);
    test_folder_remove(&folder);
}
