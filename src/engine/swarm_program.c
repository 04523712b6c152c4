#include "engine/swarm_program.h"

#include <string.h>

#include "crypto/peer_id.h"
#include "engine/swarm_parts.h"

#define NUMBERS  65536u            /* of slots, in the low bits of a stream's number */
#define WAIT_MS  (15 * KAD_SECOND) /* for a connection */
#define REMOTE   (KAD_STREAMS_MAX / 4 * 3)
#define STREAMS  256 /* of a protocol, and of one peer, unless the program says otherwise */
#define PER_PEER 8

enum {
    OPENED = 1,
    BYTES = 2,
    WRITABLE = 4,
    ENDED = 8,
    CLOSED = 16
}; /* news, in the order in which they are told */

struct swarm_stream {
    struct swarm_stream *next_news, *next_of_conn;
    struct swarm_conn *conn; /* NULL: it waits for one, or is over */
    struct swarm_peer *peer;
    uint64_t number;
    uint32_t stream;  /* the link's number */
    uint8_t protocol; /* its place in `speaks` */
    uint8_t news;
    bool in_news, remote;
    bool blocked;     /* a write took less than it was given */
    bool finished;    /* we have said our last */
    bool ended, told; /* they have theirs, and the program knows */
    bool over;        /* CLOSED is to be told, or was */
    enum kad_stream_end end;
    kad_ms until;  /* it waits so long */
    size_t unread; /* of its bytes, as they are counted */
    void *user;
};

const char *kad_stream_end_text(enum kad_stream_end end)
{
    static const char *const texts[] = {"closed", "reset", "refused", "unreachable", "lost", "full"};

    return texts[end];
}

/* -- one stream ------------------------------------------------------------------------------------------------- */

static struct swarm_stream *at(const struct kad_swarm *swarm, uint64_t number)
{
    const uint32_t slot = (uint32_t)(number % NUMBERS);
    struct swarm_stream *stream = slot < swarm->room_streams ? swarm->streams[slot] : NULL;

    return stream && stream->number == number ? stream : NULL;
}

static struct swarm_stream *find(const struct kad_swarm *swarm, uint64_t number)
{
    struct swarm_stream *stream = at(swarm, number);

    return stream && !stream->over ? stream : NULL;
}

static bool waits(const struct swarm_stream *stream)
{
    return stream && !stream->conn && !stream->over;
}

static void tell(struct kad_swarm *swarm, struct swarm_stream *stream, uint8_t news)
{
    stream->news |= news;
    if (stream->in_news)
        return;
    stream->in_news = true;
    stream->next_news = NULL;
    *swarm->last_stream_news = stream;
    swarm->last_stream_news = &stream->next_news;
}

static void take_off(struct kad_swarm *swarm, struct swarm_stream *stream)
{
    struct swarm_stream **at_news = &swarm->first_stream_news;

    if (!stream->in_news)
        return;
    while (*at_news != stream)
        at_news = &(*at_news)->next_news;
    *at_news = stream->next_news;
    if (swarm->last_stream_news == &stream->next_news)
        swarm->last_stream_news = at_news;
    stream->in_news = false;
}

static void count_unread(struct kad_swarm *swarm, struct swarm_stream *stream, size_t unread)
{
    stream->conn->kept += unread - stream->unread;
    swarm->kept += unread - stream->unread;
    stream->unread = unread;
}

static void leave(struct kad_swarm *swarm, struct swarm_stream *stream)
{
    struct swarm_stream **at_conn;

    if (!stream->conn)
        return;
    count_unread(swarm, stream, 0);
    kad_link_set_context(stream->conn->link, stream->stream, NULL);
    at_conn = &stream->conn->streams;
    while (*at_conn != stream)
        at_conn = &(*at_conn)->next_of_conn;
    *at_conn = stream->next_of_conn;
    stream->conn = NULL;
}

static void discard(struct kad_swarm *swarm, struct swarm_stream *stream)
{
    if (swarm->told_stream == stream)
        swarm->told_stream = NULL;
    leave(swarm, stream);
    take_off(swarm, stream);
    stream->peer->n_streams--;
    swarm->streams[stream->number % NUMBERS] = NULL;
    kad_free(swarm->config.allocator, stream, sizeof(*stream));
}

