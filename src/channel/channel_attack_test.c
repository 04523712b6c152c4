/* What others may try: replays, changes, wrong keys; and what an observer sees. */
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "channel/channel_parts.h"
#include "channel/test_channel.h"
#include "crypto/crypto.h"
#include "crypto/identity.h"
#include "crypto/suite.h"

static struct test_world world;

/* -- replays ------------------------------------------------------------------------------------------------------ */

TEST(nothing_is_taken_twice)
{
    struct test_packet init, response, finish, data;

    test_begin(&world, 2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    init = test_caught(&world);
    EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_MESSAGE);
    response = test_caught(&world);
    EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_REPLAYED);
    EXPECT_EQ(world.n_wire, 0);
    EXPECT_EQ(test_play(&world, 0, &response), KAD_CHANNEL_HANDLED);
    finish = test_caught(&world);
    EXPECT_EQ(test_play(&world, 0, &response), KAD_CHANNEL_REPLAYED);
    EXPECT_EQ(test_play(&world, 1, &finish), KAD_CHANNEL_HANDLED);
    EXPECT_EQ(test_play(&world, 1, &finish), KAD_CHANNEL_REPLAYED);
    EXPECT(test_say(&world, 1, 0, 2, 10, 0));
    data = test_caught(&world);
    EXPECT_EQ(test_play(&world, 0, &data), KAD_CHANNEL_MESSAGE);
    EXPECT_EQ(test_play(&world, 0, &data), KAD_CHANNEL_REPLAYED);
    EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_REPLAYED);
    EXPECT_EQ(world.n_wire, 0);
    test_world_clear(&world);
}

/* A clock that was set back would lock its owner out wherever it is remembered: a cookie shows that it is no replay. */
TEST(who_lost_its_clock_gets_in_with_a_cookie)
{
    struct test_packet init;

    test_begin(&world, 2);
    test_through(&world, 0, 1, 1);
    test_peer_start(&world, 0);
    world.now -= 3000; /* as the restarted one sees it */
    EXPECT(test_say(&world, 0, 1, 2, 10, 10));
    world.now += 3000;
    init = test_caught(&world);
    EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_LOADED);
    EXPECT_EQ(world.n_wire, 1);
    EXPECT_EQ(world.wire[0].size, 128);
    world.now -= 3000;
    test_deliver(&world);
    world.now += 3000;
    init = test_caught(&world);
    EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_MESSAGE);
    EXPECT_EQ(world.peers[1].plain[0], 2);
    EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_LOADED); /* that cookie has served */
    test_take(&world, 1);
    test_deliver_all(&world);
    test_through(&world, 1, 0, 3);
    test_world_clear(&world);
}

/* Everybody who knows the answerer's key can read its COOKIEs. One that somebody got for himself, put into another's old first
 * message, would make of the replay a message from a clock that was set back, and from an address that has shown itself. */
