/* What happens to sessions: loss, crossing, restart, age, moving, crowding. */
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "channel/channel_parts.h"
#include "channel/test_channel.h"
#include "crypto/suite.h"

static struct test_world world;

static unsigned n_in_state(unsigned peer, enum kad_session_state state)
{
    return world.peers[peer].channel->sessions.n[state];
}

/* -- what waits --------------------------------------------------------------------------------------------------- */

TEST(what_is_said_before_the_answer_waits_and_then_goes)
{
    test_begin(&world, 2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    EXPECT(test_say(&world, 0, 1, 2, 10, 0));
    EXPECT(test_say(&world, 0, 1, 3, 1000, 0));
    EXPECT_EQ(world.n_wire, 1);
    test_deliver_all(&world);
    EXPECT_EQ(world.peers[1].n_messages, 3);
    EXPECT_EQ(world.peers[1].plain[0], 3);
    EXPECT_EQ(world.peers[1].last.plain.size, 1000);
    EXPECT_EQ(world.peers[0].channel->sessions.n_waiting, 0);
    test_world_clear(&world);
}

/* The answerer does not know yet whether the first message was a replay: what it has to say on its own waits. */
TEST(an_answerer_says_nothing_of_its_own_until_it_is_confirmed)
{
    test_begin(&world, 2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    (void)test_arrive(&world, 0);
    test_take(&world, 0);
    EXPECT_EQ(world.n_wire, 1); /* the RESPONSE */
    EXPECT(test_say(&world, 1, 0, 9, 10, 10));
    EXPECT_EQ(world.n_wire, 1);
    test_deliver_all(&world);
    EXPECT_EQ(world.peers[0].n_messages, 1);
    EXPECT_EQ(world.peers[0].plain[0], 9);
    test_world_clear(&world);
}

TEST(what_waits_in_vain_is_forgotten)
{
    test_begin(&world, 1);
    test_peer_init(&world, 1);
    test_peer_start(&world, 1);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    EXPECT(test_say(&world, 0, 1, 2, 10, 0));
    world.now += world.peers[0].config.waiting_ms;
    world.n_wire = 0;
    EXPECT(test_say(&world, 0, 1, 3, 10, 0));
    EXPECT_EQ(test_counters(&world, 0)->expired, 1);
    EXPECT_EQ(n_in_state(0, KAD_SESSION_PENDING), 1);
    EXPECT_EQ(world.peers[0].channel->sessions.n_waiting, 1);
    test_world_clear(&world);
}

TEST(what_waits_has_a_ceiling)
{
    unsigned n = 0;

    test_begin(&world, 2);
    while (test_say(&world, 0, 1, 1, 10, 0))
        n++;
    EXPECT_EQ(n, 8); /* behind one */
    for (unsigned i = 0; i < 20; i++) {
        uint8_t key[32] = {(uint8_t)i, 1};
        const struct kad_channel_to to = {.key = key, .endpoint = test_endpoint(100 + i)};

        (void)test_say_at(&world, 0, &to, 1, 10, 0);
    }
    EXPECT(n_in_state(0, KAD_SESSION_PENDING) <= world.peers[0].config.max_waiting);
    EXPECT(world.peers[0].channel->sessions.n_waiting <= 2 * world.peers[0].config.max_waiting);
    test_world_clear(&world);
}

TEST(says_when_nobody_else_can_be_begun_with)
{
    struct kad_channel *channel;
    unsigned n;

    test_begin(&world, 1);
    channel = world.peers[0].channel;
    for (n = 0; n < 200 && !kad_channel_crowded(channel, world.now); n++) {
        uint8_t key[32] = {(uint8_t)n, 1};
        const struct kad_channel_to to = {.key = key, .endpoint = test_endpoint(100 + n)};

        (void)test_say_at(&world, 0, &to, 1, 10, 0);
    }
    EXPECT_EQ(n_in_state(0, KAD_SESSION_PENDING), world.peers[0].config.max_waiting);
    EXPECT(n < 200);
    EXPECT(kad_channel_crowded(channel, world.now + world.peers[0].config.waiting_ms - 1));
    EXPECT(!kad_channel_crowded(channel, world.now + world.peers[0].config.waiting_ms));
    test_world_clear(&world);
}

/* What is for those who began and may be nobody fills no more than half of it: we can still begin. */
TEST(what_waits_for_newcomers_leaves_room_for_our_own)
{
    unsigned n = 0;

    test_begin(&world, 4);
    for (unsigned i = 1; i < 3; i++) {
        EXPECT(test_say(&world, i, 0, 1, 10, 0));
        (void)test_arrive(&world, 0);
        world.n_wire = 0; /* the RESPONSE is lost, or nobody was there */
        while (test_say(&world, 0, i, 2, 10, 10))
            n++;
    }
    EXPECT_EQ(n, world.peers[0].config.max_waiting);
    test_through(&world, 0, 3, 3);
    test_world_clear(&world);
}

/* -- loss --------------------------------------------------------------------------------------------------------- */

TEST(a_lost_first_message_is_written_anew_with_the_next_one)
{
    test_begin(&world, 2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    world.n_wire = 0;
    world.now += 1000;
    test_through(&world, 0, 1, 2);
    test_world_clear(&world);
}

TEST(a_late_answer_to_the_first_of_two_is_no_forgery)
{
    struct test_packet late;

    test_begin(&world, 2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    (void)test_arrive(&world, 0);
    test_take(&world, 0);
    late = world.wire[0];
    world.n_wire = 0;
    world.now += 1000;
    EXPECT(test_say(&world, 0, 1, 2, 10, 0));
    EXPECT_EQ(test_receive(&world, 0, &late.from, late.bytes, late.size), KAD_CHANNEL_UNKNOWN);
    test_deliver_all(&world);
    test_through(&world, 0, 1, 3);
    test_through(&world, 1, 0, 4);
    test_world_clear(&world);
}

/* The one small datagram that confirms gets lost: the next message does as well. */
TEST(a_lost_confirmation_is_made_up_for)
{
    test_begin(&world, 2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    test_deliver(&world);
    test_deliver(&world);
    EXPECT_EQ(world.n_wire, 1);
    world.n_wire = 0;
    EXPECT_EQ(n_in_state(1, KAD_SESSION_FRESH), 1);
    test_through(&world, 0, 1, 2);
    EXPECT_EQ(n_in_state(1, KAD_SESSION_LIVE), 1);
    test_world_clear(&world);
}

/* -- crossing ----------------------------------------------------------------------------------------------------- */

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % below);
}

/* Both begin at once, and everything arrives in any order: afterwards both speak in the same session, and neither in two. */
TEST(two_first_messages_that_cross_end_in_one_session)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t state = seed;

        test_begin(&world, 2);
        EXPECT(test_say(&world, 0, 1, 1, 10, 0));
        EXPECT(test_say(&world, 1, 0, 2, 10, 0));
        while (world.n_wire) {
            const unsigned i = draw(&state, world.n_wire);

            world.now += draw(&state, 50);
            (void)test_arrive(&world, i);
            test_take(&world, i);
        }
        EXPECT_EQ(world.peers[0].n_messages, 1);
        EXPECT_EQ(world.peers[1].n_messages, 1);
        test_through(&world, 0, 1, 3);
        test_through(&world, 1, 0, 4);
        for (unsigned i = 0; i < 2; i++)
            EXPECT_MSG(n_in_state(i, KAD_SESSION_LIVE) == 1, "seed %llu", (unsigned long long)seed);
        { /* each names the other's index */
            const struct kad_sessions *a = &world.peers[0].channel->sessions,
                                      *b = &world.peers[1].channel->sessions;
            const struct kad_session *x = a->slots[a->newest[KAD_SESSION_LIVE]];
            const struct kad_session *y = b->slots[b->newest[KAD_SESSION_LIVE]];

            EXPECT_MSG(x->remote == y->index && y->remote == x->index, "seed %llu", (unsigned long long)seed);
        }
        test_world_clear(&world);
    }
}

/* -- restart ------------------------------------------------------------------------------------------------------ */

TEST(who_lost_its_sessions_is_found_again_with_the_next_message)
{
    test_begin(&world, 2);
    test_through(&world, 0, 1, 1);
    world.now += 5000;
    test_peer_start(&world, 1); /* again, with nothing remembered */
    EXPECT(test_say(&world, 0, 1, 2, 10, 10));
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_UNKNOWN);
    EXPECT_EQ(world.n_wire, 1); /* nobody answers to an unknown session */
    world.n_wire = 0;
    world.now += 1000;
    test_through(&world, 0, 1, 3);
    test_through(&world, 1, 0, 4);
    test_world_clear(&world);
}

