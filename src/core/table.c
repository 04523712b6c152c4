#include "core/table.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "core/table_parts.h"

/* -- life ------------------------------------------------------------------------------------------------------- */

struct kad_table *kad_table_new(const struct kad_allocator *allocator, struct kad_book *book,
                                const struct kad_id *self, const struct kad_table_config *config,
                                kad_ms epoch)
{
    struct kad_table *table = kad_alloc_zero(allocator, sizeof(*table));

    assert(config->id_bits >= 1 && config->id_bits <= 8 * KAD_ID_SIZE && config->k >= 1 && config->k <= 64 &&
           config->wide <= KAD_BUCKET_MAX && config->cache <= 16 && "settings are checked before");
    if (!table)
        return NULL;
    table->allocator = allocator;
    table->book = book;
    table->self = *self;
    table->config = *config;
    table->epoch = epoch;
    table->buckets = kad_alloc_zero(allocator, sizeof(*table->buckets));
    if (!table->buckets) {
        kad_free(allocator, table, sizeof(*table));
        return NULL;
    }
    table->n_buckets = table->room_buckets = 1;
    return table;
}

void kad_table_free(struct kad_table *table)
{
    if (!table)
        return;
    for (unsigned i = 0; i < table->n_buckets; i++) {
        struct kad_bucket *b = &table->buckets[i];

        for (unsigned j = 0; j < b->n_slots; j++)
            kad_book_release(table->book, b->slots[j].contact);
        for (unsigned j = 0; j < b->n_cache; j++)
            kad_book_release(table->book, b->cache[j].contact);
        kad_free(table->allocator, b->slots, b->room_slots * sizeof(*b->slots));
        kad_free(table->allocator, b->cache, b->room_cache * sizeof(*b->cache));
    }
    kad_free(table->allocator, table->buckets, table->room_buckets * sizeof(*table->buckets));
    kad_free(table->allocator, table, sizeof(*table));
}

uint32_t kad_table_seconds(const struct kad_table *table, kad_ms now)
{
    const kad_ms seconds = (now - table->epoch) / KAD_SECOND;

    assert(now >= table->epoch && "time ran backwards");
    return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX - 1;
}

/* -- who gets in ------------------------------------------------------------------------------------------------ */

static unsigned bucket_of(const struct kad_table *table, const struct kad_id *id)
{
    return kad_bucket_index(table, kad_id_prefix(&table->self, id));
}

static void refresh(const struct kad_table *table, struct kad_slot *slot, bool preferred, int rtt_ms,
                    kad_ms now)
{
    slot->heard_at = kad_table_seconds(table, now);
    slot->failures = 0;
    slot->flags = (slot->flags & KAD_SLOT_NEAR) | (preferred ? KAD_SLOT_PREFERRED : 0u);
    if (rtt_ms < 0)
        return;
    if (rtt_ms >= KAD_RTT_UNKNOWN)
        rtt_ms = KAD_RTT_UNKNOWN - 1;
    if (slot->rtt_ms == KAD_RTT_UNKNOWN)
        slot->rtt_ms = (uint16_t)rtt_ms;
    else
        slot->rtt_ms = (uint16_t)((7 * slot->rtt_ms + rtt_ms + 4) / 8);
}

/* An empty place for `id`, for which the last bucket may have to split. *out_bucket is where it belongs, either way. */
static bool find_place(struct kad_table *table, const struct kad_id *id, unsigned *out_bucket)
{
    const unsigned prefix = kad_id_prefix(&table->self, id);
    unsigned bucket;

    do {
        bucket = kad_bucket_index(table, prefix);
        *out_bucket = bucket;
        if (table->buckets[bucket].n_slots < kad_table_capacity(table, bucket))
            return true;
    } while (bucket + 1 == table->n_buckets && kad_table_split(table));
    return false;
}

static unsigned kept_for(const struct kad_table *table, const struct kad_slot *slot)
{
    const struct kad_table_opinion *opinion = table->config.opinion;

    return opinion ? opinion->kept(opinion->context, kad_book_contact(table->book, slot->contact)) : 50;
}

bool kad_slot_reserved(const struct kad_table *table, const struct kad_slot *slot)
{
    return table->config.opinion && kept_for(table, slot) >= KAD_TABLE_RESERVED;
}

/* Of the contacts that may have to go (all, or those that fail the id rule), the farthest from us. */
static struct kad_slot *farthest(const struct kad_table *table, unsigned bucket, bool spare_preferred)
{
    const struct kad_bucket *b = &table->buckets[bucket];
    struct kad_slot *victim = NULL;

