#include "base/test.h"
#include "net/udp.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/endpoint.h"

struct side {
    struct kad_udp *udp;
    struct kad_endpoint at;
    uv_loop_t *loop;
    unsigned n_received, n_expected;
    bool seen[4096];
    unsigned n_unreachable, n_closed;
    struct kad_endpoint unreachable;
    size_t last_size;
};

static uint32_t number_of(struct kad_bytes bytes)
{
    uint32_t number;

    memcpy(&number, bytes.data, sizeof(number));
    return number;
}

/* Takes all there is; stops the loop when what was expected is there. */
static void on_readable(void *context, struct kad_udp *udp)
{
    struct side *side = context;
    struct kad_endpoint from;
    struct kad_bytes bytes;

    while (kad_udp_receive(udp, &from, &bytes)) {
        const uint32_t number = number_of(bytes);

        EXPECT(number < KAD_COUNT_OF(side->seen));
        EXPECT(!side->seen[number]);
        side->seen[number] = true;
        side->last_size = bytes.size;
        side->n_received++;
    }
    if (side->n_received >= side->n_expected)
        uv_stop(side->loop);
}

static void on_unreachable(void *context, const struct kad_endpoint *peer)
{
    struct side *side = context;

    side->n_unreachable++;
    side->unreachable = *peer;
    uv_stop(side->loop);
}

static void on_closed(void *context)
{
    ((struct side *)context)->n_closed++;
}

/* The kernel as the tests want it: sendmmsg() fails with this while it is not 0. Loopback never does so by itself. */
static int send_failure;

int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
    if (send_failure) {
        errno = send_failure;
        return -1;
    }
    return (int)syscall(SYS_sendmmsg, fd, messages, n, flags);
}

static struct kad_endpoint loopback(enum kad_family family)
{
    static const uint8_t v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};

    return family == KAD_IPV4 ? kad_endpoint_v4(v4, 0) : kad_endpoint_v6(v6, 0);
}

static void open_side(struct side *side, uv_loop_t *loop, struct kad_udp_buffers *buffers,
                      enum kad_family family)
{
    const struct kad_udp_config config = {
        .allocator = &kad_allocator_system,
        .buffers = buffers,
        .endpoint = loopback(family),
        .receive_buffer = 4 << 20,
        .on_readable = on_readable,
        .on_unreachable = on_unreachable,
        .context = side,
    };

    memset(side, 0, sizeof(*side));
    side->loop = loop;
    EXPECT_EQ(kad_udp_open(&config, &side->udp), 0);
    EXPECT_EQ(kad_udp_start(side->udp, loop), 0);
    side->at = kad_udp_endpoint(side->udp);
    EXPECT(side->at.port != 0);
}

static void close_side(struct side *side)
{
    kad_udp_close(side->udp, on_closed);
    uv_run(side->loop, UV_RUN_NOWAIT); /* others may run on */
    EXPECT_EQ(side->n_closed, 1);
}

static void stop_loop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* Runs until uv_stop(), with a deadline that turns a hang into a failed expectation after it. */
static void run(uv_loop_t *loop)
{
    uv_timer_t deadline;

    uv_timer_init(loop, &deadline);
    uv_timer_start(&deadline, stop_loop, 20000, 0);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&deadline, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

/* All of a large batch arrives, each once, in far fewer system calls than datagrams: what the batches are for. */
static void thousand(enum kad_family family)
{
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static struct side a, b;
    static uint32_t numbers[1000];
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&a, &loop, buffers, family);
    open_side(&b, &loop, buffers, family);
    b.n_expected = KAD_COUNT_OF(numbers);
    for (uint32_t i = 0; i < KAD_COUNT_OF(numbers); i++) {
        numbers[i] = i;
        kad_udp_queue(a.udp, &b.at, (struct kad_bytes){(const uint8_t *)&numbers[i], sizeof(numbers[i])});
    }
    kad_udp_flush(a.udp);
    run(&loop);
    EXPECT_EQ(b.n_received, 1000);
    EXPECT_EQ(kad_udp_counters(a.udp)->sent, 1000);
    EXPECT_EQ(kad_udp_counters(a.udp)->dropped, 0);
    EXPECT_EQ(kad_udp_counters(b.udp)->received, 1000);
    EXPECT(kad_udp_counters(a.udp)->send_calls <= 40);
    EXPECT(kad_udp_counters(b.udp)->receive_calls <= 40);
    close_side(&a);
    close_side(&b);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    kad_udp_buffers_free(buffers);
}

