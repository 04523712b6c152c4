/* test_secure - names and drafts for tests: every class at once. */
#ifndef KAD_WIRE_KAD_TEST_SECURE_H
#define KAD_WIRE_KAD_TEST_SECURE_H

#include <string.h>

#include "base/test.h"
#include "crypto/crypto.h"
#include "wire/kad/name.h"
#include "wire/kad/record.h"

#define SECURE_NOW ((kad_ms)1790000000000)

static const uint8_t secure_owner[32] = {1, 'o', 'w', 'n', 'e', 'r'};
static const uint8_t secure_other[32] = {2, 'o', 't', 'h', 'e', 'r'};
static const uint8_t secure_entropy[32] = {3, 'o', 'n', 'c', 'e'};
static const uint8_t secure_content[] = "what is to be found by its hash";

static inline struct kad_bytes secure_text(const char *text)
{
    return (struct kad_bytes){(const uint8_t *)text, strlen(text)};
}

/* A name of every class, `n` of them. For msg and peer the owner's own. */
#define SECURE_NAMES 9
static inline void secure_names(struct kad_secure_name out_names[SECURE_NAMES])
{
    static const char *const texts[] = {"room:lobby", "domain:example", "listing:bicycle", "mutable:diary"};
    uint8_t public_key[32], secret[64];
    int wrong = 0;

    kad_ed25519_keypair(secure_owner, public_key, secret);
    for (unsigned i = 0; i < 4; i++)
        wrong |= kad_name_parse(texts[i], NULL, 0, &out_names[i]);
    wrong |= kad_name_of("peer", (struct kad_bytes){public_key, 32}, NULL, 0, &out_names[4]);
    wrong |= kad_name_of("msg", (struct kad_bytes){public_key, 32}, NULL, 0, &out_names[5]);
    wrong |= kad_name_of("provider", secure_text("some info-hash"), NULL, 0, &out_names[6]);
    kad_sha256(secure_content, sizeof secure_content, public_key);
    wrong |= kad_name_of("immutable", (struct kad_bytes){public_key, 32}, NULL, 0, &out_names[7]);
    wrong |= kad_name_of("plain", (struct kad_bytes){public_key, 32}, NULL, 0, &out_names[8]);
    EXPECT_EQ(wrong, 0);
}

static inline struct kad_secure_draft secure_draft(const struct kad_secure_name *name)
{
    const bool content = name->class_->type == KAD_RECORD_IMMUTABLE;

    return (struct kad_secure_draft){
        .name = name,
        .value = content ? (struct kad_bytes){secure_content, sizeof secure_content}
                         : secure_text("a value of the owner's"),
        .seed = secure_owner,
        .entropy = name->class_->type == KAD_CLASS_MESSAGE ? secure_entropy : NULL,
        .sequence = content ? 0 : 7,
        .made_at = SECURE_NOW,
    };
}

#endif
