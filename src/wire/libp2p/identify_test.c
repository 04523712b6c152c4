#include "wire/libp2p/identify.h"

#include <string.h>

#include "base/multiaddr.h"
#include "base/test.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"

/* libp2p-vectors.json: what js-libp2p sends. */
static const char identify[] =
    "2a0a697066732f302e312e30320969636e2f302e302e300a2408011220c6822637c7d310ec57627be00ba259d253749f"
    "4aaf644470cffbe53a35f732421208047f000001060fa12208047f00000106c3501a0e2f697066732f69642f312e302e"
    "301a102f697066732f70696e672f312e302e301a0e2f69636e2f6b61642f312e302e30";
static const char envelope[] =
    "0a2408011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f73242120203011a3a0a260024"
    "08011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f732421080e2cfaa061a0a0a08047f"
    "000001060fa12a40d59c3afe406f8d64aabd83e3f2923517dd1fb284ea7b1b3534a078f69ff1ab9b39e49064c64723f0"
    "f0db98eb07bcfcedec09d3fc6f7cb9c1e07cf00fe6d3d804";

static struct kad_bytes unhex(const char *hex, uint8_t *out_bytes)
{
    const size_t n = strlen(hex) / 2;

    EXPECT_EQ(kad_unhex(hex, out_bytes, n), 0);
    return (struct kad_bytes){out_bytes, n};
}

TEST(a_known_message)
{
    static struct kad_identify read;
    uint8_t bytes[2048], again[2048];
    const struct kad_bytes known = unhex(identify, bytes);

    memset(&read, 0, sizeof(read));
    EXPECT_EQ(kad_identify_decode(known, &read), 0);
    EXPECT_EQ(read.public_key.size, 36);
    EXPECT(read.n_addrs > 0 && read.n_protocols > 0);
    EXPECT(read.agent_version.size > 0);
    /* Fields have any order: what we write is as long, and reads the same. */
    EXPECT_EQ(kad_identify_encode(&read, again, sizeof(again)), known.size);
    for (size_t room = 0; room < known.size; room++)
        EXPECT_EQ(kad_identify_encode(&read, again, room), 0);
}

TEST(parts_are_merged) /* go */
{
    static struct kad_identify first, second, read;
    uint8_t bytes[2][256];
    size_t n[2];

    first.n_protocols = 1;
    first.protocols[0] = (struct kad_bytes){(const uint8_t *)"/ipfs/kad/1.0.0", 15};
    second.n_protocols = 1;
    second.protocols[0] = (struct kad_bytes){(const uint8_t *)"/ipfs/ping/1.0.0", 16};
    second.agent_version = (struct kad_bytes){(const uint8_t *)"go", 2};
    n[0] = kad_identify_encode(&first, bytes[0], sizeof(bytes[0]));
    n[1] = kad_identify_encode(&second, bytes[1], sizeof(bytes[1]));
    for (int i = 0; i < 2; i++)
        EXPECT_EQ(kad_identify_decode((struct kad_bytes){bytes[i], n[i]}, &read), 0);
    EXPECT(kad_identify_speaks(&read, "/ipfs/kad/1.0.0") && kad_identify_speaks(&read, "/ipfs/ping/1.0.0"));
    EXPECT(!kad_identify_speaks(&read, "/ipfs/kad/1.0"));
    EXPECT_EQ(read.agent_version.size, 2);
}

TEST(a_signed_record_is_known_byte_for_byte)
{
    uint8_t bytes[512], again[512], seed[32], public_key[32], secret[64], addr[KAD_MULTIADDR_MAX];
    const struct kad_bytes known = unhex(envelope, bytes);
    struct kad_bytes id, addrs[KAD_IDENTIFY_ADDRS], ours = {addr, 0};
    uint64_t sequence;
    unsigned n;

    EXPECT_EQ(kad_peer_record_open(known, &id, &sequence, addrs, &n), 0);
    EXPECT_EQ(id.size, 38);
    EXPECT_EQ(sequence, 1700000000);
    EXPECT_EQ(n, 1);
    memset(seed, 0x55, sizeof(seed));
    kad_ed25519_keypair(seed, public_key, secret);
    EXPECT_EQ(kad_multiaddr_read("/ip4/127.0.0.1/tcp/4001", addr, sizeof(addr), &ours.size), 0);
    EXPECT_EQ(kad_peer_record_seal(secret, sequence, &ours, 1, again, sizeof(again)), known.size);
    EXPECT_MEM(again, known.data, known.size);
    for (size_t room = 0; room < known.size; room++)
        EXPECT_EQ(kad_peer_record_seal(secret, sequence, &ours, 1, again, room), 0);
}

TEST(no_byte_of_a_signed_record_may_change)
{
    uint8_t bytes[512];
    const struct kad_bytes known = unhex(envelope, bytes);
    struct kad_bytes id, addrs[KAD_IDENTIFY_ADDRS];
    uint64_t sequence;
    unsigned n;

    for (size_t i = 0; i < known.size; i++) {
        bytes[i] ^= 1;
        EXPECT_EQ(kad_peer_record_open(known, &id, &sequence, addrs, &n), KAD_E_INVALID);
        bytes[i] ^= 1;
        EXPECT_EQ(kad_peer_record_open((struct kad_bytes){bytes, i}, &id, &sequence, addrs, &n),
                  KAD_E_INVALID);
    }
}
