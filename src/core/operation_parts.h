/*
 * operation_parts - what the files of an operation share.
 *
 *     operation.c            where it begins and how it ends
 *     operation_advance.c    what is sent, and when it is over
 *     operation_paths.c      on how many paths, how far, and how far the result can be believed
 *     operation_store.c      where to store, and whether
 *     operation_answer.c     what comes back
 *     harvest.c              what is taken from an answer
 *
 * Nobody else includes this.
 */
#ifndef KAD_CORE_OPERATION_PARTS_H
#define KAD_CORE_OPERATION_PARTS_H

#include "core/operation.h"

#define KAD_POOL_FULL_WAIT 10 /* ms until queries are tried again when too many are unanswered */

static inline bool kad_request_stores(const struct kad_request *request)
{
    return request->kind == KAD_REQUEST_ANNOUNCE || request->kind == KAD_REQUEST_PUT;
}

/* The host's, or to be taken for it by whoever is asked. */
static inline bool kad_operation_is_hosts(const struct kad_operation *operation)
{
    return operation->owner == KAD_OWNER_HOST || operation->owner == KAD_OWNER_COVER;
}

/* Whoever put it wants to see who took it; what a node does for others' records needs no proof. */
static inline bool kad_operation_wants_receipts(const struct kad_operation *operation)
{
    return operation->owner == KAD_OWNER_HOST || operation->owner == KAD_OWNER_PUBLISH;
}

/* After an operation was touched outside of the tick: the tick must know when it wants to be woken. The operation may be
 * gone afterwards. */
void kad_operation_go_on(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                         struct kad_outbox *out);
/* operation_paths.c: begins lookups with contacts of our own, on one path or many. */
void kad_operation_seed(struct kad_dht *dht, struct kad_operation *operation);
/* The lookups have ended. True: not well, and they go on: once. */
bool kad_operation_look_further(struct kad_dht *dht, struct kad_operation *operation);
/* A value, or peers, were asked for, and nobody had any. */
bool kad_operation_found_nothing(const struct kad_operation *operation);
/* What one family's result looks like; all -1: there is nothing to judge by. */
struct kad_confidence kad_operation_confidence(const struct kad_dht *dht,
                                               const struct kad_operation *operation, int family);
/* Tells the host of a step, if it wants to hear of them. `answer` may be NULL. */
void kad_operation_trace(struct kad_dht *dht, const struct kad_operation *operation,
                         const struct kad_query *query, enum kad_hop_what what,
                         const struct kad_message *answer, kad_ms now);

/* A put of many owners' records, of which none outdates another, need not wait for all that there is to know: whoever
 * is asked and stands within the region of the nearest is asked to store, too, on one path. (More are opened if the result is sparse.) */
bool kad_operation_hurries(const struct kad_dht *dht, const struct kad_operation *operation);
/* This one was asked; asks it to store, too, if it is near enough. */
void kad_operation_store_early(struct kad_dht *dht, struct kad_operation *operation, kad_contact_ref contact,
                               kad_ms now, struct kad_outbox *out);
void kad_operation_taken(struct kad_operation *operation, kad_contact_ref contact);
/* So many of the nearest have it that the host need not wait for the others. */
bool kad_operation_has_enough(const struct kad_dht *dht, const struct kad_operation *operation);
/* operation.c: the host is told that it is done; what is left goes on for ourselves. */
void kad_operation_report(struct kad_dht *dht, struct kad_operation *operation, kad_ms now);

/* The lookups are over: chooses where to store. What is outdated is stored nowhere. */
void kad_operation_begin_storing(struct kad_dht *dht, struct kad_operation *operation, kad_ms now);
/* Sends the stores that wait; ends the operation after the last answer. */
void kad_operation_advance_storing(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                                   struct kad_outbox *out);

/* May it ask somebody now? If not, it wakes when it may. */
bool kad_operation_may_ask(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                           const struct kad_outbox *out);

#endif
