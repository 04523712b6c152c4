/* Each node of a local network has an address of its own, also past the end of a byte. */
#include "node/local_net.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"

static struct kad_endpoint v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return kad_endpoint_v4((const uint8_t[4]){a, b, c, d}, 6881);
}

TEST(addresses_follow_each_other)
{
    struct kad_endpoint first = v4(127, 0, 1, 250), next;
    char text[KAD_ENDPOINT_TEXT];

    EXPECT_EQ(kad_local_net_address(&first, 0, &next), KAD_OK);
    EXPECT(kad_endpoint_equal(&first, &next));
    EXPECT_EQ(kad_local_net_address(&first, 10, &next), KAD_OK);
    EXPECT_STR(kad_endpoint_format(&next, text), "127.0.2.4:6881");
}

/* They must never spill over into addresses that are not this machine. */
TEST(they_stay_on_loopback)
{
    struct kad_endpoint first = v4(127, 255, 255, 253), other = v4(192, 0, 2, 1), next;

    EXPECT_EQ(kad_local_net_address(&first, 1, &next), KAD_OK);
    EXPECT_EQ(kad_local_net_address(&first, 2, &next), KAD_E_INVALID);
    EXPECT_EQ(kad_local_net_address(&other, 0, &next), KAD_E_INVALID);
    first = v4(127, 0, 0, 1);
    first.port = 0; /* the others would not know where the first one is */
    EXPECT_EQ(kad_local_net_address(&first, 0, &next), KAD_E_INVALID);
}

TEST(only_the_first_keeps_anything)
{
    struct kad_node_config configs[3];

    memset(configs, 0, sizeof configs);
    configs[0].listen[0] = v4(127, 0, 1, 1);
    configs[0].n_listen = 1;
    configs[0].data_dir = "/somewhere";
    configs[0].store = KAD_STORE_LMDB;
    EXPECT_EQ(kad_local_net_fill(configs, 3, "127.0.1.1:6881"), KAD_OK);
    for (int i = 1; i < 3; i++) {
        EXPECT(configs[i].data_dir == NULL && configs[i].store == KAD_STORE_MEMORY);
        EXPECT_STR(configs[i].bootstrap[0], "127.0.1.1:6881");
        EXPECT_EQ(configs[i].listen[0].address[3], 1 + i);
        EXPECT(memcmp(configs[0].seed, configs[i].seed, 32) != 0);
    }
    configs[0].n_listen = 2;
    EXPECT_EQ(kad_local_net_fill(configs, 3, "127.0.1.1:6881"), KAD_E_INVALID);
}
