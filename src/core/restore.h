/*
 * restore - what holders do to keep records alive (Kademlia, section 2.5).
 *
 *     each record    is stored again at the nodes nearest to it, an hour (settings.restore_ms, +-25 %) after somebody last
 *                    stored it here: so of all its holders one does it for all, and nobody while its publisher does
 *     a newcomer     among the nodes nearest to us is given the records it should hold, by the nearest holder of each
 *     a conflict     that such a store meets has the record stored again at once, with a lookup: of one owner's the newer stands,
 *                    of several owners' the one that most of the nearest hold (core/gather.h), ours goes if it is not that
 *
 * All of it is paced: the store is looked through in steps (core/store.h: look), KAD_RESTORE_RUNNING stores run at once, what
 * waits is bounded. Records whose key is nearer to k others than to us are theirs to care for.
 */
#ifndef KAD_CORE_RESTORE_H
#define KAD_CORE_RESTORE_H

#include "core/book.h"
#include "core/message.h"

struct kad_dht;
struct kad_operation;

#define KAD_RESTORE_DUE       64
#define KAD_RESTORE_RUNNING   4
#define KAD_RESTORE_NEWCOMERS 8

/* A record that waits to be stored. */
struct kad_restore_due {
    struct kad_id key;
    uint8_t type;
    uint8_t public_key[32];
    bool conflicts;     /* somebody has another: what there is has to be looked up */
    kad_contact_ref to; /* retained; KAD_NO_CONTACT: at all of the nearest */
};

struct kad_restore {
    kad_ms look_at;  /* the next step through the store */
    uint64_t cursor; /* where it goes on */
    uint32_t n_seen,
        n_places; /* places looked through since the beginning; how many there were, or are at least */
    struct kad_restore_due *due;                      /* allocated with the first */
    uint32_t n_due, first_due;                        /* a ring */
    kad_contact_ref newcomers[KAD_RESTORE_NEWCOMERS]; /* retained */
    kad_ms doubted_at;
    uint64_t hand_cursor; /* how far the store was looked through for the first of them */
    uint8_t n_newcomers, n_running;
};

void kad_restore_clear(struct kad_dht *dht);
void kad_restore_tick(struct kad_dht *dht, kad_ms now);
kad_ms kad_restore_wake_at(const struct kad_dht *dht);
/* Somebody who may hold this key, too, says that it is another owner's than who has it here: that is looked into, once a
 * minute at most. */
void kad_restore_doubt(struct kad_dht *dht, const struct kad_peer *from, const struct kad_record *theirs,
                       kad_ms now);
/* A contact came into the table. */
void kad_restore_met(struct kad_dht *dht, kad_contact_ref contact, kad_ms now);
/* An operation of KAD_OWNER_RECORDS is over. */
void kad_restore_ended(struct kad_dht *dht, const struct kad_operation *operation, kad_ms now);
/* Should an operation that has looked around still store what it came with? Else another record stands there. */
bool kad_restore_should_store(struct kad_dht *dht, const struct kad_operation *operation);

/* Stores at these alone, some hundred at most at once. `record` is checked. False: no room, no memory. */
bool kad_restore_store_at(struct kad_dht *dht, const struct kad_record *record,
                          const kad_contact_ref *contacts, size_t n, kad_ms now);

#endif
