#include "net/local_discovery.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define INTERFACES_MAX   16
#define SEEN_MAX         32
#define FOUND_PER_MINUTE 8

/* -- the message ------------------------------------------------------------------------------------------------- */

size_t kad_local_write(uint16_t port, uint32_t cookie, char out_message[KAD_LOCAL_MESSAGE])
{
    return (size_t)snprintf(out_message, KAD_LOCAL_MESSAGE,
                            "BT-SEARCH * HTTP/1.1\r\nHost: " KAD_LOCAL_GROUP ":%d\r\nPort: %d\r\n"
                            "Infohash: " KAD_LOCAL_INFOHASH "\r\ncookie: %08x\r\n\r\n\r\n",
                            KAD_LOCAL_PORT, port, (unsigned)cookie);
}

/* "Name: value" -> value. NULL: another name. */
static const char *value_of(const char *line, const char *name)
{
    const size_t size = strlen(name);

    if (strncasecmp(line, name, size) != 0 || line[size] != ':')
        return NULL;
    return line + size + 1 + strspn(line + size + 1, " \t");
}

bool kad_local_read(const char *message, size_t size, uint16_t *out_port, bool *out_has_cookie,
                    uint32_t *out_cookie)
{
    static const char first[] = "BT-SEARCH * HTTP/1.";
    char text[1024], *rest = text, *line;
    int64_t port = 0;

    if (size >= sizeof(text) || size < sizeof(first) || memcmp(message, first, sizeof(first) - 1) != 0 ||
        memchr(message, '\0', size))
        return false;
    memcpy(text, message, size);
    text[size] = '\0';
    *out_has_cookie = false;
    while ((line = strsep(&rest, "\n"))) {
        const char *value;

        line[strcspn(line, "\r")] = '\0';
        value = value_of(line, "port");
        if (value && kad_parse_number(value, 1, UINT16_MAX, &port) < 0)
            return false;
        value = value_of(line, "cookie");
        if (value && strlen(value) == 8) {
            uint8_t bytes[4];

            if (kad_unhex(value, bytes, sizeof(bytes)) == KAD_OK) {
                *out_has_cookie = true;
                *out_cookie =
                    (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
            }
        }
    }
    *out_port = (uint16_t)port;
    return port != 0;
}

/* -- on the network ---------------------------------------------------------------------------------------------- */

struct seen {
    struct kad_endpoint endpoint;
    kad_ms at;
};

struct kad_local {
    struct kad_local_config config;
    uv_loop_t *loop;
    uv_udp_t socket;
    uv_timer_t timer;
    unsigned n_open;
    uint32_t cookie;
    kad_ms announced_at; /* of the loop's clock; 0: never */
    bool is_due;         /* the timer is for what was asked too early */
    kad_ms minute_at;
    unsigned n_this_minute;
    struct seen seen[SEEN_MAX];
    char buffer[2048];
};

static kad_ms now_of(const struct kad_local *local)
{
    return (kad_ms)uv_now(local->loop) + KAD_HOUR; /* 0 is "never" */
}

/* True: not heard of lately, and there is room for one more this minute. */
static bool is_news(struct kad_local *local, const struct kad_endpoint *endpoint)
{
    const kad_ms now = now_of(local);
    struct seen *oldest = &local->seen[0];

    for (size_t i = 0; i < SEEN_MAX; i++) {
        struct seen *seen = &local->seen[i];

        if (seen->at && now - seen->at < KAD_LOCAL_EVERY_MS && kad_endpoint_equal(&seen->endpoint, endpoint))
            return false;
        if (seen->at < oldest->at)
            oldest = seen;
    }
    if (now - local->minute_at >= KAD_MINUTE) {
        local->minute_at = now;
        local->n_this_minute = 0;
    }
    if (local->n_this_minute == FOUND_PER_MINUTE)
        return false;
    local->n_this_minute++;
    *oldest = (struct seen){*endpoint, now};
    return true;
}

static void lend(uv_handle_t *handle, size_t size, uv_buf_t *out_buffer)
{
    struct kad_local *local = handle->data;

    (void)size;
    *out_buffer = uv_buf_init(local->buffer, sizeof(local->buffer));
}

static void received(uv_udp_t *socket, ssize_t size, const uv_buf_t *buffer, const struct sockaddr *from,
                     unsigned flags)
{
    struct kad_local *local = socket->data;
    struct kad_endpoint endpoint;
    enum kad_scope scope;
    bool has_cookie;
    uint32_t cookie;
    uint16_t port;

    if (size <= 0 || !from || from->sa_family != AF_INET || flags & UV_UDP_PARTIAL)
        return;
    if (!kad_local_read(buffer->base, (size_t)size, &port, &has_cookie, &cookie))
        return;
    if (has_cookie && cookie == local->cookie) /* our own voice */
        return;
    endpoint =
        kad_endpoint_v4((const uint8_t *)&((const struct sockaddr_in *)(const void *)from)->sin_addr, port);
    scope = kad_endpoint_scope(&endpoint);
    if ((scope == KAD_SCOPE_PRIVATE || scope == KAD_SCOPE_LINK) && is_news(local, &endpoint))
        local->config.found(local->config.context, &endpoint);
}

static bool fits(const struct ifaddrs *interface)
{
    const unsigned wanted = IFF_UP | IFF_RUNNING | IFF_MULTICAST;

    return interface->ifa_addr && interface->ifa_addr->sa_family == AF_INET &&
           (interface->ifa_flags & wanted) == wanted && !(interface->ifa_flags & IFF_LOOPBACK);
}

/* Interfaces come and go, so they are looked at each time. */
static void speak(struct kad_local *local)
{
    char message[KAD_LOCAL_MESSAGE];
    const size_t size = kad_local_write(local->config.port, local->cookie, message);
    uv_buf_t buffer = uv_buf_init(message, (unsigned)size);
    struct sockaddr_in group;
    struct ifaddrs *interfaces;
    int n = 0;

    if (getifaddrs(&interfaces) < 0)
        return;
    uv_ip4_addr(KAD_LOCAL_GROUP, KAD_LOCAL_PORT, &group);
    for (const struct ifaddrs *i = interfaces; i && n < INTERFACES_MAX; i = i->ifa_next) {
        char address[INET_ADDRSTRLEN];

        if (!fits(i))
            continue;
        n++;
        uv_ip4_name((const struct sockaddr_in *)(const void *)i->ifa_addr, address, sizeof(address));
        /* The second time it is a member already, which is an error that says so. */
        uv_udp_set_membership(&local->socket, KAD_LOCAL_GROUP, address, UV_JOIN_GROUP);
        if (local->config.port && uv_udp_set_multicast_interface(&local->socket, address) == 0)
            uv_udp_try_send(&local->socket, &buffer, 1, (const struct sockaddr *)&group);
    }
    freeifaddrs(interfaces);
}

static void due(uv_timer_t *timer);

static void announce(struct kad_local *local)
{
    local->announced_at = now_of(local);
    local->is_due = false;
    speak(local);
    uv_timer_start(&local->timer, due, (uint64_t)KAD_LOCAL_EVERY_MS, 0);
}

static void due(uv_timer_t *timer)
{
    announce(timer->data);
}

void kad_local_announce(struct kad_local *local)
{
    const kad_ms since = now_of(local) - local->announced_at;

    if (local->announced_at == 0 || since >= KAD_LOCAL_LEAST_MS) {
        announce(local);
    } else if (!local->is_due) {
        local->is_due = true;
        uv_timer_start(&local->timer, due, (uint64_t)(KAD_LOCAL_LEAST_MS - since), 0);
    }
}

static void closed(uv_handle_t *handle)
{
    struct kad_local *local = handle->data;

    if (--local->n_open == 0)
        kad_free(local->config.allocator, local, sizeof(*local));
}

int kad_local_open(uv_loop_t *loop, const struct kad_local_config *config, struct kad_local **out_local)
{
    struct kad_local *local = kad_alloc_zero(config->allocator, sizeof(*local));
    struct sockaddr_in group;
    int error;

    if (!local)
        return KAD_E_MEMORY;
    local->config = *config;
    local->loop = loop;
    kad_entropy(&local->cookie, sizeof(local->cookie));
    error = uv_udp_init(loop, &local->socket);
    if (error < 0) {
        kad_free(config->allocator, local, sizeof(*local));
        errno = -error;
        return KAD_E_SYSTEM;
    }
    uv_timer_init(loop, &local->timer);
    local->socket.data = local->timer.data = local;
    local->n_open = 2;
    uv_ip4_addr(KAD_LOCAL_GROUP, KAD_LOCAL_PORT, &group);
    /* Bound to the group, it hears nothing else; other programs listen there, too. */
    error = uv_udp_bind(&local->socket, (const struct sockaddr *)&group, UV_UDP_REUSEADDR);
    if (!error)
        error = uv_udp_set_multicast_ttl(&local->socket, 1);
    if (!error)
        error = uv_udp_set_multicast_loop(&local->socket, 1); /* two nodes of one machine */
    if (!error)
        error = uv_udp_recv_start(&local->socket, lend, received);
    if (error < 0) {
        kad_local_close(local);
        errno = -error;
        return KAD_E_SYSTEM;
    }
    *out_local = local;
    return KAD_OK;
}

void kad_local_close(struct kad_local *local)
{
    if (!local)
        return;
    uv_close((uv_handle_t *)&local->socket, closed);
    uv_close((uv_handle_t *)&local->timer, closed);
}
