/* stream - see stream.h. */
#include "http/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK (8 * 1024) /* given to the socket at a time */

struct kad_stream {
    struct kad_stream *next, *previous;
    struct kad_client *client;
    struct kad_door *door;
    struct MHD_Connection *connection;
    struct kad_feed_reader reader;
    bool greeted, suspended;
};

static ssize_t greet(struct kad_stream *stream, char *out, size_t room)
{
    const int n = snprintf(out, room, "retry: %d\n: kad %s\n\n", KAD_STREAM_RETRY_MS, KAD_VERSION);

    stream->greeted = true;
    return n > 0 && (size_t)n < room ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

/* MHD asks for more. 0 with the connection suspended: not now. */
static ssize_t on_read(void *context, uint64_t at, char *out, size_t room)
{
    struct kad_stream *stream = context;
    long n;

    (void)at;
    if (!stream->greeted)
        return greet(stream, out, room);
    n = kad_feed_read(stream->door->face->feed, &stream->reader, out, room);
    if (n > 0)
        return n;
    if (n == KAD_FEED_NOTHING) {
        stream->suspended = true;
        MHD_suspend_connection(stream->connection);
        return 0;
    }
    if (n == KAD_FEED_LOST)
        kad_client_cut(stream->client, KAD_WEB_SLOW_STREAM);
    return n == KAD_FEED_LOST ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
}

static void on_free(void *context)
{
    struct kad_stream *stream = context;

    if (stream->next)
        stream->next->previous = stream->previous;
    if (stream->previous)
        stream->previous->next = stream->next;
    else
        stream->door->streams = stream->next;
    stream->door->face->web->n_streams--;
    kad_feed_leave(stream->door->face->feed);
    free(stream);
}

struct MHD_Response *kad_stream_new(struct kad_client *client, struct MHD_Connection *connection,
                                    bool trusted, const char *network)
{
    struct kad_door *door = client->door;
    struct kad_stream *stream = calloc(1, sizeof *stream);
    struct MHD_Response *response =
        stream ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, stream, on_free) : NULL;

    if (!response) {
        free(stream);
        return NULL;
    }
    stream->client = client;
    stream->door = door;
    stream->connection = connection;
    stream->reader = kad_feed_join(door->face->feed, trusted, network);
    stream->next = door->streams;
    if (door->streams)
        door->streams->previous = stream;
    door->streams = stream;
    door->face->web->n_streams++;
    door->face->web->n_streams_begun++;
    MHD_add_response_header(response, "Content-Type", "text/event-stream");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Accel-Buffering", "no"); /* nginx would hold events back */
    return response;
}

void kad_streams_resume(struct kad_door *door)
{
    const struct kad_feed *feed = door->face->feed;

    for (struct kad_stream *stream = door->streams; stream; stream = stream->next) {
        if (kad_feed_overtook(feed, &stream->reader))
            kad_client_cut(stream->client, KAD_WEB_SLOW_STREAM);
        if (stream->suspended && kad_feed_has(feed, &stream->reader)) {
            stream->suspended = false;
            MHD_resume_connection(stream->connection);
        }
    }
}
