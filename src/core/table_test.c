#include "core/test_table.h"

/* Who gets in, who goes, and where they stand. */

TEST(an_empty_table)
{
    struct fixture f;
    const struct kad_id target = test_id(9);
    kad_contact_ref found[1];

    start(&f, &usual);
    EXPECT_EQ(kad_table_count(f.table), 0);
    EXPECT_EQ(kad_table_n_buckets(f.table), 1);
    EXPECT_EQ(kad_table_closest(f.table, &target, 1, found), 0);
    EXPECT_EQ(kad_table_stale_contact(f.table, 0, 0), KAD_NO_CONTACT);
    EXPECT(kad_table_bucket(f.table, 0)->slots == NULL && kad_table_bucket(f.table, 0)->cache == NULL);
    finish(&f);
}

/* Every contact stands in the bucket of its distance (K10), whatever the order they came in; and splitting
 * loses none and makes none up (P028). */
TEST(every_entry_lies_in_its_bucket_K10_and_a_split_preserves_the_set_P028)
{
    struct fixture f;
    kad_contact_ref offered[60], held[60];
    unsigned n_seen = 0;

    start(&f, &usual);
    for (unsigned i = 0; i < 60;
         i++) { /* three for each of twenty buckets: none is ever full after its split */
        struct kad_table_update update;

        offered[i] = hear_in(&f, i % 20, 0, &update);
        EXPECT_EQ(update.change, KAD_TABLE_ADDED);
        EXPECT_EQ(kad_table_count(f.table), i + 1);
    }
    EXPECT(kad_table_n_buckets(f.table) > 5);
    EXPECT_EQ(kad_table_all(f.table, 60, held), 60);
    EXPECT_EQ(kad_table_all(f.table, 7, held), 7);
    for (unsigned i = 0; i < 60; i++)
        EXPECT(kad_table_find(f.table, offered[i]) != NULL);
    for (unsigned i = 0; i < kad_table_n_buckets(f.table); i++) {
        const struct kad_bucket *bucket = kad_table_bucket(f.table, i);

        for (unsigned j = 0; j < bucket->n_slots; j++) {
            const unsigned prefix =
                kad_id_prefix(kad_table_self(f.table), test_id_of(f.book, bucket->slots[j].contact));

            EXPECT(prefix == i || (prefix > i && i + 1 == kad_table_n_buckets(f.table)));
            n_seen++;
        }
    }
    EXPECT_EQ(n_seen, 60);
    finish(&f);
}

TEST(offered_1000_for_one_bucket_it_stays_at_k_K11)
{
    struct fixture f;

    start(&f, &usual);
    for (unsigned i = 0; i < 20; i++)
        hear_in(&f, 1 + i, 0, NULL);
    for (unsigned i = 0; i < 1000; i++) {
        hear_in(&f, 0, i * KAD_SECOND, NULL);
        EXPECT_EQ(kad_table_bucket(f.table, 0)->n_slots, i < 20 ? i + 1 : 20);
        EXPECT_EQ(kad_table_bucket(f.table, 0)->n_cache, i < 20 ? 0 : i < 25 ? i - 19 : 5);
    }
    EXPECT_EQ(kad_book_count(f.book), 45);
    finish(&f);
}

/* P024, P025: near us there are few ids at all; counted from the near end bucket 0 has one, bucket 1 two, and so on. */
TEST(capacity_follows_from_arithmetic_P024_P025)
{
    struct fixture f;
    const struct kad_table_config config = {.id_bits = 8, .k = 2, .wide = 16, .cache = 2, .max_failures = 1};
    const unsigned expected[8] = {16, 8, 4, 2, 2, 2, 2, 1};

    start(&f, &config);
    EXPECT_EQ(kad_table_capacity(f.table, 0), 2); /* still the last */
    for (int round = 0; round < 2; round++) {
        for (unsigned id = 1; id < 256; id++) {
            const struct kad_id near = test_id((uint8_t)id);

            hear(&f, &near, 0, NULL);
        }
    }
    EXPECT_EQ(kad_table_n_buckets(f.table), 8);
    for (unsigned i = 0; i < 8; i++) {
        EXPECT_EQ(kad_table_capacity(f.table, i), expected[i]);
        EXPECT_EQ(kad_table_bucket(f.table, i)->n_slots, expected[i]);
    }
    finish(&f);
}

