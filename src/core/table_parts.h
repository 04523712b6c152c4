/*
 * table_parts - what the files of the routing table share: its insides, and a bucket's moves.
 *
 *     table.c           who gets in, who goes; timers
 *     table_bucket.c    slots, splitting, the replacement cache, group limits
 *     table_near.c      places for whoever answers fastest
 *     table_places.c    shares of autonomous systems and countries
 *     table_closest.c   the closest to a target
 *     table_sound.c     what always holds
 *
 * Nobody else includes this.
 */
#ifndef KAD_CORE_TABLE_PARTS_H
#define KAD_CORE_TABLE_PARTS_H

#include "core/table.h"

#define KAD_BUCKET_MAX  128 /* slots of the widest bucket */
#define KAD_RTT_UNKNOWN UINT16_MAX

struct kad_table {
    const struct kad_allocator *allocator;
    struct kad_book *book;
    struct kad_bucket *buckets; /* room_buckets of them, n_buckets in use */
    struct kad_id self;
    struct kad_table_config config;
    kad_ms epoch;
    uint32_t n_contacts; /* slots in use, caches not counted */
    uint16_t n_buckets, room_buckets;
};

static inline const struct kad_id *kad_slot_id(const struct kad_table *table, const struct kad_slot *slot)
{
    return &kad_book_contact(table->book, slot->contact)->id;
}

/* The bucket for ids with this common prefix with ours. */
static inline unsigned kad_bucket_index(const struct kad_table *table, unsigned prefix)
{
    return prefix < table->n_buckets ? prefix : table->n_buckets - 1u;
}

uint32_t kad_table_seconds(const struct kad_table *table, kad_ms now);
/* What `bucket` holds once it is no longer the last. */
unsigned kad_bucket_capacity_split(const struct kad_table *table, unsigned bucket);

/* The first slot of `bucket` whose bits are at least `near`; n_slots: none. Quarters without a branch, for nobody can
 * foretell what a stranger's target does; and three looks at a time, for one has to wait for memory. */
static inline unsigned kad_bucket_first(const struct kad_bucket *bucket, uint32_t near)
{
    const struct kad_slot *from = bucket->slots;
    unsigned left = bucket->n_slots;

    while (left > 3) {
        const unsigned quarter = left / 4;

        from += quarter * ((unsigned)(from[quarter - 1].near < near) + (from[2 * quarter - 1].near < near) +
                           (from[3 * quarter - 1].near < near));
        left -= 3 * quarter;
    }
    while (left > 1) {
        const unsigned half = left / 2;

        from += half & -(unsigned)(from[half - 1].near < near); /* all or nothing */
        left -= half;
    }
    return (unsigned)(from - bucket->slots) + (left == 1 && from->near < near);
}

/* In `slots` (contacts) or `cache`; NULL: not there. */
struct kad_slot *kad_bucket_find(const struct kad_table *table, unsigned bucket, kad_contact_ref contact);
struct kad_slot *kad_bucket_find_waiting(const struct kad_bucket *bucket, kad_contact_ref contact);
/* The contact of `bucket` that has this id. */
struct kad_slot *kad_bucket_find_id(const struct kad_table *table, unsigned bucket, const struct kad_id *id);

/* `slot` with what follows from its contact and the bucket it is meant for. */
struct kad_slot kad_bucket_fitted(const struct kad_table *table, unsigned bucket,
                                  const struct kad_slot *slot);
/* Takes over the retention in `slot`. False when memory is refused. There must be a free place. */
bool kad_bucket_put(struct kad_table *table, unsigned bucket, const struct kad_slot *slot);
/* Gives the slot, and its retention, to the caller. */
struct kad_slot kad_bucket_take(struct kad_table *table, unsigned bucket, struct kad_slot *slot);
/* Puts `slot` into the cache as its newest, for the oldest if need be. Takes over the retention; false, and it is still the
 * caller's, when nothing is cached or memory is refused. */
bool kad_bucket_put_waiting(struct kad_table *table, unsigned bucket, const struct kad_slot *slot);
struct kad_slot kad_bucket_take_waiting(struct kad_bucket *bucket, struct kad_slot *slot);
/* The newest replacement that may have a place gets it. KAD_NO_CONTACT: there is none. */
kad_contact_ref kad_bucket_promote(struct kad_table *table, unsigned bucket);

/* Does the host think so little of this one that it is to leave first, and displaces nobody? */
bool kad_table_distrusts(const struct kad_table *table, const struct kad_contact *contact);

/* What it is kept for is beyond all that others can bring. */
bool kad_slot_reserved(const struct kad_table *table, const struct kad_slot *slot);
/* Is the free place of `bucket` that somebody takes who answered after `rtt_ms` one for whoever answers fastest? */
bool kad_table_opens_near(const struct kad_table *table, unsigned bucket, uint16_t rtt_ms);
/* How many of them there are, 0 in the last bucket; and how many are taken. */
unsigned kad_table_near_share(const struct kad_table *table, unsigned bucket);
unsigned kad_table_n_near(const struct kad_table *table, unsigned bucket);
/* Who makes room in the full `bucket` for somebody who answered after `rtt_ms`; NULL: nobody does. */
struct kad_slot *kad_table_slower(const struct kad_table *table, unsigned bucket, uint16_t rtt_ms);

/* Splits the last bucket. False when that cannot be: no more bits, no memory; nothing has changed then. */
bool kad_table_split(struct kad_table *table);
/* Has the address group of `endpoint` its share, in this bucket or in the table? The more groups are known, the smaller it is. */
bool kad_table_group_full(const struct kad_table *table, unsigned bucket,
                          const struct kad_endpoint *endpoint);
/* Do the limits apply to this address at all? */
bool kad_table_counts(const struct kad_table *table, const struct kad_endpoint *endpoint);
/* How many of `bucket` and deeper ones are nearer to us than `id`, which belongs into `bucket`. */
unsigned kad_table_n_nearer(const struct kad_table *table, unsigned bucket, const struct kad_id *id);

#endif
