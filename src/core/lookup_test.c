#include "base/test.h"
#include "core/lookup.h"
#include "core/test_core.h"

#include <string.h>

/* Nodes are named by their distance from the target, which is zero: the first byte of their id. */
struct fixture {
    struct test_memory memory;
    struct kad_book *book;
    struct kad_lookup lookup;
};

static kad_contact_ref node(struct fixture *f, unsigned distance)
{
    const struct kad_id id = test_id((uint8_t)distance);
    const kad_contact_ref contact = test_contact(f->book, &id, distance);

    EXPECT(contact != KAD_NO_CONTACT);
    kad_book_release(f->book, contact); /* the fixture holds them all: see start() */
    return contact;
}

static void start(struct fixture *f, struct kad_lookup_config config)
{
    const struct kad_id target = test_id(0);

    test_memory_init(&f->memory);
    f->book = kad_book_new(&f->memory.allocator, 1000, 1);
    for (unsigned distance = 0; distance < 256; distance++) {
        const struct kad_id id = test_id((uint8_t)distance);

        EXPECT(test_contact(f->book, &id, distance) != KAD_NO_CONTACT);
    }
    kad_lookup_init(&f->lookup, &f->memory.allocator, f->book, &target, &config);
}

static void finish(struct fixture *f)
{
    kad_lookup_clear(&f->lookup);
    EXPECT_EQ(kad_book_count(f->book), 256);
    kad_book_free(f->book);
    EXPECT_EQ(f->memory.in_use, 0);
}

static bool add(struct fixture *f, unsigned distance)
{
    return kad_lookup_add(&f->lookup, node(f, distance));
}

/* As start(), with all from the nearest to the farthest as the first candidates. */
static void start_knowing(struct fixture *f, unsigned nearest, unsigned farthest,
                          struct kad_lookup_config config)
{
    start(f, config);
    for (unsigned distance = nearest; distance <= farthest; distance++)
        EXPECT(add(f, distance));
}

/* `from` answers and names up to three others; 0: none. */
static bool answer(struct fixture *f, unsigned from, unsigned a, unsigned b, unsigned c)
{
    const unsigned named[] = {a, b, c};
    kad_contact_ref closer[3];
    size_t n = 0;

    for (size_t i = 0; i < 3; i++) {
        if (named[i])
            closer[n++] = node(f, named[i]);
    }
    return kad_lookup_reply(&f->lookup, node(f, from), closer, n);
}

static bool go_silent(struct fixture *f, unsigned from)
{
    return kad_lookup_fail(&f->lookup, node(f, from));
}

static void expect_ask(struct fixture *f, kad_ms now, unsigned distance)
{
    const struct kad_lookup_step step = kad_lookup_next(&f->lookup, now);

    EXPECT_EQ(step.verdict, KAD_LOOKUP_ASK);
    EXPECT_EQ(test_id_of(f->book, step.ask)->bytes[0], distance);
}

static void expect_wait(struct fixture *f, kad_ms now, kad_ms wake_at)
{
    const struct kad_lookup_step step = kad_lookup_next(&f->lookup, now);

    EXPECT_EQ(step.verdict, KAD_LOOKUP_WAIT);
    EXPECT_EQ(step.wake_at, wake_at);
}

static void expect_done(struct fixture *f, kad_ms now, enum kad_reason reason)
{
    EXPECT_EQ(kad_lookup_next(&f->lookup, now).verdict, KAD_LOOKUP_DONE);
    EXPECT_EQ(f->lookup.reason, reason);
    EXPECT_EQ(kad_lookup_next(&f->lookup, now).verdict, KAD_LOOKUP_DONE); /* and stays so */
}

static void expect_found(struct fixture *f, size_t n, const unsigned *distances)
{
    kad_contact_ref found[64];

    EXPECT_EQ(kad_lookup_closest(&f->lookup, 64, found), n);
    for (size_t i = 0; i < n; i++)
        EXPECT_EQ(test_id_of(f->book, found[i])->bytes[0], distances[i]);
}

/* A silent contact must not hold a lookup up, yet an answer that comes before the end counts: on slow links the late
 * ones are often the closest. */
