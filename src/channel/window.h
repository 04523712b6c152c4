/*
 * window - which counters of a session have been seen: each is taken once, whatever the order they come in.
 *
 * The newest KAD_WINDOW counters are told apart; what is older counts as seen. The last 64 stand in the
 * structure; the rest is asked of the allocator when a session first gets that far, which most never do. Without that
 * memory the window is 64 wide: a late message is then lost, none is ever taken twice.
 */
#ifndef KAD_CHANNEL_WINDOW_H
#define KAD_CHANNEL_WINDOW_H

#include "base/alloc.h"

#define KAD_WINDOW       1024
#define KAD_WINDOW_WORDS (KAD_WINDOW / 64)

struct kad_window {
    uint64_t next;   /* one above the newest seen */
    uint64_t recent; /* bit i: next - 1 - i was seen */
    uint64_t *words; /* NULL, or KAD_WINDOW_WORDS: bit c % 64 of word c / 64 % KAD_WINDOW_WORDS */
};

/* All zeros is a window that has seen nothing. */
void kad_window_clear(struct kad_window *window, const struct kad_allocator *allocator);
/* Was it seen, or is it too old to tell? */
bool kad_window_seen(const struct kad_window *window, uint64_t counter);
/* It was not seen before; now it was. Less than UINT64_MAX. */
void kad_window_mark(struct kad_window *window, const struct kad_allocator *allocator, uint64_t counter);

#endif
