/*
 * vectors_test - tests/vectors/x.json is what this code computes. docs/protocol.md says how, and second.py beside this file does it
 * again with nothing but that page.
 *
 * KAD_WRITE_VECTORS=1 writes the files anew, for a deliberate change of the protocol.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "kad/identity.h"
#include "kad/secure.h"
#include "wire/kad/kad.h"
#include "wire/kad/name.h"
#include "wire/kad/record.h"

#define NOW ((kad_ms)1790000000000)

/* -- files -------------------------------------------------------------------------------------------------------- */

static json_t *hex(const void *data, size_t size)
{
    static char text[8192];

    EXPECT(2 * size < sizeof text);
    return json_string(kad_hex(data, size, text));
}

static void set_hex(json_t *object, const char *key, const void *data, size_t size)
{
    EXPECT_EQ(json_object_set_new(object, key, hex(data, size)), 0);
}

static void set_number(json_t *object, const char *key, int64_t number)
{
    EXPECT_EQ(json_object_set_new(object, key, json_integer(number)), 0);
}

static void set_text(json_t *object, const char *key, const char *text)
{
    EXPECT_EQ(json_object_set_new(object, key, json_string(text)), 0);
}

/* Takes over `made`. */
static void expect_file(const char *name, json_t *made)
{
    char place[512];

    EXPECT(snprintf(place, sizeof place, "%s/tests/vectors/%s.json", KAD_SOURCE_DIR, name) <
           (int)sizeof place);
    if (getenv("KAD_WRITE_VECTORS")) {
        EXPECT_EQ(json_dump_file(made, place, JSON_INDENT(1)), 0);
    } else {
        json_error_t error;
        json_t *kept = json_load_file(place, 0, &error);

        EXPECT_MSG(kept, "%s: %s", place, error.text);
        EXPECT_EQ(json_array_size(kept), json_array_size(made));
        for (size_t i = 0; i < json_array_size(made); i++)
            EXPECT_MSG(json_equal(json_array_get(kept, i), json_array_get(made, i)),
                       "%s: the vector at %zu differs", place, i);
        json_decref(kept);
    }
    json_decref(made);
}

/* -- identities --------------------------------------------------------------------------------------------------- */

static void seed_of(unsigned number, uint8_t out_seed[32])
{
    char text[32];

    EXPECT(snprintf(text, sizeof text, "vector seed %u", number) > 0);
    kad_sha256(text, strlen(text), out_seed);
}

TEST(identities)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < 8; i++) {
        json_t *one = json_object();
        uint8_t seed[32];
        char text[KAD_IDENTITY_TEXT];
        struct kad_identity identity;
        struct kad_id id;

        seed_of(i, seed);
        kad_identity_from_seed(&identity, seed);
        id = kad_identity_id(identity.public_key);
        set_hex(one, "seed", seed, sizeof seed);
        set_hex(one, "public_key", identity.public_key, 32);
        set_hex(one, "id", id.bytes, 32);
        set_text(one, "text", kad_identity_format(identity.public_key, text));
        set_number(one, "puzzle_bits", kad_identity_bits(identity.public_key));
        json_array_append_new(list, one);
    }
    expect_file("identities", list);
}

/* -- names and records -------------------------------------------------------------------------------------------- */

static const struct kad_class own[] = {
    {.name = "chess", .type = KAD_CLASS_USER, .value_max = 512, .owners_max = 1, .ttl_ms = 6 * KAD_HOUR},
    {.name = "scores",
     .type = KAD_CLASS_USER + 1,
     .value_max = 256,
     .owners_max = 16,
     .ttl_ms = KAD_HOUR,
     .plain = true},
};

static const char content[] = "Content is found by its SHA-256.";

static const struct {
    const char *class_name, *name, *value;
    bool withdrawn;
} cases[] = {
    {"room", "lobby", "Everybody meets here.", false},
    {"room", "garden", "", false},
    {"room", "lobby", "", true},
    {"domain", "example", "owner since the first day", false},
    {"listing", "bicycle, nearly new", "80 EUR", false},
    {"mutable", "d\xc3\xa9j\xc3\xa0 vu", "version 7", false},
    {"chess", "game 12", "e4 e5", false},
    {"scores", "game 12", "1-0", false},
    {"peer", NULL, "\x04\x7f\x00\x00\x01\x10\x92", false},
    {"provider", "info-hash of it", "\x04\x7f\x00\x00\x01\x10\x92", false},
    {"provider", "info-hash of it", "", true},
    {"msg", NULL, "Where are you?", false},
    {"immutable", NULL, content, false},
    {"plain", NULL, content, false},
};

