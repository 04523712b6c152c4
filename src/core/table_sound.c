/*
 * table_sound - what always holds of a routing table, looked at from scratch.
 *
 * It runs after each event of a simulation and each step of a fuzzer, so each slot is looked at a constant number of times,
 * and nothing is allocated.
 */
#include "core/table_parts.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"

/* Each rule returns what is wrong, or NULL. */

static const char *check_place(const struct kad_table *table, unsigned bucket, const struct kad_slot *slot)
{
    const struct kad_id *id = kad_slot_id(table, slot);
    const unsigned prefix = kad_id_prefix(&table->self, id);

    if (prefix >= table->config.id_bits)
        return "our own id is in the table";
    if (kad_bucket_index(table, prefix) != bucket)
        return "a contact stands outside the bucket of its distance";
    if (slot->near != kad_id_bits_from(id, bucket))
        return "a slot's bits are not its contact's";
    return NULL;
}

static const char *check_room(const struct kad_table *table, unsigned bucket)
{
    const struct kad_bucket *b = &table->buckets[bucket];

    if (b->n_slots > kad_table_capacity(table, bucket))
        return "a bucket is over its capacity";
    if (b->n_slots > b->room_slots || b->n_cache > b->room_cache)
        return "a bucket holds more than it has memory for";
    if (b->n_cache > table->config.cache)
        return "a cache is over its capacity";
    if ((b->room_slots > 0) != (b->slots != NULL) || (b->room_cache > 0) != (b->cache != NULL))
        return "a bucket's memory is not what it says";
    return NULL;
}

static const char *check_bucket(const struct kad_table *table, unsigned bucket)
{
    const struct kad_bucket *b = &table->buckets[bucket];
    const char *wrong = check_room(table, bucket);
    unsigned n_probed = 0;

    for (unsigned i = 0; i < b->n_slots && !wrong; i++) {
        const struct kad_slot *slot = &b->slots[i];

        wrong = check_place(table, bucket, slot);
        if (!wrong && i > 0 && b->slots[i - 1].near > slot->near)
            wrong = "a bucket is out of order";
        n_probed += (slot->flags & KAD_SLOT_PROBED) != 0;
        if (!wrong && slot->failures >= table->config.max_failures && slot->failures > 0)
            wrong = "a contact failed too often and is still there";
        for (unsigned j = i;
             j-- > 0 && !wrong && b->slots[j].near == slot->near;) { /* in order, so side by side */
            if (kad_id_equal(kad_slot_id(table, &b->slots[j]), kad_slot_id(table, slot)))
                wrong = "an id is in the table twice";
        }
    }
    for (unsigned i = 0; i < b->n_cache && !wrong; i++) {
        wrong = check_place(table, bucket, &b->cache[i]);
        if (!wrong && kad_bucket_find(table, bucket, b->cache[i].contact))
            wrong = "a contact waits for the place it has";
        if (!wrong && kad_bucket_find_waiting(b, b->cache[i].contact) != &b->cache[i])
            wrong = "a contact waits twice";
    }
    if (!wrong && kad_table_n_near(table, bucket) > kad_table_near_share(table, bucket))
        wrong = "more of a bucket is for the fast than their share";
    if (!wrong && n_probed > 1)
        wrong = "two contacts of one bucket are being probed";
    return wrong;
}

/* -- address groups --------------------------------------------------------------------------------------------- */

/* Groups are counted in two small hash tables on the stack: all at once where they fit, otherwise in passes, each over
 * the groups whose hashes end in the same bits. */
#define TALLIES_MAX 1024 /* 16 KB */

struct tally {
    uint64_t group; /* 0: nobody's. No group is 0 */
    uint16_t bucket, n_bucket, n_table;
    bool limited_in_bucket, limited_in_table; /* is one among them to whom the limits apply? */
};

/* Of a kind of groups, narrow or wide. */
struct share {
    uint64_t (*group_of)(const struct kad_endpoint *endpoint);
    unsigned per_bucket, per_table; /* 0: no limit */
};

