/*
 * Whatever happens on the wire: three channels that talk, restart and move, an attacker who drops, repeats, reorders, turns
 * bits and sends what it saw from other addresses, and victims: addresses where nobody is.
 *
 * What must hold is counted here, apart from the channels' own accounts:
 *   - to an address that has received nothing never goes more than came from it, in bytes (SCORECARD row 8) and in packets
 *     (row 10);
 *   - no message in a session is delivered twice, and none that its sender did not send;
 *   - when the attacker rests, everybody reaches everybody.
 */
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "channel/channel_parts.h"
#include "channel/test_channel.h"
#include "crypto/crypto.h"
#include "crypto/suite.h"

enum { TALKERS = 3, SEEN = 32, VICTIMS = 8, SAID = 4096 };

static struct test_world world;
static struct test_packet seen[SEEN];
static unsigned n_seen;
static uint64_t state;
static uint64_t in_from[TALKERS][VICTIMS], out_to[TALKERS][VICTIMS];
static unsigned packets_from[TALKERS][VICTIMS], packets_to[TALKERS][VICTIMS];
static uint8_t times[SAID]; /* a message's number stands in it; how often it was delivered in a session */
static unsigned n_said;

static uint32_t draw(uint32_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((state >> 33) % below);
}

static struct kad_endpoint victim(unsigned i)
{
    return test_endpoint(500 + i);
}

static int victim_of(const struct kad_endpoint *endpoint)
{
    for (unsigned i = 0; i < VICTIMS; i++) {
        const struct kad_endpoint at = victim(i);

        if (kad_endpoint_equal(&at, endpoint))
            return (int)i;
    }
    return -1;
}

static int talker_at(const struct kad_endpoint *endpoint)
{
    for (unsigned i = 0; i < TALKERS; i++) {
        if (kad_endpoint_equal(&world.peers[i].at, endpoint))
            return (int)i;
    }
    return -1;
}

/* The sender's number, then the message's. */
static bool say(unsigned from, const struct kad_channel_to *to, size_t n, size_t wanted,
                struct kad_batch *out)
{
    struct kad_channel *channel = world.peers[from].channel;
    const struct kad_channel_plan plan = kad_channel_plan(channel, to, wanted, world.now);
    uint8_t datagram[KAD_CHANNEL_DATAGRAM];
    bool failed = false;
    size_t size;

    if (n < 5)
        n = 5;
    if (plan.room < n || n_said == SAID || out->n == out->room)
        return false;
    memset(datagram + plan.head, 0, n);
    datagram[plan.head] = (uint8_t)from;
    kad_write_u32(datagram + plan.head + 1, n_said++);
    size = kad_channel_seal(channel, &plan, to, datagram, n, world.now, &failed);
    if (size) {
        uint8_t *place = out->memory + (size_t)out->n * KAD_DATAGRAM_MAX;

        memcpy(place, datagram, size);
        out->datagrams[out->n++] = (struct kad_datagram){.peer = to->endpoint, .bytes = {place, size}};
    }
    return !failed;
}

static struct kad_datagram datagrams[16];
static uint8_t memory[16 * KAD_DATAGRAM_MAX];

static struct kad_batch batch(void)
{
    return (struct kad_batch){.datagrams = datagrams, .memory = memory, .room = 16};
}

/* What a talker sends: onto the wire, into what the attacker remembers, into the account. */
static void emit(unsigned from, const struct kad_batch *out)
{
    for (unsigned i = 0; i < out->n; i++) {
        struct test_packet packet = {.from = world.peers[from].at, .to = out->datagrams[i].peer};
        const int hit = victim_of(&packet.to);

        packet.size = out->datagrams[i].bytes.size;
        memcpy(packet.bytes, out->datagrams[i].bytes.data, packet.size);
        EXPECT(packet.size <= KAD_CHANNEL_DATAGRAM);
        if (hit < 0) /* nobody sees what a victim gets: who does can prove anything for it */
            seen[n_seen++ % SEEN] = packet;
        if (hit >= 0) {
            out_to[from][hit] += packet.size;
            EXPECT_MSG(out_to[from][hit] <= in_from[from][hit], "%llu bytes to where %llu came from",
                       (unsigned long long)out_to[from][hit], (unsigned long long)in_from[from][hit]);
            EXPECT_MSG(++packets_to[from][hit] <= packets_from[from][hit], "%u packets to where %u came from",
                       packets_to[from][hit], packets_from[from][hit]);
        } else if (world.n_wire < TEST_WIRE) {
            world.wire[world.n_wire++] = packet;
        }
    }
    test_sound(&world);
}

