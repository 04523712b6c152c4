/* table_walk - a routing table written down and read back (core/walk.h). */
#include "core/table_parts.h"

#include "core/walk.h"

static void walk_slot(struct kad_walk *walk, struct kad_slot *slot)
{
    uint8_t flags = slot->flags, failures = slot->failures;

    KAD_WALK(walk, slot->heard_at);
    KAD_WALK(walk, slot->rtt_ms);
    KAD_WALK(walk, failures);
    KAD_WALK(walk, flags);
    if (kad_walk_reads(walk)) {
        slot->flags = flags & 7u;
        slot->failures = failures & 127u;
    }
}

/* Where a slot stands in its bucket is part of what was, so it is not put again but written where it stood. */
static void walk_slots(struct kad_walk *walk, struct kad_table *table, unsigned bucket,
                       struct kad_slot **slots, uint8_t *n, uint8_t *room, size_t most)
{
    const size_t n_slots = kad_walk_count(walk, *n, most);

    if (kad_walk_reads(walk)) {
        *slots = kad_walk_room(walk, n_slots, sizeof(**slots));
        *room = *slots ? (uint8_t)n_slots : 0;
        *n = 0;
    }
    for (size_t i = 0; i < n_slots && !walk->bad; i++) {
        struct kad_slot *slot = &(*slots)[i];

        kad_walk_contact(walk, &slot->contact);
        if (kad_walk_reads(walk)) {
            if (slot->contact == KAD_NO_CONTACT) {
                kad_walk_fail(walk);
                return;
            }
            (*n)++;
            *slot = kad_bucket_fitted(table, bucket, slot);
        }
        walk_slot(walk, slot);
    }
}

void kad_table_walk(struct kad_walk *walk, struct kad_table *table)
{
    size_t n_buckets;

    KAD_WALK_BYTES(walk, table->self);
    KAD_WALK(walk, table->epoch);
    n_buckets = kad_walk_count(walk, table->n_buckets, table->config.id_bits);
    if (kad_walk_reads(walk)) {
        struct kad_bucket *buckets = kad_walk_room(walk, n_buckets, sizeof(*buckets));

        if (!buckets) {
            kad_walk_fail(walk); /* there is always one */
            return;
        }
        /* Just made, so the one bucket it has is empty. */
        kad_free(walk->allocator, table->buckets, table->room_buckets * sizeof(*table->buckets));
        table->buckets = buckets;
        table->n_buckets = table->room_buckets = (uint16_t)n_buckets;
    }
    for (unsigned i = 0; i < n_buckets && !walk->bad; i++) {
        struct kad_bucket *bucket = &table->buckets[i];

        KAD_WALK(walk, bucket->touched_at);
        walk_slots(walk, table, i, &bucket->slots, &bucket->n_slots, &bucket->room_slots,
                   kad_table_capacity(table, i));
        walk_slots(walk, table, i, &bucket->cache, &bucket->n_cache, &bucket->room_cache,
                   table->config.cache);
        if (kad_walk_reads(walk))
            table->n_contacts += bucket->n_slots;
    }
}
