#include "core/dht.h"

#include "base/test.h"
#include "core/operation.h"
#include "core/test_core.h"

#include <string.h>

#define NOW 1000000

/* A dht with two operations that wait for three and one of four queries. Each rule is broken by hand and must be named. */
struct fixture {
    struct kad_settings settings;
    struct kad_dht dht;
    struct kad_operation first, second;
    uint32_t slots[4];
};

static void start(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->settings.max_queries = 16;
    f->settings.max_requests = 2;
    f->dht.settings = &f->settings;
    f->dht.book = kad_book_new(&kad_allocator_system, 100, 1);
    test_rng_init(&f->dht.rng, 1);
    kad_query_pool_init(&f->dht.queries, &kad_allocator_system, f->dht.book, f->settings.max_queries);
    for (uint8_t i = 0; i < 4; i++) {
        const struct kad_query query = {.operation = i == 2 ? &f->second : &f->first,
                                        .sent_at = NOW + i,
                                        .to = test_endpoint(0x0b000001, 1)};
        uint8_t transaction[KAD_TRANSACTION_SIZE];

        f->slots[i] = kad_query_add(&f->dht.queries, &query, &f->dht.rng, transaction);
    }
    f->first = (struct kad_operation){
        .next = &f->second, .n_in_flight = 3, .wake_at = NOW + 500, .deadline_at = NOW + 9000};
    f->second = (struct kad_operation){.n_in_flight = 1, .wake_at = NOW + 600, .deadline_at = NOW + 9000};
    f->dht.operations = &f->first;
    f->dht.operations_wake_at = NOW + 500;
    f->dht.n_host_operations = 2;
}

static void finish(struct fixture *f)
{
    const char *why = NULL;

    EXPECT_MSG(kad_dht_sound(&f->dht, NOW, &why), "%s", why); /* mended again */
    kad_query_pool_clear(&f->dht.queries);
    kad_book_free(f->dht.book);
}

static void expect_unsound(const struct fixture *f, const char *expected)
{
    const char *why = "sound";

    EXPECT(!kad_dht_sound(&f->dht, NOW, &why));
    EXPECT_STR(why, expected);
}

TEST(broken_counts_of_queries_are_named)
{
    struct fixture f;

    start(&f);
    BREAK(f.dht.queries.n_used, 3, "the pool miscounts its queries");
    BREAK(f.settings.max_queries, 3, "the pool miscounts its queries");
    BREAK(f.dht.queries.queries[f.slots[3]].sent_at, NOW, "queries are out of order");
    BREAK(f.first.n_in_flight, 2, "an operation miscounts its queries in flight");
    BREAK(f.second.n_in_flight, 2, "an operation miscounts its queries in flight");
    BREAK(f.dht.queries.queries[f.slots[1]].operation, &f.second,
          "an operation miscounts its queries in flight");
    BREAK(f.dht.queries.queries[f.slots[1]].operation, NULL, "an operation miscounts its queries in flight");
    finish(&f);
}

/* The sum over both is right then. */
TEST(two_miscounts_that_cancel_out_are_named)
{
    struct fixture f;

    start(&f);
    f.first.n_in_flight = 1;
    f.second.n_in_flight = 3;
    expect_unsound(&f, "an operation miscounts its queries in flight");
    f.first.n_in_flight = 3;
    f.second.n_in_flight = 1;
    finish(&f);
}

/* What ended must not be waited for: the answer would go to freed memory. */
TEST(a_query_of_nobody_that_runs_is_named)
{
    struct fixture f;

    start(&f);
    BREAK(f.first.next, NULL, "an operation miscounts its queries in flight");
    finish(&f);
}

TEST(broken_operations_are_named)
{
    struct fixture f;

    start(&f);
    BREAK(f.second.phase, KAD_PHASE_ENDED, "an ended operation is among the running");
    BREAK(f.second.wake_at, KAD_NEVER, "an operation waits for nothing");
    BREAK(f.second.deadline_at, KAD_NEVER, "an operation waits for nothing");
    BREAK(f.second.wake_at, NOW + 499, "an operation is due before the dht wakes");
    BREAK(f.second.deadline_at, NOW - KAD_MINUTE - 1, "an operation has outlived its deadline by a minute");
    BREAK(f.dht.n_host_operations, 3, "more requests than allowed");
    finish(&f);
}