/* Whichever side it was, and whoever had begun: no message is lost. */
TEST(who_lost_its_sessions_can_begin_again_at_once)
{
    for (unsigned way = 0; way < 4; way++) {
        const unsigned lost = way & 1, beginner = way >> 1, other = 1 - lost;

        test_begin(&world, 2);
        test_through(&world, beginner, 1 - beginner, 1);
        world.now += 3000;
        test_peer_start(&world, lost);
        test_through(&world, lost, other, 2);
        test_through(&world, other, lost, 3);
        EXPECT_EQ(n_in_state(other, KAD_SESSION_LIVE), 1);
        test_world_clear(&world);
    }
}

/* Answers are not answered: their silence means nothing. */
TEST(only_an_unanswered_question_makes_a_session_doubtful)
{
    test_begin(&world, 2);
    test_through(&world, 0, 1, 1);
    world.now += 5000;
    EXPECT(test_say(&world, 1, 0, 2, 10, 0));
    test_deliver_all(&world);
    world.now += 5000;
    EXPECT(test_say(&world, 1, 0, 3, 10, 0));
    EXPECT_EQ(world.wire[0].size, 64);
    test_deliver_all(&world);
    EXPECT_EQ(test_counters(&world, 1)->begun, 0);
    test_world_clear(&world);
}

