/* address - kad_endpoint to and from the operating system's socket addresses. */
#ifndef KAD_NET_ADDRESS_H
#define KAD_NET_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/endpoint.h"

union kad_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Returns the size of what was written; the endpoint has a family. */
static inline socklen_t kad_address_from(const struct kad_endpoint *endpoint, union kad_address *out_address)
{
    if (endpoint->family == KAD_IPV4) {
        out_address->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
        __builtin_memcpy(&out_address->v4.sin_addr, endpoint->address, 4);
        return sizeof(out_address->v4);
    }
    out_address->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};
    __builtin_memcpy(&out_address->v6.sin6_addr, endpoint->address, 16);
    return sizeof(out_address->v6);
}

/* Family KAD_FAMILY_NONE when it is neither IPv4 nor IPv6. */
static inline struct kad_endpoint kad_address_endpoint(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;

        return kad_endpoint_v4((const uint8_t *)&v4->sin_addr, ntohs(v4->sin_port));
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

        return kad_endpoint_v6((const uint8_t *)&v6->sin6_addr, ntohs(v6->sin6_port));
    }
    return (struct kad_endpoint){0};
}

#endif
