#include "channel/yamux.h"

#include <string.h>

#include "base/test.h"

enum { DATA, WINDOW, PING, GO_AWAY };
enum { SYN = 1, ACK = 2, FIN = 4, RST = 8 };

/* One end, on a pipe without keys: what it says are frames as they are. */
struct end {
    struct kad_pipe pipe;
    struct kad_yamux yamux;
};

struct frame {
    uint8_t type;
    uint16_t flags;
    uint32_t id, length;
};

static uint8_t zeros[KAD_YAMUX_WINDOW + 1];

static void start(struct end *end, bool client)
{
    const struct kad_yamux_config config = {
        .allocator = &kad_allocator_system,
        .pipe = &end->pipe,
        .client = client,
        .max_in = 4,
        .max_out = 4,
        .max_buffered = 2 * KAD_YAMUX_WINDOW,
        .max_unsent = 2 * KAD_YAMUX_WINDOW,
    };

    kad_pipe_init(&end->pipe, &kad_allocator_system, NULL, 4 * KAD_YAMUX_WINDOW);
    kad_yamux_init(&end->yamux, &config);
}

static void stop(struct end *end)
{
    const char *why;

    if (!kad_yamux_sound(&end->yamux, &why))
        kad_test_expect(false, why, __FILE__, __LINE__);
    kad_yamux_clear(&end->yamux);
    kad_pipe_clear(&end->pipe);
}

/* A head, as the other side says it; its data is not with it. */
static bool hear(struct end *end, uint8_t type, uint16_t flags, uint32_t id, uint32_t length)
{
    const uint8_t head[12] = {0,
                              type,
                              (uint8_t)(flags >> 8),
                              (uint8_t)flags,
                              (uint8_t)(id >> 24),
                              (uint8_t)(id >> 16),
                              (uint8_t)(id >> 8),
                              (uint8_t)id,
                              (uint8_t)(length >> 24),
                              (uint8_t)(length >> 16),
                              (uint8_t)(length >> 8),
                              (uint8_t)length};

    return kad_yamux_bytes(&end->yamux, (struct kad_bytes){head, sizeof(head)});
}

static bool hear_data(struct end *end, uint16_t flags, uint32_t id, uint32_t n)
{
    return hear(end, DATA, flags, id, n) && kad_yamux_bytes(&end->yamux, (struct kad_bytes){zeros, n});
}

/* The next frame that it says; its data is passed over. False: it has nothing to say. */
static bool said(struct end *end, struct frame *out)
{
    struct kad_bytes bytes;

    kad_yamux_flush(&end->yamux);
    bytes = kad_pipe_out(&end->pipe);
    if (!bytes.size)
        return false;
    EXPECT(bytes.size >= 12);
    EXPECT_EQ(bytes.data[0], 0);
    out->type = bytes.data[1];
    out->flags = (uint16_t)(bytes.data[2] << 8 | bytes.data[3]);
    out->id = (uint32_t)bytes.data[4] << 24 | (uint32_t)bytes.data[5] << 16 | (uint32_t)bytes.data[6] << 8 |
              bytes.data[7];
    out->length = (uint32_t)bytes.data[8] << 24 | (uint32_t)bytes.data[9] << 16 |
                  (uint32_t)bytes.data[10] << 8 | bytes.data[11];
    kad_pipe_sent(&end->pipe, 12 + (out->type == DATA ? out->length : 0));
    return true;
}

static void expect_said(struct end *end, uint8_t type, uint16_t flags, uint32_t id, uint32_t length)
{
    struct frame frame;

    EXPECT(said(end, &frame));
    EXPECT_EQ(frame.type, type);
    EXPECT_EQ(frame.flags, flags);
    EXPECT_EQ(frame.id, id);
    EXPECT_EQ(frame.length, length);
}

static void expect_silence(struct end *end)
{
    struct frame frame;

    EXPECT(!said(end, &frame));
}

/* All news there is of a stream, taken. */
static unsigned news_of(struct end *end, uint32_t id)
{
    struct kad_yamux_stream *stream;
    unsigned news = 0;

    while ((stream = kad_yamux_next(&end->yamux))) {
        const unsigned told = stream->news;

        if (stream->id == id)
            news |= told;
        if (!(told & KAD_YAMUX_RESET))
            stream->news = 0;
        (void)kad_yamux_settle(&end->yamux, stream);
    }
    return news;
}

