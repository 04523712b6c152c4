#include "wire/libp2p/records.h"

#include <string.h>

#include "crypto/crypto.h"
#include "crypto/peer_id.h"
#include "wire/libp2p/message.h"

static const struct kad_class classes[][2] = {
    {{.name = "value",
      .type = KAD_P2P_VALUE,
      .value_max = KAD_RECORD_VALUE_MOST,
      .owners_max = 1,
      .plain = true,
      .ttl_ms = KAD_P2P_VALUE_LIFE},
     {.name = "provider",
      .type = KAD_CLASS_PROVIDER,
      .value_max = KAD_P2P_PEER_MAX,
      .owners_max = 256,
      .plain = true,
      .ttl_ms = 12 * KAD_HOUR}},
    {{.name = "value",
      .type = KAD_P2P_VALUE,
      .value_max = KAD_RECORD_VALUE_MOST,
      .owners_max = 1,
      .plain = true,
      .ttl_ms = KAD_P2P_VALUE_LIFE},
     {.name = "provider",
      .type = KAD_CLASS_PROVIDER,
      .value_max = KAD_P2P_PEER_MAX,
      .owners_max = 256,
      .plain = true,
      .ttl_ms = 48 * KAD_HOUR}},
};

static const struct kad_class *class_of(unsigned preset, uint8_t type)
{
    if (type == KAD_P2P_VALUE)
        return &classes[preset][0];
    return type == KAD_CLASS_PROVIDER ? &classes[preset][1] : NULL;
}

const struct kad_class *kad_p2p_class_of_icn(uint8_t type)
{
    return class_of(0, type);
}

const struct kad_class *kad_p2p_class_of_ipfs(uint8_t type)
{
    return class_of(1, type);
}

static bool begins(struct kad_bytes name, const char *word)
{
    return name.size > strlen(word) && memcmp(name.data, word, strlen(word)) == 0;
}

uint8_t kad_p2p_type_of(struct kad_bytes name)
{
    return begins(name, "/pk/") || begins(name, "/ipns/") ? KAD_P2P_VALUE : KAD_CLASS_USER;
}

static bool is_public_key(struct kad_bytes name, struct kad_bytes value)
{
    uint8_t id[KAD_PEER_ID_MAX];
    size_t n;

    return kad_peer_id_of_key(value, id, &n) == 0 && name.size == 4 + n && memcmp(name.data + 4, id, n) == 0;
}

/* Its addresses may be none: who answers for another keeps them for a shorter time than the record. Who announces itself must say them
 * (engine/swarm.h). */
static bool is_provider(const struct kad_record *record)
{
    struct kad_p2p_message message;
    uint8_t wrapped[KAD_P2P_PEER_MAX + 8];
    struct kad_proto_writer writer = {.bytes = wrapped, .room = sizeof(wrapped)};
    struct kad_id place;

    kad_proto_put_bytes(&writer, KAD_P2P_PROVIDERS_FIELD, record->value);
    if (writer.full || kad_p2p_decode((struct kad_bytes){wrapped, writer.n}, &message) < 0 ||
        message.n_providers != 1)
        return false;
    kad_peer_id_place(message.providers[0].id, &place);
    return record->many && memcmp(place.bytes, record->public_key, 32) == 0;
}

enum kad_refusal kad_p2p_check_record(const struct kad_record *record)
{
    const bool provider = record->type == KAD_CLASS_PROVIDER;
    struct kad_ipns ipns;
    uint8_t hash[32];

    if (!record->salt.size || record->salt.size > KAD_P2P_KEY_MAX || record->withdrawn || record->hashed)
        return KAD_REFUSAL_PROTOCOL;
    if (record->value.size > (provider ? KAD_P2P_PEER_MAX : KAD_RECORD_VALUE_MOST))
        return KAD_REFUSAL_TOO_BIG;
    kad_sha256(record->salt.data, record->salt.size, hash);
    if (memcmp(hash, record->key.bytes, sizeof(hash)) != 0)
        return KAD_REFUSAL_PROTOCOL;
    if (provider)
        return is_provider(record) ? KAD_REFUSAL_NONE : KAD_REFUSAL_PROTOCOL;
    if (record->many || record->type != kad_p2p_type_of(record->salt))
        return KAD_REFUSAL_PROTOCOL;
    if (record->type == KAD_CLASS_USER) /* the program's own class looks at it */
        return KAD_REFUSAL_NONE;
    if (begins(record->salt, "/pk/"))
        return is_public_key(record->salt, record->value) ? KAD_REFUSAL_NONE : KAD_REFUSAL_SIGNATURE;
    if (kad_ipns_check(record->salt, record->value, &ipns) < 0)
        return KAD_REFUSAL_SIGNATURE;
    return ipns.sequence == (uint64_t)record->sequence && ipns.valid_until == record->valid_until
               ? KAD_REFUSAL_NONE
               : KAD_REFUSAL_PROTOCOL;
}

void kad_p2p_digest(const struct kad_record *record, uint8_t out_digest[32])
{
    uint8_t bytes[1 + 32 + 32 + 32];

    bytes[0] = record->type;
    memcpy(bytes + 1, record->key.bytes, 32);
    memcpy(bytes + 33, record->public_key, 32);
    kad_sha256(record->value.data, record->value.size, bytes + 65);
    kad_sha256(bytes, sizeof(bytes), out_digest);
}

void kad_p2p_renew(struct kad_record *record, const uint8_t *seed)
{
    struct kad_ipns ipns;

    (void)seed;
    if (record->type == KAD_CLASS_PROVIDER)
        record->sequence = record->made_at;
    if (begins(record->salt, "/ipns/") && kad_ipns_check(record->salt, record->value, &ipns) == KAD_OK)
        record->valid_until = ipns.valid_until; /* whoever signed it said so */
}
