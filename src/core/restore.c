#include "core/restore.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"
#include "core/gather.h"
#include "core/hold.h"
#include "core/records.h"

#define STEPS      32 /* to go through the store in the time of one restore */
#define STEP_MIN   64
#define HAND_STEP  256
#define PACE       KAD_SECOND
#define DOUBT_PACE KAD_MINUTE

static struct kad_restore *restore_of(const struct kad_dht *dht)
{
    return &dht->member->records->restore;
}

void kad_restore_clear(struct kad_dht *dht)
{
    struct kad_restore *restore = restore_of(dht);

    for (uint32_t i = 0; i < restore->n_due; i++)
        kad_book_release(dht->book, restore->due[(restore->first_due + i) % KAD_RESTORE_DUE].to);
    for (size_t i = 0; i < restore->n_newcomers; i++)
        kad_book_release(dht->book, restore->newcomers[i]);
    kad_free(dht->allocator, restore->due, KAD_RESTORE_DUE * sizeof(*restore->due));
    *restore = (struct kad_restore){.look_at = KAD_NEVER};
}

/* -- what is due ------------------------------------------------------------------------------------------------ */

static bool push(struct kad_dht *dht, const struct kad_record *record, bool conflicts, kad_contact_ref to)
{
    struct kad_restore *restore = restore_of(dht);
    struct kad_restore_due *due;

    if (!restore->due)
        restore->due = kad_alloc(dht->allocator, KAD_RESTORE_DUE * sizeof(*restore->due));
    if (!restore->due || restore->n_due == KAD_RESTORE_DUE)
        return false;
    due = &restore->due[(restore->first_due + restore->n_due++) % KAD_RESTORE_DUE];
    *due =
        (struct kad_restore_due){.key = record->key, .type = record->type, .conflicts = conflicts, .to = to};
    memcpy(due->public_key, record->public_key, sizeof(due->public_key));
    if (to != KAD_NO_CONTACT)
        kad_book_retain(dht->book, to);
    return true;
}

/* How many of the contacts we know, `besides` not counted, are nearer to a key than we are; k is as many as matter. */
static unsigned n_nearer(const struct kad_dht *dht, const struct kad_id *key, kad_contact_ref besides)
{
    unsigned n = 0;

    for (int i = 0; i < KAD_FAMILIES; i++) {
        kad_contact_ref closest[65];
        size_t n_closest;

        if (!dht->tables[i])
            continue;
        n_closest = kad_table_closest(dht->tables[i], key, dht->settings->k + 1, closest);
        for (size_t j = 0; j < n_closest; j++)
            n += closest[j] != besides &&
                 kad_id_compare(key, &kad_book_contact(dht->book, closest[j])->id, &dht->self) < 0;
    }
    return n;
}

struct looking {
    struct kad_dht *dht;
    kad_ms now;
    kad_contact_ref to;
};

static bool is_dying(const struct kad_dht *dht, const struct kad_record *record, kad_ms now)
{
    return record->expires_at - now < dht->settings->restore_ms / 8;
}

static void see(void *context, const struct kad_record *record)
{
    const struct looking *looking = context;
    struct kad_dht *dht = looking->dht;
    const kad_ms restore_ms = dht->settings->restore_ms;
    uint64_t jitter;

    if (record->valid_until == 0 || is_dying(dht, record, looking->now))
        return;
    if (record->seen_at == 0) { /* after a restart: not all of them at once */
        dht->store->ops->touch(dht->store, record,
                               looking->now - kad_rng_below(&dht->rng, (uint32_t)restore_ms));
        return;
    }
    jitter = kad_hash_word((uint64_t)record->seen_at,
                           kad_hash(7, &dht->self, sizeof(dht->self)) ^ record->key.bytes[9]);
    if (looking->now - record->seen_at < restore_ms / 4 * 3 + (kad_ms)(jitter % (uint64_t)(restore_ms / 2)))
        return;
    if (n_nearer(dht, &record->key, KAD_NO_CONTACT) >= dht->settings->k) {
        /* Others have taken it over. What lives for good does so here, too, but must not contradict them for ever. */
        if (record->valid_until != KAD_NEVER || looking->now - record->seen_at < 24 * restore_ms ||
            !push(dht, record, true, KAD_NO_CONTACT))
            return;
    } else if (!push(dht, record, false, KAD_NO_CONTACT)) {
        return;
    }
    dht->store->ops->touch(dht->store, record, looking->now);
}

