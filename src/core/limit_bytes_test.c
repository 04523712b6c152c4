#include "core/test_limit.h"

#include <stdlib.h>

/* SCORECARD row 9, plainly: half of the grant at once, what was received three times, and a proved address freely. */
TEST(bytes_out_to_an_unproven_group)
{
    struct kad_limit *limit = start(usual);
    const struct kad_endpoint a = host(20, 0, 0, 1), b = host(20, 0, 0, 2);

    EXPECT_EQ(sendable(limit, a, 1, 0), 2048);
    EXPECT_EQ(sendable(limit, b, 1, 0), 0); /* the same /24 */
    EXPECT_EQ(passing(limit, a, 5, 0), 5);  /* 500 bytes */
    EXPECT_EQ(sendable(limit, b, 1, 0), 1500);
    EXPECT_EQ(sendable(limit, a, 1, 30 * KAD_SECOND), 1024); /* the other half comes over the minute */

    kad_limit_proved(limit, &a, 30 * KAD_SECOND);
    EXPECT(sendable(limit, a, 1000, 30 * KAD_SECOND) > 1 << 19);
    EXPECT_EQ(sendable(limit, b, 1, 30 * KAD_SECOND), 0); /* that was a's proof */
    EXPECT_EQ(passing(limit, a, 5, 30 * KAD_SECOND), 5);
    EXPECT_EQ(sendable(limit, b, 1, 30 * KAD_SECOND), 0); /* what it sends is no credit for others either */
    EXPECT(sendable(limit, a, 1000, 10 * KAD_MINUTE) > 1 << 19);
    EXPECT_EQ(sendable(limit, a, 1, 11 * KAD_MINUTE), 2048); /* and is over after ten minutes */
    kad_limit_free(limit);
}

/* What was dropped earns nothing, and what is saved up has an end. */
TEST(credit_is_for_what_was_let_in)
{
    struct kad_limit *limit = start(usual);
    const struct kad_endpoint a = host(20, 0, 0, 1);

    EXPECT_EQ(passing(limit, a, 1000, 0), 20);
    EXPECT_EQ(sendable(limit, a, 1, 0), 2048 + 3 * 20 * 100);
    for (kad_ms now = KAD_MINUTE; now < KAD_HOUR; now += KAD_SECOND)
        kad_limit_receive(limit, &a, 65507, now);
    EXPECT_EQ(sendable(limit, a, 1, KAD_HOUR), 2048 + 64 * 1024);
    kad_limit_free(limit);
}

/* Random mixes of everything but queries of our own: at no instant has a group been sent more than three times what it
 * sent, plus the grant for each minute begun since it was first heard of. With tables far smaller than the number of
 * groups this holds too, though they are forgotten all the time. */
static void check_bytes_out(unsigned addresses, unsigned n_groups, uint64_t seed)
{
    struct kad_rng rng = kad_test_rng(seed);
    struct kad_limit_config config = usual;
    struct kad_limit *limit;
    uint64_t *in = calloc(n_groups, sizeof *in), *out = calloc(n_groups, sizeof *out);
    kad_ms now = 5000, *first_at = calloc(n_groups, sizeof *first_at);

    config.addresses = addresses;
    config.group_per_s = config.address_per_s = seed % 2 ? 50 : 0;
    limit = start(config);
    for (unsigned step = 0; step < 60000; step++) {
        /* Some groups are the victims, the others are there to have them forgotten. */
        const unsigned n = kad_rng_below(&rng, 2) ? kad_rng_below(&rng, 3) : kad_rng_below(&rng, n_groups);
        const struct kad_endpoint peer =
            host(50, (uint8_t)(n >> 8), (uint8_t)n, (uint8_t)kad_rng_below(&rng, 4));
        const size_t size = kad_rng_below(&rng, 1500);
        uint64_t minutes;

        if (first_at[n] == 0)
            first_at[n] = now;
        switch (kad_rng_below(&rng, 4)) {
        case 0:
            if (kad_limit_receive(limit, &peer, size / 10, now) == KAD_LIMIT_PASS)
                in[n] += size / 10;
            break;
        case 1:
            if (kad_rng_below(&rng, 50) == 0)
                kad_limit_strike(limit, &peer, now);
            break;
        default:
            out[n] += kad_limit_send(limit, &peer, size, now) ? size : 0;
        }
        minutes = (uint64_t)(now - first_at[n]) / KAD_MINUTE + 1;
        EXPECT_MSG(out[n] <= 3 * in[n] + 4096 * minutes,
                   "seed %llu, step %u, group %u: %llu out, %llu in, minute %llu", (unsigned long long)seed,
                   step, n, (unsigned long long)out[n], (unsigned long long)in[n],
                   (unsigned long long)minutes);
        now += kad_rng_below(&rng, seed % 3 ? 3 : 100);
    }
    kad_limit_free(limit);
    free(in);
    free(out);
    free(first_at);
}

