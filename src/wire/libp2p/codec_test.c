/* Frames, and what the engine's messages become in them. Messages of the wire themselves: message_test.c. */
#include "wire/libp2p/codec.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/multiaddr.h"
#include "base/test.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"
#include "wire/libp2p/message.h"
#include "wire/libp2p/records.h"

static const uint8_t number[4] = {1, 2, 3, 4};

struct peer {
    uint8_t bytes[KAD_PEER_ID_MAX], body[128];
    struct kad_bytes id;
    size_t n_body;
    struct kad_contact contact;
};

static struct peer *peer_of(struct peer *peer, uint8_t n)
{
    uint8_t seed[32] = {n}, public_key[32], secret[64], key[KAD_PEER_KEY_OWN], addr_bytes[32];
    const uint8_t host[4] = {93, 1, 2, n};
    struct kad_proto_writer writer = {.bytes = peer->body, .room = sizeof(peer->body)};
    struct kad_bytes addr = {addr_bytes, 0};
    size_t size;

    kad_ed25519_keypair(seed, public_key, secret);
    kad_peer_key_ed25519(public_key, key);
    EXPECT_EQ(kad_peer_id_of_key((struct kad_bytes){key, sizeof(key)}, peer->bytes, &size), 0);
    peer->id = (struct kad_bytes){peer->bytes, size};
    EXPECT(kad_p2p_id_of(peer->id, &peer->contact.id));
    peer->contact.endpoint = kad_endpoint_v4(host, (uint16_t)(4000 + n));
    addr.size =
        kad_multiaddr_make(&peer->contact.endpoint, KAD_TRANSPORT_TCP, addr_bytes, sizeof(addr_bytes));
    kad_proto_put_bytes(&writer, 1, peer->id);
    kad_proto_put_bytes(&writer, 2, addr);
    EXPECT(!writer.full);
    peer->n_body = writer.n;
    return peer;
}

static struct kad_record provider_of(const struct peer *peer, struct kad_bytes content)
{
    struct kad_record record = {.type = KAD_CLASS_PROVIDER, .many = true, .salt = content};

    record.value = (struct kad_bytes){peer->body, peer->n_body};
    memcpy(record.public_key, peer->contact.id.bytes, sizeof(record.public_key));
    kad_sha256(content.data, content.size, record.key.bytes);
    return record;
}

static struct kad_message *begin(struct kad_message *message, enum kad_message_kind kind,
                                 enum kad_method method)
{
    kad_message_init(message);
    message->kind = kind;
    message->method = method;
    message->transaction = (struct kad_bytes){number, sizeof(number)};
    return message;
}

TEST(a_frame_is_read_as_it_was_written)
{
    uint8_t bytes[64];
    const struct kad_p2p_frame frame = {.kind = KAD_P2P_REPLY,
                                        .flags = KAD_P2P_CLIENT | KAD_P2P_MADE_AT,
                                        .transaction = {number, sizeof(number)},
                                        .made_at = INT64_C(1795000000123)};
    const size_t n = kad_p2p_frame_write_head(&frame, bytes, sizeof(bytes));
    struct kad_p2p_frame read;

    EXPECT_EQ(n, 3 + 4 + 8);
    memcpy(bytes + n, "rest", 4);
    EXPECT_EQ(kad_p2p_frame_read((struct kad_bytes){bytes, n + 4}, &read), 0);
    EXPECT(read.kind == frame.kind && read.flags == frame.flags && read.made_at == frame.made_at);
    EXPECT(read.transaction.size == 4 && memcmp(read.transaction.data, number, 4) == 0);
    EXPECT(read.message.size == 4 && memcmp(read.message.data, "rest", 4) == 0);
    for (size_t short_ = 0; short_ < n; short_++) {
        EXPECT_EQ(kad_p2p_frame_write_head(&frame, bytes, short_), 0);
        EXPECT_EQ(kad_p2p_frame_read((struct kad_bytes){bytes, short_}, &read), KAD_E_INVALID);
    }
    bytes[7] = 0xff; /* a time that cannot be */
    EXPECT_EQ(kad_p2p_frame_read((struct kad_bytes){bytes, n}, &read), KAD_E_INVALID);
    bytes[0] = KAD_P2P_ERROR + 1;
    EXPECT_EQ(kad_p2p_frame_read((struct kad_bytes){bytes, n}, &read), KAD_E_INVALID);
}

