/* libp2p_program - a program's own protocols (kad/protocol.h): what it asks goes to the swarm, and what becomes of it is told. */
#include <string.h>

#include "engine/swarm_program.h"
#include "kad/protocol.h"
#include "node/libp2p_parts.h"

#define TOLD_MOST 1024 /* news of streams, before the loop has its turn */

/* NULL: not one of libp2p's, or it stops. */
static struct kad_libp2p *link_of(const struct kad_node *node)
{
    return node->libp2p && node->libp2p->swarm && !node->libp2p->closing ? node->libp2p : NULL;
}

/* -- whom the host lets in -------------------------------------------------------------------------------------- */

static bool is_vetoed(const struct kad_libp2p *link, struct kad_bytes peer,
                      const struct kad_endpoint *endpoint)
{
    const struct kad_gate *gate = link->node->config.gate;
    struct kad_contact who = {.endpoint = *endpoint};
    unsigned reputation;

    if (!gate || !gate->reputation)
        return false;
    kad_peer_id_place(peer, &who.id);
    reputation = gate->reputation(gate->context, &who, peer);
    return reputation == 0 || reputation < link->node->config.settings.min_score;
}

/* -- what is told ----------------------------------------------------------------------------------------------- */

static void tell_opened(struct kad_libp2p *link, const struct kad_protocol *protocol,
                        const struct kad_swarm_stream *news)
{
    char peer[KAD_PEER_TEXT];

    kad_peer_id_write(news->peer, peer);
    if (is_vetoed(link, news->peer, &news->endpoint) ||
        (protocol->opened && !protocol->opened(protocol->context, news->stream, peer)))
        kad_swarm_stream_reset(link->swarm, news->stream);
}

static void tell_bytes(struct kad_libp2p *link, const struct kad_protocol *protocol, uint64_t stream)
{
    const struct kad_bytes unread = kad_swarm_stream_unread(link->swarm, stream);
    size_t n = unread.size;

    if (protocol->bytes)
        n = protocol->bytes(protocol->context, stream, unread.data, unread.size);
    kad_swarm_stream_read(link->swarm, stream, n < unread.size ? n : unread.size);
}

static void tell(struct kad_libp2p *link, const struct kad_swarm_stream *news)
{
    const struct kad_protocol *protocol = news->context;

    switch (news->kind) {
    case KAD_SWARM_STREAM_OPENED:
        tell_opened(link, protocol, news);
        break;
    case KAD_SWARM_STREAM_BYTES:
        tell_bytes(link, protocol, news->stream);
        break;
    case KAD_SWARM_STREAM_WRITABLE:
        if (protocol->writable)
            protocol->writable(protocol->context, news->stream);
        break;
    case KAD_SWARM_STREAM_ENDED:
        if (protocol->ended)
            protocol->ended(protocol->context, news->stream);
        break;
    case KAD_SWARM_STREAM_CLOSED:
        if (protocol->closed)
            protocol->closed(protocol->context, news->stream, news->end);
        break;
    }
}

void kad_libp2p_tell_streams(struct kad_libp2p *link)
{
    struct kad_swarm_stream news;

    for (unsigned i = 0; i < TOLD_MOST; i++) {
        if (!kad_swarm_next_stream(link->swarm, &news))
            return;
        tell(link, &news);
    }
    link->moved = true;
}

void kad_libp2p_stop_streams(struct kad_libp2p *link)
{
    struct kad_swarm_stream news;

    kad_swarm_streams_stop(link->swarm);
    while (kad_swarm_next_stream(link->swarm, &news))
        tell(link, &news);
}

/* -- what is asked ---------------------------------------------------------------------------------------------- */

int kad_node_protocol_add(struct kad_node *node, const struct kad_protocol *protocol)
{
    struct kad_libp2p *link = link_of(node);
    struct kad_protocol *copy = link ? link->protocols : NULL;
    int error;

    if (!link)
        return kad_node_is_libp2p(node) ? KAD_E_CLOSED : KAD_E_INVALID;
    while (copy < link->protocols + KAD_PROTOCOLS_MAX && copy->name)
        copy++;
    if (copy == link->protocols + KAD_PROTOCOLS_MAX)
        return KAD_E_LIMIT;
    error = kad_swarm_speak(link->swarm, protocol, copy, kad_libp2p_now(link));
    if (error)
        return error;
    *copy = *protocol;
    copy->name = kad_swarm_spoken(link->swarm, protocol->name);
    link->moved = true;
    return KAD_OK;
}

bool kad_node_protocol_remove(struct kad_node *node, const char *name)
{
    struct kad_libp2p *link = link_of(node);

    for (size_t i = 0; link && i < KAD_PROTOCOLS_MAX; i++) {
        if (!link->protocols[i].name || strcmp(link->protocols[i].name, name) != 0)
            continue;
        link->protocols[i].name = NULL;
        link->moved = true;
        return kad_swarm_unspeak(link->swarm, name, kad_libp2p_now(link));
    }
    return false;
}

