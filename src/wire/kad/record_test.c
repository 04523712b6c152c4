#include "wire/kad/record.h"

#include <string.h>

#include "base/test.h"
#include "core/message.h"
#include "wire/kad/kad.h"
#include "wire/kad/test_secure.h"

static void make(const struct kad_secure_name *name, uint8_t *value, struct kad_record *out_record)
{
    const struct kad_secure_draft draft = secure_draft(name);

    EXPECT_EQ(kad_name_make(&draft, value, out_record), 0);
    EXPECT_EQ(kad_wire_check_record(out_record), KAD_REFUSAL_NONE);
}

/* Through the codec, as a put: what any holder would see. 0: it is not even a record. */
static size_t put(const struct kad_record *record, uint8_t bytes[1200])
{
    static const uint8_t transaction[4], token[1];
    struct kad_message message;

    kad_message_init(&message);
    message.method = KAD_PUT;
    message.transaction = (struct kad_bytes){transaction, sizeof transaction};
    message.token = (struct kad_bytes){token, sizeof token};
    message.record = *record;
    return kad_wire.encode(&message, bytes, 1200);
}

/* K52: every bit of every record of every class, on its way or in a store, makes it another one that is refused. */
TEST(whatever_bit_is_flipped_it_is_refused)
{
    struct kad_secure_name names[SECURE_NAMES];

    secure_names(names);
    for (unsigned i = 0; i < SECURE_NAMES; i++) {
        static struct kad_message message;
        uint8_t value[KAD_SECURE_VALUE_MAX], bytes[1200];
        struct kad_record record;
        size_t size, at;

        make(&names[i], value, &record);
        size = put(&record, bytes);
        at = size - KAD_WIRE_RECORD - record.value.size;
        for (size_t bit = at * 8; bit < size * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (kad_wire.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &message) == KAD_DECODED)
                EXPECT_MSG(kad_wire_check_record(&message.record) != KAD_REFUSAL_NONE, "class %s, bit %zu",
                           names[i].class_->name, bit - at * 8);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        EXPECT_EQ(kad_wire.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &message), KAD_DECODED);
        EXPECT_EQ(kad_wire_check_record(&message.record), KAD_REFUSAL_NONE);
    }
}

/* K29: the owner itself cannot have more than the class gives, signed or not. */
TEST(a_life_longer_than_the_class_is_refused)
{
    struct kad_secure_name names[SECURE_NAMES];
    static const kad_ms lives[SECURE_NAMES] = {24 * KAD_HOUR, KAD_NEVER,         7 * 24 * KAD_HOUR,
                                               24 * KAD_HOUR, KAD_HOUR,          KAD_HOUR,
                                               12 * KAD_HOUR, 7 * 24 * KAD_HOUR, 7 * 24 * KAD_HOUR};

    secure_names(names);
    for (unsigned i = 0; i < SECURE_NAMES; i++) {
        const bool for_good = lives[i] == KAD_NEVER;
        uint8_t value[KAD_SECURE_VALUE_MAX], signer[32];
        struct kad_record record;

        make(&names[i], value, &record);
        EXPECT_EQ(record.valid_until, for_good ? KAD_NEVER : SECURE_NOW + lives[i]);
        if (kad_wire_signer(names[i].class_) == KAD_SIGNER_LETTER)
            memcpy(signer, secure_entropy, 32); /* any will do */
        else
            EXPECT_EQ(kad_name_signer(&names[i], secure_owner, signer), 0);
        record.valid_until = KAD_NEVER;
        kad_wire_sign_record(&record, signer);
        EXPECT_EQ(kad_wire_check_record(&record), for_good ? KAD_REFUSAL_NONE : KAD_REFUSAL_LIFE);
        if (!for_good) {
            record.valid_until = SECURE_NOW + lives[i] + 1;
            kad_wire_sign_record(&record, signer);
            EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_LIFE);
            record.valid_until =
                SECURE_NOW + lives[i]; /* signed for longer, and shortened: no signature of this */
            EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_SIGNATURE);
        }
        record.valid_until = record.made_at; /* none at all */
        kad_wire_sign_record(&record, signer);
        EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_LIFE);
    }
}

