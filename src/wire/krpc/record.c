#include "wire/krpc/record.h"

#include <assert.h>
#include <string.h>

#include "wire/krpc/bencode.h"

struct kad_id kad_krpc_record_key(const struct kad_record *record)
{
    struct kad_id key = {{0}};

    if (record->type == KAD_RECORD_IMMUTABLE) {
        kad_sha1(record->value.data, record->value.size, key.bytes);
    } else {
        uint8_t owner[sizeof record->public_key + KAD_RECORD_SALT_MAX];

        assert(record->type == KAD_RECORD_MUTABLE && "BEP 44 knows two types");
        assert(record->salt.size <= KAD_RECORD_SALT_MAX &&
               "checked by the decoder, the API and check_record");
        memcpy(owner, record->public_key, sizeof record->public_key);
        if (record->salt.size > 0)
            memcpy(owner + sizeof record->public_key, record->salt.data, record->salt.size);
        kad_sha1(owner, sizeof record->public_key + record->salt.size, key.bytes);
    }
    return key;
}

size_t kad_krpc_signed_bytes(const struct kad_record *record, uint8_t out_bytes[KAD_KRPC_SIGNED_MAX])
{
    struct kad_bencode_writer writer = kad_bencode_writer(out_bytes, KAD_KRPC_SIGNED_MAX);

    if (record->salt.size > 0) {
        kad_bencode_put(&writer, "4:salt", 6);
        kad_bencode_put_string(&writer, record->salt.data, record->salt.size);
    }
    kad_bencode_put(&writer, "3:seq", 5);
    kad_bencode_put_integer(&writer, record->sequence);
    kad_bencode_put(&writer, "1:v", 3);
    kad_bencode_put(&writer, record->value.data, record->value.size);
    assert(!writer.full && "sizes were checked before");
    return (size_t)(writer.at - out_bytes);
}

static bool signature_holds(const struct kad_record *record)
{
    uint8_t bytes[KAD_KRPC_SIGNED_MAX];
    size_t size = kad_krpc_signed_bytes(record, bytes);

    return kad_ed25519_verify(record->public_key, bytes, size, record->signature);
}

enum kad_refusal kad_krpc_check_record(const struct kad_record *record)
{
    struct kad_id key;

    if (record->type != KAD_RECORD_IMMUTABLE && record->type != KAD_RECORD_MUTABLE)
        return KAD_REFUSAL_PROTOCOL;
    if (record->value.size > KAD_RECORD_VALUE_MAX)
        return KAD_REFUSAL_TOO_BIG;
    if (record->type == KAD_RECORD_MUTABLE && record->salt.size > KAD_RECORD_SALT_MAX)
        return KAD_REFUSAL_SALT_TOO_BIG;
    if (record->type == KAD_RECORD_MUTABLE && record->sequence < 0)
        return KAD_REFUSAL_PROTOCOL;
    if (!kad_bencode_canonical(record->value))
        return KAD_REFUSAL_PROTOCOL;
    key = kad_krpc_record_key(record);
    if (memcmp(&key, &record->key, sizeof key) != 0)
        return KAD_REFUSAL_PROTOCOL;
    if (record->type == KAD_RECORD_MUTABLE && !signature_holds(record))
        return KAD_REFUSAL_SIGNATURE;
    return KAD_REFUSAL_NONE;
}

void kad_krpc_seal_record(struct kad_record *record, const uint8_t *secret)
{
    record->key = kad_krpc_record_key(record);
    if (record->type == KAD_RECORD_MUTABLE) {
        uint8_t bytes[KAD_KRPC_SIGNED_MAX];
        size_t size = kad_krpc_signed_bytes(record, bytes);

        assert(secret && "a mutable record is signed");
        kad_ed25519_sign(secret, bytes, size, record->signature);
    }
}
