/* A flood of first messages: cookies, work, and what we do for others' cookies. */
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "channel/channel_parts.h"
#include "channel/test_channel.h"
#include "crypto/crypto.h"
#include "crypto/suite.h"

static struct test_world world;

static void begin_loaded(unsigned cookie_per_s, unsigned work_per_s)
{
    test_begin(&world, 1);
    test_peer_init(&world, 1);
    world.peers[1].config.cookie_per_s = cookie_per_s;
    world.peers[1].config.work_per_s = work_per_s;
    test_peer_start(&world, 1);
}

/* No public key is touched for who has not shown that it receives; with the cookie it goes on as if nothing had been. */
TEST(under_load_a_cookie_comes_first)
{
    begin_loaded(0, 1000);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_LOADED);
    test_take(&world, 0);
    EXPECT_EQ(test_counters(&world, 1)->public_key_operations, 0);
    EXPECT_EQ(test_counters(&world, 1)->cookies_sent, 1);
    EXPECT_EQ(world.n_wire, 1);
    EXPECT_EQ(world.wire[0].size, 128);
    test_deliver(&world);
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_MESSAGE);
    EXPECT(world.peers[1].last.proved);
    test_take(&world, 0);
    test_deliver_all(&world);
    EXPECT_EQ(test_counters(&world, 1)->cookies_taken, 1);
    test_through(&world, 1, 0, 3);
    test_world_clear(&world);
}

TEST(a_cookie_serves_its_address_and_its_time)
{
    struct test_packet init, late;

    begin_loaded(0, 1000);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    test_deliver(&world);
    test_deliver(&world);
    init = test_caught(&world);
    late = init;
    late.from = test_endpoint(55);
    EXPECT_EQ(test_play(&world, 1, &late), KAD_CHANNEL_LOADED); /* another address */
    world.n_wire = 0;
    world.now += 3 * KAD_MINUTE;
    EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_LOADED); /* another time */
    EXPECT_EQ(test_counters(&world, 1)->public_key_operations, 0);
    test_world_clear(&world);
}

TEST(a_flood_without_cookies_costs_no_public_keys)
{
    struct test_packet init;
    size_t before;

    begin_loaded(10, 1000);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    init = test_caught(&world);
    init.bytes[200] ^= 1; /* a forgery that only its tag betrays */
    for (unsigned i = 0; i < 1000; i++) {
        init.from = test_endpoint(100 + i);
        before = world.in_use;
        (void)test_play(&world, 1, &init);
        EXPECT(i <= 10 ||
               world.in_use == before); /* nor is anything kept, but with the first the key of cookies */
        EXPECT(world.n_wire == 0 || (world.n_wire == 1 && world.wire[0].size < init.size));
        world.n_wire = 0;
    }
    EXPECT_EQ(test_counters(&world, 1)->public_key_operations, 2 * 10);
    EXPECT_EQ(test_counters(&world, 1)->cookies_sent, 990);
    world.now += 3000; /* the flood is over */
    init.bytes[200] ^= 1;
    init.from = world.peers[0].at;
    EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_MESSAGE);
    test_world_clear(&world);
}

TEST(under_more_load_work_comes_first)
{
    struct test_packet init, cookie;

    begin_loaded(0, 0);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    test_deliver(&world); /* INIT */
    test_deliver(&world); /* COOKIE, with bits */
    EXPECT_EQ(test_counters(&world, 0)->work_done, 1);
    init = test_caught(&world);
    { /* somebody else's first message with this solution */
        struct test_packet stolen = init;

        stolen.bytes[KAD_INIT_E + 4] ^= 1;
        EXPECT_EQ(test_play(&world, 1, &stolen), KAD_CHANNEL_FORGED); /* once: and so it is used up */
        EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_LOADED);
    }
    cookie = test_caught(&world);
    EXPECT_EQ(test_play(&world, 0, &cookie), KAD_CHANNEL_HANDLED); /* so it is solved anew */
    EXPECT_EQ(test_play(&world, 0, &cookie),
              KAD_CHANNEL_FORGED); /* once: it answers another first message than the last one */
    init = test_caught(&world);
    EXPECT_EQ(test_counters(&world, 0)->work_done, 2);
    EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_MESSAGE);
    EXPECT_EQ(world.peers[1].plain[0], 1);
    world.n_wire = 0;
    EXPECT_EQ(test_play(&world, 1, &init), KAD_CHANNEL_LOADED); /* a solution serves once */
    test_world_clear(&world);
}

