#include "lookout/registry.h"

#include "base/test.h"

static const char *of(const char *text)
{
    struct kad_endpoint endpoint;

    EXPECT_EQ(kad_endpoint_parse(text, 6881, &endpoint), 0);
    return kad_registry_text(kad_registry_of(&endpoint));
}

TEST(an_address_is_of_the_registry_that_gave_it)
{
    EXPECT_STR(of("8.8.8.8"), "arin");
    EXPECT_STR(of("46.1.2.3"), "ripe");
    EXPECT_STR(of("1.1.1.1"), "apnic");
    EXPECT_STR(of("126.0.0.1"), "apnic");
    EXPECT_STR(of("41.0.0.1"), "afrinic");
    EXPECT_STR(of("200.0.0.1"), "lacnic");
    EXPECT_STR(of("[2001:200::1]"), "apnic");
    EXPECT_STR(of("[2001:4860::1]"), "arin");
    EXPECT_STR(of("[2003::1]"), "ripe");
    EXPECT_STR(of("[2a01:4f8::1]"), "ripe");
    EXPECT_STR(of("[2c0f::1]"), "afrinic");
    EXPECT_STR(of("127.0.0.1"), "none");
    EXPECT_STR(of("[fd00::1]"), "none");
}