TEST(a_thousand_datagrams_arrive_over_ipv4)
{
    thousand(KAD_IPV4);
}

TEST(a_thousand_datagrams_arrive_over_ipv6)
{
    thousand(KAD_IPV6);
}

/* The sender's address is what an answer is sent to. */
TEST(the_sender_is_told)
{
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static struct side a, b;
    struct kad_endpoint from;
    struct kad_bytes bytes = {(const uint8_t *)"1234", 4};
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&a, &loop, buffers, KAD_IPV4);
    open_side(&b, &loop, buffers, KAD_IPV4);
    EXPECT(!kad_udp_receive(b.udp, &from, &bytes));
    kad_udp_queue(a.udp, &b.at, bytes);
    kad_udp_flush(a.udp);
    EXPECT(kad_udp_receive(b.udp, &from, &bytes));
    EXPECT(kad_endpoint_equal(&from, &a.at));
    EXPECT_EQ(bytes.size, 4);
    EXPECT_MEM(bytes.data, "1234", 4);
    close_side(&a);
    close_side(&b);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    kad_udp_buffers_free(buffers);
}

/* A datagram that was cut is not what was sent: it must not reach a decoder; those around it must. */
TEST(a_datagram_that_does_not_fit_is_dropped_and_counted)
{
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static const size_t sizes[] = {KAD_UDP_RECEIVE_SIZE, KAD_UDP_RECEIVE_SIZE + 1, 60000, 8};
    static uint8_t bytes[60000];
    static struct side b;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&b, &loop, buffers, KAD_IPV4);
    b.n_expected = 2;
    to.sin_port = htons(b.at.port);
    for (uint32_t i = 0; i < KAD_COUNT_OF(sizes); i++) {
        memcpy(bytes, &i, sizeof(i));
        EXPECT_EQ(sendto(fd, bytes, sizes[i], 0, (const struct sockaddr *)&to, sizeof(to)), sizes[i]);
    }
    run(&loop);
    EXPECT_EQ(b.n_received, 2);
    EXPECT(b.seen[0] && b.seen[3]);
    EXPECT_EQ(b.last_size, 8);
    EXPECT_EQ(kad_udp_counters(b.udp)->too_large, 2);
    close(fd);
    close_side(&b);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    kad_udp_buffers_free(buffers);
}

/* Nobody listens: the kernel knows at once, and so shall who asked. Sending to others goes on. */
static void unreachable(enum kad_family family)
{
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static struct side a, b, gone;
    uint32_t number = 0;
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&a, &loop, buffers, family);
    open_side(&b, &loop, buffers, family);
    open_side(&gone, &loop, buffers, family);
    close_side(&gone);
    kad_udp_queue(a.udp, &gone.at, (struct kad_bytes){(const uint8_t *)&number, sizeof(number)});
    kad_udp_flush(a.udp);
    run(&loop);
    EXPECT_EQ(a.n_unreachable, 1);
    EXPECT(kad_endpoint_equal(&a.unreachable, &gone.at));
    EXPECT_EQ(kad_udp_counters(a.udp)->unreachable, 1);

    /* Again, and this time the error is still on the socket when the next batch leaves. */
    b.n_expected = 3;
    kad_udp_queue(a.udp, &gone.at, (struct kad_bytes){(const uint8_t *)&number, sizeof(number)});
    kad_udp_flush(a.udp);
    for (uint32_t i = 0; i < 3; i++) {
        kad_udp_queue(a.udp, &b.at, (struct kad_bytes){(const uint8_t *)&i, sizeof(i)});
        kad_udp_flush(a.udp);
    }
    while (b.n_received < 3)
        uv_run(&loop, UV_RUN_ONCE);
    EXPECT_EQ(a.n_unreachable, 2);
    EXPECT_EQ(kad_udp_counters(a.udp)->refused, 0);
    close_side(&a);
    close_side(&b);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    kad_udp_buffers_free(buffers);
}

TEST(an_unreachable_peer_is_reported_over_ipv4)
{
    unreachable(KAD_IPV4);
}

