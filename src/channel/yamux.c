#include "channel/yamux.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"

enum { DATA = 0, WINDOW = 1, PING = 2, GO_AWAY = 3 };
enum { SYN = 1, ACK = 2, FIN = 4, RST = 8 };

#define KEEP         4096 /* bytes of memory that a stream's empty buffer keeps */
#define SPARES       16   /* streams that have ended, kept for the next: as many as are usual at once */
#define SPARE_KEEP   512  /* bytes of memory that the buffers of all but one of them keep: a question */
#define WINDOW_LEAST (KAD_YAMUX_WINDOW / 2) /* so much is read before the other side is told */
#define WINDOW_MOST  UINT32_C(0x7fffffff)

/* -- streams ---------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(uint32_t id)
{
    return kad_hash(UINT64_C(0x79616d7578), &id, sizeof(id));
}

void kad_yamux_init(struct kad_yamux *yamux, const struct kad_yamux_config *config)
{
    memset(yamux, 0, sizeof(*yamux));
    yamux->config = *config;
    yamux->next_id = config->client ? 1 : 2;
    yamux->last_news = &yamux->first_news;
    yamux->last_dirty = &yamux->first_dirty;
    kad_index_init(&yamux->by_id, config->allocator, config->max_in + config->max_out);
}

struct kad_yamux_stream *kad_yamux_find(const struct kad_yamux *yamux, uint32_t id)
{
    const uint64_t hash = hash_of(id);

    for (uint32_t at = kad_index_first(&yamux->by_id, hash); at != KAD_INDEX_END;
         at = kad_index_next(&yamux->by_id, hash, at)) {
        struct kad_yamux_stream *stream = yamux->streams[kad_index_slot(&yamux->by_id, at)];

        if (stream->id == id)
            return stream;
    }
    return NULL;
}

static uint32_t slot_of(const struct kad_yamux *yamux, const struct kad_yamux_stream *stream)
{
    const uint64_t hash = hash_of(stream->id);
    uint32_t at = kad_index_first(&yamux->by_id, hash);

    while (yamux->streams[kad_index_slot(&yamux->by_id, at)] != stream)
        at = kad_index_next(&yamux->by_id, hash, at);
    return kad_index_slot(&yamux->by_id, at);
}

/* A free place for a pointer; UINT32_MAX: no memory. */
static uint32_t free_slot(struct kad_yamux *yamux)
{
    const uint32_t room = yamux->n_slots ? 2 * yamux->n_slots : 4;
    struct kad_yamux_stream **more;

    if (yamux->n_in + yamux->n_out < yamux->n_slots) {
        for (uint32_t i = 0; i < yamux->n_slots; i++) {
            if (!yamux->streams[i])
                return i;
        }
    }
    more = kad_resize(yamux->config.allocator, yamux->streams, yamux->n_slots * sizeof(*more),
                      room * sizeof(*more));
    if (!more)
        return UINT32_MAX;
    memset(more + yamux->n_slots, 0, (room - yamux->n_slots) * sizeof(*more));
    yamux->streams = more;
    yamux->n_slots = room;
    return room / 2 >= 4 ? room / 2 : 0;
}

static struct kad_yamux_stream *take_spare(struct kad_yamux *yamux)
{
    struct kad_yamux_stream *stream = yamux->spare;
    struct kad_buffer in, unsent;

    if (!stream)
        return kad_alloc_zero(yamux->config.allocator, sizeof(*stream));
    yamux->spare = stream->next_news;
    yamux->n_spare--;
    in = stream->in;
    unsent = stream->unsent;
    memset(stream, 0, sizeof(*stream));
    stream->in = in;
    stream->unsent = unsent;
    return stream;
}

static struct kad_yamux_stream *add_stream(struct kad_yamux *yamux, uint32_t id, bool remote)
{
    const uint32_t slot = free_slot(yamux);
    struct kad_yamux_stream *stream;

    if (slot == UINT32_MAX)
        return NULL;
    stream = take_spare(yamux);
    if (!stream)
        return NULL;
    if (kad_index_add(&yamux->by_id, hash_of(id), slot) < 0) {
        kad_buffer_clear(&stream->in, yamux->config.allocator);
        kad_buffer_clear(&stream->unsent, yamux->config.allocator);
        kad_free(yamux->config.allocator, stream, sizeof(*stream));
        return NULL;
    }
    stream->id = id;
    stream->remote = remote;
    stream->send_window = stream->recv_window = KAD_YAMUX_WINDOW;
    stream->flags = remote ? ACK : SYN;
    yamux->streams[slot] = stream;
    yamux->n_in += remote;
    yamux->n_out += !remote;
    yamux->n_opened[remote]++;
    return stream;
}