static void see_key(void *context, const struct kad_id *key, uint32_t n_peers)
{
    (void)context;
    (void)key;
    (void)n_peers;
}

static void look(struct kad_dht *dht, kad_ms now)
{
    struct kad_restore *restore = restore_of(dht);
    struct looking looking = {.dht = dht, .now = now};
    const struct kad_store_viewer viewer = {see, see_key, &looking};
    /* As many places in each step as it takes to be through in time, going by the last time. */
    const uint32_t n = restore->n_places / (STEPS / 2);
    const uint32_t step = n > STEP_MIN ? n : STEP_MIN;

    restore->cursor = dht->store->ops->look(dht->store, restore->cursor, step, now, &viewer);
    restore->n_seen += step;
    if (restore->cursor == 0 || restore->n_seen > restore->n_places)
        restore->n_places = restore->n_seen;
    if (restore->cursor == 0)
        restore->n_seen = 0;
    restore->look_at = now + dht->settings->restore_ms / STEPS;
}

/* -- newcomers -------------------------------------------------------------------------------------------------- */

void kad_restore_met(struct kad_dht *dht, kad_contact_ref contact, kad_ms now)
{
    struct kad_restore *restore;
    const struct kad_table *table;
    kad_contact_ref closest[64];
    size_t n;

    if (!dht->rules->class_of || dht->settings->restore_ms == 0)
        return;
    restore = restore_of(dht);
    table = dht->tables[kad_family_index(kad_book_contact(dht->book, contact)->endpoint.family)];
    n = kad_table_closest(table, &dht->self, 2 * dht->settings->k < 64 ? 2 * dht->settings->k : 64, closest);
    for (size_t i = 0; i < n; i++) {
        if (closest[i] != contact)
            continue;
        if (restore->n_newcomers == KAD_RESTORE_NEWCOMERS)
            return; /* the hour will do */
        kad_book_retain(dht->book, contact);
        restore->newcomers[restore->n_newcomers++] = contact;
        dht->member->records->wake_at = kad_ms_min(dht->member->records->wake_at, now + PACE);
        return;
    }
}

static void see_for(void *context, const struct kad_record *record)
{
    const struct looking *looking = context;
    struct kad_dht *dht = looking->dht;
    const struct kad_id *newcomer = &kad_book_contact(dht->book, looking->to)->id;
    kad_contact_ref closest[64];
    unsigned n_before = 0;
    size_t n;

    if (record->valid_until == 0 || is_dying(dht, record, looking->now))
        return;
    if (n_nearer(dht, &record->key, looking->to) > 0)
        return; /* there is a nearer holder */
    n = kad_table_closest(
        dht->tables[kad_family_index(kad_book_contact(dht->book, looking->to)->endpoint.family)],
        &record->key, dht->settings->k < 64 ? dht->settings->k : 64, closest);
    for (size_t i = 0; i < n; i++)
        n_before += kad_id_compare(&record->key, &kad_book_contact(dht->book, closest[i])->id, newcomer) < 0;
    if (n_before < dht->settings->k)
        (void)push(dht, record, false, looking->to);
}

static void look_for_newcomer(struct kad_dht *dht, kad_ms now)
{
    struct kad_restore *restore = restore_of(dht);
    struct looking looking = {.dht = dht, .now = now, .to = restore->newcomers[0]};
    const struct kad_store_viewer viewer = {see_for, see_key, &looking};
    const unsigned room = KAD_RESTORE_DUE - restore->n_due;

    /* No more places than there is room for: none is passed over. */
    restore->hand_cursor = dht->store->ops->look(dht->store, restore->hand_cursor,
                                                 room < HAND_STEP ? room : HAND_STEP, now, &viewer);
    if (restore->hand_cursor)
        return;
    kad_book_release(dht->book, restore->newcomers[0]);
    restore->n_newcomers--;
    memmove(restore->newcomers, restore->newcomers + 1, restore->n_newcomers * sizeof(*restore->newcomers));
}

