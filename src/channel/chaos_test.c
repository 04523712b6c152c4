/*
 * Two channels over a network that belongs to somebody else: what tests/model/session.pml explores in numbers, here with
 * the real code and its bytes, at random. The network delivers whatever was ever sent, from whatever address, or forgets it;
 * it flips bits; peers move, restart, are under load and evict. It cannot read what is sent to the bystander. Then it turns
 * honest, and each side must get a message through. A failure names its seed.
 */
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "channel/channel.h"
#include "crypto/crypto.h"
#include "crypto/rng.h"
#include "crypto/suite.h"

enum { N_KEPT = 64, N_MESSAGES = 1000, N_STEPS = 300, BYSTANDER = 9, ANSWER_MOST = 900 };

struct kept {
    unsigned from, to;
    size_t size;
    kad_ms taken_at; /* last, as a first message */
    uint8_t bytes[KAD_CHANNEL_DATAGRAM];
};

/* One thing that was said: its number stands in its plaintext. */
struct said {
    uint8_t from;
    bool taken, taken_first;
};

static struct {
    struct kad_rng rng;
    unsigned seed;
    kad_ms now;
    struct kad_channel *channels[2];
    uint8_t keys[2][KAD_KEY_SIZE];
    struct kad_channel_config configs[2];
    unsigned at[2]; /* number of the address each has now */
    unsigned n_starts;
    bool forgot;
    struct kept kept[N_KEPT];
    struct kept *delivered;
    unsigned n_kept; /* ever */
    struct said said[N_MESSAGES];
    unsigned n_said;
    uint64_t to_bystander[2], from_bystander[2]; /* bytes, by peer */
    unsigned before_calm;
    struct kad_datagram out[16];
    uint8_t memory[16 * KAD_DATAGRAM_MAX];
} world;

static struct kad_endpoint address(unsigned number)
{
    const uint8_t bytes[4] = {10, 0, 0, (uint8_t)number};

    return kad_endpoint_v4(bytes, 4242);
}

static void start(unsigned i)
{
    struct kad_channel_config *config = &world.configs[i];

    kad_channel_free(world.channels[i]);
    world.channels[i] = NULL;
    *config = (struct kad_channel_config){.allocator = &kad_allocator_system,
                                          .suite = world.seed % 16 ? &kad_suite_toy : &kad_suite_real,
                                          .network = "chaos",
                                          .max_sessions = world.seed % 3 ? 64 : 3,
                                          .max_waiting = 4,
                                          .waiting_ms = 5000,
                                          .rekey_after_ms = 20000,
                                          .cookie_per_s = world.seed % 2 ? 1 : 1000,
                                          .work_per_s = world.seed % 8 == 1 ? 1 : 1000,
                                          .work_bits_max = 10,
                                          .open_door = true};
    memset(config->secret, (int)i + 1, sizeof(config->secret));
    kad_rng_bytes(&world.rng, config->seed, sizeof(config->seed));
    EXPECT_EQ(kad_channel_new(config, world.now, &world.channels[i]), KAD_OK);
    memcpy(world.keys[i], kad_channel_key(world.channels[i]), KAD_KEY_SIZE);
    world.n_starts++;
}

/* It leaves peer `from` for where it is addressed to. */
static void keep(unsigned from, const struct kad_endpoint *to, const uint8_t *bytes, size_t size)
{
    const struct kad_endpoint bystander = address(BYSTANDER);
    struct kept *kept = &world.kept[world.n_kept % N_KEPT];

    if (kad_endpoint_equal(to, &bystander)) {
        world.to_bystander[from] += size;
        EXPECT_MSG(world.to_bystander[from] <= world.from_bystander[from], "seed %u: %llu bytes for %llu",
                   world.seed, (unsigned long long)world.to_bystander[from],
                   (unsigned long long)world.from_bystander[from]);
        return; /* nobody reads what arrives there */
    }
    for (unsigned peer = 0; peer < 2; peer++) {
        for (unsigned moved = 0; moved < 2; moved++) {
            const struct kad_endpoint there = address(1 + peer + 4 * moved);

            if (kad_endpoint_equal(to, &there)) {
                *kept = (struct kept){.from = from, .to = peer, .size = size};
                memcpy(kept->bytes, bytes, size);
                world.n_kept++;
                return;
            }
        }
    }
    EXPECT_MSG(false, "seed %u: it goes where nobody is", world.seed);
}

