/*
 * channel_fuzz - two channels, and an attacker who has the wire between them.
 *
 * The first byte chooses the suite (bit 0: the real one), limits and load, or (255) that the rest is a written-down state to be
 * read. Then operations: say, deliver, drop, repeat, turn bits, send from another address, send what was made up behind the
 * right mask, let time pass, restart. Whatever they are: the channels stay sound, give all memory back, deliver no message
 * of a session twice, and send no more to an address where nobody is than came from there: neither bytes nor packets.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endpoint.h"
#include "channel/channel.h"
#include "channel/format.h"
#include "channel/mask.h"
#include "crypto/crypto.h"
#include "crypto/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIRE = 24, VICTIMS = 4, SAID = 1024, ROOM = 8, NOBODY = 9 };

struct packet {
    struct kad_endpoint from, to;
    size_t size;
    uint8_t bytes[KAD_CHANNEL_WRAPPED];
};

struct world {
    struct kad_allocator allocator;
    uint64_t in_use, random;
    uint8_t failing;
    struct kad_channel_config config;
    struct kad_channel *channels[2]; /* NULL: memory was refused */
    uint8_t keys[2][KAD_KEY_SIZE];
    uint16_t restarts[2];
    kad_ms now;
    struct packet wire[WIRE];
    unsigned n_wire;
    uint64_t in_from[2][VICTIMS], out_to[2][VICTIMS];
    unsigned packets_from[2][VICTIMS], packets_to[2][VICTIMS];
    uint8_t times[SAID];
    unsigned n_said;
    const uint8_t *data;
    size_t left;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static uint8_t take(struct world *world)
{
    if (!world->left)
        return 0;
    world->left--;
    return *world->data++;
}

static void *resize(void *context, void *old, size_t old_size, size_t new_size)
{
    struct world *world = context;
    void *block;

    if (new_size > old_size) {
        world->random = world->random * UINT64_C(6364136223846793005) + 1;
        if ((world->random >> 56) < world->failing)
            return NULL;
    }
    block = kad_allocator_system.resize(NULL, old, old_size, new_size);
    if (block || new_size == 0)
        world->in_use += new_size - old_size;
    return block;
}

static struct kad_endpoint place(unsigned number)
{
    const uint8_t address[4] = {10, 0, 0, (uint8_t)number};

    return kad_endpoint_v4(address, 4242);
}

/* 0, 1: the channels; from NOBODY on: victims. */
static int place_of(const struct kad_endpoint *endpoint)
{
    return endpoint->address[3];
}

static void start(struct world *world, unsigned i)
{
    memset(world->config.secret, (int)i + 1, sizeof(world->config.secret));
    memset(world->config.seed, (int)i + 7, sizeof(world->config.seed));
    kad_write_u32(world->config.seed + 1, world->restarts[i]++);
    kad_channel_free(world->channels[i]);
    world->channels[i] = NULL;
    if (kad_channel_new(&world->config, world->now, &world->channels[i]) != KAD_OK)
        world->channels[i] = NULL;
}

static struct kad_datagram datagrams[ROOM];
static uint8_t memory[ROOM * KAD_DATAGRAM_MAX];

static struct kad_batch batch(void)
{
    return (struct kad_batch){.datagrams = datagrams, .memory = memory, .room = ROOM};
}

static void emit(struct world *world, unsigned from, const struct kad_batch *out)
{
    const char *why;

    for (unsigned i = 0; i < out->n; i++) {
        const struct kad_datagram *datagram = &out->datagrams[i];
        const int to = place_of(&datagram->peer);

        require(datagram->bytes.size <= KAD_CHANNEL_WRAPPED);
        require(kad_size_for(datagram->bytes.size) == datagram->bytes.size);
        if (to >= NOBODY) {
            world->out_to[from][to - NOBODY] += datagram->bytes.size;
            require(world->out_to[from][to - NOBODY] <= world->in_from[from][to - NOBODY]);
            require(++world->packets_to[from][to - NOBODY] <= world->packets_from[from][to - NOBODY]);
        } else if (world->n_wire < WIRE) {
            struct packet *packet = &world->wire[world->n_wire++];

            packet->from = place(from);
            packet->to = datagram->peer;
            packet->size = datagram->bytes.size;
            memcpy(packet->bytes, datagram->bytes.data, packet->size);
        }
    }
    require(kad_channel_sound(world->channels[from], &why));
}

