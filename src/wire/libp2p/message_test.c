#include "wire/libp2p/message.h"

#include <string.h>

#include "base/test.h"
#include "base/text.h"

/* libp2p-vectors.json, kad: what js-libp2p sends, without the length before it. */
static const char find_node[] =
    "0804122600240801122034b4d9043156cb6dcf0beb0a2949b7559c940d2bcb6dbe8c53a9b30278e3a746";
static const char find_node_answer[] =
    "080442340a2600240801122034b4d9043156cb6dcf0beb0a2949b7559c940d2bcb6dbe8c53a9b30278e3a7461208047f"
    "000001060fa1180142340a26002408011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f7"
    "32421208047f000001060fa11801";
static const char put_value[] =
    "122a2f706b2f002408011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f732421a6c0a2a"
    "2f706b2f002408011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f73242122408011220"
    "c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f732422a18323032362d30312d30325430333a"
    "30343a30352e3637385a";
static const char get_value[] =
    "0801122a2f706b2f002408011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f73242";
static const char get_value_answer[] =
    "0801122a2f706b2f002408011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f732421a6c"
    "0a2a2f706b2f002408011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f7324212240801"
    "1220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f732422a18323032362d30312d30325430"
    "333a30343a30352e3637385a42340a2600240801122034b4d9043156cb6dcf0beb0a2949b7559c940d2bcb6dbe8c53a9"
    "b30278e3a7461208047f000001060fa11801";
static const char add_provider[] =
    "0802122212202cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b98244a340a26002408011220"
    "c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f732421208047f000001060fa11801";
static const char get_providers[] =
    "0803122212202cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
static const char get_providers_answer[] =
    "0803122212202cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982442340a26002408011220"
    "34b4d9043156cb6dcf0beb0a2949b7559c940d2bcb6dbe8c53a9b30278e3a7461208047f000001060fa118014a340a26"
    "002408011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f732421208047f000001060fa1"
    "1801";

static struct kad_p2p_message message;
static uint8_t bytes[1024];

static void decode(const char *hex)
{
    const size_t n = strlen(hex) / 2;

    EXPECT_EQ(kad_unhex(hex, bytes, n), 0);
    EXPECT_EQ(kad_p2p_decode((struct kad_bytes){bytes, n}, &message), 0);
}

static void expect_written(const struct kad_proto_writer *writer, const char *hex)
{
    EXPECT(!writer->full);
    EXPECT_EQ(writer->n, strlen(hex) / 2);
    EXPECT_MEM(writer->bytes, bytes, writer->n); /* what decode() read */
}

TEST(requests_are_read_and_written)
{
    static const struct {
        const char *hex;
        enum kad_p2p_type type;
    } requests[] = {{find_node, KAD_P2P_FIND_NODE},
                    {get_value, KAD_P2P_GET_VALUE},
                    {get_providers, KAD_P2P_GET_PROVIDERS}};
    uint8_t out[256];

    for (size_t i = 0; i < KAD_COUNT_OF(requests); i++) {
        struct kad_proto_writer writer = {.bytes = out, .room = sizeof(out)};

        decode(requests[i].hex);
        EXPECT_EQ(message.type, requests[i].type);
        EXPECT(kad_p2p_is_request(&message));
        kad_p2p_put_head(&writer, message.type, message.key);
        expect_written(&writer, requests[i].hex);
    }
}

TEST(a_value_is_read_and_written) /* type 0 is not said */
{
    uint8_t out[512];
    struct kad_proto_writer writer = {.bytes = out, .room = sizeof(out)};

    decode(put_value);
    EXPECT_EQ(message.type, KAD_P2P_PUT_VALUE);
    EXPECT(message.has_record);
    EXPECT(kad_p2p_is_request(&message));
    EXPECT_MEM(message.key.data, "/pk/", 4);
    kad_p2p_put_head(&writer, message.type, message.key);
    kad_p2p_put_record(&writer, &message.record);
    expect_written(&writer, put_value);
    decode(get_value_answer);
    EXPECT_EQ(message.type, KAD_P2P_GET_VALUE);
    EXPECT(message.has_record && message.record.time_received.size > 20);
}