TEST(the_first_buckets_may_be_wide)
{
    struct fixture f;
    struct kad_table_config config = usual;
    const unsigned expected[] = {128, 64, 32, 20, 20};

    config.wide = 128;
    start(&f, &config);
    for (unsigned i = 0; i < 20; i++)
        hear_in(&f, 10, 0, NULL);
    for (unsigned b = 0; b < 5; b++) {
        for (unsigned i = 0; i < 200; i++)
            hear_in(&f, b, 0, NULL);
        EXPECT_EQ(kad_table_bucket(f.table, b)->n_slots, expected[b]);
    }
    finish(&f);
}

/* An id near ours is all it takes to make us split; there is an end to it, and the table is as sound. */
TEST(a_swarm_beside_our_own_id)
{
    struct fixture f;

    start(&f, &usual);
    for (unsigned i = 0; i < 2000; i++)
        hear_in(&f, 159 - i % 8, 0, NULL);
    EXPECT_EQ(kad_table_n_buckets(f.table),
              157); /* the 15 ids that differ from ours in the last four bits fit one */
    EXPECT(kad_table_count(f.table) <= 20 * 8);
    for (unsigned i = 0; i < 200; i++)
        hear_in(&f, i % 8, 0, NULL);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->n_slots, 20);
    finish(&f);
}

TEST(own_id_never_gets_in)
{
    struct fixture f;
    struct kad_table_update update;
    const struct kad_id self = test_id(0);
    const struct kad_endpoint endpoint = test_endpoint(0x01020304, 1);

    start(&f, &usual);
    hear(&f, &self, 0, &update);
    EXPECT_EQ(update.change, KAD_TABLE_IGNORED);
    EXPECT(!kad_table_wants(f.table, &self, &endpoint));
    EXPECT_EQ(kad_table_count(f.table), 0);
    finish(&f);
}

/* K08: whatever came before, and whatever tries to push in: those truly nearest to us are in the table. */
TEST(the_true_k_nearest_are_kept_K08)
{
    enum { OFFERED = 2000 };
    static kad_contact_ref all[OFFERED];

    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fixture f;
        struct kad_table_config config = usual;
        kad_contact_ref nearest[20];

        config.k = 1 + (unsigned)seed;
        config.k = config.k > 20 ? 20 : config.k;
        start(&f, &config);
        test_rng_init(&f.rng, seed);
        for (uint32_t i = 0; i < OFFERED; i++) {
            const struct kad_id id = kad_id_random(&f.rng, 160);

            all[i] =
                test_contact(f.book, &id, i); /* retained: they are compared with what was ever offered */
            kad_book_release(f.book, kad_table_heard(f.table, all[i], true, -1, 0).removed);
        }
        EXPECT_EQ(test_closest(f.book, kad_table_self(f.table), all, OFFERED, config.k, nearest), config.k);
        for (unsigned i = 0; i < config.k; i++)
            EXPECT_MSG(kad_table_find(f.table, nearest[i]) != NULL, "seed %llu: rank %u is missing",
                       (unsigned long long)seed, i);
        for (uint32_t i = 0; i < OFFERED; i++)
            kad_book_release(f.book, all[i]);
        finish(&f);
    }
}

/* The nearest get in at the expense of the farthest of their bucket, which waits, and is handed to the caller. */
TEST(a_nearer_one_displaces_the_farthest_of_its_bucket)
{
    struct fixture f;
    struct kad_table_update update;
    struct kad_table_config config = {.id_bits = 160, .k = 2, .cache = 1, .max_failures = 3};
    const struct kad_id far = test_id(0xf0), middle = test_id(0xc0), near = test_id(0x80),
                        deep = test_id(0x01);
    kad_contact_ref farthest;

    start(&f, &config);
    hear(&f, &middle, 0, NULL);
    farthest = hear(&f, &far, 0, NULL);
    hear(&f, &deep, 0, &update); /* splits */
    EXPECT_EQ(update.change, KAD_TABLE_ADDED);
    hear(&f, &near, 0, &update);
    EXPECT_EQ(update.change, KAD_TABLE_REPLACED);
    EXPECT_EQ(update.removed, farthest);
    EXPECT(kad_table_find(f.table, farthest) == NULL);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->cache[0].contact, farthest);
    kad_book_release(f.book, update.removed);
    finish(&f);
}