TEST(questions_are_what_they_were)
{
    static const struct {
        enum kad_method method;
        uint8_t type;
    } questions[] = {
        {KAD_PING, 0}, {KAD_FIND_NODE, 0}, {KAD_GET, KAD_CLASS_PROVIDER}, {KAD_GET, KAD_P2P_VALUE}};

    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        struct kad_message message, read;
        uint8_t bytes[256];
        struct kad_id hashed;
        size_t n;

        begin(&message, KAD_QUERY, questions[i].method);
        message.record_type = questions[i].type;
        message.target = (struct kad_id){{7, 7}};
        message.read_only = i & 1;
        n = kad_libp2p_codec.encode(&message, bytes, sizeof(bytes));
        EXPECT(n > 0);
        EXPECT_EQ(kad_libp2p_codec.decode((struct kad_bytes){bytes, n}, KAD_IPV4, &read), KAD_DECODED);
        EXPECT(read.kind == KAD_QUERY && read.method == questions[i].method);
        EXPECT_EQ(read.read_only, message.read_only);
        EXPECT(read.transaction.size == 4 && memcmp(read.transaction.data, number, 4) == 0);
        if (questions[i].method != KAD_PING) { /* what stands on the wire is hashed to the key */
            kad_sha256(message.target.bytes, sizeof(message.target.bytes), hashed.bytes);
            EXPECT_MEM(read.target.bytes, hashed.bytes, sizeof(hashed.bytes));
        }
        if (questions[i].type == KAD_CLASS_PROVIDER)
            EXPECT_EQ(read.record_type, KAD_CLASS_PROVIDER);
        for (size_t room = 0; room < n; room++)
            EXPECT_EQ(kad_libp2p_codec.encode(&message, bytes, room), 0);
    }
}

/* I05: nearest contacts, with the ids that name them. */
TEST(answers_name_contacts_that_can_be_dialled)
{
    static const uint8_t nowhere_addr[] = {0x29, 0, 0, 0, 0, 0, 0, 0, 0,
                                           0,    0, 0, 0, 0, 0, 0, 1}; /* no port */
    struct kad_message message, read;
    struct kad_proto_writer writer;
    uint8_t bytes[1024];
    struct peer a, b;
    size_t n;

    begin(&message, KAD_REPLY, KAD_FIND_NODE);
    message.contacts[0] = peer_of(&a, 1)->contact;
    message.identities[0] = a.id;
    message.contacts[1] = peer_of(&b, 2)->contact;
    message.identities[1] = b.id;
    message.n_contacts = 2;
    n = kad_libp2p_codec.encode(&message, bytes, sizeof(bytes));
    EXPECT(n > 0);
    writer = (struct kad_proto_writer){.bytes = bytes + n, .room = sizeof(bytes) - n};
    kad_p2p_put_peer(&writer, KAD_P2P_CLOSER_FIELD, a.id,
                     &(struct kad_bytes){nowhere_addr, sizeof(nowhere_addr)}, 1, 0);
    EXPECT(!writer.full);
    EXPECT_EQ(kad_libp2p_codec.decode((struct kad_bytes){bytes, n + writer.n}, KAD_IPV4, &read), KAD_DECODED);
    EXPECT_EQ(read.kind, KAD_REPLY);
    EXPECT_EQ(read.n_contacts, 2); /* the third has no address of use */
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_MEM(read.contacts[i].id.bytes, message.contacts[i].id.bytes, 32);
        EXPECT(kad_endpoint_equal(&read.contacts[i].endpoint, &message.contacts[i].endpoint));
        EXPECT(read.identities[i].size == message.identities[i].size &&
               memcmp(read.identities[i].data, message.identities[i].data, read.identities[i].size) == 0);
    }
}