static void receive(unsigned at, const struct test_packet *packet)
{
    struct kad_channel *channel = world.peers[at].channel;
    struct kad_batch out = batch();
    const struct kad_datagram in = {.peer = packet->from, .bytes = {packet->bytes, packet->size}};
    const int source = victim_of(&packet->from);
    struct kad_channel_in result;

    if (source >= 0) {
        in_from[at][source] += packet->size;
        packets_from[at][source]++;
    }
    result = kad_channel_receive(channel, &in, world.now, &out);
    if (result.verdict == KAD_CHANNEL_MESSAGE) {
        const struct kad_channel_to back = {.session = result.session, .endpoint = packet->from};
        const struct kad_channel_to ask = {.key = result.key, .endpoint = packet->from};
        const uint32_t number = kad_read_u32(result.plain.data + 1);

        EXPECT(result.plain.size >= 5 && result.plain.data[0] < TALKERS && number < n_said);
        EXPECT_MEM(result.key, test_key(&world, result.plain.data[0]), KAD_KEY_SIZE);
        EXPECT(source < 0 || !result.proved);
        if (!result.first)
            EXPECT_MSG(times[number]++ == 0, "message %u came twice", number);
        if (draw(3))
            (void)say(at, &back, draw(1100), 0, &out);
        if (draw(3) == 0)
            (void)say(at, &ask, draw(100), draw(1100), &out); /* as one asks a stranger back */
    }
    kad_channel_finish(channel, world.now, &out);
    emit(at, &out);
}

static void talk(unsigned from, unsigned to, bool knock)
{
    struct kad_batch out = batch();
    const struct kad_channel_to whom = {.key = knock ? NULL : test_key(&world, to),
                                        .endpoint = world.peers[to].at};

    (void)say(from, &whom, draw(900), draw(1100), &out);
    emit(from, &out);
}

static void attack(void)
{
    struct test_packet packet;
    int at;

    if (!n_seen)
        return;
    packet = seen[draw(n_seen < SEEN ? n_seen : SEEN)];
    at = draw(4) ? talker_at(&packet.to) : (int)draw(TALKERS);
    if (at < 0)
        return;
    if (draw(2))
        packet.from = victim(draw(VICTIMS));
    if (draw(3) == 0)
        packet.bytes[draw((uint32_t)packet.size)] ^= (uint8_t)(1u << draw(8));
    if (draw(20) == 0)
        packet.size = draw((uint32_t)packet.size + 1);
    receive((unsigned)at, &packet);
}

/* A packet of the wire takes its way: arrives, perhaps from a victim's address, or gets lost, or stays for later. */
static void carry(unsigned i)
{
    struct test_packet packet = world.wire[i];
    const int at = talker_at(&packet.to);

    if (draw(10)) /* else it will come once more */
        test_take(&world, i);
    if (at < 0 || draw(8) == 0)
        return;
    if (draw(8) == 0)
        packet.from = victim(draw(VICTIMS));
    receive((unsigned)at, &packet);
}

static void start(uint64_t seed)
{
    test_world_init(&world);
    state = seed;
    n_seen = n_said = 0;
    memset(in_from, 0, sizeof(in_from));
    memset(out_to, 0, sizeof(out_to));
    memset(packets_from, 0, sizeof(packets_from));
    memset(packets_to, 0, sizeof(packets_to));
    memset(times, 0, sizeof(times));
    for (unsigned i = 0; i < TALKERS; i++) {
        test_peer_init(&world, i);
        world.peers[i].config.suite = seed % 4 ? &kad_suite_toy : &kad_suite_real;
        world.peers[i].config.max_sessions = seed % 3 ? 16 : 3;
        world.peers[i].config.rekey_after_ms = 10000;
        world.peers[i].config.cookie_per_s = seed % 5 == 0 ? 0 : 20;
        world.peers[i].config.work_per_s = seed % 10 == 0 ? 0 : 1000;
        test_peer_start(&world, i);
    }
}

static void expect_all_reach_all(uint64_t seed)
{
    world.n_wire = 0;
    world.now += 2 * KAD_MINUTE;
    for (unsigned from = 0; from < TALKERS; from++) {
        for (unsigned to = 0; to < TALKERS; to++) {
            const unsigned before = world.peers[to].n_messages;

            if (from == to)
                continue;
            for (unsigned attempt = 0; attempt < 4 && world.peers[to].n_messages == before; attempt++) {
                (void)test_say(&world, from, to, 0, 20, 20);
                test_deliver_all(&world);
                world.now += 2000;
            }
            EXPECT_MSG(world.peers[to].n_messages > before, "seed %llu: %u does not reach %u",
                       (unsigned long long)seed, from, to);
        }
    }
}

TEST(whatever_happens_victims_get_no_more_than_they_sent_and_nothing_comes_twice)
{
    for (uint64_t seed = 1; seed <= 120; seed++) {
        start(seed);
        for (unsigned step = 0; step < 600; step++) {
            const uint32_t what = draw(100), who = draw(TALKERS);

            world.now += draw(40);
            if (what < 25)
                talk(draw(TALKERS), draw(TALKERS), draw(8) == 0);
            else if (what < 65 && world.n_wire)
                carry(draw(world.n_wire));
            else if (what < 96)
                attack();
            else if (what < 97)
                test_peer_start(&world, who);
            else if (what < 98)
                world.peers[who].at = test_endpoint(10 + 50 * who + draw(50));
            else
                world.now += draw(3000);
        }
        expect_all_reach_all(seed);
        test_world_clear(&world);
    }
}
