// timeout 600
/* A put through our own API has succeeded when it is on disk: what waits for the disk, what does not, and what a disk that
 * fails does to it. */
#include "base/test.h"
#include "node/test_disk.h"
#include "node/test_member.h"

#include <stdlib.h>

static char directory[64];
static unsigned n_lines[6];
static const char *const lines[6] = {"sync_failed",       "sync_works_again", "state_not_saved",
                                     "state_saved_again", "store_failed",     "store_works_again"};
enum { SYNC_FAILED, SYNC_WORKS, STATE_FAILED, STATE_WORKS, STORE_FAILED, STORE_WORKS };

static void count_lines(void *context, enum kad_log_level level, const char *event,
                        const struct kad_log_field *fields, size_t n_fields)
{
    (void)context, (void)level, (void)fields, (void)n_fields;
    for (size_t i = 0; i < 6; i++)
        n_lines[i] += strcmp(event, lines[i]) == 0;
}

static void start(struct member *member, enum kad_store_kind store)
{
    struct kad_node_config config;

    member_configure(&config, member, 1, NULL);
    config.data_dir = directory;
    config.store = store;
    config.log = count_lines;
    member_start(member, &config);
}

/* A node without anybody to talk to: it holds what it puts itself. */
static void open_alone(struct member *member, enum kad_store_kind store)
{
    strcpy(directory, "/tmp/kad-held-XXXXXX");
    EXPECT(mkdtemp(directory) != NULL);
    memset(n_lines, 0, sizeof(n_lines));
    test_disk_reset(directory);
    member_open_loop();
    start(member, store);
}

static void close_alone(struct member *member)
{
    char command[128];

    test_disk.gate_is_shut = false;
    member_stop(member);
    member_close_loop();
    test_disk_reset(NULL);
    snprintf(command, sizeof(command), "rm -r %s", directory);
    EXPECT_EQ(system(command), 0);
}

static void begin(struct member *member, const struct kad_request *request)
{
    EXPECT_EQ(kad_node_request(member->node, request, member_on_done, member, NULL), 0);
}

static void await_done(struct member *member, unsigned n)
{
    while (member->n_done < n)
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT_EQ(member->n_done, n);
}

static void await_records(struct member *member, uint64_t n)
{
    struct kad_info info;

    do {
        uv_run(&member_loop, UV_RUN_ONCE);
        kad_engine_info(kad_node_engine(member->node), &info);
    } while (info.n_records < n);
}

static void await_held(void)
{
    while (test_disk.n_held == 0)
        uv_run(&member_loop, UV_RUN_ONCE);
}

/* Whatever is ready happens; nothing that waits for the gate can. */
static void let_turns_pass(void)
{
    for (int i = 0; i < 20; i++)
        uv_run(&member_loop, UV_RUN_ONCE);
}

static struct kad_request numbered(unsigned number, char text[32])
{
    snprintf(text, 32, "8:value%03u", number);
    return member_put_of(text);
}

static size_t in_state(const char *text)
{
    return member_in_state(directory, text);
}

TEST(a_put_of_ours_ends_after_the_sync_and_the_loop_goes_on)
{
    static struct member a;
    const struct kad_request put = member_put_of("4:sync");
    const struct kad_request get = {.kind = KAD_REQUEST_GET, .target = put.target};

    open_alone(&a, KAD_STORE_LMDB);
    test_disk.gate_is_shut = true;
    begin(&a, &put);
    await_held();
    let_turns_pass();
    EXPECT_EQ(a.n_done, 0);
    EXPECT_EQ(member_ask(&a, &get), 0); /* served meanwhile */
    EXPECT_MEM(a.value, "4:sync", 6);
    test_disk.gate_is_shut = false;
    await_done(&a, 2);
    EXPECT_EQ(a.error, 0);
    EXPECT_EQ(a.n_stored, 1);
    EXPECT(test_disk.n_data_syncs >= 1);
    close_alone(&a);
}

/* However many wait: those that come while a sync runs share the next one. */
TEST(puts_share_a_sync)
{
    enum { PUTS = 50 };
    static struct member a;
    static char texts[PUTS + 1][32];

    open_alone(&a, KAD_STORE_LMDB);
    test_disk.gate_is_shut = true;
    for (unsigned i = 0; i <= PUTS; i++) {
        const struct kad_request put = numbered(i, texts[i]);

        begin(&a, &put);
        if (i == 0)
            await_held();
    }
    await_records(&a, PUTS + 1);
    let_turns_pass();
    EXPECT_EQ(a.n_done, 0);
    EXPECT_EQ(test_disk.n_data_syncs, 1);
    test_disk.gate_is_shut = false;
    await_done(&a, PUTS + 1);
    EXPECT_EQ(test_disk.n_data_syncs, 2);
    close_alone(&a);
}

/* Whoever stores with us from elsewhere gets the answer after the commit: a sync a second is enough for it. */
TEST(answers_to_others_do_not_wait)
{
    static struct member a, b;
    const struct kad_request ours = member_put_of("4:ours"), theirs = member_put_of("6:theirs");

    open_alone(&a, KAD_STORE_LMDB);
    member_join(&b, 2, a.address);
    member_await_ready(&b);
    test_disk.gate_is_shut = true;
    begin(&a, &ours);
    await_held();
    EXPECT_EQ(member_ask(&b, &theirs), 0);
    EXPECT_EQ(b.n_stored, 2); /* a, and b itself, which has no disk */
    EXPECT_EQ(a.n_done, 0);
    test_disk.gate_is_shut = false;
    await_done(&a, 1);
    member_stop(&b);
    close_alone(&a);
}

