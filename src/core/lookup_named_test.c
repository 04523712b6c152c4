/* Those whom strangers name: how often they are asked before anybody of their address group has answered (SCORECARD, row 10). */
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "core/paths.h"
#include "core/test_core.h"

enum { OWN = 12, GROUPS = 6, EACH = 20, LIARS_FROM = 40 };

static struct test_memory memory;
static struct kad_book *book;
static struct kad_paths paths;
static kad_contact_ref own[OWN], victims[GROUPS][EACH];

static kad_contact_ref contact_at(unsigned distance, unsigned low, uint32_t address)
{
    const struct kad_id id = {{(uint8_t)distance, (uint8_t)low}};
    const struct kad_endpoint endpoint = test_endpoint(address, 6881);

    return kad_book_intern(book, &id, &endpoint, (struct kad_bytes){NULL, 0});
}

/* Own contacts far away, each in a group of its own; victims at the target, so that every lookup wants to ask them. */
static void start(unsigned n_paths)
{
    const struct kad_id target = {{0}};
    const struct kad_lookup_config config = {.width = 8,
                                             .parallel = 3,
                                             .parallel_end = 8,
                                             .retries = 1,
                                             .spare = 4,
                                             .beyond = 2,
                                             .per_introducer = 4,
                                             .patience_ms = 100,
                                             .narrow_per_lookup = 3};

    test_memory_init(&memory);
    book = kad_book_new(&memory.allocator, 1000, 1);
    kad_paths_init(&paths, &memory.allocator, book, &target, &config);
    for (unsigned i = 0; i < OWN; i++)
        own[i] = contact_at(LIARS_FROM + i, 0, 0x08000001u + (i << 8));
    for (unsigned group = 0; group < GROUPS; group++) {
        for (unsigned i = 0; i < EACH; i++)
            victims[group][i] = contact_at(1 + group, i, 0x09000000u + (group << 8) + i);
    }
    for (unsigned i = 0; i < OWN; i++) {
        if (n_paths == 1 || i % 2)
            kad_paths_add(&paths, own[i]);
    }
    if (n_paths > 1)
        EXPECT_EQ(kad_paths_open(&paths, n_paths - 1, &config, own, OWN), n_paths - 1);
}

static void finish(void)
{
    kad_paths_clear(&paths);
    for (unsigned i = 0; i < OWN; i++)
        kad_book_release(book, own[i]);
    for (unsigned group = 0; group < GROUPS; group++) {
        for (unsigned i = 0; i < EACH; i++)
            kad_book_release(book, victims[group][i]);
    }
    EXPECT_EQ(kad_book_count(book), 0);
    kad_book_free(book);
    EXPECT_EQ(memory.in_use, 0);
}

/* As an answer goes its way in operation_answer.c. */
static void answer(kad_contact_ref from, const kad_contact_ref *named, size_t n, bool beyond)
{
    kad_contact_ref believed[32];

    memcpy(believed, named, n * sizeof(*named));
    n = kad_paths_believe(&paths, believed, n);
    if (beyond ? !kad_paths_beyond_reply(&paths, from, believed, n)
               : !kad_paths_reply(&paths, from, believed, n)) {
        for (size_t i = 0; i < n; i++)
            kad_paths_add_named(&paths, believed[i]);
    }
}

/* All that is asked at `now`; how many of these questions went to the group, -1: own contacts. */
static unsigned ask_all(kad_ms now, int group, kad_contact_ref out_asked[64], unsigned *out_n)
{
    struct kad_lookup_step step;
    unsigned n = 0;

    *out_n = 0;
    while ((step = kad_paths_next(&paths, now)).verdict == KAD_LOOKUP_ASK) {
        const struct kad_endpoint *to = &kad_book_contact(book, step.ask)->endpoint;

        n += group < 0 ? to->address[0] == 8 : to->address[0] == 9 && to->address[2] == group;
        EXPECT(*out_n < 64);
        out_asked[(*out_n)++] = step.ask;
    }
    return n;
}