/* `name` as its bytes, or what stands for it. */
static void name_of_case(unsigned i, struct kad_secure_name *out_name)
{
    struct kad_identity somebody;
    uint8_t bytes[32], seed[32];
    struct kad_bytes name = {bytes, sizeof bytes};

    seed_of(1, seed);
    kad_identity_from_seed(&somebody, seed);
    if (cases[i].name)
        name = (struct kad_bytes){(const uint8_t *)cases[i].name, strlen(cases[i].name)};
    else if (cases[i].value == content)
        kad_sha256(content, strlen(content), bytes);
    else
        memcpy(bytes, somebody.public_key, sizeof bytes);
    EXPECT_EQ(kad_secure_name(cases[i].class_name, name, own, KAD_COUNT_OF(own), out_name), 0);
}

static void make_case(unsigned i, uint8_t value[KAD_SECURE_VALUE_MAX], struct kad_record *out_record,
                      struct kad_secure_name *out_name, struct kad_secure_draft *out_draft)
{
    static uint8_t seed[32], entropy[32];

    name_of_case(i, out_name);
    seed_of(out_name->class_->type == KAD_CLASS_MESSAGE ? 2 : 1, seed);
    seed_of(100 + i, entropy);
    *out_draft = (struct kad_secure_draft){
        .name = out_name,
        .value = {(const uint8_t *)cases[i].value, strlen(cases[i].value)},
        .seed = seed,
        .entropy = entropy,
        .sequence = out_name->class_->type == KAD_RECORD_IMMUTABLE ? 0 : 40 + i,
        .made_at = NOW + i,
        .withdrawn = cases[i].withdrawn,
    };
    if (*cases[i].value == 4) /* an address has zeros */
        out_draft->value.size = 7;
    EXPECT_EQ(kad_secure_make(out_draft, value, out_record), 0);
}

/* As it stands in a RECORD field. */
static json_t *wire_form(const struct kad_record *record)
{
    static const uint8_t transaction[4], token[1];
    struct kad_message message;
    uint8_t bytes[1200];
    size_t size, n = KAD_WIRE_RECORD + record->value.size;

    kad_message_init(&message);
    message.kind = record->hashed ? KAD_REPLY : KAD_QUERY;
    message.method = record->hashed ? KAD_GET : KAD_PUT;
    message.transaction = (struct kad_bytes){transaction, sizeof transaction};
    message.token = (struct kad_bytes){token, record->hashed ? 0 : 1};
    if (record->hashed) {
        message.ghost = *record;
        message.has_ghost = true;
    } else {
        message.record = *record;
    }
    size = kad_wire.encode(&message, bytes, sizeof bytes);
    EXPECT(size > n);
    return hex(bytes + size - n, n);
}

TEST(names)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < KAD_COUNT_OF(cases); i++) {
        json_t *one = json_object();
        struct kad_secure_name name;
        uint8_t seed[32], signer[32];
        struct kad_id key;

        name_of_case(i, &name);
        kad_secure_key(&name, &key);
        seed_of(1, seed);
        set_text(one, "class", name.class_->name);
        set_hex(one, "name", name.bytes, name.size);
        set_hex(one, "key", key.bytes, 32);
        set_hex(one, "seed", seed, 32);
        if (kad_secure_signer(&name, seed, signer) == 0) /* letters have none */
            set_hex(one, "signer", signer, 32);
        json_array_append_new(list, one);
    }
    expect_file("names", list);
}

