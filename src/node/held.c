/* held - the ends of puts and announces that wait until what this node keeps of them is on disk. */
#include <assert.h>
#include <string.h>

#include "node/parts.h"

/* One DONE and everything it points to. */
struct kad_held {
    struct kad_held *next;
    size_t size; /* of this block */
    kad_node_callback *callback;
    void *user;
    uint64_t store_at, state_at; /* what must be on disk; 0: nothing */
    struct kad_event event;
    struct kad_record record;
    struct kad_receipt receipts[]; /* then whom it found, value, salt */
};

static size_t size_of(const struct kad_event *event)
{
    const struct kad_record *record = event->done.record;

    return sizeof(struct kad_held) + event->done.n_receipts * sizeof(struct kad_receipt) +
           event->done.n_closest * sizeof(struct kad_found) +
           (record ? record->value.size + record->salt.size : 0);
}

static struct kad_bytes copy_bytes(uint8_t *to, struct kad_bytes from)
{
    if (from.size)
        memcpy(to, from.data, from.size);
    return (struct kad_bytes){to, from.size};
}

static void copy_event(struct kad_held *held, const struct kad_event *event)
{
    struct kad_found *closest = (struct kad_found *)(void *)&held->receipts[event->done.n_receipts];
    uint8_t *bytes = (uint8_t *)&closest[event->done.n_closest];

    static_assert(sizeof(struct kad_receipt) % _Alignof(struct kad_found) == 0, "one behind the other");
    held->event = *event;
    held->event.done.records = NULL; /* of a get; those do not wait for the disk */
    held->event.done.n_records = 0;
    if (event->done.n_receipts)
        memcpy(held->receipts, event->done.receipts, event->done.n_receipts * sizeof(held->receipts[0]));
    held->event.done.receipts = held->receipts;
    if (event->done.n_closest)
        memcpy(closest, event->done.closest, event->done.n_closest * sizeof(*closest));
    held->event.done.closest = closest;
    if (event->done.record) {
        held->record = *event->done.record;
        held->record.value = copy_bytes(bytes, event->done.record->value);
        held->record.salt = copy_bytes(bytes + held->record.value.size, event->done.record->salt);
        held->event.done.record = &held->record;
    }
}

static void append(struct kad_node *node, struct kad_held *held)
{
    struct kad_held **last = &node->held;

    while (*last)
        last = &(*last)->next;
    held->next = NULL;
    *last = held;
}

int kad_held_add(struct kad_node *node, const struct kad_event *event, uint64_t store_at, uint64_t state_at,
                 kad_node_callback *callback, void *user)
{
    struct kad_held *held = kad_alloc_zero(node->allocator, size_of(event));

    if (!held)
        return KAD_E_MEMORY;
    held->size = size_of(event);
    held->callback = callback;
    held->user = user;
    held->store_at = store_at;
    held->state_at = state_at;
    copy_event(held, event);
    append(node, held);
    return KAD_OK;
}

static void tell(struct kad_node *node, struct kad_held *held, int error)
{
    if (error && !held->event.done.error)
        held->event.done.error = error; /* what the network said against it weighs more */
    held->callback(held->user, &held->event);
    kad_free(node->allocator, held, held->size);
}

/* A callback may ask for more, but what it asked for is never held before it has returned. */
void kad_held_settle(struct kad_node *node, uint64_t failed_store, uint64_t failed_state)
{
    struct kad_held **at = &node->held;

    while (*at) {
        struct kad_held *held = *at;
        const bool store = held->store_at <= node->storage->safe, state = held->state_at <= node->state_safe;
        const bool lost =
            (!store && held->store_at <= failed_store) || (!state && held->state_at <= failed_state);

        if (lost || (store && state)) {
            *at = held->next;
            tell(node, held, lost ? KAD_E_SYSTEM : KAD_OK);
        } else {
            at = &held->next;
        }
    }
}
