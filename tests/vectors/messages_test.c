/* Messages are what they were. */
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "crypto/crypto.h"
#include "kad/identity.h"
#include "test_vectors.h"
#include "wire/kad/kad.h"
#include "wire/kad/record.h"

/* Fields as the page names them, then the bytes; a list where a field has several things in it. */
static void add_message(json_t *list, const char *what, struct kad_message *message, json_t *fields)
{
    static const char *const kinds[] = {"query", "reply", "error"};
    static const uint8_t transaction[4] = {0xde, 0xad, 0xbe, 0xef};
    static struct kad_message again;
    json_t *one = json_object();
    uint8_t bytes[1200];
    size_t size;

    message->transaction = (struct kad_bytes){transaction, sizeof transaction};
    size = kad_wire.encode(message, bytes, sizeof bytes);
    EXPECT_MSG(size > 0, "%s", what);
    EXPECT_MSG(kad_wire.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &again) == KAD_DECODED, "%s", what);
    vector_set_text(one, "what", what);
    vector_set_text(one, "kind", kinds[message->kind]);
    vector_set_text(one, "method",
                    message->method == KAD_PING        ? "PING"
                    : message->method == KAD_FIND_NODE ? "FIND_NODE"
                    : message->method == KAD_GET       ? "GET"
                    : message->method == KAD_PUT       ? "PUT"
                    : message->method == KAD_TAKE      ? "TAKE"
                                                       : "LEAVE");
    vector_set_hex(one, "transaction", transaction, sizeof transaction);
    EXPECT_EQ(json_object_set_new(one, "fields", fields), 0);
    vector_set_hex(one, "bytes", bytes, size);
    json_array_append_new(list, one);
}

static void begin(struct kad_message *message, enum kad_message_kind kind, enum kad_method method)
{
    kad_message_init(message);
    message->kind = kind;
    message->method = method;
}

static struct kad_id some_key(void)
{
    struct kad_id key;

    kad_sha256("a key", 5, key.bytes);
    return key;
}

static json_t *fields_with_key(const struct kad_message *message)
{
    json_t *fields = json_object();

    vector_set_hex(fields, "target", message->target.bytes, 32);
    return fields;
}

static void add_queries(json_t *list)
{
    static const uint8_t token[] = "tok-tok";
    struct kad_message message;
    struct kad_secure_name name;
    struct kad_secure_draft draft;
    uint8_t value[KAD_SECURE_VALUE_MAX];
    json_t *fields, *forget;

    begin(&message, KAD_QUERY, KAD_PING);
    add_message(list, "a ping", &message, json_object());

    begin(&message, KAD_QUERY, KAD_PING);
    message.read_only = true;
    fields = json_object();
    vector_set_number(fields, "flags", 1);
    add_message(list, "a ping of one that answers nobody", &message, fields);

    begin(&message, KAD_QUERY, KAD_FIND_NODE);
    message.target = some_key();
    message.want_ipv4 = message.want_ipv6 = true;
    fields = fields_with_key(&message);
    vector_set_number(fields, "flags", 6);
    add_message(list, "find_node, both families wanted", &message, fields);

    begin(&message, KAD_QUERY, KAD_GET);
    message.target = some_key();
    message.record_type = KAD_CLASS_PROVIDER;
    message.from = 17;
    message.wants_attest = true;
    message.has_sequence = true;
    message.sequence = 41;
    fields = fields_with_key(&message);
    vector_set_number(fields, "flags", 8);
    vector_set_number(fields, "class", KAD_CLASS_PROVIDER);
    vector_set_number(fields, "sequence", 41);
    vector_set_number(fields, "from", 17);
    add_message(list, "get, more of what there is", &message, fields);

    begin(&message, KAD_QUERY, KAD_GET);
    memset(message.target.bytes, 0, 32);
    message.target.bytes[0] = 0xa5;
    message.target.bytes[1] = 0xc0;
    message.prefix_bits = 10;
    fields = fields_with_key(&message);
    vector_set_number(fields, "prefix", 10);
    add_message(list, "get by prefix", &message, fields);

    begin(&message, KAD_QUERY, KAD_PUT);
    vector_record(0, value, &message.record, &name, &draft);
    message.token = (struct kad_bytes){token, sizeof token};
    message.has_cas = true;
    message.cas = 39;
    fields = json_object();
    vector_set_number(fields, "cas", 39);
    vector_set_hex(fields, "token", token, sizeof token);
    EXPECT_EQ(json_object_set_new(fields, "records", json_pack("[o]", vector_wire_form(&message.record))), 0);
    add_message(list, "put", &message, fields);

    begin(&message, KAD_QUERY, KAD_TAKE);
    message.target = some_key();
    message.record_type = KAD_CLASS_MESSAGE;
    message.n_records = 2;
    memset(message.records, 0, 2 * sizeof message.records[0]);
    memset(message.records[0].public_key, 1, 32);
    memset(message.records[1].public_key, 2, 32);
    message.records[0].type = message.records[1].type = KAD_CLASS_MESSAGE;
    message.records[0].sequence = 5;
    fields = fields_with_key(&message);
    vector_set_number(fields, "class", KAD_CLASS_MESSAGE);
    forget = json_array();
    for (unsigned i = 0; i < 2; i++) {
        json_t *one = json_object();

        vector_set_number(one, "class", message.records[i].type);
        vector_set_hex(one, "public_key", message.records[i].public_key, 32);
        vector_set_number(one, "sequence", message.records[i].sequence);
        json_array_append_new(forget, one);
    }
    EXPECT_EQ(json_object_set_new(fields, "forget", forget), 0);
    add_message(list, "take, and forget two", &message, fields);

    begin(&message, KAD_QUERY, KAD_LEAVE);
    add_message(list, "somebody leaves", &message, json_object());
}

