#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "net/address.h"

struct kad_listener {
    uv_tcp_t tcp, spare; /* spare: for who cannot be let in */
    bool refusing, again, closing;
    unsigned n_parts; /* of these two, what the loop has */
    struct kad_streams *streams;
    struct kad_listener *next;
    struct kad_endpoint bound;
    void *user;
    int fd; /* -1: the loop has it */
};

struct kad_stream {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct kad_streams *streams;
    struct kad_stream *next, *previous;
    void *user;
    uint8_t *unsent; /* what `write` has; NULL: nothing */
    size_t n_unsent;
    bool connected, closed;
    bool wants; /* a write did not take all */
};

struct kad_streams {
    uv_loop_t *loop;
    const struct kad_allocator *allocator;
    struct kad_stream_calls calls;
    void *context;
    struct kad_listener *listeners;
    struct kad_stream *first;
    unsigned n, n_handles; /* connections; handles that the loop has */
    bool closing;
    void (*on_closed)(void *context);
    struct kad_stream_counters counters;
    uint8_t buffer[KAD_STREAM_READ];
};

/* -- life ------------------------------------------------------------------------------------------------------- */

int kad_streams_new(uv_loop_t *loop, const struct kad_allocator *allocator,
                    const struct kad_stream_calls *calls, void *context, struct kad_streams **out_streams)
{
    struct kad_streams *streams = kad_alloc_zero(allocator, sizeof(*streams));

    if (!streams)
        return KAD_E_MEMORY;
    streams->loop = loop;
    streams->allocator = allocator;
    streams->calls = *calls;
    streams->context = context;
    *out_streams = streams;
    return KAD_OK;
}

static void free_when_empty(struct kad_streams *streams)
{
    void (*const on_closed)(void *context) = streams->on_closed;
    void *const context = streams->context;

    if (!streams->closing || streams->n_handles)
        return;
    kad_free(streams->allocator, streams, sizeof(*streams));
    if (on_closed)
        on_closed(context);
}

static void listener_part_closed(struct kad_listener *listener)
{
    struct kad_streams *streams = listener->streams;

    if (--listener->n_parts == 0)
        kad_free(streams->allocator, listener, sizeof(*listener));
    streams->n_handles--;
    free_when_empty(streams);
}

static void listener_closed(uv_handle_t *handle)
{
    listener_part_closed(handle->data);
}

void kad_streams_close(struct kad_streams *streams, void (*on_closed)(void *context))
{
    assert(!streams->closing);
    while (streams->first)
        kad_stream_close(streams->first);
    for (struct kad_listener *listener = streams->listeners, *next; listener; listener = next) {
        next = listener->next;
        listener->closing = true;
        if (listener->fd < 0) {
            uv_close((uv_handle_t *)&listener->tcp, listener_closed);
        } else {
            close(listener->fd);
            kad_free(streams->allocator, listener, sizeof(*listener));
        }
    }
    streams->listeners = NULL;
    streams->closing = true;
    streams->on_closed = on_closed;
    free_when_empty(streams);
}

unsigned kad_streams_count(const struct kad_streams *streams)
{
    return streams->n;
}

const struct kad_stream_counters *kad_streams_counters(const struct kad_streams *streams)
{
    return &streams->counters;
}

/* -- connections ------------------------------------------------------------------------------------------------- */

static void stream_closed(uv_handle_t *handle)
{
    struct kad_stream *stream = handle->data;
    struct kad_streams *streams = stream->streams;

    kad_free(streams->allocator, stream->unsent, stream->unsent ? KAD_STREAM_UNSENT : 0);
    kad_free(streams->allocator, stream, sizeof(*stream));
    streams->n_handles--;
    free_when_empty(streams);
}

void kad_stream_close(struct kad_stream *stream)
{
    struct kad_streams *streams = stream->streams;

    assert(!stream->closed);
    stream->closed = true;
    streams->n--;
    if (stream->previous)
        stream->previous->next = stream->next;
    else
        streams->first = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    uv_close((uv_handle_t *)&stream->tcp, stream_closed);
}

/* NULL: no memory. */
static struct kad_stream *stream_new(struct kad_streams *streams, void *user)
{
    struct kad_stream *stream = kad_alloc_zero(streams->allocator, sizeof(*stream));

    if (!stream)
        return NULL;
    if (uv_tcp_init(streams->loop, &stream->tcp) < 0) {
        kad_free(streams->allocator, stream, sizeof(*stream));
        return NULL;
    }
    stream->tcp.data = stream->connect.data = stream->write.data = stream;
    stream->streams = streams;
    stream->user = user;
    stream->next = streams->first;
    if (stream->next)
        stream->next->previous = stream;
    streams->first = stream;
    streams->n++;
    streams->n_handles++;
    return stream;
}

