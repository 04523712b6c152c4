#include "base/multiaddr.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "base/text.h"

/* libp2p-vectors.json, multiaddr; the rest by hand from multiaddr/protocols.csv. */
static const struct {
    const char *text, *hex;
    enum kad_multiaddr_host host;
    enum kad_multiaddr_transport transport;
} known[] = {
    {"/ip4/127.0.0.1/tcp/4001", "047f000001060fa1", KAD_HOST_IP, KAD_TRANSPORT_TCP},
    {"/ip4/127.0.0.1/tcp/4001/ws", "047f000001060fa1dd03", KAD_HOST_IP, KAD_TRANSPORT_WS},
    {"/ip6/::1/tcp/4001", "2900000000000000000000000000000001060fa1", KAD_HOST_IP, KAD_TRANSPORT_TCP},
    {"/ip4/127.0.0.1/udp/4001/quic-v1", "047f00000191020fa1cd03", KAD_HOST_IP, KAD_TRANSPORT_OTHER},
    {"/dns4/example.org/tcp/443/tls/ws", "360b6578616d706c652e6f72670601bbc003dd03", KAD_HOST_DNS4,
     KAD_TRANSPORT_WSS},
    {"/dnsaddr/bootstrap.example.org", "3815626f6f7473747261702e6578616d706c652e6f7267", KAD_HOST_DNSADDR,
     KAD_TRANSPORT_NONE},
    {"/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWPBFzpNemfrwjMSTSENKAC6cDHxE2RXojcMJRwMtitDms",
     "047f000001060fa1a50326002408011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f73242",
     KAD_HOST_IP, KAD_TRANSPORT_TCP},
    {"/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWPBFzpNemfrwjMSTSENKAC6cDHxE2RXojcMJRwMtitDms/p2p-circuit/p2p/"
     "12D3KooWDN7K2vo9rDBdpWGjDwMsQJaWvSqJxKZKg5ywyS42P8aq",
     "047f000001060fa1a50326002408011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f73242a202a"
     "5032600240801122034b4d9043156cb6dcf0beb0a2949b7559c940d2bcb6dbe8c53a9b30278e3a746",
     KAD_HOST_IP, KAD_TRANSPORT_OTHER},
};

static size_t size_of_nothing;

TEST(known_addresses)
{
    uint8_t wanted[KAD_MULTIADDR_MAX], bytes[KAD_MULTIADDR_MAX];
    char text[KAD_MULTIADDR_TEXT];
    struct kad_multiaddr parts;
    size_t n;

    for (size_t i = 0; i < KAD_COUNT_OF(known); i++) {
        const size_t size = strlen(known[i].hex) / 2;

        EXPECT_EQ(kad_unhex(known[i].hex, wanted, size), 0);
        EXPECT_EQ(kad_multiaddr_read(known[i].text, bytes, sizeof(bytes), &n), 0);
        EXPECT_EQ(n, size);
        EXPECT_MEM(bytes, wanted, n);
        EXPECT_EQ(kad_multiaddr_write((struct kad_bytes){bytes, n}, text, sizeof(text)), 0);
        EXPECT_STR(text, known[i].text);
        EXPECT_EQ(kad_multiaddr_parse((struct kad_bytes){bytes, n}, &parts), 0);
        EXPECT_EQ(parts.host, known[i].host);
        EXPECT_EQ(parts.transport, known[i].transport);
        for (size_t room = 0; room < n; room++)
            EXPECT_EQ(kad_multiaddr_read(known[i].text, bytes, room, &size_of_nothing), KAD_E_SPACE);
        for (size_t room = 0; room <= strlen(known[i].text); room++)
            EXPECT_EQ(kad_multiaddr_write((struct kad_bytes){wanted, n}, text, room), KAD_E_SPACE);
    }
}

TEST(the_parts_of_an_address)
{
    static const char text[] = "/dns4/node.example/tcp/443/tls/sni/other.example/ws/p2p/"
                               "12D3KooWPBFzpNemfrwjMSTSENKAC6cDHxE2RXojcMJRwMtitDms";
    uint8_t bytes[KAD_MULTIADDR_MAX];
    struct kad_multiaddr parts;
    size_t n;

    EXPECT_EQ(kad_multiaddr_read(text, bytes, sizeof(bytes), &n), 0);
    EXPECT_EQ(kad_multiaddr_parse((struct kad_bytes){bytes, n}, &parts), 0);
    EXPECT_EQ(parts.host, KAD_HOST_DNS4);
    EXPECT_EQ(parts.transport, KAD_TRANSPORT_WSS);
    EXPECT_EQ(parts.endpoint.port, 443);
    EXPECT_EQ(parts.name.size, 13);
    EXPECT_MEM(parts.name.data, "other.example", 13);
    EXPECT_EQ(parts.peer.size, 38);
    EXPECT_EQ(parts.n_bare, n - 38 - 3);
}

