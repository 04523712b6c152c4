#include "core/test_limit.h"

TEST(an_address_has_its_burst_and_then_its_rate)
{
    struct kad_limit *limit = start(usual);
    const struct kad_endpoint a = host(20, 0, 0, 1);
    kad_ms now = 1000;

    EXPECT_EQ(passing(limit, a, 100, now), 20);
    EXPECT_EQ(kad_limit_receive(limit, &a, 100, now), KAD_LIMIT_ADDRESS);
    for (unsigned i = 0; i < 100; i++)
        EXPECT_EQ(passing(limit, a, 100, now += KAD_SECOND), 10);
    EXPECT_EQ(passing(limit, a, 100, now += KAD_HOUR), 20); /* rest earns a burst, not more */
    kad_limit_free(limit);
}

/* Over any stretch, whatever the pattern: burst + rate x time, and an address that keeps to its rate loses nothing. */
TEST(rates_hold_for_every_pattern)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct kad_rng rng = kad_test_rng(seed);
        struct kad_limit *limit = start(usual);
        const struct kad_endpoint rude = host(20, 0, 0, 1), polite = host(21, 0, 0, 1);
        unsigned passed = 0;
        kad_ms now = 0, polite_at = 0;

        while (now < 100 * KAD_SECOND) {
            passed += passing(limit, rude, kad_rng_below(&rng, 30), now);
            EXPECT(passed <= 20 + 10 * (uint64_t)now / 1000);
            if (now >= polite_at) {
                EXPECT_EQ(passing(limit, polite, 1, now), 1);
                polite_at = now + 100;
            }
            now += 1 + kad_rng_below(&rng, 300);
        }
        EXPECT_MSG(passed >= 20 + 10 * 99, "seed %llu: only %u", (unsigned long long)seed, passed);
        kad_limit_free(limit);
    }
}

TEST(a_group_has_a_rate_of_its_own)
{
    struct kad_limit *limit = start(usual);
    unsigned passed = 0;

    for (unsigned i = 0; i < 256; i++)
        passed += passing(limit, host(20, 0, 0, (uint8_t)i), 20, 0);
    EXPECT_EQ(passed, 100);
    EXPECT_EQ(passing(limit, host(20, 0, 1, 1), 20, 0), 20); /* the neighbours are not in it */
    kad_limit_free(limit);
}

/* Packets dropped for their own address are not held against its neighbours. */
TEST(one_flooding_address_leaves_its_group_alone)
{
    struct kad_limit *limit = start(usual);

    EXPECT_EQ(passing(limit, host(20, 0, 0, 1), 100000, 0), 20);
    EXPECT_EQ(passing(limit, host(20, 0, 0, 2), 10, 0), 10);
    kad_limit_free(limit);
}

/* The flood tests of issue 2. Honest hosts ask twice a second each, before, during and after. */
enum flood { FLOOD_NONE, FLOOD_ADDRESS, FLOOD_GROUP, FLOOD_SPOOFED, FLOOD_V6 };

static void check_flood(enum flood flood, unsigned per_ms)
{
    enum { HONEST = 50 };
    struct kad_limit *limit = start(usual);
    struct kad_rng rng = kad_test_rng(flood);
    const size_t memory = kad_limit_memory(limit);
    unsigned asked = 0, answered = 0, let_in = 0;
    const uint32_t sent = per_ms * 10000;

    for (kad_ms now = 0; now < 10 * KAD_SECOND; now++) {
        for (unsigned i = 0; i < per_ms; i++) {
            struct kad_endpoint from = host(30, 0, 0, 7);
            uint8_t prefix[16] = {0x2a, 0x02};

            if (flood == FLOOD_GROUP) {
                from = host(30, 0, 0, (uint8_t)kad_rng_u32(&rng));
            } else if (flood == FLOOD_SPOOFED) {
                from = random_host(&rng);
            } else if (flood == FLOOD_V6) {
                kad_rng_bytes(&rng, prefix + 8, 8); /* a whole /64, as every home has it */
                from = kad_endpoint_v6(prefix, 1);
            }
            let_in += kad_limit_receive(limit, &from, 100, now) == KAD_LIMIT_PASS;
        }
        if (now % 10 == 0) {
            const struct kad_endpoint honest = host(40, 0, (uint8_t)(now / 10 % HONEST), 1);

            asked++;
            answered += kad_limit_receive(limit, &honest, 100, now) == KAD_LIMIT_PASS;
        }
    }
    EXPECT_MSG(answered == asked, "flood %d: %u of %u honest queries passed", (int)flood, answered, asked);
    EXPECT_EQ(kad_limit_memory(limit), memory);
    if (flood == FLOOD_ADDRESS)
        EXPECT(let_in <= 20 + 10 * 10);
    if (flood == FLOOD_GROUP || flood == FLOOD_V6)
        EXPECT_MSG(let_in <= 100 + 50 * 10, "%u of %u", let_in, sent);
    kad_limit_free(limit);
}