void kad_stream_set_user(struct kad_stream *stream, void *user)
{
    stream->user = user;
}

/* -- reading ----------------------------------------------------------------------------------------------------- */

static void lend(uv_handle_t *handle, size_t wanted, uv_buf_t *out_buffer)
{
    struct kad_stream *stream = handle->data;

    (void)wanted;
    *out_buffer = uv_buf_init((char *)stream->streams->buffer, KAD_STREAM_READ);
}

static void end(struct kad_stream *stream, int error)
{
    struct kad_streams *streams = stream->streams;

    uv_read_stop((uv_stream_t *)&stream->tcp);
    streams->calls.ended(streams->context, stream->user, error);
}

static void came(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buffer)
{
    struct kad_stream *stream = tcp->data;
    struct kad_streams *streams = stream->streams;

    if (n < 0) {
        end(stream, n == UV_EOF ? 0 : (int)-n);
    } else if (n > 0) {
        streams->counters.bytes_in += (uint64_t)n;
        streams->calls.bytes(streams->context, stream->user, (uint8_t *)buffer->base, (size_t)n);
    }
}

static int begin(struct kad_stream *stream)
{
    uv_tcp_nodelay(&stream->tcp, 1);
    stream->connected = true;
    return uv_read_start((uv_stream_t *)&stream->tcp, lend, came);
}

/* -- coming to be ------------------------------------------------------------------------------------------------- */

static void refuse(struct kad_listener *listener);

static void refused(uv_handle_t *handle)
{
    struct kad_listener *listener = handle->data;

    listener->refusing = false;
    if (listener->again && !listener->closing) {
        listener->again = false;
        refuse(listener);
    }
    listener_part_closed(listener);
}

/* There is no memory for who came. He is taken all the same, or the loop would ask for no more. */
static void refuse(struct kad_listener *listener)
{
    listener->streams->counters.failed++;
    listener->again = listener->refusing; /* after the one before */
    if (listener->refusing || uv_tcp_init(listener->streams->loop, &listener->spare) < 0)
        return;
    listener->refusing = true;
    listener->spare.data = listener;
    listener->n_parts++;
    listener->streams->n_handles++;
    (void)uv_accept((uv_stream_t *)&listener->tcp, (uv_stream_t *)&listener->spare);
    uv_close((uv_handle_t *)&listener->spare, refused);
}

static void knocked(uv_stream_t *tcp, int status)
{
    struct kad_listener *listener = tcp->data;
    struct kad_streams *streams = listener->streams;
    struct kad_stream *stream;
    union kad_address address;
    struct kad_endpoint from;
    int size = sizeof(address);

    if (status < 0)
        return;
    stream = stream_new(streams, NULL);
    if (!stream) {
        refuse(listener);
        return;
    }
    if (uv_accept(tcp, (uv_stream_t *)&stream->tcp) < 0 ||
        uv_tcp_getpeername(&stream->tcp, &address.any, &size) < 0 || begin(stream) < 0) {
        streams->counters.failed++;
        kad_stream_close(stream);
        return;
    }
    from = kad_address_endpoint(&address.any);
    streams->counters.accepted++;
    streams->calls.accepted(streams->context, listener->user, stream, &from);
}

static void reached(uv_connect_t *connect, int status)
{
    struct kad_stream *stream = connect->data;
    struct kad_streams *streams = stream->streams;

    if (stream->closed)
        return;
    if (status == 0)
        status = begin(stream);
    if (status < 0) {
        streams->counters.failed++;
        streams->calls.ended(streams->context, stream->user, -status);
    } else {
        streams->calls.connected(streams->context, stream->user);
    }
}

int kad_stream_dial(struct kad_streams *streams, const struct kad_endpoint *to, void *user,
                    struct kad_stream **out_stream)
{
    struct kad_stream *stream = stream_new(streams, user);
    union kad_address address;
    int status;

    if (!stream)
        return KAD_E_MEMORY;
    kad_address_from(to, &address);
    streams->counters.dialled++;
    status = uv_tcp_connect(&stream->connect, &stream->tcp, &address.any, reached);
    if (status < 0) {
        streams->counters.failed++;
        kad_stream_close(stream);
        errno = -status;
        return KAD_E_SYSTEM;
    }
    *out_stream = stream;
    return KAD_OK;
}