    for (unsigned i = 0; i < b->n_slots; i++) {
        struct kad_slot *slot = &b->slots[i];

        if ((spare_preferred && (slot->flags & KAD_SLOT_PREFERRED)) || kad_slot_reserved(table, slot))
            continue;
        if (!victim || kad_id_compare(&table->self, kad_slot_id(table, slot), kad_slot_id(table, victim)) > 0)
            victim = slot;
    }
    return victim;
}

/* Of those the host distrusts, whom it distrusts most. */
static struct kad_slot *least_trusted(const struct kad_table *table, unsigned bucket)
{
    const struct kad_table_opinion *opinion = table->config.opinion;
    const struct kad_bucket *b = &table->buckets[bucket];
    unsigned least = KAD_TABLE_DISTRUST;
    struct kad_slot *victim = NULL;

    if (!opinion || !opinion->doubts(opinion->context))
        return NULL;
    for (unsigned i = 0; i < b->n_slots; i++) {
        const unsigned kept =
            opinion->kept(opinion->context, kad_book_contact(table->book, b->slots[i].contact));

        if (kept < least) {
            least = kept;
            victim = &b->slots[i];
        }
    }
    return victim;
}

/* Who makes room in a full bucket for somebody who is not distrusted, if anybody does. */
static struct kad_slot *victim_for(const struct kad_table *table, unsigned bucket, const struct kad_id *id,
                                   bool preferred)
{
    const unsigned k = table->config.k;
    struct kad_slot *victim = least_trusted(table, bucket);

    if (victim)
        return victim;
    if (kad_table_n_nearer(table, bucket, id) < k) {
        victim = farthest(table, bucket, false);
        /* Where fewer than k ids exist a bucket can be full of nearer ones. */
        return victim && kad_id_compare(&table->self, kad_slot_id(table, victim), id) > 0 ? victim : NULL;
    }
    victim = preferred ? farthest(table, bucket, true) : NULL;
    if (victim && kad_table_n_nearer(table, bucket, kad_slot_id(table, victim)) < k)
        return NULL; /* one of our own k nearest: those stay, whatever their ids */
    return victim;
}

/* Marks for a probe `wanted`, or else the least recently heard; not while another of the bucket is being probed. */
static kad_contact_ref probe(struct kad_table *table, unsigned bucket, struct kad_slot *wanted, kad_ms now)
{
    struct kad_bucket *b = &table->buckets[bucket];
    struct kad_slot *oldest = wanted;

    for (unsigned i = 0; i < b->n_slots; i++) {
        if (b->slots[i].flags & KAD_SLOT_PROBED)
            return KAD_NO_CONTACT;
        if (!wanted && (!oldest || b->slots[i].heard_at < oldest->heard_at))
            oldest = &b->slots[i];
    }
    if (!oldest || now - kad_table_heard_at(table, oldest) < table->config.probe_after_ms)
        return KAD_NO_CONTACT;
    oldest->flags |= KAD_SLOT_PROBED;
    return oldest->contact;
}

/* The newcomer waits, and somebody has to show that he is alive. */
static struct kad_table_update let_wait(struct kad_table *table, unsigned bucket, const struct kad_slot *slot,
                                        struct kad_slot *rival, kad_ms now)
{
    struct kad_table_update update = {.change = KAD_TABLE_CACHED};

    if (!kad_bucket_put_waiting(table, bucket, slot)) {
        kad_book_release(table->book, slot->contact);
        update.change = KAD_TABLE_IGNORED;
        return update;
    }
    update.probe = probe(table, bucket, rival, now);
    return update;
}

static struct kad_table_update replace(struct kad_table *table, unsigned bucket, struct kad_slot *victim,
                                       const struct kad_slot *slot)
{
    const struct kad_slot gone = kad_bucket_take(table, bucket, victim);
    const bool put = kad_bucket_put(table, bucket, slot);

    assert(put && "a place that was just left");
    (void)put;
    if (kad_bucket_put_waiting(table, bucket, &gone))
        kad_book_retain(table->book, gone.contact); /* once for the cache, once for the caller */
    return (struct kad_table_update){.change = KAD_TABLE_REPLACED, .removed = gone.contact};
}

