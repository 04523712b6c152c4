#include "sim/grind.h"

#include "base/test.h"
#include "core/id.h"
#include "crypto/identity.h"

static uint64_t head_of(const uint8_t secret[32])
{
    struct kad_identity identity;
    struct kad_id id;

    kad_identity_from_seed(&identity, secret);
    id = kad_identity_id(identity.public_key);
    return kad_id_head(&id);
}

/* Each is nearer than the next, none is given twice, and in the end all were. */
TEST(the_nearest_come_first_until_all_are_taken)
{
    const uint64_t target = UINT64_C(0x123456789abcdef0);
    struct sim_grind grind;
    uint64_t last = 0;
    uint8_t secret[32];
    unsigned n = 0;

    EXPECT_EQ(sim_grind_new(&grind, 300, 7), 0);
    for (; sim_grind_take(&grind, target, 0, secret); n++) {
        const uint64_t distance = head_of(secret) ^ target;

        EXPECT(distance > last);
        last = distance;
    }
    EXPECT_EQ(n, 300);
    sim_grind_clear(&grind);
}

/* The same as by looking at all of them, whatever distance is wanted. */
TEST(who_shall_be_farther_is_the_nearest_of_those_that_are)
{
    struct sim_rng rng = {3};
    struct sim_grind grind;

    EXPECT_EQ(sim_grind_new(&grind, 500, 8), 0);
    for (int i = 0; i < 300; i++) {
        const uint64_t target = sim_random(&rng), beyond = sim_random(&rng) >> sim_below(&rng, 63);
        uint64_t best = UINT64_MAX;
        uint8_t secret[32];
        bool found;

        for (uint32_t j = 0; j < grind.n; j++) {
            const uint64_t distance = grind.pool[j].head ^ target;

            if (!grind.pool[j].taken && distance > beyond && distance < best)
                best = distance;
        }
        found = sim_grind_take(&grind, target, beyond, secret);
        EXPECT_EQ(found, best != UINT64_MAX);
        EXPECT(!found || (head_of(secret) ^ target) == best);
    }
    sim_grind_clear(&grind);
}
