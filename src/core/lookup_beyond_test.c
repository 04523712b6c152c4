#include "base/test.h"
#include "core/lookup.h"
#include "core/test_core.h"

#include <string.h>

/* Nodes are named by their distance from the target, which is zero: the first byte of their id. */
struct fixture {
    struct test_memory memory;
    struct kad_book *book;
    kad_contact_ref nodes[256];
    struct kad_lookup lookup;
};

static void start(struct fixture *f, unsigned width, unsigned beyond, const unsigned *known, size_t n_known)
{
    const struct kad_lookup_config config = {
        .width = width, .parallel = 8, .beyond = beyond, .patience_ms = 100};
    const struct kad_id target = test_id(0);

    test_memory_init(&f->memory);
    f->book = kad_book_new(&f->memory.allocator, 1000, 1);
    for (unsigned distance = 0; distance < 256; distance++) {
        const struct kad_id id = test_id((uint8_t)distance);

        f->nodes[distance] = test_contact(f->book, &id, distance);
    }
    kad_lookup_init(&f->lookup, &f->memory.allocator, f->book, &target, &config);
    for (size_t i = 0; i < n_known; i++)
        EXPECT(kad_lookup_add(&f->lookup, f->nodes[known[i]]));
}

static void finish(struct fixture *f)
{
    kad_lookup_clear(&f->lookup);
    EXPECT_EQ(kad_book_count(f->book), 256);
    kad_book_free(f->book);
    EXPECT_EQ(f->memory.in_use, 0);
}

/* `region` 0: the usual question; else whom it knows at this distance from the target. */
static void expect_ask(struct fixture *f, kad_ms now, unsigned distance, unsigned region)
{
    const struct kad_lookup_step step = kad_lookup_next(&f->lookup, now);

    EXPECT_EQ(step.verdict, KAD_LOOKUP_ASK);
    EXPECT_EQ(test_id_of(f->book, step.ask)->bytes[0], distance);
    EXPECT_EQ(step.beyond, region != 0);
    if (region)
        EXPECT_EQ(step.target.bytes[0], region);
}

static void expect_wait(struct fixture *f, kad_ms now, kad_ms wake_at)
{
    const struct kad_lookup_step step = kad_lookup_next(&f->lookup, now);

    EXPECT_EQ(step.verdict, KAD_LOOKUP_WAIT);
    EXPECT_EQ(step.wake_at, wake_at);
}

static void expect_done(struct fixture *f, kad_ms now)
{
    EXPECT_EQ(kad_lookup_next(&f->lookup, now).verdict, KAD_LOOKUP_DONE);
}

static void answer(struct fixture *f, unsigned from)
{
    EXPECT(kad_lookup_reply(&f->lookup, f->nodes[from], NULL, 0));
}

/* Everybody names the two nearest, one of which is dead; so nobody names 50, who is the second nearest of the living. */
TEST(who_stands_behind_a_silent_one_is_asked_for)
{
    struct fixture f;

    start(&f, 2, 1, (const unsigned[]){40, 45, 60}, 3);
    expect_ask(&f, 0, 40, 0);
    expect_ask(&f, 0, 45, 0);
    answer(&f, 40);
    expect_wait(&f, 10, 100);
    /* 45 is late. What is known for sure ends there; distances 32 to 63 are a region that the window, 40 and 60, ends in. */
    expect_ask(&f, 100, 40, 32);
    expect_ask(&f, 100, 60, 0);
    EXPECT(kad_lookup_beyond_reply(&f.lookup, f.nodes[40], (kad_contact_ref[]){f.nodes[50]}, 1));
    expect_ask(&f, 110, 50, 0);
    answer(&f, 50);
    answer(&f, 60);
    expect_done(&f, 120);
    EXPECT_EQ(f.lookup.n_answered, 3);
    EXPECT_EQ(f.lookup.n_asked, 4); /* a question about a region asks nobody new */
    finish(&f);
}

