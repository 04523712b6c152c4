#include "base/test.h"
#include "core/book.h"
#include "core/test_core.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"

static const struct kad_bytes nothing = {NULL, 0};

static struct kad_bytes bytes_of(const char *text)
{
    return (struct kad_bytes){(const uint8_t *)text, strlen(text)};
}

/* The point of a book: whoever speaks of the same contact holds the same four bytes. */
TEST(a_contact_has_one_handle)
{
    struct kad_book *book = kad_book_new(&kad_allocator_system, 10, 1);
    const struct kad_id id = test_id(7);
    const struct kad_endpoint endpoint = test_endpoint(0x01020304, 5);
    const kad_contact_ref contact = kad_book_intern(book, &id, &endpoint, nothing);

    EXPECT(contact != KAD_NO_CONTACT);
    EXPECT_EQ(kad_book_intern(book, &id, &endpoint, nothing), contact);
    EXPECT_EQ(kad_book_find(book, &id, &endpoint), contact);
    EXPECT_EQ(kad_book_count(book), 1);
    EXPECT(kad_id_equal(&kad_book_contact(book, contact)->id, &id));
    EXPECT(kad_endpoint_equal(&kad_book_contact(book, contact)->endpoint, &endpoint));
    kad_book_free(book);
}

/* Entries are immutable, so a node that moved, or took a new id, is somebody else. */
TEST(another_id_address_or_identity_is_another_contact)
{
    struct kad_book *book = kad_book_new(&kad_allocator_system, 10, 1);
    const struct kad_id id = test_id(7), other_id = test_id(8);
    const struct kad_endpoint endpoint = test_endpoint(0x01020304, 5), moved = test_endpoint(0x01020304, 6);
    const kad_contact_ref contact = kad_book_intern(book, &id, &endpoint, nothing);
    const kad_contact_ref keyed = kad_book_intern(book, &id, &endpoint, bytes_of("key"));

    EXPECT(kad_book_intern(book, &other_id, &endpoint, nothing) != contact);
    EXPECT(kad_book_intern(book, &id, &moved, nothing) != contact);
    EXPECT(keyed != contact);
    EXPECT_EQ(kad_book_intern(book, &id, &endpoint, bytes_of("key")), keyed);
    EXPECT(kad_book_intern(book, &id, &endpoint, bytes_of("kex")) != keyed);
    EXPECT_EQ(kad_book_count(book), 5);
    EXPECT_EQ(kad_book_identity(book, contact).size, 0);
    EXPECT_EQ(kad_book_identity(book, keyed).size, 3);
    EXPECT_MEM(kad_book_identity(book, keyed).data, "key", 3);
    kad_book_free(book);
}

TEST(an_entry_lives_while_somebody_retains_it)
{
    struct kad_book *book = kad_book_new(&kad_allocator_system, 10, 1);
    const struct kad_id id = test_id(7);
    const kad_contact_ref contact = test_contact(book, &id, 1);
    struct kad_endpoint endpoint = kad_book_contact(book, contact)->endpoint;

    kad_book_retain(book, contact);
    kad_book_release(book, contact);
    EXPECT_EQ(kad_book_find(book, &id, &endpoint), contact);
    kad_book_release(book, contact);
    EXPECT_EQ(kad_book_find(book, &id, &endpoint), KAD_NO_CONTACT);
    EXPECT_EQ(kad_book_count(book), 0);
    kad_book_release(book, KAD_NO_CONTACT);
    kad_book_free(book);
}

TEST(the_ceiling_holds_and_places_are_used_again)
{
    struct kad_book *book = kad_book_new(&kad_allocator_system, 3, 1);
    const struct kad_id id = test_id(1);
    kad_contact_ref contacts[3];
    size_t memory;

    for (uint32_t i = 0; i < 3; i++)
        contacts[i] = test_contact(book, &id, i);
    memory = kad_book_memory(book);
    EXPECT_EQ(test_contact(book, &id, 3), KAD_NO_CONTACT);
    EXPECT_EQ(test_contact(book, &id, 1), contacts[1]); /* known ones need no place */
    kad_book_release(book, contacts[0]);
    EXPECT(test_contact(book, &id, 3) != KAD_NO_CONTACT);
    EXPECT_EQ(kad_book_count(book), 3);
    EXPECT_EQ(kad_book_memory(book), memory);
    kad_book_free(book);
}

/* Whoever holds a contact's address may intern others meanwhile. */
TEST(growing_moves_no_contact)
{
    struct kad_book *book = kad_book_new(&kad_allocator_system, 100000, 1);
    const struct kad_id id = test_id(1);
    const struct kad_contact *first = kad_book_contact(book, test_contact(book, &id, 0));

    for (uint32_t i = 1; i < 5000; i++)
        EXPECT(test_contact(book, &id, i) != KAD_NO_CONTACT);
    EXPECT(kad_book_contact(book, 1) == first);
    kad_book_free(book);
}

/* Refused memory is the world's wrong: no contact, nothing lost, and all is given back in the end. */
TEST(every_refused_allocation_leaves_the_book_whole)
{
    const struct kad_id id = test_id(1);

    for (size_t allowed = 0; allowed < 40; allowed++) {
        struct test_memory memory;
        struct kad_book *book;
        uint32_t n = 0;

        test_memory_init(&memory);
        memory.n_left = allowed;
        book = kad_book_new(&memory.allocator, 1000, 1);
        if (!book) {
            EXPECT_EQ(memory.in_use, 0);
            continue;
        }
        for (uint32_t i = 0; i < 300; i++) {
            const struct kad_endpoint endpoint = test_endpoint(0x0b000000 + i, 1);
            const kad_contact_ref contact =
                kad_book_intern(book, &id, &endpoint, i % 3 ? nothing : bytes_of("key"));

            n += contact != KAD_NO_CONTACT;
            EXPECT_EQ(kad_book_find(book, &id, &endpoint), contact);
        }
        EXPECT_EQ(kad_book_count(book), n);
        EXPECT_EQ(kad_book_memory(book), memory.in_use);
        kad_book_free(book);
        EXPECT_EQ(memory.in_use, 0);
    }
}

/* Against a plain array of counters: handles, holders and finding agree through any sequence. */
TEST(a_random_history_agrees_with_a_plain_array)
{
    enum { NODES = 300 };
    unsigned holders[NODES] = {0}, n_live = 0;
    kad_contact_ref handles[NODES] = {0};
    struct kad_book *book = kad_book_new(&kad_allocator_system, 200, 1);
    const struct kad_id id = test_id(9);
    struct kad_rng rng;

    test_rng_init(&rng, 1);
    for (int step = 0; step < 20000; step++) {
        const uint32_t i = kad_rng_below(&rng, NODES);

        if (kad_rng_below(&rng, 2)) {
            const kad_contact_ref contact = test_contact(book, &id, i);

            if (holders[i] == 0 && n_live == 200) {
                EXPECT_EQ(contact, KAD_NO_CONTACT);
                continue;
            }
            EXPECT(contact != KAD_NO_CONTACT && (holders[i] == 0 || contact == handles[i]));
            n_live += holders[i]++ == 0;
            handles[i] = contact;
        } else if (holders[i] > 0) {
            kad_book_release(book, handles[i]);
            n_live -= --holders[i] == 0;
        }
        EXPECT_EQ(kad_book_count(book), n_live);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        const struct kad_endpoint endpoint = test_endpoint(0x0b000000 + (i << 8), 6881);

        EXPECT_EQ(kad_book_find(book, &id, &endpoint), holders[i] ? handles[i] : KAD_NO_CONTACT);
    }
    kad_book_free(book);
}