TEST(a_cookie_in_anothers_first_message_spoils_it)
{
    struct test_packet old, cookie;
    uint8_t key[KAD_SEAL_KEY], mask[KAD_MASK_KEY], veil[KAD_MASK_KEY],
        *sealed = cookie.bytes + KAD_COOKIE_SEALED;

    test_begin(&world, 2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    old = world.wire[0];
    test_deliver_all(&world);
    test_peer_start(&world, 0);
    world.now += 3000;
    test_through(&world, 0, 1, 2); /* a newer one is remembered */

    old.from = test_endpoint(55);
    EXPECT_EQ(test_play(&world, 1, &old), KAD_CHANNEL_LOADED);
    cookie = test_caught(&world);
    kad_channel_mask_key_of(test_key(&world, 1), mask);
    kad_mask(mask, old.bytes, old.size, KAD_INIT_MASKED);
    memcpy(veil, old.bytes + KAD_INIT_VEIL, 8);
    memcpy(veil + 8, old.bytes + KAD_INIT_VEIL, 8);
    kad_mask(veil, cookie.bytes, cookie.size, KAD_HEAD);
    kad_cookies_key(&kad_suite_real, test_key(&world, 1), key);
    EXPECT(kad_suite_real.open(key, kad_read_u64(cookie.bytes + KAD_AT_COUNTER),
                               old.bytes + old.size - KAD_TAIL, KAD_TAIL, sealed,
                               KAD_DOOR_SIZE - KAD_COOKIE_SEALED));
    memcpy(old.bytes + KAD_INIT_COOKIE, sealed, KAD_COOKIE_SIZE);
    kad_mask(mask, old.bytes, old.size, KAD_INIT_MASKED);
    EXPECT_EQ(test_play(&world, 1, &old), KAD_CHANNEL_FORGED);
    EXPECT_EQ(world.n_wire, 0);
    test_through(&world, 1, 0, 3);
    test_world_clear(&world);
}

/* A first message that is played again after the answerer forgot all: it is answered, to no avail, and changes nothing. */
TEST(an_old_first_message_played_to_a_restarted_node_leads_nowhere)
{
    struct test_packet init;

    test_begin(&world, 2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    init = test_caught(&world);
    EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_MESSAGE);
    test_deliver_all(&world);
    test_peer_start(&world, 1);
    EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_MESSAGE);
    EXPECT(world.peers[1].last.first); /* which tells the core to change nothing for it */
    EXPECT(!world.peers[1].last.proved);
    EXPECT_EQ(world.n_wire, 1);
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_REPLAYED);
    world.n_wire = 0;
    world.now += 2000;
    EXPECT(
        test_say(&world, 0, 1, 1, 10, 10)); /* into the old session, of which the other end knows nothing */
    world.n_wire = 0;
    world.now += 2000;
    test_through(&world, 0, 1, 3);
    test_world_clear(&world);
}

