/* http_client - see http_client.h. */
#include "cli/http_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/types.h"
#include "http/unix_socket.h"

#define TICK_MS       100
#define BUSY_PAUSE_MS 20

/* -- the answer -------------------------------------------------------------------------------------------------- */

/* The end of the line that begins at `at`, where its "\r\n" stands; NULL: not all there. */
static const char *line_end(const char *at, const char *end)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));

    return newline && newline > at && newline[-1] == '\r' ? newline - 1 : NULL;
}

/* "HTTP/1.1 200 OK" */
static bool read_status(const char *line, const char *end, unsigned *out_status)
{
    if (end - line < 12 || strncmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ')
        return false;
    *out_status = 0;
    for (int i = 9; i < 12; i++) {
        if (line[i] < '0' || line[i] > '9')
            return false;
        *out_status = 10 * *out_status + (unsigned)(line[i] - '0');
    }
    return end - line == 12 || line[12] == ' ';
}

/* Whether `line` is the header `name`; then its value without blanks around it, in `value`. */
static bool is_header(const char *line, const char *end, const char *name, char value[32])
{
    const size_t size = strlen(name);

    if ((size_t)(end - line) <= size || strncasecmp(line, name, size) != 0 || line[size] != ':')
        return false;
    line += size + 1;
    while (line < end && (*line == ' ' || *line == '\t'))
        line++;
    while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    snprintf(value, 32, "%.*s", (int)kad_ms_min(end - line, 31), line);
    return true;
}

int kad_http_reply_parse(struct kad_bytes bytes, bool ended, struct kad_http_reply *out_reply)
{
    const char *at = (const char *)bytes.data, *const end = at + bytes.size;
    const char *line = line_end(at, end);
    const int incomplete = ended ? KAD_E_INVALID : KAD_E_SPACE;
    struct kad_http_reply reply;
    int64_t length = -1;
    size_t left;

    /* A stranger on this socket is told apart at once, not at the deadline. */
    if (strncmp(at, "HTTP/1.", bytes.size < 7 ? bytes.size : 7) != 0)
        return KAD_E_INVALID;
    if (!line)
        return incomplete;
    if (!read_status(at, line, &reply.status))
        return KAD_E_INVALID;
    for (at = line + 2;; at = line + 2) {
        char value[32];

        line = line_end(at, end);
        if (!line)
            return incomplete;
        if (line == at)
            break;
        if (is_header(at, line, "Transfer-Encoding", value))
            return KAD_E_INVALID;
        if (is_header(at, line, "Content-Length", value) &&
            kad_parse_number(value, 0, (int64_t)KAD_HTTP_REPLY_MAX, &length) != KAD_OK)
            return KAD_E_INVALID;
    }
    at = line + 2;
    left = (size_t)(end - at);
    if (length < 0 ? !ended : left < (size_t)length)
        return incomplete;
    reply.body = (struct kad_bytes){(const uint8_t *)at, length < 0 ? left : (size_t)length};
    *out_reply = reply;
    return KAD_OK;
}

/* -- the exchange ------------------------------------------------------------------------------------------------ */

static kad_ms clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (kad_ms)now.tv_sec * KAD_SECOND + now.tv_nsec / 1000000;
}

/* Waits until `events` are there. 0 or KAD_E_TIMEOUT, KAD_E_SYSTEM. */
static int await(struct kad_http_exchange *exchange, int fd, short events, kad_ms began)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = events};
        const kad_ms waited = clock_now() - began, left = exchange->timeout_ms - waited;
        int n;

        if (left <= 0)
            return KAD_E_TIMEOUT;
        n = poll(&ready, 1, (int)kad_ms_min(left, exchange->waiting ? TICK_MS : 60000));
        if (n > 0)
            return KAD_OK;
        if (n < 0 && errno != EINTR)
            return KAD_E_SYSTEM;
        if (n == 0 && exchange->waiting)
            exchange->waiting(exchange->context, clock_now() - began);
    }
}

static int send_all(struct kad_http_exchange *exchange, int fd, const char *bytes, size_t size, kad_ms began)
{
    while (size > 0) {
        const ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

        if (n >= 0) {
            bytes += n;
            size -= (size_t)n;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return KAD_OK; /* it answered early and closed: read what it said */
        } else if (errno == EAGAIN) {
            const int error = await(exchange, fd, POLLOUT, began);

            if (error != KAD_OK)
                return error;
        } else if (errno != EINTR) {
            return KAD_E_SYSTEM;
        }
    }
    return KAD_OK;
}

static int receive_reply(struct kad_http_exchange *exchange, int fd, kad_ms began)
{
    size_t size = 0, room = 0;

    for (;;) {
        ssize_t n;
        int error;

        if (size == room) {
            char *more = room < KAD_HTTP_REPLY_MAX ? realloc(exchange->received, room += room + 16384) : NULL;

            if (!more)
                return KAD_E_MEMORY;
            exchange->received = more;
        }
        n = recv(fd, exchange->received + size, room - size, 0);
        if (n < 0 && errno == EAGAIN) {
            error = await(exchange, fd, POLLIN, began);
            if (error != KAD_OK)
                return error;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        size += n > 0 ? (size_t)n : 0;
        if (size == 0)
            return KAD_E_CLOSED;
        error = kad_http_reply_parse((struct kad_bytes){(uint8_t *)exchange->received, size}, n <= 0,
                                     &exchange->reply);
        if (error != KAD_E_SPACE)
            return error;
    }
}

static char *make_request(const struct kad_http_exchange *exchange)
{
    const char *body = exchange->body ? exchange->body : "";
    char *text;

    if (asprintf(
            &text,
            "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
            "Content-Length: %zu\r\n\r\n%s",
            exchange->method, exchange->path, strlen(body), body) < 0)
        return NULL;
    return text;
}

/* A node whose queue of connections is full is busy, not gone. */
static int connect_node(struct kad_http_exchange *exchange, kad_ms began)
{
    int fd;

    while ((fd = kad_unix_connect(exchange->socket)) == KAD_E_SYSTEM && errno == EAGAIN) {
        if (clock_now() - began >= exchange->timeout_ms)
            return KAD_E_TIMEOUT;
        poll(NULL, 0, BUSY_PAUSE_MS);
    }
    return fd;
}

int kad_http_exchange(struct kad_http_exchange *exchange)
{
    const kad_ms began = clock_now();
    char *request = make_request(exchange);
    int fd, error;

    exchange->received = NULL;
    if (!request)
        return KAD_E_MEMORY;
    fd = connect_node(exchange, began);
    error = fd < 0 ? fd : send_all(exchange, fd, request, strlen(request), began);
    if (error == KAD_OK)
        error = receive_reply(exchange, fd, began);
    if (fd >= 0)
        close(fd);
    free(request);
    return error;
}
