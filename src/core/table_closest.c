/*
 * table_closest - the contacts closest to a target.
 *
 * Whole buckets are nearer or farther, so they are walked in the order of their distance and only the last one reached
 * is cut. With p the bits that self and target share:
 *
 *     bucket p              shares more than p bits with the target
 *     deeper than p         all share exactly p. Bit b of self xor target says whether bucket b is nearer than
 *                           all that is deeper (1) or farther (0): so the ones upwards, then the last, then the zeros
 *                           downwards
 *     p - 1 ... 0           share less and less
 */
#include "core/table_parts.h"

#include <assert.h>

/* The `room` closest found so far and their order. Grows from the front bucket on, so a bucket only sorts itself. */
struct harvest {
    const struct kad_table *table;
    const struct kad_id *target;
    size_t room, n;
    kad_contact_ref *contacts;
    bool failing; /* looks for contacts with failures, or for those without */
};

/* A contact to be sorted: 32 bits of its distance, and its handle. */
static uint64_t key_of(uint32_t distance, kad_contact_ref contact)
{
    return (uint64_t)distance << 32 | contact;
}

static bool is_nearer(const struct harvest *harvest, uint64_t a, uint64_t b)
{
    const struct kad_book *book = harvest->table->book;

    if (a >> 32 != b >> 32)
        return a < b;
    return kad_id_compare(harvest->target, &kad_book_contact(book, (kad_contact_ref)a)->id,
                          &kad_book_contact(book, (kad_contact_ref)b)->id) < 0;
}

/* Those of a bucket that can be among its `wanted` nearest, unsorted. Ids are spread evenly, so few lie within half as much again of the
 * part of the bucket that `wanted` of them should take up: one pass without branches leaves only those. When it leaves too
 * few, all are taken. */
static size_t sift(const struct harvest *harvest, const struct kad_bucket *b, uint32_t target, size_t wanted,
                   uint64_t out_keys[KAD_BUCKET_MAX + 1])
{
    uint64_t limit = UINT64_MAX;
    size_t n = 0;

    if (b->n_slots > 2 * wanted + 4) /* below that sifting does not pay */
        limit = ((uint64_t)(wanted + wanted / 2 + 3) << 32) / b->n_slots;
    for (;;) {
        for (unsigned i = 0; i < b->n_slots; i++) {
            const struct kad_slot *slot = &b->slots[i];
            const uint32_t distance = slot->near ^ target;

            out_keys[n] = key_of(distance, slot->contact);
            n += (size_t)((distance < limit) & ((slot->failures > 0) == harvest->failing));
        }
        if (n >= wanted || limit == UINT64_MAX)
            return n;
        limit = UINT64_MAX;
        n = 0;
    }
}

/* Sorts the nearest `most` keys to the front, by their 32 bits of distance alone. Returns how many; *out_tie: two of them
 * are equal, and only the book tells which is nearer. */
static size_t sort_front(uint64_t *keys, size_t n_keys, size_t most, bool *out_tie)
{
    size_t n = 0;
    bool tie = false;

    for (size_t i = 0; i < n_keys; i++) {
        const uint64_t key = keys[i];
        size_t at = n;

        if (n == most) {
            if (key >= keys[n - 1])
                continue;
            at--;
        }
        for (; at > 0 && key < keys[at - 1]; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
        n += n < most;
    }
    for (size_t i = 1; i < n; i++)
        tie = tie || keys[i] >> 32 == keys[i - 1] >> 32;
    *out_tie = tie;
    return n;
}

/* The same, exactly, for all keys: seldom needed. */
static void sort_exactly(const struct harvest *harvest, uint64_t *keys, size_t n_keys)
{
    for (size_t i = 1; i < n_keys; i++) {
        const uint64_t key = keys[i];
        size_t at = i;

        for (; at > 0 && is_nearer(harvest, key, keys[at - 1]); at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

static void harvest_bucket(struct harvest *harvest, unsigned index)
{
    const struct kad_bucket *b = &harvest->table->buckets[index];
    const uint32_t target = kad_id_bits_from(harvest->target, index);
    const size_t wanted = harvest->room - harvest->n;
    uint64_t keys[KAD_BUCKET_MAX + 1]; /* sift() writes one past what it keeps */
    size_t n_keys = sift(harvest, b, target, wanted, keys);
    bool tie;
    size_t n = sort_front(keys, n_keys, wanted + 1, &tie); /* one more, to see a tie across the cut */

    if (tie) {
        n_keys = n = sift(harvest, b, target, KAD_BUCKET_MAX, keys);
        sort_exactly(harvest, keys, n_keys);
    }
    for (size_t i = 0; i < n && i < wanted; i++)
        harvest->contacts[harvest->n++] = (kad_contact_ref)keys[i];
}

static void harvest_all(struct harvest *harvest)
{
    const struct kad_table *table = harvest->table;
    const unsigned last = table->n_buckets - 1u;
    const unsigned prefix = kad_id_prefix(&table->self, harvest->target);
    const unsigned home = kad_bucket_index(table, prefix);

    harvest_bucket(harvest, home);
    for (unsigned b = home + 1; b < last && harvest->n < harvest->room; b++) {
        if (kad_id_bit(&table->self, b) != kad_id_bit(harvest->target, b))
            harvest_bucket(harvest, b);
    }
    if (home < last && harvest->n < harvest->room)
        harvest_bucket(harvest, last);
    for (unsigned b = last; b-- > home + 1 && harvest->n < harvest->room;) {
        if (kad_id_bit(&table->self, b) == kad_id_bit(harvest->target, b))
            harvest_bucket(harvest, b);
    }
    for (unsigned b = home; b-- > 0 && harvest->n < harvest->room;)
        harvest_bucket(harvest, b);
}

/* Brings contacts[0 .. n_good) and contacts[n_good .. n), each in order, into one order. Few and rare: in place. */
static void merge(const struct harvest *harvest, size_t n_good, size_t n)
{
    const struct kad_book *book = harvest->table->book;
    kad_contact_ref *contacts = harvest->contacts;

    for (size_t i = n_good; i < n; i++) {
        const kad_contact_ref moving = contacts[i];
        size_t at = i;

        for (; at > 0 && kad_id_compare(harvest->target, &kad_book_contact(book, moving)->id,
                                        &kad_book_contact(book, contacts[at - 1])->id) < 0;
             at--)
            contacts[at] = contacts[at - 1];
        contacts[at] = moving;
    }
}

size_t kad_table_closest(const struct kad_table *table, const struct kad_id *target, size_t n,
                         kad_contact_ref *out_contacts)
{
    struct harvest harvest = {.table = table, .target = target, .room = n, .contacts = out_contacts};
    size_t n_good;

    if (n == 0)
        return 0;
    harvest_all(&harvest);
    n_good = harvest.n;
    if (n_good < n && n_good < table->n_contacts) {
        harvest.failing = true;
        harvest_all(&harvest);
        merge(&harvest, n_good, harvest.n);
    }
    return harvest.n;
}

size_t kad_table_all(const struct kad_table *table, size_t n, kad_contact_ref *out_contacts)
{
    size_t n_out = 0;

    for (unsigned i = 0; i < table->n_buckets; i++) {
        const struct kad_bucket *b = &table->buckets[i];

        for (unsigned j = 0; j < b->n_slots && n_out < n; j++)
            out_contacts[n_out++] = b->slots[j].contact;
    }
    return n_out;
}
