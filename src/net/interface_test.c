#include "net/interface.h"

#include <net/if.h>
#include <stdio.h>

#include "base/endpoint.h"
#include "base/test.h"

/* P023: every Linux has lo, and where it is up 127.0.0.1 is there. */
TEST(an_interface_has_its_addresses_P023)
{
    struct kad_endpoint endpoints[8];
    char text[KAD_ENDPOINT_TEXT];
    const int n = kad_interface_endpoints("lo:6881", endpoints, 8);

    EXPECT_MSG(n >= 1, "%d", n);
    EXPECT_STR(kad_endpoint_format(&endpoints[0], text), "127.0.0.1:6881");
    EXPECT_EQ(kad_interface_endpoints("lo:6881", endpoints, 0), KAD_E_LIMIT);
}

TEST(what_is_none_is_refused)
{
    struct kad_endpoint endpoints[8];
    static const char *const malformed[] = {
        "lo", ":6881", "lo:", "lo:65536", "lo:x", "", "a-name-that-is-far-too-long:1"};

    EXPECT_EQ(kad_interface_endpoints("nowhere7:6881", endpoints, 8), KAD_E_NOT_FOUND);
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        EXPECT_EQ(kad_interface_endpoints(malformed[i], endpoints, 8), KAD_E_INVALID);
}
