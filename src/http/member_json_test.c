#include "http/member_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "crypto/test_seed.h"
#include "http/instant.h"
#include "kad/identity.h"
#include "wire/kad/test_message.h"

static const uint8_t transaction[4] = {0, 0, 1, 4};

static void start(struct kad_message *message, enum kad_message_kind kind, enum kad_method method)
{
    kad_message_init(message);
    message->kind = kind;
    message->method = method;
    message->transaction = (struct kad_bytes){transaction, sizeof transaction};
}

static size_t wire_of(const struct kad_message *message, uint8_t *out, size_t room)
{
    const size_t n = kad_wire.encode(message, out, room);

    EXPECT(n > 0);
    return n;
}

static char *text_of(struct kad_bytes wire)
{
    json_t *json = kad_member_json_write(wire);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

    json_decref(json);
    return text;
}

static size_t read_text(const char *text, uint8_t *out, size_t room, char why[128])
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const size_t n = kad_member_json_read(json, out, room, why, 128);

    json_decref(json);
    return n;
}

/* The wire's bytes, its JSON, and back: the same. */
static void expect_comes_back(const struct kad_message *message)
{
    static uint8_t bytes[KAD_MEMBER_MESSAGE_MAX], again[KAD_MEMBER_MESSAGE_MAX];
    const size_t n = wire_of(message, bytes, sizeof bytes);
    char *text = text_of((struct kad_bytes){bytes, n}), why[128] = "";
    size_t n_again;

    EXPECT(text);
    n_again = read_text(text, again, sizeof again, why);
    EXPECT_MSG(n_again == n, "%s: %s", why, text);
    EXPECT_MEM(again, bytes, n);
    free(text);
}

static struct kad_record some_record(struct kad_rng *rng, uint8_t *value, size_t most)
{
    struct kad_record record = {
        .type = (uint8_t)(1 + kad_rng_below(rng, 255)),
        .many = kad_rng_below(rng, 2),
        .withdrawn = kad_rng_below(rng, 2),
        .sequence = (int64_t)(kad_rng_u64(rng) >> (2 + kad_rng_below(rng, 60))),
        .made_at = (kad_ms)(kad_rng_u64(rng) >> (2 + kad_rng_below(rng, 60))),
        .valid_until = kad_rng_below(rng, 4) ? (kad_ms)(kad_rng_u64(rng) >> 20) : KAD_NEVER,
        .value = {value, kad_rng_below(rng, (uint32_t)most + 1)},
    };

    kad_rng_bytes(rng, record.key.bytes, 32);
    kad_rng_bytes(rng, record.public_key, 32);
    kad_rng_bytes(rng, record.signature, 64);
    return record;
}

TEST(any_query_comes_back)
{
    static struct kad_message message;
    static const enum kad_method methods[] = {KAD_PING, KAD_FIND_NODE, KAD_GET, KAD_PUT, KAD_TAKE};
    uint8_t value[1000], token[32];

    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct kad_rng rng = kad_test_rng(seed);
        const enum kad_method method = methods[kad_rng_below(&rng, 5)];

        kad_rng_bytes(&rng, value, sizeof value);
        kad_rng_bytes(&rng, token, sizeof token);
        start(&message, KAD_QUERY, method);
        message.read_only = true; /* what every query of a WebSocket is */
        message.want_ipv4 = kad_rng_below(&rng, 2);
        message.want_ipv6 = kad_rng_below(&rng, 2);
        message.wants_attest = kad_rng_below(&rng, 2);
        if (method != KAD_PING)
            kad_rng_bytes(&rng, message.target.bytes, 32);
        if (method == KAD_GET || method == KAD_TAKE) {
            message.record_type = (uint8_t)kad_rng_below(&rng, 12);
            message.from = kad_rng_below(&rng, 2) ? kad_rng_u32(&rng) : 0;
        }
        if (method == KAD_GET) {
            message.has_sequence = kad_rng_below(&rng, 2);
            message.sequence = message.has_sequence ? (int64_t)kad_rng_u64(&rng) : 0;
        }
        if (method == KAD_PUT) {
            message.token = (struct kad_bytes){token, 1 + kad_rng_below(&rng, 32)};
            message.record = some_record(&rng, value, sizeof value);
            if (kad_rng_below(&rng, 2))
                message.record.type = KAD_CLASS_PROVIDER;
            message.has_cas = kad_rng_below(&rng, 2);
            message.cas = message.has_cas ? (int64_t)kad_rng_u64(&rng) : 0;
        }
        if (method == KAD_TAKE) {
            message.n_records = 2;
            for (unsigned i = 0; i < 2; i++) {
                message.records[i] = some_record(&rng, value, 0);
                message.records[i].many = true;
            }
        }
        expect_comes_back(&message);
    }
}