TEST(a_late_answer_still_counts)
{
    struct fixture f;

    start(&f, (struct kad_lookup_config){.width = 2, .parallel = 1, .patience_ms = 100});
    add(&f, 9);
    expect_ask(&f, 0, 9);
    answer(&f, 9, 3, 5, 0);
    expect_ask(&f, 10, 3);
    expect_wait(&f, 10, 110);

    expect_ask(&f, 110, 5); /* 3 is late; its slot is free */
    EXPECT(answer(&f, 3, 9, 0, 0));
    EXPECT(answer(&f, 5, 9, 0, 0));

    expect_done(&f, 120, KAD_REASON_CONVERGED);
    expect_found(&f, 3, (const unsigned[]){3, 5, 9});
    EXPECT_EQ(f.lookup.n_asked, 3);
    EXPECT_EQ(f.lookup.n_answered, 3);
    EXPECT_EQ(f.lookup.n_late, 1);
    finish(&f);
}

/* No rounds: one answer of three frees one slot, and it is used at once. */
TEST(a_slot_is_used_as_soon_as_it_is_free)
{
    struct fixture f;

    start_knowing(&f, 4, 7, (struct kad_lookup_config){.width = 8, .parallel = 3, .patience_ms = 100});
    expect_ask(&f, 0, 4);
    expect_ask(&f, 0, 5);
    expect_ask(&f, 0, 6);
    expect_wait(&f, 0, 100);
    answer(&f, 5, 2, 0, 0);
    expect_ask(&f, 20, 2); /* nearer than 7, which waits longer */
    expect_wait(&f, 20, 100);
    go_silent(&f, 4);
    expect_ask(&f, 30, 7);
    expect_wait(&f, 30, 100);
    finish(&f);
}

TEST(only_the_window_is_asked)
{
    struct fixture f;

    start_knowing(&f, 1, 5, (struct kad_lookup_config){.width = 2, .parallel = 4, .patience_ms = 100});
    expect_ask(&f, 0, 1);
    expect_ask(&f, 0, 2);
    expect_wait(&f, 0, 100);
    go_silent(&f, 1);
    expect_ask(&f, 10, 3); /* moves up */
    expect_wait(&f, 10, 100);
    answer(&f, 2, 0, 0, 0);
    answer(&f, 3, 0, 0, 0);
    expect_done(&f, 20, KAD_REASON_CONVERGED);
    finish(&f);
}

/* One that is asked and then pushed out of the window still is a query in flight (K18). */
TEST(who_left_the_window_keeps_its_slot)
{
    struct fixture f;

    start(&f, (struct kad_lookup_config){.width = 2, .parallel = 2, .patience_ms = 100});
    add(&f, 9);
    add(&f, 8);
    expect_ask(&f, 0, 8);
    expect_ask(&f, 0, 9);
    answer(&f, 8, 1, 2, 0);
    expect_ask(&f, 10, 1);
    expect_wait(&f, 10, 100); /* 2 has to wait for 9, or for 1 */
    expect_ask(&f, 100, 2);
    answer(&f, 1, 0, 0, 0);
    answer(&f, 2, 0, 0, 0);
    expect_done(&f, 110, KAD_REASON_CONVERGED);
    finish(&f);
}

TEST(ends_with_each_reason_P149)
{
    struct fixture f;
    const struct kad_lookup_config config = {.width = 2, .parallel = 2, .patience_ms = 100};

    start(&f, config);
    expect_done(&f, 0, KAD_REASON_NO_CONTACTS);
    finish(&f);

    start(&f, config);
    add(&f, 1);
    add(&f, 2);
    expect_ask(&f, 0, 1);
    expect_ask(&f, 0, 2);
    answer(&f, 2, 0, 0, 0);
    answer(&f, 1, 0, 0, 0);
    expect_done(&f, 1, KAD_REASON_CONVERGED);
    finish(&f);

    start(&f, config);
    add(&f, 1);
    add(&f, 2);
    expect_ask(&f, 0, 1);
    expect_ask(&f, 0, 2);
    answer(&f, 2, 0, 0, 0);
    go_silent(&f, 1);
    expect_done(&f, 1, KAD_REASON_EXHAUSTED);
    finish(&f);

    for (enum kad_reason reason = KAD_REASON_SATISFIED; reason <= KAD_REASON_CANCELLED; reason++) {
        start(&f, config);
        add(&f, 1);
        expect_ask(&f, 0, 1);
        kad_lookup_stop(&f.lookup, reason);
        expect_done(&f, 1, reason);
        kad_lookup_stop(&f.lookup, KAD_REASON_CONVERGED); /* the first reason stays */
        expect_done(&f, 1, reason);
        finish(&f);
    }
}