/* I072-I075: a full bucket with one stale peer, and a newcomer. The stale one is pinged; silent, it is replaced; and the
 * size is k all along. */
TEST(a_silent_peer_of_a_full_bucket_is_replaced_I072)
{
    struct fixture f;
    struct kad_table_update update;
    kad_contact_ref contacts[20], newcomer;

    start(&f, &usual);
    fill(&f, contacts, 20);
    newcomer = hear_in(&f, 0, 60 * KAD_SECOND, &update);
    EXPECT_EQ(update.change, KAD_TABLE_CACHED);
    EXPECT_EQ(update.probe, contacts[0]); /* the least recently heard */
    EXPECT_EQ(kad_table_bucket(f.table, 0)->n_slots, 20);
    EXPECT(kad_table_find(f.table, newcomer) == NULL);

    hear_in(&f, 0, 61 * KAD_SECOND, &update); /* one probe at a time */
    EXPECT_EQ(update.change, KAD_TABLE_CACHED);
    EXPECT_EQ(update.probe, KAD_NO_CONTACT);
    newcomer = kad_table_bucket(f.table, 0)->cache[1].contact;

    update = kad_table_failed(f.table, contacts[0], 62 * KAD_SECOND);
    EXPECT_EQ(update.change, KAD_TABLE_REMOVED);
    EXPECT_EQ(update.removed, contacts[0]);
    EXPECT_EQ(update.added, newcomer);
    EXPECT(kad_table_find(f.table, newcomer) != NULL);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->n_slots, 20);
    kad_book_release(f.book, update.removed);
    finish(&f);
}

/* I074, the other branch: it answers, stays, and the newcomer waits. */
TEST(an_answering_peer_of_a_full_bucket_is_kept_I074)
{
    struct fixture f;
    struct kad_table_update update;
    kad_contact_ref contacts[20], newcomer;

    start(&f, &usual);
    fill(&f, contacts, 20);
    newcomer = hear_in(&f, 0, 60 * KAD_SECOND, &update);
    EXPECT_EQ(update.probe, contacts[0]);
    update = kad_table_heard(f.table, contacts[0], true, 30, 61 * KAD_SECOND);
    EXPECT_EQ(update.change, KAD_TABLE_SAME);
    EXPECT(kad_table_find(f.table, newcomer) == NULL);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->cache[0].contact, newcomer);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->n_slots, 20);

    hear_in(&f, 0, 62 * KAD_SECOND, &update);
    EXPECT_EQ(update.probe, contacts[1]); /* the next in turn */
    finish(&f);
}

/* P030: a bucket and five more; each that dies gives its place to one of those, the newest first, until they run out. */
TEST(replacements_are_promoted_P030)
{
    struct fixture f;
    kad_contact_ref contacts[20], waiting[5];

    start(&f, &usual);
    fill(&f, contacts, 20);
    for (int i = 0; i < 5; i++)
        waiting[i] = hear_in(&f, 0, (60 + i) * KAD_SECOND, NULL);
    for (int dead = 0; dead < 6; dead++) {
        struct kad_table_update update;

        for (int silence = 1; silence < 3; silence++) {
            update = kad_table_failed(f.table, contacts[1 + dead], 70 * KAD_SECOND);
            EXPECT_EQ(update.change, KAD_TABLE_SAME);
        }
        update = kad_table_failed(f.table, contacts[1 + dead], 70 * KAD_SECOND);
        EXPECT_EQ(update.change, KAD_TABLE_REMOVED);
        EXPECT_EQ(update.removed, contacts[1 + dead]);
        EXPECT_EQ(update.added, dead < 5 ? waiting[4 - dead] : KAD_NO_CONTACT);
        EXPECT_EQ(kad_table_bucket(f.table, 0)->n_slots, dead < 5 ? 20 : 19);
        kad_book_release(f.book, update.removed);
    }
    finish(&f);
}