/* Takes over the retention in `slot`. */
static struct kad_table_update take_in(struct kad_table *table, const struct kad_contact *contact,
                                       const struct kad_slot *slot, kad_ms now)
{
    unsigned bucket = bucket_of(table, &contact->id);
    struct kad_slot *victim = kad_bucket_find_id(table, bucket, &contact->id);

    if (victim) /* two claim this id: the one that is in stays as long as it answers */
        return let_wait(table, bucket, slot, victim, now);
    if (kad_table_group_full(table, bucket, &contact->endpoint) || kad_table_crowded(table, slot->contact)) {
        kad_book_release(table->book, slot->contact);
        return (struct kad_table_update){.change = KAD_TABLE_LIMITED};
    }
    if (find_place(table, &contact->id, &bucket)) {
        if (kad_bucket_put(table, bucket, slot))
            return (struct kad_table_update){.change = KAD_TABLE_ADDED};
        kad_book_release(table->book, slot->contact);
        return (struct kad_table_update){.change = KAD_TABLE_IGNORED};
    }
    victim = kad_table_distrusts(table, contact)
                 ? NULL
                 : victim_for(table, bucket, &contact->id, slot->flags & KAD_SLOT_PREFERRED);
    if (!victim && !kad_table_distrusts(table, contact))
        victim = kad_table_slower(table, bucket, slot->rtt_ms);
    return victim ? replace(table, bucket, victim, slot) : let_wait(table, bucket, slot, NULL, now);
}

struct kad_table_update kad_table_heard(struct kad_table *table, kad_contact_ref contact, bool preferred,
                                        int rtt_ms, kad_ms now)
{
    const struct kad_contact *entry = kad_book_contact(table->book, contact);
    const unsigned prefix = kad_id_prefix(&table->self, &entry->id);
    const unsigned bucket = kad_bucket_index(table, prefix);
    struct kad_bucket *b = &table->buckets[bucket];
    struct kad_slot *slot = kad_bucket_find(table, bucket, contact);
    struct kad_slot fresh = {.contact = contact, .rtt_ms = KAD_RTT_UNKNOWN};

    if (slot) {
        refresh(table, slot, preferred, rtt_ms, now);
        return (struct kad_table_update){.change = KAD_TABLE_SAME};
    }
    if (prefix >= table->config.id_bits)
        return (struct kad_table_update){.change = KAD_TABLE_IGNORED};

    slot = kad_bucket_find_waiting(b, contact);
    if (slot) /* tries again; if it has to wait on, it does so as the newest */
        fresh = kad_bucket_take_waiting(b, slot);
    else
        kad_book_retain(table->book, contact);
    refresh(table, &fresh, preferred, rtt_ms, now);
    return take_in(table, entry, &fresh, now);
}

struct kad_table_update kad_table_moved(struct kad_table *table, kad_contact_ref contact, int rtt_ms,
                                        kad_ms now)
{
    const struct kad_contact *entry = kad_book_contact(table->book, contact);
    const unsigned bucket = bucket_of(table, &entry->id);
    struct kad_bucket *b = &table->buckets[bucket];
    struct kad_slot *slot = kad_bucket_find_id(table, bucket, &entry->id);
    struct kad_table_update update = {.change = KAD_TABLE_REPLACED};
    struct kad_slot fresh;
    bool put;

    assert(slot && slot->contact != contact && "nobody with this id to take the place of");
    fresh = kad_bucket_take(table, bucket, slot);
    update.removed = fresh.contact;
    slot = kad_bucket_find_waiting(b, contact);
    if (slot)
        kad_book_release(table->book, kad_bucket_take_waiting(b, slot).contact);
    if (kad_table_group_full(table, bucket, &entry->endpoint) || kad_table_crowded(table, contact)) {
        update.change = KAD_TABLE_REMOVED;
        update.added = kad_bucket_promote(table, bucket);
        return update;
    }
    fresh.contact = contact;
    fresh.rtt_ms = KAD_RTT_UNKNOWN;
    fresh.flags &= KAD_SLOT_PREFERRED;
    kad_book_retain(table->book, contact);
    refresh(table, &fresh, fresh.flags & KAD_SLOT_PREFERRED, rtt_ms, now);
    put = kad_bucket_put(table, bucket, &fresh);
    assert(put && "a place that was just left");
    (void)put;
    return update;
}