static bool write_zeros(struct end *end, struct kad_yamux_stream *stream, size_t n, bool last)
{
    return kad_yamux_write(&end->yamux, stream, (struct kad_bytes){zeros, n}, last);
}

static void expect_broken(struct end *end)
{
    EXPECT(end->yamux.over);
    expect_said(end, GO_AWAY, 0, 0, KAD_YAMUX_PROTOCOL);
    EXPECT(!hear(end, PING, SYN, 0, 1)); /* nothing is taken any more */
    expect_silence(end);
}

TEST(who_dialled_has_the_odd_numbers)
{
    for (int client = 0; client < 2; client++) {
        struct end end;
        struct kad_yamux_stream *first, *second;

        start(&end, client);
        first = kad_yamux_open(&end.yamux);
        second = kad_yamux_open(&end.yamux);
        EXPECT_EQ(first->id, client ? 1 : 2);
        EXPECT_EQ(second->id, client ? 3 : 4);
        EXPECT(write_zeros(&end, first, 5, false)); /* it opens with what it says first */
        expect_said(&end, DATA, SYN, first->id, 5);
        EXPECT(write_zeros(&end, first, 5, true));
        expect_said(&end, DATA, FIN, first->id, 5);
        expect_silence(&end);
        stop(&end);
    }
}

/* js opens with a window update, rust and go with data; either may bring credit, data, an end. */
TEST(flags_count_on_any_frame)
{
    struct end end;

    start(&end, true);
    EXPECT(hear(&end, WINDOW, SYN, 2, 1000));
    EXPECT_EQ(news_of(&end, 2), KAD_YAMUX_OPENED);
    EXPECT_EQ(kad_yamux_find(&end.yamux, 2)->send_window, KAD_YAMUX_WINDOW + 1000);
    EXPECT(hear(&end, WINDOW, FIN, 2, 10));
    EXPECT_EQ(news_of(&end, 2), KAD_YAMUX_ENDED);
    EXPECT_EQ(kad_yamux_find(&end.yamux, 2)->send_window, KAD_YAMUX_WINDOW + 1010);
    EXPECT(hear(&end, WINDOW, RST, 2, 77)); /* the length is a reason, for newer go */
    EXPECT_EQ(news_of(&end, 2), KAD_YAMUX_RESET);
    EXPECT(!kad_yamux_find(&end.yamux, 2));

    EXPECT(hear_data(&end, SYN | FIN, 4, 7));
    EXPECT_EQ(news_of(&end, 4), KAD_YAMUX_OPENED | KAD_YAMUX_DATA | KAD_YAMUX_ENDED);
    EXPECT_EQ(kad_buffer_size(&kad_yamux_find(&end.yamux, 4)->in), 7);

    EXPECT(hear_data(&end, SYN, 6, 1));
    EXPECT(hear_data(&end, RST, 6, 9)); /* its data goes with it */
    EXPECT(news_of(&end, 6) & KAD_YAMUX_RESET);
    EXPECT(hear(&end, PING, SYN, 0, 5)); /* and the session stands where it should */
    expect_said(&end, PING, ACK, 0, 5);
    stop(&end);
}

TEST(consent_goes_with_the_first_frame_back)
{
    struct end end;

    start(&end, true);
    EXPECT(hear_data(&end, SYN, 2, 1));
    expect_silence(&end);
    EXPECT(write_zeros(&end, kad_yamux_find(&end.yamux, 2), 3, false));
    expect_said(&end, DATA, ACK, 2, 3);
    EXPECT(hear(&end, WINDOW, SYN, 4, 0));
    kad_yamux_reset(&end.yamux, kad_yamux_find(&end.yamux, 4));
    expect_said(&end, WINDOW, ACK | RST, 4, 0);
    stop(&end);
}

