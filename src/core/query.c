#include "core/query.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"

#define FIRST_ROOM 8

void kad_query_pool_init(struct kad_query_pool *pool, const struct kad_allocator *allocator,
                         struct kad_book *book, uint32_t ceiling)
{
    assert(ceiling > 0 && ceiling <= UINT16_MAX && "a slot is 16 bits of the transaction");
    *pool = (struct kad_query_pool){
        .allocator = allocator,
        .book = book,
        .ceiling = ceiling,
        .oldest = KAD_NO_QUERY,
        .newest = KAD_NO_QUERY,
        .first_free = KAD_NO_QUERY,
    };
}

void kad_query_pool_clear(struct kad_query_pool *pool)
{
    for (uint32_t i = 0; i < pool->n_room; i++) {
        if (pool->queries[i].in_use)
            kad_book_release(pool->book, pool->queries[i].contact);
    }
    kad_free(pool->allocator, pool->queries, pool->n_room * sizeof(*pool->queries));
    kad_query_pool_init(pool, pool->allocator, pool->book, pool->ceiling);
}

bool kad_query_pool_full(const struct kad_query_pool *pool)
{
    return pool->n_used >= pool->ceiling;
}

static bool grow(struct kad_query_pool *pool)
{
    const uint32_t old = pool->n_room;
    uint32_t room = old ? old * 2 : FIRST_ROOM;
    struct kad_query *queries;

    if (room > pool->ceiling)
        room = pool->ceiling;
    if (room <= old)
        return false; /* the ceiling may have come down since */
    queries = kad_resize(pool->allocator, pool->queries, old * sizeof(*queries), room * sizeof(*queries));
    if (!queries)
        return false;
    pool->queries = queries;
    pool->n_room = room;
    for (uint32_t i = room; i-- > old;) {
        queries[i] = (struct kad_query){.newer = pool->first_free};
        pool->first_free = i;
    }
    return true;
}

uint32_t kad_query_add(struct kad_query_pool *pool, const struct kad_query *query, struct kad_rng *rng,
                       uint8_t out_transaction[KAD_TRANSACTION_SIZE])
{
    struct kad_query *mine;
    uint32_t slot;

    if (pool->first_free == KAD_NO_QUERY && !grow(pool))
        return KAD_NO_QUERY;
    slot = pool->first_free;
    mine = &pool->queries[slot];
    pool->first_free = mine->newer;
    *mine = *query;
    mine->in_use = 1;
    mine->nonce = (uint16_t)kad_rng_u32(rng);
    mine->newer = KAD_NO_QUERY;
    mine->older = pool->newest;
    if (pool->newest != KAD_NO_QUERY)
        pool->queries[pool->newest].newer = slot;
    else
        pool->oldest = slot;
    pool->newest = slot;
    pool->n_used++;
    if (mine->contact != KAD_NO_CONTACT)
        kad_book_retain(pool->book, mine->contact);
    out_transaction[0] = (uint8_t)(slot >> 8);
    out_transaction[1] = (uint8_t)slot;
    out_transaction[2] = (uint8_t)(mine->nonce >> 8);
    out_transaction[3] = (uint8_t)mine->nonce;
    return slot;
}

uint32_t kad_query_find(const struct kad_query_pool *pool, struct kad_bytes transaction,
                        const struct kad_endpoint *from, const struct kad_id *proven)
{
    const uint8_t *t = transaction.data;
    const struct kad_query *query;
    uint32_t slot;

    if (transaction.size != KAD_TRANSACTION_SIZE)
        return KAD_NO_QUERY;
    slot = (uint32_t)(t[0] << 8 | t[1]);
    if (slot >= pool->n_room)
        return KAD_NO_QUERY;
    query = &pool->queries[slot];
    if (!query->in_use || query->nonce != (uint16_t)(t[2] << 8 | t[3]))
        return KAD_NO_QUERY;
    if (proven && query->contact != KAD_NO_CONTACT)
        return kad_id_equal(&kad_book_contact(pool->book, query->contact)->id, proven) ? slot : KAD_NO_QUERY;
    return kad_endpoint_equal(&query->to, from) ? slot : KAD_NO_QUERY;
}

bool kad_query_pending(const struct kad_query_pool *pool, kad_contact_ref contact)
{
    uint32_t at = pool->newest;

    for (int i = 0; i < 32 && at != KAD_NO_QUERY; i++, at = pool->queries[at].older) {
        if (pool->queries[at].contact == contact)
            return true;
    }
    return false;
}

void kad_query_take(struct kad_query_pool *pool, uint32_t slot, struct kad_query *out_query)
{
    struct kad_query *mine = &pool->queries[slot];

    assert(mine->in_use && "taken twice");
    *out_query = *mine;
    if (mine->older != KAD_NO_QUERY)
        pool->queries[mine->older].newer = mine->newer;
    else
        pool->oldest = mine->newer;
    if (mine->newer != KAD_NO_QUERY)
        pool->queries[mine->newer].older = mine->older;
    else
        pool->newest = mine->older;
    *mine = (struct kad_query){.newer = pool->first_free};
    pool->first_free = slot;
    pool->n_used--;
}

unsigned kad_query_forget_but(struct kad_query_pool *pool, const struct kad_operation *operation,
                              enum kad_query_purpose purpose)
{
    unsigned n_kept = 0;

    for (uint32_t i = pool->oldest; i != KAD_NO_QUERY; i = pool->queries[i].newer) {
        if (pool->queries[i].operation != operation)
            continue;
        if (pool->queries[i].purpose == purpose)
            n_kept++;
        else
            pool->queries[i].operation = NULL;
    }
    return n_kept;
}

void kad_query_forget(struct kad_query_pool *pool, const struct kad_operation *operation)
{
    for (uint32_t i = pool->oldest; i != KAD_NO_QUERY; i = pool->queries[i].newer) {
        if (pool->queries[i].operation == operation)
            pool->queries[i].operation = NULL;
    }
}
