#include "net/interface.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/text.h"

static bool of_family(const struct ifaddrs *address, int family, const char *name)
{
    return address->ifa_addr && address->ifa_addr->sa_family == family && (address->ifa_flags & IFF_UP) &&
           strcmp(address->ifa_name, name) == 0;
}

static struct kad_endpoint endpoint_of(const struct ifaddrs *address, uint16_t port)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->ifa_addr->sa_family == AF_INET) {
        memcpy(&v4, address->ifa_addr, sizeof(v4));
        return kad_endpoint_v4((const uint8_t *)&v4.sin_addr, port);
    }
    memcpy(&v6, address->ifa_addr, sizeof(v6));
    return kad_endpoint_v6((const uint8_t *)&v6.sin6_addr, port);
}

static bool is_link_local(const struct kad_endpoint *endpoint)
{
    return endpoint->family == KAD_IPV6 && endpoint->address[0] == 0xfe &&
           (endpoint->address[1] & 0xc0) == 0x80;
}

int kad_interface_endpoints(const char *text, struct kad_endpoint *out_endpoints, size_t room)
{
    const char *colon = strrchr(text, ':');
    const size_t size = colon ? (size_t)(colon - text) : 0;
    struct ifaddrs *all;
    char name[IF_NAMESIZE];
    int64_t port;
    size_t n = 0;

    if (size == 0 || size >= sizeof(name) || kad_parse_number(colon + 1, 0, UINT16_MAX, &port) < 0)
        return KAD_E_INVALID;
    memcpy(name, text, size);
    name[size] = '\0';
    if (if_nametoindex(name) == 0)
        return KAD_E_NOT_FOUND;
    if (getifaddrs(&all) < 0)
        return KAD_E_SYSTEM;
    for (int family = 0; family < 2; family++) {
        for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
            struct kad_endpoint endpoint;

            if (!of_family(one, family ? AF_INET6 : AF_INET, name))
                continue;
            endpoint = endpoint_of(one, (uint16_t)port);
            if (is_link_local(&endpoint))
                continue;
            if (n < room)
                out_endpoints[n] = endpoint;
            n++;
        }
    }
    freeifaddrs(all);
    return n > room ? KAD_E_LIMIT : (int)n;
}