TEST(records)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < KAD_COUNT_OF(cases); i++) {
        json_t *one = json_object();
        struct kad_secure_name name;
        struct kad_secure_draft draft;
        struct kad_record record;
        uint8_t value[KAD_SECURE_VALUE_MAX], digest[32], hash[32];

        make_case(i, value, &record, &name, &draft);
        set_text(one, "class", name.class_->name);
        set_hex(one, "name", name.bytes, name.size);
        set_hex(one, "seed", draft.seed, 32);
        set_hex(one, "value", draft.value.data, draft.value.size);
        set_number(one, "sequence", draft.sequence);
        set_number(one, "made_at", draft.made_at);
        if (record.valid_until != KAD_NEVER)
            set_number(one, "valid_until", record.valid_until);
        EXPECT_EQ(json_object_set_new(one, "withdrawn", json_boolean(draft.withdrawn)), 0);
        if (name.class_->type == KAD_CLASS_MESSAGE) {
            set_hex(one, "entropy", draft.entropy, 32);
            set_hex(one, "recipient", name.public_key, 32);
            seed_of(1, hash);
            set_hex(one, "recipient_seed", hash, 32);
        }
        EXPECT_EQ(json_object_set_new(one, "record", wire_form(&record)), 0);
        kad_wire_digest(&record, digest);
        set_hex(one, "digest", digest, 32);
        kad_wire_make_ghost(&record, hash);
        EXPECT_EQ(json_object_set_new(one, "ghost", wire_form(&record)), 0);
        json_array_append_new(list, one);
    }
    expect_file("records", list);
}

/* -- receipts ----------------------------------------------------------------------------------------------------- */

static void make_attest(uint8_t kind, struct kad_attest *out_attest)
{
    uint8_t seed[32];
    struct kad_identity holder;

    seed_of(3, seed);
    kad_identity_from_seed(&holder, seed);
    *out_attest = (struct kad_attest){.kind = kind, .at = kind == KAD_ATTEST_STORED ? KAD_NEVER : NOW};
    kad_sha256("a key", 5, out_attest->key.bytes);
    if (kind != KAD_ATTEST_NOTHING)
        kad_sha256("a digest", 8, out_attest->digest);
    kad_wire_sign_attest(out_attest, holder.secret);
}

TEST(attests)
{
    json_t *list = json_array();

    for (uint8_t kind = KAD_ATTEST_STORED; kind <= KAD_ATTEST_NOTHING; kind++) {
        json_t *one = json_object();
        struct kad_attest attest;
        uint8_t seed[32];

        seed_of(3, seed);
        make_attest(kind, &attest);
        set_hex(one, "seed", seed, 32);
        set_number(one, "kind", attest.kind);
        set_hex(one, "key", attest.key.bytes, 32);
        set_hex(one, "digest", attest.digest, 32);
        if (attest.at != KAD_NEVER)
            set_number(one, "at", attest.at);
        set_hex(one, "signature", attest.signature, 64);
        json_array_append_new(list, one);
    }
    expect_file("attests", list);
}

/* -- messages ----------------------------------------------------------------------------------------------------- */

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
    set_text(one, "what", what);
    set_text(one, "kind", kinds[message->kind]);
    set_text(one, "method",
             message->method == KAD_PING        ? "PING"
             : message->method == KAD_FIND_NODE ? "FIND_NODE"
             : message->method == KAD_GET       ? "GET"
             : message->method == KAD_PUT       ? "PUT"
                                                : "TAKE");
    set_hex(one, "transaction", transaction, sizeof transaction);
    EXPECT_EQ(json_object_set_new(one, "fields", fields), 0);
    set_hex(one, "bytes", bytes, size);
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

    set_hex(fields, "target", message->target.bytes, 32);
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
    set_number(fields, "flags", 1);
    add_message(list, "a ping of one that answers nobody", &message, fields);

    begin(&message, KAD_QUERY, KAD_FIND_NODE);
    message.target = some_key();
    message.want_ipv4 = message.want_ipv6 = true;
    fields = fields_with_key(&message);
    set_number(fields, "flags", 6);
    add_message(list, "find_node, both families wanted", &message, fields);

    begin(&message, KAD_QUERY, KAD_GET);
    message.target = some_key();
    message.record_type = KAD_CLASS_PROVIDER;
    message.from = 17;
    message.wants_attest = true;
    message.has_sequence = true;
    message.sequence = 41;
    fields = fields_with_key(&message);
    set_number(fields, "flags", 8);
    set_number(fields, "class", KAD_CLASS_PROVIDER);
    set_number(fields, "sequence", 41);
    set_number(fields, "from", 17);
    add_message(list, "get, more of what there is", &message, fields);

    begin(&message, KAD_QUERY, KAD_GET);
    memset(message.target.bytes, 0, 32);
    message.target.bytes[0] = 0xa5;
    message.target.bytes[1] = 0xc0;
    message.prefix_bits = 10;
    fields = fields_with_key(&message);
    set_number(fields, "prefix", 10);
    add_message(list, "get by prefix", &message, fields);

    begin(&message, KAD_QUERY, KAD_PUT);
    make_case(0, value, &message.record, &name, &draft);
    message.token = (struct kad_bytes){token, sizeof token};
    message.has_cas = true;
    message.cas = 39;
    fields = json_object();
    set_number(fields, "cas", 39);
    set_hex(fields, "token", token, sizeof token);
    EXPECT_EQ(json_object_set_new(fields, "records", json_pack("[o]", wire_form(&message.record))), 0);
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
    set_number(fields, "class", KAD_CLASS_MESSAGE);
    forget = json_array();
    for (unsigned i = 0; i < 2; i++) {
        json_t *one = json_object();

        set_number(one, "class", message.records[i].type);
        set_hex(one, "public_key", message.records[i].public_key, 32);
        set_number(one, "sequence", message.records[i].sequence);
        json_array_append_new(forget, one);
    }
    EXPECT_EQ(json_object_set_new(fields, "forget", forget), 0);
    add_message(list, "take, and forget two", &message, fields);
}

