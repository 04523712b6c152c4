#include "core/reach.h"

#include "base/test.h"
#include "crypto/test_seed.h"

#include <string.h>

static struct kad_reach_vote votes[KAD_REACH_VOTERS];

static struct kad_endpoint endpoint(const char *text)
{
    struct kad_endpoint result = {.family = KAD_FAMILY_NONE};

    EXPECT_MSG(kad_endpoint_parse(text, 6881, &result) == KAD_OK, "%s", text);
    return result;
}

/* A voter of its own /24. */
static struct kad_endpoint voter(unsigned group, uint8_t last)
{
    return kad_endpoint_v4((uint8_t[]){20, (uint8_t)(group >> 8), (uint8_t)group, last}, 6881);
}

static bool vote(struct kad_reach *reach, unsigned group, const char *address, kad_ms now)
{
    const struct kad_endpoint from = voter(group, 1), about = endpoint(address);

    return kad_reach_vote(reach, &from, &about, now);
}

static bool believes(const struct kad_reach *reach, const char *address)
{
    const struct kad_endpoint expected = endpoint(address);

    return kad_endpoint_equal(&reach->believed, &expected);
}

TEST(believes_a_majority_of_enough_groups)
{
    struct kad_reach reach;

    kad_reach_init(&reach, votes, 3, false);
    EXPECT(!vote(&reach, 1, "5.5.5.5:1", 0));
    EXPECT(!vote(&reach, 2, "5.5.5.5:1", 0));
    EXPECT_EQ(reach.believed.family, KAD_FAMILY_NONE);
    EXPECT(vote(&reach, 3, "6.6.6.6:1", 0)); /* two of three: that is a majority */
    EXPECT(believes(&reach, "5.5.5.5:1"));
}

TEST(half_is_not_a_majority)
{
    struct kad_reach reach;

    kad_reach_init(&reach, votes, 2, false);
    EXPECT(!vote(&reach, 1, "5.5.5.5", 0));
    EXPECT(!vote(&reach, 2, "6.6.6.6", 0));
    EXPECT_EQ(reach.believed.family, KAD_FAMILY_NONE);
    EXPECT(vote(&reach, 3, "6.6.6.6", 0));
    EXPECT(!vote(&reach, 4, "5.5.5.5", 0)); /* a tie changes nothing */
    EXPECT(believes(&reach, "6.6.6.6"));
}

/* However many addresses somebody has in one /24, they are one voter. */
TEST(a_group_has_one_vote)
{
    struct kad_reach reach;
    const struct kad_endpoint lie = endpoint("6.6.6.6");

    kad_reach_init(&reach, votes, 3, false);
    for (unsigned i = 0; i < 200; i++) {
        const struct kad_endpoint liar = voter(9, (uint8_t)i);

        EXPECT(!kad_reach_vote(&reach, &liar, &lie, i));
    }
    EXPECT_EQ(reach.n_votes, 1);
    EXPECT(!vote(&reach, 1, "5.5.5.5", 300));
    EXPECT(vote(&reach, 2, "5.5.5.5", 300));
    EXPECT(believes(&reach, "5.5.5.5"));
}

/* A new address is taken up once most groups have seen it, and reported once. */
TEST(a_new_address_wins_by_new_votes)
{
    struct kad_reach reach;
    unsigned changes = 0;

    kad_reach_init(&reach, votes, 3, false);
    for (unsigned group = 0; group < 10; group++)
        changes += vote(&reach, group, "5.5.5.5", group);
    EXPECT_EQ(changes, 1);
    for (unsigned group = 0; group < 10; group++) {
        changes += vote(&reach, group, "7.7.7.7", 100 + group);
        EXPECT(believes(&reach, group < 5 ? "5.5.5.5" : "7.7.7.7"));
    }
    EXPECT_EQ(changes, 2);
}

/* With the list full, the oldest votes make place: an address of yesterday does not outvote today's for ever. */
TEST(old_votes_go_first)
{
    struct kad_reach reach;

    kad_reach_init(&reach, votes, 3, false);
    for (unsigned group = 0; group < 100; group++)
        vote(&reach, group, "5.5.5.5", group);
    EXPECT_EQ(reach.n_votes, KAD_REACH_VOTERS);
    for (unsigned group = 0; group < KAD_REACH_VOTERS / 2; group++)
        EXPECT(!vote(&reach, 1000 + group, "7.7.7.7", 200 + group));
    EXPECT(vote(&reach, 2000, "7.7.7.7", 300));
    EXPECT_EQ(reach.n_votes, KAD_REACH_VOTERS);
}

TEST(the_port_follows_the_newest_vote_silently)
{
    struct kad_reach reach;

    kad_reach_init(&reach, votes, 1, false);
    EXPECT(vote(&reach, 1, "5.5.5.5:1000", 0));
    EXPECT(!vote(&reach, 2, "5.5.5.5:2000", 1));
    EXPECT(believes(&reach, "5.5.5.5:2000"));
    EXPECT(!vote(&reach, 3, "5.5.5.5:0", 1)); /* who does not say the port still says the address */
    EXPECT_EQ(reach.n_votes, 3);
}

