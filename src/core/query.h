/*
 * query - the queries that wait for an answer.
 *
 * A pool that grows by doubling to a ceiling. A transaction is four bytes: slot and a random nonce, so that finding the
 * query of an answer is one look, and guessing one takes 2^16 tries on the right address. All wait equally long, so
 * the order of sending is the order of timing out: a list, no timers.
 */
#ifndef KAD_CORE_QUERY_H
#define KAD_CORE_QUERY_H

#include "core/book.h"
#include "core/message.h"

#define KAD_TRANSACTION_SIZE 4
#define KAD_NO_QUERY         UINT32_MAX

struct kad_operation;

enum kad_query_purpose {
    KAD_FOR_LOOKUP,    /* a step of operation's lookup */
    KAD_FOR_STORING,   /* an announce or put of operation's */
    KAD_FOR_SINGLE,    /* operation asks this one node only */
    KAD_FOR_BOOTSTRAP, /* operation joins through this address, whose id is unknown */
    KAD_FOR_BEYOND,    /* a question of operation's lookup about a region behind the nearest */
    KAD_FOR_BUNDLE,    /* operation puts several records at once (core/bundle.h) */
    KAD_FOR_MORE,      /* operation wants the next page, or the rest, of one that gave some (core/gather.h) */
    KAD_FOR_TABLE,     /* is this contact alive? No operation. */
    KAD_FOR_NEAR,      /* whom does a near one name; is that one near, too? (core/near.h) No operation. */
};

struct kad_query {
    struct kad_operation *operation; /* NULL when it ended, or with KAD_FOR_TABLE */
    kad_ms sent_at;
    struct kad_endpoint to;
    kad_contact_ref contact; /* retained; KAD_NO_CONTACT: id unknown */
    uint32_t newer, older;   /* list by sending time; free list through newer */
    uint16_t nonce;
    uint8_t method, purpose, hop, in_use;
    bool again; /* the same contact was asked the same before: only the first silence is held against it */
};

struct kad_query_pool {
    const struct kad_allocator *allocator;
    struct kad_book *book;
    struct kad_query *queries;
    uint32_t n_room, n_used, ceiling;
    uint32_t oldest, newest, first_free;
};

void kad_query_pool_init(struct kad_query_pool *pool, const struct kad_allocator *allocator,
                         struct kad_book *book, uint32_t ceiling);
void kad_query_pool_clear(struct kad_query_pool *pool);
bool kad_query_pool_full(const struct kad_query_pool *pool);

/* Retains query->contact. The slot, or KAD_NO_QUERY (ceiling, memory). */
uint32_t kad_query_add(struct kad_query_pool *pool, const struct kad_query *query, struct kad_rng *rng,
                       uint8_t out_transaction[KAD_TRANSACTION_SIZE]);
/* The query this answer belongs to: transaction and sender's address must match. With `proven`, the id that the sender has
 * proved to be its own, a query to a known contact matches by that instead: it may have moved meanwhile. KAD_NO_QUERY: nobody
 * asked. */
uint32_t kad_query_find(const struct kad_query_pool *pool, struct kad_bytes transaction,
                        const struct kad_endpoint *from, const struct kad_id *proven);
/* Is one of the last few queries to this contact still unanswered? (Looks at 32 at most.) */
bool kad_query_pending(const struct kad_query_pool *pool, kad_contact_ref contact);
/* Takes the query out; *out_query's contact is still retained, for the caller to release. */
void kad_query_take(struct kad_query_pool *pool, uint32_t slot, struct kad_query *out_query);
/* The one that waits longest. */
static inline uint32_t kad_query_oldest(const struct kad_query_pool *pool)
{
    return pool->oldest;
}
/* The operation ended: its queries' answers still tell who is alive. */
void kad_query_forget(struct kad_query_pool *pool, const struct kad_operation *operation);
/* The same, but for those of this purpose, which go on: how many there are. */
unsigned kad_query_forget_but(struct kad_query_pool *pool, const struct kad_operation *operation,
                              enum kad_query_purpose purpose);

#endif
