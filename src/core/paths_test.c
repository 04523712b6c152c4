#include "base/test.h"
#include "core/paths.h"
#include "core/test_core.h"

#include <string.h>

/* Nodes are named by their distance from the target, which is zero: the first byte of their id. */
struct fixture {
    struct test_memory memory;
    struct kad_book *book;
    kad_contact_ref nodes[256];
    struct kad_paths paths;
};

static const struct kad_lookup_config narrow = {.width = 3, .parallel = 1, .patience_ms = 100};

static void start(struct fixture *f, unsigned n_more, size_t n_dealt, const unsigned *dealt)
{
    const struct kad_id target = test_id(0);
    kad_contact_ref contacts[16];

    test_memory_init(&f->memory);
    f->book = kad_book_new(&f->memory.allocator, 1000, 1);
    for (unsigned distance = 0; distance < 256; distance++) {
        const struct kad_id id = test_id((uint8_t)distance);

        f->nodes[distance] = test_contact(f->book, &id, distance);
    }
    kad_paths_init(&f->paths, &f->memory.allocator, f->book, &target, &narrow);
    for (size_t i = 0; i < n_dealt; i++)
        contacts[i] = f->nodes[dealt[i]];
    EXPECT_EQ(kad_paths_open(&f->paths, n_more, &narrow, contacts, n_dealt), n_more);
}

static void finish(struct fixture *f)
{
    kad_paths_clear(&f->paths);
    EXPECT_EQ(kad_book_count(f->book), 256);
    kad_book_free(f->book);
    EXPECT_EQ(f->memory.in_use, 0);
}

static unsigned asks(struct fixture *f)
{
    const struct kad_lookup_step step = kad_paths_next(&f->paths, 0);

    return step.verdict == KAD_LOOKUP_ASK ? test_id_of(f->book, step.ask)->bytes[0] : 0;
}

static void answer(struct fixture *f, unsigned from, size_t n, const unsigned *named)
{
    kad_contact_ref contacts[16];

    for (size_t i = 0; i < n; i++)
        contacts[i] = f->nodes[named[i]];
    EXPECT(kad_paths_reply(&f->paths, f->nodes[from], contacts, n));
}

/* Contacts are dealt in turn; each path walks its own way, in turn. */
TEST(paths_begin_with_what_is_dealt_in_turn)
{
    struct fixture f;

    start(&f, 2, 4, (const unsigned[]){10, 11, 12, 13});
    EXPECT(kad_paths_add(&f.paths, f.nodes[20]));
    EXPECT_EQ(asks(&f), 20); /* the first path's */
    EXPECT_EQ(asks(&f), 10);
    EXPECT_EQ(asks(&f), 11);
    EXPECT_EQ(asks(&f), 0); /* each may ask one at a time: all wait */
    answer(&f, 10, 0, NULL);
    EXPECT_EQ(asks(&f), 12); /* of the path that 10 belongs to */
    EXPECT_EQ(kad_paths_reason(&f.paths), KAD_REASON_NONE);
    finish(&f);
}

/* Whom one path asked, no other asks, and who was asked cannot be dealt to a new one. */
TEST(nobody_is_asked_by_two_paths)
{
    struct fixture f;

    start(&f, 2, 2, (const unsigned[]){10, 11});
    EXPECT_EQ(asks(&f), 10);
    EXPECT_EQ(asks(&f), 11);
    answer(&f, 10, 2, (const unsigned[]){3, 4});
    answer(&f, 11, 2, (const unsigned[]){3, 5});
    EXPECT_EQ(asks(&f), 3);
    EXPECT_EQ(asks(&f), 5); /* 3 is nearer, and taken */
    answer(&f, 3, 0, NULL);
    answer(&f, 5, 0, NULL);
    EXPECT_EQ(asks(&f), 4);
    answer(&f, 4, 0, NULL);
    EXPECT_EQ(asks(&f), 0);
    EXPECT_EQ(kad_paths_answered(&f.paths), 5);

    EXPECT_EQ(kad_paths_open(&f.paths, 1, &narrow,
                             (const kad_contact_ref[]){f.nodes[3], f.nodes[10], f.nodes[30]}, 3),
              1);
    EXPECT_EQ(asks(&f), 30);
    answer(&f, 30, 0, NULL);
    EXPECT_EQ(asks(&f), 0);
    EXPECT_EQ(kad_paths_reason(&f.paths), KAD_REASON_CONVERGED); /* one path found its three nearest */
    finish(&f);
}

/* What they found counts together, nearest first. */
TEST(results_are_merged)
{
    struct fixture f;
    kad_contact_ref found[8];

    start(&f, 2, 2, (const unsigned[]){10, 11});
    EXPECT_EQ(asks(&f), 10);
    EXPECT_EQ(asks(&f), 11);
    answer(&f, 10, 1, (const unsigned[]){4});
    answer(&f, 11, 1, (const unsigned[]){3});
    EXPECT_EQ(asks(&f), 4);
    EXPECT_EQ(asks(&f), 3);
    answer(&f, 4, 0, NULL);
    answer(&f, 3, 0, NULL);
    EXPECT_EQ(kad_paths_closest(&f.paths, 8, found), 4);
    for (size_t i = 0; i < 4; i++)
        EXPECT_EQ(test_id_of(f.book, found[i])->bytes[0], ((const unsigned[]){3, 4, 10, 11})[i]);
    EXPECT_EQ(kad_paths_closest(&f.paths, 2, found), 2);
    EXPECT_EQ(test_id_of(f.book, found[1])->bytes[0], 4);
    EXPECT_EQ(kad_paths_agreement(&f.paths, found, 2), 1000); /* each met one of them */
    EXPECT_EQ(kad_paths_agreement(&f.paths, found, 1), 500);
    finish(&f);
}