/* What is to be published by later runs, too, is in the state file when it is acknowledged; with either store. */
TEST(what_is_kept_is_in_the_state_file_at_its_end)
{
    static struct member a;
    struct kad_request put = member_put_of("4:keep");
    struct kad_request announce = {.kind = KAD_REQUEST_ANNOUNCE, .target.bytes = "announced", .port = 99};

    put.keep = announce.keep = true;
    for (int i = 0; i < 2; i++) {
        open_alone(&a, i ? KAD_STORE_LMDB : KAD_STORE_MEMORY);
        test_disk.gate_is_shut = true;
        begin(&a, &put);
        await_held();
        let_turns_pass();
        EXPECT_EQ(a.n_done, 0);
        EXPECT_EQ(in_state("4:keep"), 0);
        test_disk.gate_is_shut = false;
        await_done(&a, 1);
        EXPECT_EQ(a.error, 0);
        EXPECT_EQ(in_state("4:keep"), 1);
        begin(&a, &announce);
        await_done(&a, 2);
        EXPECT_EQ(in_state("announced"), 1); /* though nobody was there to take it */
        close_alone(&a);
    }
}

/* Nothing to keep here, nothing to wait for. */
TEST(what_needs_no_disk_does_not_wait)
{
    static struct member a;
    const struct kad_request put = member_put_of("6:memory");

    open_alone(&a, KAD_STORE_MEMORY);
    test_disk.gate_is_shut = true;
    EXPECT_EQ(member_ask(&a, &put), 0);
    close_alone(&a);
}

TEST(a_sync_that_fails_is_an_error_and_the_next_may_work)
{
    static struct member a;
    const struct kad_request one = member_put_of("3:one"), two = member_put_of("3:two");

    open_alone(&a, KAD_STORE_LMDB);
    test_disk.syncs_fail = true;
    EXPECT_EQ(member_ask(&a, &one), KAD_E_SYSTEM);
    EXPECT_EQ(a.n_stored, 1);
    EXPECT_EQ(member_ask(&a, &two), KAD_E_SYSTEM);
    EXPECT_EQ(n_lines[SYNC_FAILED], 1); /* told once */
    test_disk.syncs_fail = false;
    while (n_lines[SYNC_WORKS] == 0) /* without anybody asking */
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT_EQ(member_ask(&a, &one), 0);
    EXPECT_EQ(n_lines[SYNC_FAILED], 1);
    close_alone(&a);
}

/* Everything that writes fails with `reason`, and works again later. */
static void check_refused_writes(int reason)
{
    static struct member a;
    struct kad_request put = member_put_of("4:full");
    const struct kad_request get = {.kind = KAD_REQUEST_GET, .target = put.target};

    put.keep = true;
    open_alone(&a, KAD_STORE_LMDB);
    test_disk.error = reason;
    test_disk.writes_fail = true;
    EXPECT_EQ(member_ask(&a, &put), KAD_E_SYSTEM);
    EXPECT_EQ(member_ask(&a, &put), KAD_E_SYSTEM);
    EXPECT_EQ(member_ask(&a, &get), 0); /* serves on */
    EXPECT_EQ(n_lines[STORE_FAILED], 1);
    while (n_lines[STATE_FAILED] == 0)
        uv_run(&member_loop, UV_RUN_ONCE);
    test_disk.writes_fail = false;
    while (n_lines[STORE_WORKS] == 0 || n_lines[STATE_WORKS] == 0)
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT_EQ(in_state("4:full"), 1);
    EXPECT_EQ(member_ask(&a, &put), 0);
    EXPECT_EQ(n_lines[STORE_FAILED] + n_lines[STATE_FAILED], 2);
    member_stop(&a);
    start(&a, KAD_STORE_LMDB);
    EXPECT_EQ(member_ask(&a, &get), 0);
    close_alone(&a);
}

TEST(a_full_disk_is_an_error_and_room_heals_it)
{
    check_refused_writes(ENOSPC);
}

TEST(so_is_one_that_was_made_read_only)
{
    check_refused_writes(EROFS);
}

/* Stopping ends what waits, once, with what became of it. */
TEST(stopping_ends_what_waits_for_the_disk)
{
    static struct member a;
    const struct kad_request put = member_put_of("4:stop");

    for (int i = 0; i < 2; i++) {
        open_alone(&a, KAD_STORE_LMDB);
        test_disk.gate_is_shut = true;
        begin(&a, &put);
        await_held();
        kad_node_stop(a.node);
        let_turns_pass();
        EXPECT_EQ(a.n_done, 0);
        EXPECT(!a.stopped);
        test_disk.syncs_fail = i == 1;
        test_disk.gate_is_shut = false;
        await_done(&a, 1);
        EXPECT_EQ(a.error, i == 1 ? KAD_E_SYSTEM : 0);
        test_disk.syncs_fail = false;
        close_alone(&a);
        EXPECT_EQ(a.n_done, 1);
    }
}

/* The order that makes a file survive a power failure: written, synced, renamed, and then the directory synced. */
TEST(the_state_file_is_replaced_in_the_right_order)
{
    static struct member a;
    struct kad_request put = member_put_of("5:order");

    put.keep = true;
    open_alone(&a, KAD_STORE_MEMORY);
    test_disk_reset(directory);
    EXPECT_EQ(member_ask(&a, &put), 0);
    EXPECT_STR(test_disk.order, "owsrd");
    close_alone(&a);
}