/* What one sent, played back at itself: it was masked and sealed for somebody else. */
TEST(nothing_can_be_reflected)
{
    struct test_packet sent[3];

    test_begin(&world, 2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    sent[0] = world.wire[0];
    test_deliver(&world);
    sent[1] = world.wire[0];
    test_deliver(&world);
    sent[2] = world.wire[0];
    test_deliver(&world);
    for (unsigned i = 0; i < 3; i++) {
        const unsigned sender = i == 1;

        sent[i].from = world.peers[1 - sender].at;
        EXPECT_EQ(test_play(&world, sender, &sent[i]), KAD_CHANNEL_NOISE);
        /* even if the mask were right: put behind its own mask, each is a forgery */
        kad_mask(world.peers[1 - sender].channel->mask, sent[i].bytes, sent[i].size, KAD_HEAD);
        kad_mask(world.peers[sender].channel->mask, sent[i].bytes, sent[i].size, KAD_HEAD);
        EXPECT(test_play(&world, sender, &sent[i]) != KAD_CHANNEL_MESSAGE);
    }
    EXPECT_EQ(world.n_wire, 0);
    test_world_clear(&world);
}

/* -- changes ------------------------------------------------------------------------------------------------------ */

/* Every bit of a datagram, its head's too: what was turned is never taken for a message, nor answered. */
static void turn_every_bit(unsigned peer, const struct test_packet *packet)
{
    const unsigned before = world.peers[peer].n_messages;

    for (size_t bit = 0; bit < 8 * packet->size; bit++) {
        struct test_packet bad = *packet;
        enum kad_channel_verdict verdict;

        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        verdict = test_play(&world, peer, &bad);
        EXPECT_MSG(verdict != KAD_CHANNEL_MESSAGE, "bit %zu", bit);
        EXPECT_MSG(world.n_wire == 0, "bit %zu is answered", bit);
    }
    EXPECT_EQ(world.peers[peer].n_messages, before);
}

TEST(a_turned_bit_anywhere_is_noticed)
{
    struct test_packet packet;

    test_begin(&world, 1);
    test_peer_init(&world, 1);
    world.peers[1].config.cookie_per_s = 100000;
    test_peer_start(&world, 1);
    world.peers[1].answer = 10;
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    packet = test_caught(&world);
    turn_every_bit(1, &packet);
    EXPECT_EQ(test_play(&world, 1, &packet), KAD_CHANNEL_MESSAGE);
    packet = test_caught(&world);
    turn_every_bit(0, &packet);
    EXPECT_EQ(test_play(&world, 0, &packet), KAD_CHANNEL_MESSAGE);
    test_deliver_all(&world);

    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    packet = test_caught(&world);
    world.peers[1].answer = -1;
    turn_every_bit(1, &packet);
    EXPECT_EQ(test_play(&world, 1, &packet), KAD_CHANNEL_MESSAGE);
    test_world_clear(&world);
}

TEST(a_cut_or_lengthened_datagram_is_noise)
{
    struct test_packet packet;

    test_begin(&world, 2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    packet = test_caught(&world);
    for (size_t size = 0; size < sizeof(packet.bytes); size++) {
        if (size != packet.size)
            EXPECT_MSG(test_receive(&world, 1, &packet.from, packet.bytes, size) != KAD_CHANNEL_MESSAGE,
                       "%zu bytes", size);
    }
    EXPECT_EQ(test_play(&world, 1, &packet), KAD_CHANNEL_MESSAGE);
    test_world_clear(&world);
}

/* To whoever does not know our key there is nobody here, if the door is closed. */
TEST(noise_is_never_answered)
{
    struct test_packet packet = {.from = test_endpoint(50), .size = 0};
    uint64_t state = 1;

    test_begin(&world, 1);
    for (unsigned i = 0; i < 20000; i++) {
        static const size_t sizes[] = {64, 128, 256, 512, 896, 1200, 1, 63, 300};

        packet.size = sizes[i % 9];
        for (size_t at = 0; at < packet.size; at++) {
            state = state * UINT64_C(6364136223846793005) + 1;
            packet.bytes[at] = (uint8_t)(state >> 56);
        }
        EXPECT_EQ(test_play(&world, 0, &packet), KAD_CHANNEL_NOISE);
    }
    EXPECT_EQ(world.n_wire, 0);
    EXPECT_EQ(test_counters(&world, 0)->public_key_operations, 0);
    test_world_clear(&world);
}

/* -- who is who ---------------------------------------------------------------------------------------------------- */

TEST(another_network_does_not_understand_ours)
{
    test_begin(&world, 1);
    test_peer_init(&world, 1);
    world.peers[1].config.network = "another";
    test_peer_start(&world, 1);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_FORGED);
    EXPECT_EQ(world.n_wire, 1);
    world.n_wire = 0;
    { /* nor does its door open */
        const struct kad_channel_to door = {.endpoint = test_endpoint(2)};

        EXPECT(test_say_at(&world, 0, &door, 1, 10, 0));
        EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_NOISE);
    }
    test_world_clear(&world);
}

/* host:port/id1... where somebody else is: no answer to the first message; the door then says who it is. */
TEST(a_pinned_key_that_is_another_is_refused)
{
    struct kad_channel_to to = {.endpoint = test_endpoint(2)};

    test_begin(&world, 3);
    to.key = test_key(&world, 2); /* who is said to be there */
    EXPECT(test_say_at(&world, 0, &to, 1, 10, 0));
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_NOISE);
    EXPECT_EQ(world.n_wire, 1);
    test_take(&world, 0);
    to.expect = to.key;
    to.key = NULL;
    EXPECT(test_say_at(&world, 0, &to, 1, 10, 0));
    test_deliver(&world);
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_REFUSED);
    test_take(&world, 0);
    EXPECT_EQ(world.n_wire, 0); /* and what was to be said is not said to it */
    EXPECT_EQ(world.peers[1].n_messages, 0);

    to.expect = test_key(&world, 1);
    EXPECT(test_say_at(&world, 0, &to, 1, 10, 0));
    test_deliver_all(&world);
    EXPECT_EQ(world.peers[1].n_messages, 1);
    test_world_clear(&world);
}

