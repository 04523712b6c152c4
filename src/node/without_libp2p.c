/* without_libp2p - stands for libp2p's connections in a build that leaves its networks out (cmake/parts.cmake): no node of theirs
 * can be made, so no node is one. */
#include "kad/protocol.h"
#include "node/libp2p_link.h"

bool kad_node_is_libp2p(const struct kad_node *node)
{
    (void)node;
    return false;
}

int kad_node_meet(struct kad_node *node, const char *multiaddr)
{
    (void)node;
    (void)multiaddr;
    return KAD_E_DISABLED;
}

int kad_libp2p_open(struct kad_node *node, struct kad_libp2p **out_link, char *out_why, size_t why_size)
{
    (void)node;
    (void)out_link;
    (void)out_why;
    (void)why_size;
    return KAD_E_DISABLED;
}

int kad_libp2p_start(struct kad_libp2p *link)
{
    (void)link;
    return KAD_E_DISABLED;
}

void kad_libp2p_close(struct kad_libp2p *link, void (*on_closed)(void *node))
{
    (void)link;
    (void)on_closed;
}

void kad_libp2p_learn_name(struct kad_libp2p *link, struct kad_bytes name)
{
    (void)link;
    (void)name;
}

void kad_libp2p_free(struct kad_libp2p *link)
{
    (void)link;
}

struct kad_swarm *kad_node_swarm(const struct kad_node *node)
{
    (void)node;
    return NULL;
}

/* -- kad/protocol.h ----------------------------------------------------------------------------------------------- */

int kad_node_protocol_add(struct kad_node *node, const struct kad_protocol *protocol)
{
    (void)node;
    (void)protocol;
    return KAD_E_INVALID;
}

bool kad_node_protocol_remove(struct kad_node *node, const char *name)
{
    (void)node;
    (void)name;
    return false;
}

int kad_node_stream_open(struct kad_node *node, const char *peer, const char *protocol, void *user,
                         uint64_t *out_stream)
{
    (void)node;
    (void)peer;
    (void)protocol;
    (void)user;
    (void)out_stream;
    return KAD_E_INVALID;
}

void *kad_node_stream_user(const struct kad_node *node, uint64_t stream)
{
    (void)node;
    (void)stream;
    return NULL;
}

void kad_node_stream_set_user(struct kad_node *node, uint64_t stream, void *user)
{
    (void)node;
    (void)stream;
    (void)user;
}

size_t kad_node_stream_write(struct kad_node *node, uint64_t stream, const uint8_t *bytes, size_t n)
{
    (void)node;
    (void)stream;
    (void)bytes;
    (void)n;
    return 0;
}

void kad_node_stream_end(struct kad_node *node, uint64_t stream)
{
    (void)node;
    (void)stream;
}

void kad_node_stream_reset(struct kad_node *node, uint64_t stream)
{
    (void)node;
    (void)stream;
}

void kad_node_stream_resume(struct kad_node *node, uint64_t stream)
{
    (void)node;
    (void)stream;
}

void kad_peer_format(struct kad_bytes peer, char out_text[KAD_PEER_TEXT])
{
    (void)peer;
    out_text[0] = '\0';
}

int kad_node_address(const struct kad_node *node, size_t number, char out_text[KAD_ADDRESS_TEXT])
{
    (void)node;
    (void)number;
    (void)out_text;
    return KAD_E_INVALID;
}

const char *kad_stream_end_text(enum kad_stream_end end)
{
    (void)end;
    return "libp2p is not in this build";
}
