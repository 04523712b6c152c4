#include "core/publish.h"

#include <string.h>

#include "core/operation.h"

#define RUNNING_MAX 4 /* republications under way at once */

static kad_ms interval(struct kad_dht *dht, const struct kad_publication *publication)
{
    const kad_ms base = publication->request.kind == KAD_REQUEST_PUT ? dht->settings->put_again_ms
                                                                     : dht->settings->announce_again_ms;

    return kad_rng_jitter(&dht->rng, base, 10);
}

/* Nobody took it: soon again, well within its life elsewhere. */
static kad_ms pause(struct kad_dht *dht, const struct kad_publication *publication, bool stored)
{
    return stored ? interval(dht, publication) : kad_rng_jitter(&dht->rng, KAD_MINUTE, 20);
}

static void reschedule(struct kad_publications *all)
{
    all->next_at = KAD_NEVER;
    for (size_t i = 0; i < all->n; i++) {
        if (!all->list[i].running)
            all->next_at = kad_ms_min(all->next_at, all->list[i].due_at);
    }
}

static struct kad_publication *find(struct kad_publications *all, const struct kad_id *key,
                                    enum kad_request_kind kind)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->list[i].request.kind == kind && kad_id_equal(&all->list[i].request.target, key))
            return &all->list[i];
    }
    return NULL;
}

static struct kad_publication *add(struct kad_dht *dht)
{
    struct kad_publications *all = &dht->publications;

    if (all->n >= dht->settings->max_publications) /* more, if the ceiling was lowered */
        return NULL;
    if (all->n == all->room) {
        const uint32_t room = all->room ? all->room * 2 : 4;
        void *list =
            kad_resize(dht->allocator, all->list, all->room * sizeof(*all->list), room * sizeof(*all->list));

        if (!list)
            return NULL;
        all->list = list;
        all->room = room;
    }
    all->list[all->n] = (struct kad_publication){0};
    return &all->list[all->n];
}

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
    publication->request.record.value.data = bytes;
    publication->request.record.salt.data = bytes ? bytes + request->record.value.size : NULL;
    publication->due_at = now + pause(dht, publication, stored);
    all->n += fresh;
    reschedule(all);
    return 0;
}

bool kad_publish_withdraw(struct kad_dht *dht, const struct kad_id *key)
{
    struct kad_publications *all = &dht->publications;
    bool found = false;

    for (size_t i = 0; i < all->n;) {
        struct kad_publication *publication = &all->list[i];

        if (!kad_id_equal(&publication->request.target, key)) {
            i++;
            continue;
        }
        all->n_running = (uint8_t)(all->n_running - publication->running);
        kad_free(dht->allocator, publication->bytes, publication->n_bytes);
        *publication = all->list[--all->n];
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

/* The one that has waited longest: so none starves, however many there are. */
static struct kad_publication *most_overdue(struct kad_publications *all, kad_ms now)
{
    struct kad_publication *first = NULL;

    for (size_t i = 0; i < all->n; i++) {
        struct kad_publication *publication = &all->list[i];

        if (!publication->running && publication->due_at <= now &&
            (!first || publication->due_at < first->due_at))
            first = publication;
    }
    return first;
}

void kad_publish_tick(struct kad_dht *dht, kad_ms now)
{
    struct kad_publications *all = &dht->publications;

    if (now < all->next_at)
        return;
    while (all->n_running < RUNNING_MAX) {
        struct kad_publication *publication = most_overdue(all, now);
        struct kad_operation *operation;

        if (!publication)
            break;
        if (kad_operation_begin(dht, &publication->request, KAD_OWNER_PUBLISH, now, &operation) == 0) {
            publication->running = true;
            all->n_running++;
        } else {
            publication->due_at = now + KAD_MINUTE; /* no memory just now */
        }
    }
    if (all->n_running < RUNNING_MAX)
        reschedule(all);
    else
        all->next_at = KAD_NEVER; /* whichever ends next looks again */
}

void kad_publish_ended(struct kad_dht *dht, const struct kad_id *key, enum kad_request_kind kind, bool stored,
                       uint32_t n_stored, kad_ms now)
{
    struct kad_publications *all = &dht->publications;
    struct kad_publication *publication = find(all, key, kind);

    if (publication && publication->running) {
        publication->running = false;
        all->n_running--;
        publication->due_at = now + pause(dht, publication, stored);
        publication->last_at = now;
        publication->n_stored = n_stored;
        dht->counters->published += stored;
    }
    reschedule(all);
}

void kad_publish_clear(struct kad_dht *dht)
{
    struct kad_publications *all = &dht->publications;

    for (size_t i = 0; i < all->n; i++)
        kad_free(dht->allocator, all->list[i].bytes, all->list[i].n_bytes);
    kad_free(dht->allocator, all->list, all->room * sizeof(*all->list));
    *all = (struct kad_publications){.next_at = KAD_NEVER};
}