static json_t *endpoint_bytes(const struct kad_endpoint *endpoint)
{
    const size_t size = kad_endpoint_address_size(endpoint);
    uint8_t bytes[18];

    memcpy(bytes, endpoint->address, size);
    bytes[size] = (uint8_t)(endpoint->port >> 8);
    bytes[size + 1] = (uint8_t)endpoint->port;
    return hex(bytes, size + 2);
}

/* The holder's signature is over a key that the asker knows: it is beside the fields, for whoever checks. */
static void put_attest(struct kad_message *message, uint8_t kind, json_t *fields)
{
    struct kad_attest *attest = &message->attest;
    uint8_t bytes[KAD_WIRE_ATTEST];

    make_attest(kind, attest);
    message->has_attest = true;
    bytes[0] = attest->kind;
    memcpy(bytes + 1, attest->digest, 32);
    for (unsigned i = 0; i < 8; i++)
        bytes[33 + i] = (uint8_t)(attest->at == KAD_NEVER ? 0xff : attest->at >> (56 - 8 * i));
    memcpy(bytes + 41, attest->signature, 64);
    set_hex(fields, "attest", bytes, sizeof bytes);
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

        seed_of(10 + i, seed);
        kad_identity_from_seed(&contacts[i], seed);
        message.identities[i] = (struct kad_bytes){contacts[i].public_key, 32};
        message.contacts[i].id = kad_identity_id(contacts[i].public_key);
        message.contacts[i].endpoint =
            i < 2 ? kad_endpoint_v4((uint8_t[]){192, 0, 2, (uint8_t)(10 + i)}, (uint16_t)(4242 + i))
                  : kad_endpoint_v6(v6, 4244);
        set_hex(one, "public_key", contacts[i].public_key, 32);
        EXPECT_EQ(json_object_set_new(one, "endpoint", endpoint_bytes(&message.contacts[i].endpoint)), 0);
        json_array_append_new(named, one);
    }
    fields = json_object();
    EXPECT_EQ(json_object_set_new(fields, "your_address", endpoint_bytes(&message.your_address)), 0);
    EXPECT_EQ(json_object_set_new(fields, "contacts", named), 0);
    add_message(list, "contacts of both families", &message, fields);

    begin(&message, KAD_REPLY, KAD_GET);
    make_case(0, value[0], &message.record, &name, &draft);
    make_case(3, value[1], &message.records[0], &name, &draft);
    message.n_records = 1;
    message.from = 99;
    message.token = (struct kad_bytes){token, sizeof token};
    fields = json_object();
    set_hex(fields, "token", token, sizeof token);
    EXPECT_EQ(
        json_object_set_new(fields, "records",
                            json_pack("[oo]", wire_form(&message.record), wire_form(&message.records[0]))),
        0);
    set_number(fields, "from", 99);
    add_message(list, "two records, and there are more", &message, fields);

    begin(&message, KAD_REPLY, KAD_GET);
    make_case(3, value[0], &message.ghost, &name, &draft);
    kad_wire_make_ghost(&message.ghost, hash);
    message.has_ghost = true;
    fields = json_object();
    put_attest(&message, KAD_ATTEST_HELD, fields);
    EXPECT_EQ(json_object_set_new(fields, "ghost", wire_form(&message.ghost)), 0);
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
    set_number(fields, "sequence", 42);
    set_number(fields, "refusal", KAD_REFUSAL_SEQUENCE);
    set_text(fields, "text", text);
    add_message(list, "a put refused, for a newer one is held", &message, fields);
    expect_file("messages", list);
}