void kad_yamux_tell(struct kad_yamux *yamux, struct kad_yamux_stream *stream, enum kad_yamux_news news)
{
    stream->news |= (uint8_t)news;
    if (stream->in_news)
        return;
    stream->in_news = true;
    stream->next_news = NULL;
    *yamux->last_news = stream;
    yamux->last_news = &stream->next_news;
}

static void mark_dirty(struct kad_yamux *yamux, struct kad_yamux_stream *stream)
{
    if (stream->in_dirty)
        return;
    stream->in_dirty = true;
    stream->next_dirty = NULL;
    *yamux->last_dirty = stream;
    yamux->last_dirty = &stream->next_dirty;
}

static void leave_news(struct kad_yamux *yamux, const struct kad_yamux_stream *stream)
{
    struct kad_yamux_stream **at = &yamux->first_news;

    if (!stream->in_news)
        return;
    while (*at != stream)
        at = &(*at)->next_news;
    *at = stream->next_news;
    if (yamux->last_news == &stream->next_news)
        yamux->last_news = at;
}

static void leave_dirty(struct kad_yamux *yamux, const struct kad_yamux_stream *stream)
{
    struct kad_yamux_stream **at = &yamux->first_dirty;

    if (!stream->in_dirty)
        return;
    while (*at != stream)
        at = &(*at)->next_dirty;
    *at = stream->next_dirty;
    if (yamux->last_dirty == &stream->next_dirty)
        yamux->last_dirty = at;
}

static void free_stream(struct kad_yamux *yamux, struct kad_yamux_stream *stream)
{
    kad_buffer_clear(&stream->in, yamux->config.allocator);
    kad_buffer_clear(&stream->unsent, yamux->config.allocator);
    kad_free(yamux->config.allocator, stream, sizeof(*stream));
}

/* The first `n` bytes that a stream kept are said, or are not to be said any more. */
static void forget_unsent(struct kad_yamux *yamux, struct kad_yamux_stream *stream, size_t n)
{
    yamux->unsent -= n;
    kad_buffer_take(&stream->unsent, yamux->config.allocator, n, KEEP);
}

static bool keep_unsent(struct kad_yamux *yamux, struct kad_yamux_stream *stream, struct kad_bytes bytes)
{
    uint8_t *room;

    if (!bytes.size)
        return true;
    if (bytes.size > yamux->config.max_unsent - yamux->unsent)
        return false;
    room = kad_buffer_grow(&stream->unsent, yamux->config.allocator, bytes.size, yamux->config.max_unsent);
    if (!room)
        return false;
    memcpy(room, bytes.data, bytes.size);
    yamux->unsent += bytes.size;
    return true;
}

/* It is over, and kept for the next, with its buffers if they are small. */
static void keep_spare(struct kad_yamux *yamux, struct kad_yamux_stream *stream)
{
    const struct kad_allocator *allocator = yamux->config.allocator;

    if (yamux->n_spare == SPARES) {
        free_stream(yamux, stream);
        return;
    }
    if (yamux->n_spare && stream->in.room > SPARE_KEEP)
        kad_buffer_clear(&stream->in, allocator);
    if (yamux->n_spare && stream->unsent.room > SPARE_KEEP)
        kad_buffer_clear(&stream->unsent, allocator);
    stream->next_news = yamux->spare;
    yamux->spare = stream;
    yamux->n_spare++;
}

void kad_yamux_rest(struct kad_yamux *yamux)
{
    for (struct kad_yamux_stream *stream = yamux->spare, *next; stream; stream = next) {
        next = stream->next_news;
        free_stream(yamux, stream);
    }
    yamux->spare = NULL;
    yamux->n_spare = 0;
}

