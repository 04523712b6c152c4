// release
// timeout 900
/* Each call of malloc in the HTTP face's life fails once, and then all from there on: its own, libmicrohttpd's, jansson's.
 * No crash, no block lost; clients get an answer or the end of the connection, and the next life answers all. */
#include "base/test.h"
#include "base/alloc.h"
#include "http/server.h"
#include "node/test_member.h"
#include "tests/test_malloc.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_TURNS 300 /* for a client that gets neither an answer nor the end */

static char path[64];

static int connect_to(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EXPECT(fd >= 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    EXPECT_EQ(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* The status of the answer; 0: none came. */
static int ask(const char *method, const char *target, const char *body)
{
    char text[2048], answer[65536];
    struct pollfd client = {.fd = connect_to(path), .events = POLLIN};
    const int size = snprintf(text, sizeof(text),
                              "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                              "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                              method, target, strlen(body), body);
    int status = 0;

    EXPECT_EQ(send(client.fd, text, (size_t)size, MSG_NOSIGNAL), size);
    for (int i = 0; i < PATIENCE_TURNS; i++) {
        uv_run(&member_loop, UV_RUN_NOWAIT);
        if (poll(&client, 1, 1) == 1) {
            const ssize_t n = recv(client.fd, answer, sizeof(answer) - 1, 0);

            answer[n > 0 ? n : 0] = '\0';
            (void)sscanf(answer, "HTTP/1.1 %d", &status);
            break;
        }
    }
    close(client.fd);
    return status;
}

static const struct kad_http_config config = {
    .socket = path,
    .limits = {.body_max = 65536,
               .headers_max = 16384,
               .connections_max = 8,
               .streams_max = 4,
               .silence_ms = KAD_MINUTE,
               .request_ms = KAD_MINUTE,
               .answer_ms = KAD_MINUTE},
};

/* How many of the requests were answered. */
static unsigned live(struct member *member)
{
    static const struct {
        const char *method, *target, *body;
    } requests[] = {
        {"GET", "/healthz", ""},
        {"GET", "/api/node", ""},
        {"GET", "/api/network/peers", ""},
        {"GET", "/api/network/stats", ""},
        {"GET", "/metrics", ""},
        {"POST", "/api/dht/put", "{\"value\": \"memory\", \"trace\": true}"},
        {"GET", "/api/dht/get?key=ba7816bf8f01cfea414140de5dae2223b00361a3", ""},
    };
    struct kad_http *http = NULL;
    unsigned n_answered = 0;
    char why[256];

    test_malloc.armed = true;
    if (kad_http_new(member->node, &config, &http, why, sizeof(why)) == 0) {
        for (size_t i = 0; i < KAD_COUNT_OF(requests); i++)
            n_answered += ask(requests[i].method, requests[i].target, requests[i].body) != 0;
        kad_http_close(http);
    }
    test_malloc.armed = false;
    return http ? kad_http_free(http), n_answered : 0;
}

static void settle(void)
{
    for (int i = 0; i < 20; i++)
        uv_run(&member_loop, UV_RUN_NOWAIT);
}

/* A life of a node and its face; the blocks that were lost. */
static long live_and_count(unsigned *out_n_answered)
{
    const long before = test_malloc.n_blocks;
    static struct member member;

    member_join(&member, 1, NULL);
    *out_n_answered = live(&member);
    settle();
    member_stop(&member);
    settle();
    return test_malloc.n_blocks - before;
}

static unsigned long sweep(bool for_ever)
{
    unsigned long at = 0, n_refused;
    unsigned n_answered;

    snprintf(path, sizeof(path), "/tmp/kad-http-%ld.sock", (long)getpid());
    member_open_loop();
    for (int i = 0; i < 3; i++) /* what libraries keep for the rest of the process, they have then */
        live_and_count(&n_answered);
    do {
        long lost;

        test_malloc_fail_at(++at, for_ever);
        lost = live_and_count(&n_answered);
        n_refused = test_malloc.n_refused;
        test_malloc_fail_at(0, false);
        EXPECT_MSG(lost == 0, "malloc %lu: %ld blocks lost", at, lost);
        live_and_count(&n_answered);
        EXPECT_MSG(n_answered == 7, "after malloc %lu failed: %u answers", at, n_answered);
    } while (n_refused > 0);
    member_close_loop();
    return at;
}

TEST(each_malloc_may_fail_once)
{
    EXPECT(sweep(false) > 50);
}

TEST(all_mallocs_may_fail_from_each_on)
{
    EXPECT(sweep(true) > 50);
}
