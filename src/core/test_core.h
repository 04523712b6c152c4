/*
 * test_core - what the tests of core share: memory that is counted, nodes made of numbers.
 */
#ifndef KAD_CORE_TEST_CORE_H
#define KAD_CORE_TEST_CORE_H

#include "core/book.h"

/* malloc, counted. Refuses once `n_left` allocations have been made (growing counts, freeing does not). */
struct test_memory {
    struct kad_allocator allocator;
    size_t in_use;
    size_t n_left;
};

void test_memory_init(struct test_memory *memory);

void test_rng_init(struct kad_rng *rng, uint64_t seed);
struct kad_endpoint test_endpoint(uint32_t address, uint16_t port); /* IPv4 from a number */
/* A node with this id at a public address of its own (11.0.0.0/8, spread over its /24 by `number`). */
kad_contact_ref test_contact(struct kad_book *book, const struct kad_id *id, uint32_t number);
struct kad_id test_id(uint8_t first); /* first byte given, rest zero: distance from zero is its name */
const struct kad_id *test_id_of(const struct kad_book *book, kad_contact_ref contact);

/* The `n` of `contacts` closest to `target`, nearest first, by sorting all of them. Returns how many. */
size_t test_closest(const struct kad_book *book, const struct kad_id *target, const kad_contact_ref *contacts,
                    size_t n_contacts, size_t n, kad_contact_ref *out_contacts);

/* Changes one value, expects what is said of it, and changes it back. The test file's expect_unsound() asks. */
#define BREAK(place, value, expected)           \
    do {                                        \
        const __typeof__(place) kept = (place); \
                                                \
        (place) = (value);                      \
        expect_unsound(&f, (expected));         \
        (place) = kept;                         \
    } while (0)

#endif
