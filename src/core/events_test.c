#include "core/events.h"

#include "base/test.h"

/* Events come out in their order; past the ceiling they are counted, never kept; a burst's memory goes back. */
TEST(order_ceiling_and_memory)
{
    struct kad_events events;
    struct kad_event event;

    kad_events_init(&events, &kad_allocator_system);
    EXPECT(!kad_events_take(&events, &event));
    for (uint64_t i = 0; i < KAD_EVENTS_MAX + 50; i++) {
        struct kad_event *pushed = kad_events_push(&events, KAD_EVENT_STORED);

        EXPECT_EQ(pushed == NULL, i >= KAD_EVENTS_MAX);
        if (pushed)
            pushed->request = i;
    }
    EXPECT_EQ(events.n_lost, 50);
    for (uint64_t i = 0; i < KAD_EVENTS_MAX; i++) {
        EXPECT(kad_events_take(&events, &event));
        EXPECT_EQ(event.request, i);
    }
    EXPECT(!kad_events_take(&events, &event));
    EXPECT_EQ(events.room, 0);
    EXPECT_EQ(events.n_lost, 50);
    kad_events_clear(&events);
}

/* Wrapping around the ring, with growth in between, keeps the order. */
TEST(order_survives_growth)
{
    struct kad_events events;
    struct kad_event event;
    uint64_t pushed = 0, taken = 0;

    kad_events_init(&events, &kad_allocator_system);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 7 + round / 4; i++)
            kad_events_push(&events, KAD_EVENT_NODE)->request = pushed++;
        for (int i = 0; i < 6; i++) {
            EXPECT(kad_events_take(&events, &event));
            EXPECT_EQ(event.request, taken++);
        }
    }
    while (kad_events_take(&events, &event))
        EXPECT_EQ(event.request, taken++);
    EXPECT_EQ(taken, pushed);
    kad_events_clear(&events);
}
