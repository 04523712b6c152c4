#include "core/test_table.h"

/* Limits of address groups, time, and memory. */

/* -- limits ----------------------------------------------------------------------------------------------------- */

static enum kad_table_change hear_from(struct fixture *f, unsigned bucket, uint32_t address)
{
    const struct kad_id id = id_in(f, bucket);
    const struct kad_endpoint endpoint = test_endpoint(address, 1);
    const kad_contact_ref contact = kad_book_intern(f->book, &id, &endpoint, (struct kad_bytes){NULL, 0});
    struct kad_table_update update;
    const bool wanted = kad_table_wants(f->table, &id, &endpoint);

    update = kad_table_heard(f->table, contact, true, -1, 0);
    EXPECT_EQ(wanted, update.change == KAD_TABLE_ADDED || update.change == KAD_TABLE_REPLACED);
    kad_book_release(f->book, update.removed);
    kad_book_release(f->book, contact);
    return update.change;
}

TEST(address_groups_have_their_share_of_bucket_and_table)
{
    struct fixture f;
    struct kad_table_config config = usual;
    unsigned n = 0;

    config.narrow_per_bucket = 1;
    config.narrow_per_table = 2;
    config.wide_per_bucket = 3;
    config.wide_per_table = 5;
    start(&f, &config);
    for (unsigned i = 0; i < 20; i++)         /* parts bucket 0 from the rest */
        hear_from(&f, 2 + i, 0x0a640000 + i); /* of one group */

    EXPECT_EQ(hear_from(&f, 0, 0x08080801), KAD_TABLE_ADDED);
    EXPECT_EQ(hear_from(&f, 0, 0x08080802), KAD_TABLE_LIMITED); /* its /24 is in this bucket */
    EXPECT_EQ(hear_from(&f, 1, 0x08080803), KAD_TABLE_ADDED);
    EXPECT_EQ(hear_from(&f, 2, 0x08080804), KAD_TABLE_LIMITED); /* ... and twice in the table */
    EXPECT_EQ(hear_from(&f, 0, 0x08080901), KAD_TABLE_ADDED);
    EXPECT_EQ(hear_from(&f, 0, 0x08080a01), KAD_TABLE_ADDED);
    EXPECT_EQ(hear_from(&f, 0, 0x08080b01), KAD_TABLE_LIMITED); /* its /16 is three times in this bucket */
    EXPECT_EQ(hear_from(&f, 1, 0x08080b01), KAD_TABLE_ADDED);
    EXPECT_EQ(hear_from(&f, 2, 0x08080c01), KAD_TABLE_LIMITED); /* ... and five times in the table */
    for (unsigned i = 0; i < 15; i++)
        n += hear_from(&f, 0, 0x0a000001 + i) == KAD_TABLE_ADDED; /* private addresses do not count */
    EXPECT_EQ(n, 15);
    finish(&f);

    config.limit_local = true;
    start(&f, &config);
    EXPECT_EQ(hear_from(&f, 0, 0x0a000001), KAD_TABLE_ADDED);
    EXPECT_EQ(hear_from(&f, 0, 0x0a000002), KAD_TABLE_LIMITED);
    finish(&f);
}

/* SCORECARD, row 6: with ten /16s one has thirty places, however many nodes one has there; but a network that stands in two of them
 * has tables that are as good as others'. */
TEST(a_group_has_fewer_places_the_more_groups_are_known)
{
    struct kad_table_config config = usual;
    struct fixture f;
    unsigned few = 0, many = 0;

    config.wide_per_bucket = 0;
    config.wide_per_table = 32;
    start(&f, &config);
    for (unsigned i = 0; i < 200; i++)
        few += hear_from(&f, i % 20, 0x08080001 + (i << 8)) == KAD_TABLE_ADDED;
    EXPECT_EQ(few, 32);
    finish(&f);

    start(&f, &config);
    for (unsigned i = 0; i < 400; i++)
        hear_from(&f, i % 20, 0x64000001 + (i << 16));
    for (unsigned i = 0; i < 10000; i++)
        many += hear_from(&f, i % 40, (8u << 24 | i % 10 << 16) + i / 10) == KAD_TABLE_ADDED;
    EXPECT_MSG(many > 0 && many <= 30, "%u", many);
    finish(&f);
}

/* P047: who proved to have moved takes its own old place, at its new address; and leaves it when there are enough of its new
 * neighbours already. */
