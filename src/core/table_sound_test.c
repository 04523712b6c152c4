#include "base/endpoint.h"
#include "base/test.h"
#include "core/table_parts.h"
#include "core/test_core.h"

#include <string.h>

/* A check that cannot fail checks nothing: each rule is broken by hand, one at a time, and must be named. */
struct fixture {
    struct kad_book *book;
    struct kad_table *table;
    struct kad_bucket *bucket; /* 0: full, with two that wait */
};

static void start(struct fixture *f)
{
    const struct kad_table_config config = {
        .id_bits = 160, .k = 4, .cache = 3, .max_failures = 3, .wide_per_table = 2, .narrow_per_bucket = 1};
    const struct kad_id self = test_id(0);
    struct kad_rng rng;

    test_rng_init(&rng, 1);
    f->book = kad_book_new(&kad_allocator_system, 100, 1);
    f->table = kad_table_new(&kad_allocator_system, f->book, &self, &config, 0);
    for (uint32_t i = 0; i < 12; i++) {
        const struct kad_id id = kad_id_random_at(&rng, &self, i < 6 ? i + 1 : 0, 160);
        const struct kad_endpoint endpoint = test_endpoint(0x0b000001 + (i << 16), 1);
        const kad_contact_ref contact = kad_book_intern(f->book, &id, &endpoint, (struct kad_bytes){NULL, 0});

        kad_book_release(f->book, kad_table_heard(f->table, contact, true, -1, 0).removed);
        kad_book_release(f->book, contact);
    }
    f->bucket = &f->table->buckets[0];
    EXPECT(f->bucket->n_slots == 4 && f->bucket->n_cache == 2 && f->table->n_buckets > 2);
}

static void finish(struct fixture *f)
{
    const char *why = NULL;

    EXPECT_MSG(kad_table_sound(f->table, &why), "%s", why); /* mended again */
    kad_table_free(f->table);
    EXPECT_EQ(kad_book_count(f->book), 0);
    kad_book_free(f->book);
}

static void expect_unsound(const struct fixture *f, const char *expected)
{
    const char *why = "sound";

    EXPECT(!kad_table_sound(f->table, &why));
    EXPECT_STR(why, expected);
}

TEST(each_broken_rule_is_named)
{
    struct fixture f;
    struct kad_slot broken;

    start(&f);
    BREAK(f.table->n_contacts, 3, "the count of contacts is off");
    BREAK(f.table->config.k, 3, "a bucket is over its capacity");
    BREAK(f.table->config.cache, 1, "a cache is over its capacity");
    BREAK(f.table->config.id_bits, 1, "there cannot be so many buckets");
    BREAK(f.table->self.bytes[0], 0x80, "a contact stands outside the bucket of its distance");
    BREAK(f.bucket->room_slots, 3, "a bucket holds more than it has memory for");
    BREAK(f.bucket->slots[1].near, 5, "a slot's bits are not its contact's");
    BREAK(f.bucket->cache[1].near, 5, "a slot's bits are not its contact's");
    broken = f.bucket->slots[1];
    broken.failures = 3;
    BREAK(f.bucket->slots[1], broken, "a contact failed too often and is still there");
    broken.failures = 0;
    broken.flags |= KAD_SLOT_NEAR;
    BREAK(f.bucket->slots[1], broken, "more of a bucket is for the fast than their share");
    finish(&f);
}

TEST(own_id_doubles_and_disorder_are_named)
{
    struct fixture f;
    struct kad_slot kept;
    struct kad_id self;

    start(&f);
    self = f.table->self;
    f.table->self = *test_id_of(f.book, f.bucket->slots[0].contact);
    expect_unsound(&f, "our own id is in the table");
    f.table->self = self;

    kept = f.bucket->slots[1];
    f.bucket->slots[1] = f.bucket->slots[0];
    expect_unsound(&f, "an id is in the table twice");
    f.bucket->slots[1] = f.bucket->slots[2];
    f.bucket->slots[2] = kept;
    expect_unsound(&f, "a bucket is out of order");
    f.bucket->slots[2] = f.bucket->slots[1];
    f.bucket->slots[1] = kept;

    kept = f.bucket->cache[1];
    f.bucket->cache[1] = f.bucket->slots[2];
    expect_unsound(&f, "a contact waits for the place it has");
    f.bucket->cache[1] = f.bucket->cache[0];
    expect_unsound(&f, "a contact waits twice");
    f.bucket->cache[1] = kept;
    finish(&f);
}