/* With fewer than `width` left the late ones are worth waiting for once more, not for ever. */
TEST(late_ones_put_off_a_poor_end)
{
    struct fixture f;

    start(&f, (struct kad_lookup_config){.width = 3, .parallel = 3, .patience_ms = 100});
    add(&f, 1);
    add(&f, 2);
    expect_ask(&f, 0, 1);
    expect_ask(&f, 0, 2);
    answer(&f, 2, 0, 0, 0);
    expect_wait(&f, 50, 100);
    expect_wait(&f, 100, 200);
    expect_wait(&f, 199, 200);
    expect_done(&f, 200, KAD_REASON_EXHAUSTED);
    expect_found(&f, 1, (const unsigned[]){2});
    finish(&f);
}

/* All is slow on this link: to end with nothing would be worse than to wait. */
TEST(without_any_answer_the_late_are_waited_for_until_they_fail)
{
    struct fixture f;

    start(&f, (struct kad_lookup_config){.width = 3, .parallel = 3, .patience_ms = 100});
    add(&f, 1);
    add(&f, 2);
    expect_ask(&f, 0, 1);
    expect_ask(&f, 0, 2);
    expect_wait(&f, 5000, KAD_NEVER);
    go_silent(&f, 1);
    expect_wait(&f, 5000, KAD_NEVER);
    answer(&f, 2, 7, 0, 0);
    expect_ask(&f, 5000, 7);
    finish(&f);
}

TEST(answers_nobody_asked_for_are_ignored)
{
    struct fixture f;

    start(&f, (struct kad_lookup_config){.width = 3, .parallel = 1, .patience_ms = 100});
    add(&f, 5);
    add(&f, 6);
    EXPECT(!answer(&f, 5, 1, 2, 3)); /* not asked yet */
    EXPECT(!answer(&f, 9, 1, 2, 3)); /* not a candidate */
    EXPECT(!go_silent(&f, 5));
    EXPECT_EQ(f.lookup.n_candidates, 2);
    expect_ask(&f, 0, 5);
    EXPECT(answer(&f, 5, 0, 0, 0));
    EXPECT(!answer(&f, 5, 1, 2, 3)); /* twice */
    EXPECT(!go_silent(&f, 5));
    expect_ask(&f, 0, 6);
    EXPECT(go_silent(&f, 6));
    EXPECT(!answer(&f, 6, 1, 2, 3)); /* has failed already */
    expect_done(&f, 0, KAD_REASON_EXHAUSTED);
    EXPECT(!add(&f, 1)); /* over */
    EXPECT_EQ(f.lookup.n_answered, 1);
    EXPECT_EQ(f.lookup.n_failed, 1);
    finish(&f);
}

TEST(a_late_answer_after_the_end_is_ignored)
{
    struct fixture f;

    start(&f, (struct kad_lookup_config){.width = 1, .parallel = 1, .patience_ms = 100});
    add(&f, 1);
    add(&f, 2);
    expect_ask(&f, 0, 1);
    expect_ask(&f, 100, 2);
    answer(&f, 2, 0, 0, 0);
    expect_done(&f, 110, KAD_REASON_CONVERGED);
    EXPECT(!answer(&f, 1, 0, 0, 0));
    expect_found(&f, 1, (const unsigned[]){2});
    finish(&f);
}

TEST(hops_are_counted_from_our_own_table)
{
    struct fixture f;

    start(&f, (struct kad_lookup_config){.width = 1, .parallel = 1, .patience_ms = 100});
    add(&f, 9);
    EXPECT_EQ(kad_lookup_next(&f.lookup, 0).hop, 1);
    answer(&f, 9, 5, 0, 0);
    EXPECT_EQ(f.lookup.deepest_hop, 1);
    EXPECT_EQ(kad_lookup_next(&f.lookup, 0).hop, 2);
    answer(&f, 5, 9, 1, 0);
    EXPECT_EQ(kad_lookup_next(&f.lookup, 0).hop, 3);
    go_silent(&f, 1);
    expect_done(&f, 0, KAD_REASON_CONVERGED);
    EXPECT_EQ(f.lookup.deepest_hop, 2); /* 1 never answered */
    EXPECT_EQ(kad_lookup_candidate(&f.lookup, node(&f, 1))->hop, 3);
    EXPECT(kad_lookup_candidate(&f.lookup, node(&f, 2)) == NULL);
    finish(&f);
}

