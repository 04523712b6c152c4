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
    if (!wrong && n_probed > 1)
        wrong = "two contacts of one bucket are being probed";
    return wrong;
}

/* -- address groups --------------------------------------------------------------------------------------------- */

/* Groups are counted in a small hash table on the stack: all at once where they fit, otherwise in passes, each over
 * the groups whose hashes end in the same bits. */
#define TALLIES_MAX 1024 /* 16 KB */

struct tally {
    uint64_t group; /* 0: nobody's. No group is 0 */
    uint16_t bucket, n_bucket, n_table;
    bool limited_in_bucket, limited_in_table; /* is one among them to whom the limits apply? */
};

struct share {
    uint64_t (*group_of)(const struct kad_endpoint *endpoint);
    unsigned per_bucket, per_table; /* 0: no limit */
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

enum verdict { WITHIN, OVER, CROWDED };

/* Of `n_passes` (a power of two), the pass over the groups whose hash ends in `pass`. CROWDED: they are too many for one. */
static enum verdict check_pass(const struct kad_table *table, const struct share *share, uint64_t n_passes,
                               uint64_t pass)
{
    struct tally tallies[TALLIES_MAX];
    size_t n_tallies = 16; /* a third of them are meant to stay empty */

    while (n_tallies < TALLIES_MAX && 2 * n_tallies < 3 * table->n_contacts)
        n_tallies *= 2;
    memset(tallies, 0, n_tallies * sizeof(*tallies));
    for (unsigned i = 0; i < table->n_buckets; i++) {
        for (unsigned j = 0; j < table->buckets[i].n_slots; j++) {
            const kad_contact_ref contact = table->buckets[i].slots[j].contact;
            const struct kad_endpoint *endpoint = &kad_book_contact(table->book, contact)->endpoint;
            const uint64_t group = share->group_of(endpoint), hash = kad_hash_word(0, group);
            struct tally *tally;

            if ((hash & (n_passes - 1)) != pass)
                continue;
            tally = tally_of(tallies, n_tallies, group, hash);
            if (!tally)
                return CROWDED;
            if (over(tally, i, kad_table_counts(table, endpoint), share))
                return OVER;
        }
    }
    return WITHIN;
}

static const char *check_share(const struct kad_table *table, const struct share *share)
{
    enum verdict verdict = WITHIN;
    uint64_t n_passes = 1;

    if (!share->per_bucket && !share->per_table)
        return NULL;
    while (table->n_contacts / n_passes > TALLIES_MAX / 3 * 2)
        n_passes *= 2;
    do {
        for (uint64_t pass = 0; pass < n_passes && (pass == 0 || verdict == WITHIN); pass++)
            verdict = check_pass(table, share, n_passes, pass);
        n_passes *= 2; /* ends: no two groups have the same hash */
    } while (verdict == CROWDED);
    return verdict == OVER ? "an address group has more than its share" : NULL;
}

static const char *check_groups(const struct kad_table *table)
{
    const struct kad_table_config *config = &table->config;
    const struct share narrow = {kad_endpoint_narrow_group, config->narrow_per_bucket,
                                 config->narrow_per_table},
                       wide = {kad_endpoint_wide_group, config->wide_per_bucket, config->wide_per_table};
    const char *wrong = check_share(table, &narrow);

    return wrong ? wrong : check_share(table, &wide);
}

bool kad_table_sound(const struct kad_table *table, const char **out_why)
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
    if (!wrong)
        wrong = check_groups(table);
    if (wrong)
        *out_why = wrong;
    return !wrong;
}
