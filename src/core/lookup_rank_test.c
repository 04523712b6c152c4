/* Whom a lookup rather asks among equals (P092, T23, P009): the fast before the slow, whoever broke rules last; with the same result. */
#include "base/test.h"
#include "core/lookup.h"
#include "core/test_core.h"

#include <string.h>

/* Nodes are named by their distance from the target, which is zero: the first byte of their id. */
static struct test_memory memory;
static struct kad_book *book;
static struct kad_lookup lookup;
static uint8_t ranks[256];

static uint8_t rank(const void *context, kad_contact_ref contact)
{
    (void)context;
    return ranks[test_id_of(book, contact)->bytes[0]];
}

static kad_contact_ref node(unsigned distance)
{
    const struct kad_id id = test_id((uint8_t)distance);

    return test_contact(book, &id, distance);
}

static void start(unsigned width, unsigned parallel, const unsigned *distances, size_t n)
{
    const struct kad_lookup_config config = {
        .width = width, .parallel = parallel, .patience_ms = 100, .rank = rank};
    const struct kad_id target = test_id(0);

    test_memory_init(&memory);
    book = kad_book_new(&memory.allocator, 1000, 1);
    kad_lookup_init(&lookup, &memory.allocator, book, &target, &config);
    for (size_t i = 0; i < n; i++)
        EXPECT(kad_lookup_add(&lookup, node(distances[i])));
}

static void finish(void)
{
    kad_lookup_clear(&lookup);
    kad_book_free(book);
    EXPECT_EQ(memory.in_use, 0);
    memset(ranks, 0, sizeof(ranks));
}

static void expect_ask(unsigned distance)
{
    const struct kad_lookup_step step = kad_lookup_next(&lookup, 0);

    EXPECT_EQ(step.verdict, KAD_LOOKUP_ASK);
    EXPECT_EQ(test_id_of(book, step.ask)->bytes[0], distance);
    EXPECT(kad_lookup_reply(&lookup, step.ask, NULL, 0));
}

/* 64, 67 and 71 are a step as good: they differ by less than an eighth. 40 is a better one, 200 a worse. */
TEST(the_fast_are_asked_first_among_equals)
{
    static const unsigned distances[] = {40, 64, 67, 71, 200};

    ranks[40] = 90;
    ranks[64] = 9;
    ranks[67] = 2;
    ranks[71] = 4;
    start(5, 1, distances, 5);
    expect_ask(40); /* however slow: nearer */
    expect_ask(67);
    expect_ask(71);
    expect_ask(64);
    expect_ask(200); /* however fast */
    EXPECT_EQ(kad_lookup_next(&lookup, 0).verdict, KAD_LOOKUP_DONE);
    finish();
}

/* Whom nothing is known of, or all alike, in the order of their distances. */
TEST(equals_of_one_rank_are_asked_nearest_first)
{
    static const unsigned distances[] = {120, 65, 80};

    memset(ranks, 7, sizeof(ranks));
    start(3, 1, distances, 3);
    expect_ask(65);
    expect_ask(80);
    expect_ask(120);
    finish();
}

/* Not left out: what it says counts as anybody's, and it may be the one that is looked for. */
TEST(who_broke_rules_is_asked_last)
{
    static const unsigned distances[] = {3, 20, 90, 130};

    ranks[3] = KAD_LOOKUP_LAST;
    ranks[90] = KAD_LOOKUP_LAST;
    ranks[130] = 200;
    start(4, 1, distances, 4);
    expect_ask(20);
    expect_ask(130);
    expect_ask(3);
    expect_ask(90);
    EXPECT_EQ(kad_lookup_next(&lookup, 0).verdict, KAD_LOOKUP_DONE);
    finish();
}

/* Being fast brings nobody into the window: the nearest are asked, and found, whatever they are. */
TEST(the_result_is_the_same)
{
    unsigned distances[40];
    kad_contact_ref found[64];

    for (unsigned i = 0; i < 40; i++) {
        distances[i] = 2 + 6 * i;
        ranks[distances[i]] = (uint8_t)(i % 3 ? 250 - distances[i] : KAD_LOOKUP_LAST);
    }
    start(10, 3, distances, 40);
    for (struct kad_lookup_step step = kad_lookup_next(&lookup, 0); step.verdict == KAD_LOOKUP_ASK;
         step = kad_lookup_next(&lookup, 0))
        EXPECT(kad_lookup_reply(&lookup, step.ask, NULL, 0));
    EXPECT_EQ(kad_lookup_closest(&lookup, 64, found), 10);
    for (unsigned i = 0; i < 10; i++)
        EXPECT_EQ(test_id_of(book, found[i])->bytes[0], distances[i]);
    EXPECT_EQ(lookup.n_asked, 10);
    finish();
}
