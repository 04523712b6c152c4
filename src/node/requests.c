/* requests - who wants to know what became of a request: each callback once with DONE, whatever happens. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "kad/secure.h"
#include "node/parts.h"

#define RESTORE_AT_ONCE 8  /* publications told anew at a time */
#define MANY            64 /* kept publications that are told anew by regions */

static struct kad_pending *add(struct kad_node *node, kad_node_callback *callback, void *user)
{
    struct kad_pending *pending = kad_alloc_zero(node->allocator, sizeof(*pending));

    if (!pending)
        return NULL;
    pending->callback = callback;
    pending->user = user;
    pending->next = node->pending;
    if (node->pending)
        node->pending->previous = pending;
    node->pending = pending;
    return pending;
}

static void drop(struct kad_node *node, struct kad_pending *pending)
{
    if (pending->next)
        pending->next->previous = pending->previous;
    if (pending->previous)
        pending->previous->next = pending->next;
    else
        node->pending = pending->next;
    kad_kept_clear(node->allocator, &pending->kept);
    kad_free(node->allocator, pending, sizeof(*pending));
}

/* With `keeps` what is put is published by later runs, too. */
static int begin(struct kad_node *node, const struct kad_request *request, bool keeps,
                 kad_node_callback *callback, void *user, uint64_t *out_id)
{
    struct kad_request ours = *request;
    struct kad_pending *pending;
    uint64_t id;
    int error = KAD_OK;

    if (node->phase != KAD_NODE_MADE && node->phase != KAD_NODE_RUNNING)
        return KAD_E_CLOSED;
    if (node->config.disabled)
        return KAD_E_DISABLED;
    pending = add(node, callback, user);
    if (!pending)
        return KAD_E_MEMORY;
    pending->keep = keeps;
    pending->record_type = request->record.type;
    if (pending->keep)
        error = kad_kept_copy(node->allocator, request, &pending->kept);
    ours.user = pending;
    if (node->libp2p && request->record.salt.size)
        kad_libp2p_learn_name(node->libp2p, request->record.salt);
    if (!error)
        error = kad_engine_request(node->engine, &ours, kad_node_clock(node), &id);
    if (error) {
        drop(node, pending);
        return error;
    }
    pending->id = id;
    kad_tell_asked(node, id, request);
    if (out_id)
        *out_id = id;
    kad_node_turn_soon(node);
    return KAD_OK;
}

int kad_node_request(struct kad_node *node, const struct kad_request *request, kad_node_callback *callback,
                     void *user, uint64_t *out_id)
{
    return begin(node, request, kad_kept_wanted(request), callback, user, out_id);
}

int kad_requests_of_this_run(struct kad_node *node, const struct kad_request *request,
                             kad_node_callback *callback, void *user)
{
    return begin(node, request, false, callback, user, NULL);
}

bool kad_node_cancel(struct kad_node *node, uint64_t id)
{
    const bool found =
        node->phase != KAD_NODE_STOPPED && kad_engine_cancel(node->engine, id, kad_node_clock(node));

    if (found)
        kad_node_turn_soon(node);
    return found;
}

void kad_requests_cancel_of(struct kad_node *node, const void *user)
{
    /* Their DONE events come later: the list stays as it is meanwhile. */
    for (struct kad_pending *pending = node->pending; pending; pending = pending->next) {
        if (pending->user == user)
            kad_node_cancel(node, pending->id);
    }
}

/* It is done: published by the engine from here on, unless it was given up. 0 or why it will not outlive this run. */
static int keep(struct kad_node *node, struct kad_pending *pending)
{
    int error;

    pending->kept.published = true;
    error = kad_kept_add(&node->kept, &pending->kept);
    if (error)
        kad_tell(node, KAD_LOG_WARN, "publication_not_kept", "why", kad_error_text(error), NULL);
    pending->kept = (struct kad_kept){0}; /* the list's now */
    return error;
}

/* What we acknowledge is on disk as far as it is ours to keep: the callback waits for that. */
static int hold(struct kad_node *node, struct kad_pending *pending, const struct kad_event *event, bool kept)
{
    uint64_t store_at, state_at;
    int error = kad_memory_need(node, event->done.stored_here, kept, &store_at, &state_at);

    if (error || (!store_at && !state_at))
        return error;
    if (!pending->callback)
        return KAD_OK;
    error = kad_held_add(node, event, store_at, state_at, pending->callback, pending->user);
    if (!error)
        pending->callback = NULL;
    return error;
}

static void done(struct kad_node *node, struct kad_pending *pending, struct kad_event *event)
{
    const bool given_up = event->done.reason == KAD_REASON_CANCELLED;
    bool kept = pending->keep && !given_up && event->done.error != KAD_E_LIMIT;
    int error = KAD_OK;

    if (kept) {
        error = keep(node, pending);
        kept = error == KAD_OK;
    }
    if (!given_up && !error)
        error = hold(node, pending, event, kept);
    if (!event->done.error)
        event->done.error = error;
}

