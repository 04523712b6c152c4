#include "node/ws_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

/* What one end was told. */
struct end {
    struct kad_ws *ws;
    uint8_t came[70000];
    size_t n;
    bool over;
};

static void take(void *context, uint8_t *bytes, size_t n)
{
    struct end *end = context;

    EXPECT(end->n + n <= sizeof(end->came));
    memcpy(end->came + end->n, bytes, n);
    end->n += n;
}

static struct end *open_end(const char *host)
{
    struct end *end = calloc(1, sizeof(*end));

    EXPECT_EQ(kad_ws_new(&kad_allocator_system, host, take, end, &end->ws), 0);
    return end;
}

static void close_end(struct end *end)
{
    kad_ws_free(end->ws);
    free(end);
}

/* All that one has to write, in pieces. */
static void carry(struct end *from, struct end *to, size_t piece)
{
    uint8_t room[512], *copy;
    size_t n;

    while ((n = kad_ws_output(from->ws, room, piece)) > 0 && !to->over) {
        copy = malloc(n); /* of its own size, so that nobody reads behind it */
        EXPECT(copy != NULL);
        memcpy(copy, room, n);
        to->over = !kad_ws_input(to->ws, (struct kad_bytes){copy, n});
        free(copy);
    }
}

static void settle(struct end *a, struct end *b, size_t piece)
{
    for (int i = 0; i < 4; i++) {
        carry(a, b, piece);
        carry(b, a, piece);
    }
}

static void say(struct end *end, const char *text)
{
    end->over = !kad_ws_input(end->ws, (struct kad_bytes){(const uint8_t *)text, strlen(text)});
}

TEST(bytes_pass_both_ways_in_pieces_of_any_size)
{
    static const size_t pieces[] = {1, 2, 7, 512};
    static uint8_t lump[16384];

    for (size_t i = 0; i < sizeof(lump); i++)
        lump[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < KAD_COUNT_OF(pieces); i++) {
        struct end *client = open_end("127.0.0.1:9001"), *server = open_end(NULL);

        EXPECT(!kad_ws_write(client->ws, (struct kad_bytes){lump, 1})); /* not open yet */
        settle(client, server, pieces[i]);
        EXPECT(kad_ws_is_open(client->ws) && kad_ws_is_open(server->ws));
        EXPECT(kad_ws_write(client->ws, (struct kad_bytes){lump, sizeof(lump)}));
        EXPECT(kad_ws_write(server->ws, (struct kad_bytes){lump, 5}));
        settle(client, server, pieces[i]);
        EXPECT_EQ(server->n, sizeof(lump));
        EXPECT_MEM(server->came, lump, sizeof(lump));
        EXPECT_EQ(client->n, 5);
        EXPECT(!kad_ws_has_output(client->ws) && !kad_ws_has_output(server->ws));
        close_end(client);
        close_end(server);
    }
}

/* RFC 6455, section 1.3. */
TEST(a_key_is_answered_as_the_standard_has_it)
{
    char accept[KAD_WS_ACCEPT];

    EXPECT(kad_ws_accept("dGhlIHNhbXBsZSBub25jZQ==", accept));
    EXPECT_STR(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    EXPECT(!kad_ws_accept("dGhlIHNhbXBsZSBub25jZQ=", accept));
}

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

TEST(a_server_takes_no_other_requests)
{
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY "\r\n",
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n" KEY "\r\n",
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        "short\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: h2c\r\nSec-WebSocket-Version: 13\r\n" KEY "\r\n",
        "\x13/multistream/1.0.0\n\r\n\r\n",
    };
    uint8_t out[512];

    for (size_t i = 0; i < KAD_COUNT_OF(heads); i++) {
        struct end *server = open_end(NULL);

        say(server, heads[i]);
        EXPECT_MSG(server->over, "%s", heads[i]);
        EXPECT(!kad_ws_is_open(server->ws));
        EXPECT(kad_ws_output(server->ws, out, sizeof(out)) > 12);
        EXPECT_MEM(out, "HTTP/1.1 400", 12);
        close_end(server);
    }
}

TEST(a_head_without_end_is_not_kept)
{
    struct end *server = open_end(NULL);

    for (int i = 0; i < 5000 && !server->over; i++)
        say(server, "a");
    EXPECT(server->over);
    close_end(server);
}

/* Names of fields in any case, in any order, with other fields between them; what follows the head at once is read. */
TEST(a_browser_is_let_in)
{
    struct end *server = open_end(NULL);

    say(server,
        "GET /some/path HTTP/1.1\r\nhost: x\r\nConnection: keep-alive, Upgrade\r\nUPGRADE: WebSocket\r\n"
        "sec-websocket-key:dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: null\r\nSec-WebSocket-Version: 13 \r\n\r\n"
        "\x82\x83\x01\x02\x03\x04"
        "`ba"); /* three bytes, masked */
    EXPECT(!server->over && kad_ws_is_open(server->ws));
    EXPECT_EQ(server->n, 3);
    EXPECT_MEM(server->came, "a`b", 3);
    close_end(server);
}

TEST(a_client_does_not_take_any_answer)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    };

    for (size_t i = 0; i < KAD_COUNT_OF(heads); i++) {
        struct end *client = open_end("h:1");

        say(client, heads[i]);
        EXPECT(client->over);
        close_end(client);
    }
}

/* Text, frames without a mask, reserved bits, a close: each ends it; a ping is answered. */
TEST(only_bytes_are_taken)
{
    static const char head[] =
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY "\r\n";
    static const char *const frames[] = {"\x81\x81zzzzz", "\x82\x01z", "\xc2\x81zzzzz", "\x88\x80zzzz"};
    uint8_t out[512];

    for (size_t i = 0; i < KAD_COUNT_OF(frames); i++) {
        struct end *server = open_end(NULL);

        say(server, head);
        EXPECT(!server->over);
        say(server, frames[i]);
        EXPECT(server->over);
        EXPECT_EQ(server->n, 0);
        close_end(server);
    }
    {
        struct end *server = open_end(NULL);

        say(server, head);
        EXPECT(kad_ws_output(server->ws, out, sizeof(out)) > 0);
        say(server, "\x89\x82zzzz;8");
        EXPECT(!server->over);
        EXPECT_EQ(kad_ws_output(server->ws, out, sizeof(out)), 4);
        EXPECT_MEM(out,
                   "\x8a\x02"
                   "AB",
                   4);
        EXPECT_EQ(server->n, 0); /* what a ping carries is not for us */
        close_end(server);
    }
}