/* K20: nobody else's identity may write where a node says its addresses, whatever it signs. */
TEST(a_peers_key_is_its_own)
{
    struct kad_secure_name names[SECURE_NAMES];
    uint8_t value[KAD_SECURE_VALUE_MAX];
    struct kad_record record;

    secure_names(names);
    make(&names[4], value, &record);
    kad_wire_sign_record(&record, secure_other);
    EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_OWNER);
}

/* U07: of content that is not sealed, holders themselves see whether it is what the key says. */
TEST(contents_key_is_its_own)
{
    struct kad_secure_name names[SECURE_NAMES];
    uint8_t value[KAD_SECURE_VALUE_MAX], signer[32];
    struct kad_record record;

    secure_names(names);
    for (unsigned i = 7; i < 9; i++) {
        const bool plain = names[i].class_->plain;

        make(&names[i], value, &record);
        EXPECT_EQ(kad_name_signer(&names[i], NULL, signer), 0);
        kad_wire_sign_record(&record, secure_other);
        EXPECT_EQ(kad_wire_check_record(&record), plain ? KAD_REFUSAL_NONE : KAD_REFUSAL_OWNER);
        value[0] ^= 1;
        kad_wire_sign_record(&record, signer);
        EXPECT_EQ(kad_wire_check_record(&record), plain ? KAD_REFUSAL_OWNER : KAD_REFUSAL_NONE);
        value[0] ^= 1;
        record.sequence = 1;
        kad_wire_sign_record(&record, signer);
        EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_PROTOCOL);
        record.sequence = 0;
        record.withdrawn = true;
        record.value.size = 0;
        kad_wire_sign_record(&record, signer);
        EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_PROTOCOL);
    }
}

TEST(records_of_no_form_are_refused)
{
    struct kad_secure_name names[SECURE_NAMES];
    uint8_t value[KAD_SECURE_VALUE_MAX + 1] = {0};
    struct kad_record good, record;

    secure_names(names);
    make(&names[0], value, &good);
    record = good;
    record.type = KAD_RECORD_NONE;
    EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_PROTOCOL);
    record = good;
    record.value.size = sizeof value;
    EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_TOO_BIG);
    record = good;
    record.salt = (struct kad_bytes){value, 1};
    EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_PROTOCOL);
    record = good;
    record.many = true;
    EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_PROTOCOL);
    record = good;
    record.withdrawn = true; /* with a value */
    EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_PROTOCOL);
    record = good;
    record.sequence = -1;
    EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_PROTOCOL);
    record = good;
    record.made_at = -1;
    EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_PROTOCOL);
}

/* What is left without its value still shows what was signed, under the same name; and only that. */
TEST(a_ghost_is_signed_and_has_the_digest_of_the_record)
{
    struct kad_secure_name names[SECURE_NAMES];

    secure_names(names);
    for (unsigned i = 0; i < SECURE_NAMES; i++) {
        uint8_t value[KAD_SECURE_VALUE_MAX], hash[KAD_GHOST_SIZE], digest[32], of_ghost[32];
        struct kad_record record, ghost;

        make(&names[i], value, &record);
        ghost = record;
        kad_wire_make_ghost(&ghost, hash);
        kad_wire_digest(&record, digest);
        kad_wire_digest(&ghost, of_ghost);
        EXPECT_MEM(digest, of_ghost, 32);
        EXPECT_EQ(kad_wire_check_record(&ghost), KAD_REFUSAL_NONE);
        hash[5] ^= 1;
        EXPECT(kad_wire_check_record(&ghost) != KAD_REFUSAL_NONE);
        hash[5] ^= 1;
        ghost.value.size--;
        EXPECT_EQ(kad_wire_check_record(&ghost), KAD_REFUSAL_PROTOCOL);
        ghost = record; /* and a value that happens to be that hash is no ghost */
        ghost.value = (struct kad_bytes){hash, sizeof hash};
        EXPECT(kad_wire_check_record(&ghost) != KAD_REFUSAL_NONE);
    }
}