TEST(a_provider_is_stored_as_who_it_is)
{
    const struct kad_bytes content = {(const uint8_t *)"\x12\x20some multihash of content, 34 by", 34};
    struct kad_message message, read;
    struct kad_record wrong;
    uint8_t bytes[512];
    struct peer a, b;
    size_t n;

    peer_of(&a, 1);
    peer_of(&b, 2);
    begin(&message, KAD_QUERY, KAD_PUT);
    message.record = provider_of(&a, content);
    EXPECT_EQ(kad_p2p_check_record(&message.record), KAD_REFUSAL_NONE);
    n = kad_libp2p_codec.encode(&message, bytes, sizeof(bytes));
    EXPECT(n > 0);
    EXPECT_EQ(kad_libp2p_codec.decode((struct kad_bytes){bytes, n}, KAD_IPV4, &read), KAD_DECODED);
    EXPECT(read.method == KAD_PUT && read.record.type == KAD_CLASS_PROVIDER && read.record.many);
    EXPECT_MEM(read.record.public_key, a.contact.id.bytes, 32);
    EXPECT_MEM(read.record.key.bytes, message.record.key.bytes, 32);
    EXPECT_EQ(kad_p2p_check_record(&read.record), KAD_REFUSAL_NONE);

    wrong = message.record;
    memcpy(wrong.public_key, b.contact.id.bytes, sizeof(wrong.public_key));
    EXPECT_EQ(kad_p2p_check_record(&wrong), KAD_REFUSAL_PROTOCOL); /* another than its value names */
    wrong = message.record;
    wrong.key.bytes[0] ^= 1;
    EXPECT_EQ(kad_p2p_check_record(&wrong), KAD_REFUSAL_PROTOCOL); /* not where its content lies */
    wrong = message.record;
    wrong.withdrawn = true;
    EXPECT_EQ(kad_p2p_check_record(&wrong), KAD_REFUSAL_PROTOCOL);
    wrong = message.record;
    wrong.value.size -= 1;
    EXPECT_EQ(kad_p2p_check_record(&wrong), KAD_REFUSAL_PROTOCOL);
}

/* I07: a value is found under its own name, and only a key's own is a key. */
TEST(a_public_key_lies_under_its_own_name)
{
    uint8_t seed[32] = {5}, public_key[32], secret[64], key[KAD_PEER_KEY_OWN],
            name[4 + KAD_PEER_ID_MAX] = "/pk/";
    struct kad_message message, read;
    uint8_t bytes[512];
    size_t n;

    kad_ed25519_keypair(seed, public_key, secret);
    kad_peer_key_ed25519(public_key, key);
    EXPECT_EQ(kad_peer_id_of_key((struct kad_bytes){key, sizeof(key)}, name + 4, &n), 0);
    begin(&message, KAD_QUERY, KAD_PUT);
    message.record = (struct kad_record){.type = KAD_P2P_VALUE};
    message.record.salt = (struct kad_bytes){name, 4 + n};
    message.record.value = (struct kad_bytes){key, sizeof(key)};
    kad_sha256(name, 4 + n, message.record.key.bytes);
    EXPECT_EQ(kad_p2p_check_record(&message.record), KAD_REFUSAL_NONE);
    n = kad_libp2p_codec.encode(&message, bytes, sizeof(bytes));
    EXPECT(n > 0);
    EXPECT_EQ(kad_libp2p_codec.decode((struct kad_bytes){bytes, n}, KAD_IPV4, &read), KAD_DECODED);
    EXPECT_EQ(read.record.type, KAD_P2P_VALUE);
    EXPECT_EQ(kad_p2p_check_record(&read.record), KAD_REFUSAL_NONE);
    key[sizeof(key) - 1] ^= 1;
    EXPECT_EQ(kad_p2p_check_record(&message.record), KAD_REFUSAL_SIGNATURE);
}

TEST(what_is_no_request_is_malformed)
{
    /* A PUT_VALUE without a record; an ADD_PROVIDER without a provider; a GET_VALUE without a key; no protobuf. */
    static const struct {
        uint8_t bytes[8], n;
    } bad[] = {{{0x12, 1, 'k'}, 3}, {{0x08, 2, 0x12, 1, 'k'}, 5}, {{0x08, 1}, 2}, {{0x0a, 200, 1}, 3}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct kad_p2p_frame frame = {.kind = KAD_P2P_QUERY, .transaction = {number, sizeof(number)}};
        struct kad_message read;
        uint8_t bytes[32];
        const size_t n = kad_p2p_frame_write_head(&frame, bytes, sizeof(bytes));

        memcpy(bytes + n, bad[i].bytes, bad[i].n);
        EXPECT_MSG(kad_libp2p_codec.decode((struct kad_bytes){bytes, n + bad[i].n}, KAD_IPV4, &read) ==
                       KAD_DECODE_MALFORMED,
                   "%zu", i);
    }
}
