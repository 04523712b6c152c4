#include "channel/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

/* A window as one would write it without regard to room: every counter ever taken. */
struct model {
    bool taken[20000];
    uint64_t next;
};

static bool model_seen(const struct model *model, uint64_t counter)
{
    if (counter >= model->next)
        return false;
    return model->next - 1 - counter >= KAD_WINDOW || model->taken[counter];
}

static uint64_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

TEST(each_counter_is_taken_once_whatever_the_order)
{
    struct kad_window window = {0};

    EXPECT(!kad_window_seen(&window, 0));
    kad_window_mark(&window, &kad_allocator_system, 0);
    EXPECT(kad_window_seen(&window, 0));
    kad_window_mark(&window, &kad_allocator_system, 5);
    EXPECT(!kad_window_seen(&window, 3));
    kad_window_mark(&window, &kad_allocator_system, 3);
    EXPECT(kad_window_seen(&window, 3));
    EXPECT(!kad_window_seen(&window, 4));
    EXPECT(window.words == NULL); /* no memory for so little */
    kad_window_clear(&window, &kad_allocator_system);
}

/* 1,024 behind the newest are told apart, exactly; what is older counts as seen. */
TEST(the_window_is_as_wide_as_it_says)
{
    struct kad_window window = {0};

    for (uint64_t i = 0; i < 100; i++)
        kad_window_mark(&window, &kad_allocator_system, i);
    kad_window_mark(&window, &kad_allocator_system, 5000);
    EXPECT(kad_window_seen(&window, 5000 - KAD_WINDOW));
    EXPECT(!kad_window_seen(&window, 5000 - KAD_WINDOW + 1));
    kad_window_mark(&window, &kad_allocator_system, 5000 - KAD_WINDOW + 1);
    EXPECT(kad_window_seen(&window, 5000 - KAD_WINDOW + 1));
    kad_window_mark(&window, &kad_allocator_system, 5001);
    EXPECT(kad_window_seen(&window, 5001 - KAD_WINDOW + 1) == false);
    kad_window_clear(&window, &kad_allocator_system);
}

/* Loss, reordering and jumps of every length, against the model. */
TEST(it_agrees_with_a_model_without_limits)
{
    static const uint64_t spans[] = {3, 60, 200, 1200};

    for (uint64_t seed = 1; seed <= 40; seed++) {
        static struct model model;
        struct kad_window window = {0};
        uint64_t state = seed, base = 0;

        memset(&model, 0, sizeof(model));
        for (unsigned i = 0; i < 4000; i++) {
            const uint64_t span = spans[seed % 4];
            uint64_t counter = base + draw(&state) % span;

            counter = counter > span / 2 ? counter - span / 2 : 0;
            base += draw(&state) % 4;
            if (draw(&state) % 500 == 0)
                base += draw(&state) % 1500;
            if (base >= 18000)
                break;
            EXPECT_MSG(kad_window_seen(&window, counter) == model_seen(&model, counter),
                       "seed %llu, counter %llu", (unsigned long long)seed, (unsigned long long)counter);
            if (model_seen(&model, counter))
                continue;
            kad_window_mark(&window, &kad_allocator_system, counter);
            model.taken[counter] = true;
            model.next = counter >= model.next ? counter + 1 : model.next;
        }
        kad_window_clear(&window, &kad_allocator_system);
    }
}

static void *refuse(void *context, void *old, size_t old_size, size_t new_size)
{
    (void)context, (void)old, (void)old_size, (void)new_size;
    return NULL;
}

/* Without memory it is narrower, never wrong: late messages are lost, none is taken twice. */
TEST(without_memory_nothing_is_taken_twice)
{
    const struct kad_allocator none = {refuse, NULL};
    struct kad_window window = {0};
    static bool taken[3000];
    uint64_t state = 7;

    for (unsigned i = 0; i < 20000; i++) {
        const uint64_t counter = i / 8 + draw(&state) % 300;

        if (kad_window_seen(&window, counter))
            continue;
        EXPECT(!taken[counter]);
        taken[counter] = true;
        kad_window_mark(&window, &none, counter);
    }
    EXPECT_EQ(window.next > 2000, true);
}
