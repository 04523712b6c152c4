/* table_bucket - slots, splitting, the replacement cache, group limits: see table_parts.h. */
#include "core/table_parts.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"

#define SLOT_STEP \
    4 /* arrays grow by this: with a million nodes in memory doubling costs more than it saves */
#define CACHE_STEP  2
#define BUCKET_STEP 4
#define GROUP_LEAST 3 /* of a /16 or /48 in a table, whatever else is in it: as many as libp2p has */

static_assert(sizeof(struct kad_slot) == 16, "a million tables are kept");
static_assert(sizeof(struct kad_bucket) == 24, "a million tables are kept");

/* -- places ----------------------------------------------------------------------------------------------------- */

/* Ids that differ from ours first in bit `bucket`: 2^(id_bits - bucket - 1), as far as it matters. */
static unsigned ids_at(const struct kad_table *table, unsigned bucket)
{
    const unsigned bits = table->config.id_bits - bucket - 1;

    return bits < 8 ? 1u << bits : 256;
}

unsigned kad_bucket_capacity_split(const struct kad_table *table, unsigned bucket)
{
    const unsigned wide = bucket < 8 ? table->config.wide >> bucket : 0;
    const unsigned capacity = wide > table->config.k ? wide : table->config.k;
    const unsigned ids = ids_at(table, bucket);

    return capacity < ids ? capacity : ids;
}

unsigned kad_table_capacity(const struct kad_table *table, unsigned bucket)
{
    unsigned ids;

    assert(bucket < table->n_buckets && "no such bucket");
    if (bucket + 1 < table->n_buckets)
        return kad_bucket_capacity_split(table, bucket);
    /* The last one also holds the ids that differ from ours later; all but our own. It is never wider than k, so
     * that whatever a split makes of it fits. */
    ids = 2 * ids_at(table, bucket) - 1;
    return table->config.k < ids ? table->config.k : ids;
}

static bool grow(const struct kad_table *table, struct kad_slot **slots, unsigned n, uint8_t *room,
                 unsigned step, unsigned capacity)
{
    unsigned wanted = *room + step;
    struct kad_slot *grown;

    if (n < *room)
        return true;
    if (wanted > capacity)
        wanted = capacity;
    assert(wanted > n && "no free place");
    grown = kad_resize(table->allocator, *slots, *room * sizeof(*grown), wanted * sizeof(*grown));
    if (!grown)
        return false;
    *slots = grown;
    *room = (uint8_t)wanted;
    return true;
}

static unsigned mark_of(const struct kad_endpoint *endpoint)
{
    return kad_hash_word(0, kad_endpoint_wide_group(endpoint)) & 63;
}

static uint32_t near_of(const struct kad_table *table, const struct kad_slot *slot, unsigned bucket)
{
    return kad_id_bits_from(kad_slot_id(table, slot), bucket);
}

/* The slot as it stands in this bucket. */
struct kad_slot kad_bucket_fitted(const struct kad_table *table, unsigned bucket, const struct kad_slot *slot)
{
    struct kad_slot fit = *slot;

    fit.near = near_of(table, slot, bucket);
    fit.group_mark = mark_of(&kad_book_contact(table->book, slot->contact)->endpoint) & 63;
    return fit;
}

/* -- contacts --------------------------------------------------------------------------------------------------- */

struct kad_slot *kad_bucket_find(const struct kad_table *table, unsigned bucket, kad_contact_ref contact)
{
    const struct kad_bucket *b = &table->buckets[bucket];
    const uint32_t near = kad_id_bits_from(&kad_book_contact(table->book, contact)->id, bucket);

    for (unsigned i = kad_bucket_first(b, near); i < b->n_slots && b->slots[i].near == near; i++) {
        if (b->slots[i].contact == contact)
            return &b->slots[i];
    }
    return NULL;
}

struct kad_slot *kad_bucket_find_waiting(const struct kad_bucket *bucket, kad_contact_ref contact)
{
    for (unsigned i = 0; i < bucket->n_cache; i++) {
        if (bucket->cache[i].contact == contact)
            return &bucket->cache[i];
    }
    return NULL;
}