/* A stream is no more. */
static void drop(struct kad_yamux *yamux, struct kad_yamux_stream *stream)
{
    const uint32_t slot = slot_of(yamux, stream);

    leave_news(yamux, stream);
    leave_dirty(yamux, stream);
    kad_index_remove(&yamux->by_id, hash_of(stream->id), slot);
    yamux->streams[slot] = NULL;
    yamux->n_in -= stream->remote;
    yamux->n_out -= !stream->remote;
    if (yamux->left_of == stream->id)
        yamux->left_of = 0;
    yamux->buffered -= kad_buffer_size(&stream->in);
    kad_buffer_take(&stream->in, yamux->config.allocator, kad_buffer_size(&stream->in), KEEP);
    forget_unsent(yamux, stream, kad_buffer_size(&stream->unsent));
    keep_spare(yamux, stream);
}

void kad_yamux_clear(struct kad_yamux *yamux)
{
    for (uint32_t i = 0; i < yamux->n_slots; i++) {
        if (yamux->streams[i])
            free_stream(yamux, yamux->streams[i]);
    }
    kad_yamux_rest(yamux);
    kad_free(yamux->config.allocator, yamux->streams, yamux->n_slots * sizeof(*yamux->streams));
    kad_index_clear(&yamux->by_id);
}

struct kad_yamux_stream *kad_yamux_next(struct kad_yamux *yamux)
{
    struct kad_yamux_stream *stream = yamux->first_news;

    if (!stream)
        return NULL;
    leave_news(yamux, stream);
    stream->in_news = false;
    return stream;
}

bool kad_yamux_settle(struct kad_yamux *yamux, struct kad_yamux_stream *stream)
{
    const bool over = stream->fin_sent && stream->fin_heard && !kad_buffer_size(&stream->in);

    if ((!over && !(stream->news & KAD_YAMUX_RESET)) || stream->in_news)
        return false;
    drop(yamux, stream);
    return true;
}

/* -- what we say ------------------------------------------------------------------------------------------------ */

static void put_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void write_head(uint8_t *head, uint8_t type, uint16_t flags, uint32_t id, uint32_t length)
{
    head[0] = 0; /* the version */
    head[1] = type;
    head[2] = (uint8_t)(flags >> 8);
    head[3] = (uint8_t)flags;
    put_u32(head + 4, id);
    put_u32(head + 8, length);
}

/* A frame without data. False: the pipe is full. */
static bool say(struct kad_yamux *yamux, uint8_t type, uint16_t flags, uint32_t id, uint32_t length)
{
    uint8_t *head = kad_pipe_append(yamux->config.pipe, KAD_YAMUX_HEAD);

    if (!head)
        return false;
    write_head(head, type, flags, id, length);
    return true;
}

/* The next frame of data: of what is kept, then of `more`, `*taken` bytes of it. False: the window or the pipe is full. */
static bool say_data(struct kad_yamux *yamux, struct kad_yamux_stream *stream, struct kad_bytes more,
                     bool last, size_t *taken)
{
    const size_t kept = kad_buffer_size(&stream->unsent);
    const size_t left = kept + more.size - *taken;
    size_t n = left < KAD_YAMUX_FRAME ? left : KAD_YAMUX_FRAME, of_kept;
    uint16_t flags = stream->flags;
    uint8_t *frame;

    if (n > stream->send_window)
        n = stream->send_window;
    if (n == 0 && left > 0)
        return false;
    if (last && n == left)
        flags |= FIN;
    frame = kad_pipe_append(yamux->config.pipe, KAD_YAMUX_HEAD + n);
    if (!frame)
        return false;
    write_head(frame, DATA, flags, stream->id, (uint32_t)n);
    of_kept = kept < n ? kept : n;
    if (of_kept)
        memcpy(frame + KAD_YAMUX_HEAD, stream->unsent.data + stream->unsent.from, of_kept);
    if (n > of_kept)
        memcpy(frame + KAD_YAMUX_HEAD + of_kept, more.data + *taken, n - of_kept);
    forget_unsent(yamux, stream, of_kept);
    *taken += n - of_kept;
    stream->send_window -= (uint32_t)n;
    stream->flags = 0;
    stream->fin_sent = flags & FIN;
    return true;
}