TEST(a_contact_that_moved_takes_its_own_place)
{
    struct fixture f;
    struct kad_table_config config = usual;
    const struct kad_endpoint elsewhere = test_endpoint(0x09090901, 7),
                              crowded = test_endpoint(0x08080807, 7);
    struct kad_table_update update;
    kad_contact_ref moved;
    struct kad_id id;

    config.narrow_per_table = 1;
    start(&f, &config);
    fill(&f, (kad_contact_ref[20]){0}, 20);
    id = *test_id_of(f.book, kad_table_bucket(f.table, 0)->slots[3].contact);

    moved = kad_book_intern(f.book, &id, &elsewhere, (struct kad_bytes){0});
    update = kad_table_moved(f.table, moved, 12, 30 * KAD_SECOND);
    EXPECT_EQ(update.change, KAD_TABLE_REPLACED);
    EXPECT_MEM(test_id_of(f.book, update.removed), &id, sizeof(id));
    EXPECT_EQ(kad_table_with_id(f.table, &id), moved);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->n_slots, 20);
    EXPECT_EQ(kad_table_find(f.table, moved)->rtt_ms, 12);
    kad_book_release(f.book, update.removed);
    kad_book_release(f.book, moved);

    EXPECT(hear_from(&f, 25, 0x08080801) == KAD_TABLE_ADDED);
    moved = kad_book_intern(f.book, test_id_of(f.book, kad_table_bucket(f.table, 0)->slots[3].contact),
                            &crowded, (struct kad_bytes){0});
    update = kad_table_moved(f.table, moved, -1, 31 * KAD_SECOND);
    EXPECT_EQ(update.change, KAD_TABLE_REMOVED);
    EXPECT_EQ(kad_table_with_id(f.table, test_id_of(f.book, moved)), KAD_NO_CONTACT);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->n_slots, 19);
    kad_book_release(f.book, update.removed);
    kad_book_release(f.book, moved);
    finish(&f);
}

/* A replacement that was within the limits when it began to wait may be over them when its turn comes. */
TEST(a_promotion_keeps_to_the_limits)
{
    struct fixture f;
    struct kad_table_config config = usual;
    struct kad_table_update update;
    kad_contact_ref first;

    config.narrow_per_table = 1;
    start(&f, &config);
    for (unsigned i = 0; i < 20; i++)
        hear_from(&f, 1 + i, 0x64000000 + (i << 16));
    for (unsigned i = 0; i < 20; i++)
        EXPECT_EQ(hear_from(&f, 0, 0x65000000 + (i << 16)), KAD_TABLE_ADDED);
    first = kad_table_bucket(f.table, 0)->slots[0].contact;
    EXPECT_EQ(hear_from(&f, 0, 0x08080801), KAD_TABLE_CACHED);
    EXPECT_EQ(hear_from(&f, 30, 0x08080802), KAD_TABLE_ADDED); /* takes the share */
    update = kad_table_remove(f.table, first, 0);
    EXPECT_EQ(update.added, KAD_NO_CONTACT);
    EXPECT_EQ(kad_table_bucket(f.table, 0)->n_slots, 19);
    kad_book_release(f.book, update.removed);
    finish(&f);
}

/* -- times ------------------------------------------------------------------------------------------------------ */

TEST(round_trips_are_smoothed)
{
    struct fixture f;
    kad_contact_ref contact;

    start(&f, &usual);
    contact = hear_in(&f, 0, 0, NULL);
    EXPECT_EQ(kad_table_find(f.table, contact)->rtt_ms, UINT16_MAX);
    kad_table_heard(f.table, contact, true, 100, 0);
    EXPECT_EQ(kad_table_find(f.table, contact)->rtt_ms, 100);
    kad_table_heard(f.table, contact, true, 180, 0);
    EXPECT_EQ(kad_table_find(f.table, contact)->rtt_ms, 110); /* 7/8 old, 1/8 new */
    kad_table_heard(f.table, contact, true, -1, 0);
    EXPECT_EQ(kad_table_find(f.table, contact)->rtt_ms, 110);
    for (int i = 0; i < 200; i++)
        kad_table_heard(f.table, contact, true, 1000000, 0);
    EXPECT(kad_table_find(f.table, contact)->rtt_ms > 65000 &&
           kad_table_find(f.table, contact)->rtt_ms < UINT16_MAX);
    finish(&f);
}

TEST(the_contact_unheard_for_longest)
{
    struct fixture f;
    kad_contact_ref old, young;

    start(&f, &usual);
    old = hear_in(&f, 0, 10 * KAD_SECOND, NULL);
    young = hear_in(&f, 4, 20 * KAD_SECOND, NULL);
    EXPECT_EQ(kad_table_stale_contact(f.table, 15 * KAD_SECOND, 24 * KAD_SECOND), KAD_NO_CONTACT);
    EXPECT_EQ(kad_table_stale_contact(f.table, 15 * KAD_SECOND, 25 * KAD_SECOND), old);
    kad_table_heard(f.table, old, true, -1, 30 * KAD_SECOND);
    EXPECT_EQ(kad_table_heard_at(f.table, kad_table_find(f.table, old)), 30 * KAD_SECOND);
    EXPECT_EQ(kad_table_stale_contact(f.table, 15 * KAD_SECOND, 40 * KAD_SECOND), young);
    finish(&f);
}

