#include <string.h>

#include "base/test.h"
#include "base/text.h"
#include "crypto/identity.h"
#include "wire/kad/test_secure.h"

static bool contains(struct kad_bytes hay, const void *needle, size_t n)
{
    for (size_t i = 0; n <= hay.size && i <= hay.size - n; i++) {
        if (memcmp(hay.data + i, needle, n) == 0)
            return true;
    }
    return false;
}

TEST(what_was_made_opens_under_its_name)
{
    struct kad_secure_name names[SECURE_NAMES];
    uint8_t owner[32], secret[64];

    kad_ed25519_keypair(secure_owner, owner, secret);
    secure_names(names);
    for (unsigned i = 0; i < SECURE_NAMES; i++) {
        const struct kad_secure_draft draft = secure_draft(&names[i]);
        uint8_t value[KAD_SECURE_VALUE_MAX], out[KAD_SECURE_VALUE_MAX];
        struct kad_secure_opened opened;
        struct kad_record record;
        struct kad_id key;

        EXPECT_EQ(kad_name_make(&draft, value, &record), 0);
        EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_NONE);
        kad_name_key(&names[i], &key);
        EXPECT_MEM(key.bytes, record.key.bytes, 32);
        EXPECT_EQ(kad_name_open(&names[i], &record, secure_owner, out, &opened), 0);
        EXPECT_EQ(opened.value.size, draft.value.size);
        EXPECT_MEM(opened.value.data, draft.value.data, draft.value.size);
        EXPECT_EQ(opened.has_owner, names[i].class_->type != KAD_RECORD_IMMUTABLE);
        if (opened.has_owner)
            EXPECT_MEM(opened.owner, owner, 32);
    }
}

/* Everything that a holder keeps of a record, but for the classes that say openly whose they are or what is in them. */
TEST(a_holder_sees_neither_name_nor_value_nor_owner)
{
    struct kad_secure_name names[SECURE_NAMES];
    uint8_t owner[32], secret[64];
    struct kad_id id;

    kad_ed25519_keypair(secure_owner, owner, secret);
    id = kad_identity_id(owner);
    secure_names(names);
    for (unsigned i = 0; i < SECURE_NAMES; i++) {
        const struct kad_secure_draft draft = secure_draft(&names[i]);
        const enum kad_signer signer = kad_wire_signer(names[i].class_);
        uint8_t value[KAD_SECURE_VALUE_MAX];
        struct kad_record record;

        if (names[i].class_->plain)
            continue;
        EXPECT_EQ(kad_name_make(&draft, value, &record), 0);
        EXPECT(record.value.size % 64 == 0); /* nor how long it is */
        for (unsigned part = 0; part < 4; part++) {
            const struct kad_bytes seen[] = {
                record.value, {record.key.bytes, 32}, {record.public_key, 32}, {record.signature, 64}};

            EXPECT(!contains(seen[part], names[i].bytes, names[i].size));
            EXPECT(!contains(seen[part], draft.value.data, 8));
            EXPECT(!contains(seen[part], id.bytes, 8));
            if (signer != KAD_SIGNER_IDENTITY)
                EXPECT(!contains(seen[part], owner, 8));
        }
    }
}

/* Two names of one owner, and the same name of two owners: no eight bytes alike, wherever they stand. */
TEST(nothing_links_two_names_of_an_owner)
{
    struct kad_secure_name names[2];
    struct kad_record records[2];
    uint8_t values[2][KAD_SECURE_VALUE_MAX];

    EXPECT_EQ(kad_name_parse("room:lobby", NULL, 0, &names[0]), 0);
    EXPECT_EQ(kad_name_parse("room:garden", NULL, 0, &names[1]), 0);
    for (unsigned i = 0; i < 2; i++) {
        const struct kad_secure_draft draft = secure_draft(&names[i]);

        EXPECT_EQ(kad_name_make(&draft, values[i], &records[i]), 0);
    }
    for (unsigned part = 0; part < 4; part++) {
        const struct kad_bytes a[] = {records[0].value,
                                      {records[0].key.bytes, 32},
                                      {records[0].public_key, 32},
                                      {records[0].signature, 64}};
        const struct kad_bytes b[] = {records[1].value,
                                      {records[1].key.bytes, 32},
                                      {records[1].public_key, 32},
                                      {records[1].signature, 64}};

        for (unsigned other = 0; other < 4; other++) {
            for (size_t at = 0; at + 8 <= a[part].size; at++)
                EXPECT(!contains(b[other], a[part].data + at, 8));
        }
    }
}