static void say(struct world *world, unsigned from, const struct kad_channel_to *to, size_t n, size_t wanted,
                struct kad_batch *out)
{
    const struct kad_channel_plan plan = kad_channel_plan(world->channels[from], to, wanted, world->now);
    uint8_t datagram[KAD_CHANNEL_WRAPPED];
    bool failed;
    size_t size;

    n += 5;
    if (plan.room < n || world->n_said == SAID || out->n == out->room)
        return;
    memset(datagram, 0, sizeof(datagram));
    datagram[plan.head] = (uint8_t)from;
    kad_write_u32(datagram + plan.head + 1, world->n_said++);
    size = kad_channel_seal(world->channels[from], &plan, to, datagram, n, world->now, &failed);
    if (size) {
        memcpy(out->memory + (size_t)out->n * KAD_DATAGRAM_MAX, datagram, size);
        out->datagrams[out->n] = (struct kad_datagram){
            .peer = to->endpoint, .bytes = {out->memory + (size_t)out->n * KAD_DATAGRAM_MAX, size}};
        out->n++;
    }
}

static void receive(struct world *world, const struct packet *packet)
{
    const int at = place_of(&packet->to), source = place_of(&packet->from);
    const struct kad_datagram in = {.peer = packet->from, .bytes = {packet->bytes, packet->size}};
    struct kad_batch out = batch();
    struct kad_channel_in result;

    if (at > 1 || !world->channels[at])
        return;
    if (source >= NOBODY) {
        world->in_from[at][source - NOBODY] += packet->size;
        world->packets_from[at][source - NOBODY]++;
    }
    result = kad_channel_receive(world->channels[at], &in, world->now, &out);
    if (result.verdict == KAD_CHANNEL_MESSAGE) {
        const struct kad_channel_to back = {.session = result.session, .endpoint = packet->from};
        const struct kad_channel_to ask = {.key = result.key, .endpoint = packet->from};
        const uint32_t number = result.plain.size >= 5 ? kad_read_u32(result.plain.data + 1) : SAID;
        const uint8_t what = take(world);

        require(number < world->n_said && result.plain.data[0] < 2);
        require(memcmp(result.key, world->keys[1 - at], 32) == 0);
        require(source < NOBODY || !result.proved);
        require(result.first || world->times[number]++ == 0);
        if (what & 1)
            say(world, (unsigned)at, &back, (size_t)what * 4, 0, &out);
        if (what & 2)
            say(world, (unsigned)at, &ask, what, what, &out);
        if (what & 4) { /* what has another datagram inside */
            const struct kad_channel_to aside = {.key = result.key, .endpoint = packet->from, .aside = true};

            say(world, (unsigned)at, &aside, (size_t)what * 4, 0, &out);
        }
    }
    kad_channel_finish(world->channels[at], world->now, &out);
    emit(world, (unsigned)at, &out);
}

static void talk(struct world *world, unsigned from, bool knock)
{
    const uint8_t n = take(world), wanted = take(world);
    struct kad_channel_to to = {.endpoint = place(1 - from)};
    struct kad_batch out = batch();

    if (!world->channels[from])
        return;
    to.key = knock ? NULL : world->keys[1 - from];
    to.expect = knock && n & 1 ? world->keys[wanted & 1] : NULL;
    say(world, from, &to, (size_t)n * 4, (size_t)wanted * 5, &out);
    emit(world, from, &out);
}

/* What somebody who knows our key, or a session's number, can make up. */
static void make_up(struct world *world)
{
    static const uint16_t sizes[] = {64, 128, 256, 512, 896, 1200};
    const uint8_t to = take(world) & 1, how = take(world);
    const struct packet *like = world->n_wire ? &world->wire[how % world->n_wire] : NULL;
    struct packet packet = {.from = place(how & 32 ? 1 - to : NOBODY + how % VICTIMS), .to = place(to)};
    uint8_t key[KAD_MASK_KEY];

    if (!world->channels[to])
        return;
    packet.size = how & 128 ? KAD_CHANNEL_WRAPPED : sizes[how % 6];
    if (like && how & 64)
        memcpy(packet.bytes, like->bytes, like->size);
    for (size_t i = 0; i < KAD_HEAD; i++)
        packet.bytes[i] = take(world);
    packet.bytes[1] = packet.bytes[2] = packet.bytes[3] = 0;
    if (packet.bytes[0] == KAD_TYPE_HELLO || packet.bytes[0] == KAD_TYPE_OPEN)
        kad_mask_key("kad/1 door", world->config.network, strlen(world->config.network), key);
    else
        kad_mask_key("kad/1 mask", world->keys[to], 32, key);
    kad_mask(key, packet.bytes, packet.size, KAD_HEAD);
    receive(world, &packet);
}

