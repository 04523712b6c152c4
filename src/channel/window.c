#include "channel/window.h"

#include <assert.h>
#include <string.h>

enum { RECENT = 64 };

void kad_window_clear(struct kad_window *window, const struct kad_allocator *allocator)
{
    kad_free(allocator, window->words, KAD_WINDOW_WORDS * sizeof(*window->words));
    *window = (struct kad_window){0};
}

static uint64_t *word_of(const struct kad_window *window, uint64_t counter)
{
    return &window->words[counter / 64 % KAD_WINDOW_WORDS];
}

bool kad_window_seen(const struct kad_window *window, uint64_t counter)
{
    uint64_t behind;

    if (counter >= window->next)
        return false;
    behind = window->next - 1 - counter;
    if (behind < RECENT)
        return window->recent >> behind & 1;
    if (!window->words || behind >= KAD_WINDOW)
        return true;
    return *word_of(window, counter) >> counter % 64 & 1;
}

/* What the last 64 know goes into the ring: all before that has been forgotten, so counts as seen. */
static void widen(struct kad_window *window, const struct kad_allocator *allocator)
{
    window->words = kad_alloc(allocator, KAD_WINDOW_WORDS * sizeof(*window->words));
    if (!window->words)
        return;
    memset(window->words, 0xff, KAD_WINDOW_WORDS * sizeof(*window->words));
    for (uint64_t behind = 0; behind < RECENT && behind < window->next; behind++) {
        const uint64_t counter = window->next - 1 - behind;

        if (!(window->recent >> behind & 1))
            *word_of(window, counter) &= ~(UINT64_C(1) << counter % 64);
    }
}

/* Counters from window->next to `counter` have not been seen: their bits are cleared. */
static void forget_ahead(struct kad_window *window, uint64_t counter)
{
    uint64_t from = window->next;

    if (counter - from >= KAD_WINDOW)
        from = counter - KAD_WINDOW + 1;
    for (uint64_t at = from; at <= counter;) {
        if (at % 64 == 0 && counter - at >= 63) {
            *word_of(window, at) = 0;
            at += 64;
        } else {
            *word_of(window, at) &= ~(UINT64_C(1) << at % 64);
            at++;
        }
    }
}

void kad_window_mark(struct kad_window *window, const struct kad_allocator *allocator, uint64_t counter)
{
    assert(!kad_window_seen(window, counter) && counter < UINT64_MAX);
    if (!window->words && counter >= RECENT)
        widen(window, allocator);
    if (counter >= window->next) {
        const uint64_t step = counter + 1 - window->next;

        if (window->words)
            forget_ahead(window, counter);
        window->recent = step < RECENT ? window->recent << step : 0;
        window->next = counter + 1;
    }
    if (window->next - 1 - counter < RECENT)
        window->recent |= UINT64_C(1) << (window->next - 1 - counter);
    if (window->words)
        *word_of(window, counter) |= UINT64_C(1) << counter % 64;
}