/* js stops exactly at its window and resets who does not: what is over it waits for credit, and so does the end. */
TEST(a_window_is_never_overrun)
{
    struct end end;
    struct frame frame;
    struct kad_yamux_stream *stream;
    size_t sent = 0;

    start(&end, true);
    stream = kad_yamux_open(&end.yamux);
    EXPECT(write_zeros(&end, stream, KAD_YAMUX_WINDOW - 5, false));
    EXPECT(write_zeros(&end, stream, 105, true));
    while (said(&end, &frame)) {
        EXPECT(frame.type == DATA && frame.length <= KAD_YAMUX_FRAME && !(frame.flags & FIN));
        sent += frame.length;
    }
    EXPECT_EQ(sent, KAD_YAMUX_WINDOW);
    EXPECT(hear(&end, WINDOW, ACK, 1, 60));
    expect_said(&end, DATA, 0, 1, 60);
    expect_silence(&end);
    EXPECT(hear(&end, WINDOW, 0, 1, UINT32_MAX));
    expect_said(&end, DATA, FIN, 1, 40);
    EXPECT(news_of(&end, 1) & KAD_YAMUX_WRITABLE);
    EXPECT(hear(&end, WINDOW, 0, 1, UINT32_MAX)); /* no number runs over */
    stop(&end);
}

/* The other side is told when half of it was read, not when it came: that is what holds it back. */
TEST(credit_follows_reading)
{
    struct end end;
    struct kad_yamux_stream *stream;

    start(&end, true);
    EXPECT(hear_data(&end, SYN, 2, 200000));
    expect_silence(&end);
    stream = kad_yamux_find(&end.yamux, 2);
    kad_yamux_read(&end.yamux, stream, KAD_YAMUX_WINDOW / 2 - 1);
    expect_silence(&end);
    kad_yamux_read(&end.yamux, stream, 1);
    expect_said(&end, WINDOW, ACK, 2, KAD_YAMUX_WINDOW / 2);
    EXPECT(write_zeros(&end, stream, 0, true)); /* our end does not change that */
    expect_said(&end, DATA, FIN, 2, 0);
    EXPECT(hear_data(&end, 0, 2, 190000));
    kad_yamux_read(&end.yamux, stream, 200000);
    expect_said(&end, WINDOW, 0, 2, 200000);
    EXPECT(hear_data(&end, FIN, 2, 0)); /* after its end nobody needs any */
    kad_yamux_read(&end.yamux, stream, kad_buffer_size(&stream->in));
    expect_silence(&end);
    EXPECT(news_of(&end, 2) & KAD_YAMUX_ENDED);
    EXPECT(!kad_yamux_find(&end.yamux, 2)); /* ended on both sides, all read */
    stop(&end);
}

TEST(more_than_the_window_ends_the_session_before_it_comes)
{
    struct end end;

    start(&end, true);
    EXPECT(hear_data(&end, SYN, 2, KAD_YAMUX_WINDOW));
    EXPECT(!hear(&end, DATA, 0, 2, 1));
    expect_broken(&end);
    stop(&end);
    start(&end, true);
    EXPECT(!hear(&end, DATA, SYN, 2, UINT32_C(1) << 30)); /* js buffers such a one */
    EXPECT_EQ(end.yamux.buffered, 0);
    expect_broken(&end);
    stop(&end);
}

/* What a peer said before it heard of the end of a stream is no reason to end the session (rust-yamux #110, js-yamux #91). */
TEST(late_frames_are_passed_over)
{
    struct end end;

    start(&end, true);
    EXPECT(hear_data(&end, SYN, 2, 10));
    EXPECT(hear(&end, DATA, 0, 2, 100));
    EXPECT(kad_yamux_bytes(&end.yamux, (struct kad_bytes){zeros, 40})); /* in the middle of it */
    kad_yamux_reset(&end.yamux, kad_yamux_find(&end.yamux, 2));
    expect_said(&end, WINDOW, ACK | RST, 2, 0);
    EXPECT(kad_yamux_bytes(&end.yamux, (struct kad_bytes){zeros, 60}));
    EXPECT(hear_data(&end, 0, 2, KAD_YAMUX_WINDOW));
    EXPECT(hear(&end, WINDOW, 0, 2, 100));
    EXPECT(hear(&end, WINDOW, FIN, 2, 0));
    EXPECT(hear(&end, WINDOW, RST, 2, 0));
    EXPECT(hear_data(&end, 0, 99, 3)); /* one that never was */
    EXPECT_EQ(news_of(&end, 2), 0);
    EXPECT_EQ(end.yamux.buffered, 0);
    EXPECT(hear(&end, PING, SYN, 0, 9));
    expect_said(&end, PING, ACK, 0, 9);
    stop(&end);
}

