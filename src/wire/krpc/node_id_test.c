#include "base/endpoint.h"
#include "base/test.h"
#include "base/text.h"
#include "crypto/test_seed.h"
#include "wire/krpc/krpc.h"

#include <string.h>

static struct kad_endpoint endpoint_of(const char *text)
{
    struct kad_endpoint endpoint;

    EXPECT_EQ(kad_endpoint_parse(text, 6881, &endpoint), 0);
    return endpoint;
}

/* The table of BEP 42; any other last octet makes the ids wrong (all of it counts, as the mask ends in ff). */
TEST(the_five_vectors_of_bep_42)
{
    static const struct {
        const char *address, *id, *neighbour;
    } vectors[] = {
        {"124.31.75.21", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401", "124.31.75.22"},
        {"21.75.31.124", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256", "21.75.31.125"},
        {"65.23.51.170", "a5d43220bc8f112a3d426c84764f8c2a1150e616", "65.23.51.171"},
        {"84.124.73.14", "1b0321dd1bb1fe518101ceef99462b947a01ff41", "84.124.73.15"},
        {"43.213.53.83", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a", "43.213.53.84"},
    };

    for (size_t i = 0; i < KAD_COUNT_OF(vectors); i++) {
        struct kad_endpoint endpoint = endpoint_of(vectors[i].address);
        struct kad_endpoint neighbour = endpoint_of(vectors[i].neighbour);
        struct kad_id id = {{0}};

        EXPECT_EQ(kad_unhex(vectors[i].id, id.bytes, KAD_KRPC_ID), 0);
        EXPECT_MSG(kad_krpc_id_allowed(&id, &endpoint), "%s", vectors[i].address);
        EXPECT(!kad_krpc_id_allowed(&id, &neighbour));
        id.bytes[KAD_KRPC_ID - 1] ^= 0xf8; /* of the last byte 3 bits count */
        id.bytes[2] ^= 7;                  /* of the third 5 */
        id.bytes[3] ^= 0xff;
        EXPECT(kad_krpc_id_allowed(&id, &endpoint));
        id.bytes[KAD_KRPC_ID - 1] ^= 1;
        EXPECT(!kad_krpc_id_allowed(&id, &endpoint));
    }
}

TEST(each_of_the_21_bits_counts)
{
    struct kad_endpoint endpoint = endpoint_of("124.31.75.21");
    struct kad_rng rng = kad_test_rng(1);
    struct kad_id id = kad_krpc_make_id(&endpoint, &rng);

    for (unsigned bit = 0; bit < 24; bit++) {
        struct kad_id other = id;

        other.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        EXPECT_EQ(kad_krpc_id_allowed(&other, &endpoint), bit >= 21);
    }
}

/* Of an IPv6 address the first half counts, masked; so neighbours in one /64 share their ids, other networks do not. */
TEST(an_ipv6_id_is_bound_to_the_upper_half)
{
    struct kad_endpoint home = endpoint_of("2a01:4f8:1234:5678::1");
    struct kad_endpoint same = endpoint_of("2a01:4f8:1234:5678:9abc:def0:1:2");
    struct kad_endpoint other = endpoint_of("2a01:4f8:1234:5679::1");
    struct kad_rng rng = kad_test_rng(2);

    for (int i = 0; i < 64; i++) {
        struct kad_id id = kad_krpc_make_id(&home, &rng);

        EXPECT(kad_krpc_id_allowed(&id, &home));
        EXPECT(kad_krpc_id_allowed(&id, &same));
        EXPECT(!kad_krpc_id_allowed(&id, &other));
    }
}

/* The BEP has no vector for IPv6; libtorrent's own tests have this pair. */
TEST(an_ipv6_id_as_libtorrent_makes_it)
{
    struct kad_endpoint endpoint = endpoint_of("2001:b829:2123:be84:e16c:d6ae:5290:49f1");
    struct kad_id id = {{0}};

    EXPECT_EQ(kad_unhex("0a8ad123be84e16cd6ae529049f1f1bbe9ebb304", id.bytes, KAD_KRPC_ID), 0);
    EXPECT(kad_krpc_id_allowed(&id, &endpoint));
    id.bytes[0] = 0x18;
    EXPECT(!kad_krpc_id_allowed(&id, &endpoint));
}

TEST(made_ids_are_allowed_and_differ)
{
    static const char *const addresses[] = {"8.8.8.8", "203.0.113.7", "2001:4860::1", "2001:db8::5"};
    struct kad_rng rng = kad_test_rng(3);

    for (size_t i = 0; i < KAD_COUNT_OF(addresses); i++) {
        struct kad_endpoint endpoint = endpoint_of(addresses[i]);
        struct kad_id last = {{0}};

        for (int round = 0; round < 100; round++) {
            static const uint8_t tail[KAD_ID_SIZE - KAD_KRPC_ID];
            struct kad_id id = kad_krpc_make_id(&endpoint, &rng);

            EXPECT(kad_krpc_id_allowed(&id, &endpoint));
            EXPECT(memcmp(&id, &last, sizeof id) != 0);
            EXPECT_MEM(id.bytes + KAD_KRPC_ID, tail, sizeof tail);
            last = id;
        }
    }
}

/* A port says nothing about the address: 0 must not make a public host exempt, or a local one bound. */
TEST(the_port_does_not_matter)
{
    struct kad_endpoint public = endpoint_of("124.31.75.21"), local = endpoint_of("127.0.0.1");
    struct kad_id id = {{0}};

    public.port = local.port = 0;
    EXPECT(!kad_krpc_id_allowed(&id, &public));
    EXPECT(kad_krpc_id_allowed(&id, &local));
}

TEST(local_addresses_are_exempt)
{
    static const char *const local[] = {"10.1.2.3",    "172.16.0.1", "172.31.255.254", "192.168.1.1",
                                        "169.254.3.4", "127.0.0.1",  "127.9.8.7",      "::1",
                                        "fe80::1",     "fd00::1"};
    static const char *const bound[] = {"11.1.2.3", "172.32.0.1", "192.169.1.1", "8.8.8.8", "2001:4860::1"};
    struct kad_rng rng = kad_test_rng(4);
    struct kad_id id = kad_krpc_make_id(NULL, &rng);

    for (size_t i = 0; i < KAD_COUNT_OF(local); i++) {
        struct kad_endpoint endpoint = endpoint_of(local[i]);

        EXPECT_MSG(kad_krpc_id_allowed(&id, &endpoint), "%s", local[i]);
    }
    for (size_t i = 0; i < KAD_COUNT_OF(bound); i++) {
        struct kad_endpoint endpoint = endpoint_of(bound[i]);

        EXPECT_MSG(!kad_krpc_id_allowed(&id, &endpoint), "%s", bound[i]);
    }
}

/* Otherwise all nodes of a loopback network would crowd under eight prefixes. */
TEST(ids_for_local_addresses_are_spread)
{
    struct kad_endpoint endpoint = endpoint_of("127.0.0.1");
    struct kad_rng rng = kad_test_rng(5);
    unsigned seen = 0;

    for (int i = 0; i < 400; i++)
        seen |= 1u << (kad_krpc_make_id(&endpoint, &rng).bytes[0] >> 4);
    EXPECT_EQ(seen, 0xffff);
}