struct kad_slot *kad_bucket_find_id(const struct kad_table *table, unsigned bucket, const struct kad_id *id)
{
    const struct kad_bucket *b = &table->buckets[bucket];
    const uint32_t near = kad_id_bits_from(id, bucket);

    for (unsigned i = kad_bucket_first(b, near); i < b->n_slots && b->slots[i].near == near; i++) {
        if (kad_id_equal(kad_slot_id(table, &b->slots[i]), id))
            return &b->slots[i];
    }
    return NULL;
}

bool kad_bucket_put(struct kad_table *table, unsigned bucket, const struct kad_slot *slot)
{
    struct kad_bucket *b = &table->buckets[bucket];
    struct kad_slot fit = kad_bucket_fitted(table, bucket, slot);
    unsigned at;

    if (!grow(table, &b->slots, b->n_slots, &b->room_slots, SLOT_STEP, kad_table_capacity(table, bucket)))
        return false;
    fit.flags = (fit.flags & 3u) | (kad_table_opens_near(table, bucket, fit.rtt_ms) ? KAD_SLOT_NEAR : 0u);
    at = kad_bucket_first(b, fit.near);
    memmove(&b->slots[at + 1], &b->slots[at], (b->n_slots - at) * sizeof(fit));
    b->slots[at] = fit;
    b->n_slots++;
    table->n_contacts++;
    return true;
}

struct kad_slot kad_bucket_take(struct kad_table *table, unsigned bucket, struct kad_slot *slot)
{
    struct kad_bucket *b = &table->buckets[bucket];
    const struct kad_slot taken = *slot;

    assert(slot >= b->slots && slot < b->slots + b->n_slots && "another bucket's");
    b->n_slots--;
    memmove(slot, slot + 1, (size_t)(b->slots + b->n_slots - slot) * sizeof(*slot));
    table->n_contacts--;
    return taken;
}

/* -- replacements ----------------------------------------------------------------------------------------------- */

struct kad_slot kad_bucket_take_waiting(struct kad_bucket *bucket, struct kad_slot *slot)
{
    const struct kad_slot taken = *slot;
    const size_t at = (size_t)(slot - bucket->cache);

    bucket->n_cache--;
    memmove(slot, slot + 1, (bucket->n_cache - at) * sizeof(*slot)); /* newest last */
    return taken;
}

bool kad_bucket_put_waiting(struct kad_table *table, unsigned bucket, const struct kad_slot *slot)
{
    struct kad_bucket *b = &table->buckets[bucket];
    const unsigned capacity = table->config.cache;

    if (capacity == 0)
        return false;
    if (b->n_cache == capacity)
        kad_book_release(table->book, kad_bucket_take_waiting(b, &b->cache[0]).contact);
    if (!grow(table, &b->cache, b->n_cache, &b->room_cache, CACHE_STEP, capacity))
        return false;
    b->cache[b->n_cache] = kad_bucket_fitted(table, bucket, slot);
    b->cache[b->n_cache].flags &= KAD_SLOT_PREFERRED; /* nothing decides over its place: it has none */
    b->n_cache++;
    return true;
}

/* Whoever waits was let in when it came; since then it may have lost what it was let in for. */
static bool is_below(const struct kad_table *table, const struct kad_contact *contact)
{
    const struct kad_table_opinion *opinion = table->config.opinion;

    return opinion && opinion->least && opinion->kept(opinion->context, contact) < opinion->least;
}

static kad_contact_ref promote(struct kad_table *table, unsigned bucket, bool distrusted)
{
    struct kad_bucket *b = &table->buckets[bucket];

    for (unsigned i = b->n_cache; i-- > 0;) {
        const struct kad_slot *waiting = &b->cache[i];
        const struct kad_contact *contact = kad_book_contact(table->book, waiting->contact);

        if (kad_table_distrusts(table, contact) != distrusted || is_below(table, contact) ||
            kad_table_group_full(table, bucket, &contact->endpoint) ||
            kad_table_crowded(table, waiting->contact) || kad_bucket_find_id(table, bucket, &contact->id))
            continue;
        if (!kad_bucket_put(table, bucket, waiting))
            return KAD_NO_CONTACT;
        return kad_bucket_take_waiting(b, &b->cache[i]).contact;
    }
    return KAD_NO_CONTACT;
}