TEST(the_bucket_longest_without_a_lookup)
{
    struct fixture f;
    struct kad_id target;
    int n = 0;

    start(&f, &usual);
    for (unsigned i = 0; i < 60; i++)
        hear_in(&f, i % 6, 0, NULL);
    EXPECT_EQ(kad_table_stale_bucket(f.table, KAD_HOUR, 0), 0); /* nobody ever looked there */
    for (unsigned i = 0; i < kad_table_n_buckets(f.table); i++) {
        EXPECT_EQ(kad_table_stale_bucket(f.table, KAD_HOUR, 0), (int)i);
        target = id_in(&f, i);
        kad_table_touch(f.table, &target, i * KAD_SECOND);
        n++;
    }
    EXPECT(n > 2);
    EXPECT_EQ(kad_table_stale_bucket(f.table, KAD_HOUR, KAD_HOUR - 1), -1);
    EXPECT_EQ(kad_table_stale_bucket(f.table, KAD_HOUR, KAD_HOUR), 0);
    target = id_in(&f, 0);
    kad_table_touch(f.table, &target, KAD_HOUR);
    EXPECT_EQ(kad_table_stale_bucket(f.table, KAD_HOUR, KAD_HOUR), -1);
    EXPECT_EQ(kad_table_stale_bucket(f.table, KAD_HOUR, KAD_HOUR + KAD_SECOND), 1);
    finish(&f);
}

/* -- memory ----------------------------------------------------------------------------------------------------- */

/* ARCHITECTURE section 5: 8 KiB a simulated node, of which the table with k = 20 among a million may have six. */
TEST(a_table_of_a_million_nodes_network_fits_its_budget)
{
    struct fixture f;
    size_t memory, before;
    const struct kad_id self = test_id(0);
    struct kad_table *table;

    start(&f, &usual);
    before = f.memory.in_use;
    table = kad_table_new(&f.memory.allocator, f.book, &self, &usual, 0);
    EXPECT(table != NULL);
    before = f.memory.in_use - before; /* of an empty one */
    EXPECT(before < 256);
    kad_table_free(table);

    /* What such a node knows: 265 contacts, and in each full bucket as many wait as may. */
    for (unsigned bucket = 0; bucket < 13; bucket++) {
        for (unsigned i = 0; i < 25; i++)
            hear_in(&f, bucket, 0, NULL);
    }
    for (unsigned i = 0; i < 5; i++)
        hear_in(&f, 13 + i, 0, NULL);
    memory = kad_table_memory(f.table);
    EXPECT_EQ(kad_table_count(f.table), 265);
    EXPECT_MSG(memory < 6144, "%zu bytes for %zu contacts", memory, kad_table_count(f.table));
    finish(&f);
}

/* Whatever allocation is refused: the table stays sound, and what it says it holds is what it holds. */
TEST(every_refused_allocation_leaves_the_table_sound)
{
    for (size_t allowed = 0; allowed < 80; allowed++) {
        const struct kad_id self = test_id(0);
        struct kad_book *book = kad_book_new(&kad_allocator_system, 1000, 1);
        const char *why = NULL;
        struct test_memory memory;
        struct kad_table *table;
        struct kad_rng rng;

        test_memory_init(&memory);
        test_rng_init(&rng, 3);
        memory.n_left = allowed;
        table = kad_table_new(&memory.allocator, book, &self, &usual, 0);
        for (uint32_t i = 0; table && i < 400; i++) {
            const struct kad_id id = kad_id_random_at(&rng, &self, i % 12, 160);
            const kad_contact_ref contact = test_contact(book, &id, i);
            const struct kad_table_update update = kad_table_heard(table, contact, i % 2, -1, 0);

            EXPECT_MSG(kad_table_sound(table, &why), "%zu allowed: %s", allowed, why);
            EXPECT_EQ(kad_table_memory(table), memory.in_use);
            EXPECT_EQ(kad_table_find(table, contact) != NULL,
                      update.change == KAD_TABLE_ADDED || update.change == KAD_TABLE_REPLACED);
            kad_book_release(book, update.removed);
            kad_book_release(book, contact);
        }
        kad_table_free(table);
        EXPECT_EQ(memory.in_use, 0);
        EXPECT_EQ(kad_book_count(book), 0);
        kad_book_free(book);
    }
}
