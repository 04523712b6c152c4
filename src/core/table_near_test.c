/* Places for whoever answers fastest (P092): who wins them, and that nobody wins others with a good line. */
#include "base/endpoint.h"
#include "core/table_parts.h"
#include "core/test_table.h"

static const struct kad_table_config halves = {
    .id_bits = 160, .k = 20, .cache = 5, .max_failures = 3, .near_percent = 50};

/* A contact of this bucket answers after so long. */
static kad_contact_ref answers(struct fixture *f, unsigned bucket, int rtt_ms,
                               struct kad_table_update *out_update)
{
    const struct kad_id id = id_in(f, bucket);
    const kad_contact_ref contact = test_contact(f->book, &id, ++f->n_made);
    const struct kad_table_update update = kad_table_heard(f->table, contact, true, rtt_ms, KAD_SECOND);
    const char *why = NULL;

    EXPECT_MSG(kad_table_sound(f->table, &why), "%s", why);
    kad_book_release(f->book, contact);
    kad_book_release(f->book, update.removed);
    if (out_update)
        *out_update = update;
    return contact;
}

/* Twenty in each of the first buckets, who answer after 200 ms and more; ours are deeper. */
static void settle(struct fixture *f, const struct kad_table_config *config)
{
    start(f, config);
    for (unsigned bucket = 8; bucket-- > 0;) {
        for (unsigned i = 0; i < 20; i++)
            answers(f, bucket, 200 + (int)i, NULL);
    }
    EXPECT_EQ(kad_table_bucket(f->table, 0)->n_slots, 20);
    EXPECT_EQ(kad_table_n_near(f->table, 0), 10);
}

static unsigned n_within(const struct fixture *f, unsigned bucket, unsigned rtt_ms)
{
    const struct kad_bucket *b = kad_table_bucket(f->table, bucket);
    unsigned n = 0;

    for (unsigned i = 0; i < b->n_slots; i++)
        n += b->slots[i].rtt_ms <= rtt_ms;
    return n;
}

TEST(the_fast_have_half_of_a_far_bucket_and_the_first_the_other)
{
    struct fixture f;
    kad_contact_ref first[20];
    unsigned n_first = 0, n_stay = 0;

    settle(&f, &halves);
    for (unsigned i = 0; i < 20; i++) {
        if (!(kad_table_bucket(f.table, 0)->slots[i].flags & KAD_SLOT_NEAR))
            first[n_first++] = kad_table_bucket(f.table, 0)->slots[i].contact;
    }
    EXPECT_EQ(n_first, 10);
    for (unsigned i = 0; i < 200; i++)
        answers(&f, 0, 10, NULL);
    EXPECT_EQ(n_within(&f, 0, 10), 10);
    for (unsigned i = 0; i < n_first; i++)
        n_stay += kad_table_find(f.table, first[i]) != NULL;
    EXPECT_EQ(n_stay, 10);
    finish(&f);
}

/* Who is faster by a hair is not: lines waver, and each change costs what was known of somebody. */
TEST(a_place_is_not_lost_to_whoever_is_hardly_faster)
{
    struct fixture f;
    struct kad_table_update update;

    settle(&f, &halves);
    answers(&f, 0, 190, &update);
    EXPECT_EQ(update.change, KAD_TABLE_CACHED);
    answers(&f, 0, -1, &update);
    EXPECT_EQ(update.change, KAD_TABLE_CACHED);
    answers(&f, 0, 90, &update);
    EXPECT_EQ(update.change, KAD_TABLE_REPLACED);
    finish(&f);
}

/* A hundred more of a bucket near ours, all of them next door: whom it holds then. */
static size_t who_stays(const struct kad_table_config *config, struct kad_id out_ids[200])
{
    struct fixture f;
    kad_contact_ref all[200];
    size_t n;

    start(&f, config);
    for (unsigned bucket = 8; bucket-- > 4;) {
        for (unsigned i = 0; i < 20; i++)
            answers(&f, bucket, 200, NULL);
    }
    for (unsigned i = 0; i < 100; i++)
        answers(&f, 6, 1, NULL);
    n = kad_table_all(f.table, 200, all);
    for (size_t i = 0; i < n; i++)
        out_ids[i] = *kad_slot_id(f.table, kad_table_find(f.table, all[i]));
    finish(&f);
    return n;
}

/* Whoever is near in bits is found by them: no line is fast enough to push him out, or to let another in. */
TEST(our_own_nearest_are_nobodys_to_displace)
{
    struct kad_id with[200], without[200];
    struct kad_table_config narrow = halves;
    size_t n;

    narrow.k = 40; /* so that those of bucket 6 are of our own k nearest */
    n = who_stays(&narrow, with);
    narrow.near_percent = 0;
    EXPECT_EQ(who_stays(&narrow, without), n);
    EXPECT_MEM(with, without, n * sizeof(*with));
}

