/*
 * near - looks for contacts that answer fast, for the places that tables have for them (core/table.h, near_percent).
 *
 * Who is near us knows who is near him. So a contact that answers fast is asked, now and then, whom it knows in a bucket of
 * ours whose places nobody else's choice depends on; a few of whom it names are pinged (near_pings), and who answers fast
 * enough gets a place among those for whoever does, never another: however many friends a near liar has, he and they have that
 * share and no more. Who is asked is drawn by lot. Each time nobody came of it the next question waits longer.
 *
 * Of those named who is in our own network (a private address, as the one who names it; our own /16 or autonomous system) is
 * pinged first, for it is likely near: a guess that costs nothing, since what counts is how soon it answers.
 */
#ifndef KAD_CORE_NEAR_H
#define KAD_CORE_NEAR_H

#include "core/dht.h"

void kad_near_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out);
kad_ms kad_near_wake_at(const struct kad_dht *dht);
/* `who` answered a query of this file's. Who is no contact and not fast enough stays none. */
void kad_near_heard(struct kad_dht *dht, kad_contact_ref who, int rtt_ms, kad_ms now, struct kad_outbox *out);
/* ... and names these. */
void kad_near_named(struct kad_dht *dht, kad_contact_ref who, const struct kad_endpoint *from,
                    const struct kad_message *answer, kad_ms now, struct kad_outbox *out);

#endif