void kad_restore_doubt(struct kad_dht *dht, const struct kad_peer *from, const struct kad_record *theirs,
                       kad_ms now)
{
    struct kad_restore *restore = restore_of(dht);
    const struct kad_table *table = dht->tables[kad_family_index(from->endpoint.family)];
    kad_contact_ref closest[64];
    struct kad_record ours;
    uint32_t next;
    size_t n;

    if (dht->settings->restore_ms == 0 || (restore->doubted_at && now - restore->doubted_at < DOUBT_PACE) ||
        dht->store->ops->list(dht->store, &theirs->key, theirs->type, now, 0, &ours, 1, &next) == 0)
        return;
    n = kad_table_closest(table, &theirs->key, dht->settings->k, closest);
    for (size_t i = 0; i < n; i++) {
        if (!kad_endpoint_equal(&kad_book_contact(dht->book, closest[i])->endpoint, &from->endpoint))
            continue;
        restore->doubted_at = now;
        if (push(dht, &ours, true, KAD_NO_CONTACT))
            dht->member->records->wake_at = kad_ms_min(dht->member->records->wake_at, now + PACE);
        return;
    }
}

/* -- storing ---------------------------------------------------------------------------------------------------- */

static bool find(struct kad_dht *dht, const struct kad_restore_due *due, kad_ms now,
                 struct kad_record *out_record)
{
    struct kad_record page[16];
    uint32_t next = 0;

    do {
        const size_t n = dht->store->ops->list(dht->store, &due->key, due->type, now, next, page,
                                               KAD_COUNT_OF(page), &next);

        for (size_t i = 0; i < n; i++) {
            if (memcmp(page[i].public_key, due->public_key, sizeof(due->public_key)) == 0) {
                *out_record = page[i];
                return true;
            }
        }
    } while (next);
    return false;
}

static bool has_neighbours(const struct kad_dht *dht, const struct kad_id *key)
{
    const struct kad_restore *restore = restore_of(dht);
    const unsigned bits = kad_region_bits(dht);

    for (uint32_t i = 0; i < restore->n_due; i++) {
        const struct kad_restore_due *due = &restore->due[(restore->first_due + i) % KAD_RESTORE_DUE];

        if (due->to == KAD_NO_CONTACT && !due->conflicts && kad_id_prefix(&due->key, key) >= bits)
            return true;
    }
    return false;
}

bool kad_restore_store_at(struct kad_dht *dht, const struct kad_record *record,
                          const kad_contact_ref *contacts, size_t n, kad_ms now)
{
    struct kad_request request = {.kind = KAD_REQUEST_PUT, .target = record->key, .record = *record};
    struct kad_restore *restore = restore_of(dht);
    struct kad_operation *operation;

    request.record.salt = (struct kad_bytes){0};
    if (!n || kad_operation_begin_at(dht, &request, contacts, n, now, &operation) != 0)
        return false;
    restore->n_running++;
    return true;
}

static void begin(struct kad_dht *dht, const struct kad_restore_due *due, kad_ms now)
{
    struct kad_request request = {.kind = KAD_REQUEST_PUT, .target = due->key};
    struct kad_restore *restore = restore_of(dht);
    struct kad_operation *operation;

    if (!find(dht, due, now, &request.record))
        return;
    if (due->to != KAD_NO_CONTACT) {
        (void)kad_restore_store_at(dht, &request.record, &due->to, 1, now);
        return;
    }
    if (kad_operation_begin(dht, &request, KAD_OWNER_RECORDS, now, &operation) != 0)
        return;
    restore->n_running++;
    if (!due->conflicts && !kad_region_begin(dht, operation, now) && has_neighbours(dht, &due->key))
        kad_region_widen(dht, operation);
}

