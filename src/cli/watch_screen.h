/*
 * watch_screen - what kad watch knows of a node, and the picture of it.
 *
 *     kad_watch_node()     the answer of /api/node
 *     kad_watch_event()    one event of the feed
 *     kad_watch_draw()     lines for a screen of any size: what matters most is on top, what has no room is left out
 *
 * Nothing is read or written here, so a picture is a function of what was told.
 */
#ifndef KAD_CLI_WATCH_SCREEN_H
#define KAD_CLI_WATCH_SCREEN_H

#include <jansson.h>

#include "kad/types.h"

#define KAD_WATCH_LINE  120 /* bytes of a line that is kept */
#define KAD_WATCH_LINES 64
#define KAD_WATCH_GRAPH 240 /* seconds */

struct kad_watch_line {
    char text[KAD_WATCH_LINE];
    bool is_wrong; /* a failure, a warning */
};

/* The last lines of one kind. */
struct kad_watch_list {
    struct kad_watch_line lines[KAD_WATCH_LINES];
    uint64_t n; /* ever added; line i stands at i % KAD_WATCH_LINES */
};

struct kad_watch {
    json_t *node, *stats; /* ours; NULL: not told yet */
    struct kad_watch_list lookups, events;
    float rates[KAD_WATCH_GRAPH]; /* bytes per second, both ways; the newest at n_rates - 1 */
    size_t n_rates;
    bool connected;
    const char *note; /* why not; a literal */
};

void kad_watch_clear(struct kad_watch *watch);
void kad_watch_node(struct kad_watch *watch, json_t *node); /* taken over; NULL is ignored */
/* `when`: "12:34:56". `data` is lent. */
void kad_watch_event(struct kad_watch *watch, const char *when, const char *kind, const json_t *data);

/* One event as a line of text, without a time. Truncated to `room`. Returns whether something went wrong in it. */
bool kad_watch_describe(const char *kind, const json_t *data, char *out_text, size_t room);

/* `rows` lines of at most `columns` characters, "\n" between them; malloc'ed, or NULL. */
char *kad_watch_draw(const struct kad_watch *watch, unsigned rows, unsigned columns, bool colour);

#endif
