#include "node/place_rules.h"

#include <string.h>

#include "base/test.h"

static struct kad_place_list read_list(const char *text)
{
    struct kad_place_list list;
    char why[200] = "";

    EXPECT_MSG(kad_place_list_read(text, &list, why, sizeof(why)) == 0, "%s: %s", text, why);
    return list;
}

static bool has(const char *text, const char *address, const char *country, uint32_t as_number)
{
    const struct kad_place_list list = read_list(text);
    struct kad_place place = {.as_number = as_number};
    struct kad_endpoint endpoint;

    memcpy(place.country, country, strlen(country));
    EXPECT_EQ(kad_endpoint_parse(address, 1, &endpoint), 0);
    return kad_place_list_has(&list, &endpoint, &place);
}

TEST(countries_and_systems)
{
    EXPECT(has("DE", "192.0.2.1:1", "DE", 0));
    EXPECT(has("fr, de", "192.0.2.1:1", "DE", 0));
    EXPECT(!has("FR,DE", "192.0.2.1:1", "GB", 0));
    EXPECT(!has("FR", "192.0.2.1:1", "", 0)); /* unknown is nowhere */
    EXPECT(has("AS64500", "192.0.2.1:1", "", 64500));
    EXPECT(has("as4294967295", "192.0.2.1:1", "", 4294967295));
    EXPECT(!has("AS64500", "192.0.2.1:1", "", 64501));
    EXPECT(!has("AS64500", "192.0.2.1:1", "", 0));
    EXPECT(!has("", "192.0.2.1:1", "DE", 64500));
}

TEST(networks)
{
    EXPECT(has("192.0.2.0/24", "192.0.2.255:9", "", 0));
    EXPECT(!has("192.0.2.0/24", "192.0.3.0:9", "", 0));
    EXPECT(has("192.0.2.77/24", "192.0.2.1:9", "", 0)); /* what is behind the bits does not matter */
    EXPECT(has("10.0.0.0/9", "10.127.255.255:9", "", 0));
    EXPECT(!has("10.0.0.0/9", "10.128.0.0:9", "", 0));
    EXPECT(has("192.0.2.1", "192.0.2.1:9", "", 0));
    EXPECT(!has("192.0.2.1", "192.0.2.2:9", "", 0));
    EXPECT(has("0.0.0.0/0", "192.0.2.2:9", "", 0));
    EXPECT(!has("0.0.0.0/0", "[2001:db8::1]:9", "", 0));
    EXPECT(has("2001:db8::/33", "[2001:db8:7fff::1]:9", "", 0));
    EXPECT(!has("2001:db8::/33", "[2001:db8:8000::1]:9", "", 0));
    EXPECT(has("AS1, 2001:db8::/32 , CN", "[2001:db8::1]:9", "", 0));
}

TEST(what_is_none_is_named)
{
    static const char *const bad[] = {
        "DEU",    "D1",    "AS-1", "AS0", "AS4294967296", "192.0.2.0/33", "2001:db8::/129", "192.0.2.0/x",
        "DE,,FR", "FR DE", "1",    "-"};

    for (size_t i = 0; i < KAD_COUNT_OF(bad); i++) {
        struct kad_place_list list;
        char why[200] = "";

        EXPECT_MSG(kad_place_list_read(bad[i], &list, why, sizeof(why)) == KAD_E_INVALID, "%s", bad[i]);
        EXPECT_MSG(strstr(why, "is no country"), "%s", why);
    }
}

TEST(as_many_as_fit)
{
    char text[4 * KAD_PLACE_RULES_MAX + 8] = "", why[200];
    struct kad_place_list list;

    for (unsigned i = 0; i < KAD_PLACE_RULES_MAX; i++)
        strcat(text, "DE, ");
    EXPECT_EQ(kad_place_list_read(text, &list, why, sizeof(why)), 0);
    EXPECT_EQ(list.n, KAD_PLACE_RULES_MAX);
    strcat(text, "FR");
    EXPECT_EQ(kad_place_list_read(text, &list, why, sizeof(why)), KAD_E_INVALID);
    EXPECT(kad_place_list_needs_table(&list));
    list = read_list("192.0.2.0/24");
    EXPECT(!kad_place_list_needs_table(&list));
}
