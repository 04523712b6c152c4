#include "channel/test_channel.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endpoint.h"
#include "base/test.h"
#include "crypto/crypto.h"
#include "crypto/suite.h"

static void *resize(void *context, void *old, size_t old_size, size_t new_size)
{
    struct test_world *world = context;
    void *block;

    if (new_size > old_size && world->fail_at && --world->fail_at == 0)
        return NULL;
    block = kad_allocator_system.resize(NULL, old, old_size, new_size);
    if (block || !new_size)
        world->in_use += new_size - old_size;
    return block;
}

void test_world_init(struct test_world *world)
{
    memset(world, 0, sizeof(*world));
    EXPECT_EQ(kad_crypto_init(), KAD_OK);
    world->allocator = (struct kad_allocator){resize, world};
    world->now = 1000000;
}

void test_world_clear(struct test_world *world)
{
    for (unsigned i = 0; i < TEST_PEERS; i++) {
        kad_channel_free(world->peers[i].channel);
        world->peers[i].channel = NULL;
    }
    EXPECT_EQ(world->in_use, 0);
}

struct kad_endpoint test_endpoint(unsigned number)
{
    const uint8_t address[4] = {10, 0, (uint8_t)(number >> 8), (uint8_t)number};

    return kad_endpoint_v4(address, 4242);
}

void test_peer_init(struct test_world *world, unsigned i)
{
    struct test_peer *peer = &world->peers[i];

    *peer = (struct test_peer){.at = test_endpoint(i + 1), .answer = -1};
    peer->config = (struct kad_channel_config){.allocator = &world->allocator,
                                               .suite = &kad_suite_real,
                                               .network = "test",
                                               .max_sessions = 16,
                                               .max_waiting = 8,
                                               .waiting_ms = 5000,
                                               .rekey_after_ms = KAD_HOUR,
                                               .cookie_per_s = 1000,
                                               .work_per_s = 1000,
                                               .work_bits_max = 12,
                                               .open_door = true};
    memset(peer->config.secret, (int)i + 1, sizeof(peer->config.secret));
    memset(peer->config.seed, (int)i + 101, sizeof(peer->config.seed));
}

void test_peer_start(struct test_world *world, unsigned i)
{
    struct test_peer *peer = &world->peers[i];

    kad_channel_free(peer->channel);
    peer->channel = NULL;
    EXPECT_EQ(kad_channel_new(&peer->config, world->now, &peer->channel), KAD_OK);
    if (++peer->config.seed[0] == 0) /* when it starts again, with other randomness */
        peer->config.seed[1]++;
}

const uint8_t *test_key(const struct test_world *world, unsigned i)
{
    return kad_channel_key(world->peers[i].channel);
}

static void send(struct test_world *world, const struct kad_endpoint *from, const struct kad_endpoint *to,
                 const uint8_t *bytes, size_t size)
{
    struct test_packet *packet = &world->wire[world->n_wire++];

    EXPECT(world->n_wire <= TEST_WIRE && size <= KAD_CHANNEL_DATAGRAM);
    packet->from = *from;
    packet->to = *to;
    packet->size = size;
    memcpy(packet->bytes, bytes, size);
}

bool test_say_at(struct test_world *world, unsigned from, const struct kad_channel_to *to, uint8_t fill,
                 size_t n, size_t wanted)
{
    struct test_peer *peer = &world->peers[from];
    const struct kad_channel_plan plan = kad_channel_plan(peer->channel, to, wanted, world->now);
    uint8_t datagram[KAD_CHANNEL_DATAGRAM];
    bool failed = false;
    size_t size;

    if (plan.room < n || plan.room == 0)
        return false;
    EXPECT(plan.head <= KAD_CHANNEL_HEAD_MAX);
    memset(datagram, 0xee, sizeof(datagram));
    memset(datagram + plan.head, fill, n);
    size = kad_channel_seal(peer->channel, &plan, to, datagram, n, world->now, &failed);
    if (size)
        send(world, &peer->at, &to->endpoint, datagram, size);
    test_sound(world);
    return !failed;
}

bool test_say(struct test_world *world, unsigned from, unsigned to, uint8_t fill, size_t n, size_t wanted)
{
    const struct kad_channel_to whom = {.key = test_key(world, to), .endpoint = world->peers[to].at};

    return test_say_at(world, from, &whom, fill, n, wanted);
}

