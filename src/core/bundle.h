/*
 * bundle - several of our publications in one datagram, to each of the nodes that hold them.
 *
 * An operation that publishes again and knows its region (core/region.h) takes along what is due there: KAD_BUNDLE_KEYS at a time,
 * until nothing is left or the tokens are too old. Each contact of the region is sent the records that it should hold, as many to
 * a datagram as fit, one datagram at a time and not more than 25 a second; its answer says what became of each. A contact
 * that keeps silent is asked the same once more, then it is left out.
 *
 * Nobody signs for what comes in a bundle: receipts are for whoever puts something, and a signature costs a holder more than
 * the rest of its answer.
 */
#ifndef KAD_CORE_BUNDLE_H
#define KAD_CORE_BUNDLE_H

#include "core/region.h"

struct kad_operation;
struct kad_outbox;
struct kad_query;
struct kad_walk;

#define KAD_BUNDLE_CONTACTS (KAD_FAMILIES * KAD_REGION_WIDTH)
#define KAD_BUNDLE_KEYS     128
#define KAD_BUNDLE_FLIGHT   16 /* datagrams unanswered at once */

struct kad_bundle_key {
    struct kad_id key;
    uint64_t to[KAD_FAMILIES]; /* a bit for each of the bundle's contacts that is still to be sent it */
    uint8_t n_stored;
    bool outdated; /* somebody holds a newer one */
};

struct kad_bundle_sent {
    uint8_t contact; /* which of the bundle's */
    uint8_t n;       /* 0: free */
    uint8_t keys[KAD_MESSAGE_RESULTS];
};

struct kad_bundle {
    struct kad_id middle, next_key; /* the region; where in it the next are taken from */
    kad_ms until;
    /* By number: those of the first family from 0, of the second from KAD_REGION_WIDTH. */
    kad_contact_ref contacts[KAD_BUNDLE_CONTACTS]; /* retained; KAD_NO_CONTACT: none */
    kad_ms sent_at[KAD_BUNDLE_CONTACTS];
    uint8_t n_silent[KAD_BUNDLE_CONTACTS];
    uint64_t busy[KAD_FAMILIES]; /* contacts with a datagram unanswered */
    uint8_t n_contacts[KAD_FAMILIES], next_contact, n_keys, prefix;
    bool taken; /* there is nothing more to take */
    struct kad_bundle_key keys[KAD_BUNDLE_KEYS];
    struct kad_bundle_sent sent[KAD_BUNDLE_FLIGHT];
};

/* The operation takes along what is due in its region, if that is known. */
void kad_bundle_begin(struct kad_dht *dht, struct kad_operation *operation, kad_ms now);
/* Sends what it may. True: it is over. */
bool kad_bundle_advance(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                        struct kad_outbox *out);
/* What came of a query with KAD_FOR_BATCH: `answer` is a reply, an error, or NULL. */
void kad_bundle_answered(struct kad_operation *operation, const struct kad_query *query,
                         const struct kad_message *answer);
/* Does this operation's bundle have this key's region? */
bool kad_bundle_covers(const struct kad_operation *operation, const struct kad_id *key);
/* The operation has ended: those that nobody took are due again soon. */
void kad_bundle_end(struct kad_dht *dht, struct kad_operation *operation);
void kad_bundle_free(struct kad_dht *dht, struct kad_operation *operation);
void kad_bundle_walk(struct kad_walk *walk, struct kad_operation *operation);

#endif
