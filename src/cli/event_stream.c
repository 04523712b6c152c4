/* event_stream - see event_stream.h. */
#include "cli/event_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "http/unix_socket.h"

int kad_event_stream_open(struct kad_event_stream *stream, const char *socket, const char *network)
{
    char request[128];
    const size_t size =
        (size_t)snprintf(request, sizeof request, "GET /events%s%.40s HTTP/1.0\r\nHost: localhost\r\n\r\n",
                         network ? "?network=" : "", network ? network : "");
    int fd;

    kad_event_stream_close(stream);
    fd = kad_unix_connect(socket);
    if (fd < 0)
        return fd;
    if (send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size) {
        close(fd);
        return KAD_E_SYSTEM;
    }
    stream->fd = fd;
    return KAD_OK;
}

void kad_event_stream_close(struct kad_event_stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    free(stream->bytes);
    *stream = (struct kad_event_stream){.fd = -1};
}

/* -- what came --------------------------------------------------------------------------------------------------- */

static int make_room(struct kad_event_stream *stream, size_t size)
{
    size_t room = stream->room ? stream->room : 4096;
    char *bytes;

    if (stream->at > 0)
        memmove(stream->bytes, stream->bytes + stream->at, stream->n - stream->at);
    stream->n -= stream->at;
    stream->at = 0;
    if (stream->n + size > KAD_EVENT_MAX)
        return KAD_E_LIMIT;
    while (room < stream->n + size)
        room += room;
    bytes = room == stream->room ? stream->bytes : realloc(stream->bytes, room);
    if (!bytes)
        return KAD_E_MEMORY;
    stream->bytes = bytes;
    stream->room = room;
    return KAD_OK;
}

/* "HTTP/1.1 200 OK" and headers, up to an empty line. They are dropped when they are all there. */
static int read_head(struct kad_event_stream *stream)
{
    static const char begins[] = "HTTP/1.";
    const size_t n = stream->n < sizeof begins - 1 ? stream->n : sizeof begins - 1;
    const char *end;
    int64_t status;
    char code[4];

    if (memcmp(stream->bytes, begins, n) != 0)
        return KAD_E_INVALID;
    end = memmem(stream->bytes, stream->n, "\r\n\r\n", 4);
    if (!end)
        return KAD_OK;
    snprintf(code, sizeof code, "%.3s", end - stream->bytes < 12 ? "" : stream->bytes + 9);
    if (kad_parse_number(code, 100, 999, &status) != KAD_OK)
        return KAD_E_INVALID;
    stream->status = (unsigned)status;
    stream->at = (size_t)(end + 4 - stream->bytes);
    stream->begun = true;
    return status == 200 ? KAD_OK : KAD_E_INVALID;
}

int kad_event_stream_add(struct kad_event_stream *stream, struct kad_bytes bytes)
{
    int error;

    if (bytes.size == 0)
        return KAD_OK;
    error = make_room(stream, bytes.size);
    if (error != KAD_OK)
        return error;
    memcpy(stream->bytes + stream->n, bytes.data, bytes.size);
    stream->n += bytes.size;
    return stream->begun ? KAD_OK : read_head(stream);
}

int kad_event_stream_read(struct kad_event_stream *stream)
{
    uint8_t bytes[16384];
    const ssize_t n = recv(stream->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n == 0)
        return KAD_E_CLOSED;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? KAD_OK : errno == ECONNRESET ? KAD_E_CLOSED : KAD_E_SYSTEM;
    return kad_event_stream_add(stream, (struct kad_bytes){bytes, (size_t)n});
}

/* -- events ------------------------------------------------------------------------------------------------------ */

/* The value of a line "name: value"; the line is made a string. */
static char *value_of(char *line, size_t size, const char *name)
{
    const size_t prefix = strlen(name);

    if (size < prefix || memcmp(line, name, prefix) != 0)
        return NULL;
    line[size] = 0;
    return line + prefix;
}

/* Events of ours have a line for the kind and one for the data. Comments and `retry` are passed over. */
bool kad_event_stream_next(struct kad_event_stream *stream, struct kad_stream_event *out_event)
{
    while (stream->begun) {
        char *at = stream->bytes + stream->at, *end = memmem(at, stream->n - stream->at, "\n\n", 2);
        struct kad_stream_event event = {0};

        if (!end)
            return false;
        stream->at = (size_t)(end + 2 - stream->bytes);
        while (at <= end) {
            char *newline = memchr(at, '\n', (size_t)(end + 1 - at)), *value;

            value = value_of(at, (size_t)(newline - at), "event: ");
            event.kind = value ? value : event.kind;
            value = value ? NULL : value_of(at, (size_t)(newline - at), "data: ");
            event.data = value ? value : event.data;
            at = newline + 1;
        }
        if (event.kind && event.data) {
            *out_event = event;
            return true;
        }
    }
    return false;
}