static enum kad_admission admitted(struct kad_admit *admit, const struct kad_suite *suite,
                                   const struct kad_endpoint *from, const uint8_t *init, kad_ms now)
{
    const enum kad_admission admission = kad_admit_check(admit, from, init + KAD_INIT_COOKIE, now);

    return admission == KAD_ADMIT_DUE ? kad_admit_check_work(admit, suite, init, now) : admission;
}

/* Work is for who did it: a commitment to somebody else's identity is found out. */
TEST(work_cannot_be_handed_on)
{
    struct kad_admit admit;
    uint8_t secret[16] = {1}, init[256] = {0};
    const struct kad_endpoint from = test_endpoint(3);
    uint8_t identity[32] = {7}, ephemeral[32] = {8};

    EXPECT_EQ(kad_crypto_init(), KAD_OK);
    kad_admit_init(&admit, &kad_allocator_system, secret, 0, 0);
    kad_admit_cookie(&admit, &from, 1000, init + KAD_INIT_COOKIE);
    kad_admit_commitment(&kad_suite_real, identity, ephemeral, init + KAD_INIT_COMMITMENT);
    kad_admit_work(&kad_suite_real, init + KAD_INIT_COOKIE, init + KAD_INIT_COMMITMENT, 9,
                   init + KAD_INIT_NONCE);
    init[KAD_INIT_COMMITMENT] ^= 1; /* the work is over the commitment */
    EXPECT_EQ(admitted(&admit, &kad_suite_real, &from, init, 1000), KAD_ADMIT_REFUSED);
    init[KAD_INIT_COMMITMENT] ^= 1;
    EXPECT_EQ(admitted(&admit, &kad_suite_real, &from, init, 1000), KAD_ADMIT_WORKED);
    EXPECT_EQ(admitted(&admit, &kad_suite_real, &from, init, 1000), KAD_ADMIT_REFUSED);
    EXPECT_EQ(admitted(&admit, &kad_suite_real, &from, init, 1000 + 2 * KAD_MINUTE), KAD_ADMIT_REFUSED);
    kad_admit_clear(&admit);
}

TEST(work_gets_harder_with_the_crowd_and_easier_without)
{
    struct kad_admit admit;
    uint8_t secret[16] = {1}, init[256] = {0};
    kad_ms now = 1000000;

    EXPECT_EQ(kad_crypto_init(), KAD_OK);
    kad_admit_init(&admit, &kad_allocator_system, secret, 10, 100);
    for (unsigned i = 0; i < 1000; i++) {
        const struct kad_endpoint from = test_endpoint(i);

        kad_admit_cookie(&admit, &from, now, init + KAD_INIT_COOKIE);
        (void)admitted(&admit, &kad_suite_real, &from, init, now);
        if (i == 98)
            EXPECT_EQ(kad_admit_bits(&admit), 0);
        if (i == 99)
            EXPECT_EQ(kad_admit_bits(&admit), KAD_WORK_LEAST);
        if (i == 399)
            EXPECT_EQ(kad_admit_bits(&admit), KAD_WORK_LEAST + 2);
    }
    EXPECT_EQ(kad_admit_bits(&admit), KAD_WORK_LEAST + 3);
    memset(init + KAD_INIT_COOKIE, 0, KAD_COOKIE_SIZE);
    for (unsigned s = 1; s < 4; s++) {
        const struct kad_endpoint from = test_endpoint(1);

        (void)admitted(&admit, &kad_suite_real, &from, init, now + s * KAD_SECOND);
    }
    EXPECT_EQ(kad_admit_bits(&admit), 0);
    kad_admit_clear(&admit);
}