TEST(two_probes_and_lost_memory_are_named)
{
    struct fixture f;
    struct kad_slot *slots;

    start(&f);
    EXPECT(f.bucket->slots[0].flags & KAD_SLOT_PROBED); /* by those that wait */
    f.bucket->slots[1].flags |= KAD_SLOT_PROBED;
    expect_unsound(&f, "two contacts of one bucket are being probed");
    f.bucket->slots[1].flags = KAD_SLOT_PREFERRED;

    slots = f.bucket->slots;
    f.bucket->slots = NULL;
    expect_unsound(&f, "a bucket's memory is not what it says");
    f.bucket->slots = slots;
    finish(&f);
}

TEST(a_group_over_its_share_is_named)
{
    struct fixture f;
    struct kad_id id;
    struct kad_slot kept;
    kad_contact_ref neighbour;
    struct kad_endpoint endpoint;

    start(&f);
    kept = f.bucket->slots[1];
    id = *test_id_of(f.book, kept.contact);
    id.bytes[19] ^= 1; /* another one in the same place */
    endpoint = kad_book_contact(f.book, f.bucket->slots[0].contact)->endpoint;
    endpoint.address[3]++; /* of one /24 */
    neighbour = kad_book_intern(f.book, &id, &endpoint, (struct kad_bytes){NULL, 0});
    f.bucket->slots[1].contact = neighbour;
    f.bucket->slots[1].near = kad_id_bits_from(&id, 0);
    expect_unsound(&f, "an address group has more than its share");
    f.table->config.narrow_per_bucket = 2;
    EXPECT(kad_table_sound(f.table, &(const char *){NULL}));
    f.table->config.wide_per_table = 1;
    expect_unsound(&f, "an address group has more than its share");
    f.table->config.narrow_per_bucket = 1;
    f.table->config.wide_per_table = 2;
    f.bucket->slots[1] = kept;
    kad_book_release(f.book, neighbour);
    finish(&f);
}

