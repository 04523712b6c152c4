#include "base/endpoint.h"

#include "base/test.h"
#include "crypto/test_seed.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static struct kad_endpoint parse(const char *text)
{
    struct kad_endpoint endpoint = {.family = KAD_FAMILY_NONE};

    EXPECT_MSG(kad_endpoint_parse(text, 1, &endpoint) == KAD_OK, "\"%s\"", text);
    return endpoint;
}

/* Random addresses as they occur: mostly zeros, so that there is something to shorten. */
static struct kad_endpoint random_endpoint(struct kad_rng *rng)
{
    uint8_t address[16];
    const uint16_t port = (uint16_t)kad_rng_u32(rng);

    kad_rng_bytes(rng, address, sizeof address);
    if (kad_rng_below(rng, 3) == 0)
        return kad_endpoint_v4(address, port);
    for (unsigned i = 0; i < 8; i++) {
        if (kad_rng_below(rng, 2))
            address[2 * i] = address[2 * i + 1] = 0;
        else if (kad_rng_below(rng, 3) == 0)
            address[2 * i] = 0;
    }
    return kad_endpoint_v6(address, port);
}

TEST(what_is_formatted_parses_to_the_same)
{
    struct kad_rng rng = kad_test_rng(1);

    for (unsigned i = 0; i < 50000; i++) {
        const struct kad_endpoint endpoint = random_endpoint(&rng);
        struct kad_endpoint back;
        char text[KAD_ENDPOINT_TEXT];

        EXPECT(kad_endpoint_format(&endpoint, text) == text);
        EXPECT(strlen(text) < KAD_ENDPOINT_TEXT);
        EXPECT_MSG(kad_endpoint_parse(text, 0, &back) == KAD_OK, "%s", text);
        EXPECT_MSG(kad_endpoint_equal(&endpoint, &back), "%s", text);
    }
}

/* The C library's formatter follows RFC 5952 but for the IPv4-like ends of ::a.b.c.d, which nobody uses. */
TEST(format_agrees_with_the_c_library)
{
    struct kad_rng rng = kad_test_rng(2);

    for (unsigned i = 0; i < 50000; i++) {
        const struct kad_endpoint endpoint = random_endpoint(&rng);
        const bool is_v4 = endpoint.family == KAD_IPV4;
        char address[INET6_ADDRSTRLEN], expected[KAD_ENDPOINT_TEXT + INET6_ADDRSTRLEN],
            text[KAD_ENDPOINT_TEXT];

        EXPECT(inet_ntop(is_v4 ? AF_INET : AF_INET6, endpoint.address, address, sizeof address) != NULL);
        if (!is_v4 && strchr(address, '.'))
            continue;
        snprintf(expected, sizeof expected, is_v4 ? "%s:%u" : "[%s]:%u", address, endpoint.port);
        EXPECT_STR(kad_endpoint_format(&endpoint, text), expected);
    }
}

/* Mutated addresses: whatever the C library takes we take with the same result, and nothing else. */
TEST(parse_agrees_with_the_c_library)
{
    static const char *const seeds[] = {"1.2.3.4",
                                        "255.255.255.255",
                                        "2001:db8::1",
                                        "::",
                                        "::1",
                                        "1::",
                                        "1:2:3:4:5:6:7:8",
                                        "1:2:3:4:5:6:7::",
                                        "::2:3:4:5:6:7:8",
                                        "1:2:3:4:5:6:1.2.3.4",
                                        "::ffff:1.2.3.4",
                                        "fe80::aBcD:0:12"};
    struct kad_rng rng = kad_test_rng(3);
    unsigned n_taken = 0;

    for (unsigned i = 0; i < 300000; i++) {
        char text[64], bracketed[80];
        uint8_t v4[4], v6[16];
        struct kad_endpoint endpoint, expected = {.family = KAD_FAMILY_NONE};
        int result;

        strcpy(text, seeds[kad_rng_below(&rng, KAD_COUNT_OF(seeds))]);
        for (uint32_t n = kad_rng_below(&rng, 4); n > 0; n--) {
            const size_t size = strlen(text), at = kad_rng_below(&rng, (uint32_t)size + 1);
            const char letter = "0123456789abcdefF:::...g% "[kad_rng_below(&rng, 26)];

            switch (kad_rng_below(&rng, 3)) {
            case 0:
                memmove(text + at + 1, text + at, size - at + 1);
                text[at] = letter;
                break;
            case 1:
                if (at < size)
                    memmove(text + at, text + at + 1, size - at);
                break;
            default:
                if (at < size)
                    text[at] = letter;
            }
        }
        if (inet_pton(AF_INET, text, v4) == 1)
            expected = kad_endpoint_v4(v4, 9);
        else if (inet_pton(AF_INET6, text, v6) == 1)
            expected = kad_endpoint_v6(v6, 9);
        result = kad_endpoint_parse(text, 9, &endpoint);
        if (expected.family != KAD_FAMILY_NONE) {
            EXPECT_MSG(result == KAD_OK && kad_endpoint_equal(&endpoint, &expected), "\"%s\"", text);
            n_taken++;
        } else if (result == KAD_OK) {
            /* Then it had a port, and the C library takes what stands before it. */
            char *colon = strrchr(text, ':');

            EXPECT_MSG(colon != NULL, "\"%s\"", text);
            *colon = '\0';
            EXPECT_MSG(inet_pton(AF_INET, text, v4) == 1, "\"%s\"", text);
        }
        snprintf(bracketed, sizeof bracketed, "[%s]:9", text);
        EXPECT_MSG((kad_endpoint_parse(bracketed, 0, &endpoint) == KAD_OK) ==
                       (inet_pton(AF_INET6, text, v6) == 1),
                   "\"%s\"", bracketed);
    }
    EXPECT(n_taken > 30000);
}

