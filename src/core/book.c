#include "core/book.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/index.h"

/* Entries stand in blocks, so that they never move and growing never copies. */
#define PREFETCH_AT_ONCE 32
#define BLOCK_BITS       6
#define BLOCK_SIZE       (1u << BLOCK_BITS)
#define ROOM_FIRST       4

struct identity {
    uint32_t size;
    uint8_t bytes[];
};

/* One cache line. */
struct entry {
    struct kad_contact contact;
    uint32_t n_holders; /* 0: free */
    union {
        struct identity *identity; /* NULL: empty */
        kad_contact_ref next_free;
    } u;
};
static_assert(sizeof(struct kad_contact) == 52, "contacts are hashed and compared as memory");
static_assert(sizeof(struct entry) == 64, "a million of them are kept");

struct kad_book {
    const struct kad_allocator *allocator;
    struct entry **blocks;
    struct kad_index index;
    uint64_t hash_key;
    uint32_t n_blocks, room; /* room: of `blocks` */
    uint32_t n_handles;      /* ever given out: 1 .. n_handles are entries */
    uint32_t n_contacts, ceiling;
    kad_contact_ref first_free;
    size_t identity_memory;
    struct kad_places places; /* place_of NULL: there are none */
    struct kad_place *of;     /* by handle; n_of of them */
    uint32_t n_of;
};

static struct entry *entry_at(const struct kad_book *book, kad_contact_ref contact)
{
    assert(contact != KAD_NO_CONTACT && contact <= book->n_handles && "not a handle of this book");
    return &book->blocks[(contact - 1) >> BLOCK_BITS][(contact - 1) & (BLOCK_SIZE - 1)];
}

static struct entry *live_entry(const struct kad_book *book, kad_contact_ref contact)
{
    struct entry *entry = entry_at(book, contact);

    assert(entry->n_holders > 0 && "used after its last release");
    return entry;
}

static uint64_t hash_of(const struct kad_book *book, const struct kad_contact *contact)
{
    return kad_hash(book->hash_key, contact, sizeof(*contact));
}

struct kad_book *kad_book_new(const struct kad_allocator *allocator, uint32_t ceiling, uint64_t hash_key)
{
    struct kad_book *book = kad_alloc_zero(allocator, sizeof(*book));

    assert(ceiling > 0 && ceiling < UINT32_MAX && "handles are 32 bits, and 0 is none");
    if (!book)
        return NULL;
    book->allocator = allocator;
    book->hash_key = hash_key;
    book->ceiling = ceiling;
    kad_index_init(&book->index, allocator, ceiling);
    return book;
}

static void free_identity(struct kad_book *book, struct identity *identity)
{
    if (!identity)
        return;
    book->identity_memory -= sizeof(*identity) + identity->size;
    kad_free(book->allocator, identity, sizeof(*identity) + identity->size);
}

void kad_book_free(struct kad_book *book)
{
    if (!book)
        return;
    for (kad_contact_ref i = 1; i <= book->n_handles; i++) {
        struct entry *entry = entry_at(book, i);

        if (entry->n_holders > 0)
            free_identity(book, entry->u.identity);
    }
    for (uint32_t i = 0; i < book->n_blocks; i++)
        kad_free(book->allocator, book->blocks[i], BLOCK_SIZE * sizeof(struct entry));
    kad_free(book->allocator, book->blocks, book->room * sizeof(*book->blocks));
    kad_free(book->allocator, book->of, book->n_of * sizeof(*book->of));
    kad_index_clear(&book->index);
    kad_free(book->allocator, book, sizeof(*book));
}

static bool add_block(struct kad_book *book)
{
    struct entry *block;

    if (book->n_blocks == book->room) {
        const uint32_t room = book->room ? book->room * 2 : ROOM_FIRST;
        struct entry **blocks =
            kad_resize(book->allocator, book->blocks, book->room * sizeof(*blocks), room * sizeof(*blocks));

        if (!blocks)
            return false;
        book->blocks = blocks;
        book->room = room;
    }
    block = kad_alloc_zero(book->allocator, BLOCK_SIZE * sizeof(*block));
    if (!block)
        return false;
    book->blocks[book->n_blocks++] = block;
    return true;
}

