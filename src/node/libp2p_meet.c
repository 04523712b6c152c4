/*
 * libp2p_meet - multiaddrs to meet somebody at. "/dnsaddr/NAME" stands for those in the TXT records of _dnsaddr.NAME, "dnsaddr=" before
 * each (multiformats/multiaddr, DNSADDR); among these may be such names again. Whoever is named behind it, "/p2p/ID", is the only one
 * of them that is met.
 */
#include <stdio.h>
#include <string.h>

#include "net/dns_txt.h"
#include "node/libp2p_parts.h"

#define DEPTH_MAX 4  /* names that stand for names */
#define NAMES_MAX 32 /* looked up at once */

struct libp2p_names {
    struct libp2p_names *next;
    struct kad_libp2p *link; /* NULL: nobody wants it any more */
    const struct kad_allocator *allocator;
    uv_work_t work;
    int error;
    const char *why;
    unsigned depth;
    size_t n_peer; /* 0: whoever is there */
    uint8_t peer[KAD_PEER_ID_MAX];
    char name[300]; /* "_dnsaddr." and 253 characters */
    char text[KAD_DNS_TXT_MAX];
};

static int meet(struct kad_libp2p *link, struct kad_bytes addr, unsigned depth);

static void ask(uv_work_t *work)
{
    struct libp2p_names *names = work->data;

    names->error = kad_dns_txt(names->name, NULL, names->text, &names->why);
}

/* One record: a multiaddr, unless it names somebody else. */
static void take(const struct libp2p_names *names, const char *text)
{
    static const char mark[] = "dnsaddr=";
    uint8_t bytes[KAD_MULTIADDR_MAX];
    struct kad_multiaddr parts;
    size_t n;

    if (strncmp(text, mark, sizeof(mark) - 1) != 0 ||
        kad_multiaddr_read(text + sizeof(mark) - 1, bytes, sizeof(bytes), &n) < 0 ||
        kad_multiaddr_parse((struct kad_bytes){bytes, n}, &parts) < 0)
        return;
    if (names->n_peer &&
        (parts.peer.size != names->n_peer || memcmp(parts.peer.data, names->peer, names->n_peer) != 0))
        return;
    (void)!meet(names->link, (struct kad_bytes){bytes, n}, names->depth + 1); /* one of another kind */
}

static void asked(uv_work_t *work, int status)
{
    struct libp2p_names *names = work->data;
    struct kad_libp2p *link = names->link;

    if (link) {
        struct libp2p_names **at = &link->names;

        while (*at != names)
            at = &(*at)->next;
        *at = names->next;
    }
    if (link && (status < 0 || names->error))
        kad_tell(link->node, KAD_LOG_WARN, "bootstrap_unresolved", "name", names->name, "why",
                 status < 0 ? uv_strerror(status) : names->why, NULL);
    for (char *line = names->text, *end; link && !status && !names->error && *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = '\0';
        take(names, line);
    }
    kad_free(names->allocator, names, sizeof(*names));
}

static unsigned count(const struct kad_libp2p *link)
{
    unsigned n = 0;

    for (const struct libp2p_names *names = link->names; names; names = names->next)
        n++;
    return n;
}

static int look_up(struct kad_libp2p *link, const struct kad_multiaddr *parts, unsigned depth)
{
    struct libp2p_names *names;

    if (depth == DEPTH_MAX || count(link) == NAMES_MAX)
        return KAD_E_LIMIT;
    names = kad_alloc_zero(link->node->allocator, sizeof(*names));
    if (!names)
        return KAD_E_MEMORY;
    names->link = link;
    names->allocator = link->node->allocator;
    names->depth = depth;
    names->work.data = names;
    names->why = "";
    names->n_peer = parts->peer.size;
    if (parts->peer.size)
        memcpy(names->peer, parts->peer.data, parts->peer.size);
    snprintf(names->name, sizeof(names->name), "_dnsaddr.%.*s", (int)parts->name.size,
             (const char *)parts->name.data);
    if (uv_queue_work(link->node->loop, &names->work, ask, asked) < 0) {
        kad_free(names->allocator, names, sizeof(*names));
        return KAD_E_SYSTEM;
    }
    names->next = link->names;
    link->names = names;
    return KAD_OK;
}

static int meet(struct kad_libp2p *link, struct kad_bytes addr, unsigned depth)
{
    struct kad_multiaddr parts;

    if (kad_multiaddr_parse(addr, &parts) < 0)
        return KAD_E_INVALID;
    if (parts.host == KAD_HOST_DNSADDR && parts.transport == KAD_TRANSPORT_NONE)
        return look_up(link, &parts, depth);
    link->moved = true;
    return kad_swarm_connect(link->swarm, addr, kad_libp2p_now(link));
}

int kad_node_meet(struct kad_node *node, const char *multiaddr)
{
    uint8_t bytes[KAD_MULTIADDR_MAX];
    size_t n;

    if (!node->libp2p || !node->libp2p->swarm || node->phase != KAD_NODE_RUNNING)
        return KAD_E_CLOSED;
    if (kad_multiaddr_read(multiaddr, bytes, sizeof(bytes), &n) < 0)
        return KAD_E_INVALID;
    return meet(node->libp2p, (struct kad_bytes){bytes, n}, 0);
}

void kad_libp2p_names_clear(struct kad_libp2p *link)
{
    for (struct libp2p_names *names = link->names, *next; names; names = next) {
        next = names->next;
        names->link = NULL;
        uv_cancel((uv_req_t *)&names->work); /* one that has begun ends by itself, and frees itself */
    }
    link->names = NULL;
}
