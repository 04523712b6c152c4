#include "test_vectors.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "kad/identity.h"
#include "wire/kad/kad.h"
#include "wire/kad/record.h"

#define NOW VECTOR_NOW

json_t *vector_hex(const void *data, size_t size)
{
    static char text[8192];

    EXPECT(2 * size < sizeof text);
    return json_string(kad_hex(data, size, text));
}

void vector_set_hex(json_t *object, const char *key, const void *data, size_t size)
{
    EXPECT_EQ(json_object_set_new(object, key, vector_hex(data, size)), 0);
}

void vector_set_number(json_t *object, const char *key, int64_t number)
{
    EXPECT_EQ(json_object_set_new(object, key, json_integer(number)), 0);
}

void vector_set_text(json_t *object, const char *key, const char *text)
{
    EXPECT_EQ(json_object_set_new(object, key, json_string(text)), 0);
}

/* Takes over `made`. */
void vector_expect(const char *source, const char *name, json_t *made)
{
    char place[512];

    EXPECT(snprintf(place, sizeof place, "%s/tests/vectors/%s.json", source, name) < (int)sizeof place);
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

void vector_seed(unsigned number, uint8_t out_seed[32])
{
    char text[32];

    EXPECT(snprintf(text, sizeof text, "vector seed %u", number) > 0);
    kad_sha256(text, strlen(text), out_seed);
}

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

const struct vector_case vector_cases[VECTOR_CASES] = {
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
void vector_name(unsigned i, struct kad_secure_name *out_name)
{
    struct kad_identity somebody;
    uint8_t bytes[32], seed[32];
    struct kad_bytes name = {bytes, sizeof bytes};

    vector_seed(1, seed);
    kad_identity_from_seed(&somebody, seed);
    if (vector_cases[i].name)
        name = (struct kad_bytes){(const uint8_t *)vector_cases[i].name, strlen(vector_cases[i].name)};
    else if (vector_cases[i].value == content)
        kad_sha256(content, strlen(content), bytes);
    else
        memcpy(bytes, somebody.public_key, sizeof bytes);
    EXPECT_EQ(kad_secure_named(vector_cases[i].class_name, name, own, KAD_COUNT_OF(own), out_name), 0);
}

void vector_record(unsigned i, uint8_t value[KAD_SECURE_VALUE_MAX], struct kad_record *out_record,
                   struct kad_secure_name *out_name, struct kad_secure_draft *out_draft)
{
    static uint8_t seed[32], entropy[32];

    vector_name(i, out_name);
    vector_seed(out_name->class_->type == KAD_CLASS_MESSAGE ? 2 : 1, seed);
    vector_seed(100 + i, entropy);
    *out_draft = (struct kad_secure_draft){
        .name = out_name,
        .value = {(const uint8_t *)vector_cases[i].value, strlen(vector_cases[i].value)},
        .seed = seed,
        .entropy = entropy,
        .sequence = out_name->class_->type == KAD_RECORD_IMMUTABLE ? 0 : 40 + i,
        .made_at = NOW + i,
        .withdrawn = vector_cases[i].withdrawn,
    };
    if (*vector_cases[i].value == 4) /* an address has zeros */
        out_draft->value.size = 7;
    EXPECT_EQ(kad_secure_make(out_draft, value, out_record), 0);
}

/* As it stands in a RECORD field. */
json_t *vector_wire_form(const struct kad_record *record)
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
    return vector_hex(bytes + size - n, n);
}

void vector_attest(uint8_t kind, struct kad_attest *out_attest)
{
    uint8_t seed[32];
    struct kad_identity holder;

    vector_seed(3, seed);
    kad_identity_from_seed(&holder, seed);
    *out_attest = (struct kad_attest){.kind = kind, .at = kind == KAD_ATTEST_STORED ? KAD_NEVER : NOW};
    kad_sha256("a key", 5, out_attest->key.bytes);
    if (kind != KAD_ATTEST_NOTHING)
        kad_sha256("a digest", 8, out_attest->digest);
    kad_wire_sign_attest(out_attest, holder.secret);
}
