#include "base/test.h"
#include "net/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"

/* One end: what happened to its connections. */
struct side {
    struct kad_streams *streams;
    struct kad_stream *stream; /* the last one */
    struct kad_endpoint from;
    unsigned n_accepted, n_connected, n_ended, n_writable, n_closed;
    int error;
    bool echoes;
    uint8_t sum; /* of all bytes that came, so that their order is not looked at: TCP keeps it */
    size_t n_bytes;
};

static uv_loop_t loop;

static void accepted(void *context, void *user, struct kad_stream *stream, const struct kad_endpoint *from)
{
    struct side *side = context;

    EXPECT(user == side);
    side->n_accepted++;
    side->stream = stream;
    side->from = *from;
    kad_stream_set_user(stream, side);
}

static void connected(void *context, void *user)
{
    struct side *side = context;

    EXPECT(user == side);
    side->n_connected++;
}

static void bytes(void *context, void *user, uint8_t *data, size_t n)
{
    struct side *side = context;

    EXPECT(user == side);
    side->n_bytes += n;
    for (size_t i = 0; i < n; i++)
        side->sum = (uint8_t)(side->sum + data[i]);
    if (side->echoes)
        EXPECT_EQ(kad_stream_write(side->stream, (struct kad_bytes){data, n}), n);
}

static void writable(void *context, void *user)
{
    struct side *side = context;

    (void)user;
    side->n_writable++;
}

static void ended(void *context, void *user, int error)
{
    struct side *side = context;

    EXPECT(user == side);
    side->n_ended++;
    side->error = error;
    kad_stream_close(side->stream);
    side->stream = NULL;
}

static void closed(void *context)
{
    ((struct side *)context)->n_closed++;
}

static void open_side(struct side *side)
{
    static const struct kad_stream_calls calls = {
        .accepted = accepted, .connected = connected, .bytes = bytes, .writable = writable, .ended = ended};

    memset(side, 0, sizeof(*side));
    EXPECT_EQ(kad_streams_new(&loop, &kad_allocator_system, &calls, side, &side->streams), 0);
}

static struct kad_endpoint listen_at(struct side *side, enum kad_family family)
{
    static const uint8_t v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
    const struct kad_endpoint at = family == KAD_IPV4 ? kad_endpoint_v4(v4, 0) : kad_endpoint_v6(v6, 0);
    struct kad_listener *listener;

    EXPECT_EQ(kad_listener_open(side->streams, &at, side, &listener), 0);
    EXPECT_EQ(kad_listener_start(listener), 0);
    EXPECT(kad_listener_endpoint(listener).port != 0);
    return kad_listener_endpoint(listener);
}

static void close_side(struct side *side)
{
    kad_streams_close(side->streams, closed);
    while (!side->n_closed)
        uv_run(&loop, UV_RUN_ONCE);
}

static void close_loop(void)
{
    EXPECT_EQ(uv_loop_close(&loop), 0); /* nothing is left on it */
}

#define UNTIL(condition)            \
    do {                            \
        uv_run(&loop, UV_RUN_ONCE); \
    } while (!(condition))

TEST(connections_of_both_families_carry_bytes_both_ways)
{
    const enum kad_family families[] = {KAD_IPV4, KAD_IPV6};
    struct side server, client;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    for (int i = 0; i < 2; i++) {
        struct kad_endpoint at;

        open_side(&server);
        open_side(&client);
        server.echoes = true;
        at = listen_at(&server, families[i]);
        EXPECT_EQ(kad_stream_dial(client.streams, &at, &client, &client.stream), 0);
        EXPECT_EQ(client.n_connected, 0); /* never at once */
        UNTIL(client.n_connected && server.n_accepted);
        EXPECT_EQ(server.from.family, families[i]);
        EXPECT_EQ(kad_stream_write(client.stream, (struct kad_bytes){(const uint8_t *)"hello", 5}), 5);
        UNTIL(client.n_bytes == 5);
        EXPECT_EQ(kad_streams_count(server.streams), 1);
        kad_stream_close(client.stream);
        UNTIL(server.n_ended);
        EXPECT_EQ(server.error, 0);
        EXPECT_EQ(kad_streams_count(server.streams), 0);
        EXPECT_EQ(kad_streams_counters(server.streams)->bytes_in, 5);
        EXPECT_EQ(kad_streams_counters(server.streams)->bytes_out, 5);
        close_side(&client);
        close_side(&server);
    }
    close_loop();
}

/* A socket of the test's own, connected to there, that reads when it is told to. */
static int dial_raw(const struct kad_endpoint *to)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    union kad_address address;
    const socklen_t size = kad_address_from(to, &address);

    EXPECT_EQ(connect(fd, &address.any, size), 0);
    return fd;
}