static void no_work(const void *a, size_t n_a, const void *b, size_t n_b, uint8_t out_hash[KAD_HASH_SIZE])
{
    (void)a, (void)n_a, (void)b, (void)n_b;
    memset(out_hash, 0, KAD_HASH_SIZE);
}

/* A first message with its own cookie and nonce, whose work any number of bits would do. */
static enum kad_admission admit_one(struct kad_admit *admit, uint32_t nonce, kad_ms now)
{
    struct kad_suite easy = kad_suite_toy;
    const struct kad_endpoint from = test_endpoint(1);
    uint8_t init[256] = {0};

    easy.hash = no_work;
    kad_admit_cookie(admit, &from, now, init + KAD_INIT_COOKIE);
    kad_write_u32(init + KAD_INIT_NONCE, nonce);
    return admitted(admit, &easy, &from, init, now);
}

/* As many solutions a minute as a core can answer handshakes, from somebody with addresses and processors enough. What is
 * remembered of them has a ceiling; no solution serves twice; and who comes now and then, with three cookies for each message
 * and a new message a second later, gets in as ever, for work that he is willing to do. */
TEST(a_flood_of_work_shuts_nobody_out)
{
    enum { PER_S = 5500, SECONDS = 120, HONEST_EACH = 500 };
    struct kad_admit admit;
    uint8_t secret[16] = {1};
    const kad_ms start = 3 * KAD_MINUTE;
    unsigned n_honest = 0, n_in = 0, n_first = 0, hardest = 0;
    uint32_t nonce = 0;

    EXPECT_EQ(kad_crypto_init(), KAD_OK);
    kad_admit_init(&admit, &kad_allocator_system, secret, 200, 1000);
    for (unsigned i = 0; i < PER_S * SECONDS; i++) {
        const kad_ms now = start + (kad_ms)i * 1000 / PER_S;

        (void)admit_one(&admit, ++nonce, now);
        if (i > 2 * PER_S && i % 97 == 0) /* each again, at once */
            EXPECT_EQ(admit_one(&admit, nonce, now), KAD_ADMIT_REFUSED);
        if (i > 2 * PER_S && i % HONEST_EACH == 0) {
            bool in = false;

            n_honest++;
            for (unsigned attempt = 0; attempt < 3 && !in; attempt++) {
                in = admit_one(&admit, ++nonce, now) == KAD_ADMIT_WORKED;
                n_first += in && attempt == 0;
            }
            n_in += in;
        }
        if (i % PER_S == PER_S / 2 && kad_admit_bits(&admit) > hardest)
            hardest = kad_admit_bits(&admit);
        EXPECT(kad_admit_memory(&admit) <= 2 * 16384 * 8);
    }
    EXPECT_MSG(n_first * 100 >= n_honest * 75, "%u of %u at once", n_first, n_honest);
    EXPECT_MSG(n_in * 100 >= n_honest * 98, "%u of %u", n_in, n_honest);
    EXPECT_MSG(hardest > KAD_WORK_LEAST + 2 && hardest <= 18, "%u bits", hardest);
    EXPECT_EQ(kad_admit_memory(&admit), 2 * 16384 * 8);
    (void)admit_one(&admit, ++nonce, start + SECONDS * 1000 + 3 * KAD_MINUTE);
    EXPECT_EQ(kad_admit_memory(&admit), 0); /* the flood is over, and given back */
    kad_admit_clear(&admit);
}