bool kad_yamux_write(struct kad_yamux *yamux, struct kad_yamux_stream *stream, struct kad_bytes bytes,
                     bool last)
{
    size_t taken = 0;

    assert(!stream->fin_due && "its end was said");
    if (yamux->over || (stream->news & KAD_YAMUX_RESET) ||
        bytes.size > yamux->config.max_unsent - yamux->unsent)
        return false;
    while ((taken < bytes.size || kad_buffer_size(&stream->unsent) || (last && !stream->fin_sent)) &&
           say_data(yamux, stream, bytes, last, &taken))
        ;
    stream->fin_due = last;
    if (taken < bytes.size &&
        !keep_unsent(yamux, stream, (struct kad_bytes){bytes.data + taken, bytes.size - taken})) {
        kad_yamux_reset(yamux, stream); /* part of it is said, and there is no memory for the rest */
        return false;
    }
    if (kad_buffer_size(&stream->unsent) || (last && !stream->fin_sent))
        mark_dirty(yamux, stream);
    return true;
}

static void take_rst(struct kad_yamux *yamux, struct kad_yamux_stream *stream)
{
    yamux->n_resets++;
    kad_yamux_tell(yamux, stream, KAD_YAMUX_RESET);
    forget_unsent(yamux, stream, kad_buffer_size(&stream->unsent));
    stream->fin_due = stream->fin_sent; /* nothing more is said */
}

bool kad_yamux_hold(struct kad_yamux *yamux, struct kad_yamux_stream *stream, struct kad_bytes bytes)
{
    if (!keep_unsent(yamux, stream, bytes))
        return false;
    mark_dirty(yamux, stream);
    return true;
}

void kad_yamux_reset(struct kad_yamux *yamux, struct kad_yamux_stream *stream)
{
    if (!(stream->news & KAD_YAMUX_RESET) && !(stream->flags & SYN) &&
        !yamux->over) /* SYN: nobody has heard of it */
        (void)say(yamux, WINDOW, (uint16_t)(stream->flags | RST), stream->id, 0);
    drop(yamux, stream);
}

void kad_yamux_expire(struct kad_yamux *yamux, struct kad_yamux_stream *stream)
{
    if (!(stream->flags & SYN))
        (void)say(yamux, WINDOW, (uint16_t)(stream->flags | RST), stream->id, 0);
    take_rst(yamux, stream);
}

struct kad_yamux_stream *kad_yamux_open(struct kad_yamux *yamux)
{
    struct kad_yamux_stream *stream;

    if (yamux->over || yamux->gone || yamux->n_out == yamux->config.max_out ||
        yamux->next_id >= UINT32_MAX - 1)
        return NULL;
    stream = add_stream(yamux, yamux->next_id, false);
    if (stream)
        yamux->next_id += 2;
    return stream;
}

void kad_yamux_read(struct kad_yamux *yamux, struct kad_yamux_stream *stream, size_t n)
{
    kad_buffer_take(&stream->in, yamux->config.allocator, n, KEEP);
    yamux->buffered -= n;
    stream->read += (uint32_t)n;
    if (stream->read >= WINDOW_LEAST && !stream->fin_heard)
        mark_dirty(yamux, stream);
}

/* What one stream still has to say. False: not all of it could be said. */
static bool flush_stream(struct kad_yamux *yamux, struct kad_yamux_stream *stream)
{
    const struct kad_bytes none = {0};
    const bool had = kad_buffer_size(&stream->unsent) > 0;
    size_t taken = 0;

    if (stream->read >= WINDOW_LEAST && !stream->fin_heard) {
        if (!say(yamux, WINDOW, stream->flags, stream->id, stream->read))
            return false;
        stream->flags = 0;
        stream->recv_window += stream->read;
        stream->read = 0;
    }
    while (kad_buffer_size(&stream->unsent) || (stream->fin_due && !stream->fin_sent)) {
        if (!say_data(yamux, stream, none, stream->fin_due, &taken))
            return stream->send_window == 0; /* its window wakes it; a full pipe does not */
    }
    if (had)
        kad_yamux_tell(yamux, stream, KAD_YAMUX_WRITABLE);
    return true;
}

void kad_yamux_flush(struct kad_yamux *yamux)
{
    while (yamux->first_dirty && !yamux->over) {
        struct kad_yamux_stream *stream = yamux->first_dirty;

        if (!flush_stream(yamux, stream))
            return;
        leave_dirty(yamux, stream);
        stream->in_dirty = false;
        if (!stream->in_news)
            (void)kad_yamux_settle(yamux, stream);
    }
}

