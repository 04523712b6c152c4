/*
 * libp2p_link - libp2p's networks on sockets: a node's swarm (engine/swarm.h), its connections, and the engine between them.
 *
 *     kad_libp2p_open()    makes the swarm and binds the ports, so that a taken one is told before anything runs
 *     kad_libp2p_start()   lets others in; from now on the swarm's orders are carried out
 *     kad_libp2p_close()   ends all connections, without a word; kad_libp2p_free() when that is over
 *
 * Everything that came in a turn of the loop goes through swarm and engine together, before the loop waits again (uv_prepare):
 * so many questions that came at once are answered by one write.
 */
#ifndef KAD_NODE_LIBP2P_LINK_H
#define KAD_NODE_LIBP2P_LINK_H

#include "engine/swarm.h"
#include "kad/node.h"

struct kad_libp2p;

/* Whether the node's network is one of libp2p's. */
bool kad_node_is_libp2p(const struct kad_node *node);
/* Its connections, to look at and to teach (kad_swarm_learn_key(), _find_peer(), _peers(), _counters()); NULL: not of libp2p, or
 * stopped. */
struct kad_swarm *kad_node_swarm(const struct kad_node *node);
/* Meets whom a multiaddr names, "/dnsaddr/..." too; that nobody is there shows in the log only. 0, KAD_E_INVALID (none we can dial),
 * KAD_E_LIMIT, KAD_E_MEMORY, KAD_E_CLOSED. */
KAD_CHECK int kad_node_meet(struct kad_node *node, const char *multiaddr);
/* Multiaddrs that others are told. How many; writes at most `room`, borrowed until they change. */
size_t kad_node_multiaddrs(const struct kad_node *node, struct kad_bytes *out_addrs, size_t room);

/* -- for node's own files --------------------------------------------------------------------------------------- */

/* The node knows who it is. Its listen addresses become those that were bound. 0, KAD_E_MEMORY, KAD_E_INVALID, KAD_E_SYSTEM, with the
 * reason in `out_why`. */
KAD_CHECK int kad_libp2p_open(struct kad_node *node, struct kad_libp2p **out_link, char *out_why,
                              size_t why_size);
KAD_CHECK int kad_libp2p_start(struct kad_libp2p *link); /* 0, KAD_E_SYSTEM */
/* `on_closed` gets the node, when nothing of it is on the loop any more. */
void kad_libp2p_close(struct kad_libp2p *link, void (*on_closed)(void *node));
/* What is hashed to the key of a request, so that the network can be asked for it. */
void kad_libp2p_learn_name(struct kad_libp2p *link, struct kad_bytes name);
void kad_libp2p_free(struct kad_libp2p *link); /* closed, or never started; NULL is fine */

#endif
