/*
 * relay - a node and relays (docs/relay.md, docs/adr/0015), in networks with sessions and over IPv4.
 *
 *     relay_serve.c   it is one: clients have ports of it, and what comes there is theirs
 *     relay_use.c     it is reached through one: a session of its own, with an identity for that alone, carries all else
 *
 * A client's session with its relay is not the engine's: another socket, another key pair, searched for once. So the relay does
 * not learn who its client is, for what is inside is sealed between the client and others, and the engine has no part in it:
 * what arrives from the relay is unwrapped and given to it as from whoever sent it, what it sends to anybody is wrapped.
 */
#ifndef KAD_NODE_RELAY_H
#define KAD_NODE_RELAY_H

#include "kad/node.h"
#include "node/relay_pick.h"
#include "node/relay_places.h"

struct kad_relay;

/* Nothing to do in other networks. 0, KAD_E_INVALID (the pinned relay), KAD_E_MEMORY. */
KAD_CHECK int kad_relay_init(struct kad_node *node, char *why, size_t why_size);
void kad_relay_close(struct kad_node *node); /* its sockets; the node's n_open counts them */
void kad_relay_free(struct kad_node *node);
void kad_relay_tick(struct kad_node *node);
kad_ms kad_relay_wake_at(const struct kad_node *node);

/* The node is elsewhere now, as others see it. */
void kad_relay_moved(struct kad_node *node);

/* Takes from the node's batch what is to go through its relay, or may not go at all. */
void kad_relay_send(struct kad_node *node);
/* What comes to the node's own sockets is not for it: others are not to know that it is there. */
bool kad_relay_hides(const struct kad_node *node);
/* Where others reach it; false: it has no relay. */
bool kad_relay_address(const struct kad_node *node, struct kad_endpoint *out_address);

#endif