/* I: who never reads costs what was promised and no more, and gets everything in the end. */
TEST(nobody_has_to_read)
{
    static uint8_t lump[1 << 20];
    static uint8_t room[1 << 16];
    size_t written = 0, n_read = 0;
    struct side server;
    struct kad_endpoint at;
    uint8_t sum = 0, expected = 0;
    int fd;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&server);
    at = listen_at(&server, KAD_IPV4);
    fd = dial_raw(&at);
    UNTIL(server.n_accepted);
    for (size_t i = 0; i < sizeof(lump); i++)
        lump[i] = (uint8_t)(i * 31 + (i >> 8));
    for (;;) {
        const size_t n = kad_stream_write(server.stream, (struct kad_bytes){lump, sizeof(lump)});

        for (size_t i = 0; i < n; i++)
            expected = (uint8_t)(expected + lump[i]);
        written += n;
        if (n < sizeof(lump))
            break;
    }
    /* The system is full, and so is what is kept: no more is taken. */
    EXPECT_EQ(kad_stream_write(server.stream, (struct kad_bytes){lump, sizeof(lump)}), 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    EXPECT_EQ(server.n_writable, 0);
    while (n_read < written) {
        const ssize_t n = recv(fd, room, sizeof(room), MSG_DONTWAIT);

        for (ssize_t i = 0; i < n; i++)
            sum = (uint8_t)(sum + room[i]);
        n_read += n > 0 ? (size_t)n : 0;
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    EXPECT_EQ(server.n_writable, 1);
    EXPECT_EQ(n_read, written);
    EXPECT_EQ(sum, expected);
    close(fd);
    UNTIL(server.n_ended);
    close_side(&server);
    close_loop();
}

TEST(what_is_not_there_is_told)
{
    struct side server, client;
    struct kad_endpoint at;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&server);
    open_side(&client);
    at = listen_at(&server, KAD_IPV4);
    close_side(&server);
    EXPECT_EQ(kad_stream_dial(client.streams, &at, &client, &client.stream), 0);
    UNTIL(client.n_ended);
    EXPECT_EQ(client.error, ECONNREFUSED);
    EXPECT_EQ(client.n_connected, 0);
    EXPECT_EQ(kad_streams_counters(client.streams)->failed, 1);
    close_side(&client);
    close_loop();
}

TEST(a_dial_may_be_given_up_and_nothing_is_heard_of_it)
{
    struct side server, client;
    struct kad_endpoint at;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&server);
    open_side(&client);
    at = listen_at(&server, KAD_IPV4);
    EXPECT_EQ(kad_stream_dial(client.streams, &at, &client, &client.stream), 0);
    kad_stream_close(client.stream);
    close_side(&client);
    EXPECT_EQ(client.n_connected + client.n_ended, 0);
    close_side(&server);
    close_loop();
}

TEST(a_reset_ends_a_connection)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct side server;
    struct kad_endpoint at;
    int fd;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&server);
    at = listen_at(&server, KAD_IPV4);
    fd = dial_raw(&at);
    UNTIL(server.n_accepted);
    EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(fd);
    UNTIL(server.n_ended);
    EXPECT_EQ(server.error, ECONNRESET);
    close_side(&server);
    close_loop();
}

static bool starved;

static void *starving(void *context, void *old, size_t old_size, size_t new_size)
{
    return starved && new_size ? NULL : kad_allocator_system.resize(context, old, old_size, new_size);
}

/* Without memory nobody is let in; with some again, everybody who comes then is. */
TEST(who_cannot_be_let_in_keeps_nobody_out)
{
    static const struct kad_stream_calls calls = {
        .accepted = accepted, .connected = connected, .bytes = bytes, .writable = writable, .ended = ended};
    const struct kad_allocator allocator = {.resize = starving};
    struct side server = {.n_closed = 0};
    struct kad_endpoint at;
    int fds[4];

    EXPECT_EQ(uv_loop_init(&loop), 0);
    EXPECT_EQ(kad_streams_new(&loop, &allocator, &calls, &server, &server.streams), 0);
    at = listen_at(&server, KAD_IPV4);
    starved = true;
    for (int i = 0; i < 3; i++)
        fds[i] = dial_raw(&at);
    UNTIL(kad_streams_counters(server.streams)->failed >= 3);
    EXPECT_EQ(server.n_accepted, 0);
    starved = false;
    fds[3] = dial_raw(&at);
    UNTIL(server.n_accepted);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    UNTIL(server.n_ended);
    close_side(&server);
    close_loop();
}

TEST(a_port_is_taken_once)
{
    struct side server, other;
    struct kad_listener *listener;
    struct kad_endpoint at;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&server);
    open_side(&other);
    at = listen_at(&server, KAD_IPV4);
    EXPECT_EQ(kad_listener_open(other.streams, &at, &other, &listener), KAD_E_SYSTEM);
    EXPECT_EQ(errno, EADDRINUSE);
    kad_streams_close(other.streams, closed);
    EXPECT_EQ(other.n_closed, 1); /* there was nothing to wait for */
    close_side(&server);
    close_loop();
}
