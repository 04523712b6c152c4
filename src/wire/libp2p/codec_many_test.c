#include "wire/libp2p/codec.h"

#include <string.h>

#include "base/test.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"
#include "wire/libp2p/message.h"
#include "wire/libp2p/records.h"

#define HELD 250

static uint8_t bodies[HELD][256];
static uint8_t frame[KAD_P2P_ANSWER_MAX];
static struct kad_message sent, came;
static const uint8_t name[] = {0x12, 3, 1, 2, 3};

/* The i-th of the providers, whose Peer message has about `size` bytes. */
static struct kad_record provider(unsigned i, size_t size)
{
    uint8_t id[34] = {0x12, 32, (uint8_t)(i >> 8), (uint8_t)i}, addr[200] = {4, 127, 0, 0, 1, 6, 0x23, 0x28};
    struct kad_proto_writer writer = {.bytes = bodies[i], .room = sizeof(bodies[i])};
    struct kad_record record = {.type = KAD_CLASS_PROVIDER, .many = true, .salt = {name, sizeof(name)}};
    struct kad_id place;

    kad_proto_put_bytes(&writer, 1, (struct kad_bytes){id, sizeof(id)});
    kad_proto_put_bytes(&writer, 2, (struct kad_bytes){addr, 8});
    if (size > writer.n + 12)
        kad_proto_put_bytes(&writer, 2, (struct kad_bytes){addr, size - writer.n - 2});
    EXPECT(!writer.full);
    record.value = (struct kad_bytes){bodies[i], writer.n};
    kad_peer_id_place((struct kad_bytes){id, sizeof(id)}, &place);
    memcpy(record.public_key, place.bytes, sizeof(record.public_key));
    return record;
}

struct held {
    unsigned n;
    size_t size;
};

static bool next_held(struct kad_values *values, const struct kad_message *message,
                      struct kad_record *out_record)
{
    const struct held *held = values->context;

    (void)message;
    if (values->n == held->n)
        return false;
    *out_record = provider(values->n++, held->size);
    return true;
}

/* Answers with so many providers and reads it as the asker does, whose question the host has put before it. How many came. */
static unsigned answer(unsigned n, size_t size)
{
    static const uint8_t handle[8] = {1};
    struct held held = {n, size};
    struct kad_p2p_frame head;
    struct kad_proto_writer writer;
    struct kad_record record;
    static uint8_t bytes[KAD_P2P_ANSWER_MAX];
    struct kad_values more;
    unsigned i = 1;
    size_t at;

    kad_message_init(&sent);
    sent.kind = KAD_REPLY;
    sent.method = KAD_GET;
    sent.transaction = (struct kad_bytes){handle, sizeof(handle)};
    sent.record = provider(0, size);
    sent.more = (struct kad_values){.next = next_held, .context = &held, .n = 1};
    at = kad_libp2p_codec.encode(&sent, frame, sizeof(frame));
    EXPECT(at > 0);
    EXPECT_EQ(kad_p2p_frame_read((struct kad_bytes){frame, at}, &head), 0);
    at = kad_p2p_frame_write_head(&head, bytes, sizeof(bytes));
    writer = (struct kad_proto_writer){.bytes = bytes + at, .room = sizeof(bytes) - at};
    kad_p2p_put_head(&writer, KAD_P2P_GET_PROVIDERS, (struct kad_bytes){name, sizeof(name)});
    kad_proto_put_raw(&writer, head.message.data, head.message.size);
    EXPECT(!writer.full);
    EXPECT_EQ(kad_libp2p_codec.decode((struct kad_bytes){bytes, at + writer.n}, KAD_IPV4, &came),
              KAD_DECODED);
    EXPECT_EQ(came.record.type, KAD_CLASS_PROVIDER);
    more = came.more;
    for (; more.next && more.next(&more, &came, &record); i++) {
        const struct kad_record said = provider(i, size);

        EXPECT_EQ(kad_p2p_check_record(&record), KAD_REFUSAL_NONE);
        EXPECT_MEM(record.public_key, said.public_key, sizeof(said.public_key));
        EXPECT_EQ(record.value.size, said.value.size);
    }
    return i;
}

/* As many providers are named as there are, up to what rust takes: not by pages, which the wire does not have. */
TEST(an_answer_names_as_many_providers_as_fit)
{
    EXPECT_EQ(answer(1, 60), 1);
    EXPECT_EQ(answer(30, 60), 30);
    EXPECT_EQ(answer(80, 120), 80);
    EXPECT_EQ(answer(HELD, 46), KAD_P2P_NAMED_MAX / 48);
    EXPECT_EQ(answer(HELD, 240), KAD_P2P_NAMED_MAX / 243);
}
