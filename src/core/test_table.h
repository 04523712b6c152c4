/*
 * test_table - a routing table to play with: ids as distances, contacts that answer, and the proof that it was sound all along.
 */
#ifndef KAD_CORE_TEST_TABLE_H
#define KAD_CORE_TEST_TABLE_H

#include "base/test.h"
#include "core/table.h"
#include "core/test_core.h"

#include <string.h>

/* Our own id is zero, so that a contact's id is its distance, and id_in(b) makes one for bucket b. */
struct fixture {
    struct test_memory memory;
    struct kad_book *book;
    struct kad_table *table;
    struct kad_rng rng;
    uint32_t n_made;
};

static const struct kad_table_config usual = {.id_bits = 160, .k = 20, .cache = 5, .max_failures = 3};

static inline void start(struct fixture *f, const struct kad_table_config *config)
{
    const struct kad_id self = test_id(0);

    memset(f, 0, sizeof(*f));
    test_memory_init(&f->memory);
    test_rng_init(&f->rng, 1);
    f->book = kad_book_new(&f->memory.allocator, 20000, 1);
    f->table = kad_table_new(&f->memory.allocator, f->book, &self, config, 0);
    EXPECT(f->book && f->table);
}

/* Whatever a test did, the table was sound and gives all of it back. */
static inline void finish(struct fixture *f)
{
    const char *why = NULL;

    EXPECT_MSG(kad_table_sound(f->table, &why), "%s", why);
    kad_table_free(f->table);
    EXPECT_EQ(kad_book_count(f->book), 0);
    kad_book_free(f->book);
    EXPECT_EQ(f->memory.in_use, 0);
}

static inline struct kad_id id_in(struct fixture *f, unsigned bucket)
{
    const struct kad_id self = test_id(0);

    return kad_id_random_at(&f->rng, &self, bucket, 160);
}

/* A contact with this id answers. The handle stays valid for as long as the table keeps it. */
static inline kad_contact_ref hear(struct fixture *f, const struct kad_id *id, kad_ms now,
                                   struct kad_table_update *out_update)
{
    const kad_contact_ref contact = test_contact(f->book, id, ++f->n_made);
    const struct kad_table_update update = kad_table_heard(f->table, contact, true, -1, now);
    const char *why = NULL;

    EXPECT_MSG(kad_table_sound(f->table, &why), "%s", why);
    kad_book_release(f->book, contact);
    if (out_update)
        *out_update = update;
    else
        kad_book_release(f->book, update.removed);
    return contact;
}

static inline kad_contact_ref hear_in(struct fixture *f, unsigned bucket, kad_ms now,
                                      struct kad_table_update *out_update)
{
    const struct kad_id id = id_in(f, bucket);

    return hear(f, &id, now, out_update);
}

/* Bucket 0 full of k, heard at 1 s, 2 s, ...; enough nearer ones that none of it is of our own k nearest. */
static inline void fill(struct fixture *f, kad_contact_ref *out_contacts, unsigned k)
{
    for (unsigned i = 0; i < k; i++)
        hear_in(f, 1 + i, 0, NULL);
    for (unsigned i = 0; i < k; i++)
        out_contacts[i] = hear_in(f, 0, (i + 1) * KAD_SECOND, NULL);
    EXPECT_EQ(kad_table_bucket(f->table, 0)->n_slots, k);
}

#endif