TEST(ports)
{
    static const char *const wrong[] = {
        "1.2.3.4:",    "1.2.3.4:65536", "1.2.3.4:-1",  "1.2.3.4:5 ", "1.2.3.4:05",    "1.2.3.4:99999",
        "[::1]:",      "[::1",          "::1]:5",      "[::1]5",     "[1.2.3.4]:5",   "",
        ":5",          "[]:5",          "[::1]:5x",    "1.2.3.4 :5", "[fe80::1%1]:5", "1.2.3:5",
        "1.2.3.4.5:6", "0x1.2.3.4:5",   "1.2.3.256:5", "01.2.3.4:5", "localhost:5",   "[::1]:4294967297"};
    struct kad_endpoint endpoint = {.port = 77};

    for (size_t i = 0; i < KAD_COUNT_OF(wrong); i++)
        EXPECT_MSG(kad_endpoint_parse(wrong[i], 1, &endpoint) == KAD_E_INVALID, "\"%s\"", wrong[i]);
    EXPECT_EQ(kad_endpoint_parse("1.2.3.4", 0, &endpoint), KAD_E_INVALID);
    EXPECT_EQ(kad_endpoint_parse("::1", 0, &endpoint), KAD_E_INVALID);
    EXPECT_EQ(kad_endpoint_parse("[::1]", 0, &endpoint), KAD_E_INVALID);
    EXPECT_EQ(endpoint.port, 77);
    EXPECT_EQ(kad_endpoint_parse("[::1]", 6881, &endpoint), KAD_OK);
    EXPECT_EQ(endpoint.port, 6881);
    EXPECT_EQ(kad_endpoint_parse("1.2.3.4:65535", 6881, &endpoint), KAD_OK);
    EXPECT_EQ(endpoint.port, 65535);
    EXPECT_EQ(kad_endpoint_parse("0.0.0.0:0", 6881, &endpoint),
              KAD_OK); /* to listen on: the system chooses */
    EXPECT_EQ(endpoint.port, 0);
}

/* RFC 5952, sections 4 and 5, by its own examples. */
TEST(format_as_rfc_5952)
{
    static const char *const pairs[][2] = {
        {"2001:0db8::0001", "[2001:db8::1]:1"},
        {"2001:db8:0:0:0:0:2:1", "[2001:db8::2:1]:1"},
        {"2001:db8:0:1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]:1"},
        {"2001:0:0:1:0:0:0:1", "[2001:0:0:1::1]:1"},
        {"2001:db8:0:0:1:0:0:1", "[2001:db8::1:0:0:1]:1"},
        {"2001:DB8::ABCD", "[2001:db8::abcd]:1"},
        {"::", "[::]:1"},
        {"0:0:0:0:0:0:0:1", "[::1]:1"},
        {"1:0:0:0:0:0:0:0", "[1::]:1"},
        {"::ffff:192.0.2.1", "192.0.2.1:1"},
    };
    const struct kad_endpoint none = {.family = KAD_FAMILY_NONE};
    char text[KAD_ENDPOINT_TEXT];

    for (size_t i = 0; i < KAD_COUNT_OF(pairs); i++) {
        const struct kad_endpoint endpoint = parse(pairs[i][0]);

        EXPECT_STR(kad_endpoint_format(&endpoint, text), pairs[i][1]);
    }
    EXPECT_STR(kad_endpoint_format(&none, text), "-");
}