TEST(a_digest_names_one_record)
{
    struct kad_secure_name names[SECURE_NAMES];
    uint8_t value[KAD_SECURE_VALUE_MAX], digest[32], other[32];
    struct kad_record record;

    secure_names(names);
    make(&names[0], value, &record);
    kad_wire_digest(&record, digest);
    record.sequence++;
    kad_wire_digest(&record, other);
    EXPECT(memcmp(digest, other, 32) != 0);
    record.sequence--;
    record.public_key[31] ^= 1;
    kad_wire_digest(&record, other);
    EXPECT(memcmp(digest, other, 32) != 0);
    record.public_key[31] ^= 1;
    value[7] ^= 1;
    kad_wire_digest(&record, other);
    EXPECT(memcmp(digest, other, 32) != 0);
}

/* A receipt is good for one record, one time and one holder. */
TEST(what_a_holder_signed_for_cannot_be_changed)
{
    struct kad_attest attest = {.kind = KAD_ATTEST_STORED, .key = {{1}}, .digest = {2}, .at = SECURE_NOW},
                      other;
    uint8_t public_key[32], secret[64];

    kad_ed25519_keypair(secure_owner, public_key, secret);
    kad_wire_sign_attest(&attest, secret);
    EXPECT_MEM(attest.public_key, public_key, 32);
    EXPECT(kad_wire_check_attest(&attest));
    other = attest;
    other.kind = KAD_ATTEST_HELD;
    EXPECT(!kad_wire_check_attest(&other));
    other.kind = KAD_ATTEST_NONE;
    kad_wire_sign_attest(&other, secret);
    EXPECT(!kad_wire_check_attest(&other)); /* signs for nothing */
    other = attest;
    other.key.bytes[31] ^= 1;
    EXPECT(!kad_wire_check_attest(&other));
    other = attest;
    other.digest[31] ^= 1;
    EXPECT(!kad_wire_check_attest(&other));
    other = attest;
    other.at++;
    EXPECT(!kad_wire_check_attest(&other));
    other = attest;
    other.public_key[0] ^= 1;
    EXPECT(!kad_wire_check_attest(&other));
}

/* A program's own class: key and signature are anybody's to check, the rest is the class's. */
TEST(classes_of_a_programs_own)
{
    const struct kad_class class = {.name = "chess",
                                    .type = KAD_CLASS_USER + 3,
                                    .value_max = 128,
                                    .owners_max = 4,
                                    .ttl_ms = KAD_HOUR,
                                    .plain = true};
    struct kad_secure_name name;
    struct kad_secure_draft draft;
    uint8_t value[KAD_SECURE_VALUE_MAX], signer[32];
    struct kad_record record;

    EXPECT_EQ(kad_name_of("chess", secure_text("game"), &class, 1, &name), 0);
    draft = secure_draft(&name);
    EXPECT_EQ(kad_name_make(&draft, value, &record), 0);
    EXPECT(record.many);
    EXPECT_MEM(record.value.data, draft.value.data, draft.value.size);
    EXPECT(!kad_wire_class_of(record.type));
    EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_NONE);
    EXPECT_EQ(kad_class_check(&class, &record), KAD_REFUSAL_NONE);
    EXPECT_EQ(kad_name_signer(&name, secure_owner, signer), 0);
    record.valid_until++;
    kad_wire_sign_record(&record, signer);
    EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_NONE);
    EXPECT_EQ(kad_class_check(&class, &record), KAD_REFUSAL_LIFE);
    draft.valid_until = record.valid_until;
    EXPECT_EQ(kad_name_make(&draft, value, &record), KAD_E_INVALID);
}
