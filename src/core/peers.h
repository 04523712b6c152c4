/*
 * peers - what the dht tells the scores (core/score.h), and what it does with them.
 *
 * Only where the network has identities, and score_peers is not 0; else nothing here does anything. An identity is scored from when
 * it stands in the table or breaks a rule: whoever merely asks us leaves no trace.
 */
#ifndef KAD_CORE_PEERS_H
#define KAD_CORE_PEERS_H

#include "core/dht.h"
#include "core/score.h"

/* 0 or KAD_E_MEMORY. Before the tables are made, which ask for opinions. */
KAD_CHECK int kad_peers_new(struct kad_dht *dht, kad_ms now);
void kad_peers_free(struct kad_dht *dht);
/* NULL: nobody is scored. */
static inline struct kad_scores *kad_peers_scores(const struct kad_dht *dht)
{
    return dht->member ? dht->member->scores : NULL;
}
/* What the tables ask; NULL: nobody is scored. */
const struct kad_table_opinion *kad_peers_opinion(const struct kad_dht *dht);
void kad_peers_set_settings(struct kad_dht *dht);
/* Opinions are of this time from now on. */
void kad_peers_tick(struct kad_dht *dht, kad_ms now);

bool kad_peers_banned(const struct kad_dht *dht, const struct kad_id *id,
                      const struct kad_endpoint *endpoint); /* `id` NULL: the address */

/* May it come into the table? By its score, and by what the host says, who is asked each time. */
bool kad_peers_welcome(const struct kad_dht *dht, kad_contact_ref contact);

void kad_peers_answered(struct kad_dht *dht, kad_contact_ref contact, kad_ms rtt, size_t bytes, kad_ms now);
/* What it says it is, in an answer to a ping or find_node. */
void kad_peers_say(struct kad_dht *dht, kad_contact_ref contact, enum kad_role role);
void kad_peers_refused(struct kad_dht *dht, kad_contact_ref contact, kad_ms now);
void kad_peers_silent(struct kad_dht *dht, kad_contact_ref contact, kad_ms now);
/* `endpoint`: where it has shown to receive; NULL: it has not. May end its place in the table. */
void kad_peers_broke(struct kad_dht *dht, const struct kad_id *id, const struct kad_endpoint *endpoint,
                     enum kad_deed deed, kad_ms now);

/* We joined through it and it answered: it stays, if there is a reservation left. */
void kad_peers_reserve(struct kad_dht *dht, kad_contact_ref contact);
void kad_peers_unreserve(struct kad_dht *dht, const struct kad_id *id);
bool kad_peers_reserved(const struct kad_dht *dht, const struct kad_id *id);

/* The operator's: kad_score_ban(), and who is banned leaves the table at once. */
KAD_CHECK int kad_peers_ban(struct kad_dht *dht, const struct kad_id *id, const struct kad_endpoint *endpoint,
                            kad_ms for_ms, kad_ms now);

#endif
