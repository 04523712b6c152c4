/*
 * taken - letters that this node has handed to its user. A holder forgets one when it hears that it arrived; if that word is lost,
 * or the letter comes to it late, it gives it again: whoever takes sees it once all the same.
 *
 * The last KAD_TAKEN_MAX are remembered as long as each may live, a hash each; not over a restart.
 */
#ifndef KAD_NODE_TAKEN_H
#define KAD_NODE_TAKEN_H

#include "base/alloc.h"
#include "kad/engine.h"

#define KAD_TAKEN_MAX 4096

/* Zero is one without letters. */
struct kad_taken {
    struct {
        uint8_t hash[32];
        kad_ms until;
    } * list; /* KAD_TAKEN_MAX, had with the first */
    size_t next;
};

void kad_taken_clear(struct kad_taken *taken, const struct kad_allocator *allocator);
/* The end of a TAKE, Unix time `now`: leaves out what was handed over before, and remembers the rest. *out_records is where the records
 * stand then, to be given back with kad_free() (event->done.n_records was passed in as *out_room); NULL: where they stood. */
void kad_taken_filter(struct kad_taken *taken, const struct kad_allocator *allocator, struct kad_event *event,
                      kad_ms now, struct kad_record **out_records, size_t *out_room);

#endif