/* A liar names twenty of one group: one of them is asked, once. Another names one of them, too: once more. */
TEST(an_answer_makes_us_ask_one_of_a_group_once)
{
    kad_contact_ref asked[64];
    unsigned n;

    start(1);
    EXPECT_EQ(ask_all(0, -1, asked, &n), 3);
    answer(asked[0], victims[2], EACH, false);
    EXPECT_EQ(ask_all(10, 2, asked, &n), 1);
    for (kad_ms now = 110; now < 2000; now += 100)
        EXPECT_EQ(ask_all(now, 2, asked, &n), 0);
    finish();

    start(1);
    EXPECT_EQ(ask_all(0, -1, asked, &n), 3);
    answer(asked[0], victims[2], EACH, false);
    answer(asked[1], victims[2], 2, false);
    n = ask_all(10, 2, asked, &n);
    for (kad_ms now = 110; now < 2000; now += 100) {
        unsigned n_asked;

        n += ask_all(now, 2, asked, &n_asked);
    }
    EXPECT_EQ(n, 2);
    finish();
}

/* Somebody is there: what is lost on the way to its neighbours, or itself, is asked again as ever, and all of them are heard of. */
TEST(a_group_of_which_one_has_answered_is_asked_as_ever)
{
    kad_contact_ref asked[64];
    unsigned n, sum = 0;

    start(1);
    EXPECT_EQ(ask_all(0, -1, asked, &n), 3);
    answer(asked[0], victims[2], EACH, false);
    EXPECT_EQ(ask_all(10, 2, asked, &n), 1);
    answer(victims[2][0], &victims[2][1], 2, false);
    for (kad_ms now = 20; now < 2000; now += 100)
        sum += ask_all(now, 2, asked, &n);
    EXPECT_EQ(sum, 4); /* two more, each twice */
    finish();
}

/* Our own contacts have answered before: their silence may be a lost datagram. */
TEST(own_contacts_are_asked_again)
{
    kad_contact_ref asked[64];
    unsigned n, sum = 0;

    start(1);
    for (kad_ms now = 0; now < 5000; now += 100)
        sum += ask_all(now, -1, asked, &n);
    EXPECT_EQ(sum, 2 * OWN);
    finish();
}

/* Whatever liars answer, and however many of them are on however many paths: to a group of which nobody has answered go no more
 * questions than answers that named it. */
TEST(no_group_is_asked_more_often_than_answers_named_it)
{
    for (unsigned seed = 1; seed <= 400; seed++) {
        unsigned named[GROUPS] = {0}, sent[GROUPS] = {0}, n_waiting = 0;
        bool answered[GROUPS] = {false};
        kad_contact_ref waiting[256];
        uint64_t state = seed;

        start(1 + seed % 4);
        for (kad_ms now = 0; now < 4000; now += 20) {
            struct kad_lookup_step step;

            while ((step = kad_paths_next(&paths, now)).verdict == KAD_LOOKUP_ASK && n_waiting < 256) {
                const struct kad_endpoint *to = &kad_book_contact(book, step.ask)->endpoint;
                const unsigned group = to->address[2];

                waiting[n_waiting++] = step.ask;
                if (to->address[0] != 9 || answered[group])
                    continue;
                EXPECT_MSG(++sent[group] <= named[group], "seed %u: %u sent, %u named", seed, sent[group],
                           named[group]);
            }
            if (!n_waiting)
                continue;
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            {
                const unsigned at = (unsigned)(state >> 33) % n_waiting, what = (unsigned)(state >> 50) % 8;
                const kad_contact_ref who = waiting[at];
                const struct kad_endpoint *from = &kad_book_contact(book, who)->endpoint;
                kad_contact_ref list[32];
                bool names[GROUPS] = {false};
                size_t n = 0;

                waiting[at] = waiting[--n_waiting];
                if (what < 2 || (from->address[0] == 9 && (seed % 3 || what < 6))) {
                    kad_paths_fail(&paths, who);
                    continue;
                }
                for (; n < 12; n++) {
                    const unsigned group = (unsigned)(state >> (n + 7)) % GROUPS;

                    list[n] = victims[group][(unsigned)(state >> (2 * n + 20)) % EACH];
                    names[group] = true;
                }
                for (unsigned group = 0; group < GROUPS; group++)
                    named[group] += names[group];
                if (from->address[0] == 9)
                    answered[from->address[2]] = true;
                answer(who, list, n, what == 7);
            }
        }
        finish();
    }
}
