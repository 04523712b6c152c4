#include "net/portmap.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/portmap_upnp.h"
#include "net/portmap_wire.h"

/* A question is asked so often, and the first answer waited for so long, then twice as long each time. RFC 6886 goes on to
 * 64 s; a router that is there answers at once. */
#define TRIES      4
#define WAIT_FIRST 250

const char *kad_portmap_how_text(enum kad_portmap_how how)
{
    static const char *const words[] = {"off", "auto", "pcp", "nat-pmp", "upnp"};

    return words[how];
}

static int fail(int error, char *why, size_t why_size, const char *text)
{
    snprintf(why, why_size, "%s", text);
    return error;
}

/* -- the router -------------------------------------------------------------------------------------------------- */

static bool find_gateway(uint8_t gateway[4])
{
    char text[16384];
    FILE *file = fopen("/proc/self/net/route", "re");
    size_t n;

    if (!file)
        return false;
    n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = '\0';
    return kad_route_gateway(text, gateway);
}

/* A socket that speaks with the router alone, and our address towards it. -1: errno. */
static int open_socket(const uint8_t gateway[4], uint8_t own[4])
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(KAD_PCP_PORT)}, from;
    socklen_t size = sizeof(from);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    memcpy(&to.sin_addr, gateway, 4);
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
        getsockname(fd, (struct sockaddr *)&from, &size) < 0) {
        close(fd);
        return -1;
    }
    memcpy(own, &from.sin_addr, 4);
    return fd;
}

/* Whether an answer is the one; KAD_E_INVALID: wait on. */
typedef int reads(void *context, const uint8_t *answer, size_t size);

/* Asks until there is an answer that `read` takes, and returns what it said. */
static int exchange(int fd, const uint8_t *question, size_t size, reads *read_answer, void *context,
                    char *why, size_t why_size)
{
    int wait_ms = WAIT_FIRST;

    for (int i = 0; i < TRIES; i++, wait_ms *= 2) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};

        if (send(fd, question, size, 0) < 0)
            return fail(KAD_E_TIMEOUT, why, why_size, strerror(errno));
        while (poll(&waiting, 1, wait_ms) >
               0) {               /* what is no answer to this lengthens the wait; it is a router */
            uint8_t answer[1100]; /* RFC 6887, section 7: the longest */
            const ssize_t n = recv(fd, answer, sizeof(answer), 0);
            int error;

            if (n < 0) /* its port is closed */
                return fail(KAD_E_TIMEOUT, why, why_size, strerror(errno));
            error = read_answer(context, answer, (size_t)n);
            if (error != KAD_E_INVALID)
                return error;
        }
    }
    return fail(KAD_E_TIMEOUT, why, why_size, "no answer");
}

/* -- PCP --------------------------------------------------------------------------------------------------------- */

struct pcp {
    struct kad_pcp_map asked, granted;
    unsigned result;
};

static int read_pcp(void *context, const uint8_t *answer, size_t size)
{
    struct pcp *pcp = context;

    return kad_pcp_read(answer, size, &pcp->asked, &pcp->granted, &pcp->result);
}

static int pcp(int fd, const uint8_t own[4], uint32_t lease_s, struct kad_portmap *map, char *why,
               size_t why_size)
{
    struct pcp pcp = {.asked = {.lifetime_s = lease_s,
                                .inside_port = map->inside_port,
                                .outside_port = map->how ? map->outside.port : map->inside_port}};
    uint8_t question[KAD_PCP_MESSAGE];
    int error;

    if (map->how != KAD_PORTMAP_PCP)
        kad_entropy(map->nonce, sizeof(map->nonce));
    memcpy(pcp.asked.nonce, map->nonce, sizeof(map->nonce));
    memcpy(pcp.asked.client, own, 4);
    if (map->how == KAD_PORTMAP_PCP)
        memcpy(pcp.asked.outside_address, map->outside.address, 4);
    kad_pcp_write(&pcp.asked, question);
    error = exchange(fd, question, sizeof(question), read_pcp, &pcp, why, why_size);
    if (error == KAD_E_REFUSED && pcp.result == 1)
        return fail(KAD_E_TIMEOUT, why, why_size, "the router does not speak it");
    if (error == KAD_E_REFUSED)
        snprintf(why, why_size, "the router refuses: result %u", pcp.result);
    if (error)
        return error;
    map->how = KAD_PORTMAP_PCP;
    map->outside = kad_endpoint_v4(pcp.granted.outside_address, pcp.granted.outside_port);
    map->lease_s = pcp.granted.lifetime_s;
    return KAD_OK;
}

/* -- NAT-PMP ----------------------------------------------------------------------------------------------------- */

struct pmp {
    uint16_t inside_port, outside_port;
    uint32_t lifetime_s;
    uint8_t address[4];
    unsigned result;
};

static int read_pmp_address(void *context, const uint8_t *answer, size_t size)
{
    struct pmp *pmp = context;

    return kad_pmp_read_address(answer, size, pmp->address, &pmp->result);
}

