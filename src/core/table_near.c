/*
 * table_near - places for whoever answers fastest: see table_parts.h.
 *
 * In a bucket behind our own k nearest anybody serves as well as anybody else: which of thousands stands there matters to no
 * lookup's result. So some of its places (near_percent) go to whoever answers fastest: lookups begin with near ones, who do the
 * same and name near ones, and only the last step goes where the target's neighbours happen to be (proximity neighbour
 * selection: Gummadi et al. 2003, section 4; Castro et al. 2003).
 *
 * A good line is cheap to buy, so it wins these places only, and only from others who have them for their good line. The other
 * places are whoever's who came first, as ever, for as long as he answers; and no share of an address group, system or country
 * is larger for anybody's haste. What counts is an answer to a query of ours, whose nonce nobody could foresee: one can seem
 * slower than he is, never faster.
 */
#include "core/table_parts.h"

unsigned kad_table_near_share(const struct kad_table *table, unsigned bucket)
{
    if (!table->config.near_percent || bucket + 1 >= table->n_buckets)
        return 0;
    return kad_table_capacity(table, bucket) * table->config.near_percent / 100;
}

unsigned kad_table_n_near(const struct kad_table *table, unsigned bucket)
{
    const struct kad_bucket *b = &table->buckets[bucket];
    unsigned n = 0;

    for (unsigned i = 0; i < b->n_slots; i++)
        n += (b->slots[i].flags & KAD_SLOT_NEAR) != 0;
    return n;
}

/* As fast as the faster half of those that are there. */
static bool is_fast(const struct kad_bucket *bucket, uint16_t rtt_ms)
{
    unsigned n_known = 0, n_faster = 0;

    for (unsigned i = 0; i < bucket->n_slots; i++) {
        n_known += bucket->slots[i].rtt_ms != KAD_RTT_UNKNOWN;
        n_faster += bucket->slots[i].rtt_ms < rtt_ms;
    }
    return rtt_ms != KAD_RTT_UNKNOWN && 2 * n_faster <= n_known;
}

bool kad_table_opens_near(const struct kad_table *table, unsigned bucket, uint16_t rtt_ms)
{
    const struct kad_bucket *b = &table->buckets[bucket];
    const unsigned share = kad_table_near_share(table, bucket),
                   n_near = share ? kad_table_n_near(table, bucket) : 0;

    return n_near < share &&
           (is_fast(b, rtt_ms) || b->n_slots - n_near + share >= kad_table_capacity(table, bucket));
}

/* So much faster that it is worth the change, whatever the line did just now. */
static bool is_faster(unsigned rtt_ms, const struct kad_slot *slot)
{
    return slot->rtt_ms != KAD_RTT_UNKNOWN && 8 * rtt_ms + 40 < 7u * slot->rtt_ms;
}

/* None here is of our own k nearest. */
static bool is_far(const struct kad_table *table, unsigned bucket)
{
    unsigned n_deeper = 0;

    for (unsigned i = bucket + 1; i < table->n_buckets && n_deeper < table->config.k; i++)
        n_deeper += table->buckets[i].n_slots;
    return n_deeper >= table->config.k;
}

struct kad_slot *kad_table_slower(const struct kad_table *table, unsigned bucket, uint16_t rtt_ms)
{
    const struct kad_bucket *b = &table->buckets[bucket];
    const unsigned share = kad_table_near_share(table, bucket);
    struct kad_slot *slowest = NULL;
    bool any;

    if (!share || rtt_ms == KAD_RTT_UNKNOWN || !is_far(table, bucket))
        return NULL;
    /* Places for whoever is fast are all whoever's only where the first were there before this bucket had split off. */
    any = b->n_slots - kad_table_n_near(table, bucket) + share > kad_table_capacity(table, bucket);
    for (unsigned i = 0; i < b->n_slots; i++) {
        struct kad_slot *slot = &b->slots[i];

        if ((any || slot->flags & KAD_SLOT_NEAR) && is_faster(rtt_ms, slot) &&
            (!slowest || slot->rtt_ms > slowest->rtt_ms) && !kad_slot_reserved(table, slot))
            slowest = slot;
    }
    return slowest;
}

static bool waits(const struct kad_table *table, const struct kad_bucket *bucket, const struct kad_id *id)
{
    for (unsigned i = 0; i < bucket->n_cache; i++) {
        if (kad_id_equal(kad_slot_id(table, &bucket->cache[i]), id))
            return true;
    }
    return false;
}

bool kad_table_hopes(const struct kad_table *table, const struct kad_contact *contact, int rtt_ms)
{
    const unsigned prefix = kad_id_prefix(&table->self, &contact->id);
    const unsigned bucket = kad_bucket_index(table, prefix);
    const struct kad_bucket *b = &table->buckets[bucket];
    const uint16_t rtt = rtt_ms >= 0 && rtt_ms < KAD_RTT_UNKNOWN ? (uint16_t)rtt_ms : KAD_RTT_UNKNOWN;

    if (prefix >= table->config.id_bits || !is_far(table, bucket))
        return false;
    if (b->n_slots < kad_table_capacity(table, bucket)
            ? !is_fast(b, rtt) || !kad_table_opens_near(table, bucket, rtt)
            : !kad_table_slower(table, bucket, rtt))
        return false;
    return !kad_bucket_find_id(table, bucket, &contact->id) && !waits(table, b, &contact->id) &&
           !kad_table_distrusts(table, contact) && !kad_table_group_full(table, bucket, &contact->endpoint);
}

bool kad_table_is_near(const struct kad_table *table, kad_contact_ref contact)
{
    const struct kad_slot *slot = kad_table_find(table, contact);

    return slot && slot->flags & KAD_SLOT_NEAR;
}

int kad_table_far_bucket(const struct kad_table *table, struct kad_rng *rng)
{
    int bucket = -1;

    /* A lookup begins in the first with one in two, in the second with one in four: so do we look after them. */
    for (unsigned i = 0; i + 1 < table->n_buckets && is_far(table, i); i++) {
        if (!kad_table_near_share(table, i))
            continue;
        bucket = (int)i;
        if (kad_rng_below(rng, 2))
            break;
    }
    return bucket;
}

kad_contact_ref kad_table_fast(const struct kad_table *table, unsigned bucket, struct kad_rng *rng)
{
    const struct kad_slot *fastest = NULL;
    unsigned n = 0;

    for (unsigned i = bucket; i < table->n_buckets; i++)
        n += table->buckets[i].n_slots;
    for (unsigned draw = 0; n && draw < KAD_TABLE_DRAWN; draw++) {
        unsigned at = (unsigned)kad_rng_below(rng, n), i = bucket;
        const struct kad_slot *slot;

        for (; at >= table->buckets[i].n_slots; i++)
            at -= table->buckets[i].n_slots;
        slot = &table->buckets[i].slots[at];
        if (slot->rtt_ms != KAD_RTT_UNKNOWN && !slot->failures &&
            (!fastest || slot->rtt_ms < fastest->rtt_ms))
            fastest = slot;
    }
    return fastest ? fastest->contact : KAD_NO_CONTACT;
}