/* It is over, which the program hears if it knows of it. */
static void finish(struct kad_swarm *swarm, struct swarm_stream *stream, enum kad_stream_end end)
{
    if (stream->over)
        return;
    if (stream->news & OPENED) {
        discard(swarm, stream);
        return;
    }
    leave(swarm, stream);
    stream->over = true;
    stream->end = end;
    stream->news = 0;
    tell(swarm, stream, CLOSED);
}

/* The same, and the other side hears of it. */
static void reset(struct kad_swarm *swarm, struct swarm_stream *stream)
{
    struct swarm_conn *conn = stream->conn;
    const uint32_t number = stream->stream;

    leave(swarm, stream);
    if (!conn)
        return;
    kad_link_reset(conn->link, number);
    kad_swarm_order(swarm, conn);
}

/* NULL: a ceiling, or no memory. */
static struct swarm_stream *stream_new(struct kad_swarm *swarm, struct swarm_peer *peer, uint8_t protocol)
{
    struct swarm_stream *stream;
    uint32_t slot = 0;

    while (slot < swarm->room_streams && swarm->streams[slot])
        slot++;
    if (slot == KAD_STREAMS_MAX)
        return NULL;
    if (slot == swarm->room_streams) {
        const uint32_t room = slot ? 2 * slot : 16;
        struct swarm_stream **more =
            kad_resize(swarm->config.allocator, swarm->streams, slot * sizeof(stream), room * sizeof(stream));

        if (!more)
            return NULL;
        memset(more + slot, 0, (room - slot) * sizeof(stream));
        swarm->streams = more;
        swarm->room_streams = room;
    }
    stream = kad_alloc_zero(swarm->config.allocator, sizeof(*stream));
    if (!stream)
        return NULL;
    stream->number = slot + NUMBERS * ++swarm->n_streams_made;
    stream->peer = peer;
    stream->protocol = protocol;
    peer->n_streams++;
    swarm->streams[slot] = stream;
    return stream;
}

static void join_conn(struct swarm_stream *stream, struct swarm_conn *conn, uint32_t number)
{
    stream->conn = conn;
    stream->stream = number;
    stream->next_of_conn = conn->streams;
    conn->streams = stream;
    kad_link_set_context(conn->link, number, stream);
    kad_link_hold(conn->link, number);
}

/* -- protocols -------------------------------------------------------------------------------------------------- */

/* KAD_PROTOCOLS_MAX: it is not spoken. */
static uint8_t protocol_of(const struct kad_swarm *swarm, const char *name)
{
    uint8_t i = 0;

    while (i < KAD_PROTOCOLS_MAX &&
           (!swarm->protocols[SWARM_PROGRAM + i] || strcmp(swarm->protocols[SWARM_PROGRAM + i], name) != 0))
        i++;
    return i;
}

int kad_swarm_speak(struct kad_swarm *swarm, const struct kad_protocol *protocol, void *context, kad_ms now)
{
    const size_t n = protocol->name ? strlen(protocol->name) : 0;
    unsigned free_place = 0;

    if (n < 2 || n > KAD_PROTOCOL_NAME_MAX || protocol->name[0] != '/' || strchr(protocol->name, '\n'))
        return KAD_E_INVALID;
    for (unsigned i = 0; i < swarm->n_protocols; i++) {
        if (swarm->protocols[i] && strcmp(swarm->protocols[i], protocol->name) == 0)
            return KAD_E_EXISTS;
    }
    while (free_place < KAD_PROTOCOLS_MAX && swarm->protocols[SWARM_PROGRAM + free_place])
        free_place++;
    if (free_place == KAD_PROTOCOLS_MAX)
        return KAD_E_LIMIT;
    swarm->now = now;
    memcpy(swarm->speaks[free_place].name, protocol->name, n + 1);
    swarm->speaks[free_place].max_streams = protocol->max_streams ? protocol->max_streams : STREAMS;
    swarm->speaks[free_place].max_per_peer = protocol->max_per_peer ? protocol->max_per_peer : PER_PEER;
    swarm->speaks[free_place].context = context;
    swarm->protocols[SWARM_PROGRAM + free_place] = swarm->speaks[free_place].name;
    kad_swarm_push(swarm);
    return 0;
}

const char *kad_swarm_spoken(const struct kad_swarm *swarm, const char *name)
{
    const uint8_t place = protocol_of(swarm, name);

    return place < KAD_PROTOCOLS_MAX ? swarm->speaks[place].name : NULL;
}