static kad_contact_ref take_handle(struct kad_book *book)
{
    const kad_contact_ref free_one = book->first_free;

    if (free_one != KAD_NO_CONTACT) {
        book->first_free = entry_at(book, free_one)->u.next_free;
        return free_one;
    }
    if (book->n_handles == book->n_blocks * BLOCK_SIZE && !add_block(book))
        return KAD_NO_CONTACT;
    return ++book->n_handles;
}

static void give_handle_back(struct kad_book *book, kad_contact_ref contact)
{
    struct entry *entry = entry_at(book, contact);

    *entry = (struct entry){.u.next_free = book->first_free};
    book->first_free = contact;
}

static bool same_identity(const struct entry *entry, struct kad_bytes identity)
{
    const size_t size = entry->u.identity ? entry->u.identity->size : 0;

    return size == identity.size && (size == 0 || memcmp(entry->u.identity->bytes, identity.data, size) == 0);
}

/* The entry of `contact`; with `identity` only one that has the very same. */
static kad_contact_ref look_up(const struct kad_book *book, const struct kad_contact *contact, uint64_t hash,
                               const struct kad_bytes *identity)
{
    for (uint32_t at = kad_index_first(&book->index, hash); at != KAD_INDEX_END;
         at = kad_index_next(&book->index, hash, at)) {
        const kad_contact_ref ref = kad_index_slot(&book->index, at) + 1;
        const struct entry *entry = live_entry(book, ref);

        if (memcmp(&entry->contact, contact, sizeof(*contact)) == 0 &&
            (!identity || same_identity(entry, *identity)))
            return ref;
    }
    return KAD_NO_CONTACT;
}

static bool copy_identity(struct kad_book *book, struct kad_bytes identity, struct identity **out_copy)
{
    struct identity *copy = NULL;

    if (identity.size > 0) {
        assert(identity.size <= UINT16_MAX && "an identity comes out of one datagram");
        copy = kad_alloc(book->allocator, sizeof(*copy) + identity.size);
        if (!copy)
            return false;
        copy->size = (uint32_t)identity.size;
        memcpy(copy->bytes, identity.data, identity.size);
        book->identity_memory += sizeof(*copy) + identity.size;
    }
    *out_copy = copy;
    return true;
}

static struct kad_contact contact_of(const struct kad_id *id, const struct kad_endpoint *endpoint)
{
    struct kad_contact contact;

    /* Compared and hashed as memory, so not a byte may be left to chance. */
    memset(&contact, 0, sizeof(contact));
    contact.id = *id;
    contact.endpoint = *endpoint;
    return contact;
}

kad_contact_ref kad_book_intern(struct kad_book *book, const struct kad_id *id,
                                const struct kad_endpoint *endpoint, struct kad_bytes identity)
{
    const struct kad_contact contact = contact_of(id, endpoint);
    const uint64_t hash = hash_of(book, &contact);
    kad_contact_ref ref = look_up(book, &contact, hash, &identity);
    struct identity *copy;
    struct entry *entry;

    if (ref != KAD_NO_CONTACT) {
        kad_book_retain(book, ref);
        return ref;
    }
    if (book->n_contacts >= book->ceiling || !copy_identity(book, identity, &copy))
        return KAD_NO_CONTACT;
    ref = take_handle(book);
    if (ref == KAD_NO_CONTACT) {
        free_identity(book, copy);
        return KAD_NO_CONTACT;
    }
    if (kad_index_add(&book->index, hash, ref - 1) < 0) {
        give_handle_back(book, ref);
        free_identity(book, copy);
        return KAD_NO_CONTACT;
    }
    entry = entry_at(book, ref);
    entry->contact = contact;
    entry->n_holders = 1;
    entry->u.identity = copy;
    book->n_contacts++;
    kad_book_place_again(book, ref);
    return ref;
}

kad_contact_ref kad_book_find(const struct kad_book *book, const struct kad_id *id,
                              const struct kad_endpoint *endpoint)
{
    const struct kad_contact contact = contact_of(id, endpoint);

    return look_up(book, &contact, hash_of(book, &contact), NULL);
}

