#include "engine/test_journal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool keep(void *context, struct kad_bytes block)
{
    struct test_tape *tape = context;

    if (tape->most && tape->n + block.size > tape->most)
        return false;
    if (tape->n + block.size > tape->room) {
        tape->room = 2 * (tape->n + block.size);
        tape->bytes = realloc(tape->bytes, tape->room);
    }
    memcpy(tape->bytes + tape->n, block.data, block.size);
    tape->n += block.size;
    return true;
}

void test_tape_clear(struct test_tape *tape)
{
    free(tape->bytes);
    *tape = (struct test_tape){0};
}

struct kad_journal *test_tape_begin(struct test_tape *tape, struct kad_engine *engine, kad_ms check_every_ms,
                                    kad_ms now)
{
    const struct kad_journal_config config = {
        .version = "test", .check_every_ms = check_every_ms, .write = keep, .context = tape};
    struct kad_journal *journal = NULL;
    const int error = kad_journal_begin(engine, &config, now, &journal);

    assert(error == KAD_OK);
    (void)error;
    return journal;
}

enum kad_replay_verdict test_tape_replay(const struct test_tape *tape, struct kad_replay_stats *out_stats,
                                         char *why)
{
    const struct kad_replay_config config = {.file = {tape->bytes, tape->n}};
    enum kad_replay_verdict verdict;
    struct kad_replay *replay;
    char reason[TEST_TAPE_WHY];

    if (kad_replay_open(&config, &replay, reason, sizeof(reason)) != KAD_OK) {
        if (why)
            snprintf(why, TEST_TAPE_WHY, "%s", reason);
        return KAD_REPLAY_CORRUPT;
    }
    do
        verdict = kad_replay_step(replay, NULL);
    while (verdict == KAD_REPLAY_MORE);
    if (why)
        snprintf(why, TEST_TAPE_WHY, "%s", kad_replay_why(replay));
    if (out_stats)
        *out_stats = *kad_replay_stats(replay);
    kad_replay_free(replay);
    return verdict;
}