/* One of two that claim an id lies. The id has one place in the window, and the second contact is a second chance. */
TEST(two_that_claim_one_id_count_once)
{
    const struct kad_id id = test_id(3);
    struct fixture f;
    kad_contact_ref rival;

    start(&f, (struct kad_lookup_config){.width = 2, .parallel = 4, .patience_ms = 100});
    rival = test_contact(f.book, &id, 4000);
    add(&f, 3);
    EXPECT(kad_lookup_add(&f.lookup, rival));
    EXPECT(!kad_lookup_add(&f.lookup, rival));
    add(&f, 5);
    expect_ask(&f, 0, 3);
    expect_ask(&f, 0, 5); /* still of the window */
    expect_wait(&f, 0, 100);
    answer(&f, 5, 0, 0, 0);
    go_silent(&f, 3);
    EXPECT_EQ(kad_lookup_next(&f.lookup, 10).ask, rival);
    kad_lookup_reply(&f.lookup, rival, NULL, 0);
    expect_done(&f, 20, KAD_REASON_CONVERGED);
    expect_found(&f, 2, (const unsigned[]){3, 5});
    kad_book_release(f.book, rival);
    finish(&f);
}

TEST(two_late_that_claim_one_id_are_found_once)
{
    const struct kad_id id = test_id(3);
    struct fixture f;
    kad_contact_ref rival;

    start(&f, (struct kad_lookup_config){.width = 2, .parallel = 4, .patience_ms = 100});
    rival = test_contact(f.book, &id, 4000);
    add(&f, 3);
    kad_lookup_add(&f.lookup, rival);
    expect_ask(&f, 0, 3);
    expect_wait(&f, 0, 100);
    EXPECT_EQ(kad_lookup_next(&f.lookup, 100).ask, rival);
    answer(&f, 3, 5, 0, 0);
    kad_lookup_reply(&f.lookup, rival, NULL, 0);
    expect_ask(&f, 110, 5);
    answer(&f, 5, 0, 0, 0);
    expect_done(&f, 120, KAD_REASON_CONVERGED);
    expect_found(&f, 2, (const unsigned[]){3, 5});
    kad_book_release(f.book, rival);
    finish(&f);
}

/* A neighbourhood of one /24 is most likely one machine. */
TEST(an_address_group_has_its_share_of_candidates)
{
    const uint32_t group = 0x08080800, local = 0x0a000000; /* 8.8.8.0/24, 10.0.0.0/24 */
    const struct kad_bytes nothing = {NULL, 0};
    struct fixture f;

    for (int limit_local = 0; limit_local < 2; limit_local++) {
        unsigned n_public = 0, n_local = 0;

        start(&f, (struct kad_lookup_config){.width = 8,
                                             .parallel = 3,
                                             .patience_ms = 100,
                                             .narrow_per_lookup = 3,
                                             .limit_local = limit_local});
        for (uint32_t i = 1; i <= 10; i++) {
            const struct kad_id id = test_id((uint8_t)i), local_id = test_id((uint8_t)(i + 100));
            const struct kad_endpoint endpoint = test_endpoint(group + i, 1),
                                      local_one = test_endpoint(local + i, 1);
            const kad_contact_ref contact = kad_book_intern(f.book, &id, &endpoint, nothing);
            const kad_contact_ref local_contact = kad_book_intern(f.book, &local_id, &local_one, nothing);

            n_public += kad_lookup_add(&f.lookup, contact);
            n_local += kad_lookup_add(&f.lookup, local_contact);
            kad_book_release(f.book, contact);
            kad_book_release(f.book, local_contact);
        }
        EXPECT_EQ(n_public, 3);
        EXPECT_EQ(n_local, limit_local ? 3 : 10);
        finish(&f);
    }
}