/* A peer id, or a multiaddr that ends in one, which is learnt. */
static int read_peer(struct kad_libp2p *link, const char *text, uint8_t out_id[KAD_PEER_ID_MAX],
                     size_t *out_size)
{
    uint8_t bytes[KAD_MULTIADDR_MAX];
    struct kad_bytes addr = {.data = bytes};
    struct kad_multiaddr parts;

    if (text[0] != '/')
        return kad_peer_id_read(text, strlen(text), out_id, out_size);
    if (kad_multiaddr_read(text, bytes, sizeof(bytes), &addr.size) < 0 ||
        kad_multiaddr_parse(addr, &parts) < 0 || !kad_peer_id_is_valid(parts.peer))
        return KAD_E_INVALID;
    *out_size = parts.peer.size;
    memcpy(out_id, parts.peer.data, parts.peer.size);
    kad_swarm_learn_peer(link->swarm, parts.peer, &addr, 1);
    return KAD_OK;
}

int kad_node_stream_open(struct kad_node *node, const char *peer, const char *protocol, void *user,
                         uint64_t *out_stream)
{
    struct kad_libp2p *link = node->phase == KAD_NODE_RUNNING ? link_of(node) : NULL;
    uint8_t id[KAD_PEER_ID_MAX];
    struct kad_bytes who = {.data = id};
    struct kad_swarm_peer known;

    if (!link)
        return kad_node_is_libp2p(node) ? KAD_E_CLOSED : KAD_E_INVALID;
    if (read_peer(link, peer, id, &who.size) < 0)
        return KAD_E_INVALID;
    if (!kad_swarm_find_peer(link->swarm, who, &known))
        known.endpoint = (struct kad_endpoint){0};
    if (is_vetoed(link, who, &known.endpoint))
        return KAD_E_REFUSED;
    link->moved = true;
    return kad_swarm_stream_open(link->swarm, who, protocol, user, kad_libp2p_now(link), out_stream);
}

void *kad_node_stream_user(const struct kad_node *node, uint64_t stream)
{
    void **user =
        node->libp2p && node->libp2p->swarm ? kad_swarm_stream_user(node->libp2p->swarm, stream) : NULL;

    return user ? *user : NULL;
}

void kad_node_stream_set_user(struct kad_node *node, uint64_t stream, void *user)
{
    void **kept =
        node->libp2p && node->libp2p->swarm ? kad_swarm_stream_user(node->libp2p->swarm, stream) : NULL;

    if (kept)
        *kept = user;
}

size_t kad_node_stream_write(struct kad_node *node, uint64_t stream, const uint8_t *bytes, size_t n)
{
    struct kad_libp2p *link = link_of(node);

    if (!link)
        return 0;
    link->moved = true;
    return kad_swarm_stream_write(link->swarm, stream, (struct kad_bytes){bytes, n}, kad_libp2p_now(link));
}

void kad_node_stream_end(struct kad_node *node, uint64_t stream)
{
    struct kad_libp2p *link = link_of(node);

    if (!link)
        return;
    link->moved = true;
    kad_swarm_stream_end(link->swarm, stream, kad_libp2p_now(link));
}

void kad_node_stream_reset(struct kad_node *node, uint64_t stream)
{
    struct kad_libp2p *link = link_of(node);

    if (!link)
        return;
    link->moved = true;
    kad_swarm_stream_reset(link->swarm, stream);
}

void kad_node_stream_resume(struct kad_node *node, uint64_t stream)
{
    struct kad_libp2p *link = link_of(node);

    if (!link)
        return;
    link->moved = true;
    kad_swarm_stream_resume(link->swarm, stream);
}

void kad_peer_format(struct kad_bytes peer, char out_text[KAD_PEER_TEXT])
{
    out_text[0] = '\0';
    if (peer.size <= KAD_PEER_ID_MAX)
        kad_peer_id_write(peer, out_text);
}

int kad_node_address(const struct kad_node *node, size_t number, char out_text[KAD_ADDRESS_TEXT])
{
    struct kad_bytes told[KAD_SWARM_LISTEN];
    uint8_t addr[KAD_MULTIADDR_MAX];
    size_t n = kad_node_multiaddrs(node, told, KAD_SWARM_LISTEN);

    if (!kad_node_is_libp2p(node))
        return KAD_E_INVALID;
    if (number >= n || !kad_node_swarm(node))
        return KAD_E_NOT_FOUND;
    memcpy(addr, told[number].data, told[number].size);
    n = kad_multiaddr_append_peer(addr, told[number].size, sizeof(addr),
                                  kad_swarm_self(kad_node_swarm(node)));
    return kad_multiaddr_write((struct kad_bytes){addr, n}, out_text, KAD_ADDRESS_TEXT);
}
