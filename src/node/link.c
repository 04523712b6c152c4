#include "node/link.h"

#include "engine/network.h"
#include "node/parts.h"

bool kad_node_is_linked(const struct kad_node *node)
{
    return node->config.network->carrier == KAD_CARRIER_HOST;
}

void kad_node_set_link(struct kad_node *node, const struct kad_node_link *link)
{
    node->link = link ? *link : (struct kad_node_link){0};
}

void kad_node_take(struct kad_node *node, const struct kad_datagram *in)
{
    if (node->phase != KAD_NODE_RUNNING)
        return;
    node->in_turn = true;
    node->now = kad_clock_now(&node->clock);
    kad_engine_datagram(node->engine, in, node->now, &node->out);
    kad_node_send(node, NULL);
    node->in_turn = false;
}

void kad_node_arrived(struct kad_node *node, const struct kad_datagram *in)
{
    kad_node_take(node, in);
    kad_node_turn(node, NULL);
}

void kad_node_unreachable(struct kad_node *node, const struct kad_endpoint *peer)
{
    if (node->phase != KAD_NODE_RUNNING)
        return;
    kad_engine_unreachable(node->engine, peer, kad_node_clock(node));
    kad_node_turn_soon(node);
}

void kad_node_link_send(struct kad_node *node)
{
    for (unsigned i = 0; i < node->out.n && node->link.send; i++)
        node->link.send(node->link.context, &node->out.datagrams[i]);
}
