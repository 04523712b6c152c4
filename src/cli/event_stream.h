/*
 * event_stream - a client of the node's /events, over its local socket.
 *
 * Asked for in HTTP/1.0, so that the answer is the events and nothing else, up to the end of the connection. The descriptor
 * is there to be polled; read() takes what has come, and next() hands out event by event:
 *
 *     open()  ->  poll fd  ->  read()  ->  while (next()) ...
 */
#ifndef KAD_CLI_EVENT_STREAM_H
#define KAD_CLI_EVENT_STREAM_H

#include "kad/types.h"

/* The feed keeps 256 KiB for a reader at most; one event is smaller. */
#define KAD_EVENT_MAX ((size_t)512 * 1024)

struct kad_event_stream {
    int fd;      /* -1: not open */
    char *bytes; /* what came and was not handed out */
    size_t n, room, at;
    bool begun; /* the head of the answer has been read */
    unsigned status;
};

struct kad_stream_event {
    char *kind, *data; /* borrowed, until the next read() */
};

/* Begins and asks; what is still open is closed. 0, KAD_E_NOT_FOUND or KAD_E_REFUSED (nobody there), or KAD_E_SYSTEM. */
KAD_CHECK int kad_event_stream_open(struct kad_event_stream *stream, const char *socket, const char *network);
void kad_event_stream_close(struct kad_event_stream *stream);

/* 0, also when nothing came; KAD_E_CLOSED at the end, KAD_E_INVALID (not an answer with events; `status` says which, 0: none),
 * KAD_E_LIMIT, KAD_E_MEMORY or KAD_E_SYSTEM. */
KAD_CHECK int kad_event_stream_read(struct kad_event_stream *stream);
/* The same with bytes instead of a socket. */
KAD_CHECK int kad_event_stream_add(struct kad_event_stream *stream, struct kad_bytes bytes);
bool kad_event_stream_next(struct kad_event_stream *stream, struct kad_stream_event *out_event);

#endif