void kad_yamux_ping(struct kad_yamux *yamux)
{
    if (!yamux->over && say(yamux, PING, SYN, 0, yamux->ping + 1)) {
        yamux->ping++;
        yamux->ping_out = true;
        yamux->ping_back = false;
    }
}

void kad_yamux_go_away(struct kad_yamux *yamux, enum kad_yamux_code code)
{
    if (yamux->over)
        return;
    (void)say(yamux, GO_AWAY, 0, 0, (uint32_t)code);
    yamux->over = true;
    yamux->code = code;
}

/* -- what is said to us ----------------------------------------------------------------------------------------- */

static bool broken(struct kad_yamux *yamux)
{
    kad_yamux_go_away(yamux, KAD_YAMUX_PROTOCOL);
    return false;
}

/* A stream that the other side opens. *out_stream NULL: there is no place for it, and it was told. */
static bool take_syn(struct kad_yamux *yamux, uint32_t id, struct kad_yamux_stream **out_stream)
{
    *out_stream = NULL;
    if ((id & 1) == yamux->config.client || kad_yamux_find(yamux, id))
        return broken(yamux);
    if (yamux->n_in < yamux->config.max_in)
        *out_stream = add_stream(yamux, id, true);
    if (*out_stream) {
        kad_yamux_tell(yamux, *out_stream, KAD_YAMUX_OPENED);
        return true;
    }
    yamux->n_refused++;
    return say(yamux, WINDOW, RST, id, 0) || broken(yamux);
}

static void take_fin(struct kad_yamux *yamux, struct kad_yamux_stream *stream)
{
    if (!stream->fin_heard)
        kad_yamux_tell(yamux, stream, KAD_YAMUX_ENDED);
    stream->fin_heard = true;
}

static void take_window(struct kad_yamux *yamux, struct kad_yamux_stream *stream, uint32_t more)
{
    stream->send_window = more < WINDOW_MOST - stream->send_window ? stream->send_window + more : WINDOW_MOST;
    if (kad_buffer_size(&stream->unsent) || (stream->fin_due && !stream->fin_sent))
        mark_dirty(yamux, stream);
}

static bool take_stream_frame(struct kad_yamux *yamux, uint8_t type, uint16_t flags, uint32_t id,
                              uint32_t length)
{
    struct kad_yamux_stream *stream;

    if (id == 0 || (type == DATA && length > KAD_YAMUX_WINDOW))
        return broken(yamux);
    if (!(flags & SYN))
        stream = kad_yamux_find(yamux, id);
    else if (!take_syn(yamux, id, &stream))
        return false;
    if (stream && (stream->news & KAD_YAMUX_RESET))
        stream = NULL;
    if (type == DATA) {
        yamux->left = length;
        yamux->left_of = 0;
    }
    if (!stream) {
        yamux->n_strays++;
        return true;
    }
    if (flags & RST) {
        take_rst(yamux, stream);
        return true;
    }
    if (type == WINDOW) {
        take_window(yamux, stream, length);
        if (flags & FIN)
            take_fin(yamux, stream);
        return true;
    }
    if (length > stream->recv_window || (length && stream->fin_heard))
        return broken(yamux);
    stream->recv_window -= length;
    yamux->left_of = id;
    yamux->left_fin = flags & FIN;
    if (!length && yamux->left_fin)
        take_fin(yamux, stream);
    return true;
}

static bool take_ping(struct kad_yamux *yamux, uint16_t flags, uint32_t value)
{
    if (flags & SYN)
        return say(yamux, PING, ACK, 0, value) || broken(yamux); /* it asks and does not read */
    if (yamux->ping_out && value == yamux->ping)
        yamux->ping_back = true;
    return true; /* js closes the connection for an answer nobody asked for; we have no need to */
}

static bool take_head(struct kad_yamux *yamux)
{
    const uint8_t *head = yamux->head;
    const uint16_t flags = (uint16_t)(head[2] << 8 | head[3]);
    const uint32_t id = get_u32(head + 4), length = get_u32(head + 8);

    yamux->n_head = 0;
    if (head[0] != 0)
        return broken(yamux);
    switch (head[1]) {
    case DATA:
    case WINDOW:
        return take_stream_frame(yamux, head[1], flags, id, length);
    case PING:
        return id == 0 ? take_ping(yamux, flags, length) : broken(yamux);
    case GO_AWAY:
        yamux->gone = true;
        yamux->code = length <= KAD_YAMUX_INTERNAL ? (enum kad_yamux_code)length : KAD_YAMUX_INTERNAL;
        return true;
    default:
        return broken(yamux);
    }
}