TEST(bytes_out_in_any_mix)
{
    for (uint64_t seed = 1; seed <= 12; seed++)
        check_bytes_out(256, 200, seed);
}

TEST(bytes_out_in_any_mix_with_overrun_tables)
{
    for (uint64_t seed = 1; seed <= 12; seed++)
        check_bytes_out(16, 5000, seed);
}

/* No sixty seconds see more than the grant, wherever they begin. */
TEST(no_minute_sees_more_than_the_grant)
{
    enum { SECONDS = 600 };

    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct kad_rng rng = kad_test_rng(seed);
        struct kad_limit *limit = start(usual);
        const struct kad_endpoint a = host(20, 0, 0, 1);
        size_t out[SECONDS] = {0}, within = 0, total = 0;

        for (unsigned s = 0; s < SECONDS; s++) {
            if (kad_rng_below(&rng, 40) == 0 || seed == 1)
                out[s] = sendable(limit, a, 1 + kad_rng_below(&rng, 100), s * KAD_SECOND);
            within += out[s];
            total += out[s];
            if (s >= 60)
                within -= out[s - 60];
            EXPECT_MSG(within <= 4096, "seed %llu, second %u: %zu bytes", (unsigned long long)seed, s,
                       within);
        }
        EXPECT(seed != 1 || total >= 20000); /* what is granted is also there */
        kad_limit_free(limit);
    }
}

/* While invented groups overrun the table, our own lookups still reach strangers, and what real hosts have earned is
 * kept. */
TEST(an_overrun_does_not_stop_us)
{
    struct kad_limit *limit = start(usual);
    struct kad_rng rng = kad_test_rng(5);
    struct kad_endpoint proved[200];
    unsigned n_kept = 0, n_sent = 0, n_answers = 0;

    for (unsigned i = 0; i < KAD_COUNT_OF(proved); i++) {
        proved[i] = random_host(&rng);
        kad_limit_proved(limit, &proved[i], 0);
    }
    for (unsigned i = 0; i < 100000; i++) {
        const struct kad_endpoint invented = random_host(&rng);

        kad_limit_receive(limit, &invented, 100, 1 + i / 100);
        if (i % 1000 == 999) {
            const struct kad_endpoint stranger = random_host(&rng);

            kad_limit_expect(limit, &stranger, 120, 1 + i / 100);
            n_sent += kad_limit_send(limit, &stranger, 120, 1 + i / 100);
            n_answers += kad_limit_receive(limit, &stranger, 300, 1 + i / 100) == KAD_LIMIT_PASS;
        }
    }
    for (unsigned i = 0; i < KAD_COUNT_OF(proved); i++)
        n_kept += kad_limit_send(limit, &proved[i], 60000, 1100);
    EXPECT_EQ(n_sent, 100);
    EXPECT_EQ(n_answers, 100);
    EXPECT_MSG(n_kept >= 170, /* those that share a set of four with three others may be lost */
               "%u of 200 proofs kept", n_kept);
    kad_limit_free(limit);
}

/* A first message of a session is as large as a datagram may be: towards a group that is new to an overrun table it goes all the same,
 * once, or whoever asks many at a time would take living nodes for dead ones. */
TEST(own_query_of_any_size_goes_to_a_stranger_though_the_table_is_overrun)
{
    struct kad_rng rng = kad_test_rng(7);
    struct kad_limit_config config = usual;
    struct kad_limit *limit;

    config.addresses = 16;
    limit = start(config);
    for (unsigned i = 0; i < 1000; i++) {
        const struct kad_endpoint stranger = random_host(&rng);

        kad_limit_expect(limit, &stranger, 1200, i);
        EXPECT(kad_limit_send(limit, &stranger, 1200, i));
        if (i >= 200)
            EXPECT(!kad_limit_send(limit, &stranger, 1200, i));
    }
    kad_limit_free(limit);
}