TEST(what_no_session_says_ends_it)
{
    static const struct {
        uint8_t type;
        uint16_t flags;
        uint32_t id;
    } wrong[] = {
        {DATA, SYN, 3},   /* of the numbers of who dialled, and it did not */
        {WINDOW, SYN, 1}, /* the same */
        {DATA, 0, 0},     /* the session's number */
        {PING, SYN, 2},   /* a stream's */
        {4, 0, 2},        /* no such type */
    };

    for (size_t i = 0; i < KAD_COUNT_OF(wrong); i++) {
        struct end end;

        start(&end, true);
        EXPECT(!hear(&end, wrong[i].type, wrong[i].flags, wrong[i].id, 0));
        expect_broken(&end);
        stop(&end);
    }
    for (int i = 0; i < 2; i++) {
        const uint8_t version[12] = {1, WINDOW, 0, SYN, 0, 0, 0, 2};
        struct end end;

        start(&end, true);
        EXPECT(hear(&end, WINDOW, SYN, 2, 0));
        EXPECT(!(i ? hear(&end, WINDOW, SYN, 2, 0) /* again */
                   : kad_yamux_bytes(&end.yamux, (struct kad_bytes){version, sizeof(version)})));
        expect_broken(&end);
        stop(&end);
    }
}

TEST(streams_beyond_the_limit_are_reset_and_ours_are_not_opened)
{
    struct end end;

    start(&end, true);
    for (uint32_t id = 2; id <= 8; id += 2)
        EXPECT(hear_data(&end, SYN, id, 1));
    EXPECT(hear_data(&end, SYN, 10, 50));
    expect_said(&end, WINDOW, RST, 10, 0);
    EXPECT(!kad_yamux_find(&end.yamux, 10));
    for (int i = 0; i < 4; i++)
        EXPECT(kad_yamux_open(&end.yamux));
    EXPECT(!kad_yamux_open(&end.yamux));
    kad_yamux_reset(&end.yamux, kad_yamux_find(&end.yamux, 4)); /* a place is free again, and clean */
    expect_said(&end, WINDOW, ACK | RST, 4, 0);
    EXPECT(hear_data(&end, SYN, 12, 1));
    EXPECT_EQ(kad_buffer_size(&kad_yamux_find(&end.yamux, 12)->in), 1);
    EXPECT_EQ(kad_yamux_find(&end.yamux, 12)->recv_window, KAD_YAMUX_WINDOW - 1);
    EXPECT(hear(&end, GO_AWAY, 0, 0, 0));
    kad_yamux_reset(&end.yamux, kad_yamux_find(&end.yamux, 1));
    EXPECT(!kad_yamux_open(&end.yamux)); /* after that word nothing is opened */
    stop(&end);
}

TEST(unread_bytes_have_a_ceiling_over_all_streams)
{
    struct end end;

    start(&end, true);
    EXPECT(hear_data(&end, SYN, 2, KAD_YAMUX_WINDOW));
    EXPECT(hear_data(&end, SYN, 4, KAD_YAMUX_WINDOW));
    EXPECT(hear_data(&end, SYN, 6, 100));
    expect_said(&end, WINDOW, ACK | RST, 6, 0);
    EXPECT(news_of(&end, 6) & KAD_YAMUX_RESET);
    EXPECT_EQ(end.yamux.buffered, 2 * KAD_YAMUX_WINDOW);
    EXPECT(!end.yamux.over);
    stop(&end);
}

/* Who asks and asks and reads nothing does not make us keep the answers. */
TEST(a_flood_of_pings_ends_the_session)
{
    struct end end;
    unsigned n = 0;

    start(&end, true);
    while (n < 1000000 && hear(&end, PING, SYN, 0, n))
        n++;
    EXPECT(end.yamux.over);
    EXPECT(kad_pipe_waiting(&end.pipe) <= 4 * KAD_YAMUX_WINDOW);
    stop(&end);
}

TEST(our_ping_is_answered_by_its_own_number_only)
{
    struct end end;
    struct frame frame;

    start(&end, true);
    EXPECT(hear(&end, PING, ACK, 0, 1)); /* nobody asked; js would close, and we need not */
    EXPECT(!end.yamux.ping_back);
    kad_yamux_ping(&end.yamux);
    EXPECT(said(&end, &frame));
    EXPECT(frame.type == PING && frame.flags == SYN && frame.id == 0);
    EXPECT(hear(&end, PING, ACK, 0, frame.length + 1));
    EXPECT(!end.yamux.ping_back);
    EXPECT(hear(&end, PING, ACK, 0, frame.length));
    EXPECT(end.yamux.ping_back);
    stop(&end);
}

