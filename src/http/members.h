/*
 * members - the connections of a node whose network is JSON over WebSockets (docs/kad-ws.md): its link (node/link.h).
 *
 *     in     somebody came to GET /kad at one of our doors. It proves who it is (member_proof.h), and then asks; what the node
 *            answers goes back the same way. With the port it listens at it is a node, and the engine hears of it
 *     out    the node has a question for an address. It is dialled, the proof goes the other way, and questions that wait are
 *            put; after a quiet minute the connection is closed
 *
 * So each connection carries questions one way only, and an answer never opens one. Bounded are connections of each kind, what
 * is queued to a slow reader, and the time that each step may take. Nothing is written from within the node's turn.
 */
#ifndef KAD_HTTP_MEMBERS_H
#define KAD_HTTP_MEMBERS_H

#include "http/door.h"
#include "node/link.h"

struct kad_members;

/* Becomes the link of `node`, on its loop. `names` of this machine, by comma; lent. NULL: no memory. */
struct kad_members *kad_members_new(struct kad_node *node, const char *names, struct kad_web *web);
/* Everybody leaves, and it is freed. NULL is fine. */
void kad_members_free(struct kad_members *members);

bool kad_members_has_place(const struct kad_members *members);
/* One came: `fd` is ours until `upgrade` is closed; `early` came with the handshake. */
void kad_members_enter(struct kad_members *members, struct kad_client *client, int fd,
                       struct MHD_UpgradeResponseHandle *upgrade, struct kad_bytes early);
/* About once a second: who is too slow, or has been quiet for too long. */
void kad_members_sweep(struct kad_members *members);

#endif