TEST(any_answer_comes_back)
{
    static struct kad_message message;
    static const enum kad_method methods[] = {KAD_PING, KAD_FIND_NODE, KAD_GET, KAD_PUT, KAD_TAKE};
    uint8_t value[1000], keys[20][32];

    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct kad_rng rng = kad_test_rng(seed);
        const enum kad_method method = methods[kad_rng_below(&rng, 5)];
        uint8_t address[16] = {0x20, 1, (uint8_t)seed, 3};

        kad_rng_bytes(&rng, value, sizeof value);
        kad_rng_bytes(&rng, keys, sizeof keys);
        start(&message, KAD_REPLY, method);
        message.your_address = kad_endpoint_v6(address, 77);
        if (method == KAD_FIND_NODE || method == KAD_GET || method == KAD_TAKE) {
            message.n_contacts = (uint16_t)kad_rng_below(&rng, 21);
            for (unsigned i = 0; i < message.n_contacts; i++) {
                message.contacts[i].endpoint = i < message.n_contacts / 2
                                                   ? kad_endpoint_v4(address, (uint16_t)(i + 1))
                                                   : kad_endpoint_v6(address, (uint16_t)(i + 1));
                message.identities[i] = (struct kad_bytes){keys[i], 32};
            }
        }
        if (method == KAD_PUT || method == KAD_GET || method == KAD_TAKE) {
            message.has_attest = kad_rng_below(&rng, 2);
            message.attest = (struct kad_attest){.kind = 2, .at = (kad_ms)seed};
            memcpy(message.attest.signature, value, 64);
        }
        if (method == KAD_GET || method == KAD_TAKE) {
            message.token = (struct kad_bytes){value, kad_rng_below(&rng, 33)};
            message.from = kad_rng_below(&rng, 3);
            if (kad_rng_below(&rng, 2)) {
                message.record = some_record(&rng, value, sizeof value);
                message.n_records = (uint16_t)kad_rng_below(&rng, KAD_MESSAGE_RECORDS + 1);
                for (unsigned i = 0; i < message.n_records; i++)
                    message.records[i] = some_record(&rng, value, sizeof value);
            } else {
                message.has_ghost = true;
                message.ghost = some_record(&rng, value, 0);
                message.ghost.hashed = true;
                message.ghost.value = (struct kad_bytes){value, 32};
            }
        }
        expect_comes_back(&message);
    }
}

/* What clients are written against: the very text. */
TEST(texts_are_as_documented)
{
    static struct kad_message message;
    const uint8_t v4[4] = {192, 0, 2, 1};
    uint8_t key[32] = {0}, bytes[2048];
    char *text;

    start(&message, KAD_QUERY, KAD_FIND_NODE);
    message.target.bytes[0] = 0xff;
    text = text_of((struct kad_bytes){bytes, wire_of(&message, bytes, sizeof bytes)});
    EXPECT_STR(text, "{\"args\":[{\"target\":{\"__type\":\"Buffer64\",\"value\":"
                     "\"/wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}}],"
                     "\"command\":\"Kad.findNode\",\"messageId\":260}");
    free(text);
    start(&message, KAD_REPLY, KAD_FIND_NODE);
    message.n_contacts = 1;
    message.contacts[0].endpoint = kad_endpoint_v4(v4, 4280);
    message.identities[0] = (struct kad_bytes){key, 32};
    text = text_of((struct kad_bytes){bytes, wire_of(&message, bytes, sizeof bytes)});
    EXPECT_MSG(text &&
                   strncmp(text, "{\"command\":\"Kad.findNode\",\"data\":{\"contacts\":[\"192.0.2.1:4280/id1",
                           62) == 0,
               "%s", text);
    free(text);
    start(&message, KAD_ERROR, KAD_PUT);
    message.refusal = KAD_REFUSAL_CAS;
    message.refusal_code = KAD_REFUSAL_CAS;
    message.has_sequence = true;
    message.sequence = INT64_C(9007199254740993); /* which is no double */
    text = text_of((struct kad_bytes){bytes, wire_of(&message, bytes, sizeof bytes)});
    EXPECT_STR(text, "{\"command\":\"Kad.put\",\"error\":{\"code\":8,\"message\":\"refused\",\"sequence\":"
                     "{\"__type\":\"bigint\",\"value\":\"9007199254740993\"}},\"responseId\":260}");
    free(text);
}