/* A list has an end, and what was asked is never pushed off it. */
TEST(a_full_list_gives_up_the_farthest_that_was_not_asked)
{
    struct fixture f;

    start(&f, (struct kad_lookup_config){.width = 8, .parallel = 1, .patience_ms = 100});
    add(&f, 255);
    expect_ask(&f, 0, 255);
    for (unsigned distance = 100; distance < 100 + KAD_LOOKUP_CANDIDATES - 1; distance++)
        EXPECT(add(&f, distance));
    EXPECT_EQ(f.lookup.n_candidates, KAD_LOOKUP_CANDIDATES);
    EXPECT(!add(&f, 240)); /* too far */
    EXPECT(add(&f, 50));
    EXPECT_EQ(f.lookup.n_candidates, KAD_LOOKUP_CANDIDATES);
    EXPECT(kad_lookup_candidate(&f.lookup, node(&f, 226)) == NULL);
    EXPECT(kad_lookup_candidate(&f.lookup, node(&f, 255)) != NULL);
    EXPECT(answer(&f, 255, 0, 0, 0));
    expect_ask(&f, 0, 50);
    finish(&f);
}

TEST(refused_memory_costs_candidates_and_nothing_else)
{
    struct fixture f;
    unsigned n = 0;

    start(&f, (struct kad_lookup_config){.width = 8, .parallel = 1, .patience_ms = 100});
    f.memory.n_left = 1;
    for (unsigned distance = 1; distance < 40; distance++)
        n += add(&f, distance);
    EXPECT_EQ(n, f.lookup.room);
    EXPECT(n > 0 && n < 39);
    expect_ask(&f, 0, 1);
    f.memory.n_left = SIZE_MAX;
    finish(&f);
}

/* Walking takes `parallel` slots; once the nearest has answered, the rest of the window is heard at `parallel_end`. */
TEST(end_of_the_walk_asks_more_at_once)
{
    struct fixture f;

    start_knowing(
        &f, 1, 6,
        (struct kad_lookup_config){.width = 6, .parallel = 2, .parallel_end = 5, .patience_ms = 100});
    expect_ask(&f, 0, 1);
    expect_ask(&f, 0, 2);
    expect_wait(&f, 0, 100);
    answer(&f, 2, 0, 0, 0);
    expect_ask(&f, 0, 3);
    expect_wait(&f, 0, 100); /* the nearest is still silent */
    answer(&f, 1, 0, 0, 0);
    expect_ask(&f, 0, 4);
    expect_ask(&f, 0, 5);
    expect_ask(&f, 0, 6);
    expect_wait(&f, 0, 100);
    finish(&f);
}

/* One datagram in ten is lost on a bad link: to be silent once is no proof. Asked again is who would stand among the nearest,
 * when nobody new is left to ask. */
TEST(a_silent_one_of_the_nearest_is_asked_once_more)
{
    struct fixture f;

    start_knowing(&f, 1, 4,
                  (struct kad_lookup_config){
                      .width = 2, .parallel = 2, .parallel_end = 3, .retries = 1, .patience_ms = 100});
    expect_ask(&f, 0, 1);
    expect_ask(&f, 0, 2);
    answer(&f, 2, 0, 0, 0);
    expect_ask(&f, 100, 3); /* 1 is late */
    answer(&f, 3, 0, 0, 0);
    EXPECT(kad_lookup_next(&f.lookup, 120).again); /* both of the window have answered, and yet */
    expect_wait(&f, 120, 220);
    answer(&f, 1, 0, 0, 0);
    expect_done(&f, 130, KAD_REASON_CONVERGED);
    expect_found(&f, 3, (const unsigned[]){1, 2, 3});
    EXPECT_EQ(f.lookup.n_asked, 3);
    EXPECT_EQ(f.lookup.n_late, 1);
    finish(&f);
}

/* The dead cost one more datagram and one more patience, all of them together. */
TEST(the_dead_are_asked_again_beside_each_other_and_once_only)
{
    struct fixture f;

    start_knowing(&f, 1, 4,
                  (struct kad_lookup_config){.width = 2, .parallel = 3, .retries = 1, .patience_ms = 100});
    expect_ask(&f, 0, 1);
    expect_ask(&f, 0, 2);
    expect_ask(&f, 100, 3);
    expect_ask(&f, 100, 4);
    answer(&f, 3, 0, 0, 0);
    answer(&f, 4, 0, 0, 0);
    expect_ask(&f, 110, 1);
    expect_ask(&f, 110, 2);
    expect_wait(&f, 110, 210);
    expect_done(&f, 210, KAD_REASON_CONVERGED);
    finish(&f);
}

