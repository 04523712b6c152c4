/*
 * closest - who answered nearest to a target, kept for a short time: where the next lookup of it, or of one near it, begins.
 *
 * A request of the host's leaves behind whom it found (settings.closest_ms, 0: nothing is kept). The next one of the same target begins
 * with them beside its own table's, so that all it does is ask them again: one round, and whoever is nearer by now is named in it.
 * One of a target near by begins with them if one of them is nearer to it than anybody in the table: its steps are fewer.
 *
 * Nothing is believed that would not be without: they are asked as anybody is, end nothing early, and count as what they were
 * then. That is, each keeps the own contacts it was named through (core/lookup.h, per_introducer), and counts in the window as
 * named through these; on many paths it goes where one of these was dealt to, or nowhere. So whoever had his friends named once
 * gets no more of the window, and no other path, by having been kept. Paths that are opened because nothing was found begin
 * with contacts of the table alone.
 *
 * Not kept: what a request found that had no value to show for it, or whose result looks as if somebody were hidden from it; what was
 * asked by prefix, which would tell by whom it begins with what its key is. Gone: after its time, with a request that says `fresh`,
 * with any change of settings, and each contact with its first silence.
 *
 * KAD_CLOSEST_SETS targets, the oldest gives way; KAD_CLOSEST_WIDTH contacts each, retained.
 */
#ifndef KAD_CORE_CLOSEST_H
#define KAD_CORE_CLOSEST_H

#include "core/lookup.h"

struct kad_dht;
struct kad_operation;
struct kad_walk;

#define KAD_CLOSEST_SETS  32
#define KAD_CLOSEST_WIDTH 20
#define KAD_CLOSEST_ROOTS 16
#define KAD_CLOSEST_OWN   UINT8_MAX

struct kad_closest_set {
    struct kad_id target;
    kad_ms at;
    kad_contact_ref contacts[KAD_CLOSEST_WIDTH]; /* retained, as the next; nearest first */
    kad_contact_ref roots[KAD_CLOSEST_ROOTS];    /* own contacts through which they were named */
    uint8_t through[KAD_CLOSEST_WIDTH][KAD_LOOKUP_INTRODUCERS]; /* which of these; KAD_CLOSEST_OWN: none */
    uint8_t n, n_roots, family;
    bool whole; /* the lookup went to its end: nobody who answers is nearer */
};

struct kad_closest {
    struct kad_closest_set sets[KAD_CLOSEST_SETS];
    uint8_t n;
};

void kad_closest_clear(struct kad_dht *dht);
void kad_closest_expire(struct kad_dht *dht, kad_ms now);
/* A request of the host's is over, and its paths are still there. */
void kad_closest_keep(struct kad_dht *dht, const struct kad_operation *operation, kad_ms now);
/* A request of the host's begins, its paths with contacts of the table. */
void kad_closest_seed(struct kad_dht *dht, struct kad_operation *operation, kad_ms now);
/* It kept silent, or is somebody else now. */
void kad_closest_forget(struct kad_dht *dht, kad_contact_ref contact);
bool kad_closest_sound(const struct kad_dht *dht, const char **out_why);
void kad_closest_walk(struct kad_walk *walk, struct kad_dht *dht);

#endif