TEST(votes_that_cannot_be_true_are_ignored)
{
    static const char *const wrong[] = {"0.0.0.0",  "224.0.0.1", "127.0.0.1",
                                        "10.0.0.1", "192.0.2.1", "2a00::1"};
    struct kad_endpoint local = endpoint("10.0.0.7"), nowhere = {.family = KAD_FAMILY_NONE};
    const struct kad_endpoint right = endpoint("5.5.5.5"), someone = voter(1, 1);
    struct kad_reach reach;

    kad_reach_init(&reach, votes, 1, false);
    for (size_t i = 0; i < KAD_COUNT_OF(wrong); i++)
        EXPECT_MSG(!vote(&reach, 1, wrong[i], 0), "%s", wrong[i]);
    EXPECT(!kad_reach_vote(&reach, &local, &right, 0));
    EXPECT(!kad_reach_vote(&reach, &nowhere, &right, 0));
    EXPECT(!kad_reach_vote(&reach, &someone, &nowhere, 0));
    EXPECT_EQ(reach.n_votes, 0);
}

/* On one machine all voters have one address; each port is then a voter. */
TEST(local_voters_count_one_by_one_where_they_count)
{
    const struct kad_endpoint about = endpoint("127.0.0.1:4000");
    struct kad_endpoint from = endpoint("127.0.0.1:5000");
    struct kad_reach reach;

    kad_reach_init(&reach, votes, 3, true);
    EXPECT(!kad_reach_vote(&reach, &from, &about, 0));
    EXPECT(!kad_reach_vote(&reach, &from, &about, 0));
    from.port++;
    EXPECT(!kad_reach_vote(&reach, &from, &about, 0));
    from.port++;
    EXPECT(kad_reach_vote(&reach, &from, &about, 0));
    EXPECT(believes(&reach, "127.0.0.1:4000"));
}

TEST(works_in_ipv6)
{
    const struct kad_endpoint about = endpoint("[2a02::7]:1"), a = endpoint("[2a00:0:0:1::5]:1"),
                              b = endpoint("[2a00:0:0:1::6]:1"), c = endpoint("[2a00:0:0:2::5]:1");
    struct kad_reach reach;

    kad_reach_init(&reach, votes, 2, false);
    EXPECT(!kad_reach_vote(&reach, &a, &about, 0));
    EXPECT(!kad_reach_vote(&reach, &b, &about, 0)); /* the same /64 */
    EXPECT(kad_reach_vote(&reach, &c, &about, 0));
    EXPECT(believes(&reach, "[2a02::7]:1"));
}

/* Random votes against the rules said plainly: who is believed has, or had when it was last decided, more than half. */
TEST(agrees_with_plain_counting)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct kad_rng rng = kad_test_rng(seed);
        struct {
            bool voted;
            uint8_t address;
            kad_ms at;
        } groups[100] = {{false, 0, 0}};
        const unsigned quorum = 1 + kad_rng_below(&rng, 10), n_groups = 1 + kad_rng_below(&rng, 100);
        const unsigned n_addresses = 1 + kad_rng_below(&rng, 4);
        unsigned believed = 0;
        struct kad_reach reach;

        kad_reach_init(&reach, votes, quorum, false);
        for (kad_ms now = 1; now < 400; now++) {
            const unsigned group = kad_rng_below(&rng, n_groups);
            const uint8_t address = (uint8_t)(1 + kad_rng_below(&rng, n_addresses));
            const struct kad_endpoint from = voter(group, 1),
                                      about = kad_endpoint_v4((uint8_t[]){5, 5, 5, address}, 1);
            const bool changed = kad_reach_vote(&reach, &from, &about, now);
            unsigned n = 0, counts[5] = {0}, winner = 0;

            groups[group].voted = true;
            groups[group].address = address;
            groups[group].at = now;
            for (unsigned i = 0; i < n_groups; i++) {
                unsigned newer = 0;

                for (unsigned j = 0; j < n_groups; j++)
                    newer += groups[j].voted && groups[j].at > groups[i].at;
                if (groups[i].voted && newer >= KAD_REACH_VOTERS)
                    groups[i].voted = false;
            }
            for (unsigned i = 0; i < n_groups; i++) {
                n += groups[i].voted;
                counts[groups[i].address] += groups[i].voted;
            }
            for (unsigned i = 1; i <= n_addresses; i++) {
                if (2 * counts[i] > n)
                    winner = i;
            }
            if (n >= quorum && winner && winner != believed) {
                EXPECT_MSG(changed, "seed %llu, vote %lld", (unsigned long long)seed, (long long)now);
                believed = winner;
            } else {
                EXPECT_MSG(!changed, "seed %llu, vote %lld", (unsigned long long)seed, (long long)now);
            }
            EXPECT_EQ(reach.believed.address[3], believed);
        }
    }
}

/* Who says something else than the last time has seen us move; who was never heard has nothing to compare with. */
TEST(a_voter_that_sees_us_elsewhere_is_noticed)
{
    const struct kad_endpoint voter = kad_endpoint_v4((const uint8_t[4]){20, 1, 1, 1}, 1),
                              other = kad_endpoint_v4((const uint8_t[4]){20, 1, 2, 1}, 1),
                              here = kad_endpoint_v4((const uint8_t[4]){30, 1, 1, 1}, 5),
                              port = kad_endpoint_v4((const uint8_t[4]){30, 1, 1, 1}, 6);
    struct kad_reach reach;

    kad_reach_init(&reach, votes, 4, false);
    EXPECT(!kad_reach_differs(&reach, &voter, &here));
    kad_reach_vote(&reach, &voter, &here, 1);
    EXPECT(!kad_reach_differs(&reach, &voter, &here));
    EXPECT(kad_reach_differs(&reach, &voter, &port));
    EXPECT(!kad_reach_differs(&reach, &other, &port));
}
