#include "core/publish.h"

#include <string.h>

#include "core/bundle.h"
#include "core/hold.h"
#include "core/operation.h"
#include "core/records.h"

#define RUNNING_MAX   4  /* republications under way at once */
#define RUNNING_KNOWN 16 /* the same where no lookup is needed */
#define EARLY         4  /* the part of an interval by which one may go along with a neighbour */
#define WAIT          (5 * KAD_SECOND) /* for the lookup of one's region, or its bundle */
#define LEAST         (10 * KAD_SECOND) /* between two of one: half of what is left of a life is less each time */

/* Of its life, half: whatever becomes of one publication, the next is in time. */
static kad_ms interval(struct kad_dht *dht, const struct kad_publication *publication)
{
    const struct kad_record *record = &publication->request.record;
    const struct kad_class *class = dht->rules->class_of ? kad_hold_class(dht, record->type) : NULL;
    kad_ms base = publication->request.kind == KAD_REQUEST_PUT ? dht->settings->put_again_ms
                                                               : dht->settings->announce_again_ms;
    const bool is_last =
        publication->request.keep_until && record->valid_until >= publication->request.keep_until;

    if (record->valid_until == 0 || publication->request.kind != KAD_REQUEST_PUT)
        return kad_rng_jitter(&dht->rng, base, 10);
    /* The last life ends with the publication and gets shorter with each: half of it would be less and less, for ever. */
    if (record->valid_until != KAD_NEVER && !is_last)
        base = kad_ms_min(base, (record->valid_until - record->made_at) / 2);
    if ((dht->rules->lives_by_settings || is_last) && class)
        base = kad_ms_min(base, kad_hold_life(dht, class) / 2);
    base = base > LEAST ? base : LEAST;
    return base - (kad_ms)kad_rng_below(&dht->rng, (uint32_t)kad_ms_min(base / 5 + 1, UINT32_MAX));
}

/* When it is to be put again, or ended. Nobody took it: soon again, well within its life elsewhere. */
static kad_ms next_due(struct kad_dht *dht, const struct kad_publication *publication, bool stored,
                       kad_ms now)
{
    const kad_ms at = now + (stored ? interval(dht, publication) : kad_rng_jitter(&dht->rng, KAD_MINUTE, 20));
    const kad_ms until = publication->request.keep_until;

    return until ? kad_ms_min(at, until) : at;
}

/* -- order ------------------------------------------------------------------------------------------------------ */

static void schedule(struct kad_publications *all, uint32_t place)
{
    if (!all->list[place].running && kad_heap_add(&all->order->due, all->list[place].due_at, place) != KAD_OK)
        all->order->incomplete = true;
}

static void build_due(struct kad_publications *all)
{
    all->order->due.n_entries = 0;
    all->order->incomplete = false;
    for (uint32_t i = 0; i < all->n; i++)
        schedule(all, i);
}

static bool search_due(const struct kad_publications *all, uint32_t *out_place)
{
    bool found = false;

    for (uint32_t i = 0; i < all->n; i++) {
        if (all->list[i].running || (found && all->list[i].due_at >= all->list[*out_place].due_at))
            continue;
        *out_place = i;
        found = true;
    }
    return found;
}

/* The place of what is due first; false: nothing is scheduled. */
static bool first_due(struct kad_publications *all, uint32_t *out_place)
{
    struct kad_heap *due = &all->order->due;
    struct kad_heap_entry entry;

    if (all->order->incomplete || due->n_entries / 4 > all->n + 256)
        build_due(all);
    if (all->order->incomplete) /* no memory for it: one by one */
        return search_due(all, out_place);
    while (due->n_entries) {
        entry = due->entries[0];
        if (entry.slot < all->n && !all->list[entry.slot].running &&
            all->list[entry.slot].due_at == entry.at) {
            *out_place = entry.slot;
            return true;
        }
        (void)kad_heap_pop(due, entry.at, &entry); /* stale */
    }
    return false;
}

static void reschedule(struct kad_publications *all)
{
    uint32_t place;

    all->next_at = KAD_NEVER;
    if (all->order && first_due(all, &place))
        all->next_at = all->list[place].due_at;
}

