/* test_limit - what the tests of the limiter share: a usual configuration, hosts, and what gets through. */
#ifndef KAD_CORE_TEST_LIMIT_H
#define KAD_CORE_TEST_LIMIT_H

#include "core/limit.h"

#include "base/test.h"
#include "crypto/test_seed.h"

static const struct kad_limit_config usual = {
    .addresses = 1024,
    .address_per_s = 10,
    .address_burst = 20,
    .group_per_s = 50,
    .group_burst = 100,
    .strikes = 3,
    .gray_ms = 60 * KAD_SECOND,
    .gain = 3,
    .grant = 4096,
};

static inline struct kad_limit *start(struct kad_limit_config config)
{
    struct kad_limit *limit = kad_limit_new(&kad_allocator_system, &config, 42);

    EXPECT(limit != NULL);
    return limit;
}

static inline struct kad_endpoint host(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return kad_endpoint_v4((uint8_t[]){a, b, c, d}, 6881);
}

static inline struct kad_endpoint random_host(struct kad_rng *rng)
{
    struct kad_endpoint endpoint;

    do {
        uint8_t address[4];

        kad_rng_bytes(rng, address, sizeof address);
        endpoint = kad_endpoint_v4(address, 6881);
    } while (kad_endpoint_scope(&endpoint) != KAD_SCOPE_PUBLIC);
    return endpoint;
}

/* How many of `n` packets that arrive at once pass. */
static inline unsigned passing(struct kad_limit *limit, struct kad_endpoint from, unsigned n, kad_ms now)
{
    unsigned passed = 0;

    while (n-- > 0)
        passed += kad_limit_receive(limit, &from, 100, now) == KAD_LIMIT_PASS;
    return passed;
}

/* The most a `now` lets out to `to` in pieces of `size`. */
static inline size_t sendable(struct kad_limit *limit, struct kad_endpoint to, size_t size, kad_ms now)
{
    size_t sent = 0;

    while (sent < 1 << 20 && kad_limit_send(limit, &to, size, now))
        sent += size;
    return sent;
}

#endif
