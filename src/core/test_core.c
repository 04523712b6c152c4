#include "core/test_core.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"

static void *counted_resize(void *context, void *old, size_t old_size, size_t new_size)
{
    struct test_memory *memory = context;
    void *fresh;

    if (new_size == 0) {
        free(old);
        memory->in_use -= old_size;
        return NULL;
    }
    if (memory->n_left == 0)
        return NULL;
    memory->n_left--;
    fresh = realloc(old, new_size);
    if (!fresh)
        return NULL;
    memory->in_use += new_size - old_size;
    return fresh;
}

void test_memory_init(struct test_memory *memory)
{
    *memory = (struct test_memory){.allocator = {counted_resize, memory}, .n_left = SIZE_MAX};
}

void test_rng_init(struct kad_rng *rng, uint64_t seed)
{
    uint8_t bytes[KAD_SEED_SIZE] = {0};

    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(seed >> 8 * i);
    kad_rng_init(rng, bytes);
}

struct kad_endpoint test_endpoint(uint32_t address, uint16_t port)
{
    const uint8_t bytes[4] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8),
                              (uint8_t)address};

    return kad_endpoint_v4(bytes, port);
}

kad_contact_ref test_contact(struct kad_book *book, const struct kad_id *id, uint32_t number)
{
    const struct kad_endpoint endpoint =
        test_endpoint(0x0b000000 + (number << 8 & 0xffffff) + (number >> 16), 6881);

    return kad_book_intern(book, id, &endpoint, (struct kad_bytes){NULL, 0});
}

struct kad_id test_id(uint8_t first)
{
    return (struct kad_id){{first}};
}

const struct kad_id *test_id_of(const struct kad_book *book, kad_contact_ref contact)
{
    return &kad_book_contact(book, contact)->id;
}

size_t test_closest(const struct kad_book *book, const struct kad_id *target, const kad_contact_ref *contacts,
                    size_t n_contacts, size_t n, kad_contact_ref *out_contacts)
{
    size_t n_out = 0;

    for (size_t i = 0; i < n_contacts; i++) {
        size_t at = n_out;

        while (at > 0 && kad_id_compare(target, test_id_of(book, contacts[i]),
                                        test_id_of(book, out_contacts[at - 1])) < 0) {
            if (at < n)
                out_contacts[at] = out_contacts[at - 1];
            at--;
        }
        if (at < n)
            out_contacts[at] = contacts[i];
        n_out += n_out < n;
    }
    return n_out;
}