/* -- age ---------------------------------------------------------------------------------------------------------- */

TEST(an_old_session_is_begun_anew_while_messages_are_under_way)
{
    struct test_packet late;

    test_begin(&world, 2);
    test_through(&world, 0, 1, 1);
    EXPECT(test_say(&world, 1, 0, 9, 10, 0)); /* still on its way when all that follows happens */
    late = world.wire[0];
    world.n_wire = 0;

    world.now += world.peers[0].config.rekey_after_ms;
    EXPECT(test_say(&world, 0, 1, 2, 20, 0));
    EXPECT_EQ(world.wire[0].size, 256); /* a first message */
    EXPECT(test_say(&world, 0, 1, 3, 20, 0));
    EXPECT_EQ(world.wire[1].size, 64); /* meanwhile the old one serves */
    EXPECT_EQ(test_arrive(&world, 1), KAD_CHANNEL_MESSAGE);
    test_take(&world, 1);
    test_deliver_all(&world);
    EXPECT_EQ(world.peers[1].n_messages, 3);
    EXPECT_EQ(test_counters(&world, 0)->begun, 2);
    EXPECT_EQ(n_in_state(0, KAD_SESSION_LIVE), 1);
    EXPECT_EQ(n_in_state(0, KAD_SESSION_OLD), 1);
    EXPECT_EQ(test_receive(&world, 0, &late.from, late.bytes, late.size), KAD_CHANNEL_MESSAGE);
    EXPECT_EQ(world.peers[0].plain[0], 9);
    test_through(&world, 0, 1, 4);
    test_through(&world, 1, 0, 5);
    world.now += 60000;
    test_through(&world, 0, 1, 6);
    EXPECT_EQ(n_in_state(0, KAD_SESSION_OLD), 0); /* and its keys are gone */
    test_world_clear(&world);
}

TEST(a_session_that_nobody_used_for_long_is_wiped)
{
    test_begin(&world, 2);
    test_through(&world, 0, 1, 1);
    world.now += 2 * world.peers[0].config.rekey_after_ms;
    test_through(&world, 0, 1, 2);
    EXPECT_EQ(test_counters(&world, 0)->begun, 2);
    EXPECT_EQ(n_in_state(0, KAD_SESSION_LIVE) + n_in_state(0, KAD_SESSION_OLD), 1);
    test_world_clear(&world);
}

/* 2^32 messages: as for age. */
TEST(a_session_that_carried_much_is_begun_anew)
{
    test_begin(&world, 2);
    test_through(&world, 0, 1, 1);
    world.peers[0].channel->sessions.slots[world.peers[0].channel->sessions.newest[KAD_SESSION_LIVE]]->sent =
        UINT32_MAX;
    world.now++;
    test_through(&world, 0, 1, 2);
    EXPECT_EQ(test_counters(&world, 0)->begun, 2);
    test_world_clear(&world);
}

