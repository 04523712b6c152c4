/* mainline_value - what programs put into Mainline and look for there: ids from anything, values, their keys and signatures. In
 * every build, also those without Mainline: programs keep such values elsewhere too. */
#include "kad/engine.h"

#include <string.h>

#include "core/id.h"
#include "crypto/crypto.h"
#include "wire/krpc/bencode.h"
#include "wire/krpc/record.h"

void kad_mainline_id_of(struct kad_bytes bytes, struct kad_id *out_id)
{
    uint8_t hash[KAD_SHA1_SIZE];

    kad_sha1(bytes.data, bytes.size, hash);
    *out_id = kad_id_from_bytes(hash, sizeof(hash));
}

int kad_mainline_wrap(struct kad_bytes text, uint8_t *out_value, size_t room, size_t *out_size)
{
    struct kad_bencode_writer writer = kad_bencode_writer(out_value, room);

    kad_bencode_put_string(&writer, text.data, text.size);
    if (writer.full)
        return KAD_E_SPACE;
    *out_size = (size_t)(writer.at - out_value);
    return KAD_OK;
}

int kad_mainline_unwrap(struct kad_bytes value, struct kad_bytes *out_text)
{
    struct kad_bencode_reader reader = kad_bencode_reader(value);
    struct kad_bencode_item item;

    if (!kad_bencode_item(&reader, &item) || item.type != KAD_BENCODE_STRING || reader.at != reader.end)
        return KAD_E_INVALID;
    *out_text = item.string;
    return KAD_OK;
}

void kad_mainline_immutable_key(struct kad_bytes value, struct kad_id *out_key)
{
    uint8_t hash[KAD_SHA1_SIZE];

    kad_sha1(value.data, value.size, hash);
    *out_key = kad_id_from_bytes(hash, sizeof(hash));
}

void kad_mainline_mutable_key(const uint8_t public_key[32], struct kad_bytes salt, struct kad_id *out_key)
{
    struct kad_record record = {.type = KAD_RECORD_MUTABLE, .salt = salt};

    memcpy(record.public_key, public_key, sizeof(record.public_key));
    *out_key = kad_krpc_record_key(&record);
}

int kad_mainline_sign(struct kad_record *record, const uint8_t seed[32])
{
    uint8_t secret[KAD_ED25519_SECRET];

    if (record->salt.size > KAD_RECORD_SALT_MAX || record->value.size > KAD_RECORD_VALUE_MAX ||
        record->sequence < 0)
        return KAD_E_INVALID;
    record->type = KAD_RECORD_MUTABLE;
    kad_ed25519_keypair(seed, record->public_key, secret);
    kad_krpc_seal_record(record, secret);
    kad_wipe(secret, sizeof(secret));
    return 0;
}