static json_t *endpoint_bytes(const struct kad_endpoint *endpoint)
{
    const size_t size = kad_endpoint_address_size(endpoint);
    uint8_t bytes[18];

    memcpy(bytes, endpoint->address, size);
    bytes[size] = (uint8_t)(endpoint->port >> 8);
    bytes[size + 1] = (uint8_t)endpoint->port;
    return vector_hex(bytes, size + 2);
}

/* The holder's signature is over a key that the asker knows: it is beside the fields, for whoever checks. */
static void put_attest(struct kad_message *message, uint8_t kind, json_t *fields)
{
    struct kad_attest *attest = &message->attest;
    uint8_t bytes[KAD_WIRE_ATTEST];

    vector_attest(kind, attest);
    message->has_attest = true;
    bytes[0] = attest->kind;
    memcpy(bytes + 1, attest->digest, 32);
    for (unsigned i = 0; i < 8; i++)
        bytes[33 + i] = (uint8_t)(attest->at == KAD_NEVER ? 0xff : attest->at >> (56 - 8 * i));
    memcpy(bytes + 41, attest->signature, 64);
    vector_set_hex(fields, "attest", bytes, sizeof bytes);
}

static void add_replies(json_t *list)
{
    static const uint8_t token[] = "tok-tok", v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    static struct kad_message message;
    struct kad_identity contacts[3];
    struct kad_secure_name name;
    struct kad_secure_draft draft;
    uint8_t value[2][KAD_SECURE_VALUE_MAX], hash[32];
    json_t *fields, *named;

    begin(&message, KAD_REPLY, KAD_PING);
    message.your_address = kad_endpoint_v4((uint8_t[]){192, 0, 2, 1}, 4242);
    fields = json_object();
    EXPECT_EQ(json_object_set_new(fields, "your_address", endpoint_bytes(&message.your_address)), 0);
    add_message(list, "a pong", &message, fields);

    begin(&message, KAD_REPLY, KAD_FIND_NODE);
    message.your_address = kad_endpoint_v6(v6, 4242);
    message.n_contacts = 3;
    named = json_array();
    for (unsigned i = 0; i < 3; i++) {
        json_t *one = json_object();
        uint8_t seed[32];

        vector_seed(10 + i, seed);
        kad_identity_from_seed(&contacts[i], seed);
        message.identities[i] = (struct kad_bytes){contacts[i].public_key, 32};
        message.contacts[i].id = kad_identity_id(contacts[i].public_key);
        message.contacts[i].endpoint =
            i < 2 ? kad_endpoint_v4((uint8_t[]){192, 0, 2, (uint8_t)(10 + i)}, (uint16_t)(4242 + i))
                  : kad_endpoint_v6(v6, 4244);
        vector_set_hex(one, "public_key", contacts[i].public_key, 32);
        EXPECT_EQ(json_object_set_new(one, "endpoint", endpoint_bytes(&message.contacts[i].endpoint)), 0);
        json_array_append_new(named, one);
    }
    fields = json_object();
    EXPECT_EQ(json_object_set_new(fields, "your_address", endpoint_bytes(&message.your_address)), 0);
    EXPECT_EQ(json_object_set_new(fields, "contacts", named), 0);
    add_message(list, "contacts of both families", &message, fields);

    begin(&message, KAD_REPLY, KAD_GET);
    vector_record(0, value[0], &message.record, &name, &draft);
    vector_record(3, value[1], &message.records[0], &name, &draft);
    message.n_records = 1;
    message.from = 99;
    message.token = (struct kad_bytes){token, sizeof token};
    fields = json_object();
    vector_set_hex(fields, "token", token, sizeof token);
    EXPECT_EQ(json_object_set_new(fields, "records",
                                  json_pack("[oo]", vector_wire_form(&message.record),
                                            vector_wire_form(&message.records[0]))),
              0);
    vector_set_number(fields, "from", 99);
    add_message(list, "two records, and there are more", &message, fields);

    begin(&message, KAD_REPLY, KAD_GET);
    vector_record(3, value[0], &message.ghost, &name, &draft);
    kad_wire_make_ghost(&message.ghost, hash);
    message.has_ghost = true;
    fields = json_object();
    put_attest(&message, KAD_ATTEST_HELD, fields);
    EXPECT_EQ(json_object_set_new(fields, "ghost", vector_wire_form(&message.ghost)), 0);
    add_message(list, "it expired, and this is what is left of it", &message, fields);

    begin(&message, KAD_REPLY, KAD_PUT);
    fields = json_object();
    put_attest(&message, KAD_ATTEST_STORED, fields);
    add_message(list, "a receipt", &message, fields);
}

TEST(messages)
{
    static const char text[] = "sequence number less than current";
    json_t *list = json_array(), *fields;
    struct kad_message message;

    add_queries(list);
    add_replies(list);
    begin(&message, KAD_ERROR, KAD_PUT);
    message.refusal = KAD_REFUSAL_SEQUENCE;
    message.has_sequence = true;
    message.sequence = 42;
    message.refusal_text = (struct kad_bytes){(const uint8_t *)text, strlen(text)};
    fields = json_object();
    vector_set_number(fields, "sequence", 42);
    vector_set_number(fields, "refusal", KAD_REFUSAL_SEQUENCE);
    vector_set_text(fields, "text", text);
    add_message(list, "a put refused, for a newer one is held", &message, fields);
    vector_expect_file("messages", list);
}
