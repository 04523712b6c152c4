/*
 * link - how messages of a network whose host proves who speaks (KAD_CARRIER_HOST) get to a node and from it: connections that
 * somebody else has, such as the HTTP face (http/members.h). Such a node opens no socket of its own.
 *
 *     send()                  the node's: called in its turn for each message; it only queues
 *     kad_node_arrived()      a message came, from whom the link has proved. Not from within send().
 *     kad_node_unreachable()  nobody is to be had at this address
 *
 * A query goes to whom it is for, at the address that others have of him; an answer to where the query came from.
 */
#ifndef KAD_NODE_LINK_H
#define KAD_NODE_LINK_H

#include "kad/node.h"

struct kad_node_link {
    void (*send)(void *context, const struct kad_datagram *datagram); /* lent for the call */
    void *context;
};

/* Whether the node's network is carried by a link. */
bool kad_node_is_linked(const struct kad_node *node);
/* NULL: no more; what is sent from then on is lost. */
void kad_node_set_link(struct kad_node *node, const struct kad_node_link *link);
void kad_node_arrived(struct kad_node *node, const struct kad_datagram *in);
/* The same for one of many: the turn that should follow is the caller's, kad_node_turn(). */
void kad_node_take(struct kad_node *node, const struct kad_datagram *in);
void kad_node_unreachable(struct kad_node *node, const struct kad_endpoint *peer);

#endif
