/* tcp_socket - see tcp_socket.h. */
#include "http/tcp_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endpoint.h"

#define BACKLOG 512

static const uint8_t everywhere[16];

static bool is_everywhere(const struct kad_endpoint *endpoint)
{
    return endpoint->family == KAD_IPV6 && memcmp(endpoint->address, everywhere, sizeof everywhere) == 0;
}

socklen_t kad_tcp_address(const struct kad_endpoint *endpoint, struct sockaddr_storage *out_address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out_address;

    memset(out_address, 0, sizeof *out_address);
    if (endpoint->family == KAD_IPV4) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(endpoint->port);
        memcpy(&v4->sin_addr, endpoint->address, sizeof v4->sin_addr);
        return sizeof *v4;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint->port);
    memcpy(&v6->sin6_addr, endpoint->address, sizeof v6->sin6_addr);
    return sizeof *v6;
}

static uint16_t bound_port(int fd, uint16_t asked)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return asked;
    return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                              : ((struct sockaddr_in6 *)&address)->sin6_port);
}

static int fail(int fd)
{
    const int why = errno;

    if (fd >= 0)
        close(fd);
    errno = why;
    return why == EADDRINUSE ? KAD_E_EXISTS : KAD_E_SYSTEM;
}

int kad_tcp_listen(const struct kad_endpoint *endpoint, struct kad_endpoint *out_bound)
{
    struct kad_endpoint here = *endpoint;
    struct sockaddr_storage address;
    const int yes = 1, no = 0;
    socklen_t size;
    int fd =
        socket(here.family == KAD_IPV6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 && is_everywhere(&here)) {
        here = kad_endpoint_v4(everywhere, here.port);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (fd < 0)
        return fail(fd);
    size = kad_tcp_address(&here, &address);
    if (is_everywhere(&here) && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) < 0)
        return fail(fd);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
        bind(fd, (const struct sockaddr *)&address, size) < 0 || listen(fd, BACKLOG) < 0)
        return fail(fd);
    here.port = bound_port(fd, here.port);
    *out_bound = here;
    return fd;
}
