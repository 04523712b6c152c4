/* Records of IPNS: made here, field by field, as ipfs/specs (ipns-record) has them. */
#include "wire/libp2p/records.h"

#include <string.h>

#include "base/protobuf.h"
#include "base/test.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"

#define UNTIL "2030-01-02T03:04:05.678Z"

struct made {
    uint8_t name_bytes[64], value_bytes[512], data[256];
    struct kad_bytes name, value;
    size_t n_data;
    uint8_t secret[64];
};

static void put_text(struct made *made, uint8_t major, const char *text)
{
    const size_t n = strlen(text);

    EXPECT(n < 256);
    if (n >= 24) {
        made->data[made->n_data++] = (uint8_t)((unsigned)major << 5 | 24u);
        made->data[made->n_data++] = (uint8_t)n;
    } else {
        made->data[made->n_data++] = (uint8_t)((unsigned)major << 5 | (unsigned)n);
    }
    memcpy(made->data + made->n_data, text, n);
    made->n_data += n;
}

static void put_number(struct made *made, const char *name, uint8_t small)
{
    put_text(made, 3, name);
    made->data[made->n_data++] = small;
}

/* Sequence 7, valid until then; beside the signed map it says `said` as its sequence. */
static void make(struct made *made, uint64_t said)
{
    uint8_t seed[32] = {9}, public_key[32], key[KAD_PEER_KEY_OWN], signed_[15 + 256], signature[64];
    struct kad_proto_writer writer = {.bytes = made->value_bytes, .room = sizeof(made->value_bytes)};
    size_t n;

    memset(made, 0, sizeof(*made));
    kad_ed25519_keypair(seed, public_key, made->secret);
    kad_peer_key_ed25519(public_key, key);
    memcpy(made->name_bytes, "/ipns/", 6);
    EXPECT_EQ(kad_peer_id_of_key((struct kad_bytes){key, sizeof(key)}, made->name_bytes + 6, &n), 0);
    made->name = (struct kad_bytes){made->name_bytes, 6 + n};

    made->data[made->n_data++] = 0xa5; /* a map of five */
    put_number(made, "TTL", 0);
    put_text(made, 3, "Value");
    put_text(made, 2, "/ipfs/somewhere");
    put_number(made, "Sequence", 7);
    put_text(made, 3, "Validity");
    put_text(made, 2, UNTIL);
    put_number(made, "ValidityType", 0);
    memcpy(signed_, "ipns-signature:", 15);
    memcpy(signed_ + 15, made->data, made->n_data);
    kad_ed25519_sign(made->secret, signed_, 15 + made->n_data, signature);
    kad_proto_put_varint(&writer, 5, said);
    kad_proto_put_bytes(&writer, 8, (struct kad_bytes){signature, sizeof(signature)});
    kad_proto_put_bytes(&writer, 9, (struct kad_bytes){made->data, made->n_data});
    EXPECT(!writer.full);
    made->value = (struct kad_bytes){made->value_bytes, writer.n};
}

/* Who publishes a name's record again cannot give it another life: under another date it would be no record (I140). */
TEST(renewing_leaves_what_was_signed)
{
    struct kad_record record = {.type = KAD_P2P_VALUE, .made_at = 1000, .sequence = 7};
    struct kad_ipns ipns;
    struct made made;

    make(&made, 7);
    EXPECT_EQ(kad_ipns_check(made.name, made.value, &ipns), 0);
    record.salt = made.name;
    record.value = made.value;
    kad_sha256(made.name.data, made.name.size, record.key.bytes);
    record.valid_until = ipns.valid_until + 5 * KAD_HOUR;
    EXPECT(kad_p2p_check_record(&record) != KAD_REFUSAL_NONE);
    kad_p2p_renew(&record, NULL);
    EXPECT_EQ(record.valid_until, ipns.valid_until);
    EXPECT_EQ(record.sequence, 7);
    EXPECT_EQ(kad_p2p_check_record(&record), KAD_REFUSAL_NONE);
}

TEST(a_record_says_what_was_signed)
{
    struct kad_ipns ipns;
    struct made made;
    char text[25];

    make(&made, 7);
    EXPECT_EQ(kad_ipns_check(made.name, made.value, &ipns), 0);
    EXPECT_EQ(ipns.sequence, 7);
    EXPECT_EQ(ipns.value.size, 15);
    EXPECT_MEM(ipns.value.data, "/ipfs/somewhere", 15);
    kad_ipns_write_time(ipns.valid_until, text);
    EXPECT_STR(text, UNTIL);
}

TEST(what_stands_beside_must_say_the_same)
{
    struct kad_ipns ipns;
    struct made made;

    make(&made, 8);
    EXPECT_EQ(kad_ipns_check(made.name, made.value, &ipns), KAD_E_INVALID);
    EXPECT_EQ(kad_ipns_read(made.name, made.value, &ipns), KAD_E_INVALID);
}

/* Reading does not ask who signed; checking refuses every other byte, and every other name. */
TEST(no_byte_may_change)
{
    struct kad_ipns ipns;
    struct made made;

    make(&made, 7);
    for (size_t i = 0; i < made.value.size; i++) {
        made.value_bytes[i] ^= 1;
        EXPECT_EQ(kad_ipns_check(made.name, made.value, &ipns), KAD_E_INVALID);
        made.value_bytes[i] ^= 1;
        EXPECT_EQ(kad_ipns_check(made.name, (struct kad_bytes){made.value_bytes, i}, &ipns), KAD_E_INVALID);
    }
    for (size_t i = 0; i < made.name.size; i++) {
        made.name_bytes[i] ^= 1;
        EXPECT_EQ(kad_ipns_check(made.name, made.value, &ipns), KAD_E_INVALID);
        made.name_bytes[i] ^= 1;
    }
    made.value_bytes[6] ^= 1; /* in the signature */
    EXPECT_EQ(kad_ipns_read(made.name, made.value, &ipns), 0);
    EXPECT_EQ(ipns.sequence, 7);
}

TEST(times)
{
    static const char *const wrong[] = {"",
                                        "2030-01-02T03:04:05",
                                        "2030-13-02T03:04:05Z",
                                        "2030-01-02 03:04:05Z",
                                        "2030-01-02T03:04:05.Z",
                                        "1969-12-31T23:59:59Z",
                                        "2030-01-02T24:04:05Z"};
    kad_ms time;
    char text[25];

    EXPECT_EQ(kad_ipns_read_time((struct kad_bytes){(const uint8_t *)"1970-01-01T00:00:00Z", 20}, &time), 0);
    EXPECT_EQ(time, 0);
    EXPECT_EQ(
        kad_ipns_read_time((struct kad_bytes){(const uint8_t *)"2024-02-29T12:00:00.123456789Z", 30}, &time),
        0);
    EXPECT_EQ(time, 1709208000123);
    kad_ipns_write_time(time, text);
    EXPECT_STR(text, "2024-02-29T12:00:00.123Z");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        EXPECT_EQ(kad_ipns_read_time((struct kad_bytes){(const uint8_t *)wrong[i], strlen(wrong[i])}, &time),
                  KAD_E_INVALID);
}