/* A fast one dies, and another is in his place: over and over that must not eat into the places of those who were first. */
TEST(the_first_outlast_the_fast_who_come_and_go)
{
    struct fixture f;

    settle(&f, &halves);
    for (unsigned round = 0; round < 50; round++) {
        const struct kad_bucket *b = kad_table_bucket(f.table, 0);

        for (unsigned i = 0; i < 12; i++)
            answers(&f, 0, 5, NULL);
        for (unsigned i = 0; i < b->n_slots; i++) {
            if (b->slots[i].rtt_ms <= 5 && b->slots[i].flags & KAD_SLOT_NEAR) {
                const struct kad_table_update update =
                    kad_table_remove(f.table, b->slots[i].contact, KAD_SECOND);

                kad_book_release(f.book, update.removed);
                break;
            }
        }
    }
    EXPECT(n_within(&f, 0, 5) <= 10);
    EXPECT(kad_table_n_near(f.table, 0) <= 10);
    finish(&f);
}

/* Ten thousand next door, in a hundred /16s: in no bucket more than half, and no group more than its share. */
TEST(who_surrounds_a_node_with_fast_ones_has_what_quotas_give)
{
    const struct kad_table_config config = {.id_bits = 160,
                                            .k = 20,
                                            .cache = 5,
                                            .max_failures = 3,
                                            .near_percent = 50,
                                            .wide_per_bucket = 4,
                                            .wide_per_table = 16,
                                            .narrow_per_bucket = 1,
                                            .narrow_per_table = 4};
    struct fixture f;
    unsigned per_group[100] = {0}, n_theirs = 0;

    start(&f, &config);
    for (unsigned bucket = 8; bucket-- > 0;) {
        for (unsigned i = 0; i < 20; i++) {
            const struct kad_contact honest = {
                id_in(&f, bucket), test_endpoint((11u << 24) + ((bucket * 20u + i) << 16) + 1, 4000)};
            const kad_contact_ref ref =
                kad_book_intern(f.book, &honest.id, &honest.endpoint, (struct kad_bytes){0});

            kad_book_release(f.book, kad_table_heard(f.table, ref, true, 150 + (int)i, 0).removed);
            kad_book_release(f.book, ref);
        }
    }
    for (unsigned i = 0; i < 10000; i++) {
        const unsigned bucket = (unsigned)kad_rng_below(&f.rng, 6);
        const struct kad_contact theirs = {
            id_in(&f, bucket),
            test_endpoint((44u << 24) + ((i % 100) << 16) + ((i / 100 % 200) << 8) + 7, 4000)};
        const kad_contact_ref ref =
            kad_book_intern(f.book, &theirs.id, &theirs.endpoint, (struct kad_bytes){0});

        kad_book_release(f.book, kad_table_heard(f.table, ref, true, 1, KAD_SECOND).removed);
        kad_book_release(f.book, ref);
    }
    for (unsigned bucket = 0; bucket < kad_table_n_buckets(f.table); bucket++) {
        const struct kad_bucket *b = kad_table_bucket(f.table, bucket);
        unsigned n_here = 0;

        for (unsigned i = 0; i < b->n_slots; i++) {
            const struct kad_endpoint *endpoint = &kad_book_contact(f.book, b->slots[i].contact)->endpoint;

            if (endpoint->address[0] != 44)
                continue;
            n_here++;
            n_theirs++;
            per_group[endpoint->address[1] % 100]++;
        }
        EXPECT_MSG(n_here <= 10, "bucket %u: %u of %u", bucket, n_here, b->n_slots);
    }
    EXPECT(n_theirs > 40); /* they did win what there was to win */
    for (unsigned i = 0; i < 100; i++)
        EXPECT(per_group[i] <= 3);
    finish(&f);
}

TEST(without_such_places_a_line_wins_nothing)
{
    struct fixture f;
    struct kad_table_update update;

    start(&f, &usual);
    for (unsigned bucket = 8; bucket-- > 0;) {
        for (unsigned i = 0; i < 20; i++)
            answers(&f, bucket, 200, NULL);
    }
    answers(&f, 0, 1, &update);
    EXPECT_EQ(update.change, KAD_TABLE_CACHED);
    EXPECT_EQ(kad_table_n_near(f.table, 0), 0);
    EXPECT_EQ(kad_table_far_bucket(f.table, &f.rng), -1);
    finish(&f);
}

/* Before a stranger is pinged to see whether it is near: is there anything to win? */
TEST(nobody_is_measured_who_could_win_nothing)
{
    struct fixture f;
    struct kad_contact stranger = {.endpoint = test_endpoint(0x2c010203, 4000)};
    struct kad_id known;

    settle(&f, &halves);
    stranger.id = id_in(&f, 0);
    EXPECT(kad_table_hopes(f.table, &stranger, 50));
    EXPECT(!kad_table_hopes(f.table, &stranger, 199));
    EXPECT(!kad_table_hopes(f.table, &stranger, -1));
    known = *kad_slot_id(f.table, &kad_table_bucket(f.table, 0)->slots[3]);
    stranger.id = known;
    EXPECT(!kad_table_hopes(f.table, &stranger, 50)); /* it is there */
    stranger.id = id_in(&f, kad_table_n_buckets(f.table) - 1);
    EXPECT(!kad_table_hopes(f.table, &stranger, 50)); /* no such places near us */
    finish(&f);
}
