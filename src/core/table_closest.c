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
#include <string.h>

#define FEW    32 /* about twice what a sifted bucket leaves */
#define RANKED 16 /* of more than a few, ranked at once: four registers of SSE2 */

/* A register of SSE2, or whatever the machine has. */
#define LANES 8
typedef int16_t lanes __attribute__((vector_size(2 * LANES)));

/* The `room` closest found so far and their order. Grows from the front bucket on, so a bucket only sorts itself. */
struct harvest {
    const struct kad_table *table;
    const struct kad_id *target;
    size_t room, n;
    kad_contact_ref *contacts;
    bool failing; /* looks for contacts with failures, or for those without */
};

/* Contacts of one bucket that are to be sorted. */
struct sieve {
    size_t n;
    kad_contact_ref
        contacts[KAD_BUCKET_MAX + LANES];       /* what is beyond what is kept is written or read, too */
    int32_t distances[KAD_BUCKET_MAX + RANKED]; /* the first 31 bits: SSE2 compares signed numbers only */
    int16_t numbers[KAD_BUCKET_MAX + FEW];      /* 15 bits from the first that is not the same in all */
};

/* The upper `bits` of 32. */
static uint32_t upper(unsigned bits)
{
    return bits ? UINT32_MAX << (32 - bits) : 0;
}

/* Slots from .. to - 1, all of whose distances agree in `shared` bits. */
static void take(const struct harvest *harvest, const struct kad_bucket *b, uint32_t target, unsigned from,
                 unsigned to, unsigned shared, struct sieve *out_sieve)
{
    const unsigned above = shared < 16 ? shared : 16;
    size_t n = 0;

    for (unsigned i = from; i < to; i++) {
        const struct kad_slot *slot = &b->slots[i];

        out_sieve->contacts[n] = slot->contact;
        out_sieve->distances[n] = (int32_t)((slot->near ^ target) >> 1);
        out_sieve->numbers[n] = (int16_t)((int32_t)((slot->near ^ target) << above >> 17) - 1);
        n += (slot->failures > 0) == harvest->failing;
    }
    out_sieve->n = n;
}

/* Those of a bucket that can be among its `wanted` nearest, unsorted. Whoever shares more bits with the target is nearer,
 * and those that share so many stand side by side. Ids are spread evenly, so it is known about how many bits leave half as
 * much again as wanted; when they leave too few, one bit less doubles them. */
static void sift(const struct harvest *harvest, const struct kad_bucket *b, uint32_t target, size_t wanted,
                 struct sieve *out_sieve)
{
    const size_t n = b->n_slots;
    unsigned bits = 0, common;
    uint32_t difference;

    while (n >> (bits + 1) >= wanted + wanted / 2)
        bits++;
    difference = n > 1 ? b->slots[0].near ^ b->slots[n - 1].near : 0;
    common = difference ? (unsigned)__builtin_clz(difference)
                        : 32; /* bits all of them agree in tell nobody apart */
    for (; bits > 0 && common + bits <= 32; bits--) {
        const uint32_t shared = (target & ~upper(common)) | (b->slots[0].near & upper(common));
        const uint32_t first = shared & upper(common + bits), last = shared | ~upper(common + bits);
        const unsigned to = last < UINT32_MAX ? kad_bucket_first(b, last + 1) : b->n_slots;

        take(harvest, b, target, kad_bucket_first(b, first), to, common + bits, out_sieve);
        if (out_sieve->n >= wanted)
            return;
    }
    take(harvest, b, target, 0, b->n_slots, common, out_sieve);
}

/* Puts a few contacts in order by the 15 bits behind those that all share: half the work of sort_by_rank(). Nothing has
 * to be foreseen but how many eights they fill. False: the bits do not tell some of them apart. */