TEST(a_closed_door_stays_closed)
{
    const struct kad_channel_to door = {.endpoint = test_endpoint(2)};

    test_begin(&world, 1);
    test_peer_init(&world, 1);
    world.peers[1].config.open_door = false;
    test_peer_start(&world, 1);
    EXPECT(test_say_at(&world, 0, &door, 1, 10, 0));
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_NOISE);
    EXPECT_EQ(world.n_wire, 1);
    test_world_clear(&world);
}

/* The door's answer serves the one who knocked, once. */
TEST(a_door_that_nobody_knocked_at_does_not_open)
{
    const struct kad_channel_to door = {.endpoint = test_endpoint(2)};
    struct test_packet hello, opened;

    test_begin(&world, 2);
    EXPECT(test_say_at(&world, 0, &door, 1, 10, 0));
    hello = test_caught(&world);
    EXPECT_EQ(test_play(&world, 1, &hello), KAD_CHANNEL_HANDLED);
    opened = test_caught(&world);
    for (size_t bit = 0; bit < 8 * opened.size; bit++) {
        struct test_packet bad = opened;

        if (bit < 8 || (bit >= 64 && bit < 256)) /* another kind; a counter and bytes that say nothing */
            continue;
        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        EXPECT_MSG(test_play(&world, 0, &bad) != KAD_CHANNEL_HANDLED, "bit %zu", bit);
        EXPECT_EQ(world.n_wire, 0);
    }
    opened.from = test_endpoint(60); /* nor from elsewhere */
    EXPECT_EQ(test_play(&world, 0, &opened), KAD_CHANNEL_UNKNOWN);
    opened.from = world.peers[1].at;
    EXPECT_EQ(test_play(&world, 0, &opened), KAD_CHANNEL_HANDLED);
    EXPECT_EQ(world.n_wire, 1);
    EXPECT_EQ(test_play(&world, 0, &opened), KAD_CHANNEL_UNKNOWN);
    test_world_clear(&world);
}

/* An identity whose puzzle is not solved is none. */
TEST(an_identity_without_its_puzzle_is_refused)
{
    unsigned bits;

    test_begin(&world, 1);
    bits = kad_identity_bits(test_key(&world, 0));
    for (unsigned less = 0; less < 2; less++) {
        test_peer_init(&world, 1);
        world.peers[1].config.puzzle_bits = bits + 1 - less;
        test_peer_start(&world, 1);
        world.now += 2000;
        EXPECT(test_say(&world, 0, 1, 1, 10, 0));
        EXPECT_EQ(test_arrive(&world, 0), less ? KAD_CHANNEL_MESSAGE : KAD_CHANNEL_REFUSED);
        EXPECT_EQ(world.n_wire, 1 + less);
        world.n_wire = 0;
        kad_channel_free(world.peers[1].channel);
        world.peers[1].channel = NULL;
    }
    test_world_clear(&world);
}

/* A first message by hand, so that it can say what no channel says: with the keys of peer 0, to peer 1. */
struct forged {
    const uint8_t *identity;
    uint8_t least, most; /* versions */
    uint64_t sender;
    bool unpadded;
    uint64_t time;            /* 0: now */
    const uint8_t *committed; /* with work: over whose identity; the cookie is the right one */
};

static enum kad_channel_verdict forge(const struct forged *say)
{
    const struct kad_channel *from = world.peers[0].channel;
    const struct kad_suite *suite = &kad_suite_real;
    const size_t size = 256;
    uint8_t bytes[256] = {0}, theirs[KAD_DH_SIZE], mask[KAD_MASK_KEY], *payload = bytes + KAD_INIT_PAYLOAD;
    struct kad_noise_keys ephemeral = {{9}, {0}};
    struct kad_noise noise;