/* The first some thousands are remembered one by one: none of them is refused, and each serves once, at any time of the epoch. */
TEST(solutions_are_remembered_within_a_ceiling)
{
    enum { ONE_BY_ONE = 12288, ALL = 40000 };
    struct kad_admit admit;
    uint8_t secret[16] = {1};
    unsigned n = 0;

    EXPECT_EQ(kad_crypto_init(), KAD_OK);
    kad_admit_init(&admit, &kad_allocator_system, secret, 0, 0);
    for (uint32_t i = 0; i < ALL; i++) {
        n += admit_one(&admit, i, 1000000) == KAD_ADMIT_WORKED;
        EXPECT(i >= ONE_BY_ONE || n == i + 1);
    }
    EXPECT_MSG(n > ALL / 1000 * 995, "%u", n);
    for (uint32_t i = 0; i < ALL; i++)
        EXPECT_EQ(admit_one(&admit, i, 1000000), KAD_ADMIT_REFUSED);
    EXPECT_EQ(kad_admit_memory(&admit), 16384 * 8);
    kad_admit_clear(&admit);
}

/* A cookie with more work than we are willing to do ends the attempt. */
TEST(more_work_than_we_are_willing_to_do_is_not_done)
{
    test_begin(&world, 1);
    kad_channel_free(world.peers[0].channel);
    world.peers[0].channel = NULL;
    world.peers[0].config.work_bits_max = 7;
    test_peer_start(&world, 0);
    test_peer_init(&world, 1);
    world.peers[1].config.cookie_per_s = world.peers[1].config.work_per_s = 0;
    test_peer_start(&world, 1);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    test_deliver(&world);
    EXPECT_EQ(test_arrive(&world, 0), KAD_CHANNEL_REFUSED);
    EXPECT_EQ(test_counters(&world, 0)->work_done, 0);
    test_world_clear(&world);
}

/* Several who ask for work at once get no more of it in a second than one of them may ask for. */
TEST(work_for_many_is_bounded_in_time)
{
    test_begin(&world, 1);
    kad_channel_free(world.peers[0].channel);
    world.peers[0].channel = NULL;
    world.peers[0].config.work_bits_max = KAD_WORK_LEAST + 1;
    test_peer_start(&world, 0);
    for (unsigned i = 1; i < 4; i++) {
        test_peer_init(&world, i);
        world.peers[i].config.cookie_per_s = world.peers[i].config.work_per_s = 0;
        test_peer_start(&world, i);
        EXPECT(test_say(&world, 0, i, 1, 10, 0));
        test_deliver(&world); /* INIT */
        EXPECT_EQ(test_arrive(&world, 0), i < 3 ? KAD_CHANNEL_HANDLED : KAD_CHANNEL_LOADED);
        world.n_wire = 0;
    }
    EXPECT_EQ(test_counters(&world, 0)->work_done, 2);
    world.now += 1000;
    EXPECT(test_say(&world, 0, 3, 2, 10, 0));
    test_deliver_all(&world);
    EXPECT_EQ(test_counters(&world, 0)->work_done, 3);
    EXPECT_EQ(world.peers[3].plain[0], 2);
    test_world_clear(&world);
}

/* Cookies that are never good enough: after three we stop. */
TEST(cookies_without_end_end)
{
    begin_loaded(0, 1000);
    EXPECT(test_say(&world, 0, 1, 1, 10, 0));
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(world.n_wire, 1);
        test_deliver(&world);       /* INIT */
        test_peer_start(&world, 1); /* which forgets what its cookies are made with */
        EXPECT_EQ(world.n_wire, 1);
        EXPECT_EQ(test_arrive(&world, 0), i < 3 ? KAD_CHANNEL_HANDLED : KAD_CHANNEL_REFUSED);
        test_take(&world, 0);
    }
    EXPECT_EQ(world.n_wire, 0);
    EXPECT_EQ(test_counters(&world, 0)->begun, 4);
    test_world_clear(&world);
}

/* -- what an observer sees ----------------------------------------------------------------------------------------- */