static bool say_to(unsigned from, const struct kad_channel_to *to, size_t n, size_t wanted)
{
    const struct kad_channel_plan plan = kad_channel_plan(world.channels[from], to, wanted, world.now);
    uint8_t datagram[KAD_CHANNEL_DATAGRAM] = {0};
    bool failed = false;
    size_t size;

    if (plan.room < n || world.n_said == N_MESSAGES)
        return false;
    world.said[world.n_said] = (struct said){.from = (uint8_t)from};
    datagram[plan.head] = (uint8_t)(1 + (wanted > 0));
    datagram[plan.head + 1] = (uint8_t)(world.n_said >> 8);
    datagram[plan.head + 2] = (uint8_t)world.n_said;
    datagram[plan.head + 3] = (uint8_t)(wanted / 4);
    memset(datagram + plan.head + 4, 0xcc, n - 4);
    size = kad_channel_seal(world.channels[from], &plan, to, datagram, n, world.now, &failed);
    if (failed)
        return false;
    world.n_said++;
    if (size)
        keep(from, &to->endpoint, datagram, size);
    return true;
}

/* Number of what was said; -1: it could not be. */
static int say(unsigned from, unsigned to_address, size_t n, size_t wanted)
{
    const struct kad_channel_to to = {.key = world.keys[1 - from], .endpoint = address(to_address)};

    return say_to(from, &to, n, wanted) ? (int)world.n_said - 1 : -1;
}

static void heard(unsigned i, const struct kad_channel_in *in, const struct kad_endpoint *from)
{
    const unsigned number = (unsigned)in->plain.data[1] << 8 | in->plain.data[2];
    struct said *said = &world.said[number];
    const size_t wanted = in->plain.data[3] * (size_t)4;

    EXPECT_MSG(in->plain.size >= 4 && number < world.n_said, "seed %u: nobody said that", world.seed);
    EXPECT_MSG(said->from == 1 - i && memcmp(in->key, world.keys[1 - i], KAD_KEY_SIZE) == 0,
               "seed %u: somebody else said it", world.seed);
    if (in->first) {
        EXPECT_MSG(!world.delivered->taken_at || world.forgot ||
                       world.now - world.delivered->taken_at >= 30000,
                   "seed %u: the same first message twice", world.seed);
        world.delivered->taken_at = world.now;
        said->taken_first = true;
    } else {
        EXPECT_MSG(!said->taken, "seed %u: message %u twice", world.seed, number);
        said->taken = true;
    }
    if (in->plain.data[0] == 2) {
        const struct kad_channel_to back = {.session = in->session, .endpoint = *from};

        (void)say_to(i, &back, wanted < 4 ? 4 : wanted, 0);
    }
}

static void receive(unsigned i, unsigned from_address, const uint8_t *bytes, size_t size)
{
    const struct kad_endpoint from = address(from_address);
    const struct kad_datagram datagram = {.peer = from, .bytes = {bytes, size}};
    struct kad_batch out = {.datagrams = world.out, .memory = world.memory, .room = KAD_COUNT_OF(world.out)};
    struct kad_channel_in in;
    const char *why = NULL;

    if (from_address == BYSTANDER)
        world.from_bystander[i] += size;
    in = kad_channel_receive(world.channels[i], &datagram, world.now, &out);
    EXPECT_MSG(!in.proved || from_address != BYSTANDER, "seed %u: the bystander is proved", world.seed);
    if (in.verdict == KAD_CHANNEL_MESSAGE)
        heard(i, &in, &from);
    kad_channel_finish(world.channels[i], world.now, &out);
    for (unsigned n = 0; n < out.n; n++)
        keep(i, &out.datagrams[n].peer, out.datagrams[n].bytes.data, out.datagrams[n].bytes.size);
    EXPECT_MSG(kad_channel_sound(world.channels[i], &why), "seed %u: %s", world.seed, why);
}

