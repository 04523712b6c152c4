#include "lookout/variety.h"

#include "base/test.h"

static struct kad_variety of(const char *const *texts, size_t n)
{
    struct kad_endpoint endpoints[32];
    uint64_t groups[32];

    for (size_t i = 0; i < n; i++)
        EXPECT_EQ(kad_endpoint_parse(texts[i], 6881, &endpoints[i]), 0);
    return kad_variety_of(endpoints, n, groups);
}

TEST(networks_are_counted_K49)
{
    static const char *const some[] = {"46.1.2.3",          "46.1.200.3", "46.2.2.3", "[2a01:4f8:1:2::3]",
                                       "[2a01:4f8:1:9::3]", "127.0.0.1",  "10.0.0.1", "192.168.7.7"};
    const struct kad_variety variety = of(some, KAD_COUNT_OF(some));

    EXPECT_EQ(variety.n_public, 5);
    EXPECT_EQ(variety.n_networks, 3);
    EXPECT_EQ(variety.n_largest, 2);
}

TEST(too_near_grows_with_the_network_P084)
{
    EXPECT_EQ(kad_variety_too_near(0), 0);
    EXPECT_EQ(kad_variety_too_near(1), 8);
    EXPECT_EQ(kad_variety_too_near(1000), 17);
    EXPECT_EQ(kad_variety_too_near(1024), 18);
    EXPECT_EQ(kad_variety_too_near(1e6), 27);
}

TEST(one_network_or_one_that_has_most_is_poor_K47)
{
    EXPECT(!kad_variety_is_poor(&(struct kad_variety){0})); /* neighbours, or nobody */
    EXPECT(kad_variety_is_poor(&(struct kad_variety){1, 1, 1}));
    EXPECT(kad_variety_is_poor(&(struct kad_variety){12, 1, 12}));
    EXPECT(!kad_variety_is_poor(&(struct kad_variety){12, 2, 11}));
    EXPECT(!kad_variety_is_poor(&(struct kad_variety){16, 4, 8}));
    EXPECT(kad_variety_is_poor(&(struct kad_variety){16, 4, 9}));
}
