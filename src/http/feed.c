/* feed - see feed.h. */
#include "http/feed.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kad_feed_init(struct kad_feed *feed)
{
    *feed = (struct kad_feed){.first = 1, .next = 1};
}

static struct kad_feed_message *at(const struct kad_feed *feed, uint64_t n)
{
    return (struct kad_feed_message *)&feed->ring[n % KAD_FEED_MESSAGES];
}

static void drop_oldest(struct kad_feed *feed)
{
    struct kad_feed_message *oldest = at(feed, feed->first++);

    feed->bytes -= oldest->size;
    free(oldest->text);
    *oldest = (struct kad_feed_message){0};
}

void kad_feed_clear(struct kad_feed *feed)
{
    while (feed->first < feed->next)
        drop_oldest(feed);
}

static bool format(const char *kind, const char *json, struct kad_feed_message *out_message)
{
    char *text;
    const int n = asprintf(&text, "event: %s\ndata: %s\n\n", kind, json);

    if (n < 0)
        return false;
    *out_message = (struct kad_feed_message){
        .text = text,
        .size = (size_t)n,
        .kind = kind,
        .data_at = strlen("event: \ndata: ") + strlen(kind),
        .data_size = strlen(json),
    };
    return true;
}

static char *take_text(const struct kad_feed *feed, const char *network, json_t *data)
{
    char *text = NULL;

    if (data && kad_feed_wanted(feed) && json_object_set_new(data, "network", json_string(network)) == 0)
        text = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(data);
    return text;
}

void kad_feed_add(struct kad_feed *feed, const char *network, const char *kind, json_t *data, bool secret)
{
    char *json = take_text(feed, network, data);
    struct kad_feed_message message;
    const bool made = json && strlen(json) < KAD_FEED_BYTES / 2 && format(kind, json, &message);

    free(json);
    if (!made)
        return;
    message.secret = secret;
    message.network = network;
    while (feed->next - feed->first >= KAD_FEED_MESSAGES ||
           (feed->first < feed->next && feed->bytes + message.size > KAD_FEED_BYTES))
        drop_oldest(feed);
    feed->bytes += message.size;
    *at(feed, feed->next++) = message;
    if (feed->changed)
        feed->changed(feed->context);
}

void kad_feed_close(struct kad_feed *feed)
{
    feed->closed = true;
    if (feed->changed)
        feed->changed(feed->context);
}

struct kad_feed_reader kad_feed_join(struct kad_feed *feed, bool trusted, const char *network)
{
    feed->n_readers++;
    return (struct kad_feed_reader){.at = feed->next, .trusted = trusted, .network = network};
}

void kad_feed_leave(struct kad_feed *feed)
{
    assert(feed->n_readers > 0 && "who leaves has joined");
    if (--feed->n_readers == 0)
        kad_feed_clear(feed);
}

bool kad_feed_overtook(const struct kad_feed *feed, const struct kad_feed_reader *reader)
{
    return reader->at < feed->first;
}

static bool is_for(const struct kad_feed_message *message, const struct kad_feed_reader *reader)
{
    return (reader->trusted || !message->secret) &&
           (!reader->network || strcmp(reader->network, message->network) == 0);
}

/* The message the reader stands at, past those that are not for it; NULL: none yet. */
static const struct kad_feed_message *current(const struct kad_feed *feed, struct kad_feed_reader *reader)
{
    while (reader->at < feed->next && !is_for(at(feed, reader->at), reader))
        reader->at++;
    return reader->at < feed->next ? at(feed, reader->at) : NULL;
}

bool kad_feed_has(const struct kad_feed *feed, const struct kad_feed_reader *reader)
{
    struct kad_feed_reader copy = *reader;

    return feed->closed || kad_feed_overtook(feed, reader) || current(feed, &copy);
}

long kad_feed_read(const struct kad_feed *feed, struct kad_feed_reader *reader, char *out, size_t room)
{
    const struct kad_feed_message *message;
    size_t n = 0;

    if (kad_feed_overtook(feed, reader))
        return KAD_FEED_LOST;
    while (n < room && (message = current(feed, reader))) {
        const size_t left = message->size - reader->offset, part = left < room - n ? left : room - n;

        memcpy(out + n, message->text + reader->offset, part);
        n += part;
        reader->offset += part;
        if (reader->offset == message->size) {
            reader->offset = 0;
            reader->at++;
        }
    }
    if (n == 0)
        return feed->closed ? KAD_FEED_END : KAD_FEED_NOTHING;
    return (long)n;
}

const struct kad_feed_message *kad_feed_take(const struct kad_feed *feed, struct kad_feed_reader *reader,
                                             long *out_why)
{
    const struct kad_feed_message *message = NULL;

    if (kad_feed_overtook(feed, reader)) {
        *out_why = KAD_FEED_LOST;
        return NULL;
    }
    message = current(feed, reader);
    *out_why = message ? 1 : feed->closed ? KAD_FEED_END : KAD_FEED_NOTHING;
    reader->at += message != NULL;
    return message;
}
