#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/test.h"
#include "engine/replay.h"
#include "node/test_member.h"

static char path[64];

/* A name in a folder of this test's own. */
static void name_file(void)
{
    snprintf(path, sizeof(path), "/tmp/kad-recorder-XXXXXX");
    EXPECT(mkdtemp(path) != NULL);
    strcat(path, "/journal");
}

static void remove_file(void)
{
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
}

static enum kad_replay_verdict replayed(void)
{
    static uint8_t bytes[1 << 20];
    const int fd = open(path, O_RDONLY);
    const ssize_t n = read(fd, bytes, sizeof(bytes));
    const struct kad_replay_config config = {.file = {bytes, n > 0 ? (size_t)n : 0}};
    enum kad_replay_verdict verdict;
    struct kad_replay *replay;
    char why[256];

    close(fd);
    EXPECT_MSG(kad_replay_open(&config, &replay, why, sizeof(why)) == KAD_OK, "%s", why);
    while ((verdict = kad_replay_step(replay, NULL)) == KAD_REPLAY_MORE)
        ;
    kad_replay_free(replay);
    return verdict;
}

static struct kad_recording recording_of(const struct member *member)
{
    struct kad_recording recording = {.running = false};

    EXPECT(kad_node_recording(member->node, &recording));
    return recording;
}

static void await_end(const struct member *member)
{
    while (recording_of(member).running)
        uv_run(&member_loop, UV_RUN_ONCE);
}

/* -- a worker that has other things to do ----------------------------------------------------------------------- */

static uv_sem_t may_go_on;

static void wait_long(uv_work_t *work)
{
    (void)work;
    uv_sem_wait(&may_go_on);
}

static void waited(uv_work_t *work, int status)
{
    (void)work;
    EXPECT_EQ(status, 0);
}

/* What was recorded between a writing's beginning and its end, the end of the recording included, is written too. */
TEST(end_that_comes_while_a_writing_waits_is_written)
{
    struct member member;
    uv_work_t busy;
    uint64_t n_begun;
    char why[256];

    setenv("UV_THREADPOOL_SIZE", "1", 1);
    name_file();
    member_open_loop();
    member_join(&member, 1, NULL);
    EXPECT_EQ(uv_sem_init(&may_go_on, 0), 0);
    EXPECT_EQ(uv_queue_work(&member_loop, &busy, wait_long, waited), 0);
    EXPECT_EQ(kad_node_record(member.node, path, 0, 0, why, sizeof(why)), KAD_OK);
    while ((n_begun = recording_of(&member).n_bytes) == 0)
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT(kad_node_record_stop(member.node));
    while (recording_of(&member).n_bytes == n_begun)
        uv_run(&member_loop, UV_RUN_ONCE);
    uv_sem_post(&may_go_on);
    await_end(&member);
    EXPECT(!recording_of(&member).lost);
    EXPECT_EQ(replayed(), KAD_REPLAY_END);
    member_stop(&member);
    uv_sem_destroy(&may_go_on);
    member_close_loop();
    remove_file();
}

/* Whoever stops a recording in the same breath as it began has one of nothing, not one that never ends. */
TEST(recording_that_is_stopped_at_once_ends)
{
    struct member member;
    char why[256];

    name_file();
    member_open_loop();
    member_join(&member, 1, NULL);
    EXPECT_EQ(kad_node_record(member.node, path, 0, 0, why, sizeof(why)), KAD_OK);
    EXPECT(kad_node_record_stop(member.node));
    await_end(&member);
    EXPECT_EQ(replayed(), KAD_REPLAY_END);
    member_stop(&member);
    member_close_loop();
    remove_file();
}
