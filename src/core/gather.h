/*
 * gather - what a request collects on networks with classes of records, beside what harvest.c takes everywhere.
 *
 * GET and TAKE collect every valid value; of one owner the best (core/hold.h) counts. Which of several owners' is the answer
 * where a key has one value: the one most nodes hold if its class knows a first owner, else the best. What nodes sign - receipts
 * of a put, what they held once, that they know of nothing - is checked and kept.
 *
 * A lookup brings the first page of each holder. What goes on behind is asked for afterwards (KAD_PHASE_GATHERING): of a GET at
 * KAD_GATHER_PAGED holders, the nearest first; of a TAKE at all of them, telling each what has arrived, until they have no more.
 *
 * Bounded: KAD_GATHER_VALUES, KAD_GATHER_RECEIPTS, KAD_GATHER_QUERIES.
 */
#ifndef KAD_CORE_GATHER_H
#define KAD_CORE_GATHER_H

#include "core/operation.h"

#define KAD_GATHER_VALUES   256
#define KAD_GATHER_RECEIPTS 64
#define KAD_GATHER_HOLDERS  64
#define KAD_GATHER_PAGED    3
#define KAD_GATHER_QUERIES  256

/* A node that gave something, or answered that it has nothing. */
struct kad_gather_holder {
    kad_contact_ref contact; /* retained */
    uint32_t from;           /* its next page; 0: there is none */
    uint16_t value;          /* 1 + the place in `records` of the last one it gave; 0: none */
    uint16_t n_told;         /* TAKE: so many of `records` it knows to have arrived */
    bool has;                /* it gave a value */
    bool outdated;           /* not the best one */
    bool asked;              /* for more, and the answer is under way */
    bool done;               /* TAKE: it has no more, or does not answer */
};

struct kad_gathered {
    struct kad_record *records; /* their values are blocks of their own */
    uint16_t *copies;           /* beside them: how many nodes gave it */
    struct kad_receipt *receipts;
    struct kad_gather_holder *holders;
    uint32_t n_records, room_records, n_receipts, n_holders;
    uint32_t n_held, n_nothing, n_owner; /* n_owner: stores refused because somebody else has the key */
    uint32_t own;                        /* 1 + the place in `records` of what our own store has */
    uint32_t n_more;                     /* queries for more so far */
    int64_t held_sequence;               /* -1: nobody said */
    struct kad_record ghost;             /* what is left of the newest that expired; type none: nothing */
    uint8_t ghost_hash[32];
    bool cached; /* out of what an earlier get brought */
};

void kad_gather_free(struct kad_dht *dht, struct kad_operation *operation);

/* An answer to a step of the lookup, or to a question for more. False: it broke the rules. */
bool kad_gather_take(struct kad_dht *dht, struct kad_operation *operation, const struct kad_query *query,
                     const struct kad_message *answer, kad_ms now);
/* What our own store has. */
void kad_gather_own(struct kad_dht *dht, struct kad_operation *operation, kad_ms now);
/* A value from elsewhere, checked here. False: not valid. */
bool kad_gather_offer(struct kad_dht *dht, struct kad_operation *operation, const struct kad_record *record,
                      kad_ms now);
/* GET: is it enough? */
bool kad_gather_enough(const struct kad_dht *dht, const struct kad_operation *operation);

/* The lookups are over: where owners differ, only what the k nearest hold (we may be one of them) says whose it is, so that
 * everybody who counts counts the same. */
void kad_gather_recount(struct kad_dht *dht, struct kad_operation *operation);
/* Is what the operation wants to put against what it has met? */
enum kad_refusal kad_gather_outdated(struct kad_dht *dht, struct kad_operation *operation);
/* A node answered a put. False: without the receipt it owes. */
bool kad_gather_receipt(struct kad_dht *dht, struct kad_operation *operation, const struct kad_query *query,
                        const struct kad_message *answer);
void kad_gather_refused(struct kad_dht *dht, struct kad_operation *operation,
                        const struct kad_message *error);

/* After the lookup: is there more to ask for? */
bool kad_gather_wants_more(const struct kad_operation *operation);
/* Sends it, and ends the operation after the last answer. */
void kad_gather_advance(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                        struct kad_outbox *out);
/* No answer came to a question for more. */
void kad_gather_failed(struct kad_operation *operation, kad_contact_ref contact);

/* It ends: tombstones are no values, and the best is told. */
void kad_gather_settle(struct kad_dht *dht, struct kad_operation *operation);
struct kad_walk;
void kad_gather_walk(struct kad_walk *walk, struct kad_operation *operation);
void kad_gather_tell(const struct kad_operation *operation, struct kad_event *out_event);

#endif
