/* Identities, names, records and receipts are what they were. */
#include "test_vectors.h"

#include "base/test.h"
#include "crypto/crypto.h"
#include "kad/identity.h"
#include "node/moved.h"
#include "wire/kad/record.h"

TEST(identities)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < 24; i++) {
        json_t *one = json_object();
        uint8_t seed[32];
        char text[KAD_IDENTITY_TEXT];
        struct kad_identity identity;
        struct kad_id id;

        vector_seed(i, seed);
        kad_identity_from_seed(&identity, seed);
        id = kad_identity_id(identity.public_key);
        vector_set_hex(one, "seed", seed, sizeof seed);
        vector_set_hex(one, "public_key", identity.public_key, 32);
        vector_set_hex(one, "id", id.bytes, 32);
        vector_set_text(one, "text", kad_identity_format(identity.public_key, text));
        vector_set_number(one, "puzzle_bits", kad_identity_bits(identity.public_key));
        json_array_append_new(list, one);
    }
    vector_expect_file("identities", list);
}

TEST(moves)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < 3; i++) {
        json_t *one = json_object();
        uint8_t seed[32], value[KAD_MOVED_SIZE];
        struct kad_identity from, to;

        vector_seed(i, seed);
        kad_identity_from_seed(&from, seed);
        vector_set_hex(one, "seed", seed, sizeof seed);
        vector_seed(i + 1, seed);
        kad_identity_from_seed(&to, seed);
        vector_set_hex(one, "new_seed", seed, sizeof seed);
        vector_set_number(one, "at", VECTOR_NOW + i);
        kad_moved_write(&from, &to, VECTOR_NOW + i, value);
        vector_set_hex(one, "value", value, sizeof value);
        json_array_append_new(list, one);
    }
    vector_expect_file("moves", list);
}

TEST(names)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < VECTOR_CASES; i++) {
        json_t *one = json_object();
        struct kad_secure_name name;
        uint8_t seed[32], signer[32];
        struct kad_id key;

        vector_name(i, &name);
        kad_secure_key(&name, &key);
        vector_seed(1, seed);
        vector_set_text(one, "class", name.class_->name);
        vector_set_hex(one, "name", name.bytes, name.size);
        vector_set_hex(one, "key", key.bytes, 32);
        vector_set_hex(one, "seed", seed, 32);
        if (kad_secure_signer(&name, seed, signer) == 0) /* letters have none */
            vector_set_hex(one, "signer", signer, 32);
        json_array_append_new(list, one);
    }
    vector_expect_file("names", list);
}

TEST(records)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < VECTOR_CASES; i++) {
        json_t *one = json_object();
        struct kad_secure_name name;
        struct kad_secure_draft draft;
        struct kad_record record;
        uint8_t value[KAD_SECURE_VALUE_MAX], digest[32], hash[32];

        vector_record(i, value, &record, &name, &draft);
        vector_set_text(one, "class", name.class_->name);
        vector_set_hex(one, "name", name.bytes, name.size);
        vector_set_hex(one, "seed", draft.seed, 32);
        vector_set_hex(one, "value", draft.value.data, draft.value.size);
        vector_set_number(one, "sequence", draft.sequence);
        vector_set_number(one, "made_at", draft.made_at);
        if (record.valid_until != KAD_NEVER)
            vector_set_number(one, "valid_until", record.valid_until);
        EXPECT_EQ(json_object_set_new(one, "withdrawn", json_boolean(draft.withdrawn)), 0);
        if (name.class_->type == KAD_CLASS_MESSAGE) {
            vector_set_hex(one, "entropy", draft.entropy, 32);
            vector_set_hex(one, "recipient", name.public_key, 32);
            vector_seed(1, hash);
            vector_set_hex(one, "recipient_seed", hash, 32);
        }
        EXPECT_EQ(json_object_set_new(one, "record", vector_wire_form(&record)), 0);
        kad_wire_digest(&record, digest);
        vector_set_hex(one, "digest", digest, 32);
        kad_wire_make_ghost(&record, hash);
        EXPECT_EQ(json_object_set_new(one, "ghost", vector_wire_form(&record)), 0);
        json_array_append_new(list, one);
    }
    vector_expect_file("records", list);
}

TEST(attests)
{
    json_t *list = json_array();

    for (uint8_t kind = KAD_ATTEST_STORED; kind <= KAD_ATTEST_NOTHING; kind++) {
        json_t *one = json_object();
        struct kad_attest attest;
        uint8_t seed[32];

        vector_seed(3, seed);
        vector_attest(kind, &attest);
        vector_set_hex(one, "seed", seed, 32);
        vector_set_number(one, "kind", attest.kind);
        vector_set_hex(one, "key", attest.key.bytes, 32);
        vector_set_hex(one, "digest", attest.digest, 32);
        if (attest.at != KAD_NEVER)
            vector_set_number(one, "at", attest.at);
        vector_set_hex(one, "signature", attest.signature, 64);
        json_array_append_new(list, one);
    }
    vector_expect_file("attests", list);
}
