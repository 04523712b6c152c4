#include "http/member_dial.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "http/tcp_socket.h"
#include "http/websocket.h"
#include "node/ws_bytes.h"

/* Where others take us to be is where we come from and the port we name. */
static bool is_bound(int fd, const struct kad_endpoint *from)
{
    struct kad_endpoint any_port = *from;
    struct sockaddr_storage address;
    socklen_t size;

    if (from->family == KAD_FAMILY_NONE)
        return true;
    any_port.port = 0;
    size = kad_tcp_address(&any_port, &address);
    return bind(fd, (struct sockaddr *)&address, size) == 0;
}

int kad_member_dial_begin(const struct kad_endpoint *endpoint, const struct kad_endpoint *from)
{
    struct sockaddr_storage address;
    const socklen_t size = kad_tcp_address(endpoint, &address);
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && (!is_bound(fd, from) ||
                    (connect(fd, (struct sockaddr *)&address, size) != 0 && errno != EINPROGRESS))) {
        close(fd);
        return -1;
    }
    return fd;
}

void kad_member_dial_init(struct kad_member_dial *dial, const struct kad_endpoint *endpoint)
{
    char key[32], host[KAD_ENDPOINT_TEXT];
    uint8_t nonce[16];

    *dial = (struct kad_member_dial){.at = 0};
    kad_entropy(nonce, sizeof nonce);
    sodium_bin2base64(key, sizeof key, nonce, sizeof nonce, sodium_base64_VARIANT_ORIGINAL);
    kad_ws_accept(key, dial->accept);
    dial->size = (size_t)snprintf(dial->text, sizeof dial->text,
                                  "GET /kad HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: %s\r\n\r\n",
                                  kad_endpoint_format(endpoint, host), key);
}

static bool is_welcome(const char *head, const char *accept)
{
    static const char status[] = "HTTP/1.1 101", name[] = "\r\nSec-WebSocket-Accept:";
    const char *value = strcasestr(head, name);

    if (strncmp(head, status, sizeof status - 1) != 0 || !value)
        return false;
    value += sizeof name - 1;
    value += strspn(value, " ");
    return strncmp(value, accept, strlen(accept)) == 0;
}

static enum kad_member_dial_result ask(struct kad_member_dial *dial, int fd)
{
    const ssize_t n = send(fd, dial->text + dial->at, dial->size - dial->at, MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? KAD_MEMBER_DIAL_WRITE : KAD_MEMBER_DIAL_FAILED;
    dial->at += (size_t)n;
    if (dial->at < dial->size)
        return KAD_MEMBER_DIAL_WRITE;
    dial->asked = true;
    dial->size = 0;
    return KAD_MEMBER_DIAL_READ;
}

enum kad_member_dial_result kad_member_dial_step(struct kad_member_dial *dial, int fd,
                                                 struct kad_bytes *out_early)
{
    char *end;
    ssize_t n;

    if (!dial->asked)
        return ask(dial, fd);
    n = recv(fd, dial->text + dial->size, sizeof dial->text - 1 - dial->size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return KAD_MEMBER_DIAL_READ;
    if (n <= 0)
        return KAD_MEMBER_DIAL_FAILED;
    dial->size += (size_t)n;
    dial->text[dial->size] = 0;
    end = strstr(dial->text, "\r\n\r\n");
    if (!end)
        return dial->size < sizeof dial->text - 1 ? KAD_MEMBER_DIAL_READ : KAD_MEMBER_DIAL_FAILED;
    end[2] = 0; /* the head as a text */
    if (!is_welcome(dial->text, dial->accept))
        return KAD_MEMBER_DIAL_FAILED;
    end += 4;
    *out_early = (struct kad_bytes){(const uint8_t *)end, dial->size - (size_t)(end - dial->text)};
    return KAD_MEMBER_DIAL_OPEN;
}
