/* Shares of autonomous systems and countries (K45, P085, T38, T59, T60): wherever a table of places knows them. */
#include "core/test_table.h"

#include "base/endpoint.h"

static unsigned n_asked;

/* 11.x.x.x is in DE, all others in FR; the second byte is the system, 0: unknown to the table, like 13.x.x.x. */
static void place_of(void *context, const struct kad_endpoint *endpoint, struct kad_place *out_place)
{
    (void)context;
    n_asked++;
    if (endpoint->address[0] == 13)
        return;
    memcpy(out_place->country, endpoint->address[0] == 11 ? "DE" : "FR", 2);
    out_place->as_number = endpoint->address[1];
}

static const struct kad_places places = {.place_of = place_of};

static void start_placed(struct fixture *f, const struct kad_table_config *config)
{
    start(f, config);
    kad_book_set_places(f->book, &places);
    n_asked = 0;
}

/* Somebody of a /16 of its own, in this bucket, answers from first.system.x.x. */
static enum kad_table_change hear_at(struct fixture *f, unsigned bucket, uint8_t first, uint8_t system)
{
    const struct kad_id id = id_in(f, bucket);
    const struct kad_endpoint endpoint =
        test_endpoint((uint32_t)first << 24 | (uint32_t)system << 16 | ++f->n_made, 6881);
    const kad_contact_ref contact = kad_book_intern(f->book, &id, &endpoint, (struct kad_bytes){NULL, 0});
    const struct kad_table_update update = kad_table_heard(f->table, contact, true, -1, 0);
    const char *why = NULL;

    EXPECT_MSG(kad_table_sound(f->table, &why), "%s", why);
    kad_book_release(f->book, contact);
    kad_book_release(f->book, update.removed);
    return update.change;
}

/* One data centre has many /16; it gets the share of one. */
TEST(a_system_has_a_share_of_each_bucket)
{
    struct kad_table_config config = usual;
    struct fixture f;

    config.as_per_bucket = 3;
    start_placed(&f, &config);
    hear_at(&f, 40, 12, 99); /* so that buckets 0 and 1 are apart */
    for (unsigned i = 0; i < 30; i++)
        EXPECT_EQ(hear_at(&f, 1 + i % 20, 12, 98 - (uint8_t)i), KAD_TABLE_ADDED);
    for (unsigned i = 0; i < 3; i++)
        EXPECT_EQ(hear_at(&f, 0, (uint8_t)(11 + i % 2), 7), KAD_TABLE_ADDED);
    EXPECT_EQ(hear_at(&f, 0, 11, 7), KAD_TABLE_LIMITED);
    EXPECT_EQ(hear_at(&f, 0, 11, 8), KAD_TABLE_ADDED); /* another system of the same country */
    EXPECT_EQ(hear_at(&f, 1, 11, 7), KAD_TABLE_ADDED); /* the same one in another bucket */
    finish(&f);
}

TEST(and_of_the_table)
{
    struct kad_table_config config = usual;
    struct fixture f;

    config.as_per_table = 5;
    start_placed(&f, &config);
    for (unsigned i = 0; i < 5; i++)
        EXPECT_EQ(hear_at(&f, i, 11, 7), KAD_TABLE_ADDED);
    EXPECT_EQ(hear_at(&f, 9, 11, 7), KAD_TABLE_LIMITED);
    EXPECT_EQ(hear_at(&f, 9, 11, 6), KAD_TABLE_ADDED);
    finish(&f);
}

/* T60: nine of ten nodes are in one country; it has its cap of the table and no more, and the others are all there. */
TEST(a_country_cannot_fill_the_table)
{
    struct kad_table_config config = usual;
    unsigned n_german = 0, n_french = 0;
    struct fixture f;

    config.country_per_bucket = 15;
    config.country_per_table = 60;
    start_placed(&f, &config);
    for (unsigned i = 0; i < 1000; i++) {
        const bool german = i % 10 != 0;
        const enum kad_table_change change = hear_at(&f, i % 7, german ? 11 : 12, (uint8_t)(i % 250));

        n_german += german && change == KAD_TABLE_ADDED;
        n_french += !german && change == KAD_TABLE_ADDED;
    }
    EXPECT_EQ(n_german, 60);
    EXPECT(n_french >= 7 * 5); /* what 15 leave free of 20, in each of the buckets */
    finish(&f);
}

/* Whose place is unknown is in no company. */
TEST(the_unknown_are_not_counted)
{
    struct kad_table_config config = usual;
    struct fixture f;

    config.as_per_bucket = config.as_per_table = config.country_per_bucket = config.country_per_table = 1;
    start_placed(&f, &config);
    for (unsigned i = 0; i < 20; i++)
        EXPECT_EQ(hear_at(&f, i, 13, 1), KAD_TABLE_ADDED);
    finish(&f);
}

/* A lookup of a file costs more than a look into a table: each contact is looked up once. */
TEST(each_contact_is_looked_up_once)
{
    struct fixture f;
    struct kad_id id;
    kad_contact_ref first, again;

    start_placed(&f, &usual);
    id = id_in(&f, 3);
    first = test_contact(f.book, &id, 1);
    again = test_contact(f.book, &id, 1);
    EXPECT_EQ(first, again);
    EXPECT_EQ(n_asked, 1);
    EXPECT_EQ(memcmp(kad_book_place(f.book, first).country, "DE", 2), 0);
    kad_book_release(f.book, first);
    kad_book_release(f.book, again);
    again = test_contact(f.book, &id, 1); /* forgotten, and met again */
    EXPECT_EQ(n_asked, 2);
    kad_book_release(f.book, again);
    finish(&f);
}

/* The replacement that gets a place was there before its system had its share, or it does not get it. */
TEST(nobody_waits_his_way_past_a_share)
{
    struct kad_table_config config = usual;
    kad_contact_ref all[20];
    struct fixture f;

    config.as_per_bucket = 1;
    start(&f, &config);
    fill(&f, all, 20);
    kad_book_set_places(f.book, &places);
    EXPECT_EQ(hear_at(&f, 0, 12, 7), KAD_TABLE_CACHED);
    EXPECT_EQ(hear_at(&f, 0, 12, 7), KAD_TABLE_CACHED);
    for (unsigned i = 0; i < 2; i++) {
        const struct kad_table_update update = kad_table_remove(f.table, all[i], 0);

        EXPECT_EQ(update.added != KAD_NO_CONTACT, i == 0);
        kad_book_release(f.book, update.removed);
    }
    finish(&f);
}

/* Places that come later, or others, hold for whoever is in. */
TEST(contacts_leave_when_the_table_says_so)
{
    struct kad_table_config config = usual;
    kad_contact_ref misplaced;
    struct fixture f;

    config.country_per_table = 2;
    start(&f, &config);
    for (unsigned i = 0; i < 6; i++)
        hear_at(&f, i, 11, 7);
    EXPECT_EQ(kad_table_misplaced(f.table), KAD_NO_CONTACT);
    kad_book_set_places(f.book, &places);
    kad_table_place_again(f.table);
    for (unsigned n = 6; n > 2; n--) {
        misplaced = kad_table_misplaced(f.table);
        EXPECT(misplaced != KAD_NO_CONTACT);
        kad_book_release(f.book, kad_table_remove(f.table, misplaced, 0).removed);
    }
    EXPECT_EQ(kad_table_misplaced(f.table), KAD_NO_CONTACT);
    finish(&f);
}