TEST(an_answer_makes_up_for_silences)
{
    struct fixture f;
    kad_contact_ref contact;

    start(&f, &usual);
    contact = hear_in(&f, 3, 0, NULL);
    for (int i = 0; i < 10; i++) {
        EXPECT_EQ(kad_table_failed(f.table, contact, 0).change, KAD_TABLE_SAME);
        EXPECT_EQ(kad_table_failed(f.table, contact, 0).change, KAD_TABLE_SAME);
        EXPECT_EQ(kad_table_find(f.table, contact)->failures, 2);
        EXPECT_EQ(kad_table_heard(f.table, contact, true, -1, 0).change, KAD_TABLE_SAME);
        EXPECT_EQ(kad_table_find(f.table, contact)->failures, 0);
    }
    finish(&f);
}

TEST(a_waiting_contact_that_is_silent_goes_and_one_that_answers_is_the_newest)
{
    struct fixture f;
    kad_contact_ref contacts[20], first, second;
    struct kad_table_update update;

    start(&f, &usual);
    fill(&f, contacts, 20);
    first = hear_in(&f, 0, 60 * KAD_SECOND, NULL);
    second = hear_in(&f, 0, 61 * KAD_SECOND, NULL);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->cache[1].contact, second);
    update = kad_table_heard(f.table, first, true, -1, 62 * KAD_SECOND);
    EXPECT_EQ(update.change, KAD_TABLE_CACHED);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->cache[1].contact, first);
    EXPECT_EQ(kad_table_failed(f.table, second, 63 * KAD_SECOND).change, KAD_TABLE_IGNORED);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->n_cache, 1);
    finish(&f);
}

TEST(removal_is_at_once_and_its_place_is_filled)
{
    struct fixture f;
    kad_contact_ref contacts[20], newcomer, stranger;
    struct kad_table_update update;
    struct kad_id id;

    start(&f, &usual);
    fill(&f, contacts, 20);
    newcomer = hear_in(&f, 0, 60 * KAD_SECOND, NULL);
    update = kad_table_remove(f.table, contacts[7], 60 * KAD_SECOND);
    EXPECT_EQ(update.change, KAD_TABLE_REMOVED);
    EXPECT_EQ(update.removed, contacts[7]);
    EXPECT_EQ(update.added, newcomer);
    kad_book_release(f.book, update.removed);

    id = id_in(&f, 0);
    stranger = test_contact(f.book, &id, 9999);
    EXPECT_EQ(kad_table_remove(f.table, stranger, 0).change, KAD_TABLE_IGNORED);
    EXPECT_EQ(kad_table_failed(f.table, stranger, 0).change, KAD_TABLE_IGNORED);
    EXPECT(kad_table_find(f.table, stranger) == NULL);
    kad_book_release(f.book, stranger);
    finish(&f);
}

/* Whoever claims the id of a contact we have must wait until that one is silent: else anybody could push anybody out. */
TEST(a_second_claim_to_an_id_waits)
{
    struct fixture f;
    const struct kad_id id = test_id(0x55);
    kad_contact_ref first, second;
    struct kad_table_update update;

    start(&f, &usual);
    first = hear(&f, &id, 0, NULL);
    second = hear(&f, &id, 1, &update);
    EXPECT(first != second);
    EXPECT_EQ(update.change, KAD_TABLE_CACHED);
    EXPECT_EQ(update.probe, first);
    EXPECT_EQ(kad_table_count(f.table), 1);
    update = kad_table_failed(f.table, first, 2);
    EXPECT_EQ(update.removed, first);
    EXPECT_EQ(update.added, second);
    EXPECT_EQ(kad_table_count(f.table), 1);
    kad_book_release(f.book, update.removed);
    finish(&f);
}

