/*
 * feed - what happens in the node, for everybody who listens (GET /events, the WebSocket).
 *
 *     kad_feed_wanted()   somebody listens: worth making a message
 *     kad_feed_add()      a message; the oldest give way to it
 *     kad_feed_read()     the next bytes for one reader, who is nothing but a place in the feed
 *
 *     ...| 17 | 18 | 19 | 20 |       first = 17, next = 21; a reader at 18 has three messages to take
 *
 * Messages are kept once, however many listen, and both their number and their bytes are bounded. So a slow reader costs
 * what a quick one does, until its place is overtaken: then it has lost messages, and is told so by KAD_FEED_LOST.
 */
#ifndef KAD_HTTP_FEED_H
#define KAD_HTTP_FEED_H

#include <jansson.h>

#include "kad/types.h"

#define KAD_FEED_MESSAGES 1024
#define KAD_FEED_BYTES    (256 * 1024)

struct kad_feed_message {
    char *text; /* "event: KIND\ndata: {...}\n\n" */
    size_t size;
    const char *kind, *network;
    size_t data_at, data_size; /* the JSON in it */
    bool secret;               /* for readers who may see what this node's own users do */
};

struct kad_feed {
    struct kad_feed_message ring[KAD_FEED_MESSAGES]; /* message n stands at n % KAD_FEED_MESSAGES */
    uint64_t first, next;
    size_t bytes;
    unsigned n_readers;
    uint64_t n_lost;                /* readers that were overtaken, since the start */
    void (*changed)(void *context); /* there is something to read; may be NULL */
    void *context;
    bool closed; /* nothing will come any more */
};

struct kad_feed_reader {
    uint64_t at;         /* message */
    size_t offset;       /* bytes of it that were taken */
    bool trusted;        /* sees secret messages, too */
    const char *network; /* hears of this one alone; NULL: of all */
};

enum { KAD_FEED_NOTHING = 0, KAD_FEED_LOST = -1, KAD_FEED_END = -2 };

void kad_feed_init(struct kad_feed *feed);
void kad_feed_clear(struct kad_feed *feed);

static inline bool kad_feed_wanted(const struct kad_feed *feed)
{
    return feed && feed->n_readers > 0 && !feed->closed;
}

/* Takes over `data` (NULL: no memory; then nothing is added), into which goes of which network it is told. `kind` and `network`
 * are literals. */
void kad_feed_add(struct kad_feed *feed, const char *network, const char *kind, json_t *data, bool secret);
void kad_feed_close(struct kad_feed *feed);

/* A reader at the end of the feed: what comes from now on. */
struct kad_feed_reader kad_feed_join(struct kad_feed *feed, bool trusted, const char *network);
void kad_feed_leave(struct kad_feed *feed);
/* Up to `room` bytes of server-sent events, or one of the above. */
long kad_feed_read(const struct kad_feed *feed, struct kad_feed_reader *reader, char *out, size_t room);
/* The next whole message, NULL and one of the above in *out_why. It is the feed's, until the next is added. */
const struct kad_feed_message *kad_feed_take(const struct kad_feed *feed, struct kad_feed_reader *reader,
                                             long *out_why);
/* Whether read() would give something other than NOTHING. */
bool kad_feed_has(const struct kad_feed *feed, const struct kad_feed_reader *reader);
bool kad_feed_overtook(const struct kad_feed *feed, const struct kad_feed_reader *reader);

#endif