/* What changes a value under the same sequence number changes all of what is sealed: the nonce comes of the plaintext. */
TEST(a_sequence_number_used_twice_gives_nothing_away)
{
    struct kad_secure_name name;
    struct kad_secure_draft draft;
    struct kad_record a, b, again;
    uint8_t value_a[KAD_SECURE_VALUE_MAX], value_b[KAD_SECURE_VALUE_MAX], value_c[KAD_SECURE_VALUE_MAX];

    EXPECT_EQ(kad_name_parse("room:lobby", NULL, 0, &name), 0);
    draft = secure_draft(&name);
    EXPECT_EQ(kad_name_make(&draft, value_a, &a), 0);
    EXPECT_EQ(kad_name_make(&draft, value_c, &again), 0);
    draft.value.size--;
    EXPECT_EQ(kad_name_make(&draft, value_b, &b), 0);
    EXPECT_MEM(a.value.data, again.value.data, a.value.size);
    EXPECT(memcmp(a.value.data, b.value.data, 24) != 0);
    EXPECT(memcmp(a.value.data + 24, b.value.data + 24, 64) != 0);
}

TEST(content_is_the_same_record_whoever_publishes_it)
{
    struct kad_secure_name names[SECURE_NAMES];
    uint8_t value[2][KAD_SECURE_VALUE_MAX];
    struct kad_record record[2];

    secure_names(names);
    for (unsigned i = 7; i < 9; i++) {
        struct kad_secure_draft draft = secure_draft(&names[i]);

        EXPECT_EQ(kad_name_make(&draft, value[0], &record[0]), 0);
        draft.seed = i == 7 ? secure_other : NULL;
        EXPECT_EQ(kad_name_make(&draft, value[1], &record[1]), 0);
        EXPECT_MEM(record[0].public_key, record[1].public_key, 32);
        EXPECT_MEM(record[0].signature, record[1].signature, 64);
        EXPECT_MEM(value[0], value[1], record[0].value.size);
        draft.value.size--; /* what does not have this name */
        EXPECT_EQ(kad_name_make(&draft, value[1], &record[1]), KAD_E_INVALID);
    }
}

/* Whoever knows the name of content can sign for it, so a reader looks whether it is that content. */
TEST(other_content_under_a_contents_name_is_refused)
{
    struct kad_secure_name names[SECURE_NAMES];
    struct kad_secure_draft draft;
    struct kad_secure_opened opened;
    struct kad_record real, forged;
    uint8_t value[KAD_SECURE_VALUE_MAX], other[KAD_SECURE_VALUE_MAX], out[KAD_SECURE_VALUE_MAX], signer[32];

    secure_names(names);
    draft = secure_draft(&names[7]);
    EXPECT_EQ(kad_name_make(&draft, value, &real), 0);
    EXPECT_EQ(kad_name_signer(&names[7], NULL, signer), 0);
    forged = real;
    memcpy(other, value, sizeof other);
    other[30] ^= 1;
    forged.value.data = other;
    kad_wire_sign_record(&forged, signer);
    EXPECT_EQ(kad_wire_check_record(&forged), KAD_REFUSAL_NONE);
    EXPECT_EQ(kad_name_open(&names[7], &forged, NULL, out, &opened), KAD_E_CORRUPT);
}

/* A holder, or anybody else who saw the record, has neither the name nor the owner's word for another key. */
TEST(a_value_under_another_signer_has_no_owner)
{
    struct kad_secure_name name;
    struct kad_secure_draft draft;
    struct kad_secure_opened opened;
    struct kad_record record;
    uint8_t value[KAD_SECURE_VALUE_MAX], out[KAD_SECURE_VALUE_MAX];

    EXPECT_EQ(kad_name_parse("room:lobby", NULL, 0, &name), 0);
    draft = secure_draft(&name);
    EXPECT_EQ(kad_name_make(&draft, value, &record), 0);
    kad_wire_sign_record(&record, secure_other);
    EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_NONE); /* a holder cannot tell */
    EXPECT_EQ(kad_name_open(&name, &record, NULL, out, &opened), KAD_E_CORRUPT);
}