/* Newcomers are many and contacts are good: one heard lately is not pinged for each of them. */
TEST(who_was_heard_lately_is_not_probed)
{
    struct fixture f;
    struct kad_table_config config = usual;
    kad_contact_ref contacts[20];
    struct kad_table_update update;

    config.probe_after_ms = 60 * KAD_SECOND;
    start(&f, &config);
    fill(&f, contacts, 20);
    hear_in(&f, 0, 60 * KAD_SECOND, &update);
    EXPECT_EQ(update.change, KAD_TABLE_CACHED);
    EXPECT_EQ(update.probe, KAD_NO_CONTACT);
    hear_in(&f, 0, 61 * KAD_SECOND, &update);
    EXPECT_EQ(update.probe, contacts[0]);
    finish(&f);
}

/* An id that fits its address is harder to choose; in a full bucket it takes the place of one that does not, but never
 * that of our own k nearest. */
TEST(ids_that_fit_are_preferred_in_a_full_bucket)
{
    struct fixture f;
    struct kad_table_update update;
    unsigned n_replaced = 0;

    start(&f, &usual);
    for (unsigned i = 0; i < 15; i++)
        hear_in(&f, 1 + i, 0, NULL);
    for (unsigned i = 0; i < 20; i++) {
        const struct kad_id id = id_in(&f, 0);
        const kad_contact_ref contact = test_contact(f.book, &id, 5000 + i);

        EXPECT_EQ(kad_table_heard(f.table, contact, false, -1, 0).change, KAD_TABLE_ADDED);
        kad_book_release(f.book, contact);
    }
    for (unsigned i = 0; i < 100; i++) {
        struct kad_id far = id_in(&f, 0);

        far.bytes[0] = 0xff; /* not one of the nearest */
        hear(&f, &far, 0, &update);
        if (update.change == KAD_TABLE_REPLACED)
            n_replaced++;
        else
            EXPECT_EQ(update.change, KAD_TABLE_CACHED);
        kad_book_release(f.book, update.removed);
    }
    EXPECT_EQ(n_replaced, 15); /* five of the twenty belong to the k nearest */
    EXPECT_EQ(kad_table_bucket(f.table, 0)->n_slots, 20);
    finish(&f);
}

static unsigned kept_of_all;

static unsigned kept(const void *context, const struct kad_contact *contact)
{
    (void)contact;
    return context ? kept_of_all : 0;
}

static bool doubts_nobody(const void *context)
{
    (void)context;
    return false;
}

/* I146: whoever waits and is kept for less than what is asked for by now gets no place that becomes free. */
TEST(who_waits_and_is_thought_little_of_goes_on_waiting)
{
    struct kad_table_opinion opinion = {
        .kept = kept, .doubts = doubts_nobody, .context = &kept_of_all, .least = 30};
    struct kad_table_config config = {
        .id_bits = 160, .k = 2, .cache = 1, .max_failures = 1, .opinion = &opinion};
    struct kad_table_update update;
    struct fixture f;
    kad_contact_ref first;
    struct kad_id id;

    start(&f, &config);
    kept_of_all = 50;
    for (unsigned bucket = 40; bucket < 42; bucket++) { /* so that bucket 0 is apart */
        id = id_in(&f, bucket);
        hear(&f, &id, 0, &update);
    }
    id = id_in(&f, 0);
    first = hear(&f, &id, 0, &update);
    id = id_in(&f, 0);
    hear(&f, &id, 0, &update);
    id = id_in(&f, 0);
    hear(&f, &id, 0, &update);
    EXPECT_EQ(update.change, KAD_TABLE_CACHED);
    kept_of_all = 29;
    update = kad_table_failed(f.table, first, 0);
    EXPECT(update.change == KAD_TABLE_REMOVED && update.added == KAD_NO_CONTACT);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->n_slots, 1);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->n_cache, 1);
    kad_book_release(f.book, update.removed);
    kept_of_all = 30;
    first = kad_table_bucket(f.table, 0)->slots[0].contact;
    update = kad_table_failed(f.table, first, 0);
    EXPECT(update.change == KAD_TABLE_REMOVED && update.added != KAD_NO_CONTACT);
    kad_book_release(f.book, update.removed);
    finish(&f);
}