struct pass {
    uint64_t n, at; /* the at-th of n, a power of two */
    size_t n_tallies;
    bool all_limited; /* are the limits taken to apply to everybody? Cheaper, and mostly so */
};

/* NULL: the table is full. */
static struct tally *tally_of(struct tally *tallies, size_t n_tallies, uint64_t group, uint64_t hash)
{
    size_t at = hash >> 32;

    for (size_t i = 0; i < n_tallies; i++) {
        struct tally *tally = &tallies[at++ & (n_tallies - 1)];

        if (tally->group == group)
            return tally;
        if (tally->group == 0) {
            tally->group = group;
            return tally;
        }
    }
    return NULL;
}

/* Counts one more; true when the group has more than its share now. */
static bool over(struct tally *tally, unsigned bucket, bool limited, const struct share *share)
{
    if (tally->bucket != bucket) {
        tally->bucket = (uint16_t)bucket;
        tally->n_bucket = 0;
        tally->limited_in_bucket = false;
    }
    tally->n_bucket++;
    tally->n_table++;
    tally->limited_in_bucket |= limited;
    tally->limited_in_table |= limited;
    return (share->per_bucket && tally->limited_in_bucket && tally->n_bucket > share->per_bucket) ||
           (share->per_table && tally->limited_in_table && tally->n_table > share->per_table);
}

enum verdict { WITHIN, OVER, CROWDED }; /* CROWDED: the groups are too many for one pass */

static enum verdict count_one(const struct kad_table *table, unsigned bucket, const struct kad_slot *slot,
                              const struct share *share, const struct pass *pass, struct tally *tallies)
{
    const struct kad_endpoint *endpoint = &kad_book_contact(table->book, slot->contact)->endpoint;
    const uint64_t group = share->group_of(endpoint), hash = kad_hash_word(0, group);
    struct tally *tally;

    if ((hash & (pass->n - 1)) != pass->at)
        return WITHIN;
    tally = tally_of(tallies, pass->n_tallies, group, hash);
    if (!tally)
        return CROWDED;
    return over(tally, bucket, pass->all_limited || kad_table_counts(table, endpoint), share) ? OVER : WITHIN;
}

static enum verdict check_pass(const struct kad_table *table, const struct share shares[2],
                               const struct pass *pass)
{
    struct tally tallies[2][TALLIES_MAX];
    enum verdict verdict = WITHIN;

    for (int kind = 0; kind < 2; kind++)
        memset(tallies[kind], 0, pass->n_tallies * sizeof(struct tally));
    for (unsigned i = 0; i < table->n_buckets; i++) {
        for (unsigned j = 0; j < 2u * table->buckets[i].n_slots && verdict == WITHIN; j++)
            verdict =
                count_one(table, i, &table->buckets[i].slots[j / 2], &shares[j % 2], pass, tallies[j % 2]);
    }
    return verdict;
}

static enum verdict check_passes(const struct kad_table *table, const struct share shares[2],
                                 bool all_limited)
{
    struct pass pass = {.n = 1, .n_tallies = 16, .all_limited = all_limited};
    enum verdict verdict;

    while (pass.n_tallies < TALLIES_MAX && 2 * pass.n_tallies < 3 * table->n_contacts)
        pass.n_tallies *= 2; /* a third of them are meant to stay empty */
    while (table->n_contacts / pass.n > TALLIES_MAX / 3 * 2)
        pass.n *= 2;
    do {
        verdict = WITHIN;
        for (pass.at = 0; pass.at < pass.n && verdict == WITHIN; pass.at++)
            verdict = check_pass(table, shares, &pass);
        pass.n *= 2; /* ends: no two groups have the same hash */
    } while (verdict == CROWDED);
    return verdict;
}