TEST(a_letter_opens_for_its_recipient_only)
{
    struct kad_secure_name names[SECURE_NAMES];
    struct kad_secure_draft draft;
    struct kad_secure_opened opened;
    struct kad_record record;
    uint8_t value[KAD_SECURE_VALUE_MAX], out[KAD_SECURE_VALUE_MAX], other[32], secret[64];

    secure_names(names);
    draft = secure_draft(&names[5]);
    draft.seed = secure_other;
    EXPECT_EQ(kad_name_make(&draft, value, &record), 0);
    EXPECT(record.many);
    EXPECT_EQ(kad_name_open(&names[5], &record, secure_owner, out, &opened), 0);
    kad_ed25519_keypair(secure_other, other, secret);
    EXPECT_MEM(opened.owner, other, 32); /* its sender */
    EXPECT(kad_wire_is_for(&record.key, (struct kad_bytes){names[5].public_key, 32}));
    EXPECT(!kad_wire_is_for(&record.key, (struct kad_bytes){other, 32}));
    EXPECT(!kad_wire_is_for(&record.key, (struct kad_bytes){other, 31}));
    EXPECT_EQ(kad_name_open(&names[5], &record, secure_other, out, &opened), KAD_E_CORRUPT);
    EXPECT_EQ(kad_name_open(&names[5], &record, NULL, out, &opened), KAD_E_CORRUPT);
    draft.seed = NULL; /* nobody signs */
    EXPECT_EQ(kad_name_make(&draft, value, &record), 0);
    EXPECT_EQ(kad_name_open(&names[5], &record, secure_owner, out, &opened), 0);
    EXPECT(!opened.has_owner);
    draft.entropy = NULL;
    EXPECT_EQ(kad_name_make(&draft, value, &record), KAD_E_INVALID);
}

/* Of every size that fits, value and size come back; one byte more does not fit. */
TEST(every_size_that_fits_comes_back)
{
    static uint8_t plain[KAD_SECURE_VALUE_MAX + 1];
    struct kad_secure_name names[SECURE_NAMES];

    memset(plain, 0xa5, sizeof plain);
    secure_names(names);
    for (unsigned i = 0; i < SECURE_NAMES; i++) {
        const size_t room = kad_name_room(names[i].class_);

        EXPECT(room >= 700 && room <= KAD_SECURE_VALUE_MAX);
        for (size_t n = 0; n <= room + 1; n += n % 64 < 2 || n + 66 > room ? 1 : 31) {
            struct kad_secure_draft draft = secure_draft(&names[i]);
            uint8_t value[KAD_SECURE_VALUE_MAX], out[KAD_SECURE_VALUE_MAX];
            struct kad_secure_opened opened;
            struct kad_record record;
            int made;

            draft.value = (struct kad_bytes){plain, n};
            if (kad_wire_signer(names[i].class_) == KAD_SIGNER_CONTENT)
                kad_sha256(plain, n, names[i].bytes);
            made = kad_name_make(&draft, value, &record);
            EXPECT_EQ(made, n <= room ? 0 : KAD_E_SPACE);
            if (made)
                break;
            EXPECT(record.value.size <= KAD_SECURE_VALUE_MAX);
            EXPECT_EQ(kad_name_open(&names[i], &record, secure_owner, out, &opened), 0);
            EXPECT_EQ(opened.value.size, n);
            EXPECT_MEM(out, plain, n);
        }
    }
}

TEST(what_was_withdrawn_has_no_value)
{
    struct kad_secure_name names[SECURE_NAMES];

    secure_names(names);
    for (unsigned i = 0; i < SECURE_NAMES; i++) {
        struct kad_secure_draft draft = secure_draft(&names[i]);
        const enum kad_signer signer = kad_wire_signer(names[i].class_);
        uint8_t value[KAD_SECURE_VALUE_MAX];
        struct kad_secure_opened opened;
        struct kad_record record;

        draft.withdrawn = true;
        EXPECT_EQ(kad_name_make(&draft, value, &record), KAD_E_INVALID); /* a value */
        draft.value.size = 0;
        if (signer == KAD_SIGNER_CONTENT || signer == KAD_SIGNER_LETTER) {
            EXPECT_EQ(kad_name_make(&draft, value, &record),
                      KAD_E_INVALID); /* nobody owns content; letters are taken */
            continue;
        }
        EXPECT_EQ(kad_name_make(&draft, value, &record), 0);
        EXPECT_EQ(kad_wire_check_record(&record), KAD_REFUSAL_NONE);
        EXPECT_EQ(kad_name_open(&names[i], &record, NULL, value, &opened), KAD_E_NOT_FOUND);
    }
}

