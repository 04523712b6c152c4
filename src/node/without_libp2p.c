/* without_libp2p - stands for libp2p's connections in a build that leaves its networks out (cmake/parts.cmake): no node of theirs
 * can be made, so no node is one. */
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
