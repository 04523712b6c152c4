#include "wire/kad/record.h"

#include <assert.h>
#include <string.h>

#include "core/message.h"
#include "wire/kad/name.h"
#include "wire/kad/wire.h"

#define OF_CLASS(class_name, record_type, ttl) \
    .name = (class_name), .type = (record_type), .ttl_ms = (ttl), .value_max = KAD_SECURE_VALUE_MAX

static const struct kad_class classes[KAD_CLASS_USER] = {
    [KAD_RECORD_IMMUTABLE] = {OF_CLASS("immutable", KAD_RECORD_IMMUTABLE, 7 * 24 * KAD_HOUR),
                              .owners_max = 1},
    [KAD_RECORD_MUTABLE] = {OF_CLASS("mutable", KAD_RECORD_MUTABLE, 24 * KAD_HOUR), .owners_max = 1,
                            .first_owner = true},
    [KAD_CLASS_PEER] = {OF_CLASS("peer", KAD_CLASS_PEER, KAD_HOUR), .owners_max = 1, .first_owner = true},
    [KAD_CLASS_ROOM] = {OF_CLASS("room", KAD_CLASS_ROOM, 24 * KAD_HOUR), .owners_max = 1,
                        .first_owner = true},
    [KAD_CLASS_DOMAIN] = {OF_CLASS("domain", KAD_CLASS_DOMAIN, KAD_NEVER), .owners_max = 1,
                          .first_owner = true},
    [KAD_CLASS_LISTING] = {OF_CLASS("listing", KAD_CLASS_LISTING, 7 * 24 * KAD_HOUR), .owners_max = 1,
                           .first_owner = true},
    [KAD_CLASS_MESSAGE] = {OF_CLASS("msg", KAD_CLASS_MESSAGE, KAD_HOUR), .owners_max = 64,
                           .taken_once = true},
    [KAD_CLASS_PROVIDER] = {OF_CLASS("provider", KAD_CLASS_PROVIDER, 12 * KAD_HOUR), .owners_max = 256},
};
const struct kad_class kad_wire_class_plain = {OF_CLASS("plain", KAD_RECORD_IMMUTABLE, 7 * 24 * KAD_HOUR),
                                               .owners_max = 1, .plain = true};

const struct kad_class *kad_wire_class_of(uint8_t type)
{
    return type < KAD_CLASS_USER && classes[type].name ? &classes[type] : NULL;
}

/* "kad/1 record" 0 | type | flags | key | sequence | made_at | valid_until | H(value) | public key; all but the last is signed. */
#define SIGNED_SIZE (13 + 2 + 32 + 3 * 8 + 32)
#define DIGEST_SIZE (SIGNED_SIZE + 32)

static void cover(const struct kad_record *record, uint8_t out_bytes[DIGEST_SIZE])
{
    uint8_t *at = out_bytes;

    memcpy(at, "kad/1 record", 13);
    at += 13;
    *at++ = record->type;
    *at++ = kad_wire_record_flags(record);
    memcpy(at, record->key.bytes, 32);
    at = kad_wire_put_u64(at + 32, (uint64_t)record->sequence);
    at = kad_wire_put_u64(at, (uint64_t)record->made_at);
    at = kad_wire_put_until(at, record->valid_until);
    if (record->hashed) {
        assert(record->value.size == KAD_GHOST_SIZE && "a ghost has a hash for its value");
        memcpy(at, record->value.data, KAD_GHOST_SIZE);
    } else {
        kad_sha256(record->value.data, record->value.size, at);
    }
    memcpy(at + 32, record->public_key, 32);
}

void kad_wire_digest(const struct kad_record *record, uint8_t out_digest[32])
{
    uint8_t bytes[DIGEST_SIZE];

    cover(record, bytes);
    kad_sha256(bytes, sizeof bytes, out_digest);
}

void kad_wire_sign_record(struct kad_record *record, const uint8_t seed[KAD_ED25519_SEED])
{
    uint8_t bytes[DIGEST_SIZE], secret[KAD_ED25519_SECRET];

    kad_ed25519_keypair(seed, record->public_key, secret);
    cover(record, bytes);
    kad_ed25519_sign(secret, bytes, SIGNED_SIZE, record->signature);
    kad_wipe(secret, sizeof secret);
}

void kad_wire_make_ghost(struct kad_record *record, uint8_t out_hash[KAD_GHOST_SIZE])
{
    assert(!record->hashed && "it is one");
    kad_sha256(record->value.data, record->value.size, out_hash);
    record->value = (struct kad_bytes){out_hash, KAD_GHOST_SIZE};
    record->hashed = true;
}

