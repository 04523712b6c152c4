/*
 * notice - what a node tells its neighbours of itself, unasked (P046).
 *
 *     kad_notice_leave()   it stops: LEAVE to the contacts nearest to it, as many as fit, KAD_NOTICE_MOST at most
 *     kad_notice_left()    a LEAVE came: its sender leaves the tables at once, without a probe; somebody who waited takes its
 *                          place, and what it was asked fails now
 *     kad_notice_moved()   somebody sees us at another address than before: the k nearest are pinged, so that they find us there
 *
 * To leave: only where the carrier proves who speaks, and only in a session that both ends use, for what can be replayed changes
 * nothing. A node speaks of itself alone, so nobody can send anybody else away. To tell costs one small datagram, to be told
 * less than to be pinged; nobody answers. It is a courtesy and never relied on: who is killed, and who is far away, is found out by
 * silence as ever. To leave is no fault: scores know nothing of it, nor does the measure of how fast contacts die in silence, which
 * says how often to look after them. That many left counts as if they had died (core/lost.h), but they are not asked whether they are back.
 *
 * To move: any message from the new address says it, for the session proves who we are (kad_rules.moves); so a ping will do.
 * One voice is enough, once a minute: who lies about our address has us send k small datagrams to contacts of ours.
 */
#ifndef KAD_CORE_NOTICE_H
#define KAD_CORE_NOTICE_H

#include "core/dht.h"

#define KAD_NOTICE_MOST 64

void kad_notice_leave(struct kad_dht *dht, struct kad_outbox *out);
struct kad_received kad_notice_left(struct kad_dht *dht, const struct kad_peer *from,
                                    const struct kad_message *leave, kad_ms now, struct kad_outbox *out);
void kad_notice_moved(struct kad_dht *dht, kad_ms now, struct kad_outbox *out);

#endif
