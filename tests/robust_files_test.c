// timeout 900
/* SCORECARD row 16: every file operation of a node's life fails once, or is where the process dies. Whatever happens, the
 * next start works, everything acknowledged is there, and what was there before is as it was. */
#include "base/test.h"
#include "node/test_disk.h"
#include "node/test_member.h"

#include <stdlib.h>
#include <sys/wait.h>

#define OLD  "9:old value"
#define KEPT "10:kept value"
#define PUT  "9:put value"

static char directory[64];

/* What a life was told. */
struct told {
    bool started, kept, put;
};

static struct told live(void)
{
    static struct member member;
    struct kad_request kept = member_put_of(KEPT);
    const struct kad_request put = member_put_of(PUT);
    struct kad_node_config config;
    struct told told = {0};
    char why[256];

    kept.keep = true;
    member_open_loop();
    member_configure(&config, &member, 1, NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    if (kad_node_new(&config, &member.node, why, sizeof(why)) != 0) {
        EXPECT(why[0] != '\0');
    } else {
        EXPECT_EQ(kad_node_start(member.node), 0);
        told.started = true;
        told.kept = member_ask(&member, &kept) == 0;
        told.put = member_ask(&member, &put) == 0;
        member_stop(&member);
    }
    member_close_loop();
    return told;
}

static void make_directory(void)
{
    strcpy(directory, "/tmp/kad-files-XXXXXX");
    EXPECT(mkdtemp(directory) != NULL);
}

static void remove_directory(void)
{
    char command[128];

    test_disk_reset(NULL);
    snprintf(command, sizeof(command), "rm -r %s", directory);
    EXPECT_EQ(system(command), 0);
}

static struct member later;

static void start_later(void)
{
    struct kad_node_config config;

    test_disk_reset(NULL);
    member_open_loop();
    member_configure(&config, &later, 1, NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    member_start(&later, &config);
}

static void stop_later(void)
{
    member_stop(&later);
    member_close_loop();
}

static bool state_has(const char *bytes)
{
    static char found[65536];
    char path[128];
    size_t n = 0;
    FILE *file;

    snprintf(path, sizeof(path), "%s/mainline.state", directory);
    file = fopen(path, "r");
    if (file) {
        n = fread(found, 1, sizeof(found), file);
        fclose(file);
    }
    return n > 0 && memmem(found, n, bytes, strlen(bytes)) != NULL;
}

static bool store_has(const char *bencoded)
{
    const struct kad_request put = member_put_of(bencoded);
    const struct kad_request get = {.kind = KAD_REQUEST_GET, .target = put.target};

    return member_ask(&later, &get) == 0 && memcmp(later.value, bencoded, strlen(bencoded)) == 0;
}

static bool is_there(const char *name)
{
    char path[128];
    struct stat status;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return stat(path, &status) == 0;
}

/* `before`: the directory had a node's life in it. */
static void check_next_start(struct told told, bool before, const char *how, unsigned at)
{
    start_later();
    EXPECT_MSG(!before || store_has(OLD), "%s at %u: the old value is gone", how, at);
    EXPECT_MSG(!before || state_has(OLD), "%s at %u: the old state is gone", how, at);
    EXPECT_MSG(!told.kept || (store_has(KEPT) && state_has(KEPT)), "%s at %u: kept, and lost", how, at);
    EXPECT_MSG(!told.put || store_has(PUT), "%s at %u: put, and lost", how, at);
    /* A store that was being made when the process died may be set aside: nothing was in it. */
    EXPECT_MSG(!is_there("mainline.state.bad") && (!before || !is_there("store.mdb.bad")),
               "%s at %u: something was damaged", how, at);
    stop_later();
}

/* A directory in which the old value was put, to be kept; or an empty one. */
static void prepare(bool before)
{
    struct kad_request put = member_put_of(OLD);

    make_directory();
    if (!before)
        return;
    put.keep = true;
    start_later();
    EXPECT_EQ(member_ask(&later, &put), 0);
    stop_later();
}

static unsigned count_operations(bool before)
{
    struct told told;
    unsigned n;

    prepare(before);
    test_disk_reset(directory);
    told = live();
    n = test_disk.n;
    EXPECT(told.kept && told.put);
    remove_directory();
    return n;
}

/* Enough lives must have heard of a failure: else nothing was injected. */
static void fail_each(bool before, int reason, bool fails_on, const char *how)
{
    const unsigned n = count_operations(before);
    unsigned n_told = 0;

    EXPECT(n > 20);
    for (unsigned at = 1; at <= n; at++) {
        struct told told;

        prepare(before);
        test_disk_reset(directory);
        test_disk.error = reason;
        test_disk.fails_on = fails_on;
        test_disk.fail_at = at;
        told = live();
        n_told += !told.started || !told.kept || !told.put;
        check_next_start(told, before, how, at);
        remove_directory();
    }
    EXPECT_MSG(n_told >= n / 4, "%s: of %u lives %u heard of a failure", how, n, n_told);
}

TEST(each_operation_may_fail_once)
{
    fail_each(true, EIO, false, "once");
    fail_each(false, EIO, false, "once, new directory");
}

TEST(from_each_operation_on_all_may_fail)
{
    fail_each(true, ENOSPC, true, "from");
    fail_each(false, EROFS, true, "from, new directory");
}

/* The life of one who dies at an operation; what it was told comes through the pipe, as it is told. */
static struct told live_and_die(unsigned at)
{
    struct told told = {0}, more;
    int ends[2], status;
    pid_t child;

    EXPECT_EQ(pipe(ends), 0);
    child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        static struct member member;
        struct kad_request kept = member_put_of(KEPT);
        const struct kad_request put = member_put_of(PUT);
        struct kad_node_config config;

        test_disk_reset(directory);
        test_disk.ends_process = true;
        test_disk.fail_at = at;
        kept.keep = true;
        member_open_loop();
        member_configure(&config, &member, 1, NULL);
        config.data_dir = directory;
        config.store = KAD_STORE_LMDB;
        member_start(&member, &config);
        told.started = true;
        told.kept = member_ask(&member, &kept) == 0;
        if (write(ends[1], &told, sizeof(told)) < 0)
            _exit(1);
        told.put = member_ask(&member, &put) == 0;
        if (write(ends[1], &told, sizeof(told)) < 0)
            _exit(1);
        member_stop(&member);
        _exit(0);
    }
    close(ends[1]);
    while (read(ends[0], &more, sizeof(more)) == (ssize_t)sizeof(more))
        told = more;
    close(ends[0]);
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_MSG(WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 0),
               "at %u: status %d", at, status);
    return told;
}

TEST(each_operation_may_be_the_last)
{
    for (unsigned before = 0; before < 2; before++) {
        const unsigned n = count_operations(before == 1);
        unsigned n_early = 0;

        for (unsigned at = 1; at <= n; at++) {
            struct told told;

            prepare(before == 1);
            told = live_and_die(at);
            n_early += !told.put;
            check_next_start(told, before == 1, "death", at);
            remove_directory();
        }
        EXPECT(n_early > 10);
    }
}