TEST(peers_are_read_and_written)
{
    uint8_t out[512];
    struct kad_proto_writer writer = {.bytes = out, .room = sizeof(out)};
    struct kad_bytes rest, addr;

    decode(find_node_answer);
    EXPECT_EQ(message.n_closer, 2);
    kad_p2p_put_head(&writer, message.type, message.key);
    for (unsigned i = 0; i < message.n_closer; i++) {
        rest = message.closer[i].body;
        EXPECT(kad_p2p_next_addr(&rest, &addr));
        EXPECT_EQ(addr.size, 8);
        EXPECT_MEM(addr.data, "\x04\x7f\x00\x00\x01\x06", 6);
        kad_p2p_put_peer(&writer, KAD_P2P_CLOSER_FIELD, message.closer[i].id, &addr, 1,
                         message.closer[i].connection);
        EXPECT(!kad_p2p_next_addr(&rest, &addr));
    }
    expect_written(&writer, find_node_answer);
    decode(add_provider);
    EXPECT_EQ(message.type, KAD_P2P_ADD_PROVIDER);
    EXPECT_EQ(message.n_providers, 1);
    decode(get_providers_answer);
    EXPECT_EQ(message.n_providers, 1);
}

TEST(a_request_must_have_its_key)
{
    decode("0804"); /* FIND_NODE */
    EXPECT(!kad_p2p_is_request(&message));
    decode("0805"); /* PING */
    EXPECT(kad_p2p_is_request(&message));
    decode("1203616263"); /* PUT_VALUE without a record, and with one of another key */
    EXPECT(!kad_p2p_is_request(&message));
    decode("12036162631a050a03616264");
    EXPECT(!kad_p2p_is_request(&message));
    decode("12036162631a050a03616263");
    EXPECT(kad_p2p_is_request(&message));
}

TEST(what_is_no_message_is_refused)
{
    static const char *const wrong[] = {"08",         "0806",   "08ffffffff0f", "1205",
                                        "1a020801ff", "1a0108", "420101",       "42020a05"};

    for (size_t i = 0; i < KAD_COUNT_OF(wrong); i++) {
        const size_t n = strlen(wrong[i]) / 2;

        EXPECT_EQ(kad_unhex(wrong[i], bytes, n), 0);
        EXPECT_EQ(kad_p2p_decode((struct kad_bytes){bytes, n}, &message), KAD_E_INVALID);
    }
}

TEST(lists_have_ceilings)
{
    static uint8_t much[32768], id[34] = {0x12, 32};
    struct kad_proto_writer writer = {.bytes = much, .room = sizeof(much)};

    for (unsigned i = 0; i < KAD_P2P_PROVIDERS + 10; i++)
        kad_p2p_put_peer(&writer, i % 2 ? KAD_P2P_CLOSER_FIELD : KAD_P2P_PROVIDERS_FIELD,
                         (struct kad_bytes){id, 34}, NULL, 0, 2);
    for (unsigned i = 0; i < KAD_P2P_PROVIDERS; i++)
        kad_p2p_put_peer(&writer, KAD_P2P_PROVIDERS_FIELD, (struct kad_bytes){id, 34}, NULL, 0, 0);
    kad_p2p_put_peer(&writer, KAD_P2P_CLOSER_FIELD, (struct kad_bytes){id, 33}, NULL, 0, 0); /* no peer id */
    EXPECT(!writer.full);
    EXPECT_EQ(kad_p2p_decode((struct kad_bytes){much, writer.n}, &message), 0);
    EXPECT_EQ(message.n_closer, KAD_P2P_CLOSER);
    EXPECT_EQ(message.n_providers, KAD_P2P_PROVIDERS);
}