bool kad_swarm_unspeak(struct kad_swarm *swarm, const char *name, kad_ms now)
{
    const uint8_t place = protocol_of(swarm, name);

    if (place == KAD_PROTOCOLS_MAX)
        return false;
    swarm->now = now;
    for (uint32_t i = 0; i < swarm->room_streams; i++) {
        if (!swarm->streams[i] || swarm->streams[i]->protocol != place)
            continue;
        reset(swarm, swarm->streams[i]);
        discard(swarm, swarm->streams[i]);
    }
    swarm->protocols[SWARM_PROGRAM + place] = NULL;
    kad_swarm_push(swarm);
    return true;
}

/* -- what comes ------------------------------------------------------------------------------------------------- */

/* Whether the peer may open one more: others have not all of them, nor has one peer. */
static bool may_open(const struct kad_swarm *swarm, const struct swarm_peer *peer, uint8_t place)
{
    unsigned n = 0, n_protocol = 0, n_peer = 0;

    for (uint32_t i = 0; i < swarm->room_streams; i++) {
        const struct swarm_stream *stream = swarm->streams[i];

        if (!stream || !stream->remote)
            continue;
        n++;
        n_protocol += stream->protocol == place;
        n_peer += stream->protocol == place && stream->peer == peer;
    }
    return n < REMOTE && n_protocol < swarm->speaks[place].max_streams &&
           n_peer < swarm->speaks[place].max_per_peer;
}

static void opened(struct kad_swarm *swarm, struct swarm_conn *conn, const struct kad_link_event *event)
{
    const uint8_t place = (uint8_t)(event->protocol - SWARM_PROGRAM);
    struct swarm_stream *stream = NULL;

    if (conn->peer && swarm->protocols[event->protocol] && may_open(swarm, conn->peer, place))
        stream = stream_new(swarm, conn->peer, place);
    if (!stream) {
        kad_link_reset(conn->link, event->stream);
        return;
    }
    stream->remote = true;
    join_conn(stream, conn, event->stream);
    swarm->counters.streams_in++;
    tell(swarm, stream, OPENED);
}

static void came(struct kad_swarm *swarm, struct swarm_stream *stream)
{
    struct swarm_conn *conn = stream->conn;

    count_unread(swarm, stream, kad_link_unread(conn->link, stream->stream).size);
    if (conn->kept <= KAD_SWARM_KEPT_OF && swarm->kept <= KAD_SWARM_KEPT_ALL) {
        tell(swarm, stream, BYTES);
        return;
    }
    reset(swarm, stream);
    finish(swarm, stream, KAD_STREAM_FULL);
}

bool kad_swarm_program_event(struct kad_swarm *swarm, struct swarm_conn *conn,
                             const struct kad_link_event *event)
{
    const bool theirs = event->protocol >= SWARM_PROGRAM && event->protocol < SWARM_KAD;
    struct swarm_stream *stream = conn->streams;

    while (stream && stream != event->context)
        stream = stream->next_of_conn;
    if (!stream && !theirs)
        return false;
    conn->used_at = swarm->now;
    if (event->kind == KAD_LINK_STREAM) {
        opened(swarm, conn, event);
    } else if (stream && event->kind == KAD_LINK_DATA) {
        came(swarm, stream);
    } else if (stream && event->kind == KAD_LINK_ENDED) {
        stream->ended = true;
        tell(swarm, stream, ENDED);
    } else if (stream && (event->kind == KAD_LINK_RESET || event->kind == KAD_LINK_REFUSED)) {
        finish(swarm, stream, event->kind == KAD_LINK_RESET ? KAD_STREAM_RESET : KAD_STREAM_REFUSED);
    }
    return true;
}

/* -- connections ------------------------------------------------------------------------------------------------ */

static bool begin(struct kad_swarm *swarm, struct swarm_stream *stream)
{
    struct swarm_conn *conn = stream->peer->conn;
    const uint32_t number =
        kad_link_open(conn->link, swarm->speaks[stream->protocol].name, stream, swarm->now);

    if (!number)
        return false;
    join_conn(stream, conn, number);
    swarm->counters.streams_out++;
    conn->used_at = swarm->now;
    if (stream->finished)
        (void)kad_link_write(conn->link, number, (struct kad_bytes){0}, true, swarm->now);
    kad_swarm_order(swarm, conn);
    return true;
}