TEST(honest_hosts_pass_in_quiet)
{
    check_flood(FLOOD_NONE, 0);
}

TEST(honest_hosts_pass_while_one_address_floods)
{
    check_flood(FLOOD_ADDRESS, 100);
}

TEST(honest_hosts_pass_while_a_group_floods)
{
    check_flood(FLOOD_GROUP, 100);
}

TEST(honest_hosts_pass_in_a_flood_of_a_million_invented_addresses)
{
    check_flood(FLOOD_SPOOFED, 100);
}

TEST(a_whole_v6_prefix_is_one_group)
{
    check_flood(FLOOD_V6, 100);
}

/* All memory is taken at the start: with an arena that is then full, nothing changes. */
TEST(no_memory_is_taken_later)
{
    static _Alignas(16) uint8_t memory[1 << 17];
    struct kad_arena arena;
    struct kad_allocator allocator;
    struct kad_rng rng = kad_test_rng(1);
    struct kad_limit *limit;
    size_t in_use;

    kad_arena_init(&arena, memory, sizeof memory);
    allocator = kad_arena_allocator(&arena);
    EXPECT((limit = kad_limit_new(&allocator, &usual, 1)) != NULL);
    EXPECT(!kad_limit_new(&allocator, &usual, 1));
    in_use = arena.in_use;
    EXPECT(in_use >= kad_limit_memory(limit));
    for (unsigned i = 0; i < 100000; i++) {
        const struct kad_endpoint from = random_host(&rng);

        kad_limit_receive(limit, &from, 100, i);
        kad_limit_expect(limit, &from, 100, i);
        kad_limit_strike(limit, &from, i);
        kad_limit_send(limit, &from, 100, i);
        kad_limit_proved(limit, &from, i);
    }
    EXPECT_EQ(arena.in_use, in_use);
    kad_limit_free(limit);
    EXPECT_EQ(arena.in_use, 0);
    kad_limit_free(NULL);
}

/* Somebody floods in the name of a peer we have asked. What passes for good is the rate, but nothing of what comes is
 * lost before it was seen whether it is the answer, even with the peer on the graylist and invented addresses beside. */
TEST(a_forged_flood_cannot_stop_an_expected_answer)
{
    struct kad_limit *limit = start(usual);
    struct kad_rng rng = kad_test_rng(2);
    const struct kad_endpoint peer = host(20, 0, 0, 1);
    unsigned passed = 0, for_answers = 0;
    kad_ms now = 0;

    kad_limit_expect(limit, &peer, 100, now);
    for (; now < 5 * KAD_SECOND; now++) {
        for (unsigned i = 0; i < 50; i++) {
            const struct kad_endpoint invented = random_host(&rng);
            const enum kad_limit_verdict verdict = kad_limit_receive(limit, &peer, 100, now);

            EXPECT(verdict == KAD_LIMIT_PASS || verdict == KAD_LIMIT_ANSWER);
            passed += verdict == KAD_LIMIT_PASS;
            for_answers += verdict == KAD_LIMIT_ANSWER;
            kad_limit_receive(limit, &invented, 100, now);
        }
        if (now == 2 * KAD_SECOND) {
            for (unsigned i = 0; i < 3; i++)
                kad_limit_strike(limit, &peer, now);
        }
    }
    EXPECT(passed <= 20 + 5 * 10);
    EXPECT_EQ(passed + for_answers, 250000);
    /* It is over when no answer comes any more. */
    now = 11 * KAD_SECOND;
    passing(limit, peer, 30, now);
    EXPECT_EQ(kad_limit_receive(limit, &peer, 100, now), KAD_LIMIT_GRAY);
    kad_limit_free(limit);
}