kad_contact_ref kad_bucket_promote(struct kad_table *table, unsigned bucket)
{
    const kad_contact_ref trusted = promote(table, bucket, false);

    return trusted == KAD_NO_CONTACT && table->config.opinion ? promote(table, bucket, true) : trusted;
}

bool kad_table_distrusts(const struct kad_table *table, const struct kad_contact *contact)
{
    const struct kad_table_opinion *opinion = table->config.opinion;

    return opinion && opinion->doubts(opinion->context) &&
           opinion->kept(opinion->context, contact) < KAD_TABLE_DISTRUST;
}

/* -- splitting -------------------------------------------------------------------------------------------------- */

static bool add_bucket_room(struct kad_table *table)
{
    const unsigned room = table->room_buckets + BUCKET_STEP;
    struct kad_bucket *buckets;

    if (table->n_buckets < table->room_buckets)
        return true;
    buckets = kad_resize(table->allocator, table->buckets, table->room_buckets * sizeof(*buckets),
                         room * sizeof(*buckets));
    if (!buckets)
        return false;
    table->buckets = buckets;
    table->room_buckets = (uint16_t)room;
    return true;
}

static bool goes_deeper(const struct kad_table *table, const struct kad_slot *slot, unsigned last)
{
    return kad_id_prefix(kad_slot_id(table, slot), &table->self) > last;
}

/* Moves what agrees with us in bit `last` too from slots[0 .. n) to `out_moved`. Returns how many stay, in order. */
static unsigned part(const struct kad_table *table, unsigned last, struct kad_slot *slots, unsigned n,
                     struct kad_slot *out_moved)
{
    unsigned n_stay = 0, n_moved = 0;

    for (unsigned i = 0; i < n; i++) {
        if (goes_deeper(table, &slots[i], last)) {
            out_moved[n_moved] = slots[i];
            out_moved[n_moved++].near = near_of(table, &slots[i], last + 1);
        } else {
            slots[n_stay++] = slots[i];
        }
    }
    return n_stay;
}

static unsigned count_deeper(const struct kad_table *table, unsigned last, const struct kad_slot *slots,
                             unsigned n)
{
    unsigned n_deeper = 0;

    for (unsigned i = 0; i < n; i++)
        n_deeper += goes_deeper(table, &slots[i], last);
    return n_deeper;
}

/* After a split: with another 32 bits to look at, equals may have become unequal. */
static void put_in_order(struct kad_slot *slots, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        const struct kad_slot slot = slots[i];
        unsigned at = i;

        for (; at > 0 && slot.near < slots[at - 1].near; at--)
            slots[at] = slots[at - 1];
        slots[at] = slot;
    }
}

bool kad_table_split(struct kad_table *table)
{
    const unsigned last = table->n_buckets - 1u;
    struct kad_bucket fresh = {.touched_at = table->buckets[last].touched_at};
    struct kad_bucket *old;

    if (table->n_buckets >= table->config.id_bits || !add_bucket_room(table))
        return false;
    old = &table->buckets[last];
    fresh.n_slots = fresh.room_slots = (uint8_t)count_deeper(table, last, old->slots, old->n_slots);
    fresh.n_cache = fresh.room_cache = (uint8_t)count_deeper(table, last, old->cache, old->n_cache);
    if (fresh.n_slots > 0) {
        fresh.slots = kad_alloc(table->allocator, fresh.n_slots * sizeof(*fresh.slots));
        if (!fresh.slots)
            return false;
    }
    if (fresh.n_cache > 0) {
        fresh.cache = kad_alloc(table->allocator, fresh.n_cache * sizeof(*fresh.cache));
        if (!fresh.cache) {
            kad_free(table->allocator, fresh.slots, fresh.n_slots * sizeof(*fresh.slots));
            return false;
        }
    }
    old->n_slots = (uint8_t)part(table, last, old->slots, old->n_slots, fresh.slots);
    old->n_cache = (uint8_t)part(table, last, old->cache, old->n_cache, fresh.cache);
    put_in_order(fresh.slots, fresh.n_slots);
    table->buckets[table->n_buckets++] = fresh;
    return true;
}

