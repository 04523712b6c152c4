#include "core/query.h"

#include <string.h>

#include "base/alloc.h"
#include "base/endpoint.h"
#include "base/test.h"

static const uint8_t seed[KAD_SEED_SIZE] = {4};

static struct kad_endpoint host(uint8_t n)
{
    return kad_endpoint_v4((const uint8_t[4]){20, 1, 2, n}, 6881);
}

struct fixture {
    struct kad_book *book;
    struct kad_query_pool pool;
    struct kad_rng rng;
};

static void set_up(struct fixture *f, uint32_t ceiling)
{
    f->book = kad_book_new(&kad_allocator_system, 100, 1);
    kad_rng_init(&f->rng, seed);
    kad_query_pool_init(&f->pool, &kad_allocator_system, f->book, ceiling);
}

static void tear_down(struct fixture *f)
{
    kad_query_pool_clear(&f->pool);
    EXPECT_EQ(kad_book_count(f->book), 0);
    kad_book_free(f->book);
}

/* Where senders prove who they are, an answer belongs to whom was asked, wherever it comes from; but for a question to an
 * address alone. */
TEST(proven_answer_matches_by_who_sent_it)
{
    struct fixture f;
    struct kad_query query = {.to = host(1)}, taken;
    const struct kad_endpoint asked = host(1), elsewhere = host(2);
    const struct kad_id id = {{1}}, other = {{2}};
    uint8_t transaction[KAD_TRANSACTION_SIZE];
    const struct kad_bytes t = {transaction, sizeof(transaction)};
    uint32_t slot;

    set_up(&f, 16);
    query.contact = kad_book_intern(f.book, &id, &asked, (struct kad_bytes){0});
    slot = kad_query_add(&f.pool, &query, &f.rng, transaction);
    EXPECT_EQ(kad_query_find(&f.pool, t, &asked, &other), KAD_NO_QUERY);
    EXPECT_EQ(kad_query_find(&f.pool, t, &asked, &id), slot);
    EXPECT_EQ(kad_query_find(&f.pool, t, &elsewhere, &id), slot);
    kad_query_take(&f.pool, slot, &taken);
    kad_book_release(f.book, taken.contact);
    kad_book_release(f.book, query.contact);
    query.contact = KAD_NO_CONTACT;
    slot = kad_query_add(&f.pool, &query, &f.rng, transaction);
    EXPECT_EQ(kad_query_find(&f.pool, t, &elsewhere, &id), KAD_NO_QUERY);
    EXPECT_EQ(kad_query_find(&f.pool, t, &asked, &id), slot);
    tear_down(&f);
}

/* Only the right transaction from the right address is an answer; each is taken once. */
TEST(answer_must_match_transaction_and_address)
{
    struct fixture f;
    struct kad_query query = {.to = host(1)}, taken;
    const struct kad_endpoint right = host(1), wrong = host(2);
    uint8_t transaction[KAD_TRANSACTION_SIZE], guess[KAD_TRANSACTION_SIZE];
    uint32_t slot;

    set_up(&f, 16);
    slot = kad_query_add(&f.pool, &query, &f.rng, transaction);
    EXPECT(slot != KAD_NO_QUERY);
    EXPECT_EQ(kad_query_find(&f.pool, (struct kad_bytes){transaction, 4}, &wrong, NULL), KAD_NO_QUERY);
    EXPECT_EQ(kad_query_find(&f.pool, (struct kad_bytes){transaction, 3}, &right, NULL), KAD_NO_QUERY);
    for (size_t i = 0; i < 4; i++) {
        memcpy(guess, transaction, sizeof(guess));
        guess[i] ^= 0x80;
        EXPECT_EQ(kad_query_find(&f.pool, (struct kad_bytes){guess, 4}, &right, NULL), KAD_NO_QUERY);
    }
    EXPECT_EQ(kad_query_find(&f.pool, (struct kad_bytes){transaction, 4}, &right, NULL), slot);
    kad_query_take(&f.pool, slot, &taken);
    EXPECT_EQ(kad_query_find(&f.pool, (struct kad_bytes){transaction, 4}, &right, NULL), KAD_NO_QUERY);
    EXPECT_EQ(f.pool.n_used, 0);
    tear_down(&f);
}