/* -- writing ----------------------------------------------------------------------------------------------------- */

static void left(uv_write_t *write, int status)
{
    struct kad_stream *stream = write->data;
    struct kad_streams *streams = stream->streams;

    if (stream->closed)
        return;
    kad_free(streams->allocator, stream->unsent, KAD_STREAM_UNSENT);
    stream->unsent = NULL;
    streams->counters.bytes_out += status == 0 ? stream->n_unsent : 0;
    if (status < 0) {
        end(stream, -status);
    } else if (stream->wants) {
        stream->wants = false;
        streams->calls.writable(streams->context, stream->user);
    }
}

/* What the system does not take now waits in a copy: up to so much of it. */
static size_t keep(struct kad_stream *stream, struct kad_bytes bytes)
{
    const size_t n = bytes.size < KAD_STREAM_UNSENT ? bytes.size : KAD_STREAM_UNSENT;
    uv_buf_t buffer;

    stream->unsent = kad_alloc(stream->streams->allocator, KAD_STREAM_UNSENT);
    if (!stream->unsent)
        return 0;
    memcpy(stream->unsent, bytes.data, n);
    stream->n_unsent = n;
    buffer = uv_buf_init((char *)stream->unsent, (unsigned)n);
    if (uv_write(&stream->write, (uv_stream_t *)&stream->tcp, &buffer, 1, left) < 0) {
        kad_free(stream->streams->allocator, stream->unsent, KAD_STREAM_UNSENT);
        stream->unsent = NULL;
        return 0;
    }
    return n;
}

size_t kad_stream_write(struct kad_stream *stream, struct kad_bytes bytes)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes.data, (unsigned)bytes.size);
    size_t n = 0;
    int written;

    assert(stream->connected && !stream->closed);
    if (!stream->unsent && bytes.size) {
        written = uv_try_write((uv_stream_t *)&stream->tcp, &buffer, 1);
        n = written > 0 ? (size_t)written : 0;
        stream->streams->counters.bytes_out += n;
        if (n < bytes.size) /* an error of it, too, is told by the write that waits */
            n += keep(stream, (struct kad_bytes){bytes.data + n, bytes.size - n});
    }
    if (n < bytes.size)
        stream->wants = true;
    return n;
}

/* -- listening ---------------------------------------------------------------------------------------------------- */

static int set_flag(int fd, int level, int name)
{
    const int on = 1;

    return setsockopt(fd, level, name, &on, sizeof(on));
}

int kad_listener_open(struct kad_streams *streams, const struct kad_endpoint *endpoint, void *user,
                      struct kad_listener **out_listener)
{
    struct kad_listener *listener = kad_alloc_zero(streams->allocator, sizeof(*listener));
    const bool v6 = endpoint->family == KAD_IPV6;
    union kad_address address;
    socklen_t size = kad_address_from(endpoint, &address);
    int reason;

    if (!listener)
        return KAD_E_MEMORY;
    listener->fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd >= 0 && (!v6 || set_flag(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0) &&
        set_flag(listener->fd, SOL_SOCKET, SO_REUSEADDR) == 0 &&
        bind(listener->fd, &address.any, size) == 0 && listen(listener->fd, KAD_STREAM_BACKLOG) == 0 &&
        (size = sizeof(address), getsockname(listener->fd, &address.any, &size) == 0)) {
        listener->bound = kad_address_endpoint(&address.any);
        listener->streams = streams;
        listener->user = user;
        listener->tcp.data = listener;
        listener->next = streams->listeners;
        streams->listeners = listener;
        *out_listener = listener;
        return KAD_OK;
    }
    reason = errno;
    if (listener->fd >= 0)
        close(listener->fd);
    kad_free(streams->allocator, listener, sizeof(*listener));
    errno = reason;
    return KAD_E_SYSTEM;
}

int kad_listener_start(struct kad_listener *listener)
{
    int status = uv_tcp_init(listener->streams->loop, &listener->tcp);

    if (status == 0) {
        listener->streams->n_handles++;
        listener->n_parts++;
        listener->tcp.data = listener;
        status = uv_tcp_open(&listener->tcp, listener->fd);
        if (status < 0)
            close(listener->fd);
        listener->fd = -1;
        if (status == 0)
            status = uv_listen((uv_stream_t *)&listener->tcp, KAD_STREAM_BACKLOG, knocked);
    }
    if (status == 0)
        return KAD_OK;
    errno = -status;
    return KAD_E_SYSTEM;
}

struct kad_endpoint kad_listener_endpoint(const struct kad_listener *listener)
{
    return listener->bound;
}
