/* test_journal - a journal in memory. */
#ifndef KAD_ENGINE_TEST_JOURNAL_H
#define KAD_ENGINE_TEST_JOURNAL_H

#include "engine/replay.h"

struct test_tape {
    uint8_t *bytes;
    size_t n, room, most; /* most: blocks that would pass it are refused */
};

void test_tape_clear(struct test_tape *tape);
struct kad_journal *test_tape_begin(struct test_tape *tape, struct kad_engine *engine, kad_ms check_every_ms,
                                    kad_ms now);
/* Runs it to its end. `why` (KAD_TAPE_WHY bytes, may be NULL) says what differed. */
#define TEST_TAPE_WHY 256
enum kad_replay_verdict test_tape_replay(const struct test_tape *tape, struct kad_replay_stats *out_stats,
                                         char *why);

#endif