TEST(an_unreachable_peer_is_reported_over_ipv6)
{
    unreachable(KAD_IPV6);
}

/* An address the system will not send to (port 0) costs that datagram, not its batch. */
TEST(what_cannot_be_sent_is_skipped)
{
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static struct side a, b;
    struct kad_endpoint nowhere = loopback(KAD_IPV4);
    static const uint32_t numbers[] = {0, 1, 2};
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&a, &loop, buffers, KAD_IPV4);
    open_side(&b, &loop, buffers, KAD_IPV4);
    b.n_expected = 2;
    kad_udp_queue(a.udp, &b.at, (struct kad_bytes){(const uint8_t *)&numbers[0], 4});
    kad_udp_queue(a.udp, &nowhere, (struct kad_bytes){(const uint8_t *)&numbers[1], 4});
    kad_udp_queue(a.udp, &b.at, (struct kad_bytes){(const uint8_t *)&numbers[2], 4});
    kad_udp_flush(a.udp);
    EXPECT_EQ(a.n_unreachable, 1);
    EXPECT_EQ(kad_udp_counters(a.udp)->refused, 1);
    run(&loop);
    EXPECT(b.seen[0] && b.seen[2] && b.n_received == 2);
    close_side(&a);
    close_side(&b);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    kad_udp_buffers_free(buffers);
}

/* What the kernel will not take now waits, to a limit, and goes first when it may; later ones queue up behind. */
TEST(what_the_kernel_does_not_take_waits_its_turn)
{
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static struct side a, b;
    static uint32_t numbers[KAD_UDP_WAITING + 20];
    const size_t n = KAD_COUNT_OF(numbers);
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&a, &loop, buffers, KAD_IPV4);
    open_side(&b, &loop, buffers, KAD_IPV4);
    send_failure = EAGAIN;
    for (uint32_t i = 0; i < n; i++) {
        numbers[i] = i;
        kad_udp_queue(a.udp, &b.at, (struct kad_bytes){(const uint8_t *)&numbers[i], 4});
        if (i % 7 == 0)
            kad_udp_flush(a.udp);
    }
    kad_udp_flush(a.udp);
    memset(numbers, 0xff, sizeof(numbers)); /* what waits is a copy */
    EXPECT_EQ(kad_udp_counters(a.udp)->waited, KAD_UDP_WAITING);
    EXPECT_EQ(kad_udp_counters(a.udp)->dropped, 20);
    uv_run(&loop, UV_RUN_NOWAIT); /* writable, says poll(), and is not */
    EXPECT_EQ(kad_udp_counters(a.udp)->sent, 0);
    send_failure = 0;
    b.n_expected = KAD_UDP_WAITING;
    run(&loop);
    EXPECT_EQ(b.n_received, KAD_UDP_WAITING);
    for (size_t i = 0; i < n; i++)
        EXPECT_EQ(b.seen[i], i < KAD_UDP_WAITING);
    close_side(&a);
    close_side(&b);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    kad_udp_buffers_free(buffers);
}

static uint32_t send_numbers(struct side *from, const struct side *to, uint32_t first, uint32_t n)
{
    uint32_t numbers[KAD_UDP_SEND_BATCH];

    for (uint32_t i = 0; i < n; i++) {
        numbers[i] = first + i;
        kad_udp_queue(from->udp, &to->at, (struct kad_bytes){(const uint8_t *)&numbers[i], 4});
    }
    kad_udp_flush(from->udp);
    return n;
}

/* A loop that will not wait is one that is in a rush. */
static bool rushing(uv_loop_t *loop)
{
    return uv_backend_timeout(loop) == 0;
}

/* While datagrams come by the batch the loop asks for more without being told. It must stop when there are none, or it
 * would spin for ever, and must be told again of what comes then. */