/* -- moving ------------------------------------------------------------------------------------------------------- */

/* A NAT gives a new port: the next message moves the session, and a token shows that somebody is really there. */
TEST(a_session_follows_its_peer_and_lets_it_prove_its_address)
{
    const struct kad_endpoint elsewhere = test_endpoint(77), before = test_endpoint(1);

    test_begin(&world, 2);
    test_through(&world, 0, 1, 1);
    world.peers[0].at = elsewhere;
    EXPECT(test_say(&world, 0, 1, 2, 10, 10));
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_MESSAGE);
    test_take(&world, 0);
    EXPECT(world.peers[1].last.moved);
    EXPECT(!world.peers[1].last.proved);
    EXPECT(kad_endpoint_equal(&world.peers[1].last.endpoint, &before));
    EXPECT_EQ(world.n_wire, 1); /* a PROBE, as large as what came */
    EXPECT_EQ(world.wire[0].size, 64);
    test_deliver_all(&world); /* and its ECHO */
    EXPECT(world.peers[1].last.proved);
    EXPECT(!world.peers[1].last.moved);
    test_through(&world, 0, 1, 3);
    test_through(&world, 1, 0, 4);
    EXPECT_EQ(test_counters(&world, 0)->begun + test_counters(&world, 1)->begun, 1);
    test_world_clear(&world);
}

/* The question itself is answered at once where that fits into what came. */
TEST(an_answer_to_a_new_address_carries_the_probe)
{
    test_begin(&world, 2);
    test_through(&world, 0, 1, 1);
    world.peers[0].at = test_endpoint(77);
    world.peers[1].answer = 20;
    EXPECT(test_say(&world, 0, 1, 2, 10, 10));
    test_deliver(&world);
    EXPECT_EQ(world.n_wire, 1);
    EXPECT_EQ(world.wire[0].size, 64);
    test_deliver(&world);
    EXPECT_EQ(world.peers[0].n_messages, 1);
    test_deliver_all(&world);
    EXPECT(world.peers[1].last.proved);
    /* one that does not fit is not sent; the next one is */
    world.peers[0].at = test_endpoint(78);
    world.peers[1].answer = 500;
    EXPECT(test_say(&world, 0, 1, 2, 10, 10));
    test_deliver_all(&world);
    EXPECT_EQ(world.peers[0].n_messages, 1);
    EXPECT(test_say(&world, 0, 1, 2, 10, 10));
    test_deliver_all(&world);
    EXPECT_EQ(world.peers[0].n_messages, 2);
    test_world_clear(&world);
}

/* Only the newest message moves a session: a late one from the old address, or an old one played from elsewhere, does not. */
TEST(late_messages_do_not_move_a_session_back)
{
    struct test_packet late;

    test_begin(&world, 2);
    test_through(&world, 0, 1, 1);
    EXPECT(test_say(&world, 0, 1, 2, 10, 0));
    late = world.wire[0];
    world.n_wire = 0;
    world.peers[0].at = test_endpoint(77);
    EXPECT(test_say(&world, 0, 1, 3, 10, 0));
    test_deliver_all(&world);
    EXPECT_EQ(test_receive(&world, 1, &late.from, late.bytes, late.size), KAD_CHANNEL_REPLAYED);
    late.from = world.peers[0].at;
    EXPECT_EQ(test_receive(&world, 1, &late.from, late.bytes, late.size), KAD_CHANNEL_MESSAGE);
    EXPECT(!world.peers[1].last.moved);
    test_through(&world, 1, 0, 4);
    test_world_clear(&world);
}

/* Elsewhere is somebody else until it has shown that it is not: another handshake. */
TEST(a_session_is_not_used_towards_another_address)
{
    struct kad_channel_to to = {.endpoint = test_endpoint(99)};

    test_begin(&world, 2);
    test_through(&world, 0, 1, 1);
    to.key = test_key(&world, 1);
    EXPECT(test_say_at(&world, 0, &to, 2, 10, 0));
    EXPECT_EQ(world.wire[0].size, 256);
    test_world_clear(&world);
}