/* Who was refused, or is unreachable, has not lost a datagram; and who stands behind the window is not missed. */
TEST(who_failed_or_is_far_is_not_asked_again)
{
    struct fixture f;

    start_knowing(&f, 1, 2,
                  (struct kad_lookup_config){.width = 2, .parallel = 2, .retries = 1, .patience_ms = 100});
    add(&f, 9);
    expect_ask(&f, 0, 1);
    expect_ask(&f, 0, 2);
    go_silent(&f, 1); /* refused */
    answer(&f, 2, 0, 0, 0);
    expect_ask(&f, 0, 9);
    expect_wait(&f, 0, 100);
    add(&f, 3);
    expect_ask(&f, 100, 3); /* 9 is late, and 3 is nearer */
    answer(&f, 3, 0, 0, 0);
    expect_done(&f, 110, KAD_REASON_CONVERGED);
    finish(&f);
}

/* The first query's failure says nothing about the second; an answer to either counts once. */
TEST(an_old_failure_does_not_end_a_new_question)
{
    struct fixture f;

    start(&f, (struct kad_lookup_config){.width = 1, .parallel = 2, .retries = 1, .patience_ms = 100});
    add(&f, 1);
    add(&f, 2);
    expect_ask(&f, 0, 1);
    expect_ask(&f, 100, 2);
    answer(&f, 2, 0, 0, 0);
    expect_ask(&f, 110, 1);
    EXPECT(go_silent(&f, 1)); /* the query of 0 has timed out */
    expect_wait(&f, 120, 210);
    EXPECT(answer(&f, 1, 0, 0, 0));
    EXPECT(!answer(&f, 1, 0, 0, 0));
    EXPECT(!go_silent(&f, 1));
    expect_done(&f, 130, KAD_REASON_CONVERGED);
    expect_found(&f, 2, (const unsigned[]){1, 2});
    EXPECT_EQ(f.lookup.n_answered, 2);
    EXPECT_EQ(f.lookup.n_failed, 0);
    finish(&f);
}

/* Where the nearest are dead, lists are full of them: those behind the window are asked as well, for they may name whom
 * these hid. */
TEST(silent_ones_widen_the_window)
{
    struct fixture f;

    start_knowing(&f, 2, 8,
                  (struct kad_lookup_config){.width = 2, .parallel = 8, .spare = 2, .patience_ms = 100});
    expect_ask(&f, 0, 2);
    expect_ask(&f, 0, 3);
    go_silent(&f, 2);
    expect_ask(&f, 10, 4);
    expect_ask(&f, 10, 5); /* all of the window were asked: now the two behind it */
    expect_ask(&f, 10, 6);
    expect_wait(&f, 10, 100);
    answer(&f, 3, 0, 0, 0);
    go_silent(&f, 6); /* it took up its place: nobody else is asked for it */
    answer(&f, 4, 0, 0, 0);
    expect_wait(&f, 30, 110);
    answer(&f, 5, 1, 0, 0); /* whom nobody else knew */
    expect_ask(&f, 40, 1);
    answer(&f, 1, 0, 0, 0);
    expect_done(&f, 50, KAD_REASON_CONVERGED);
    finish(&f);
}

/* The first silence tells that there are dead here: what is left is asked beside each other, not three at a time. */
TEST(a_silence_hurries_the_rest_of_the_walk)
{
    struct fixture f;

    start_knowing(&f, 1, 12,
                  (struct kad_lookup_config){
                      .width = 6, .parallel = 2, .parallel_end = 4, .spare = 3, .patience_ms = 100});
    expect_ask(&f, 0, 1);
    expect_ask(&f, 0, 2);
    expect_wait(&f, 0, 100);
    go_silent(&f, 1);
    for (unsigned distance = 3; distance <= 8; distance++)
        expect_ask(&f, 10, distance); /* the window's others, then the first behind it */
    expect_wait(&f, 10, 100);
    finish(&f);
}

/* Without silence nothing changes: two at a time until the nearest has answered. */
TEST(a_walk_without_silence_keeps_its_pace)
{
    struct fixture f;

    start_knowing(&f, 1, 12,
                  (struct kad_lookup_config){
                      .width = 6, .parallel = 2, .parallel_end = 4, .spare = 3, .patience_ms = 100});
    expect_ask(&f, 0, 1);
    expect_ask(&f, 0, 2);
    answer(&f, 2, 0, 0, 0);
    expect_ask(&f, 10, 3);
    expect_wait(&f, 10, 100);
    answer(&f, 1, 0, 0, 0);
    for (unsigned distance = 4; distance <= 6; distance++)
        expect_ask(&f, 20, distance);
    expect_wait(&f, 20, 110);
    finish(&f);
}
