#include "channel/busy.h"

#include <string.h>

#include "base/test.h"
#include "channel/sessions.h"
#include "channel/test_channel.h"
#include "crypto/crypto.h"

enum { MANY = 100 };

static struct test_world world;

/* With libIPSec_MB and a processor for it. Else nothing is ever kept, and the tests below see that. */
static bool possible(void)
{
    struct kad_ready ready;

    return kad_ready_find(&ready);
}

static void talk(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        test_through(&world, 0, 1, (uint8_t)i);
        test_through(&world, 1, 0, (uint8_t)(i + 1));
    }
}

/* One end keeps its keys ready and the other, whose table is too small for that, does not: they understand each other. */
TEST(who_keeps_keys_ready_and_who_does_not_understand_each_other)
{
    size_t before;

    test_world_init(&world);
    for (unsigned i = 0; i < 2; i++) {
        test_peer_init(&world, i);
        world.peers[i].config.max_sessions = i ? 4 : 16;
        test_peer_start(&world, i);
    }
    talk(3);
    before = world.in_use;
    talk(MANY);
    test_sound(&world);
    EXPECT_EQ(world.in_use >= before + 2 * KAD_READY_KEY, possible());
    EXPECT(world.in_use < before + 2 * KAD_READY_KEY + 1500);
    EXPECT_EQ(world.in_use,
              kad_channel_memory(world.peers[0].channel) + kad_channel_memory(world.peers[1].channel));
    world.now += KAD_HOUR; /* new keys, which are made ready anew */
    talk(MANY);
    test_world_clear(&world);
}

/* The toy's keys are others. */
TEST(a_toy_keeps_nothing)
{
    size_t before;

    test_world_init(&world);
    for (unsigned i = 0; i < 2; i++) {
        test_peer_init(&world, i);
        world.peers[i].config.suite = &kad_suite_toy;
        test_peer_start(&world, i);
    }
    talk(3);
    before = world.in_use;
    talk(MANY);
    EXPECT(world.in_use < before + KAD_READY_KEY);
    test_world_clear(&world);
}

/* Without memory for it nothing is different. */
TEST(busy_sessions_go_on_without_memory)
{
    for (unsigned fail = 1; fail < 12; fail++) {
        test_begin(&world, 2);
        talk(3);
        world.fail_at = (long)fail;
        talk(MANY);
        test_sound(&world);
        test_world_clear(&world);
    }
}

struct account {
    size_t in_use;
};

static void *count(void *context, void *old, size_t old_size, size_t new_size)
{
    struct account *account = context;

    account->in_use += new_size - old_size;
    return kad_allocator_system.resize(NULL, old, old_size, new_size);
}

/* More busy sessions than places: never more are kept, those that go on are kept in the end, and all memory comes back. */
TEST(those_kept_are_few_and_the_busiest)
{
    struct account account = {0};
    const struct kad_allocator allocator = {count, &account};
    struct kad_session sessions[8];
    struct kad_busy_list list;
    uint32_t at = 1;

    EXPECT_EQ(kad_crypto_init(), KAD_OK);
    if (!possible())
        return;
    memset(sessions, 0, sizeof(sessions));
    kad_busy_init(&list, &allocator, 3);
    EXPECT(kad_busy_of(&list, &sessions[0]) == NULL); /* it has said nothing yet */
    for (unsigned i = 0; i < KAD_COUNT_OF(sessions); i++)
        sessions[i].sent = 1000;
    for (unsigned i = 0; i < 5000; i++) {
        struct kad_session *session = &sessions[(at = at * 1103515245 + 12345) >> 16 & 7];
        const struct kad_busy *busy = kad_busy_of(&list, session);

        EXPECT(list.n <= 3);
        EXPECT(busy == session->busy && (!busy || busy->session == session));
        EXPECT_EQ(account.in_use, kad_busy_memory(&list));
        if (i % 97 == 0)
            kad_busy_drop(&list, session);
    }
    for (unsigned i = 0; i < 200; i++)
        EXPECT(kad_busy_of(&list, &sessions[i % 3]) == sessions[i % 3].busy);
    for (unsigned i = 0; i < 3; i++)
        EXPECT(sessions[i].busy != NULL);
    for (unsigned i = 0; i < KAD_COUNT_OF(sessions); i++)
        kad_busy_drop(&list, &sessions[i]);
    kad_busy_clear(&list);
    EXPECT_EQ(account.in_use, 0);
}
