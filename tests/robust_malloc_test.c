// release
// timeout 900
/* Each call of malloc in a node's life fails once, and then all from there on: the node's own, LMDB's and libuv's, in all
 * threads. No crash, no block lost, every request that was taken ends once, and what was acknowledged is there at the next
 * start. A release build, because sanitizers have a malloc of their own; freed memory is overwritten instead.
 *
 * Left out: making a loop. libuv ends the process (abort) when it cannot, so it belongs to whoever starts a program. */
#include "base/test.h"
#include "node/test_member.h"
#include "tests/test_malloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char directory[64];

/* What became of it. */
struct fate {
    struct member member;
    unsigned n_taken;
    bool started, put, kept;
};

/* Takes the request to its end; false: it was not taken, or failed. */
static bool ask(struct fate *fate, const struct kad_request *request)
{
    const unsigned before = fate->member.n_done;

    if (kad_node_request(fate->member.node, request, member_on_done, &fate->member, NULL) != 0)
        return false;
    fate->n_taken++;
    while (fate->member.n_done == before)
        uv_run(&member_loop, UV_RUN_ONCE);
    return fate->member.error == 0;
}

static void live(struct fate *fate)
{
    const struct kad_request put = member_put_of("3:put");
    const struct kad_request get = {.kind = KAD_REQUEST_GET, .target = put.target, .trace = true};
    struct kad_request kept = member_put_of("4:kept");
    struct kad_request announce = {
        .kind = KAD_REQUEST_ANNOUNCE, .target.bytes = {1}, .port = 7, .keep = true};
    struct kad_node_config config;
    char why[256];

    kept.keep = true;
    member_configure(&config, &fate->member, 1, NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    test_malloc.armed = true;
    if (kad_node_new(&config, &fate->member.node, why, sizeof(why)) == 0) {
        if (kad_node_start(fate->member.node) == 0) {
            fate->started = true;
            fate->kept = ask(fate, &kept);
            fate->put = ask(fate, &put);
            ask(fate, &announce);
            ask(fate, &get);
            if (kad_node_post(fate->member.node, &get, member_on_done, &fate->member) == 0)
                fate->n_taken++;
            kad_node_stop(fate->member.node);
            while (!fate->member.stopped)
                uv_run(&member_loop, UV_RUN_ONCE);
        }
        kad_node_free(fate->member.node);
    }
    test_malloc.armed = false;
}

/* The same without want of memory; what was acknowledged before must be there. */
static void check_next_life(const struct fate *before, unsigned long at)
{
    const struct kad_request put = member_put_of("3:put"), kept = member_put_of("4:kept");
    struct kad_request get = {.kind = KAD_REQUEST_GET, .target = put.target};
    struct kad_node_config config;
    struct fate after = {.n_taken = 0};

    member_configure(&config, &after.member, 1, NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    member_start(&after.member, &config);
    EXPECT_MSG(!before->put || ask(&after, &get), "put, and lost: malloc %lu", at);
    get.target = kept.target;
    EXPECT_MSG(!before->kept || ask(&after, &get), "kept, and lost: malloc %lu", at);
    member_stop(&after.member);
}

static void open_directory(void)
{
    strcpy(directory, "/tmp/kad-malloc-XXXXXX");
    EXPECT(mkdtemp(directory) != NULL);
}

static void remove_directory(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", directory);
    EXPECT_EQ(system(command), 0);
}

static unsigned long sweep(bool for_ever)
{
    unsigned long at = 0, n_refused;
    long before;

    member_open_loop();
    open_directory();
    live(&(struct fate){.n_taken = 0}); /* what libraries keep for the rest of the process, they have now */
    live(&(struct fate){.n_taken = 0});
    remove_directory();
    do {
        struct fate fate = {.n_taken = 0};

        open_directory();
        test_malloc_fail_at(++at, for_ever);
        before = test_malloc.n_blocks;
        live(&fate);
        test_malloc.fail_at = 0;
        n_refused = test_malloc.n_refused;
        EXPECT_MSG(test_malloc.n_blocks == before, "malloc %lu: %ld blocks lost", at,
                   test_malloc.n_blocks - before);
        EXPECT_MSG(fate.member.n_done == fate.n_taken, "malloc %lu: of %u requests %u ended", at,
                   fate.n_taken, fate.member.n_done);
        check_next_life(&fate, at);
        remove_directory();
    } while (n_refused > 0);
    member_close_loop();
    return at;
}

TEST(each_malloc_may_fail_once)
{
    EXPECT(sweep(false) > 50);
}

TEST(all_mallocs_may_fail_from_each_on)
{
    EXPECT(sweep(true) > 50);
}