/* An answer goes the way the question came, or not at all. */
TEST(an_answer_does_not_go_elsewhere)
{
    struct kad_channel_to to = {.endpoint = test_endpoint(99)};

    test_begin(&world, 2);
    test_through(&world, 0, 1, 1);
    to.session = world.peers[1].last.session;
    EXPECT(!test_say_at(&world, 1, &to, 2, 10, 0));
    to.endpoint = world.peers[0].at;
    EXPECT(test_say_at(&world, 1, &to, 2, 10, 0));
    to.session ^= 1u << 20; /* another generation of its slot */
    EXPECT(!test_say_at(&world, 1, &to, 2, 10, 0));
    test_world_clear(&world);
}

/* -- crowding ------------------------------------------------------------------------------------------------------ */

static void crowd(unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++) {
        test_peer_init(&world, 1);
        memset(world.peers[1].config.secret, 10 + (int)i, 32);
        world.peers[1].config.seed[3] = (uint8_t)i;
        world.peers[1].at = test_endpoint(1000 + i);
        test_peer_start(&world, 1);
        EXPECT(test_say(&world, 1, 0, 1, 10, 0));
        test_deliver_all(&world);
        kad_channel_free(world.peers[1].channel);
        world.peers[1].channel = NULL;
    }
}

TEST(the_least_recently_used_gives_way)
{
    test_begin(&world, 1);
    test_peer_init(&world, 2);
    test_peer_start(&world, 2);
    test_through(&world, 2, 0, 1);
    crowd(0, 10);
    test_through(&world, 2, 0, 2); /* used again: it stays */
    EXPECT_EQ(test_counters(&world, 2)->begun, 1);
    crowd(10, 15);
    EXPECT_EQ(n_in_state(0, KAD_SESSION_LIVE), 16);
    EXPECT_EQ(world.peers[0].channel->sessions.evicted, 10);
    test_through(&world, 2, 0, 3);
    EXPECT_EQ(test_counters(&world, 2)->begun, 1);
    crowd(25, 16);
    EXPECT(test_say(&world, 2, 0, 4, 10, 10));
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_UNKNOWN); /* gone at last; and found again */
    world.n_wire = 0;
    world.now += 1000;
    test_through(&world, 2, 0, 5);
    test_world_clear(&world);
}

/* First messages that nobody confirms, however many, push out each other and not those who speak. */
TEST(newcomers_do_not_push_out_who_speaks)
{
    test_begin(&world, 1);
    crowd(0, 12);
    for (unsigned i = 0; i < 100; i++) {
        test_peer_init(&world, 1);
        memset(world.peers[1].config.secret, 0x80, 32);
        world.peers[1].config.secret[0] = (uint8_t)i;
        world.peers[1].at = test_endpoint(2000 + i);
        test_peer_start(&world, 1);
        EXPECT(test_say(&world, 1, 0, 1, 10, 0));
        (void)test_arrive(&world, 0);
        world.n_wire = 0;
        kad_channel_free(world.peers[1].channel);
        world.peers[1].channel = NULL;
    }
    EXPECT_EQ(n_in_state(0, KAD_SESSION_FRESH), 4);
    EXPECT_EQ(n_in_state(0, KAD_SESSION_LIVE), 12);
    test_world_clear(&world);
}

/* Whatever allocation is refused: nothing breaks, nothing leaks, and afterwards it works. */
TEST(refused_memory_loses_messages_and_nothing_else)
{
    for (long nth = 1; nth < 40; nth++) {
        test_world_init(&world);
        world.fail_at = nth;
        for (unsigned i = 0; i < 2; i++) {
            test_peer_init(&world, i);
            if (kad_channel_new(&world.peers[i].config, world.now, &world.peers[i].channel) != KAD_OK)
                test_peer_start(&world, i);
        }
        for (unsigned round = 0; round < 3; round++) {
            (void)test_say(&world, 0, 1, 1, 10, 0);
            (void)test_say(&world, 0, 1, 2, 10, 0);
            (void)test_say(&world, 1, 0, 3, 10, 0);
            test_deliver_all(&world);
            world.now += 31000;
        }
        world.fail_at = 0;
        test_through(&world, 0, 1, 4);
        test_through(&world, 1, 0, 5);
        test_world_clear(&world);
    }
}