/* The network delivers something, or something that looks like it. */
static void deliver_any(void)
{
    const unsigned n = world.n_kept < N_KEPT ? world.n_kept : N_KEPT;
    const unsigned back = kad_rng_below(&world.rng, 4) ? kad_rng_below(&world.rng, n < 6 ? n : 6)
                                                       : kad_rng_below(&world.rng, n);
    struct kept kept;
    unsigned from;

    world.delivered = &world.kept[(world.n_kept - 1 - back) % N_KEPT];
    kept = *world.delivered;
    from = (const unsigned[]){world.at[kept.from], 1 + kept.from, 5 + kept.from,
                              BYSTANDER}[kad_rng_below(&world.rng, 4)];
    if (kad_rng_below(&world.rng, 2))
        from = world.at[kept.from];
    if (kad_rng_below(&world.rng, 16) == 0)
        kept.bytes[kad_rng_below(&world.rng, (uint32_t)kept.size)] ^=
            (uint8_t)(1 << kad_rng_below(&world.rng, 8));
    receive(kept.to, from, kept.bytes, kept.size);
}

static void step(void)
{
    const unsigned i = kad_rng_below(&world.rng, 2), what = kad_rng_below(&world.rng, 40);
    const size_t n = 4 + kad_rng_below(&world.rng, 200);
    const size_t wanted = kad_rng_below(&world.rng, 2) ? kad_rng_below(&world.rng, ANSWER_MOST) : 0;

    world.now += kad_rng_below(&world.rng, 200);
    if (what < 26 && world.n_kept > 0)
        deliver_any();
    else if (what < 36)
        (void)say(i, kad_rng_below(&world.rng, 4) ? world.at[1 - i] : 2 - i, n, wanted);
    else if (what < 37)
        world.at[i] = world.at[i] < 5 ? 5 + i : 1 + i;
    else if (what < 38)
        world.now += kad_rng_below(&world.rng, 30000);
    else if (what < 39 && kad_rng_below(&world.rng, 8) == 0)
        start(i);
}

/* All that was just sent arrives, once and in order. */
static void deliver_all(unsigned since)
{
    for (; since < world.n_kept; since++) {
        struct kept kept = world.kept[since % N_KEPT];

        world.delivered = &world.kept[since % N_KEPT];
        world.now += 20;
        receive(kept.to, world.at[kept.from], kept.bytes, kept.size);
    }
}

/* Within a minute: what was answered once and not used since is waited for, for half of one. */
static void expect_heard(unsigned from)
{
    for (unsigned tries = 0; tries < 60; tries++) {
        const unsigned since = world.n_kept;

        (void)say(from, world.at[1 - from], 40, 40);
        deliver_all(since);
        for (unsigned n = world.before_calm; n < world.n_said; n++) {
            if (world.said[n].from == from && (world.said[n].taken || world.said[n].taken_first)) {
                return;
            }
        }
        world.now += 1000;
    }
    EXPECT_MSG(false, "seed %u: %u is not heard", world.seed, from);
}

static void live_through(unsigned seed)
{
    uint8_t bytes[KAD_SEED_SIZE] = {(uint8_t)seed, (uint8_t)(seed >> 8), 0xca};

    memset(&world, 0, sizeof(world));
    world.seed = seed;
    world.now = 1000000;
    world.at[0] = 1;
    world.at[1] = 2;
    kad_rng_init(&world.rng, bytes);
    start(0);
    start(1);
    for (unsigned i = 0; i < N_STEPS; i++) {
        world.forgot = world.n_starts > 2 || world.configs[0].max_sessions < 4;
        step();
    }
    world.before_calm = world.n_said;
    for (unsigned i = 0; i < 2; i++)
        expect_heard(seed / 2 % 2 ^ i);
    for (unsigned i = 0; i < 2; i++) {
        kad_channel_free(world.channels[i]);
        world.channels[i] = NULL;
    }
}

TEST(peers_who_can_reach_each_other_do_and_nobody_else_gains)
{
    EXPECT_EQ(kad_crypto_init(), KAD_OK);
    for (unsigned seed = 0; seed < 2000; seed++)
        live_through(seed);
}