/* A mapped address is the IPv4 address: two names for one host would count twice everywhere. */
TEST(mapped_addresses_are_ipv4)
{
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 8, [13] = 8, [14] = 4, [15] = 4};
    const struct kad_endpoint a = kad_endpoint_v6(mapped, 53), b = kad_endpoint_v4(mapped + 12, 53);

    EXPECT(kad_endpoint_equal(&a, &b));
    EXPECT_EQ(a.family, KAD_IPV4);
    EXPECT_EQ(kad_endpoint_address_size(&a), 4);
}

TEST(same_host_ignores_only_the_port)
{
    const struct kad_endpoint a = parse("1.2.3.4:5"), b = parse("1.2.3.4:6"), c = parse("1.2.3.5:5");
    const struct kad_endpoint d = parse("[102:304::]:5"); /* the same bytes, another family */

    EXPECT(kad_endpoint_same_host(&a, &b) && !kad_endpoint_equal(&a, &b));
    EXPECT(!kad_endpoint_same_host(&a, &c) && !kad_endpoint_equal(&a, &c));
    EXPECT_MEM(a.address, d.address, 16);
    EXPECT(!kad_endpoint_same_host(&a, &d) && !kad_endpoint_equal(&a, &d));
    EXPECT_EQ(kad_endpoint_address_size(&d), 16);
    EXPECT_EQ(sizeof a, 20);
}

/* First and last address of each range, and the neighbours outside it. */
TEST(scopes)
{
    static const struct {
        enum kad_scope scope;
        const char *text;
    } cases[] = {
        {KAD_SCOPE_INVALID, "0.0.0.0"},
        {KAD_SCOPE_INVALID, "0.255.255.255"},
        {KAD_SCOPE_PUBLIC, "1.0.0.0"},
        {KAD_SCOPE_PUBLIC, "9.255.255.255"},
        {KAD_SCOPE_PRIVATE, "10.0.0.0"},
        {KAD_SCOPE_PRIVATE, "10.255.255.255"},
        {KAD_SCOPE_PUBLIC, "11.0.0.0"},
        {KAD_SCOPE_PUBLIC, "100.63.255.255"},
        {KAD_SCOPE_PRIVATE, "100.64.0.0"},
        {KAD_SCOPE_PRIVATE, "100.127.255.255"},
        {KAD_SCOPE_PUBLIC, "100.128.0.0"},
        {KAD_SCOPE_PUBLIC, "126.255.255.255"},
        {KAD_SCOPE_LOOPBACK, "127.0.0.0"},
        {KAD_SCOPE_LOOPBACK, "127.255.255.255"},
        {KAD_SCOPE_PUBLIC, "128.0.0.0"},
        {KAD_SCOPE_PUBLIC, "169.253.255.255"},
        {KAD_SCOPE_LINK, "169.254.0.0"},
        {KAD_SCOPE_LINK, "169.254.255.255"},
        {KAD_SCOPE_PUBLIC, "172.15.255.255"},
        {KAD_SCOPE_PRIVATE, "172.16.0.0"},
        {KAD_SCOPE_PRIVATE, "172.31.255.255"},
        {KAD_SCOPE_PUBLIC, "172.32.0.0"},
        {KAD_SCOPE_PRIVATE, "192.0.0.1"},
        {KAD_SCOPE_INVALID, "192.0.2.1"},
        {KAD_SCOPE_PUBLIC, "192.0.3.0"},
        {KAD_SCOPE_PUBLIC, "192.167.255.255"},
        {KAD_SCOPE_PRIVATE, "192.168.0.0"},
        {KAD_SCOPE_PRIVATE, "192.168.255.255"},
        {KAD_SCOPE_PUBLIC, "192.169.0.0"},
        {KAD_SCOPE_PRIVATE, "198.18.0.0"},
        {KAD_SCOPE_PRIVATE, "198.19.255.255"},
        {KAD_SCOPE_PUBLIC, "198.20.0.0"},
        {KAD_SCOPE_INVALID, "198.51.100.7"},
        {KAD_SCOPE_INVALID, "203.0.113.7"},
        {KAD_SCOPE_PUBLIC, "223.255.255.255"},
        {KAD_SCOPE_INVALID, "224.0.0.0"},
        {KAD_SCOPE_INVALID, "240.0.0.1"},
        {KAD_SCOPE_INVALID, "255.255.255.255"},
        {KAD_SCOPE_INVALID, "::"},
        {KAD_SCOPE_LOOPBACK, "::1"},
        {KAD_SCOPE_INVALID, "::2"},
        {KAD_SCOPE_INVALID, "::127.0.0.1"},
        {KAD_SCOPE_LOOPBACK, "::ffff:127.0.0.1"},
        {KAD_SCOPE_PUBLIC, "64:ff9b::8.8.8.8"},
        {KAD_SCOPE_INVALID, "64:ff9b::10.0.0.1"},
        {KAD_SCOPE_INVALID, "64:ff9b:1::8.8.8.8"},
        {KAD_SCOPE_INVALID, "100::1"},
        {KAD_SCOPE_INVALID, "1fff::1"},
        {KAD_SCOPE_PUBLIC, "2000::1"},
        {KAD_SCOPE_PUBLIC, "2001:db7::1"},
        {KAD_SCOPE_INVALID, "2001:db8::1"},
        {KAD_SCOPE_PUBLIC, "2001:db9::1"},
        {KAD_SCOPE_PUBLIC, "2002:808:808::1"},
        {KAD_SCOPE_INVALID, "2002:7f00:1::1"},
        {KAD_SCOPE_PUBLIC, "2a00:1450::1"},
        {KAD_SCOPE_INVALID, "3fff:0:1::"},
        {KAD_SCOPE_PUBLIC, "3fff:1000::"},
        {KAD_SCOPE_INVALID, "4000::1"},
        {KAD_SCOPE_INVALID, "fbff::1"},
        {KAD_SCOPE_PRIVATE, "fc00::1"},
        {KAD_SCOPE_PRIVATE, "fdff::1"},
        {KAD_SCOPE_INVALID, "fe00::1"},
        {KAD_SCOPE_LINK, "fe80::1"},
        {KAD_SCOPE_LINK, "febf::1"},
        {KAD_SCOPE_PRIVATE, "fec0::1"},
        {KAD_SCOPE_INVALID, "ff02::1"},
    };
    struct kad_endpoint endpoint;

    for (size_t i = 0; i < KAD_COUNT_OF(cases); i++) {
        endpoint = parse(cases[i].text);
        EXPECT_MSG(kad_endpoint_scope(&endpoint) == cases[i].scope, "%s: %d", cases[i].text,
                   (int)kad_endpoint_scope(&endpoint));
        endpoint.port = 0; /* nobody is there */
        EXPECT_EQ(kad_endpoint_scope(&endpoint), KAD_SCOPE_INVALID);
    }
    endpoint = (struct kad_endpoint){.port = 5};
    EXPECT_EQ(kad_endpoint_scope(&endpoint), KAD_SCOPE_INVALID);
}