void kad_swarm_program_settle(struct kad_swarm *swarm, const struct swarm_peer *peer)
{
    for (uint32_t i = 0; peer->n_streams && i < swarm->room_streams; i++) {
        struct swarm_stream *stream = swarm->streams[i];

        if (!waits(stream) || stream->peer != peer)
            continue;
        if (!peer->conn || !begin(swarm, stream))
            finish(swarm, stream, KAD_STREAM_UNREACHABLE);
    }
}

void kad_swarm_program_lose(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    while (conn->streams)
        finish(swarm, conn->streams, KAD_STREAM_LOST);
}

void kad_swarm_program_resume(struct kad_swarm *swarm, struct swarm_conn *conn)
{
    for (struct swarm_stream *stream = conn->streams; stream; stream = stream->next_of_conn) {
        if (!stream->blocked || !kad_link_room(conn->link, stream->stream))
            continue;
        stream->blocked = false;
        tell(swarm, stream, WRITABLE);
    }
}

bool kad_swarm_program_holds(const struct swarm_conn *conn)
{
    const struct swarm_stream *stream = conn->streams;

    while (stream && stream->remote)
        stream = stream->next_of_conn;
    return stream;
}

void kad_swarm_program_tick(struct kad_swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->room_streams; i++) {
        struct swarm_stream *stream = swarm->streams[i];

        if (!waits(stream))
            continue;
        if (swarm->now >= stream->until)
            finish(swarm, stream, KAD_STREAM_UNREACHABLE);
        else
            kad_swarm_wake(swarm, stream->until);
    }
}

void kad_swarm_streams_stop(struct kad_swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->room_streams; i++) {
        if (!swarm->streams[i])
            continue;
        reset(swarm, swarm->streams[i]);
        finish(swarm, swarm->streams[i], KAD_STREAM_LOST);
    }
}

void kad_swarm_program_clear(struct kad_swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->room_streams; i++) {
        if (swarm->streams[i])
            kad_free(swarm->config.allocator, swarm->streams[i], sizeof(struct swarm_stream));
    }
    kad_free(swarm->config.allocator, swarm->streams, swarm->room_streams * sizeof(struct swarm_stream *));
}

/* -- the program ------------------------------------------------------------------------------------------------ */

bool kad_swarm_next_stream(struct kad_swarm *swarm, struct kad_swarm_stream *out_stream)
{
    static const enum kad_swarm_stream_kind kinds[] = {[OPENED] = KAD_SWARM_STREAM_OPENED,
                                                       [BYTES] = KAD_SWARM_STREAM_BYTES,
                                                       [WRITABLE] = KAD_SWARM_STREAM_WRITABLE,
                                                       [ENDED] = KAD_SWARM_STREAM_ENDED,
                                                       [CLOSED] = KAD_SWARM_STREAM_CLOSED};
    struct swarm_stream *stream;

    if (swarm->told_stream)
        discard(swarm, swarm->told_stream);
    while ((stream = swarm->first_stream_news)) {
        const uint8_t news = stream->news & (uint8_t)-stream->news;

        take_off(swarm, stream);
        stream->news &= (uint8_t)~news;
        if (stream->news)
            tell(swarm, stream, 0);
        if ((news == BYTES && !stream->unread) || (news == WRITABLE && stream->finished) ||
            (news == ENDED && (stream->unread || stream->told))) /* its end comes after its bytes */
            continue;
        *out_stream = (struct kad_swarm_stream){
            .kind = kinds[news],
            .end = stream->end,
            .stream = stream->number,
            .context = swarm->speaks[stream->protocol].context,
            .peer = {stream->peer->id, stream->peer->n_id},
            .endpoint = stream->conn ? stream->conn->remote : stream->peer->endpoint,
        };
        stream->told |= news == ENDED;
        if (news == ENDED && stream->finished)
            finish(swarm, stream, KAD_STREAM_CLOSED);
        if (news == CLOSED)
            swarm->told_stream = stream;
        return true;
    }
    return false;
}

bool kad_swarm_has_streams(const struct kad_swarm *swarm)
{
    return swarm->first_stream_news;
}