bool kad_table_wants(const struct kad_table *table, const struct kad_id *id,
                     const struct kad_endpoint *endpoint)
{
    const unsigned prefix = kad_id_prefix(&table->self, id);
    const unsigned bucket = kad_bucket_index(table, prefix);
    const struct kad_bucket *b = &table->buckets[bucket];
    unsigned n_beside = b->n_slots, capacity = kad_table_capacity(table, bucket);

    if (prefix >= table->config.id_bits)
        return false;
    if (n_beside >= capacity && bucket + 1 == table->n_buckets && table->n_buckets < table->config.id_bits) {
        /* The last one would split until `id` stands apart from some, if there are any it can be parted from. */
        n_beside = 0;
        for (unsigned i = 0; i < b->n_slots; i++)
            n_beside += kad_id_prefix(&table->self, kad_slot_id(table, &b->slots[i])) == prefix;
        capacity = kad_bucket_capacity_split(table, prefix);
    }
    return (n_beside < capacity || /* first: it refuses the most */
            (victim_for(table, bucket, id, false) &&
             !kad_table_distrusts(table, &(struct kad_contact){*id, *endpoint}))) &&
           !kad_bucket_find_id(table, bucket, id) && !kad_table_group_full(table, bucket, endpoint);
}

/* -- who goes --------------------------------------------------------------------------------------------------- */

static struct kad_table_update drop_waiting(struct kad_table *table, struct kad_bucket *bucket,
                                            kad_contact_ref contact)
{
    struct kad_slot *slot = kad_bucket_find_waiting(bucket, contact);

    if (slot)
        kad_book_release(table->book, kad_bucket_take_waiting(bucket, slot).contact);
    return (struct kad_table_update){.change = KAD_TABLE_IGNORED};
}

struct kad_table_update kad_table_failed(struct kad_table *table, kad_contact_ref contact, kad_ms now)
{
    const unsigned bucket = bucket_of(table, &kad_book_contact(table->book, contact)->id);
    struct kad_bucket *b = &table->buckets[bucket];
    struct kad_slot *slot = kad_bucket_find(table, bucket, contact);
    struct kad_table_update update = {.change = KAD_TABLE_SAME};
    bool probed;

    (void)now;
    if (!slot)
        return drop_waiting(table, b, contact);
    if (slot->failures < KAD_SLOT_FAILURES_MAX)
        slot->failures++;
    probed = slot->flags & KAD_SLOT_PROBED;
    slot->flags &= KAD_SLOT_PREFERRED | KAD_SLOT_NEAR;
    if (slot->failures >= table->config.max_failures || (probed && b->n_cache > 0)) {
        const struct kad_slot gone = kad_bucket_take(table, bucket, slot);

        update.added = kad_bucket_promote(table, bucket);
        if (update.added == KAD_NO_CONTACT && gone.failures < table->config.max_failures) {
            const bool put = kad_bucket_put(table, bucket, &gone);

            assert(put && "a place that was just left");
            (void)put;
        } else {
            update.change = KAD_TABLE_REMOVED;
            update.removed = gone.contact;
        }
    }
    return update;
}

struct kad_table_update kad_table_trim(struct kad_table *table, unsigned spare)
{
    struct kad_table_update update = {.change = KAD_TABLE_IGNORED};
    struct kad_slot *worst = NULL;
    unsigned worst_kept = KAD_TABLE_RESERVED, in = 0;

    for (unsigned i = 0; i < table->n_buckets; i++) {
        struct kad_bucket *b = &table->buckets[i];

        for (unsigned j = 0; j < b->n_slots; j++) {
            const unsigned kept = kept_for(table, &b->slots[j]);
            const bool less = kept < worst_kept;

            /* Among equals one of the fullest bucket, where it is missed least, that was silent for longest. */
            if (!less && (kept > worst_kept || !worst || b->n_slots < table->buckets[in].n_slots ||
                          (i == in && b->slots[j].heard_at >= worst->heard_at)))
                continue;
            if (kept >= KAD_TABLE_RESERVED ||
                kad_table_n_nearer(table, i, kad_slot_id(table, &b->slots[j])) < spare)
                continue;
            worst = &b->slots[j];
            worst_kept = kept;
            in = i;
        }
    }
    if (worst) {
        const struct kad_slot gone = kad_bucket_take(table, in, worst);

        update.change = KAD_TABLE_REMOVED;
        update.removed = gone.contact;
        if (kad_bucket_put_waiting(table, in, &gone))
            kad_book_retain(table->book, gone.contact); /* once for the cache, once for the caller */
    }
    return update;
}

struct kad_table_update kad_table_remove(struct kad_table *table, kad_contact_ref contact, kad_ms now)
{
    const unsigned bucket = bucket_of(table, &kad_book_contact(table->book, contact)->id);
    struct kad_bucket *b = &table->buckets[bucket];
    struct kad_slot *slot = kad_bucket_find(table, bucket, contact);
    struct kad_table_update update = {.change = KAD_TABLE_REMOVED};