void kad_book_prefetch(const struct kad_book *book, const struct kad_contact *contacts, size_t n_contacts)
{
    uint64_t hashes[PREFETCH_AT_ONCE];
    const size_t n = n_contacts < PREFETCH_AT_ONCE ? n_contacts : PREFETCH_AT_ONCE;

    for (size_t i = 0; i < n; i++) {
        hashes[i] = hash_of(book, &contacts[i]);
        kad_index_prefetch(&book->index, hashes[i]);
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t at = kad_index_first(&book->index, hashes[i]);

        if (at != KAD_INDEX_END)
            __builtin_prefetch(entry_at(book, kad_index_slot(&book->index, at) + 1));
    }
}

void kad_book_retain(struct kad_book *book, kad_contact_ref contact)
{
    struct entry *entry = live_entry(book, contact);

    assert(entry->n_holders < UINT32_MAX && "holders that never release");
    entry->n_holders++;
}

void kad_book_release(struct kad_book *book, kad_contact_ref contact)
{
    struct entry *entry;

    if (contact == KAD_NO_CONTACT)
        return;
    entry = live_entry(book, contact);
    if (--entry->n_holders > 0)
        return;
    kad_index_remove(&book->index, hash_of(book, &entry->contact), contact - 1);
    free_identity(book, entry->u.identity);
    give_handle_back(book, contact);
    book->n_contacts--;
}

const struct kad_contact *kad_book_contact(const struct kad_book *book, kad_contact_ref contact)
{
    return &live_entry(book, contact)->contact;
}

struct kad_bytes kad_book_identity(const struct kad_book *book, kad_contact_ref contact)
{
    const struct identity *identity = live_entry(book, contact)->u.identity;

    if (!identity)
        return (struct kad_bytes){NULL, 0};
    return (struct kad_bytes){identity->bytes, identity->size};
}

/* -- places ----------------------------------------------------------------------------------------------------- */

void kad_book_set_places(struct kad_book *book, const struct kad_places *places)
{
    book->places = places ? *places : (struct kad_places){0};
    kad_free(book->allocator, book->of, book->n_of * sizeof(*book->of));
    book->of = NULL;
    book->n_of = 0;
}

bool kad_book_has_places(const struct kad_book *book)
{
    return book->places.place_of;
}

struct kad_place kad_book_place(const struct kad_book *book, kad_contact_ref contact)
{
    return contact <= book->n_of ? book->of[contact - 1] : (struct kad_place){0};
}

void kad_book_set_place(struct kad_book *book, kad_contact_ref contact, const struct kad_place *place)
{
    const uint32_t wanted = book->n_blocks * BLOCK_SIZE;

    if (contact > book->n_of) {
        struct kad_place *of =
            kad_resize(book->allocator, book->of, book->n_of * sizeof(*of), wanted * sizeof(*of));

        if (!of)
            return; /* of those without a place nothing is known, as before there were any */
        memset(of + book->n_of, 0, (wanted - book->n_of) * sizeof(*of));
        book->of = of;
        book->n_of = wanted;
    }
    book->of[contact - 1] = *place;
}

struct kad_place kad_book_place_at(const struct kad_book *book, const struct kad_endpoint *endpoint)
{
    struct kad_place place = {0};

    if (kad_book_has_places(book) && endpoint->family != KAD_FAMILY_NONE)
        book->places.place_of(book->places.context, endpoint, &place);
    return place;
}

void kad_book_place_again(struct kad_book *book, kad_contact_ref contact)
{
    struct kad_place place;

    if (!kad_book_has_places(book))
        return;
    place = kad_book_place_at(book, &live_entry(book, contact)->contact.endpoint);
    kad_book_set_place(book, contact, &place);
}

uint32_t kad_book_count(const struct kad_book *book)
{
    return book->n_contacts;
}

size_t kad_book_memory(const struct kad_book *book)
{
    return sizeof(*book) + book->room * sizeof(*book->blocks) +
           (size_t)book->n_blocks * BLOCK_SIZE * sizeof(struct entry) +
           (size_t)book->index.n_cells * sizeof(*book->index.cells) + book->identity_memory +
           book->n_of * sizeof(*book->of);
}