/* Nothing of this where nobody is silent. */
TEST(without_silence_nobody_is_asked_about_regions)
{
    struct fixture f;

    start(&f, 2, 8, (const unsigned[]){40, 45, 60}, 3);
    expect_ask(&f, 0, 40, 0);
    expect_ask(&f, 0, 45, 0);
    answer(&f, 40);
    answer(&f, 45);
    expect_done(&f, 10);
    EXPECT_EQ(f.lookup.n_beyond, 0);
    finish(&f);
}

/* Somebody outside a region may know few of it: one of them is asked, the others must stand inside. Each region that the
 * window reaches into is asked about. */
TEST(insiders_are_asked_rather_than_outsiders)
{
    struct fixture f;

    start(&f, 3, 2, (const unsigned[]){3, 5, 6, 70, 80}, 5);
    expect_ask(&f, 0, 3, 0);
    expect_ask(&f, 0, 5, 0);
    expect_ask(&f, 0, 6, 0);
    answer(&f, 3);
    answer(&f, 5);
    EXPECT(kad_lookup_fail(&f.lookup, f.nodes[6]));
    /* 4..7, of which 5 is; 8..15, 16..31, 32..63, of which nobody is; 64.., where the window ends */
    expect_ask(&f, 10, 5, 4);
    expect_ask(&f, 10, 3, 8);
    expect_ask(&f, 10, 3, 16);
    expect_ask(&f, 10, 3, 32);
    expect_ask(&f, 10, 3, 64);
    expect_ask(&f, 10, 70, 0);
    answer(&f, 70);
    expect_ask(&f, 20, 70, 64);
    expect_wait(&f, 20, 110);
    for (int i = 0; i < 4; i++)
        EXPECT(kad_lookup_beyond_reply(&f.lookup, f.nodes[3], NULL, 0));
    EXPECT(!kad_lookup_beyond_reply(&f.lookup, f.nodes[3], NULL, 0)); /* nobody asked */
    EXPECT(kad_lookup_beyond_fail(&f.lookup, f.nodes[5]));
    EXPECT(kad_lookup_beyond_reply(&f.lookup, f.nodes[70], NULL, 0));
    expect_done(&f, 30);
    EXPECT(!kad_lookup_beyond_fail(&f.lookup, f.nodes[5]));
    finish(&f);
}

/* Who does not answer such a question is not waited for longer than others are. */
TEST(a_question_about_a_region_has_its_patience)
{
    struct fixture f;

    start(&f, 1, 1, (const unsigned[]){40, 45}, 2);
    expect_ask(&f, 0, 40, 0);
    expect_ask(&f, 100, 45, 0);
    answer(&f, 45);
    expect_ask(&f, 110, 45, 32);
    expect_wait(&f, 110, 210);
    expect_done(&f, 210);
    finish(&f);
}

/* Refused memory costs the question, nothing else. */
TEST(without_memory_a_lookup_ends_all_the_same)
{
    struct fixture f;

    start(&f, 1, 1, (const unsigned[]){40, 45}, 2);
    expect_ask(&f, 0, 40, 0);
    expect_ask(&f, 100, 45, 0);
    answer(&f, 45);
    f.memory.n_left = 0;
    expect_done(&f, 110);
    EXPECT_EQ(f.lookup.n_beyond, 0);
    f.memory.n_left = SIZE_MAX;
    finish(&f);
}

/* An end that is not good enough: with more places in the window it goes on, and nobody is asked again. */
TEST(an_ended_lookup_can_go_on_wider)
{
    struct fixture f;

    start(&f, 1, 0, (const unsigned[]){40, 45}, 2);
    expect_ask(&f, 0, 40, 0);
    answer(&f, 40);
    expect_done(&f, 10);
    EXPECT_EQ(f.lookup.reason, KAD_REASON_CONVERGED);
    kad_lookup_resume(&f.lookup, 3);
    EXPECT(kad_lookup_add(&f.lookup, f.nodes[50]));
    EXPECT(!kad_lookup_add(&f.lookup, f.nodes[40]));
    expect_ask(&f, 20, 45, 0);
    expect_ask(&f, 20, 50, 0);
    answer(&f, 45);
    answer(&f, 50);
    expect_done(&f, 30);
    EXPECT_EQ(f.lookup.n_answered, 3);
    finish(&f);
}
