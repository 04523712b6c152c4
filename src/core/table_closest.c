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
    kad_contact_ref contacts[KAD_BUCKET_MAX + 1]; /* what is beyond what is kept is written, too */
    int32_t distances[KAD_BUCKET_MAX + RANKED];   /* the first 31 bits: SSE2 compares signed numbers only */
};

/* Slots side by side whose distances agree in `shared` bits. */
struct run {
    unsigned from, to, shared;
};

/* The upper `bits` of 32. */
static uint32_t upper(unsigned bits)
{
    return bits ? UINT32_MAX << (32 - bits) : 0;
}

/* How many bits beyond those that all agree in (`common`) leave half as much again as wanted. Ids are spread evenly, so it
 * is known about how many; where they leave too few, one bit less doubles them. 0: all of the bucket. */
static unsigned bits_for(const struct kad_bucket *b, size_t wanted, unsigned *out_common)
{
    const size_t n = b->n_slots;
    const uint32_t difference = b->slots[0].near ^ b->slots[n - 1].near;
    unsigned bits = 0;

    while (n >> (bits + 1) >= wanted + wanted / 2)
        bits++;
    *out_common = difference ? (unsigned)__builtin_clz(difference) : 32;
    return *out_common + bits > 32 ? 32 - *out_common : bits;
}

/* Whoever shares `bits` more with the target than all do. Whoever shares more is nearer. */
static struct run run_of(const struct kad_bucket *b, uint32_t target, unsigned common, unsigned bits)
{
    struct run run = {.from = 0, .to = b->n_slots, .shared = common};
    uint32_t shared, first, last;

    if (bits == 0)
        return run;
    shared = (target & ~upper(common)) | (b->slots[0].near & upper(common));
    first = shared & upper(common + bits);
    last = shared | ~upper(common + bits);
    run.from = kad_bucket_first(b, first);
    if (last < UINT32_MAX)
        run.to = kad_bucket_first(b, last + 1);
    run.shared += bits;
    return run;
}

/* -- a few: nearly always --------------------------------------------------------------------------------------- */

/* Of each slot of the run the 15 bits behind those that all share; INT16_MAX: not wanted. Returns how many are. */
static size_t number_few(const struct harvest *harvest, const struct kad_slot *slots, size_t n,
                         uint32_t target, unsigned shared, int16_t out_numbers[FEW + 2 * LANES])
{
    const unsigned above = shared < 16 ? shared : 16;
    const bool failing = harvest->failing;
    unsigned n_wanted = 0;

    for (size_t i = 0; i < n; i++) {
        const unsigned wanted = (slots[i].failures > 0) == failing;
        const uint32_t number = ((slots[i].near ^ target) << above >> 17) - 1;
        const uint32_t all = wanted - 1; /* ones for those that are not: no branch here either */

        out_numbers[i] = (int16_t)((number & ~all) | (all & INT16_MAX));
        n_wanted += wanted;
    }
    for (size_t i = 0; i < 2 * LANES; i++) /* what fills up is behind all */
        out_numbers[n + i] = INT16_MAX;
    return n_wanted;
}

/* Puts them in order, with whom is not wanted behind. No branch depends on a distance: sorting the usual way the processor
 * guesses wrong half of the time, which costs more than all the comparisons. Nothing has to be foreseen but how many eights
 * there are. False: the bits do not tell some of them apart, and what was written is no good. */
static bool sort_few(const struct kad_slot *slots, size_t n, const int16_t numbers[FEW + 2 * LANES],
                     size_t n_wanted, kad_contact_ref out_contacts[FEW + 1])
{
    const size_t n_filled = (n + LANES - 1) / LANES * LANES;
    int16_t ranks[FEW];
    size_t sum = 0;

    static_assert(FEW == 4 * LANES, "that many registers");
    for (size_t from = 0; from < n_filled; from += 2 * LANES) {
        lanes own[2], less[2] = {{0}};

        memcpy(own, &numbers[from], sizeof(own));
        for (size_t i = 0; i < n_filled; i += LANES) {
            for (size_t k = i; k < i + LANES; k++) {
                const lanes other = numbers[k] - (lanes){0};

                less[0] += other < own[0]; /* -1 where it is */
                less[1] += other < own[1];
            }
        }
        memcpy(&ranks[from], less, sizeof(less));
    }
    for (size_t i = 0; i < n; i++) { /* who is not wanted has n_wanted before it */
        const size_t place = (size_t)-ranks[i];

        out_contacts[place] = slots[i].contact;
        sum += place;
    }
    sum -= (n - n_wanted) * n_wanted;
    return sum == n_wanted * (n_wanted - 1) / 2; /* of equals neither is nearer, so the sum falls short */
}

/* -- many, or such as 15 bits do not tell apart ----------------------------------------------------------------- */

static void take(const struct harvest *harvest, const struct kad_bucket *b, uint32_t target,
                 const struct run *run, struct sieve *out_sieve)
{
    size_t n = 0;

    for (unsigned i = run->from; i < run->to; i++) {
        const struct kad_slot *slot = &b->slots[i];

        out_sieve->contacts[n] = slot->contact;
        out_sieve->distances[n] = (int32_t)((slot->near ^ target) >> 1);
        n += (slot->failures > 0) == harvest->failing;
    }
    out_sieve->n = n;
}

/* How many of all are nearer than each of the RANKED from `from` on. */
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

static void harvest_many(struct harvest *harvest, const struct kad_bucket *b, uint32_t target, size_t wanted,
                         const struct run *run)
{
    kad_contact_ref sorted[KAD_BUCKET_MAX];
    struct sieve sieve; /* large, and deliberately not cleared */

    take(harvest, b, target, run, &sieve);
    if (!sort_by_rank(&sieve, sorted))
        sort_exactly(harvest, &sieve, sorted);
    for (size_t i = 0; i < sieve.n && i < wanted; i++)
        harvest->contacts[harvest->n++] = sorted[i];
}

static size_t count(const struct harvest *harvest, const struct kad_bucket *b, const struct run *run)
{
    size_t n = 0;

    for (unsigned i = run->from; i < run->to; i++)
        n += (b->slots[i].failures > 0) == harvest->failing;
    return n;
}

static void harvest_bucket(struct harvest *harvest, unsigned index)
{
    const struct kad_bucket *b = &harvest->table->buckets[index];
    const uint32_t target = kad_id_bits_from(harvest->target, index);
    const size_t wanted = harvest->room - harvest->n;
    unsigned common, bits;

    if (b->n_slots == 0)
        return;
    bits = bits_for(b, wanted, &common);
    for (;; bits--) {
        const struct run run = run_of(b, target, common, bits);
        const struct kad_slot *slots = b->slots + run.from;
        const size_t n = run.to - run.from;
        int16_t numbers[FEW + 2 * LANES];
        const bool few = n <= FEW;
        const size_t n_wanted =
            few ? number_few(harvest, slots, n, target, run.shared, numbers) : count(harvest, b, &run);
        kad_contact_ref sorted[FEW + 1];

        if (n_wanted < wanted && bits > 0)
            continue;
        if (n_wanted == 0)
            return;
        if (!few || !sort_few(slots, n, numbers, n_wanted, sorted)) {
            harvest_many(harvest, b, target, wanted, &run);
            return;
        }
        for (size_t i = 0; i < n_wanted && i < wanted; i++)
            harvest->contacts[harvest->n++] = sorted[i];
        return;
    }
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
