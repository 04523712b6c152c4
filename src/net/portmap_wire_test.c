#include "net/portmap_wire.h"

#include <string.h>

#include "base/test.h"
#include "base/text.h"

static const struct kad_pcp_map asked = {
    .client = {192, 168, 1, 2},
    .nonce = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
    .lifetime_s = 3600,
    .inside_port = 6881,
    .outside_port = 6881,
};

/* RFC 6887, sections 7.1 and 11.1, byte by byte. */
TEST(a_pcp_request_is_as_the_rfc_has_it)
{
    uint8_t message[KAD_PCP_MESSAGE];
    char text[2 * sizeof(message) + 1];

    kad_pcp_write(&asked, message);
    EXPECT_STR(kad_hex(message, sizeof(message), text), "02010000"
                                                        "00000e10"
                                                        "00000000000000000000ffffc0a80102"
                                                        "0102030405060708090a0b0c"
                                                        "11000000"
                                                        "1ae11ae1"
                                                        "00000000000000000000ffff00000000");
}

static size_t pcp_answer(uint8_t message[KAD_PCP_MESSAGE])
{
    return kad_unhex("02810000"
                     "00000258"
                     "00000001"
                     "000000000000000000000000"
                     "0102030405060708090a0b0c"
                     "11000000"
                     "1ae11ae2"
                     "00000000000000000000ffff0b000001",
                     message, KAD_PCP_MESSAGE) == KAD_OK
               ? KAD_PCP_MESSAGE
               : 0;
}

TEST(a_pcp_answer_says_what_was_granted)
{
    uint8_t message[KAD_PCP_MESSAGE];
    struct kad_pcp_map map;
    unsigned result;

    EXPECT_EQ(kad_pcp_read(message, pcp_answer(message), &asked, &map, &result), 0);
    EXPECT_EQ(map.lifetime_s, 600);
    EXPECT_EQ(map.outside_port, 6882);
    EXPECT_MEM(map.outside_address, ((uint8_t[]){11, 0, 0, 1}), 4);
}

/* Somebody else's mapping, or what somebody makes up who cannot know the nonce. */
TEST(an_answer_to_another_question_is_none)
{
    static const uint8_t at[] = {1, 24, 35, 36, 40, 41};
    uint8_t message[KAD_PCP_MESSAGE];
    struct kad_pcp_map map;
    unsigned result;

    for (size_t i = 0; i < sizeof(at); i++) {
        pcp_answer(message);
        message[at[i]] ^= 2;
        EXPECT_MSG(kad_pcp_read(message, sizeof(message), &asked, &map, &result) == KAD_E_INVALID, "byte %u",
                   at[i]);
    }
    for (size_t size = 0; size < sizeof(message); size++) {
        pcp_answer(message);
        EXPECT_EQ(kad_pcp_read(message, size, &asked, &map, &result), KAD_E_INVALID);
    }
}

TEST(refusals_say_why)
{
    static const uint8_t old_router[] = {0, 0x81, 0, 1, 0, 0, 0, 9};
    uint8_t message[KAD_PCP_MESSAGE];
    struct kad_pcp_map map;
    unsigned result;

    pcp_answer(message);
    message[3] = 2; /* NOT_AUTHORIZED */
    EXPECT_EQ(kad_pcp_read(message, sizeof(message), &asked, &map, &result), KAD_E_REFUSED);
    EXPECT_EQ(result, 2);
    EXPECT_EQ(kad_pcp_read(old_router, sizeof(old_router), &asked, &map, &result), KAD_E_REFUSED);
    EXPECT_EQ(result, 1); /* it speaks NAT-PMP only */
}

/* RFC 6886, sections 3.2 and 3.3. */
TEST(nat_pmp_is_as_the_rfc_has_it)
{
    static const uint8_t address[] = {0, 128, 0, 0, 0, 0, 0, 5, 11, 0, 0, 1};
    static const uint8_t map[] = {0, 129, 0, 0, 0, 0, 0, 5, 0x1a, 0xe1, 0x1a, 0xe2, 0, 0, 0x0e, 0x10};
    static const uint8_t refusal[] = {0, 129, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0};
    uint8_t message[KAD_PMP_MESSAGE], found[4];
    uint32_t lifetime_s;
    unsigned result;
    uint16_t port;

    EXPECT_EQ(kad_pmp_write_address(message), 2);
    EXPECT_MEM(message, ((uint8_t[]){0, 0}), 2);
    EXPECT_EQ(kad_pmp_write_map(6881, 6882, 3600, message), 12);
    EXPECT_MEM(message, ((uint8_t[]){0, 1, 0, 0, 0x1a, 0xe1, 0x1a, 0xe2, 0, 0, 0x0e, 0x10}), 12);

    EXPECT_EQ(kad_pmp_read_address(address, sizeof(address), found, &result), 0);
    EXPECT_MEM(found, address + 8, 4);
    EXPECT_EQ(kad_pmp_read_map(map, sizeof(map), 6881, &port, &lifetime_s, &result), 0);
    EXPECT_EQ(port, 6882);
    EXPECT_EQ(lifetime_s, 3600);
    EXPECT_EQ(kad_pmp_read_map(refusal, sizeof(refusal), 6881, &port, &lifetime_s, &result), KAD_E_REFUSED);
    EXPECT_EQ(result, 2);
    EXPECT_EQ(kad_pmp_read_map(map, sizeof(map), 6880, &port, &lifetime_s, &result), KAD_E_INVALID);
    EXPECT_EQ(kad_pmp_read_map(address, sizeof(address), 6881, &port, &lifetime_s, &result), KAD_E_INVALID);
    for (size_t size = 0; size < sizeof(map); size++)
        EXPECT_EQ(kad_pmp_read_map(map, size, 6881, &port, &lifetime_s, &result), KAD_E_INVALID);
}

TEST(the_gateway_is_that_of_the_best_default_route)
{
    static const char head[] =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
    /* As a little-endian machine's kernel writes them. */
    static const char routes[] = "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
                                 "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
                                 "eth0\t00000000\tFE01A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
    char text[1024];
    uint8_t gateway[4];

    strcpy(text, head);
    EXPECT(!kad_route_gateway(text, gateway));
    EXPECT(!kad_route_gateway("", gateway));
    strcat(text, routes);
    EXPECT(kad_route_gateway(text, gateway));
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        EXPECT_MEM(gateway, ((uint8_t[]){192, 168, 1, 254}), 4);
}
