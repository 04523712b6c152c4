/* The answer parser sees whatever stands behind a socket: what is complete is read, what is not is waited for, what is
 * no answer is refused. */
#include "cli/http_client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "http/unix_socket.h"

static int parse(const char *text, size_t size, bool ended, struct kad_http_reply *out_reply)
{
    return kad_http_reply_parse((struct kad_bytes){(const uint8_t *)text, size}, ended, out_reply);
}

static const char good[] =
    "HTTP/1.1 200 OK\r\nDate: x\r\ncontent-length:  5 \r\nConnection: close\r\n\r\nhello";

/* Cut anywhere it is incomplete, never wrong and never read too early; whole it is read. */
TEST(an_answer_in_pieces)
{
    struct kad_http_reply reply;
    const size_t size = sizeof good - 1;

    for (size_t cut = 0; cut < size; cut++) {
        EXPECT_EQ(parse(good, cut, false, &reply), KAD_E_SPACE);
        EXPECT_EQ(parse(good, cut, true, &reply), KAD_E_INVALID);
    }
    EXPECT_EQ(parse(good, size, false, &reply), KAD_OK);
    EXPECT_EQ(reply.status, 200);
    EXPECT(reply.body.size == 5 && memcmp(reply.body.data, "hello", 5) == 0);
}

TEST(without_a_length_the_body_ends_with_the_connection)
{
    static const char text[] = "HTTP/1.0 503 \r\n\r\nbye";
    struct kad_http_reply reply;

    EXPECT_EQ(parse(text, sizeof text - 1, false, &reply), KAD_E_SPACE);
    EXPECT_EQ(parse(text, sizeof text - 1, true, &reply), KAD_OK);
    EXPECT_EQ(reply.status, 503);
    EXPECT_EQ(reply.body.size, 3);
}

TEST(what_is_no_answer)
{
    static const char *const wrong[] = {
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    struct kad_http_reply reply;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        EXPECT_MSG(parse(wrong[i], strlen(wrong[i]), false, &reply) == KAD_E_INVALID, "%s", wrong[i]);
    EXPECT_EQ(parse("S", 1, false, &reply), KAD_E_INVALID); /* told apart by its first byte */
}

/* -- over a socket ----------------------------------------------------------------------------------------------- */

struct server {
    int listening;
    const char *answer; /* NULL: takes the connection and says nothing until the client goes */
    char request[1024];
};

static void *serve(void *context)
{
    struct server *server = context;
    int client;
    ssize_t n = 0, more;

    while ((client = accept(server->listening, NULL, NULL)) < 0)
        usleep(1000);
    do {
        more = recv(client, server->request + n, sizeof server->request - 1 - (size_t)n, 0);
        n += more > 0 ? more : 0;
        server->request[n] = 0;
    } while (more > 0 && (!server->answer || !strstr(server->request, "\r\n\r\n")));
    if (server->answer)
        send(client, server->answer, strlen(server->answer), MSG_NOSIGNAL);
    close(client);
    return NULL;
}

static int exchange_with(const char *answer, struct kad_http_exchange *exchange, char *out_request)
{
    char folder[] = "/tmp/kad-client-XXXXXX", path[64];
    struct server server = {.answer = answer};
    pthread_t thread;
    int error;

    EXPECT(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/s", folder);
    server.listening = kad_unix_listen(path);
    EXPECT(server.listening >= 0);
    EXPECT(pthread_create(&thread, NULL, serve, &server) == 0);
    exchange->socket = path;
    error = kad_http_exchange(exchange);
    pthread_join(thread, NULL);
    strcpy(out_request, server.request);
    close(server.listening);
    unlink(path);
    rmdir(folder);
    return error;
}

TEST(a_request_and_its_answer)
{
    struct kad_http_exchange exchange = {.method = "GET", .path = "/x", .timeout_ms = 60000};
    char request[1024];

    EXPECT_EQ(exchange_with(good, &exchange, request), KAD_OK);
    EXPECT_EQ(exchange.reply.status, 200);
    EXPECT(exchange.reply.body.size == 5 && memcmp(exchange.reply.body.data, "hello", 5) == 0);
    EXPECT(strncmp(request, "GET /x HTTP/1.1\r\n", 17) == 0);
    free(exchange.received);
}

/* A node that hangs must not hang its user. */
TEST(silence_ends_at_the_deadline)
{
    struct kad_http_exchange exchange = {.method = "GET", .path = "/x", .timeout_ms = 50};
    char request[1024];

    EXPECT_EQ(exchange_with(NULL, &exchange, request), KAD_E_TIMEOUT);
    free(exchange.received);
}

TEST(a_connection_closed_without_a_word)
{
    struct kad_http_exchange exchange = {.method = "GET", .path = "/x", .timeout_ms = 60000};
    char request[1024];

    EXPECT_EQ(exchange_with("", &exchange, request), KAD_E_CLOSED);
    free(exchange.received);
}

TEST(nobody_there)
{
    struct kad_http_exchange exchange = {
        .socket = "/tmp/kad-no-such-socket", .method = "GET", .path = "/x", .timeout_ms = 60000};

    EXPECT_EQ(kad_http_exchange(&exchange), KAD_E_NOT_FOUND);
}
