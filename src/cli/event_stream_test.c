/* Events come in pieces of any size, and what stands behind the socket may be anything. */
#include "cli/event_stream.h"

#include <string.h>

#include "base/test.h"

static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                             "retry: 2000\n: kad 0.1.0\n\n"
                             "event: stats\ndata: {\"ready\":true}\n\n"
                             "event: ready\ndata: {}\n\n";

static int add(struct kad_event_stream *stream, const char *text, size_t size)
{
    return kad_event_stream_add(stream, (struct kad_bytes){(const uint8_t *)text, size});
}

TEST(events_in_pieces)
{
    for (size_t piece = 1; piece <= sizeof answer; piece++) {
        struct kad_event_stream stream = {.fd = -1};
        struct kad_stream_event event;
        size_t n = 0;

        for (size_t at = 0; at < sizeof answer - 1; at += piece) {
            const size_t left = sizeof answer - 1 - at;

            EXPECT_EQ(add(&stream, answer + at, left < piece ? left : piece), KAD_OK);
            while (kad_event_stream_next(&stream, &event)) {
                EXPECT_STR(event.kind, n == 0 ? "stats" : "ready");
                EXPECT_STR(event.data, n == 0 ? "{\"ready\":true}" : "{}");
                n++;
            }
        }
        EXPECT_EQ(n, 2);
        EXPECT_EQ(stream.status, 200);
        kad_event_stream_close(&stream);
    }
}

TEST(what_is_no_stream)
{
    static const char *const wrong[] = {
        "SSH-2.0",
        "HTTP/1.0 503 Busy\r\n\r\n",
        "HTTP/1.0 2x0 OK\r\n\r\n",
        "HTTP/1.0\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct kad_event_stream stream = {.fd = -1};

        EXPECT_MSG(add(&stream, wrong[i], strlen(wrong[i])) == KAD_E_INVALID, "%s", wrong[i]);
        EXPECT_EQ(stream.status, i == 1 ? 503 : 0);
        kad_event_stream_close(&stream);
    }
}

/* One that never ends an event does not fill the memory. */
TEST(an_endless_event)
{
    static char block[64 * 1024];
    struct kad_event_stream stream = {.fd = -1};
    int error = add(&stream, answer, sizeof answer - 1);

    memset(block, 'x', sizeof block);
    for (int i = 0; i < 9 && error == KAD_OK; i++)
        error = add(&stream, block, sizeof block);
    EXPECT_EQ(error, KAD_E_LIMIT);
    kad_event_stream_close(&stream);
}

TEST(nobody_to_listen_to)
{
    struct kad_event_stream stream = {.fd = -1};

    EXPECT_EQ(kad_event_stream_open(&stream, "/tmp/kad-no-such-socket", NULL), KAD_E_NOT_FOUND);
    kad_event_stream_close(&stream);
}
