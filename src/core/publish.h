/*
 * publish - what this node has promised to keep published, and when each is due again.
 *
 * Values are put again at half of what is left of their lives at most, under a new date where the request says who signs
 * (kad_request.renews); one that cannot be renewed ends with its life, and one with a date (kad_request.keep_until) at it. On networks with classes of records keys are served by
 * regions: whoever's turn it is takes along those near it that are due soon, and one lookup serves them all (core/region.h),
 * and what goes to the same node goes in the same datagrams (core/bundle.h).
 *
 *     list[]            by place; the last takes the place of one that goes
 *     order->by_key[]   places in the order of keys
 *     order->due        a heap by due_at; entries whose publication has another due_at by now are stale
 */
#ifndef KAD_CORE_PUBLISH_H
#define KAD_CORE_PUBLISH_H

#include "base/alloc.h"
#include "base/heap.h"
#include "kad/engine.h"

struct kad_dht;
struct kad_outbox;

struct kad_publication {
    struct kad_request request; /* its record borrows from `bytes` */
    uint8_t *bytes;
    size_t n_bytes;
    kad_ms due_at;
    kad_ms last_at;    /* when it was last published again; 0: not since the start */
    uint32_t n_stored; /* nodes that took it then */
    bool running;
    bool along; /* running, in the bundle of another's operation */
};

struct kad_publish_order {
    struct kad_heap due;
    uint32_t *by_key; /* as many as `room` */
    bool incomplete;  /* for want of memory: due has to be built anew */
};

struct kad_publications {
    struct kad_publication *list;
    struct kad_publish_order *order; /* allocated with the first */
    uint32_t n, room;
    uint8_t n_running;
    kad_ms next_at;
};

/* Adds, or replaces the one of the same kind and key. First due one interval from now, or
 * soon when nobody else has stored it yet. */
KAD_CHECK int kad_publish_keep(struct kad_dht *dht, const struct kad_request *request, bool stored,
                               kad_ms now);
bool kad_publish_withdraw(struct kad_dht *dht, const struct kad_id *key);
void kad_publish_tick(struct kad_dht *dht, kad_ms now);
void kad_publish_ended(struct kad_dht *dht, const struct kad_id *key, enum kad_request_kind kind, bool stored,
                       uint32_t n_stored, kad_ms now);
/* Of what is due soon in a region, the next whose key is not before `from`, which moves behind it; it runs now, until
 * kad_publish_ended(). NULL: there is no more. */
const struct kad_request *kad_publish_take_along(struct kad_dht *dht, const struct kad_id *middle,
                                                 unsigned prefix, struct kad_id *from, kad_ms now);
/* One that was taken along, if it still is. */
const struct kad_request *kad_publish_along(struct kad_dht *dht, const struct kad_id *key);
/* The order follows from the list, which was read back. False: no memory. */
bool kad_publish_reorder(struct kad_dht *dht);
void kad_publish_clear(struct kad_dht *dht);

#endif
