/*
 * hold - what a holder takes, keeps, gives and signs for, on networks whose records have classes (kad_rules.class_of).
 *
 *     PUT    kad_hold_put()    taken if its class is known, its owner signed it, its life is one its class allows, and it is newer
 *                              than what stands there; a receipt goes back
 *     GET    kad_hold_get()    what is held, page by page; if nothing is, what the holder can sign for instead
 *     TAKE   kad_hold_take()   for whom it is: given, and forgotten when the next TAKE says that it arrived
 *
 * Of two records of one owner the one with the higher sequence number stands; with the same number and the same value, the one
 * made later (a refresh); with the same number and another value, the one with the smaller digest, so that all holders agree.
 * A tombstone is a record like others. Where a key has one value and its class knows a first owner, nobody else's replaces it
 * while it is held; where it does not, the newest of any owner stands.
 */
#ifndef KAD_CORE_HOLD_H
#define KAD_CORE_HOLD_H

#include "core/message.h"

struct kad_dht;

#define KAD_HOLD_AHEAD (10 * KAD_MINUTE) /* how much faster than ours a clock may be that made a record */
/* Bytes of values and heads in one answer; the first value is always in it. */
#define KAD_HOLD_PAGE 1000
#define KAD_HOLD_HEAD 140

/* The network's, or the program's own; NULL: none of that type. */
const struct kad_class *kad_hold_class(const struct kad_dht *dht, uint8_t type);
/* How long a holder keeps one of it. */
kad_ms kad_hold_life(const struct kad_dht *dht, const struct kad_class *class);
/* By the record alone: kad_rules.check_record, and what its class asks for. */
enum kad_refusal kad_hold_check(const struct kad_dht *dht, const struct kad_record *record);
/* Negative: `a` should stand, where `b` does: it is better; 0: they are the same; positive: it is not. Both of one key and type. */
int kad_hold_compare(const struct kad_dht *dht, const struct kad_record *a, const struct kad_record *b);

/* Whether this record may be held at all, its signature aside, and until when. */
enum kad_refusal kad_hold_check_life(const struct kad_dht *dht, const struct kad_record *record, kad_ms now,
                                     kad_ms *out_expires_at);

/* Puts a record that was checked into our store, if nothing there is against it. `publisher` pays (core/store.h); `cas` may be
 * NULL. KAD_REFUSAL_NONE also when the very same, or a fresher one of the same value, is there. *out_held: the sequence number held,
 * with KAD_REFUSAL_CAS and _SEQUENCE. *out_error: the store's, with KAD_REFUSAL_SERVER. */
struct kad_hold_kept {
    enum kad_refusal refusal;
    int error;
    int64_t held;
    kad_ms expires_at;
};
struct kad_hold_kept kad_hold_keep(struct kad_dht *dht, const struct kad_record *record,
                                   const struct kad_endpoint *publisher, const int64_t *cas, kad_ms now);

/* The values of a key behind the first, for an answer that has as many as fit: read as it is encoded, from the store, beginning at a
 * random one, so that of more than fit everybody's is given in time. */
#define KAD_HOLD_LISTED 16 /* read at once */
#define KAD_HOLD_LISTS  16 /* so often */
struct kad_hold_rest {
    struct kad_dht *dht;
    kad_ms now;
    uint8_t type;
    uint32_t first, n_lists; /* where it begins, of how many */
    uint32_t read;           /* 1 + the list that is in `records` */
    uint32_t n_records;
    uint32_t from[KAD_HOLD_LISTS];
    struct kad_record records[KAD_HOLD_LISTED];
};

/* The rest of an answer, which has a token and contacts already. `reply` borrows from the store, from dht, and from *rest, which needs
 * no beginning. */
/* hold_prefix.c: the same for all keys that begin as the query's target does. */
void kad_hold_get_prefix(const struct kad_dht *dht, const struct kad_message *query, kad_ms now,
                         struct kad_message *reply);
void kad_hold_get(struct kad_dht *dht, const struct kad_message *query, kad_ms now,
                  struct kad_hold_rest *rest, struct kad_message *reply);
/* `record` is one of the query's. *out_strike: no honest node sends this. */
enum kad_refusal kad_hold_put(struct kad_dht *dht, const struct kad_peer *from,
                              const struct kad_message *query, const struct kad_record *record, kad_ms now,
                              struct kad_message *reply, struct kad_hold_kept *out_kept, bool *out_strike);
enum kad_refusal kad_hold_take(struct kad_dht *dht, const struct kad_peer *from,
                               const struct kad_message *query, kad_ms now, struct kad_message *reply);

#endif