/* The ceiling holds, slots come back, and the oldest is always the one that was sent first of those that wait. */
TEST(oldest_first_up_to_the_ceiling)
{
    struct fixture f;
    uint8_t transaction[KAD_TRANSACTION_SIZE];
    struct kad_query taken;
    uint32_t waiting[100], n = 0;
    kad_ms now = 0;

    set_up(&f, 37);
    for (int round = 0; round < 20000; round++) {
        if (kad_rng_below(&f.rng, 2)) {
            struct kad_query query = {.sent_at = ++now, .to = host((uint8_t)round)};
            const uint32_t slot = kad_query_add(&f.pool, &query, &f.rng, transaction);

            EXPECT_EQ(slot == KAD_NO_QUERY, n == 37);
            if (slot != KAD_NO_QUERY)
                waiting[n++] = slot;
        } else if (n) {
            const uint32_t at = kad_rng_below(&f.rng, n);

            kad_query_take(&f.pool, waiting[at], &taken);
            memmove(&waiting[at], &waiting[at + 1], (n - at - 1) * sizeof(*waiting));
            n--;
        }
        EXPECT_EQ(kad_query_oldest(&f.pool), n ? waiting[0] : KAD_NO_QUERY);
        EXPECT_EQ(f.pool.n_used, n);
        EXPECT_EQ(kad_query_pool_full(&f.pool), n == 37);
    }
    tear_down(&f);
}

/* The ceiling may come down while more than that wait: they are left alone, and no new one comes in. */
TEST(lower_ceiling_takes_nothing_away)
{
    struct fixture f;
    uint8_t transaction[KAD_TRANSACTION_SIZE];
    struct kad_query taken;

    set_up(&f, 32);
    for (uint8_t i = 0; i < 32; i++) {
        const struct kad_query query = {.sent_at = i, .to = host(i)};

        EXPECT_EQ(kad_query_add(&f.pool, &query, &f.rng, transaction), i);
    }
    f.pool.ceiling = 8;
    EXPECT_EQ(kad_query_add(&f.pool, &(struct kad_query){.to = host(99)}, &f.rng, transaction), KAD_NO_QUERY);
    for (uint8_t i = 0; i < 32; i++) {
        EXPECT_EQ(kad_query_oldest(&f.pool), i);
        kad_query_take(&f.pool, i, &taken);
        EXPECT_EQ(taken.sent_at, i);
    }
    tear_down(&f);
}

/* A query holds its contact; forgetting an operation leaves its queries, which still tell who is alive. */
TEST(queries_retain_contacts_and_outlive_operations)
{
    struct fixture f;
    uint8_t transaction[KAD_TRANSACTION_SIZE];
    const struct kad_endpoint at = host(9);
    struct kad_operation *operation = (struct kad_operation *)&f;
    struct kad_query query = {.to = at, .operation = operation}, taken;
    const struct kad_id id = kad_id_from_bytes("abc", 3);
    uint32_t slot;

    set_up(&f, 8);
    query.contact = kad_book_intern(f.book, &id, &at, (struct kad_bytes){0});
    slot = kad_query_add(&f.pool, &query, &f.rng, transaction);
    kad_book_release(f.book, query.contact);
    EXPECT_EQ(kad_book_count(f.book), 1);
    EXPECT(kad_query_pending(&f.pool, query.contact));
    kad_query_forget(&f.pool, operation);
    kad_query_take(&f.pool, slot, &taken);
    EXPECT(taken.operation == NULL);
    EXPECT(!kad_query_pending(&f.pool, query.contact));
    kad_book_release(f.book, taken.contact);
    tear_down(&f);
}