TEST(what_is_no_message_is_refused_with_its_reason)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{}", "not understood: responseId"},
        {"[]", "not understood: responseId"},
        {"{\"messageId\":1,\"command\":\"Kad.fly\",\"args\":[{}]}", "not understood: command"},
        {"{\"messageId\":-1,\"command\":\"Kad.ping\",\"args\":[{}]}", "not understood: messageId"},
        {"{\"messageId\":4294967296,\"command\":\"Kad.ping\",\"args\":[{}]}", "not understood: messageId"},
        {"{\"messageId\":1,\"command\":\"Kad.ping\"}", "not understood: args"},
        {"{\"messageId\":1,\"command\":\"Kad.ping\",\"args\":[7]}",
         "not understood: a member that does not belong there"},
        {"{\"messageId\":1,\"command\":\"Kad.ping\",\"args\":[{}],\"more\":1}",
         "not understood: a member that does not belong there"},
        {"{\"messageId\":1,\"command\":\"Kad.ping\",\"args\":[{\"target\":1}]}",
         "not understood: a member that does not belong there"},
        {"{\"messageId\":1,\"command\":\"Kad.findNode\",\"args\":[{}]}", "not understood: target"},
        {"{\"messageId\":1,\"command\":\"Kad.findNode\",\"args\":[{\"target\":"
         "{\"__type\":\"Buffer64\",\"value\":\"AAAA\"}}]}",
         "not understood: target"},
        {"{\"messageId\":1,\"command\":\"Kad.ping\",\"args\":[{\"wantIPv4\":false}]}",
         "not understood: wantIPv4"},
        {"{\"responseId\":1,\"command\":\"Kad.findNode\",\"data\":{\"contacts\":[\"192.0.2.1:1\"]}}",
         "not understood: contacts"},
        {"{\"responseId\":1,\"command\":\"Kad.findNode\",\"data\":{\"contacts\":[]}}",
         "not understood: contacts"},
        {"{\"responseId\":1,\"command\":\"Kad.findProviders\",\"data\":{}}", "not understood: command"},
        {"{\"responseId\":1,\"error\":{\"message\":\"no\"}}", "not understood: code"},
        {"{\"responseId\":1,\"command\":\"Kad.get\",\"data\":{\"sequence\":{\"__type\":\"bigint\","
         "\"value\":\"01\"}}}",
         "not understood: sequence"},
        {"{\"responseId\":1,\"command\":\"Kad.get\",\"data\":{\"sequence\":{\"__type\":\"bigint\","
         "\"value\":\"9223372036854775808\"}}}",
         "not understood: sequence"},
    };
    uint8_t bytes[1024];

    for (size_t i = 0; i < KAD_COUNT_OF(cases); i++) {
        char why[128] = "";

        EXPECT_MSG(read_text(cases[i].text, bytes, sizeof bytes, why) == 0, "%s", cases[i].text);
        EXPECT_MSG(strcmp(why, cases[i].why) == 0, "%s: %s", cases[i].text, why);
    }
}

TEST(instants_have_one_form)
{
    char text[KAD_INSTANT_TEXT];
    kad_ms at;

    EXPECT(kad_instant_format(0, text));
    EXPECT_STR(text, "1970-01-01T00:00:00.000Z");
    EXPECT(kad_instant_format(INT64_C(1709210096789), text)); /* a 29th of February */
    EXPECT_STR(text, "2024-02-29T12:34:56.789Z");
    EXPECT(kad_instant_parse(text, &at) && at == INT64_C(1709210096789));
    EXPECT(kad_instant_format(INT64_C(253402300799999), text));
    EXPECT_STR(text, "9999-12-31T23:59:59.999Z");
    EXPECT(!kad_instant_format(INT64_C(253402300800000), text));
    EXPECT(!kad_instant_format(-1, text));
    EXPECT(!kad_instant_parse("2023-02-29T12:34:56.789Z", &at));
    EXPECT(!kad_instant_parse("2024-02-29T12:34:60.789Z", &at));
    EXPECT(!kad_instant_parse("2024-02-29T12:34:56.789z", &at));
    EXPECT(!kad_instant_parse("2024-02-29 12:34:56.789Z", &at));
    EXPECT(!kad_instant_parse("2024-02-29T12:34:56Z", &at));
    EXPECT(!kad_instant_parse("1969-12-31T23:59:59.999Z", &at));
}