/* Whole keys: which of two comes first. */
static int by_key(const struct kad_id *a, const struct kad_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* The first in the order of keys that is not before `key`. */
static uint32_t first_from(const struct kad_publications *all, const struct kad_id *key)
{
    uint32_t low = 0, high = all->n;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (by_key(&all->list[all->order->by_key[middle]].request.target, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct kad_publication *find(struct kad_publications *all, const struct kad_id *key,
                                    enum kad_request_kind kind)
{
    if (!all->order)
        return NULL;
    for (uint32_t i = first_from(all, key); i < all->n; i++) {
        struct kad_publication *publication = &all->list[all->order->by_key[i]];

        if (!kad_id_equal(&publication->request.target, key))
            break;
        if (publication->request.kind == kind)
            return publication;
    }
    return NULL;
}

static void insert_by_key(struct kad_publications *all, uint32_t place, uint32_t n)
{
    uint32_t at, *order = all->order->by_key;
    const struct kad_publications before = {.list = all->list, .order = all->order, .n = n};

    at = first_from(&before, &all->list[place].request.target);
    memmove(order + at + 1, order + at, (n - at) * sizeof(*order));
    order[at] = place;
}

static uint32_t position(const struct kad_publications *all, uint32_t place)
{
    uint32_t at = first_from(all, &all->list[place].request.target);

    while (all->order->by_key[at] != place)
        at++;
    return at;
}

static bool make_order(struct kad_dht *dht)
{
    struct kad_publications *all = &dht->publications;

    if (all->order)
        return true;
    all->order = kad_alloc_zero(dht->allocator, sizeof(*all->order));
    if (!all->order)
        return false;
    kad_heap_init(&all->order->due, dht->allocator, UINT32_MAX / 2);
    return true;
}

/* Room for one more, which is not counted yet. */
static struct kad_publication *add(struct kad_dht *dht)
{
    struct kad_publications *all = &dht->publications;

    if (all->n >= dht->settings->max_publications || !make_order(dht)) /* more, if the ceiling was lowered */
        return NULL;
    if (all->n == all->room) {
        const uint32_t room = all->room ? all->room * 2 : 4;
        void *order = kad_alloc(dht->allocator, room * sizeof(*all->order->by_key));
        void *list = order ? kad_resize(dht->allocator, all->list, all->room * sizeof(*all->list),
                                        room * sizeof(*all->list))
                           : NULL;

        if (!list) {
            kad_free(dht->allocator, order, room * sizeof(*all->order->by_key));
            return NULL;
        }
        if (all->n)
            memcpy(order, all->order->by_key, all->n * sizeof(*all->order->by_key));
        kad_free(dht->allocator, all->order->by_key, all->room * sizeof(*all->order->by_key));
        all->order->by_key = order;
        all->list = list;
        all->room = room;
    }
    all->list[all->n] = (struct kad_publication){0};
    return &all->list[all->n];
}

static void remove_at(struct kad_dht *dht, uint32_t place)
{
    struct kad_publications *all = &dht->publications;
    struct kad_publication *publication = &all->list[place];
    const uint32_t at = position(all, place), last = all->n - 1;
    uint32_t position_of_last = position(all, last);

    position_of_last -= position_of_last > at; /* behind the one that goes */
    memmove(all->order->by_key + at, all->order->by_key + at + 1, (last - at) * sizeof(*all->order->by_key));
    all->n_running = (uint8_t)(all->n_running - (publication->running && !publication->along));
    kad_free(dht->allocator, publication->bytes, publication->n_bytes);
    all->n = last;
    if (place == last)
        return;
    *publication = all->list[last];
    all->order->by_key[position_of_last] = place;
    schedule(all, place);
}

bool kad_publish_reorder(struct kad_dht *dht)
{
    struct kad_publications *all = &dht->publications;

    if (!all->n)
        return true;
    if (!make_order(dht))
        return false;
    all->order->by_key = kad_alloc(dht->allocator, all->room * sizeof(*all->order->by_key));
    if (!all->order->by_key)
        return false;
    for (uint32_t i = 0; i < all->n; i++)
        insert_by_key(all, i, i);
    build_due(all);
    return true;
}

/* -- life ------------------------------------------------------------------------------------------------------- */

int kad_publish_keep(struct kad_dht *dht, const struct kad_request *request, bool stored, kad_ms now)
{
    struct kad_publications *all = &dht->publications;
    struct kad_publication *publication = find(all, &request->target, request->kind);
    const size_t n = request->record.value.size + request->record.salt.size;
    const bool fresh = !publication;
    uint8_t *bytes = NULL;

    if (!fresh && publication->request.record.sequence > request->record.sequence)
        return 0; /* what is kept is newer */
    if (fresh)
        publication = add(dht);
    if (!publication)
        return KAD_E_LIMIT;
    if (n) {
        bytes = kad_alloc(dht->allocator, n);
        if (!bytes)
            return KAD_E_MEMORY;
        memcpy(bytes, request->record.value.data, request->record.value.size);
        if (request->record.salt.size)
            memcpy(bytes + request->record.value.size, request->record.salt.data, request->record.salt.size);
    }
    kad_free(dht->allocator, publication->bytes, publication->n_bytes);
    publication->bytes = bytes;
    publication->n_bytes = n;
    publication->request = *request;
    publication->request.user = NULL;
    publication->request.trace = publication->request.progress = false;
    publication->request.has_cas = false; /* it was met once; later our own value is what stands there */
    publication->request.timeout_ms = 0;
    publication->request.later = false;
    publication->request.record.value.data = bytes;
    publication->request.record.salt.data = bytes ? bytes + request->record.value.size : NULL;
    publication->due_at = next_due(dht, publication, stored, now);
    if (fresh) {
        insert_by_key(all, all->n, all->n);
        all->n++;
    }
    schedule(all, (uint32_t)(publication - all->list));
    reschedule(all);
    return 0;
}

bool kad_publish_withdraw(struct kad_dht *dht, const struct kad_id *key)
{
    struct kad_publications *all = &dht->publications;
    bool found = false;

    while (all->n) {
        const uint32_t at = first_from(all, key);

        if (at == all->n || !kad_id_equal(&all->list[all->order->by_key[at]].request.target, key))
            break;
        remove_at(dht, all->order->by_key[at]);
        found = true;
    }
    for (struct kad_operation *next, *operation = dht->operations; operation; operation = next) {
        next = operation->next;
        if (!kad_id_equal(&operation->request.target, key))
            continue;
        if (operation->owner == KAD_OWNER_PUBLISH) {
            kad_operation_end(dht, operation, KAD_REASON_CANCELLED, 0);
            found = true;
        } else if (operation->request.keep) { /* being published for the first time */
            operation->request.keep = false;
            found = true;
        }
    }
    reschedule(all);
    return found;
}

/* Under a new date, if it knows how. False: its life is over, or its time. */
static bool renew(const struct kad_dht *dht, struct kad_request *request, kad_ms now)
{
    struct kad_record *record = &request->record;
    const kad_ms life = record->valid_until - record->made_at;

    if (request->keep_until && now >= request->keep_until)
        return false;
    if (record->valid_until == 0 || request->kind != KAD_REQUEST_PUT)
        return true;
    if (!request->renews || !dht->rules->sign_record)
        return record->valid_until > now;
    if (record->valid_until != KAD_NEVER)
        record->valid_until = now + life;
    if (request->keep_until)
        record->valid_until = kad_ms_min(record->valid_until, request->keep_until);
    record->made_at = now;
    dht->rules->sign_record(record, request->signer);
    return record->valid_until > now; /* a signer of its own may have given it a life that is over */
}

static bool shares(const struct kad_publications *all, uint32_t at, const struct kad_id *key, unsigned bits)
{
    return kad_id_prefix(&all->list[all->order->by_key[at]].request.target, key) >= bits;
}

/* Is there another near it that would go along? */
static bool has_neighbours(struct kad_dht *dht, const struct kad_publication *publication, kad_ms now)
{
    const struct kad_publications *all = &dht->publications;
    const struct kad_id *key = &publication->request.target;
    const unsigned bits = kad_region_bits(dht);
    const uint32_t at = position(all, (uint32_t)(publication - all->list));
    unsigned n = 0;

    for (uint32_t i = at; i > 0 && n < 8 && shares(all, i - 1, key, bits); i--)
        n += all->list[all->order->by_key[i - 1]].due_at - now < interval(dht, publication) / EARLY;
    for (uint32_t i = at + 1; i < all->n && n < 8 && shares(all, i, key, bits); i++)
        n += all->list[all->order->by_key[i]].due_at - now < interval(dht, publication) / EARLY;
    return n >= 2; /* a wide lookup costs about as much as two more narrow ones */
}

/* Somebody is looking its region up just now, or takes along what is due there. */
static bool is_looked_up(const struct kad_dht *dht, const struct kad_id *key)
{
    const unsigned bits = kad_region_bits(dht);

    for (const struct kad_operation *operation = dht->operations; operation; operation = operation->next) {
        if (operation->owner != KAD_OWNER_PUBLISH || operation->request.kind != KAD_REQUEST_PUT)
            continue;
        if (kad_bundle_covers(operation, key) ||
            (operation->phase == KAD_PHASE_LOOKUP && kad_id_prefix(&operation->request.target, key) >= bits))
            return true;
    }
    return false;
}

const struct kad_request *kad_publish_take_along(struct kad_dht *dht, const struct kad_id *middle,
                                                 unsigned prefix, struct kad_id *from, kad_ms now)
{
    struct kad_publications *all = &dht->publications;

    for (uint32_t i = all->order ? first_from(all, from) : all->n;
         i < all->n && shares(all, i, middle, prefix); i++) {
        struct kad_publication *publication = &all->list[all->order->by_key[i]];
        bool wrapped = true;

        if (publication->running || publication->request.kind != KAD_REQUEST_PUT ||
            publication->due_at - now >= interval(dht, publication) / EARLY ||
            !renew(dht, &publication->request, now))
            continue;
        publication->running = publication->along = true;
        *from = publication->request.target;
        for (size_t j = KAD_ID_SIZE; wrapped && j > 0; j--)
            wrapped = ++from->bytes[j - 1] == 0;
        return &publication->request;
    }
    return NULL;
}

const struct kad_request *kad_publish_along(struct kad_dht *dht, const struct kad_id *key)
{
    const struct kad_publication *publication = find(&dht->publications, key, KAD_REQUEST_PUT);

    return publication && publication->along ? &publication->request : NULL;
}

static void begin(struct kad_dht *dht, struct kad_publication *publication, kad_ms now)
{
    struct kad_publications *all = &dht->publications;
    const bool by_region = dht->rules->class_of && publication->request.kind == KAD_REQUEST_PUT;
    const struct kad_id key = publication->request.target;
    struct kad_operation *operation;

    if (by_region && is_looked_up(dht, &key)) {
        publication->due_at = now + WAIT;
        schedule(all, (uint32_t)(publication - all->list));
        return;
    }
    if (kad_operation_begin(dht, &publication->request, KAD_OWNER_PUBLISH, now, &operation) != 0) {
        publication->due_at = now + KAD_MINUTE; /* no memory just now */
        schedule(all, (uint32_t)(publication - all->list));
        return;
    }
    publication->running = true;
    all->n_running++;
    if (by_region && kad_region_begin(dht, operation, now))
        kad_bundle_begin(dht, operation, now);
    else if (by_region && has_neighbours(dht, publication, now))
        kad_region_widen(dht, operation);
}

void kad_publish_tick(struct kad_dht *dht, kad_ms now)
{
    struct kad_publications *all = &dht->publications;
    uint32_t place;

    if (now < all->next_at)
        return;
    while (first_due(all, &place) && all->list[place].due_at <= now) {
        const bool known =
            dht->rules->class_of && kad_region_of(dht, &all->list[place].request.target, now) != NULL;

        if (all->n_running >= (known ? RUNNING_KNOWN : RUNNING_MAX)) {
            all->next_at = KAD_NEVER; /* whichever ends next looks again */
            return;
        }
        if (renew(dht, &all->list[place].request, now))
            begin(dht, &all->list[place], now);
        else
            remove_at(dht, place);
    }
    reschedule(all);
}

void kad_publish_ended(struct kad_dht *dht, const struct kad_id *key, enum kad_request_kind kind, bool stored,
                       uint32_t n_stored, kad_ms now)
{
    struct kad_publications *all = &dht->publications;
    struct kad_publication *publication = find(all, key, kind);

    if (publication && publication->running) {
        all->n_running = (uint8_t)(all->n_running - !publication->along);
        publication->running = publication->along = false;
        publication->due_at = next_due(dht, publication, stored, now);
        publication->last_at = now;
        publication->n_stored = n_stored;
        schedule(all, (uint32_t)(publication - all->list));
        dht->counters->published += stored;
    }
    reschedule(all);
}

void kad_publish_clear(struct kad_dht *dht)
{
    struct kad_publications *all = &dht->publications;

    for (size_t i = 0; i < all->n; i++)
        kad_free(dht->allocator, all->list[i].bytes, all->list[i].n_bytes);
    if (all->order) {
        kad_heap_clear(&all->order->due);
        kad_free(dht->allocator, all->order->by_key, all->room * sizeof(*all->order->by_key));
        kad_free(dht->allocator, all->order, sizeof(*all->order));
    }
    kad_free(dht->allocator, all->list, all->room * sizeof(*all->list));
    *all = (struct kad_publications){.next_at = KAD_NEVER};
}
