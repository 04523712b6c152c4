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

TEST(one_network_or_one_that_has_most_is_poor_K47)
{
    EXPECT(!kad_variety_is_poor(&(struct kad_variety){0})); /* neighbours, or nobody */
    EXPECT(kad_variety_is_poor(&(struct kad_variety){1, 1, 1}));
    EXPECT(kad_variety_is_poor(&(struct kad_variety){12, 1, 12}));
    EXPECT(!kad_variety_is_poor(&(struct kad_variety){12, 2, 11}));
    EXPECT(!kad_variety_is_poor(&(struct kad_variety){16, 4, 8}));
    EXPECT(kad_variety_is_poor(&(struct kad_variety){16, 4, 9}));
}

/* A thousand nodes: nobody shares 18 bits with anybody but where ids were searched for; nor do a dozen share eleven. */
TEST(a_crowd_is_more_than_chance_has_it_P084)
{
    const struct kad_id self = {{0}};
    struct kad_table_row rows[40] = {{.bucket = 0}};

    for (size_t i = 0; i < 40; i++) /* as chance has it: half, a quarter ... */
        rows[i].contact.id.bytes[0] = i < 20 ? 0x80 : i < 30 ? 0x40 : i < 35 ? 0x20 : 0x10;
    EXPECT_EQ(kad_variety_crowd(rows, 40, &self, 1000), 0);
    for (size_t i = 0; i < 2; i++)
        rows[i].contact.id = self;
    EXPECT_EQ(kad_variety_crowd(rows, 40, &self, 1000), 0); /* two may be chance */
    rows[2].contact.id = self;
    EXPECT_EQ(kad_variety_crowd(rows, 40, &self, 1000), 3);
    EXPECT_EQ(kad_variety_crowd(rows, 40, &self, 0), 0);
    for (size_t i = 0; i < 3; i++)
        rows[i].contact.id.bytes[0] = 0x80;
    for (size_t i = 3; i < 17; i++) { /* fourteen that share eleven bits, of which two would stand there */
        rows[i].contact.id.bytes[0] = 0;
        rows[i].contact.id.bytes[1] = 0x1f;
    }
    EXPECT_EQ(kad_variety_crowd(rows, 40, &self, 1000), 14);
    EXPECT_EQ(kad_variety_crowd(rows, 40, &self, 100000), 0);
}
