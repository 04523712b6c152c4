/* table_sound - what always holds of a routing table, looked at from scratch. */
#include "core/table_parts.h"

#include "base/endpoint.h"

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
        for (unsigned j = 0; j < i && !wrong; j++) {
            if (b->slots[j].near == slot->near &&
                kad_id_equal(kad_slot_id(table, &b->slots[j]), kad_slot_id(table, slot)))
                wrong = "an id is in the table twice";
        }
    }
    for (unsigned i = 0; i < b->n_cache && !wrong; i++) {
        wrong = check_place(table, bucket, &b->cache[i]);
        for (unsigned j = 0; j < b->n_slots && !wrong; j++) {
            if (b->slots[j].contact == b->cache[i].contact)
                wrong = "a contact waits for the place it has";
        }
        if (!wrong && kad_bucket_find_waiting(b, b->cache[i].contact) != &b->cache[i])
            wrong = "a contact waits twice";
    }
    if (!wrong && n_probed > 1)
        wrong = "two contacts of one bucket are being probed";
    return wrong;
}

/* A contact's group is over its share when there are more of it than the limit allows, this one included. */
static bool group_over(const struct kad_table *table, unsigned bucket, const struct kad_endpoint *endpoint)
{
    const struct kad_table_config *config = &table->config;
    const uint64_t narrow_group = kad_endpoint_narrow_group(endpoint),
                   wide_group = kad_endpoint_wide_group(endpoint);
    unsigned n_narrow[2] = {0}, n_wide[2] = {0}; /* in the table, in the bucket */

    for (unsigned i = 0; i < table->n_buckets; i++) {
        for (unsigned j = 0; j < table->buckets[i].n_slots; j++) {
            const kad_contact_ref contact = table->buckets[i].slots[j].contact;
            const struct kad_endpoint *other = &kad_book_contact(table->book, contact)->endpoint;
            const bool narrow = kad_endpoint_narrow_group(other) == narrow_group;
            const bool wide = kad_endpoint_wide_group(other) == wide_group;

            n_narrow[0] += narrow;
            n_wide[0] += wide;
            n_narrow[1] += narrow && i == bucket;
            n_wide[1] += wide && i == bucket;
        }
    }
    return (config->narrow_per_table && n_narrow[0] > config->narrow_per_table) ||
           (config->narrow_per_bucket && n_narrow[1] > config->narrow_per_bucket) ||
           (config->wide_per_table && n_wide[0] > config->wide_per_table) ||
           (config->wide_per_bucket && n_wide[1] > config->wide_per_bucket);
}

static const char *check_groups(const struct kad_table *table)
{
    for (unsigned i = 0; i < table->n_buckets; i++) {
        for (unsigned j = 0; j < table->buckets[i].n_slots; j++) {
            const kad_contact_ref contact = table->buckets[i].slots[j].contact;
            const struct kad_endpoint *endpoint = &kad_book_contact(table->book, contact)->endpoint;

            if (kad_table_counts(table, endpoint) && group_over(table, i, endpoint))
                return "an address group has more than its share";
        }
    }
    return NULL;
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