/* Counts as slowly as can be: is there a public contact whose group has more than `limit` here? */
static bool has_crowd(const struct kad_table *table, uint64_t (*group_of)(const struct kad_endpoint *),
                      bool within_bucket, unsigned limit)
{
    const struct kad_endpoint *all[1024];
    unsigned buckets[1024], n = 0;

    for (unsigned i = 0; i < table->n_buckets; i++) {
        for (unsigned j = 0; j < table->buckets[i].n_slots; j++, n++) {
            all[n] = &kad_book_contact(table->book, table->buckets[i].slots[j].contact)->endpoint;
            buckets[n] = i;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned n_same = 0;

        for (unsigned j = 0; j < n; j++)
            n_same += group_of(all[i]) == group_of(all[j]) && (!within_bucket || buckets[i] == buckets[j]);
        if (n_same > limit && kad_endpoint_scope(all[i]) == KAD_SCOPE_PUBLIC)
            return true;
    }
    return false;
}

/* A table too large to count its groups at once; some contacts are private, and their groups may be of any size. */
TEST(crowds_are_found_as_counting_finds_them)
{
    const struct kad_table_config config = {.id_bits = 160, .k = 20, .wide = 128, .max_failures = 3};
    const struct kad_id self = test_id(0);
    struct kad_book *book = kad_book_new(&kad_allocator_system, 4000, 1);
    struct kad_table *table = kad_table_new(&kad_allocator_system, book, &self, &config, 0);
    struct kad_rng rng;
    unsigned n_sound = 0, n_unsound = 0;

    test_rng_init(&rng, 2);
    for (uint32_t i = 0; i < 3000; i++) {
        const struct kad_id id = kad_id_random_at(&rng, &self, kad_rng_below(&rng, 12), 160);
        const uint32_t base = i % 5 == 0 ? 0x0a000000 : 0x0b000000;
        const struct kad_endpoint endpoint = test_endpoint(base | kad_rng_below(&rng, 1 << 24), 1);
        const kad_contact_ref contact = kad_book_intern(book, &id, &endpoint, (struct kad_bytes){NULL, 0});

        kad_book_release(book, kad_table_heard(table, contact, true, -1, 0).removed);
        kad_book_release(book, contact);
    }
    EXPECT(kad_table_count(table) > 400);
    for (unsigned limit = 1; limit < 8; limit++) {
        for (unsigned which = 0; which < 4; which++) {
            uint64_t (*group_of)(const struct kad_endpoint *) =
                which & 1 ? kad_endpoint_wide_group : kad_endpoint_narrow_group;
            bool sound;

            table->config = config;
            *(which == 0   ? &table->config.narrow_per_table
              : which == 1 ? &table->config.wide_per_table
              : which == 2 ? &table->config.narrow_per_bucket
                           : &table->config.wide_per_bucket) = limit;
            sound = kad_table_sound(table, &(const char *){NULL});
            EXPECT_MSG(sound == !has_crowd(table, group_of, which >= 2, limit), "limit %u of kind %u", limit,
                       which);
            n_sound += sound;
            n_unsound += !sound;
        }
    }
    EXPECT(n_sound > 3 && n_unsound > 3);
    kad_table_free(table);
    kad_book_free(book);
}

/* What is looked at only when it has changed must not be able to change unseen: the same hands, after a look that found all well. */
TEST(nothing_breaks_behind_the_back_of_who_looked_before)
{
    struct fixture f;
    struct kad_table_print before = {0};
    struct kad_slot broken;
    const char *why = NULL;

#define BREAK_UNSEEN(place, value)                                                             \
    do {                                                                                       \
        const __typeof__(place) kept = (place);                                                \
                                                                                               \
        EXPECT(kad_table_still_sound(f.table, &before, &why));                                 \
        (place) = (value);                                                                     \
        EXPECT_MSG(!kad_table_still_sound(f.table, &before, &why), "%s", #place " = " #value); \
        (place) = kept;                                                                        \
    } while (0)

    start(&f);
    BREAK_UNSEEN(f.table->n_contacts, 3);
    BREAK_UNSEEN(f.table->n_buckets, 0);
    BREAK_UNSEEN(f.bucket->room_slots, 3);
    BREAK_UNSEEN(f.bucket->room_cache, 1);
    BREAK_UNSEEN(f.bucket->n_cache, 4);
    BREAK_UNSEEN(f.bucket->slots[1].near, 5);
    BREAK_UNSEEN(f.bucket->cache[1].near, 5);
    BREAK_UNSEEN(f.bucket->slots[1].contact, f.bucket->slots[2].contact);
    BREAK_UNSEEN(f.bucket->cache[1].contact, f.bucket->cache[0].contact);
    broken = f.bucket->slots[2];
    broken.failures = 3;
    BREAK_UNSEEN(f.bucket->slots[2], broken);
    broken.failures = 0;
    broken.flags |= KAD_SLOT_NEAR;
    BREAK_UNSEEN(f.bucket->slots[2], broken);
    f.bucket->slots[1].flags |= KAD_SLOT_PROBED; /* the second */
    EXPECT(!kad_table_still_sound(f.table, &before, &why));
    f.bucket->slots[1].flags = KAD_SLOT_PREFERRED;
    EXPECT(kad_table_still_sound(f.table, &before, &why));
    finish(&f);
}

/* A table that nobody has looked at yet is no sound one. */
TEST(a_first_look_sees_everything)
{
    struct fixture f;
    struct kad_table_print before = {0};
    const char *why = NULL;

    start(&f);
    f.table->config.k = 3;
    EXPECT(!kad_table_still_sound(f.table, &before, &why));
    EXPECT_STR(why, "a bucket is over its capacity");
    f.table->config.k = 4;
    EXPECT(kad_table_still_sound(f.table, &before, &why));
    finish(&f);
}