/* Those whose region is being looked up wait for it. */
static bool waits_for_region(const struct kad_dht *dht, const struct kad_restore_due *due)
{
    const unsigned bits = kad_region_bits(dht);

    if (due->to != KAD_NO_CONTACT || due->conflicts)
        return false;
    for (const struct kad_operation *operation = dht->operations; operation; operation = operation->next) {
        if (operation->owner == KAD_OWNER_RECORDS && operation->phase == KAD_PHASE_LOOKUP &&
            !operation->only && kad_id_prefix(&operation->request.target, &due->key) >= bits)
            return true;
    }
    return false;
}

void kad_restore_tick(struct kad_dht *dht, kad_ms now)
{
    struct kad_restore *restore = restore_of(dht);

    if (dht->settings->restore_ms == 0 || !dht->join.ready)
        return;
    if (restore->look_at == KAD_NEVER)
        restore->look_at = now + kad_rng_below(&dht->rng, (uint32_t)(dht->settings->restore_ms / STEPS) + 1);
    if (now >= restore->look_at && restore->n_due < KAD_RESTORE_DUE / 2)
        look(dht, now);
    if (restore->n_newcomers && restore->n_due < KAD_RESTORE_DUE / 2)
        look_for_newcomer(dht, now);
    while (restore->n_running < KAD_RESTORE_RUNNING && restore->n_due) {
        const struct kad_restore_due due = restore->due[restore->first_due];

        if (waits_for_region(dht, &due))
            break;
        restore->first_due = (restore->first_due + 1) % KAD_RESTORE_DUE;
        restore->n_due--;
        begin(dht, &due, now);
        kad_book_release(dht->book, due.to);
    }
}

kad_ms kad_restore_wake_at(const struct kad_dht *dht)
{
    const struct kad_restore *restore = restore_of(dht);
    const kad_ms now = dht->member->records->now;

    if (dht->settings->restore_ms == 0)
        return KAD_NEVER;
    if (!dht->join.ready)
        return now + KAD_MINUTE;
    if (restore->n_newcomers || (restore->n_due && restore->n_running < KAD_RESTORE_RUNNING))
        return now + PACE;
    return restore->look_at;
}

/* -- what came of it -------------------------------------------------------------------------------------------- */

bool kad_restore_should_store(struct kad_dht *dht, const struct kad_operation *operation)
{
    const struct kad_record *ours = &operation->request.record, *best = &operation->best;

    (void)dht;
    return best->type == KAD_RECORD_NONE || best->many ||
           (best->sequence == ours->sequence &&
            memcmp(best->public_key, ours->public_key, sizeof(best->public_key)) == 0);
}

/* Our own store follows what the nearest hold. */
static void follow(struct kad_dht *dht, const struct kad_operation *operation, kad_ms now)
{
    const struct kad_gathered *gathered = operation->gathered;
    const struct kad_record *ours = &operation->request.record, *best = &operation->best;
    const struct kad_endpoint nobody = {.family = KAD_FAMILY_NONE};

    if (!gathered || kad_restore_should_store(dht, operation))
        return;
    if (memcmp(best->public_key, ours->public_key, sizeof(best->public_key)) != 0)
        dht->store->ops->remove(dht->store, ours);
    (void)kad_hold_keep(dht, best, &nobody, NULL, now);
}

void kad_restore_ended(struct kad_dht *dht, const struct kad_operation *operation, kad_ms now)
{
    struct kad_restore *restore = restore_of(dht);
    const bool looked_around = operation->families[0] || operation->families[1];

    restore->n_running--;
    follow(dht, operation, now);
    if ((operation->refusal == KAD_REFUSAL_OWNER || operation->refusal == KAD_REFUSAL_SEQUENCE) &&
        (operation->only || !looked_around))
        (void)push(dht, &operation->request.record, true, KAD_NO_CONTACT);
    dht->member->records->wake_at = kad_ms_min(dht->member->records->wake_at, now);
}