/* The same when it is the group that is over its rate. */
TEST(a_flooding_group_cannot_stop_an_expected_answer)
{
    struct kad_limit *limit = start(usual);
    const struct kad_endpoint peer = host(20, 0, 0, 1), other = host(20, 0, 0, 2);

    for (unsigned i = 10; i < 100; i++)
        passing(limit, host(20, 0, 0, (uint8_t)i), 20, 0);
    EXPECT_EQ(kad_limit_receive(limit, &other, 100, 0), KAD_LIMIT_GROUP);
    kad_limit_expect(limit, &peer, 100, 0);
    EXPECT_EQ(kad_limit_receive(limit, &peer, 100, 0), KAD_LIMIT_ANSWER);
    kad_limit_free(limit);
}

TEST(strikes_lead_to_the_graylist_and_repetition_doubles_it)
{
    struct kad_limit *limit = start(usual);
    const struct kad_endpoint a = host(20, 0, 0, 1), b = host(20, 0, 0, 2);
    kad_ms now = 0, gray = 60 * KAD_SECOND;

    for (unsigned times = 0; times < 15; times++) {
        for (unsigned i = 0; i < 3; i++) {
            EXPECT_EQ(kad_limit_receive(limit, &a, 100, now), KAD_LIMIT_PASS);
            kad_limit_strike(limit, &a, now);
        }
        EXPECT_EQ(kad_limit_receive(limit, &a, 100, now), KAD_LIMIT_GRAY);
        kad_limit_strike(limit, &a, now); /* while it is ignored nothing is added */
        EXPECT_EQ(kad_limit_receive(limit, &a, 100, now + gray - 100), KAD_LIMIT_GRAY);
        EXPECT_EQ(kad_limit_receive(limit, &b, 100, now + gray - 100), KAD_LIMIT_PASS);
        now += gray + 100;
        gray = kad_ms_min(2 * gray, 24 * KAD_HOUR);
    }
    now += 24 * KAD_HOUR; /* a day without: the first time again */
    for (unsigned i = 0; i < 3; i++)
        kad_limit_strike(limit, &a, now);
    EXPECT_EQ(kad_limit_receive(limit, &a, 100, now), KAD_LIMIT_GRAY);
    EXPECT_EQ(kad_limit_receive(limit, &a, 100, now + 60 * KAD_SECOND + 100), KAD_LIMIT_PASS);
    kad_limit_free(limit);
}

/* Invented addresses make silent entries be forgotten; who goes on flooding is never the least recently heard. */
TEST(a_flooding_address_stays_gray_in_an_overrun_table)
{
    struct kad_limit *limit = start(usual);
    struct kad_rng rng = kad_test_rng(3);
    const struct kad_endpoint a = host(20, 0, 0, 1);
    unsigned passed = 0;

    for (unsigned i = 0; i < 3; i++)
        kad_limit_strike(limit, &a, 0);
    for (unsigned i = 0; i < 300000; i++) {
        const struct kad_endpoint invented = random_host(&rng);

        kad_limit_receive(limit, &invented, 100, i / 100);
        if (i % 10 == 0)
            passed += kad_limit_receive(limit, &a, 100, i / 100) == KAD_LIMIT_PASS;
    }
    EXPECT_EQ(passed, 0);
    kad_limit_free(limit);
}

TEST(strikes_are_forgiven_after_a_minute)
{
    struct kad_limit *limit = start(usual);
    const struct kad_endpoint a = host(20, 0, 0, 1);

    for (kad_ms now = 0; now < KAD_HOUR; now += 31 * KAD_SECOND) {
        kad_limit_strike(limit, &a, now);
        EXPECT_EQ(kad_limit_receive(limit, &a, 100, now), KAD_LIMIT_PASS);
    }
    kad_limit_free(limit);
}

