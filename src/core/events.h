/*
 * events - what happened and has not been told yet: a ring that is allocated when first used, and never past its
 * ceiling. An event too many is dropped and counted; ends of requests are not kept here, so those are never lost.
 */
#ifndef KAD_CORE_EVENTS_H
#define KAD_CORE_EVENTS_H

#include "base/alloc.h"
#include "kad/engine.h"

#define KAD_EVENTS_MAX 256

struct kad_events {
    const struct kad_allocator *allocator;
    struct kad_event *ring;
    uint16_t room, n, head;
    uint64_t n_lost;
};

void kad_events_init(struct kad_events *events, const struct kad_allocator *allocator);
void kad_events_clear(struct kad_events *events);
/* A cleared event to fill in, or NULL: lost. */
struct kad_event *kad_events_push(struct kad_events *events, enum kad_event_kind kind);
bool kad_events_take(struct kad_events *events, struct kad_event *out_event);

#endif