    suite->keypair(ephemeral.secret, ephemeral.public_key);
    EXPECT(suite->dh_public(test_key(&world, 1), theirs));
    bytes[0] = KAD_TYPE_INIT;
    kad_write_u64(bytes + KAD_AT_COUNTER, say->sender);
    memcpy(payload, say->identity, 32);
    kad_write_u64(payload + 32, say->time ? say->time : (uint64_t)world.now);
    payload[40] = say->least;
    payload[41] = say->most;
    payload[42] = 1;
    payload[43] = say->unpadded ? 0x81 : 0x80;
    if (say->committed) {
        kad_admit_cookie(&world.peers[1].channel->admit, &world.peers[0].at, world.now,
                         bytes + KAD_INIT_COOKIE);
        kad_admit_commitment(suite, say->committed, ephemeral.public_key, bytes + KAD_INIT_COMMITMENT);
        kad_write_u64(bytes + KAD_INIT_NONCE, (uint64_t)world.now);
        kad_admit_work(suite, bytes + KAD_INIT_COOKIE, bytes + KAD_INIT_COMMITMENT, 12,
                       bytes + KAD_INIT_NONCE);
    }
    kad_channel_begin_noise(from, bytes, &noise);
    EXPECT(kad_noise_write_first(&noise, suite, &from->keys, &ephemeral, theirs, bytes + KAD_INIT_E,
                                 bytes + KAD_INIT_S, payload, size - KAD_INIT_PAYLOAD - KAD_SEAL_TAG));
    kad_channel_mask_key_of(test_key(&world, 1), mask);
    kad_mask(mask, bytes, size, KAD_INIT_MASKED);
    return test_receive(&world, 1, &world.peers[0].at, bytes, size);
}

static enum kad_channel_verdict forge_negative(void)
{
    uint8_t negative[32];
    const struct forged say = {.identity = negative, .least = 1, .most = 1, .sender = 5};

    memcpy(negative, test_key(&world, 0), sizeof(negative));
    negative[31] ^= 0x80;
    return forge(&say);
}

/* With the keys of peer 0 a handshake would also prove the negative of its identity: that one solves no puzzle. */
TEST(the_negative_of_a_key_is_nobody)
{
    test_begin(&world, 1);
    for (uint8_t i = 10; kad_identity_bits(test_key(&world, 0)) < 6; i++) {
        memset(world.peers[0].config.secret, i, sizeof(world.peers[0].config.secret));
        test_peer_start(&world, 0);
    }
    test_peer_init(&world, 1);
    world.peers[1].config.puzzle_bits = 6;
    test_peer_start(&world, 1);
    EXPECT_EQ(forge_negative(), KAD_CHANNEL_REFUSED);
    test_through(&world, 0, 1, 1);
    world.peers[1].config.puzzle_bits = 0; /* where ids cost nothing, neither does a second one */
    test_peer_start(&world, 1);
    world.now++;
    EXPECT_EQ(forge_negative(), KAD_CHANNEL_MESSAGE);
    test_world_clear(&world);
}

TEST(a_first_message_must_be_right_in_all)
{
    struct forged say;
    uint8_t other[32];

    test_begin(&world, 3);
    say = (struct forged){.identity = test_key(&world, 0), .least = 1, .most = 1, .sender = 5};
    EXPECT_EQ(forge(&say), KAD_CHANNEL_MESSAGE);
    world.now++;
    say.least = 2, say.most = 7; /* no version in common */
    EXPECT_EQ(forge(&say), KAD_CHANNEL_REFUSED);
    say.least = 0, say.most = 0;
    EXPECT_EQ(forge(&say), KAD_CHANNEL_REFUSED);
    say.least = 0, say.most = 9;
    EXPECT_EQ(forge(&say), KAD_CHANNEL_MESSAGE);
    world.now++;
    say.identity = test_key(&world, 2); /* somebody else's */
    EXPECT_EQ(forge(&say), KAD_CHANNEL_REFUSED);
    say.identity = test_key(&world, 1); /* the answerer's own */
    EXPECT_EQ(forge(&say), KAD_CHANNEL_REFUSED);
    memset(other, 0xff, sizeof(other)); /* y >= p */
    say.identity = other;
    EXPECT_EQ(forge(&say), KAD_CHANNEL_REFUSED);
    say.identity = test_key(&world, 0);
    say.sender = UINT64_C(1) << 32;
    EXPECT_EQ(forge(&say), KAD_CHANNEL_REFUSED);
    say.sender = 5;
    say.unpadded = true;
    EXPECT_EQ(forge(&say), KAD_CHANNEL_REFUSED);
    say.unpadded = false;
    EXPECT_EQ(forge(&say), KAD_CHANNEL_MESSAGE);
    test_world_clear(&world);
}

