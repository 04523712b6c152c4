/*
 * table_places - shares of autonomous systems and countries, where the book knows them: see table_parts.h.
 *
 * Two /16 that lie far apart are one data centre often enough; its system's number tells. Counted each time, like address groups:
 * it happens once per newcomer, and only where the host has a table of places.
 */
#include "core/table_parts.h"

#include <string.h>

struct share {
    unsigned in_bucket, in_table;
};

/* How many are of the same system, and of the same country. */
struct company {
    struct share system, country;
};

static void add(struct share *share, bool same, bool here)
{
    share->in_table += same;
    share->in_bucket += same && here;
}

static struct company company_of(const struct kad_table *table, unsigned bucket,
                                 const struct kad_place *place)
{
    struct company company = {0};

    for (unsigned i = 0; i < table->n_buckets; i++) {
        const struct kad_bucket *b = &table->buckets[i];

        for (unsigned j = 0; j < b->n_slots; j++) {
            const struct kad_place other = kad_book_place(table->book, b->slots[j].contact);

            add(&company.system, place->as_number && place->as_number == other.as_number, i == bucket);
            add(&company.country,
                place->country[0] && memcmp(place->country, other.country, sizeof(other.country)) == 0,
                i == bucket);
        }
    }
    return company;
}

static bool is_over(const struct share *share, unsigned more, unsigned per_bucket, unsigned per_table)
{
    return (per_bucket && share->in_bucket + more > per_bucket) ||
           (per_table && share->in_table + more > per_table);
}

/* With so many more of them than there are. Of whom the place is unknown nothing is counted. */
static bool over(const struct kad_table *table, kad_contact_ref contact, unsigned more)
{
    const struct kad_place place = kad_book_place(table->book, contact);
    const struct kad_table_config *config = &table->config;
    struct company company;

    if (!place.as_number && !place.country[0])
        return false;
    company = company_of(
        table,
        kad_bucket_index(table, kad_id_prefix(&table->self, &kad_book_contact(table->book, contact)->id)),
        &place);
    return (place.as_number && is_over(&company.system, more, config->as_per_bucket, config->as_per_table)) ||
           (place.country[0] &&
            is_over(&company.country, more, config->country_per_bucket, config->country_per_table));
}

bool kad_table_crowded(const struct kad_table *table, kad_contact_ref contact)
{
    return over(table, contact, 1);
}

kad_contact_ref kad_table_misplaced(const struct kad_table *table)
{
    for (unsigned i = 0; i < table->n_buckets && kad_book_has_places(table->book); i++) {
        const struct kad_bucket *b = &table->buckets[i];

        for (unsigned j = 0; j < b->n_slots; j++) {
            if (kad_book_place(table->book, b->slots[j].contact).shunned ||
                over(table, b->slots[j].contact, 0))
                return b->slots[j].contact;
        }
    }
    return KAD_NO_CONTACT;
}

void kad_table_place_again(struct kad_table *table)
{
    for (unsigned i = 0; i < table->n_buckets; i++) {
        struct kad_bucket *b = &table->buckets[i];

        for (unsigned j = 0; j < b->n_slots; j++)
            kad_book_place_again(table->book, b->slots[j].contact);
        for (unsigned j = b->n_cache; j-- > 0;) {
            kad_book_place_again(table->book, b->cache[j].contact);
            if (kad_book_place(table->book, b->cache[j].contact).shunned)
                kad_book_release(table->book, kad_bucket_take_waiting(b, &b->cache[j]).contact);
        }
    }
}