static void put(void *context, const void *bytes, size_t size)
{
    struct kad_bytes *to = context;

    to->data = realloc((void *)(uintptr_t)to->data, to->size + size);
    require(to->data != NULL);
    memcpy((void *)(uintptr_t)(to->data + to->size), bytes, size);
    to->size += size;
}

/* Written down, read back, written down again: the same. */
static void check_walk(struct world *world, unsigned i)
{
    struct kad_bytes first = {0}, second = {0};
    struct kad_walk out = {.put = put, .context = &first}, again = {.put = put, .context = &second}, in = {0};
    struct kad_channel *copy;
    const uint8_t failing = world->failing;

    world->failing = 0;
    if (world->channels[i] && kad_channel_new(&world->config, world->now, &copy) == KAD_OK) {
        kad_channel_walk(&out, world->channels[i]);
        in.at = first.data;
        in.left = first.size;
        kad_channel_walk(&in, copy);
        require(!in.bad && in.left == 0);
        kad_channel_walk(&again, copy);
        require(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
        kad_channel_free(copy);
        free((void *)(uintptr_t)first.data);
        free((void *)(uintptr_t)second.data);
    }
    world->failing = failing;
}

static void operate(struct world *world)
{
    const uint8_t what = take(world);
    unsigned at;

    switch (what % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        talk(world, what & 1, false);
        return;
    case 4:
        talk(world, what >> 4 & 1, true);
        return;
    case 5:
        make_up(world);
        return;
    case 6:
        world->now += (kad_ms)take(world) * (what & 128 ? 1000 : 10);
        return;
    case 7:
        if (what & 128)
            start(world, what >> 4 & 1);
        else
            check_walk(world, what >> 4 & 1);
        return;
    default:
        break;
    }
    if (!world->n_wire)
        return;
    at = what / 16 % world->n_wire;
    {
        struct packet packet = world->wire[at];

        if (what % 16 != 9 && what % 16 != 11) { /* 9 and 11: it stays, and may come again */
            world->n_wire--;
            memmove(&world->wire[at], &world->wire[at + 1], (world->n_wire - at) * sizeof(packet));
        }
        switch (what % 16) {
        case 8:
            return; /* lost */
        case 10:
        case 11:
            packet.from = place(NOBODY + take(world) % VICTIMS);
            break;
        case 12: {
            const size_t bit = (size_t)take(world) << 8 | take(world);

            packet.bytes[bit / 8 % packet.size] ^= (uint8_t)(1u << bit % 8);
            break;
        }
        default:
            break;
        }
        receive(world, &packet);
    }
}

static void read_state(struct world *world)
{
    struct kad_walk walk = {.at = world->data, .left = world->left};
    const char *why;

    start(world, 0);
    if (!world->channels[0])
        return;
    kad_channel_walk(&walk, world->channels[0]);
    (void)kad_channel_sound(world->channels[0], &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;

    if (size == 0 || kad_crypto_init() != KAD_OK)
        return 0;
    memset(&world, 0, sizeof(world));
    world.allocator = (struct kad_allocator){resize, &world};
    world.now = 1000000;
    world.random = size;
    world.data = data + 1;
    world.left = size - 1;
    world.config = (struct kad_channel_config){.allocator = &world.allocator,
                                               .suite = data[0] & 1 ? &kad_suite_real : &kad_suite_toy,
                                               .network = "fuzz",
                                               .max_sessions = data[0] & 2 ? 2 : 8,
                                               .max_waiting = data[0] & 4 ? 1 : 4,
                                               .waiting_ms = 5000,
                                               .rekey_after_ms = data[0] & 8 ? 2000 : 60000,
                                               .cookie_per_s = data[0] & 16 ? 0 : 1000,
                                               .work_per_s = data[0] & 32 ? 0 : 1000,
                                               .work_bits_max = 10,
                                               .open_door = !(data[0] & 64)};
    if (data[0] == 255) {
        read_state(&world);
    } else {
        world.failing = data[0] & 128 ? 40 : 0;
        for (unsigned i = 0; i < 2; i++) {
            uint8_t secret[KAD_ED25519_SECRET];

            start(&world, i);
            kad_ed25519_keypair(world.config.secret, world.keys[i], secret);
        }
        while (world.left)
            operate(&world);
    }
    for (unsigned i = 0; i < 2; i++)
        kad_channel_free(world.channels[i]);
    require(world.in_use == 0);
    return 0;
}