TEST(without_strikes_there_is_no_graylist_and_without_rates_no_limit)
{
    struct kad_limit_config config = usual;
    const struct kad_endpoint a = host(20, 0, 0, 1);
    struct kad_limit *limit;

    config.strikes = config.address_per_s = config.group_per_s = config.gain = 0;
    limit = start(config);
    for (unsigned i = 0; i < 100; i++)
        kad_limit_strike(limit, &a, 0);
    EXPECT_EQ(passing(limit, a, 10000, 0), 10000);
    EXPECT_EQ(sendable(limit, a, 1000, 0), (1 << 20) / 1000 * 1000 + 1000);
    kad_limit_free(limit);
}

TEST(local_addresses_are_free_unless_configured)
{
    static const char *const locals[] = {"127.0.0.1:1", "10.1.2.3:1",  "169.254.1.1:1", "[::1]:1",
                                         "[fe80::1]:1", "[fd00::1]:1", "100.64.0.1:1"};
    struct kad_limit_config config = usual;

    for (unsigned limit_local = 0; limit_local < 2; limit_local++) {
        struct kad_limit *limit;

        config.limit_local = limit_local;
        limit = start(config);
        for (size_t i = 0; i < KAD_COUNT_OF(locals); i++) {
            struct kad_endpoint local;

            EXPECT_EQ(kad_endpoint_parse(locals[i], 0, &local), KAD_OK);
            for (unsigned j = 0; j < 5; j++)
                kad_limit_strike(limit, &local, 0);
            EXPECT_EQ(passing(limit, local, 1000, 0), limit_local ? 0 : 1000);
            EXPECT_EQ(sendable(limit, local, 1024, 0), limit_local ? 2048 : 1 << 20);
        }
        kad_limit_free(limit);
    }
}

/* After a year of ticks the count starts anew: limits hold again at once, and nobody stays on a list for ever. */
TEST(a_year_passes)
{
    struct kad_limit *limit = start(usual);
    const struct kad_endpoint a = host(20, 0, 0, 1);
    const kad_ms year = ((kad_ms)1 << 31) * 1000 / 64;
    kad_ms now = 0;

    for (unsigned years = 0; years < 3; years++) {
        EXPECT_EQ(passing(limit, a, 100, now), 20);
        EXPECT_EQ(sendable(limit, a, 1, now), 2048 + 3 * 20 * 100);
        for (unsigned i = 0; i < 3; i++)
            kad_limit_strike(limit, &a, now);
        EXPECT_EQ(kad_limit_receive(limit, &a, 100, now), KAD_LIMIT_GRAY);
        EXPECT_EQ(kad_limit_receive(limit, &a, 100, now + 61 * KAD_SECOND), KAD_LIMIT_PASS);
        now += year;
    }
    kad_limit_free(limit);
}

/* Instants may begin anywhere, below zero too. */
TEST(time_begins_wherever_it_likes)
{
    static const kad_ms starts[] = {-1000000, 0, 1795000000000, KAD_NEVER - KAD_HOUR};

    for (size_t i = 0; i < KAD_COUNT_OF(starts); i++) {
        struct kad_limit *limit = start(usual);
        const struct kad_endpoint a = host(20, 0, 0, 1);

        EXPECT_EQ(passing(limit, a, 100, starts[i]), 20);
        EXPECT_EQ(passing(limit, a, 100, starts[i] + KAD_SECOND), 10);
        kad_limit_free(limit);
    }
}

/* No places: everything passes, nothing is remembered, nothing is held back. */
TEST(without_places_there_are_no_limits)
{
    struct kad_limit_config config = usual;
    struct kad_limit *limit;
    const struct kad_endpoint a = host(20, 0, 0, 1);

    config.addresses = 0;
    config.limit_local = true;
    limit = start(config);
    EXPECT_EQ(passing(limit, a, 1000, 0), 1000);
    for (unsigned i = 0; i < 10; i++)
        kad_limit_strike(limit, &a, 0);
    kad_limit_expect(limit, &a, 100, 0);
    kad_limit_proved(limit, &a, 0);
    EXPECT(!kad_limit_is_proved(limit, &a, 0));
    EXPECT_EQ(passing(limit, a, 1000, 0), 1000);
    EXPECT_EQ(sendable(limit, a, 1024, 0), 1 << 20);
    kad_limit_configure(limit, &config);
    EXPECT(kad_limit_memory(limit) < 256);
    kad_limit_free(limit);
}