/* The key, where the class ties it to who signs, or to what is in it. */
static bool key_fits(const struct kad_record *record)
{
    struct kad_id id, key;
    uint8_t hash[32];

    switch (record->type) {
    case KAD_CLASS_PEER:
        kad_sha256(record->public_key, 32, id.bytes);
        key = kad_wire_key("peer", (struct kad_bytes){id.bytes, 32});
        return kad_id_equal(&key, &record->key);
    case KAD_RECORD_IMMUTABLE: /* sealed: who signs knew the name; plain: it is the value's own */
        key = kad_wire_key("immutable", (struct kad_bytes){record->public_key, 32});
        if (kad_id_equal(&key, &record->key))
            return true;
        if (record->hashed)
            memcpy(hash, record->value.data, sizeof hash);
        else
            kad_sha256(record->value.data, record->value.size, hash);
        key = kad_wire_key("plain", (struct kad_bytes){hash, sizeof hash});
        return kad_id_equal(&key, &record->key);
    default:
        return true;
    }
}

enum kad_refusal kad_wire_check_record(const struct kad_record *record)
{
    const struct kad_class *class = kad_wire_class_of(record->type);
    enum kad_refusal refusal;
    uint8_t bytes[DIGEST_SIZE];

    if (record->type == KAD_RECORD_NONE || record->salt.size || record->sequence < 0 ||
        record->sequence == INT64_MAX || record->made_at < 0)
        return KAD_REFUSAL_PROTOCOL;
    if (record->hashed ? record->value.size != KAD_GHOST_SIZE : record->withdrawn && record->value.size > 0)
        return KAD_REFUSAL_PROTOCOL;
    if (record->value.size > KAD_SECURE_VALUE_MAX)
        return KAD_REFUSAL_TOO_BIG;
    if (record->valid_until <= record->made_at)
        return KAD_REFUSAL_LIFE;
    refusal = class ? kad_class_check(class, record) : KAD_REFUSAL_NONE;
    if (refusal != KAD_REFUSAL_NONE)
        return refusal;
    if (record->type == KAD_RECORD_IMMUTABLE && (record->sequence || record->withdrawn))
        return KAD_REFUSAL_PROTOCOL;
    if (!key_fits(record))
        return KAD_REFUSAL_OWNER;
    cover(record, bytes);
    return kad_ed25519_verify(record->public_key, bytes, SIGNED_SIZE, record->signature)
               ? KAD_REFUSAL_NONE
               : KAD_REFUSAL_SIGNATURE;
}

bool kad_wire_id_of(struct kad_bytes identity, struct kad_id *out_id)
{
    if (identity.size != 32)
        return false;
    kad_sha256(identity.data, identity.size, out_id->bytes);
    return true;
}

bool kad_wire_is_for(const struct kad_id *key, struct kad_bytes identity)
{
    struct kad_id id, mailbox;

    if (!kad_wire_id_of(identity, &id))
        return false;
    mailbox = kad_wire_key("msg", (struct kad_bytes){id.bytes, 32});
    return kad_id_equal(&mailbox, key);
}

/* -- what holders sign for --------------------------------------------------------------------------------------- */

#define ATTEST_SIZE (13 + 1 + 32 + 32 + 8)

static void cover_attest(const struct kad_attest *attest, uint8_t out_bytes[ATTEST_SIZE])
{
    memcpy(out_bytes, "kad/1 attest", 13);
    out_bytes[13] = attest->kind;
    memcpy(out_bytes + 14, attest->key.bytes, 32);
    memcpy(out_bytes + 46, attest->digest, 32);
    kad_wire_put_until(out_bytes + 78, attest->at);
}

void kad_wire_sign_attest(struct kad_attest *attest, const uint8_t *secret)
{
    uint8_t bytes[ATTEST_SIZE];

    memcpy(attest->public_key, secret + KAD_ED25519_SEED, 32);
    cover_attest(attest, bytes);
    kad_ed25519_sign(secret, bytes, sizeof bytes, attest->signature);
}

bool kad_wire_check_attest(const struct kad_attest *attest)
{
    uint8_t bytes[ATTEST_SIZE];

    if (attest->kind < KAD_ATTEST_STORED || attest->kind > KAD_ATTEST_NOTHING || attest->at < 0)
        return false;
    cover_attest(attest, bytes);
    return kad_ed25519_verify(attest->public_key, bytes, sizeof bytes, attest->signature);
}