enum kad_channel_verdict test_receive(struct test_world *world, unsigned i, const struct kad_endpoint *from,
                                      const uint8_t *bytes, size_t size)
{
    static struct kad_datagram datagrams[16];
    static uint8_t memory[16 * KAD_DATAGRAM_MAX];
    struct kad_batch out = {.datagrams = datagrams, .memory = memory, .room = 16};
    const struct kad_datagram in = {.peer = *from, .bytes = {bytes, size}};
    struct test_peer *peer = &world->peers[i];
    struct kad_channel_in result = kad_channel_receive(peer->channel, &in, world->now, &out);

    if (result.verdict == KAD_CHANNEL_MESSAGE || (result.verdict == KAD_CHANNEL_HANDLED && result.session)) {
        const struct kad_channel_to back = {.session = result.session, .endpoint = *from};

        if (result.plain.size)
            memcpy(peer->plain, result.plain.data, result.plain.size);
        result.plain.data = peer->plain;
        peer->last = result;
        peer->n_messages += result.verdict == KAD_CHANNEL_MESSAGE;
        peer->n_first += result.first;
        if (peer->answer >= 0 && result.verdict == KAD_CHANNEL_MESSAGE)
            (void)test_say_at(world, i, &back, 0xaa, (size_t)peer->answer, 0);
    }
    kad_channel_finish(peer->channel, world->now, &out);
    for (unsigned n = 0; n < out.n; n++)
        send(world, &peer->at, &datagrams[n].peer, datagrams[n].bytes.data, datagrams[n].bytes.size);
    test_sound(world);
    return result.verdict;
}

enum kad_channel_verdict test_arrive(struct test_world *world, unsigned i)
{
    const struct test_packet packet = world->wire[i];

    for (unsigned at = 0; at < TEST_PEERS; at++) {
        struct test_peer *peer = &world->peers[at];

        if (peer->channel && kad_endpoint_equal(&peer->at, &packet.to))
            return test_receive(world, at, &packet.from, packet.bytes, packet.size);
    }
    return KAD_CHANNEL_NOISE;
}

void test_take(struct test_world *world, unsigned i)
{
    world->n_wire--;
    memmove(world->wire + i, world->wire + i + 1, (world->n_wire - i) * sizeof(*world->wire));
}

void test_deliver(struct test_world *world)
{
    EXPECT(world->n_wire > 0);
    (void)test_arrive(world, 0);
    test_take(world, 0);
}

void test_deliver_all(struct test_world *world)
{
    while (world->n_wire)
        test_deliver(world);
}

void test_sound(const struct test_world *world)
{
    for (unsigned i = 0; i < TEST_PEERS; i++) {
        const char *why = "";

        EXPECT_MSG(!world->peers[i].channel || kad_channel_sound(world->peers[i].channel, &why),
                   "peer %u: %s", i, why);
    }
}

void test_begin(struct test_world *world, unsigned n)
{
    test_world_init(world);
    for (unsigned i = 0; i < n; i++) {
        test_peer_init(world, i);
        test_peer_start(world, i);
    }
}

const struct kad_channel_counters *test_counters(const struct test_world *world, unsigned i)
{
    return kad_channel_counters(world->peers[i].channel);
}

void test_through(struct test_world *world, unsigned from, unsigned to, uint8_t fill)
{
    const struct test_peer *peer = &world->peers[to];
    const unsigned before = peer->n_messages;

    EXPECT(test_say(world, from, to, fill, 20, 20));
    test_deliver_all(world);
    EXPECT_EQ(peer->n_messages, before + 1);
    EXPECT_EQ(peer->plain[0], fill);
    EXPECT_MEM(peer->last.key, test_key(world, from), KAD_KEY_SIZE);
}

struct test_packet test_caught(struct test_world *world)
{
    const struct test_packet packet = world->wire[0];

    EXPECT_EQ(world->n_wire, 1);
    test_take(world, 0);
    return packet;
}

enum kad_channel_verdict test_play(struct test_world *world, unsigned i, const struct test_packet *packet)
{
    return test_receive(world, i, &packet->from, packet->bytes, packet->size);
}
