/*
 * libp2p - what requests and answers say in libp2p's networks: peer ids and multiaddrs, CIDs, names of records.
 *
 *     content    a CID, or a hash of a shard (http/content.h)
 *     peer       12D3Koo..., Qm..., bafz..., k51...
 *     name       /ipns/PEER, /pk/PEER, /namespace/rest; and provider:CONTENT, under which stands who has some content
 *
 * The engine knows all these by their SHA-256; what is hashed is told to the node's connections, which have to say it
 * (kad_swarm_learn_key()). docs/libp2p.md has the parameters.
 */
#ifndef KAD_HTTP_LIBP2P_H
#define KAD_HTTP_LIBP2P_H

#include "engine/swarm.h"
#include "http/params.h"
#include "kad/node.h"

/* Is the node of these parameters one of libp2p's networks? */
bool kad_libp2p_wanted(const struct kad_params *params);
/* What the parameters of a request of this kind say. */
void kad_libp2p_read(struct kad_params *params, struct kad_request *request);
/* The key alone: of a request to stop publishing. */
void kad_libp2p_key(struct kad_params *params, const char *name, struct kad_request *request);

/* Says in an answer's object who the nodes in `event` are, and what is in its records. */
void kad_libp2p_answer(json_t *object, const struct kad_event *event, const struct kad_request *request,
                       struct kad_node *node);
/* "peer_id" and "multiaddrs" of whoever stands there in the key space, if the node's network has them. */
void kad_libp2p_who(struct kad_node *node, const struct kad_id *place, json_t *object);
/* The same of the node itself, and how its connections are. */
void kad_libp2p_self(struct kad_node *node, json_t *object);

json_t *kad_json_peer_id(struct kad_bytes id);
/* With "/p2p/ID" behind it, unless that is empty. Null: it does not parse. */
json_t *kad_json_multiaddr(struct kad_bytes addr, struct kad_bytes id);

#define KAD_LIBP2P_ADDRS 16 /* that are taken of a provider */
/* Who a provider record is about, and where that is: how many addresses, those that we know if it says none. Borrowed from it or from
 * the node's connections; an empty id: it says nobody. */
size_t kad_libp2p_provider(struct kad_node *node, const struct kad_record *record, struct kad_bytes *out_id,
                           struct kad_bytes out_addrs[KAD_LIBP2P_ADDRS]);

#endif