static int read_pmp_map(void *context, const uint8_t *answer, size_t size)
{
    struct pmp *pmp = context;

    return kad_pmp_read_map(answer, size, pmp->inside_port, &pmp->outside_port, &pmp->lifetime_s,
                            &pmp->result);
}

static int nat_pmp(int fd, uint32_t lease_s, struct kad_portmap *map, char *why, size_t why_size)
{
    struct pmp pmp = {.inside_port = map->inside_port};
    const uint16_t wanted = map->how ? map->outside.port : map->inside_port;
    uint8_t question[KAD_PMP_MESSAGE];
    size_t size = kad_pmp_write_address(question);
    int error = exchange(fd, question, size, read_pmp_address, &pmp, why, why_size);

    if (!error) {
        size = kad_pmp_write_map(map->inside_port, lease_s ? wanted : 0, lease_s, question);
        error = exchange(fd, question, size, read_pmp_map, &pmp, why, why_size);
    }
    if (error == KAD_E_REFUSED && pmp.result == 1)
        return fail(KAD_E_TIMEOUT, why, why_size, "the router does not speak it");
    if (error == KAD_E_REFUSED)
        snprintf(why, why_size, "the router refuses: result %u", pmp.result);
    if (error)
        return error;
    map->how = KAD_PORTMAP_NAT_PMP;
    map->outside = kad_endpoint_v4(pmp.address, pmp.outside_port);
    map->lease_s = pmp.lifetime_s;
    return KAD_OK;
}

/* -- all of them ------------------------------------------------------------------------------------------------- */

/* One of them. `lease_s` 0: give it back. */
static int ask_by(enum kad_portmap_how how, int fd, const uint8_t own[4], uint32_t lease_s,
                  struct kad_portmap *map, char *why, size_t why_size)
{
    switch (how) {
    case KAD_PORTMAP_PCP:
        return pcp(fd, own, lease_s, map, why, why_size);
    case KAD_PORTMAP_NAT_PMP:
        return nat_pmp(fd, lease_s, map, why, why_size);
    case KAD_PORTMAP_UPNP:
        return lease_s ? kad_upnp_ask(lease_s, map, why, why_size) : kad_upnp_drop(map, why, why_size);
    default:
        return fail(KAD_E_INVALID, why, why_size, "no way to ask");
    }
}

int kad_portmap_ask(enum kad_portmap_how how, uint32_t lease_s, struct kad_portmap *map, char *out_why,
                    size_t why_size)
{
    /* What worked last time first; then the others, for routers are exchanged. */
    const enum kad_portmap_how ways[] = {map->how, KAD_PORTMAP_PCP, KAD_PORTMAP_NAT_PMP, KAD_PORTMAP_UPNP};
    struct kad_endpoint own_endpoint;
    uint8_t gateway[4], own[4];
    enum kad_scope scope;
    int fd, error = KAD_E_TIMEOUT;
    size_t n = 0;

    if (!find_gateway(gateway))
        return fail(KAD_E_NOT_FOUND, out_why, why_size, "no default route, so no router to ask");
    fd = open_socket(gateway, own);
    if (fd < 0)
        return fail(KAD_E_SYSTEM, out_why, why_size, strerror(errno));
    own_endpoint = kad_endpoint_v4(own, 1);
    scope = kad_endpoint_scope(&own_endpoint);
    if (scope != KAD_SCOPE_PRIVATE && scope != KAD_SCOPE_LINK) {
        close(fd);
        return fail(KAD_E_NOT_FOUND, out_why, why_size, "our own address is public: nothing to map");
    }
    snprintf(out_why, why_size, "%s", "");
    for (size_t i = 0; i < KAD_COUNT_OF(ways) && error; i++) {
        struct kad_portmap fresh = *map;
        char why[128];

        if (!ways[i] || (how != KAD_PORTMAP_AUTO && ways[i] != how) || (i && ways[i] == map->how))
            continue;
        memcpy(fresh.gateway, gateway, sizeof(gateway));
        error = ask_by(ways[i], fd, own, lease_s, &fresh, why, sizeof(why));
        if (!error)
            *map = fresh;
        else if (n < why_size)
            n += (size_t)snprintf(out_why + n, why_size - n, "%s%s: %s", n ? "; " : "",
                                  kad_portmap_how_text(ways[i]), why);
    }
    close(fd);
    return error;
}

int kad_portmap_drop(struct kad_portmap *map, char *out_why, size_t why_size)
{
    struct kad_portmap gone = *map;
    uint8_t own[4];
    const int fd = map->how ? open_socket(map->gateway, own) : -1;
    int error;

    map->how = KAD_PORTMAP_OFF;
    if (gone.how == KAD_PORTMAP_OFF)
        return KAD_OK;
    if (fd < 0)
        return fail(KAD_E_SYSTEM, out_why, why_size, strerror(errno));
    error = ask_by(gone.how, fd, own, 0, &gone, out_why, why_size);
    close(fd);
    return error;
}