/* The paper's rule, and ours: a path dies of a lie, or goes on down its own list. */
TEST(a_path_dies_of_a_lie_if_it_must)
{
    for (int going = 0; going < 2; going++) {
        struct fixture f;

        start(&f, 1, 2, (const unsigned[]){10, 12});
        f.paths.keep_going = going;
        kad_paths_add(&f.paths, f.nodes[20]);
        EXPECT_EQ(asks(&f), 20);
        EXPECT_EQ(asks(&f), 10);
        answer(&f, 10, 0, NULL);
        kad_paths_bad(&f.paths, f.nodes[10]);
        EXPECT_EQ(asks(&f), going ? 12 : 0);
        answer(&f, 20, 0, NULL); /* nobody else's path is concerned */
        if (going)
            answer(&f, 12, 0, NULL);
        EXPECT_EQ(asks(&f), 0);
        EXPECT_EQ(kad_paths_reason(&f.paths), KAD_REASON_EXHAUSTED);
        finish(&f);
    }
}

/* Refused memory costs paths, never the lookup. */
TEST(without_memory_there_is_one_path)
{
    struct fixture f;

    start(&f, 0, 0, NULL);
    kad_paths_add(&f.paths, f.nodes[20]);
    for (size_t left = 0; left < 2; left++) {
        f.memory.n_left = left;
        EXPECT_EQ(kad_paths_open(&f.paths, 4, &narrow, (const kad_contact_ref[]){f.nodes[9]}, 1), 0);
    }
    EXPECT_EQ(kad_paths_count(&f.paths), 1);
    f.memory.n_left = SIZE_MAX;
    EXPECT_EQ(asks(&f), 20);
    finish(&f);
}

/* A liar's friends, and theirs, are his: of those who came through one contact of ours so many count, others are asked then. */
TEST(friends_of_a_liar_fill_no_window)
{
    struct fixture f;

    start(&f, 0, 0, NULL);
    f.paths.first.config.width = 4;
    f.paths.first.config.per_introducer = 2;
    kad_paths_add(&f.paths, f.nodes[100]);
    kad_paths_add(&f.paths, f.nodes[110]);
    EXPECT_EQ(asks(&f), 100);
    answer(&f, 100, 4, (const unsigned[]){1, 2, 3, 4});
    EXPECT_EQ(asks(&f), 1);
    answer(&f, 1, 3, (const unsigned[]){5, 6, 7});
    EXPECT_EQ(asks(&f), 2);
    answer(&f, 2, 0, NULL);
    EXPECT_EQ(asks(&f), 110); /* rather than 3: the window is 1, 2, 100, 110 */
    answer(&f, 110, 2, (const unsigned[]){3, 50});
    EXPECT_EQ(asks(&f), 3); /* whom somebody else names, too */
    answer(&f, 3, 0, NULL);
    EXPECT_EQ(asks(&f), 50);
    answer(&f, 50, 0, NULL);
    EXPECT_EQ(asks(&f), 4); /* last of all: one of the four nearest it is */
    answer(&f, 4, 0, NULL);
    EXPECT_EQ(asks(&f), 0);
    EXPECT_EQ(kad_paths_reason(&f.paths), KAD_REASON_CONVERGED);
    finish(&f);
}

/* With nobody else to ask, those are asked whom one alone has named. */
TEST(a_single_introducer_is_better_than_none)
{
    struct fixture f;

    start(&f, 0, 0, NULL);
    f.paths.first.config.per_introducer = 1;
    kad_paths_add(&f.paths, f.nodes[100]);
    EXPECT_EQ(asks(&f), 100);
    answer(&f, 100, 2, (const unsigned[]){1, 2});
    EXPECT_EQ(asks(&f), 1);
    EXPECT(kad_paths_fail(&f.paths, f.nodes[1]));
    EXPECT_EQ(asks(&f), 2);
    answer(&f, 2, 0, NULL);
    EXPECT_EQ(asks(&f), 0);
    EXPECT_EQ(kad_paths_reason(&f.paths), KAD_REASON_EXHAUSTED);
    finish(&f);
}

/* All nearer than the region's end are asked, however many there are: forged ids push nobody out. */
TEST(a_region_is_asked_whole)
{
    struct fixture f;
    unsigned n = 0;

    start(&f, 0, 0, NULL);
    f.paths.first.config.region = UINT64_C(40) << 56;
    for (unsigned distance = 30; distance <= 60; distance++)
        kad_paths_add(&f.paths, f.nodes[distance]);
    for (unsigned distance; (distance = asks(&f)) != 0; n++) {
        EXPECT(distance <= 40);
        answer(&f, distance, 0, NULL);
    }
    EXPECT_EQ(n, 11);
    EXPECT_EQ(kad_paths_reason(&f.paths), KAD_REASON_CONVERGED);
    finish(&f);
}

/* Many claims, and none that was not made. */
TEST(claims_are_kept)
{
    struct test_memory memory;
    struct kad_claims claims = {.allocator = &memory.allocator};

    test_memory_init(&memory);
    EXPECT(!kad_claims_has(&claims, 3));
    for (kad_contact_ref i = 0; i < 1000; i += 2)
        kad_claims_add(&claims, i);
    kad_claims_add(&claims, 4);
    EXPECT_EQ(claims.n, 500);
    for (kad_contact_ref i = 0; i < 1000; i++)
        EXPECT_EQ(kad_claims_has(&claims, i), i % 2 == 0);
    kad_free(&memory.allocator, claims.slots, claims.room * sizeof(*claims.slots));
    EXPECT_EQ(memory.in_use, 0);
}