    (void)now;
    if (!slot)
        return drop_waiting(table, b, contact);
    update.removed = kad_bucket_take(table, bucket, slot).contact;
    update.added = kad_bucket_promote(table, bucket);
    return update;
}

const struct kad_slot *kad_table_find(const struct kad_table *table, kad_contact_ref contact)
{
    return kad_bucket_find(table, bucket_of(table, &kad_book_contact(table->book, contact)->id), contact);
}

struct kad_slot *kad_table_slot_with_id(struct kad_table *table, const struct kad_id *id)
{
    return kad_bucket_find_id(table, bucket_of(table, id), id);
}

void kad_table_heard_again(struct kad_table *table, struct kad_slot *slot, kad_ms now)
{
    refresh(table, slot, slot->flags & KAD_SLOT_PREFERRED, -1, now);
}

kad_contact_ref kad_table_with_id(const struct kad_table *table, const struct kad_id *id)
{
    const struct kad_slot *slot = kad_bucket_find_id(table, bucket_of(table, id), id);

    return slot ? slot->contact : KAD_NO_CONTACT;
}

bool kad_table_has_waiting(const struct kad_table *table, const struct kad_id *id)
{
    return table->buckets[bucket_of(table, id)].n_cache > 0;
}

/* -- timers ----------------------------------------------------------------------------------------------------- */

void kad_table_touch(struct kad_table *table, const struct kad_id *target, kad_ms now)
{
    table->buckets[bucket_of(table, target)].touched_at = kad_table_seconds(table, now) + 1;
}

int kad_table_stale_bucket(const struct kad_table *table, kad_ms age, kad_ms now)
{
    unsigned oldest = 0;

    for (unsigned i = 1; i < table->n_buckets; i++) {
        if (table->buckets[i].touched_at < table->buckets[oldest].touched_at)
            oldest = i;
    }
    if (table->buckets[oldest].touched_at > 0 &&
        now - (table->epoch + (table->buckets[oldest].touched_at - 1) * KAD_SECOND) < age)
        return -1;
    return (int)oldest;
}

kad_contact_ref kad_table_stale_contact(const struct kad_table *table, kad_ms age, kad_ms now)
{
    const struct kad_slot *oldest = NULL;

    for (unsigned i = 0; i < table->n_buckets; i++) {
        const struct kad_bucket *b = &table->buckets[i];

        for (unsigned j = 0; j < b->n_slots; j++) {
            if (!oldest || b->slots[j].heard_at < oldest->heard_at)
                oldest = &b->slots[j];
        }
    }
    return oldest && now - kad_table_heard_at(table, oldest) >= age ? oldest->contact : KAD_NO_CONTACT;
}

kad_ms kad_table_heard_at(const struct kad_table *table, const struct kad_slot *slot)
{
    return table->epoch + slot->heard_at * KAD_SECOND;
}

/* -- looking in ------------------------------------------------------------------------------------------------- */

size_t kad_table_count(const struct kad_table *table)
{
    return table->n_contacts;
}

unsigned kad_table_n_buckets(const struct kad_table *table)
{
    return table->n_buckets;
}

const struct kad_bucket *kad_table_bucket(const struct kad_table *table, unsigned bucket)
{
    assert(bucket < table->n_buckets && "no such bucket");
    return &table->buckets[bucket];
}

const struct kad_id *kad_table_self(const struct kad_table *table)
{
    return &table->self;
}

void kad_table_set_probe_after(struct kad_table *table, kad_ms probe_after_ms)
{
    table->config.probe_after_ms = probe_after_ms;
}

const struct kad_table_config *kad_table_config_of(const struct kad_table *table)
{
    return &table->config;
}

size_t kad_table_memory(const struct kad_table *table)
{
    size_t memory = sizeof(*table) + table->room_buckets * sizeof(*table->buckets);

    for (unsigned i = 0; i < table->n_buckets; i++)
        memory +=
            (size_t)(table->buckets[i].room_slots + table->buckets[i].room_cache) * sizeof(struct kad_slot);
    return memory;
}

void kad_table_ahead(const struct kad_table *table)
{
    for (unsigned i = 0; i < table->n_buckets; i += 2) /* a line holds nearly three */
        __builtin_prefetch(&table->buckets[i]);
}

void kad_table_ahead_of(const struct kad_table *table, const struct kad_id *id)
{
    const struct kad_bucket *bucket = &table->buckets[bucket_of(table, id)];

    for (unsigned i = 0; i < bucket->n_slots; i += 4) /* in a line */
        __builtin_prefetch(&bucket->slots[i]);
}