TEST(a_record_opens_under_its_own_name_alone)
{
    struct kad_secure_name names[SECURE_NAMES];

    secure_names(names);
    for (unsigned i = 0; i < SECURE_NAMES; i++) {
        const struct kad_secure_draft draft = secure_draft(&names[i]);
        uint8_t value[KAD_SECURE_VALUE_MAX], out[KAD_SECURE_VALUE_MAX];
        struct kad_secure_opened opened;
        struct kad_record record;

        EXPECT_EQ(kad_name_make(&draft, value, &record), 0);
        for (unsigned j = 0; j < SECURE_NAMES; j++) {
            if (j != i)
                EXPECT_EQ(kad_name_open(&names[j], &record, secure_owner, out, &opened), KAD_E_INVALID);
        }
        names[i].bytes[0] ^= 1;
        EXPECT_EQ(kad_name_open(&names[i], &record, secure_owner, out, &opened), KAD_E_INVALID);
        names[i].bytes[0] ^= 1;
    }
}

TEST(nobody_makes_anothers_peer_record)
{
    struct kad_secure_name names[SECURE_NAMES];
    struct kad_secure_draft draft;
    struct kad_record record;
    uint8_t value[KAD_SECURE_VALUE_MAX];

    secure_names(names);
    draft = secure_draft(&names[4]);
    draft.seed = secure_other;
    EXPECT_EQ(kad_name_make(&draft, value, &record), KAD_E_INVALID);
}

/* -- texts ------------------------------------------------------------------------------------------------------- */

TEST(texts_that_name_something)
{
    const struct kad_class own[] = {
        {.name = "chess", .type = KAD_CLASS_USER, .value_max = 512, .owners_max = 1, .ttl_ms = KAD_HOUR}};
    struct kad_secure_name name;
    uint8_t public_key[32], secret[64];
    struct kad_id id;
    char text[100];

    EXPECT_EQ(kad_name_parse("room:a", NULL, 0, &name), 0);
    EXPECT_EQ(name.class_->type, KAD_CLASS_ROOM);
    EXPECT_EQ(kad_name_parse("room:with: a colon", NULL, 0, &name), 0);
    EXPECT_EQ(name.size, 13);
    EXPECT_EQ(kad_name_parse("provider:0102ff", NULL, 0, &name), 0);
    EXPECT_EQ(name.size, 3);
    EXPECT_EQ(kad_name_parse("chess:game 1", own, 1, &name), 0);
    EXPECT(name.class_ == &own[0]);

    kad_ed25519_keypair(secure_owner, public_key, secret);
    id = kad_identity_id(public_key);
    memcpy(text, "peer:", 5);
    kad_identity_format(public_key, text + 5);
    EXPECT_EQ(kad_name_parse(text, NULL, 0, &name), 0);
    EXPECT(name.has_public_key);
    EXPECT_MEM(name.bytes, id.bytes, 32);
    memcpy(text, "msg:", 4);
    kad_hex(id.bytes, 32, text + 4);
    EXPECT_EQ(kad_name_parse(text, NULL, 0, &name), 0);
    EXPECT(!name.has_public_key);
    EXPECT_MEM(name.bytes, id.bytes, 32);
}

TEST(texts_that_name_nothing)
{
    static const char *const wrong[] = {
        "",          ":",          "room",        "room:",        "rooms:a",
        "Room:a",    "roo:a",      "peer:",       "peer:00",      "msg:id1xv7empyz",
        "provider:", "provider:0", "provider:zz", "immutable:00", "chess:a",
        "plain:",    ":a",
    };
    struct kad_secure_name name;
    char text[300] = "room:";

    for (unsigned i = 0; i < KAD_COUNT_OF(wrong); i++)
        EXPECT_MSG(kad_name_parse(wrong[i], NULL, 0, &name) == KAD_E_INVALID, "%s", wrong[i]);
    memset(text + 5, 'a', 255);
    EXPECT_EQ(kad_name_parse(text, NULL, 0, &name), 0);
    text[260] = 'a';
    EXPECT_EQ(kad_name_parse(text, NULL, 0, &name), KAD_E_INVALID);
}