/* Some data of the frame. A stream for which there is no room any more is reset. */
static bool take_data(struct kad_yamux *yamux, struct kad_bytes bytes)
{
    struct kad_yamux_stream *stream = yamux->left_of ? kad_yamux_find(yamux, yamux->left_of) : NULL;
    uint8_t *room = NULL;

    yamux->left -= (uint32_t)bytes.size;
    if (!stream)
        return true;
    if (yamux->buffered + bytes.size <= yamux->config.max_buffered)
        room = kad_buffer_grow(&stream->in, yamux->config.allocator, bytes.size, KAD_YAMUX_WINDOW);
    if (!room) {
        if (!say(yamux, WINDOW, (uint16_t)(stream->flags | RST), stream->id, 0))
            return broken(yamux);
        stream->flags = 0;
        yamux->left_of = 0;
        take_rst(yamux, stream);
        return true;
    }
    memcpy(room, bytes.data, bytes.size);
    yamux->buffered += bytes.size;
    kad_yamux_tell(yamux, stream, KAD_YAMUX_DATA);
    if (!yamux->left && yamux->left_fin)
        take_fin(yamux, stream);
    return true;
}

bool kad_yamux_bytes(struct kad_yamux *yamux, struct kad_bytes bytes)
{
    while (bytes.size && !yamux->over) {
        size_t n;

        if (yamux->left) {
            n = bytes.size < yamux->left ? bytes.size : yamux->left;
            if (!take_data(yamux, (struct kad_bytes){bytes.data, n}))
                return false;
        } else {
            n = KAD_YAMUX_HEAD - (size_t)yamux->n_head;
            if (n > bytes.size)
                n = bytes.size;
            memcpy(yamux->head + yamux->n_head, bytes.data, n);
            yamux->n_head = (uint8_t)(yamux->n_head + n);
            if (yamux->n_head == KAD_YAMUX_HEAD && !take_head(yamux))
                return false;
        }
        bytes.data += n;
        bytes.size -= n;
    }
    return !yamux->over;
}

/* -- for tests and figures -------------------------------------------------------------------------------------- */

size_t kad_yamux_memory(const struct kad_yamux *yamux)
{
    size_t size =
        yamux->n_slots * sizeof(*yamux->streams) + yamux->by_id.n_cells * sizeof(struct kad_index_cell);

    for (uint32_t i = 0; i < yamux->n_slots; i++) {
        if (yamux->streams[i])
            size += sizeof(*yamux->streams[i]) + yamux->streams[i]->in.room + yamux->streams[i]->unsent.room;
    }
    for (const struct kad_yamux_stream *spare = yamux->spare; spare; spare = spare->next_news)
        size += sizeof(*spare) + spare->in.room + spare->unsent.room;
    return size;
}

bool kad_yamux_sound(const struct kad_yamux *yamux, const char **out_why)
{
    size_t buffered = 0, unsent = 0, n_in = 0, n_out = 0;

    for (uint32_t i = 0; i < yamux->n_slots; i++) {
        const struct kad_yamux_stream *stream = yamux->streams[i];

        if (!stream)
            continue;
        *out_why = "a stream is not found by its number";
        if (kad_yamux_find(yamux, stream->id) != stream)
            return false;
        *out_why = "more is unread than the window let in";
        if (kad_buffer_size(&stream->in) + stream->recv_window + stream->read > KAD_YAMUX_WINDOW)
            return false;
        buffered += kad_buffer_size(&stream->in);
        unsent += kad_buffer_size(&stream->unsent);
        n_in += stream->remote;
        n_out += !stream->remote;
    }
    *out_why = "the sum of what is unread";
    if (buffered != yamux->buffered || buffered > yamux->config.max_buffered)
        return false;
    *out_why = "the sum of what is unsent";
    if (unsent != yamux->unsent || unsent > yamux->config.max_unsent)
        return false;
    *out_why = "the number of streams";
    return n_in == yamux->n_in && n_out == yamux->n_out && n_in <= yamux->config.max_in &&
           n_out <= yamux->config.max_out;
}