/* A time after which there is none: whoever comes late after it, with a cookie, would make numbers run over. */
TEST(a_first_message_from_the_end_of_time_is_refused)
{
    static const uint64_t times[] = {UINT64_C(1) << 62, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX};
    struct forged say;

    test_begin(&world, 2);
    say = (struct forged){.identity = test_key(&world, 0), .least = 1, .most = 1, .sender = 5};
    for (unsigned i = 0; i < KAD_COUNT_OF(times); i++) {
        say.time = times[i];
        EXPECT_EQ(forge(&say), KAD_CHANNEL_REFUSED);
    }
    EXPECT_EQ(world.n_wire, 0);
    say.time = (UINT64_C(1) << 62) - 1;
    EXPECT_EQ(forge(&say), KAD_CHANNEL_MESSAGE);
    test_world_clear(&world);
}

/* Work that somebody else did, for his own identity, admits nobody else. */
TEST(work_for_another_identity_is_refused)
{
    struct forged say;

    test_begin(&world, 3);
    kad_channel_free(world.peers[1].channel);
    world.peers[1].channel = NULL;
    world.peers[1].config.cookie_per_s = world.peers[1].config.work_per_s = 0;
    test_peer_start(&world, 1);
    say = (struct forged){.identity = test_key(&world, 0), .least = 1, .most = 1, .sender = 5};
    say.committed = test_key(&world, 2);
    EXPECT_EQ(forge(&say), KAD_CHANNEL_REFUSED);
    world.now++;
    say.committed = test_key(&world, 0);
    EXPECT_EQ(forge(&say), KAD_CHANNEL_MESSAGE);
    test_world_clear(&world);
}