void kad_requests_event(struct kad_node *node, const struct kad_event *event)
{
    struct kad_pending *pending = event->user;
    struct kad_event theirs = *event;
    struct kad_record *letters = NULL;
    size_t n_letters = 0;

    theirs.user = pending->user;
    if (event->kind == KAD_EVENT_DONE && event->done.kind == KAD_REQUEST_TAKE)
        kad_taken_filter(&node->taken, node->allocator, &theirs, node->now, &letters, &n_letters);
    if (event->kind == KAD_EVENT_DONE) {
        kad_tally_count(&node->tally, event, pending->record_type);
        kad_tell_done(node, event, pending->record_type);
        done(node, pending, &theirs);
    }
    if (pending->callback)
        pending->callback(pending->user, &theirs);
    kad_free(node->allocator, letters, n_letters * sizeof(*letters));
    if (event->kind == KAD_EVENT_DONE)
        drop(node, pending);
}

int kad_node_ban(struct kad_node *node, const struct kad_id *id, const struct kad_endpoint *address,
                 kad_ms for_ms)
{
    const int error = kad_engine_ban(node->engine, id, address, for_ms, kad_node_clock(node));

    if (!error)
        kad_memory_changed(node, 0);
    return error;
}

bool kad_node_pardon(struct kad_node *node, const struct kad_id *id, const struct kad_endpoint *address)
{
    const bool was = kad_engine_pardon(node->engine, id, address, kad_node_clock(node));

    if (was)
        kad_memory_changed(node, 0);
    return was;
}

bool kad_node_withdraw(struct kad_node *node, const struct kad_id *key)
{
    const bool kept = kad_kept_remove(&node->kept, key);
    const bool published = kad_engine_withdraw(node->engine, key);

    if (kept)
        kad_memory_changed(node, 0);
    return kept || published;
}

const struct kad_request *kad_node_kept(const struct kad_node *node, const struct kad_id *key)
{
    for (size_t i = 0; i < node->kept.n; i++) {
        const struct kad_request *request = &node->kept.list[i].request;

        if (request->kind == KAD_REQUEST_PUT && memcmp(&request->target, key, sizeof *key) == 0)
            return request;
    }
    return NULL;
}

/* -- from before the restart ------------------------------------------------------------------------------------ */

static void restored(void *user, const struct kad_event *event)
{
    struct kad_node *node = user;

    if (event->kind != KAD_EVENT_DONE)
        return;
    assert(node->n_restoring > 0 && "each ends once");
    node->n_restoring--;
    if (!node->restored)
        node->restore_at = node->now;
}

static struct kad_kept *next_unpublished(struct kad_node *node)
{
    for (size_t i = 0; i < node->kept.n; i++) {
        if (!node->kept.list[i].published)
            return &node->kept.list[i];
    }
    return NULL;
}

/* It may have outlived its life while this node was off, or its signer. */
static void renew(const struct kad_node *node, struct kad_request *request)
{
    struct kad_record *record = &request->record;
    const kad_ms now = node->now, life = record->valid_until - record->made_at;
    kad_ms until = record->valid_until == KAD_NEVER ? KAD_NEVER : now + life;

    (void)kad_former_resign(node, request);
    if (request->keep_until)
        until = kad_ms_min(until, request->keep_until);
    if (request->renews)
        (void)!kad_secure_renew(record, request->signer, now, until); /* or it is put as it is, and refused */
}

void kad_requests_restore(struct kad_node *node)
{
    const size_t n_ended = kad_kept_end(&node->kept, node->now); /* the engine ends them as well */
    struct kad_kept *kept;

    if (n_ended) {
        char count[24];

        snprintf(count, sizeof(count), "%zu", n_ended);
        kad_tell(node, KAD_LOG_INFO, "publications_ended", "count", count, NULL);
        kad_memory_changed(node, 0);
    }
    if (node->now < node->restore_at)
        return;
    node->restore_at = KAD_NEVER;
    while (node->n_restoring < RESTORE_AT_ONCE && (kept = next_unpublished(node))) {
        int error;

        renew(node, &kept->request);
        kept->request.later = node->kept.n >= MANY && kept->request.renews && !kept->request.has_cas;
        error = kad_node_request(node, &kept->request, restored, node, NULL);
        if (error == KAD_E_LIMIT || error == KAD_E_MEMORY) {
            node->restore_at = node->now + KAD_SECOND; /* others are at it; later */
            return;
        }
        kept->published = true; /* also when the engine finds it invalid: it would be so for ever */
        node->n_restoring += error == KAD_OK;
    }
    node->restored = !next_unpublished(node);
    if (node->n_restoring)
        kad_node_turn_soon(node);
}