TEST(a_rush_ends_and_what_comes_after_it_is_noticed)
{
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static struct side a, b;
    uint32_t n = 0;
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&a, &loop, buffers, KAD_IPV4);
    open_side(&b, &loop, buffers, KAD_IPV4);
    b.n_expected = UINT_MAX;
    for (int i = 0; i < 3; i++) {
        n += send_numbers(&a, &b, n, KAD_UDP_BATCH - 1);
        uv_run(&loop, UV_RUN_ONCE);
        EXPECT(!rushing(&loop)); /* so few are no rush */
        n += send_numbers(&a, &b, n, KAD_UDP_BATCH);
        uv_run(&loop, UV_RUN_ONCE);
        EXPECT(rushing(&loop));
        n += send_numbers(&a, &b, n, 1);
        uv_run(&loop, UV_RUN_NOWAIT);
        EXPECT(rushing(&loop));
        EXPECT_EQ(b.n_received, n);
        uv_run(&loop, UV_RUN_NOWAIT);
        EXPECT(!rushing(&loop));
    }
    close_side(&a);
    close_side(&b);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    kad_udp_buffers_free(buffers);
}

/* Only who watches is told when the kernel takes datagrams again. */
TEST(what_must_wait_ends_a_rush)
{
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static struct side a, b;
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&a, &loop, buffers, KAD_IPV4);
    open_side(&b, &loop, buffers, KAD_IPV4);
    b.n_expected = UINT_MAX;
    send_numbers(&a, &b, 0, KAD_UDP_BATCH);
    uv_run(&loop, UV_RUN_ONCE);
    EXPECT(rushing(&loop));
    send_failure = EAGAIN;
    send_numbers(&b, &a, 0, 1);
    send_failure = 0;
    send_numbers(&a, &b, KAD_UDP_BATCH, KAD_UDP_BATCH);
    send_failure = EAGAIN;
    uv_run(&loop, UV_RUN_NOWAIT);
    EXPECT_EQ(b.n_received, 2 * KAD_UDP_BATCH);
    EXPECT(!rushing(&loop)); /* nor does a new one begin */
    send_failure = 0;
    a.n_expected = 1;
    run(&loop);
    EXPECT(a.seen[0]);
    close_side(&a);
    close_side(&b);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    kad_udp_buffers_free(buffers);
}

TEST(a_socket_is_closed_in_a_rush)
{
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static struct side a, b;
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&a, &loop, buffers, KAD_IPV4);
    open_side(&b, &loop, buffers, KAD_IPV4);
    b.n_expected = UINT_MAX;
    send_numbers(&a, &b, 0, KAD_UDP_BATCH);
    uv_run(&loop, UV_RUN_ONCE);
    EXPECT(rushing(&loop));
    close_side(&a);
    close_side(&b);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    kad_udp_buffers_free(buffers);
}

/* A full interface is no reason to wait: nobody would say when it is over. */
TEST(congestion_drops_and_counts)
{
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static struct side a;
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&a, &loop, buffers, KAD_IPV4);
    send_failure = ENOBUFS;
    for (int i = 0; i < 3; i++)
        kad_udp_queue(a.udp, &a.at, (struct kad_bytes){(const uint8_t *)"1234", 4});
    kad_udp_flush(a.udp);
    send_failure = 0;
    EXPECT_EQ(kad_udp_counters(a.udp)->dropped, 3);
    EXPECT_EQ(kad_udp_counters(a.udp)->waited, 0);
    close_side(&a);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    kad_udp_buffers_free(buffers);
}

TEST(an_address_in_use_is_refused_with_its_reason)
{
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static struct side a;
    struct kad_udp_config config = {.allocator = &kad_allocator_system, .buffers = buffers};
    struct kad_udp *second;
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    open_side(&a, &loop, buffers, KAD_IPV4);
    config.endpoint = a.at;
    EXPECT_EQ(kad_udp_open(&config, &second), KAD_E_SYSTEM);
    EXPECT_EQ(errno, EADDRINUSE);
    close_side(&a);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    kad_udp_buffers_free(buffers);
}

/* One port number in both families belongs to two sockets: neither may take the other's traffic. */
TEST(families_do_not_share_a_socket)
{
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static const uint8_t any[16];
    struct kad_udp_config config = {
        .allocator = &kad_allocator_system,
        .buffers = buffers,
        .endpoint = kad_endpoint_v6(any, 0),
    };
    struct kad_udp *v6, *v4;

    EXPECT_EQ(kad_udp_open(&config, &v6), 0);
    config.endpoint = kad_endpoint_v4(any, kad_udp_endpoint(v6).port);
    EXPECT_EQ(kad_udp_open(&config, &v4), 0);
    kad_udp_close(v4, NULL); /* never started: closed at once */
    kad_udp_close(v6, NULL);
    kad_udp_buffers_free(buffers);
}