TEST(an_address_is_made)
{
    struct kad_endpoint endpoint;
    uint8_t bytes[KAD_MULTIADDR_MAX], peer[34] = {0x12, 32};
    char text[KAD_MULTIADDR_TEXT];
    struct kad_multiaddr parts;
    size_t n;

    EXPECT_EQ(kad_endpoint_parse("[2001:db8::1]:9000", 0, &endpoint), 0);
    n = kad_multiaddr_make(&endpoint, KAD_TRANSPORT_WSS, bytes, sizeof(bytes));
    EXPECT_EQ(kad_multiaddr_write((struct kad_bytes){bytes, n}, text, sizeof(text)), 0);
    EXPECT_STR(text, "/ip6/2001:db8::1/tcp/9000/tls/ws");
    n = kad_multiaddr_append_peer(bytes, n, sizeof(bytes), (struct kad_bytes){peer, 34});
    EXPECT_EQ(kad_multiaddr_parse((struct kad_bytes){bytes, n}, &parts), 0);
    EXPECT(kad_endpoint_equal(&parts.endpoint, &endpoint));
    EXPECT_EQ(parts.peer.size, 34);
    EXPECT_EQ(kad_multiaddr_append_peer(bytes, parts.n_bare, n - 1, (struct kad_bytes){peer, 34}), 0);
    EXPECT_EQ(kad_multiaddr_make(&endpoint, KAD_TRANSPORT_TCP, bytes, 10), 0);
}

/* What a relay, QUIC or a browser's transport is reached by is kept and shown, and never dialled. */
TEST(transports_that_are_not_ours)
{
    static const char *const other[] = {
        "/ip4/1.2.3.4/udp/4001/quic-v1",
        "/ip4/1.2.3.4/tcp/4001/p2p/QmRN6wdp1S2A5EtjW9A3M1vKSBuQQGcgvuhoMUoEz4iiT5/p2p-circuit",
        "/ip4/1.2.3.4/tcp/4001/tls",
        "/ip4/1.2.3.4/tcp/4001/http",
        "/ip4/1.2.3.4/udp/4001/webrtc-direct/certhash/f1220aa",
        "/p2p/QmRN6wdp1S2A5EtjW9A3M1vKSBuQQGcgvuhoMUoEz4iiT5",
    };
    uint8_t bytes[KAD_MULTIADDR_MAX];
    char text[KAD_MULTIADDR_TEXT];
    struct kad_multiaddr parts;
    size_t n;

    for (size_t i = 0; i < KAD_COUNT_OF(other); i++) {
        EXPECT_EQ(kad_multiaddr_read(other[i], bytes, sizeof(bytes), &n), 0);
        EXPECT_EQ(kad_multiaddr_parse((struct kad_bytes){bytes, n}, &parts), 0);
        EXPECT_EQ(parts.transport, KAD_TRANSPORT_OTHER);
        EXPECT_EQ(kad_multiaddr_write((struct kad_bytes){bytes, n}, text, sizeof(text)), 0);
        EXPECT_STR(text, other[i]);
    }
}

TEST(what_is_no_address_is_refused)
{
    static const char *const texts[] = {
        "",
        "/",
        "ip4/1.2.3.4",
        "/ip4",
        "/ip4/",
        "/ip4/1.2.3",
        "/ip4/::1",
        "/ip6/1.2.3.4",
        "/ip4/1.2.3.4:5",
        "/ip4/1.2.3.4/tcp",
        "/ip4/1.2.3.4/tcp/65536",
        "/ip4/1.2.3.4/tcp/-1",
        "/ip4/1.2.3.4/tcp/",
        "/ip4/1.2.3.4//tcp/1",
        "/nothing/1",
        "/dns/",
        "/p2p/hello",
        "/p2p/zip6sazp", /* a CID of keys, but no multihash */
        "/p2p/11",
        "/ip6/[::1]",
    };
    static const char *const hexes[] = {
        "",     "04",         "047f0000", "047f00000106", "047f0000010601", "35",
        "3500", "3505616263", "ff01",     "8400",         "a50326",
    };
    uint8_t bytes[KAD_MULTIADDR_MAX];
    struct kad_multiaddr parts;
    size_t n;

    for (size_t i = 0; i < KAD_COUNT_OF(texts); i++)
        EXPECT_EQ(kad_multiaddr_read(texts[i], bytes, sizeof(bytes), &n), KAD_E_INVALID);
    for (size_t i = 0; i < KAD_COUNT_OF(hexes); i++) {
        n = strlen(hexes[i]) / 2;
        EXPECT_EQ(kad_unhex(hexes[i], bytes, n), 0);
        EXPECT_EQ(kad_multiaddr_parse((struct kad_bytes){bytes, n}, &parts), KAD_E_INVALID);
    }
}

TEST(a_name_cannot_pass_for_more)
{
    static const uint8_t bytes[] = {0x35, 5, 'a', '/', 't', 'c', 'p', 0x35, 2, 'a', '\n'};
    char text[KAD_MULTIADDR_TEXT];

    EXPECT_EQ(kad_multiaddr_write((struct kad_bytes){bytes, 7}, text, sizeof(text)), KAD_E_INVALID);
    EXPECT_EQ(kad_multiaddr_write((struct kad_bytes){bytes + 7, 4}, text, sizeof(text)), KAD_E_INVALID);
}