static bool sort_few(struct sieve *sieve, kad_contact_ref out_contacts[KAD_BUCKET_MAX + LANES])
{
    const size_t n = sieve->n, n_filled = (n + LANES - 1) / LANES * LANES;
    int16_t ranks[FEW];
    size_t sum = 0;

    static_assert(FEW == 4 * LANES, "that many registers");
    for (size_t i = 0; i < FEW; i++) /* what fills up is behind all */
        sieve->numbers[n + i] = INT16_MAX;
    for (size_t from = 0; from < n_filled; from += 2 * LANES) {
        lanes own[2], less[2] = {{0}};

        memcpy(own, &sieve->numbers[from], sizeof(own));
        for (size_t i = 0; i < n_filled; i += LANES) {
            for (size_t k = i; k < i + LANES; k++) {
                const lanes other = sieve->numbers[k] - (lanes){0};

                less[0] += other < own[0]; /* -1 where it is */
                less[1] += other < own[1];
            }
        }
        memcpy(&ranks[from], less, sizeof(less));
    }
    for (size_t i = 0; i < n_filled; i++) {
        const size_t place = (size_t)-ranks[i];

        out_contacts[place] = sieve->contacts[i];
        sum += place;
    }
    sum -= (n_filled - n) * n;
    return sum == n * (n - 1) / 2; /* of equals neither is nearer, so the sum falls short */
}

/* How many of all are nearer than each of the RANKED from `from` on. No branch depends on a distance: sorting the usual way
 * the processor guesses wrong half of the time, which costs more than all the comparisons. */
static void rank(const struct sieve *sieve, size_t from, int32_t out_ranks[RANKED])
{
    int32_t own[RANKED], ranks[RANKED] = {0};

    memcpy(own, &sieve->distances[from], sizeof(own));
    for (size_t i = 0; i < (sieve->n + 7) / 8 * 8; i++) { /* of eights, so that its end too is foreseen */
        const int32_t other = sieve->distances[i];

        for (size_t j = 0; j < RANKED; j++)
            ranks[j] += other < own[j];
    }
    memcpy(out_ranks, ranks, sizeof(ranks));
}

/* Puts the contacts in order. False: some distances are equal, and only the book tells which is nearer. */
static bool sort_by_rank(struct sieve *sieve, kad_contact_ref out_contacts[KAD_BUCKET_MAX])
{
    const size_t n = sieve->n;
    size_t sum = 0;

    for (size_t i = 0; i < RANKED; i++) /* what fills up the last round is nearer than nobody */
        sieve->distances[n + i] = INT32_MAX;
    for (size_t from = 0; from < n; from += RANKED) {
        int32_t ranks[RANKED];

        rank(sieve, from, ranks);
        for (size_t i = from; i < n && i < from + RANKED; i++) {
            const size_t place = (size_t)ranks[i - from];

            out_contacts[place] = sieve->contacts[i];
            sum += place;
        }
    }
    return sum == n * (n - 1) / 2;
}

/* The same from the book, whatever the distances: seldom needed. */
static void sort_exactly(const struct harvest *harvest, const struct sieve *sieve,
                         kad_contact_ref out_contacts[KAD_BUCKET_MAX])
{
    const struct kad_book *book = harvest->table->book;

    for (size_t i = 0; i < sieve->n; i++) {
        const kad_contact_ref contact = sieve->contacts[i];
        size_t at = i;

        for (; at > 0 && kad_id_compare(harvest->target, &kad_book_contact(book, contact)->id,
                                        &kad_book_contact(book, out_contacts[at - 1])->id) < 0;
             at--)
            out_contacts[at] = out_contacts[at - 1];
        out_contacts[at] = contact;
    }
}

static void harvest_bucket(struct harvest *harvest, unsigned index)
{
    const struct kad_bucket *b = &harvest->table->buckets[index];
    const size_t wanted = harvest->room - harvest->n;
    kad_contact_ref sorted[KAD_BUCKET_MAX + LANES];
    struct sieve sieve; /* large, and deliberately not cleared */

    sift(harvest, b, kad_id_bits_from(harvest->target, index), wanted, &sieve);
    if (sieve.n == 0)
        return;
    if (!(sieve.n <= FEW && sort_few(&sieve, sorted)) && !sort_by_rank(&sieve, sorted))
        sort_exactly(harvest, &sieve, sorted);
    for (size_t i = 0; i < sieve.n && i < wanted; i++)
        harvest->contacts[harvest->n++] = sorted[i];
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