int kad_swarm_stream_open(struct kad_swarm *swarm, struct kad_bytes id, const char *protocol, void *user,
                          kad_ms now, uint64_t *out_stream)
{
    const uint8_t place = protocol_of(swarm, protocol);
    struct swarm_peer *peer;
    struct swarm_stream *stream;
    unsigned n = 0;

    swarm->now = now;
    if (place == KAD_PROTOCOLS_MAX)
        return KAD_E_NOT_FOUND;
    if (!kad_peer_id_is_valid(id) || (id.size == swarm->n_self && memcmp(id.data, swarm->self, id.size) == 0))
        return KAD_E_INVALID;
    peer = kad_swarm_peer_add(swarm, id);
    if (!peer)
        return KAD_E_MEMORY;
    for (uint32_t i = 0; i < swarm->room_streams; i++)
        n += swarm->streams[i] && swarm->streams[i]->peer == peer && !swarm->streams[i]->remote;
    stream = n < KAD_STREAMS_OPEN_MAX ? stream_new(swarm, peer, place) : NULL;
    if (!stream)
        return KAD_E_LIMIT;
    stream->user = user;
    *out_stream = stream->number;
    if (peer->conn) {
        if (begin(swarm, stream))
            return 0;
        discard(swarm, stream);
        return KAD_E_LIMIT;
    }
    stream->until = now + WAIT_MS;
    kad_swarm_wake(swarm, stream->until);
    kad_swarm_want(swarm, peer);
    return 0;
}

void **kad_swarm_stream_user(const struct kad_swarm *swarm, uint64_t number)
{
    struct swarm_stream *stream = at(swarm, number);

    return stream ? &stream->user : NULL;
}

struct kad_bytes kad_swarm_stream_unread(const struct kad_swarm *swarm, uint64_t number)
{
    const struct swarm_stream *stream = find(swarm, number);

    return stream && stream->conn ? kad_link_unread(stream->conn->link, stream->stream)
                                  : (struct kad_bytes){0};
}

void kad_swarm_stream_read(struct kad_swarm *swarm, uint64_t number, size_t n)
{
    struct swarm_stream *stream = find(swarm, number);
    struct swarm_conn *conn = stream ? stream->conn : NULL;

    if (!conn)
        return;
    count_unread(swarm, stream, stream->unread - n);
    kad_link_read(conn->link, stream->stream, n);
    if (stream->ended && !stream->unread)
        tell(swarm, stream, ENDED);
    kad_swarm_order(swarm, conn);
}

void kad_swarm_stream_resume(struct kad_swarm *swarm, uint64_t number)
{
    struct swarm_stream *stream = find(swarm, number);

    if (stream)
        tell(swarm, stream, BYTES);
}

size_t kad_swarm_stream_write(struct kad_swarm *swarm, uint64_t number, struct kad_bytes bytes, kad_ms now)
{
    struct swarm_stream *stream = find(swarm, number);
    size_t n = 0;

    swarm->now = now;
    if (!stream || stream->finished)
        return 0;
    if (stream->conn)
        n = kad_link_room(stream->conn->link, stream->stream);
    n = n < bytes.size ? n : bytes.size;
    stream->blocked = n < bytes.size;
    if (!n)
        return 0;
    if (!kad_link_write(stream->conn->link, stream->stream, (struct kad_bytes){bytes.data, n}, false, now)) {
        reset(swarm, stream); /* no memory */
        finish(swarm, stream, KAD_STREAM_LOST);
        return 0;
    }
    stream->conn->used_at = now;
    kad_swarm_order(swarm, stream->conn);
    return n;
}

void kad_swarm_stream_end(struct kad_swarm *swarm, uint64_t number, kad_ms now)
{
    struct swarm_stream *stream = find(swarm, number);

    if (!stream || stream->finished)
        return;
    swarm->now = now;
    stream->finished = true;
    if (stream->conn) {
        (void)kad_link_write(stream->conn->link, stream->stream, (struct kad_bytes){0}, true, now);
        kad_swarm_order(swarm, stream->conn);
    }
    if (stream->told)
        finish(swarm, stream, KAD_STREAM_CLOSED);
}

void kad_swarm_stream_reset(struct kad_swarm *swarm, uint64_t number)
{
    struct swarm_stream *stream = find(swarm, number);

    if (!stream)
        return;
    reset(swarm, stream);
    discard(swarm, stream);
}
