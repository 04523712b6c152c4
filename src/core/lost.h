/*
 * lost - who went silent when many did, and may come back.
 *
 * A network that falls in two forgets its other half: each table loses, within a quarter of an hour or so, what is on the
 * other side, and afterwards nobody knows anybody there. So the last few contacts that left the table for their silence
 * are remembered. When many leave at once they are asked, one a minute or so, until they have answered or an hour and a
 * half is over. The first that answers is where the halves grow together: we look for ourselves among those it knows, as
 * somebody who joins does. Every node does so within minutes.
 *
 * Single losses cost nothing: nobody is asked before many left.
 */
#ifndef KAD_CORE_LOST_H
#define KAD_CORE_LOST_H

#include "core/book.h"

struct kad_dht;
struct kad_outbox;

#define KAD_LOST_MAX 16

struct kad_lost {
    kad_contact_ref
        contacts[KAD_LOST_MAX]; /* retained; the newest overwrites the oldest, but for those that are asked */
    kad_ms counted_from;        /* n_left of n_before have left the table since */
    kad_ms until;               /* they are asked until then; before now: nobody is */
    kad_ms ask_at, meet_at;     /* the next is asked; we may look for ourselves again */
    uint16_t n_left, n_before;
    uint8_t n, next; /* where the newest is written, or who is asked next */
};

/* It stood in the table, and left it because it is silent. KAD_NO_CONTACT: somebody who said so himself, and is not to be asked. */
void kad_lost_note(struct kad_dht *dht, kad_contact_ref contact, kad_ms now);
/* It answered. */
void kad_lost_heard(struct kad_dht *dht, kad_contact_ref contact, kad_ms now);
void kad_lost_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out);
void kad_lost_clear(struct kad_dht *dht);

#endif
