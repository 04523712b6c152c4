#include "core/token.h"

#include "base/test.h"
#include "crypto/test_seed.h"

#include <string.h>

static struct kad_endpoint peer(uint8_t last, uint16_t port)
{
    return kad_endpoint_v4((uint8_t[]){203, 0, 114, last}, port);
}

static struct kad_bytes bytes(const uint8_t token[KAD_TOKEN_SIZE])
{
    return (struct kad_bytes){token, KAD_TOKEN_SIZE};
}

/* A token is taken for five minutes at least and ten at most, whenever it was made and however often anybody asks in
 * between. */
TEST(lives_five_to_ten_minutes)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct kad_rng rng = kad_test_rng(seed);
        const struct kad_endpoint announcer = peer(1, 1000), other = peer(2, 1000);
        struct kad_token_maker maker;
        uint8_t token[KAD_TOKEN_SIZE], unused[KAD_TOKEN_SIZE];
        kad_ms now = kad_rng_below(&rng, 1000000), made_at, step;

        kad_token_init(&maker, &rng, now);
        now += kad_rng_below(&rng, 40 * 60 * 1000);
        kad_token_make(&maker, &rng, &announcer, now, token);
        made_at = now;
        step = 1 + kad_rng_below(&rng, 8 * 60 * 1000);
        for (; now - made_at < 20 * KAD_MINUTE; now += 1 + kad_rng_below(&rng, (uint32_t)step)) {
            const bool taken = kad_token_check(&maker, &rng, &announcer, now, bytes(token));
            const kad_ms age = now - made_at;

            if (age < 5 * KAD_MINUTE)
                EXPECT_MSG(taken, "seed %llu: refused at %lld ms", (unsigned long long)seed, (long long)age);
            if (age >= 10 * KAD_MINUTE)
                EXPECT_MSG(!taken, "seed %llu: taken at %lld ms", (unsigned long long)seed, (long long)age);
            if (kad_rng_below(&rng, 2))
                kad_token_make(&maker, &rng, &other, now, unused);
        }
    }
}

/* NATs change ports between a get and its announce; addresses they do not. */
TEST(belongs_to_the_address_not_the_port)
{
    struct kad_rng rng = kad_test_rng(1);
    struct kad_token_maker maker;
    uint8_t token[KAD_TOKEN_SIZE];
    struct kad_endpoint a = peer(1, 1000), b = peer(1, 2000), c = peer(2, 1000), d;
    uint8_t address[16] = {203, 0, 114, 1};

    kad_token_init(&maker, &rng, 0);
    kad_token_make(&maker, &rng, &a, 10, token);
    d = kad_endpoint_v6(address, 1000); /* the same bytes in the other family */
    EXPECT_MEM(a.address, d.address, 16);
    EXPECT(kad_token_check(&maker, &rng, &a, 20, bytes(token)));
    EXPECT(kad_token_check(&maker, &rng, &b, 20, bytes(token)));
    EXPECT(!kad_token_check(&maker, &rng, &c, 20, bytes(token)));
    EXPECT(!kad_token_check(&maker, &rng, &d, 20, bytes(token)));
    d.address[15] = 1;
    kad_token_make(&maker, &rng, &d, 20, token);
    EXPECT(kad_token_check(&maker, &rng, &d, 20, bytes(token)));
    d.address[15] = 2;
    EXPECT(!kad_token_check(&maker, &rng, &d, 20, bytes(token)));
}

TEST(any_other_bytes_are_refused)
{
    struct kad_rng rng = kad_test_rng(2);
    const struct kad_endpoint a = peer(1, 1000);
    struct kad_token_maker maker, other;
    uint8_t token[KAD_TOKEN_SIZE + 1] = {0};

    kad_token_init(&maker, &rng, 0);
    kad_token_init(&other, &rng, 0);
    kad_token_make(&maker, &rng, &a, 0, token);
    EXPECT(!kad_token_check(&other, &rng, &a, 0, bytes(token)));
    for (unsigned bit = 0; bit < 8 * KAD_TOKEN_SIZE; bit++) {
        token[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT(!kad_token_check(&maker, &rng, &a, 0, bytes(token)));
        token[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size <= KAD_TOKEN_SIZE + 1; size++)
        EXPECT_EQ(kad_token_check(&maker, &rng, &a, 0, (struct kad_bytes){token, size}),
                  size == KAD_TOKEN_SIZE);
    EXPECT(!kad_token_check(&maker, &rng, &a, 0, (struct kad_bytes){NULL, 0}));
}