TEST(frames_may_come_in_pieces_and_many_at_once)
{
    static const uint8_t bytes[] = {0, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0,           /* opened */
                                    0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 'h', 'i', /* data */
                                    0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 1, '!',      /* data and end */
                                    0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9};          /* a ping */

    for (size_t piece = 1; piece <= sizeof(bytes); piece++) {
        struct end end;
        struct kad_yamux_stream *stream;

        start(&end, true);
        for (size_t at = 0; at < sizeof(bytes); at += piece) {
            const size_t n = sizeof(bytes) - at < piece ? sizeof(bytes) - at : piece;

            EXPECT(kad_yamux_bytes(&end.yamux, (struct kad_bytes){bytes + at, n}));
        }
        stream = kad_yamux_find(&end.yamux, 2);
        EXPECT_EQ(kad_buffer_size(&stream->in), 3);
        EXPECT_MEM(kad_buffer_bytes(&stream->in).data, "hi!", 3);
        EXPECT(stream->fin_heard);
        expect_said(&end, PING, ACK, 0, 9);
        stop(&end);
    }
}

struct account {
    size_t in_use;
    unsigned n_times;
};

static void *count(void *context, void *old, size_t old_size, size_t new_size)
{
    struct account *account = context;

    account->in_use += new_size - old_size;
    account->n_times += new_size > old_size;
    return kad_allocator_system.resize(NULL, old, old_size, new_size);
}

/* As many streams as are usual at once, each with a question, an answer and both ends: once it has been so before, that takes no
 * memory from anybody; and a session that says nothing for long gives back what it kept. */
TEST(streams_that_come_and_go_allocate_nothing)
{
    struct account account = {0};
    const struct kad_allocator allocator = {count, &account};
    struct end end;
    struct kad_yamux_config config = {.allocator = &allocator,
                                      .pipe = &end.pipe,
                                      .max_in = 16,
                                      .max_out = 4,
                                      .max_buffered = KAD_YAMUX_WINDOW,
                                      .max_unsent = KAD_YAMUX_WINDOW};
    size_t fewest = 0;
    unsigned before = 0;
    struct frame frame;

    kad_pipe_init(&end.pipe, &kad_allocator_system, NULL, 4 * KAD_YAMUX_WINDOW);
    kad_yamux_init(&end.yamux, &config);
    for (uint32_t round = 0; round < 4; round++) {
        struct kad_yamux_stream *streams[16];

        for (uint32_t i = 0; i < 16; i++) {
            const uint32_t id = 32 * round + 2 * i + 1;

            EXPECT(hear_data(&end, SYN, id, 100));
            streams[i] = kad_yamux_find(&end.yamux, id);
            EXPECT(streams[i] != NULL);
        }
        for (uint32_t i = 0; i < 16; i++) {
            EXPECT(kad_yamux_hold(&end.yamux, streams[i], (struct kad_bytes){zeros, 40}));
            kad_yamux_read(&end.yamux, streams[i], 100);
            EXPECT(kad_yamux_write(&end.yamux, streams[i], (struct kad_bytes){zeros, 50}, true));
            EXPECT(hear(&end, DATA, FIN, streams[i]->id, 0));
        }
        while (said(&end, &frame))
            ;
        for (unsigned i = 0; i < 16; i++) {
            struct kad_yamux_stream *stream = kad_yamux_next(&end.yamux);

            EXPECT(stream != NULL);
            stream->news = 0;
            EXPECT(kad_yamux_settle(&end.yamux, stream));
        }
        EXPECT_EQ(kad_yamux_memory(&end.yamux), account.in_use);
        if (round)
            EXPECT_EQ(account.n_times, before);
        before = account.n_times;
    }
    kad_yamux_rest(&end.yamux);
    EXPECT_EQ(kad_yamux_memory(&end.yamux), account.in_use);
    fewest = account.in_use;
    EXPECT_MSG(fewest < 2048, "%zu bytes of a session without streams", fewest);
    stop(&end);
    EXPECT_EQ(account.in_use, 0);
}