unsigned kad_table_n_nearer(const struct kad_table *table, unsigned bucket, const struct kad_id *id)
{
    const struct kad_bucket *b = &table->buckets[bucket];
    unsigned n_nearer = 0;

    for (unsigned i = bucket + 1; i < table->n_buckets && n_nearer < table->config.k; i++)
        n_nearer += table->buckets[i].n_slots;
    for (unsigned i = 0; i < b->n_slots && n_nearer < table->config.k; i++)
        n_nearer += kad_id_compare(&table->self, kad_slot_id(table, &b->slots[i]), id) < 0;
    return n_nearer;
}

/* -- address groups --------------------------------------------------------------------------------------------- */

bool kad_table_counts(const struct kad_table *table, const struct kad_endpoint *endpoint)
{
    const struct kad_table_config *config = &table->config;

    return (config->narrow_per_bucket || config->narrow_per_table || config->wide_per_bucket ||
            config->wide_per_table) &&
           (config->limit_local || kad_endpoint_scope(endpoint) == KAD_SCOPE_PUBLIC);
}

static bool reached(unsigned n, unsigned limit)
{
    return limit > 0 && n >= limit;
}

/* A network that stands in few groups may have many of each. Where more are known nobody needs many of one, so who has few groups
 * has little of the table, however many nodes stand there: two shares of what all of one or two groups may have, GROUP_LEAST at least. */
static unsigned wide_limit(const struct kad_table *table, uint64_t marks)
{
    const unsigned most = table->config.wide_per_table;
    const unsigned n_known =
        (unsigned)__builtin_popcountll(marks); /* of 64: the groups, or as good as many */
    const unsigned fair = n_known > 2 ? 2 * most / n_known : most;

    return fair < GROUP_LEAST ? (most < GROUP_LEAST ? most : GROUP_LEAST) : fair;
}

/* Counted each time rather than kept: it happens once per newcomer, and a million tables have no bytes for it. */
bool kad_table_group_full(const struct kad_table *table, unsigned bucket, const struct kad_endpoint *endpoint)
{
    const struct kad_table_config *config = &table->config;
    unsigned narrow_here = 0, wide_here = 0, narrow = 0, wide = 0;
    const unsigned mark = mark_of(endpoint);
    uint64_t marks = UINT64_C(1) << mark;
    uint64_t narrow_group, wide_group;

    if (!kad_table_counts(table, endpoint))
        return false;
    narrow_group = kad_endpoint_narrow_group(endpoint);
    wide_group = kad_endpoint_wide_group(endpoint);
    for (unsigned i = 0; i < table->n_buckets; i++) {
        const struct kad_bucket *b = &table->buckets[i];

        for (unsigned j = 0; j < b->n_slots; j++) {
            const struct kad_endpoint *other;

            marks |= UINT64_C(1) << b->slots[j].group_mark;
            if (b->slots[j].group_mark != mark)
                continue;
            other = &kad_book_contact(table->book, b->slots[j].contact)->endpoint;
            if (kad_endpoint_wide_group(other) != wide_group)
                continue;
            wide++;
            wide_here += i == bucket;
            if (kad_endpoint_narrow_group(other) != narrow_group)
                continue;
            narrow++;
            narrow_here += i == bucket;
        }
    }
    return reached(narrow_here, config->narrow_per_bucket) || reached(wide_here, config->wide_per_bucket) ||
           reached(narrow, config->narrow_per_table) || reached(wide, wide_limit(table, marks));
}
