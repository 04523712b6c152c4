/*
 * replay - runs a journal (engine/journal.h) again: the same engine, given the same inputs, at the same instants.
 *
 *     kad_replay_open()   checks every block, rebuilds the engine as it stood when recording began
 *     kad_replay_step()   gives it the next input; at checkpoints compares what it has become with what it was
 *
 * Nothing is sent and no clock is read: what the engine would send goes into a batch that is thrown away, after it was hashed.
 * The store answers what it answered then. The first difference ends the replay and says where.
 */
#ifndef KAD_ENGINE_REPLAY_H
#define KAD_ENGINE_REPLAY_H

#include "engine/journal.h"

enum kad_replay_verdict {
    KAD_REPLAY_MORE,
    KAD_REPLAY_END,      /* of the recording: all of it came out the same */
    KAD_REPLAY_CUT,      /* the file ends early: the recorder was killed, or the file was truncated */
    KAD_REPLAY_LOST,     /* the recorder could not write as fast as things came, or reached its ceiling */
    KAD_REPLAY_CORRUPT,  /* a block's checksum or an item is wrong */
    KAD_REPLAY_DIVERGED, /* it came out differently */
};
const char *kad_replay_verdict_text(enum kad_replay_verdict verdict);

struct kad_replay;

struct kad_replay_config {
    const struct kad_allocator *allocator; /* NULL: malloc */
    struct kad_bytes file;                 /* lent until kad_replay_free() */
    /* What the engine told its host then; may be NULL. As with kad_engine_next_event(). */
    void (*on_event)(void *context, const struct kad_event *event, kad_ms now);
    void *context;
};

/* 0; KAD_E_CORRUPT (no journal, of another format, or damaged before the first input), KAD_E_NOT_FOUND (a network unknown
 * here), KAD_E_MEMORY; with a sentence in `out_why`. */
KAD_CHECK int kad_replay_open(const struct kad_replay_config *config, struct kad_replay **out_replay,
                              char *out_why, size_t why_size);
void kad_replay_free(struct kad_replay *replay); /* NULL is fine */

/* The next item. *out_item (may be NULL) is what was read, valid until the next call. */
enum kad_replay_verdict kad_replay_step(struct kad_replay *replay, const struct kad_journal_item **out_item);
/* Where and how it differed, once it has; else "". */
const char *kad_replay_why(const struct kad_replay *replay);

const struct kad_journal_head *kad_replay_head(const struct kad_replay *replay);
struct kad_engine *kad_replay_engine(struct kad_replay *replay); /* to look in */
struct kad_replay_stats {
    uint64_t n_items, n_inputs[KAD_JOURNAL_N_KINDS];
    uint64_t n_sent;
    kad_ms now; /* of the last input */
};
const struct kad_replay_stats *kad_replay_stats(const struct kad_replay *replay);

#endif