/* Both sides must speak a version that the other does. */
TEST(an_answer_in_an_unknown_version_is_refused)
{
    struct test_packet init;
    struct asked *asked;
    uint8_t bytes[256] = {0};
    const struct kad_suite *suite = &kad_suite_real;
    struct kad_noise_keys ephemeral = {{9}, {0}};

    test_begin(&world, 2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    init = test_caught(&world);
    { /* what peer 1 would answer, but for the version */
        static struct kad_datagram datagrams[4];
        static uint8_t memory[4 * KAD_DATAGRAM_MAX];
        struct kad_batch out = {.datagrams = datagrams, .memory = memory, .room = 4};
        const struct kad_datagram in = {.peer = init.from, .bytes = {init.bytes, init.size}};
        const struct kad_channel_in result =
            kad_channel_receive(world.peers[1].channel, &in, world.now, &out);
        const struct kad_session *session =
            kad_sessions_at(&world.peers[1].channel->sessions, result.session);

        EXPECT_EQ(result.verdict, KAD_CHANNEL_MESSAGE);
        asked = world.peers[1].channel->asked;
        suite->keypair(ephemeral.secret, ephemeral.public_key);
        bytes[0] = KAD_TYPE_RESPONSE;
        kad_write_u32(bytes + KAD_AT_INDEX, session->remote);
        bytes[KAD_RESPONSE_PAYLOAD] = 2;
        kad_write_u32(bytes + KAD_RESPONSE_INDEX, session->index);
        bytes[KAD_RESPONSE_MESSAGE] = 0x80;
        EXPECT(kad_noise_write_answer(&asked->noise, suite, &ephemeral, asked->their_ephemeral, asked->theirs,
                                      bytes + KAD_RESPONSE_E, bytes + KAD_RESPONSE_PAYLOAD,
                                      128 - KAD_RESPONSE_PAYLOAD - KAD_SEAL_TAG));
        kad_mask(session->mask, bytes, 128, KAD_RESPONSE_MASKED);
    }
    EXPECT_EQ(test_receive(&world, 0, &world.peers[1].at, bytes, 128), KAD_CHANNEL_REFUSED);
    EXPECT_EQ(world.peers[0].channel->sessions.n[KAD_SESSION_PENDING], 0);
    EXPECT_EQ(test_counters(&world, 0)->established, 0);
    test_world_clear(&world);
}

/* An answer from elsewhere than where the question went proves nothing about either. */
TEST(an_answer_must_come_from_where_the_question_went)
{
    struct test_packet response;

    test_begin(&world, 2);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    test_deliver(&world);
    response = test_caught(&world);
    response.from = test_endpoint(66);
    EXPECT_EQ(test_play(&world, 0, &response), KAD_CHANNEL_FORGED);
    response.from = world.peers[1].at;
    EXPECT_EQ(test_play(&world, 0, &response), KAD_CHANNEL_HANDLED);
    test_world_clear(&world);
}

/* Chi-square of a byte histogram; 255 degrees of freedom: above 400 comes by chance once in 10^7. */
static double chi_square(const uint32_t histogram[256])
{
    double n = 0, sum = 0;

    for (unsigned i = 0; i < 256; i++)
        n += histogram[i];
    for (unsigned i = 0; i < 256; i++)
        sum += (histogram[i] - n / 256) * (histogram[i] - n / 256) / (n / 256);
    return sum;
}

/* Every byte position of what goes over the wire, over many datagrams of each kind: nothing is more frequent than chance
 * makes it. And no datagram has a size that tells more than which of six it is. */
TEST(nothing_on_the_wire_can_be_told_from_noise)
{
    static uint32_t histograms[64][256], all[256];
    static const size_t sizes[] = {64, 128, 256, 512, 896, 1200};
    const struct kad_channel_to door = {.endpoint = test_endpoint(2)};
    unsigned n = 0;

    memset(histograms, 0, sizeof(histograms));
    memset(all, 0, sizeof(all));
    test_begin(&world, 2);
    world.peers[1].config.cookie_per_s = 3;
    for (unsigned round = 0; round < 900; round++) {
        test_peer_start(&world, 0);
        test_peer_start(&world, 1);
        world.peers[1].answer = (int)(round % 700);
        world.now += 5000;
        (void)(round % 3 ? test_say(&world, 0, 1, 0, 30, round % 900)
                         : test_say_at(&world, 0, &door, 0, 30, 10));
        for (unsigned i = 0; i < 40 && world.n_wire; i++) {
            const struct test_packet *packet = &world.wire[0];
            bool known = false;

            for (unsigned s = 0; s < KAD_COUNT_OF(sizes); s++)
                known |= packet->size == sizes[s];
            EXPECT(known);
            for (unsigned at = 0; at < 64; at++)
                histograms[at][packet->bytes[at]]++;
            for (unsigned at = 0; at < packet->size; at++)
                all[packet->bytes[at]]++;
            n++;
            test_deliver(&world);
            if (i % 3 == 2)
                (void)test_say(&world, i & 1, 1 - (i & 1), 0, i, 0);
        }
        world.n_wire = 0;
    }
    EXPECT_MSG(n > 5000, "%u", n);
    for (unsigned at = 0; at < 64; at++)
        EXPECT_MSG(chi_square(histograms[at]) < 400, "byte %u: %.0f", at, chi_square(histograms[at]));
    EXPECT_MSG(chi_square(all) < 400, "all bytes: %.0f", chi_square(all));
    test_world_clear(&world);
}