static const char *check_groups(const struct kad_table *table)
{
    const struct kad_table_config *config = &table->config;
    const struct share shares[2] = {
        {kad_endpoint_narrow_group, config->narrow_per_bucket, config->narrow_per_table},
        {kad_endpoint_wide_group, config->wide_per_bucket, config->wide_per_table},
    };

    if (!config->narrow_per_bucket && !config->narrow_per_table && !config->wide_per_bucket &&
        !config->wide_per_table)
        return NULL;
    if (check_passes(table, shares, true) == WITHIN || check_passes(table, shares, false) == WITHIN)
        return NULL;
    return "an address group has more than its share";
}

static const char *check_places(const struct kad_table *table)
{
    return kad_table_misplaced(table) == KAD_NO_CONTACT
               ? NULL
               : "somebody is shunned, or his system or country has more than its share";
}

static const char *check_table(const struct kad_table *table)
{
    const char *wrong = NULL;
    size_t n_contacts = 0;

    if (table->n_buckets < 1 || table->n_buckets > table->config.id_bits ||
        table->n_buckets > table->room_buckets)
        wrong = "there cannot be so many buckets";
    for (unsigned i = 0; i < table->n_buckets && !wrong; i++) {
        wrong = check_bucket(table, i);
        n_contacts += table->buckets[i].n_slots;
    }
    if (!wrong && n_contacts != table->n_contacts)
        wrong = "the count of contacts is off";
    return wrong;
}

bool kad_table_sound(const struct kad_table *table, const char **out_why)
{
    const char *wrong = check_table(table);

    if (!wrong)
        wrong = check_groups(table);
    if (!wrong)
        wrong = check_places(table);
    if (wrong)
        *out_why = wrong;
    return !wrong;
}

/* -- looking again ---------------------------------------------------------------------------------------------- */

/* Slots do not wait for each other: each is mixed with where it stands, and the sum is what counts. */
static uint64_t sum_of(const struct kad_table *table, uint64_t place, const struct kad_slot *slots,
                       unsigned n, unsigned room, uint64_t *out_marks)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < n && i < room; i++) { /* nothing is taken for granted */
        const bool failed = slots[i].failures > 0 && slots[i].failures >= table->config.max_failures;
        const unsigned mark = (failed ? 2 : 0) | (slots[i].flags & (KAD_SLOT_PROBED | KAD_SLOT_NEAR));

        sum += kad_hash_word((place << 8 | i) * UINT64_C(0x9e3779b97f4a7c15),
                             (uint64_t)slots[i].near << 32 | slots[i].contact);
        if (mark)
            *out_marks += kad_hash_word(i, (uint64_t)mark << 32);
    }
    return sum;
}

static struct kad_table_print print_of(const struct kad_table *table)
{
    struct kad_table_print print = {
        .places = (uint64_t)table->n_contacts << 32 | (uint32_t)table->n_buckets << 16 | table->room_buckets,
        .rest = 1,
    };

    for (unsigned i = 0; i < table->n_buckets && i < table->room_buckets; i++) {
        const struct kad_bucket *b = &table->buckets[i];
        uint64_t marks = 0;

        print.places += sum_of(table, i, b->slots, b->n_slots, b->room_slots, &marks);
        print.rest = kad_hash_word(print.rest, (uint64_t)b->n_slots << 24 | (uint64_t)b->room_slots << 16 |
                                                   (uint64_t)b->n_cache << 8 | b->room_cache);
        print.rest += sum_of(table, i, b->cache, b->n_cache, b->room_cache, &marks);
        print.rest = kad_hash_word(print.rest, marks);
    }
    return print;
}

bool kad_table_still_sound(const struct kad_table *table, struct kad_table_print *before,
                           const char **out_why)
{
    const struct kad_table_print print = print_of(table);
    const char *wrong = NULL;

    if (print.places != before->places || print.rest != before->rest)
        wrong = check_table(table);
    if (!wrong && print.places != before->places)
        wrong = check_groups(table);
    if (!wrong && print.places != before->places)
        wrong = check_places(table);
    if (wrong)
        *out_why = wrong;
    else
        *before = print;
    return !wrong;
}
