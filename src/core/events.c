#include "core/events.h"

#include <string.h>

#define FIRST_ROOM 4 /* 1.5 KB: what an idle engine keeps counts a million times in a simulation */

void kad_events_init(struct kad_events *events, const struct kad_allocator *allocator)
{
    *events = (struct kad_events){.allocator = allocator};
}

void kad_events_clear(struct kad_events *events)
{
    kad_free(events->allocator, events->ring, events->room * sizeof(*events->ring));
    kad_events_init(events, events->allocator);
}

static bool grow(struct kad_events *events)
{
    const uint16_t room = events->room ? (uint16_t)(events->room * 2) : FIRST_ROOM;
    struct kad_event *ring;

    if (room > KAD_EVENTS_MAX)
        return false;
    ring = kad_alloc(events->allocator, room * sizeof(*ring));
    if (!ring)
        return false;
    for (uint16_t i = 0; i < events->n; i++)
        ring[i] = events->ring[(events->head + i) % events->room];
    kad_free(events->allocator, events->ring, events->room * sizeof(*ring));
    events->ring = ring;
    events->room = room;
    events->head = 0;
    return true;
}

struct kad_event *kad_events_push(struct kad_events *events, enum kad_event_kind kind)
{
    struct kad_event *event;

    if (events->n == events->room && !grow(events)) {
        events->n_lost++;
        return NULL;
    }
    event = &events->ring[(events->head + events->n++) % events->room];
    memset(event, 0, sizeof(*event));
    event->kind = kind;
    return event;
}

bool kad_events_take(struct kad_events *events, struct kad_event *out_event)
{
    if (!events->n)
        return false;
    *out_event = events->ring[events->head];
    events->head = (uint16_t)((events->head + 1) % events->room);
    events->n--;
    if (!events->n && events->room > FIRST_ROOM) { /* a burst's memory goes back */
        const uint64_t n_lost = events->n_lost;

        kad_events_clear(events);
        events->n_lost = n_lost;
    }
    return true;
}
