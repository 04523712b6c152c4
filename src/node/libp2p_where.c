/* libp2p_where - where others are told that we are: what we listen at, "everywhere" being every address of this machine. */
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "base/endpoint.h"
#include "net/address.h"
#include "node/libp2p_parts.h"

struct where {
    struct kad_libp2p *link;
    size_t n;
    struct {
        size_t n;
        uint8_t bytes[KAD_MULTIADDR_MAX];
    } addrs[KAD_SWARM_LISTEN];
};

static bool is_any(const struct kad_endpoint *endpoint)
{
    const struct kad_endpoint any = {.family = endpoint->family};

    return kad_endpoint_same_host(endpoint, &any);
}

static bool is_link_local(const struct kad_endpoint *endpoint)
{
    return endpoint->family == KAD_IPV6 && endpoint->address[0] == 0xfe &&
           (endpoint->address[1] & 0xc0) == 0x80;
}

static void add_bytes(struct where *where, struct kad_bytes addr)
{
    for (size_t i = 0; i < where->n; i++) {
        if (where->addrs[i].n == addr.size && memcmp(where->addrs[i].bytes, addr.data, addr.size) == 0)
            return;
    }
    if (!addr.size || addr.size > KAD_MULTIADDR_MAX || where->n == KAD_SWARM_LISTEN)
        return;
    where->addrs[where->n].n = addr.size;
    memcpy(where->addrs[where->n++].bytes, addr.data, addr.size);
}

static void add(struct where *where, const struct kad_endpoint *endpoint,
                enum kad_multiaddr_transport transport, enum kad_scope wanted)
{
    uint8_t addr[64];

    if (kad_endpoint_scope(endpoint) == wanted && !is_link_local(endpoint) &&
        (wanted == KAD_SCOPE_PUBLIC || where->link->local))
        add_bytes(where,
                  (struct kad_bytes){addr, kad_multiaddr_make(endpoint, transport, addr, sizeof(addr))});
}

/* All addresses of this machine of that scope. */
static void add_interfaces(struct where *where, const struct kad_endpoint *any,
                           enum kad_multiaddr_transport transport, enum kad_scope wanted)
{
    struct ifaddrs *all;

    if (getifaddrs(&all) < 0)
        return;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        struct kad_endpoint endpoint;

        if (!one->ifa_addr || !(one->ifa_flags & IFF_UP))
            continue;
        endpoint = kad_address_endpoint(one->ifa_addr);
        if (endpoint.family != any->family)
            continue;
        endpoint.port = any->port;
        add(where, &endpoint, transport, wanted);
    }
    freeifaddrs(all);
}

/* What was said others should be told, in place of all this. */
static void add_said(struct where *where, const struct kad_node_libp2p *config)
{
    for (size_t i = 0; i < config->n_announce; i++) {
        uint8_t addr[KAD_MULTIADDR_MAX];
        size_t n;

        if (kad_multiaddr_read(config->announce[i], addr, sizeof(addr), &n) == 0)
            add_bytes(where, (struct kad_bytes){addr, n});
    }
}

void kad_libp2p_look(struct kad_libp2p *link)
{
    static const enum kad_scope scopes[] = {KAD_SCOPE_PUBLIC, KAD_SCOPE_PRIVATE, KAD_SCOPE_LOOPBACK};
    struct where where = {.link = link, .n = 0};
    struct kad_bytes addrs[KAD_SWARM_LISTEN];
    bool same = true;

    add_said(&where, &link->node->config.libp2p);
    for (size_t i = 0; i < KAD_COUNT_OF(scopes) && !link->node->config.libp2p.n_announce; i++) {
        for (size_t j = 0; j < link->n_ports; j++) {
            const struct kad_endpoint bound = kad_listener_endpoint(link->ports[j].listener);

            if (is_any(&bound))
                add_interfaces(&where, &bound, link->ports[j].transport, scopes[i]);
            else
                add(&where, &bound, link->ports[j].transport, scopes[i]);
        }
    }
    same = where.n == link->n_told;
    for (size_t i = 0; i < where.n; i++) {
        same = same && where.addrs[i].n == link->told[i].n &&
               memcmp(where.addrs[i].bytes, link->told[i].bytes, where.addrs[i].n) == 0;
        addrs[i] = (struct kad_bytes){where.addrs[i].bytes, where.addrs[i].n};
    }
    if (same)
        return;
    link->n_told = where.n;
    for (size_t i = 0; i < where.n; i++) {
        link->told[i].n = where.addrs[i].n;
        memcpy(link->told[i].bytes, where.addrs[i].bytes, where.addrs[i].n);
    }
    link->moved = true;
    if (kad_swarm_listening(link->swarm, addrs, where.n, kad_libp2p_now(link)) < 0)
        link->n_told = 0; /* one that is too long to be told: none is */
    kad_swarm_set_mode(link->swarm, kad_libp2p_mode(link), kad_libp2p_now(link));
}

/* Whoever is at a public address, or only wants to be known where all addresses count, can be got at; so can be who was. */
static bool is_reachable(const struct kad_libp2p *link)
{
    for (size_t i = 0; i < link->n_told; i++) {
        const struct kad_bytes addr = {link->told[i].bytes, link->told[i].n};
        struct kad_multiaddr parts;

        if (link->local ||
            (kad_multiaddr_parse(addr, &parts) == 0 &&
             (parts.host != KAD_HOST_IP || kad_endpoint_scope(&parts.endpoint) == KAD_SCOPE_PUBLIC)))
            return true;
    }
    return link->met_public && link->n_ports > 0;
}

enum kad_swarm_mode kad_libp2p_mode(const struct kad_libp2p *link)
{
    const struct kad_node_config *config = &link->node->config;

    if (config->settings.read_only || config->libp2p.mode == KAD_LIBP2P_CLIENT)
        return KAD_SWARM_CLIENT;
    if (config->libp2p.mode == KAD_LIBP2P_SERVER)
        return KAD_SWARM_SERVER;
    return is_reachable(link) ? KAD_SWARM_SERVER : KAD_SWARM_CLIENT;
}