/* Two endpoints share a group exactly when the bits that name it agree. */
TEST(groups_are_prefixes)
{
    struct kad_rng rng = kad_test_rng(4);

    for (unsigned i = 0; i < 20000; i++) {
        const struct kad_endpoint a = random_endpoint(&rng);
        struct kad_endpoint b = a;
        const bool is_v4 = a.family == KAD_IPV4;
        const unsigned bit = kad_rng_below(&rng, is_v4 ? 32 : 128);

        b.address[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        b.port ^= 1;
        EXPECT((kad_endpoint_narrow_group(&a) == kad_endpoint_narrow_group(&b)) ==
               (bit >= (is_v4 ? 24u : 64u)));
        EXPECT((kad_endpoint_wide_group(&a) == kad_endpoint_wide_group(&b)) == (bit >= (is_v4 ? 16u : 48u)));
        EXPECT(kad_endpoint_narrow_group(&a) != 0 && kad_endpoint_wide_group(&a) != 0);
    }
}

TEST(groups_tell_families_apart)
{
    static const char *const texts[] = {"0.0.0.0",   "0.0.1.0",   "1.2.3.4",  "::1",
                                        "0:0:0:1::", "102:304::", "102:300::"};
    struct kad_endpoint none = {.family = KAD_FAMILY_NONE};

    for (size_t i = 0; i < KAD_COUNT_OF(texts); i++) {
        const struct kad_endpoint a = parse(texts[i]);

        for (size_t j = 0; j < i; j++) {
            const struct kad_endpoint b = parse(texts[j]);

            EXPECT_MSG(kad_endpoint_narrow_group(&a) != kad_endpoint_narrow_group(&b), "%s %s", texts[i],
                       texts[j]);
        }
        EXPECT(kad_endpoint_narrow_group(&a) != kad_endpoint_narrow_group(&none));
    }
    EXPECT(kad_endpoint_wide_group(&none) != 0);
}
