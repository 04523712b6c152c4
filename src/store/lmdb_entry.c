#include "store/lmdb_entry.h"

#include <string.h>

#include "base/endpoint.h"

/* Where things stand in a record's value. */
enum {
    AT_TYPE = 0,
    AT_FLAGS = 1,
    AT_SALT_SIZE = 2,
    AT_VALUE_SIZE = 4,
    AT_SEQUENCE = 8,
    AT_EXPIRES = 16,
    AT_GROUP = 24,
    AT_CHECK = 32,
};
/* And in a peer's. */
enum { AT_PEER_SEED = 0, AT_PEER_EXPIRES = 1, AT_PEER_CHECK = 9 };
/* And in a piece of state. */
enum { AT_STATE_SIZE = 0, AT_STATE_CHECK = 4 };

#define FLAG_PROOF     1u /* public key and signature follow the header */
#define FLAG_CLASSED   2u /* and so do, before them, made_at and valid_until */
#define FLAG_MANY      4u
#define FLAG_WITHDRAWN 8u
#define FLAGS          15u
#define LIFE_BYTES     16u
#define KEY_BYTES      32u
#define PROOF_BYTES    96u

static void write_number(uint8_t *out, uint64_t number, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++)
        out[i] = (uint8_t)(number >> 8 * i);
}

static uint64_t read_number(const uint8_t *in, unsigned n_bytes)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < n_bytes; i++)
        number |= (uint64_t)in[i] << 8 * i;
    return number;
}

/* FNV-1a, 32 bit. Against damage, not against forgery: whoever can write the file can write anything into it. */
static uint32_t fnv(uint32_t sum, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ data[i]) * UINT32_C(16777619);
    return sum;
}

/* Over the key and the value but for the checksum itself. */
static uint32_t checksum(struct kad_bytes key, struct kad_bytes value, size_t at_check)
{
    uint32_t sum = fnv(UINT32_C(2166136261), key.data, key.size);

    sum = fnv(sum, value.data, at_check);
    return fnv(sum, value.data + at_check + 4, value.size - at_check - 4);
}

static bool any_set(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0)
            return true;
    }
    return false;
}

static bool has_proof(const struct kad_record *record)
{
    return any_set(record->public_key, sizeof record->public_key) ||
           any_set(record->signature, sizeof record->signature);
}

static unsigned flags_of(const struct kad_record *record)
{
    return (has_proof(record) ? FLAG_PROOF : 0) | (record->valid_until != 0 ? FLAG_CLASSED : 0) |
           (record->many ? FLAG_MANY : 0) | (record->withdrawn ? FLAG_WITHDRAWN : 0);
}

static size_t head_size(unsigned flags)
{
    return KAD_ENTRY_RECORD_HEADER + (flags & FLAG_CLASSED ? LIFE_BYTES : 0) +
           (flags & FLAG_PROOF ? PROOF_BYTES : 0);
}

size_t kad_entry_record_key(const struct kad_record *record, uint8_t out_key[KAD_ENTRY_RECORD_KEY_MAX])
{
    memcpy(out_key, record->key.bytes, KAD_ID_SIZE);
    if (record->valid_until == 0)
        return KAD_ID_SIZE;
    out_key[KAD_ID_SIZE] = record->type;
    if (!record->many)
        return KAD_ID_SIZE + 1;
    memcpy(out_key + KAD_ID_SIZE + 1, record->public_key, KEY_BYTES);
    return KAD_ID_SIZE + 1 + KEY_BYTES;
}

bool kad_entry_is_record_key(size_t size)
{
    return size == KAD_ID_SIZE || size == KAD_ID_SIZE + 1 || size == KAD_ENTRY_RECORD_KEY_MAX;
}

size_t kad_entry_record_size(const struct kad_record *record)
{
    if (record->salt.size > UINT16_MAX || record->value.size > KAD_ENTRY_RECORD_MAX / 2)
        return 0;
    return head_size(flags_of(record)) + record->salt.size + record->value.size;
}

void kad_entry_record_write(const struct kad_record *record, uint64_t group, uint8_t *out_value)
{
    const unsigned flags = flags_of(record);
    uint8_t key[KAD_ENTRY_RECORD_KEY_MAX];
    const struct kad_bytes whole = {out_value, kad_entry_record_size(record)};
    uint8_t *at = out_value + KAD_ENTRY_RECORD_HEADER;

    out_value[AT_TYPE] = record->type;
    out_value[AT_FLAGS] = (uint8_t)flags;
    write_number(out_value + AT_SALT_SIZE, record->salt.size, 2);
    write_number(out_value + AT_VALUE_SIZE, record->value.size, 4);
    write_number(out_value + AT_SEQUENCE, (uint64_t)record->sequence, 8);
    write_number(out_value + AT_EXPIRES, (uint64_t)record->expires_at, 8);
    write_number(out_value + AT_GROUP, group, 8);
    if (flags & FLAG_CLASSED) {
        write_number(at, (uint64_t)record->made_at, 8);
        write_number(at + 8, (uint64_t)record->valid_until, 8);
        at += LIFE_BYTES;
    }
    if (flags & FLAG_PROOF) {
        memcpy(at, record->public_key, KEY_BYTES);
        memcpy(at + KEY_BYTES, record->signature, PROOF_BYTES - KEY_BYTES);
        at += PROOF_BYTES;
    }
    if (record->salt.size > 0)
        memcpy(at, record->salt.data, record->salt.size);
    if (record->value.size > 0)
        memcpy(at + record->salt.size, record->value.data, record->value.size);
    write_number(out_value + AT_CHECK,
                 checksum((struct kad_bytes){key, kad_entry_record_key(record, key)}, whole, AT_CHECK), 4);
}

int kad_entry_record_read(struct kad_bytes key, struct kad_bytes value, struct kad_record *out_record,
                          uint64_t *out_group)
{
    const uint8_t *at = value.data + KAD_ENTRY_RECORD_HEADER;
    uint8_t key_again[KAD_ENTRY_RECORD_KEY_MAX];
    struct kad_record record = {0};
    unsigned flags;

    if (!kad_entry_is_record_key(key.size) || value.size < KAD_ENTRY_RECORD_HEADER ||
        value.size > KAD_ENTRY_RECORD_MAX)
        return KAD_E_CORRUPT;
    record.type = value.data[AT_TYPE];
    flags = value.data[AT_FLAGS];
    record.salt.size = (size_t)read_number(value.data + AT_SALT_SIZE, 2);
    record.value.size = (size_t)read_number(value.data + AT_VALUE_SIZE, 4);
    if (flags > FLAGS || head_size(flags) + record.salt.size + record.value.size != value.size ||
        record.type == KAD_RECORD_NONE ||
        checksum(key, value, AT_CHECK) != read_number(value.data + AT_CHECK, 4))
        return KAD_E_CORRUPT;

    memcpy(record.key.bytes, key.data, KAD_ID_SIZE);
    record.many = flags & FLAG_MANY;
    record.withdrawn = flags & FLAG_WITHDRAWN;
    record.sequence = (int64_t)read_number(value.data + AT_SEQUENCE, 8);
    record.expires_at = (kad_ms)read_number(value.data + AT_EXPIRES, 8);
    if (flags & FLAG_CLASSED) {
        record.made_at = (kad_ms)read_number(at, 8);
        record.valid_until = (kad_ms)read_number(at + 8, 8);
        at += LIFE_BYTES;
        if (record.valid_until == 0)
            return KAD_E_CORRUPT;
    }
    if (flags & FLAG_PROOF) {
        memcpy(record.public_key, at, KEY_BYTES);
        memcpy(record.signature, at + KEY_BYTES, PROOF_BYTES - KEY_BYTES);
        at += PROOF_BYTES;
    }
    record.salt.data = at;
    record.value.data = at + record.salt.size;
    if (kad_entry_record_key(&record, key_again) != key.size || memcmp(key_again, key.data, key.size) != 0)
        return KAD_E_CORRUPT;
    *out_record = record;
    *out_group = read_number(value.data + AT_GROUP, 8);
    return KAD_OK;
}

size_t kad_entry_peer_key(const struct kad_id *key, const struct kad_endpoint *peer,
                          uint8_t out_key[KAD_ENTRY_PEER_KEY_MAX])
{
    const size_t address_size = kad_endpoint_address_size(peer);
    uint8_t *at = out_key;

    memcpy(at, key->bytes, KAD_ID_SIZE);
    at += KAD_ID_SIZE;
    *at++ = peer->family;
    memcpy(at, peer->address, address_size);
    at += address_size;
    *at++ = (uint8_t)(peer->port >> 8); /* as on the wire */
    *at++ = (uint8_t)peer->port;
    return (size_t)(at - out_key);
}

void kad_entry_peer_write(const struct kad_mem_peer *peer, uint8_t out_value[KAD_ENTRY_PEER_VALUE])
{
    uint8_t key[KAD_ENTRY_PEER_KEY_MAX];
    const size_t key_size = kad_entry_peer_key(&peer->key, &peer->endpoint, key);

    out_value[AT_PEER_SEED] = peer->seed;
    write_number(out_value + AT_PEER_EXPIRES, (uint64_t)peer->expires_at, 8);
    write_number(out_value + AT_PEER_CHECK,
                 checksum((struct kad_bytes){key, key_size},
                          (struct kad_bytes){out_value, KAD_ENTRY_PEER_VALUE}, AT_PEER_CHECK),
                 4);
}

int kad_entry_peer_read(struct kad_bytes key, struct kad_bytes value, struct kad_mem_peer *out_peer)
{
    struct kad_mem_peer peer = {0};
    const uint8_t *address;
    uint16_t port;

    if (key.size < KAD_ID_SIZE + 1 + 4 + 2 || value.size != KAD_ENTRY_PEER_VALUE ||
        value.data[AT_PEER_SEED] > 1)
        return KAD_E_CORRUPT;
    if (checksum(key, value, AT_PEER_CHECK) != read_number(value.data + AT_PEER_CHECK, 4))
        return KAD_E_CORRUPT;
    address = key.data + KAD_ID_SIZE + 1;
    port = (uint16_t)(key.data[key.size - 2] << 8 | key.data[key.size - 1]);
    if (key.data[KAD_ID_SIZE] == KAD_IPV4 && key.size == KAD_ID_SIZE + 1 + 4 + 2)
        peer.endpoint = kad_endpoint_v4(address, port);
    else if (key.data[KAD_ID_SIZE] == KAD_IPV6 && key.size == KAD_ENTRY_PEER_KEY_MAX)
        peer.endpoint = kad_endpoint_v6(address, port);
    /* A mapped address comes back as IPv4: never written by us, and its entry could not be found again. */
    if (port == 0 || peer.endpoint.family != key.data[KAD_ID_SIZE])
        return KAD_E_CORRUPT;
    memcpy(peer.key.bytes, key.data, KAD_ID_SIZE);
    peer.seed = value.data[AT_PEER_SEED] == 1;
    peer.expires_at = (kad_ms)read_number(value.data + AT_PEER_EXPIRES, 8);
    *out_peer = peer;
    return KAD_OK;
}

void kad_entry_state_write(struct kad_bytes name, struct kad_bytes content, uint8_t *out_value)
{
    const struct kad_bytes whole = {out_value, KAD_ENTRY_STATE_HEADER + content.size};

    write_number(out_value + AT_STATE_SIZE, content.size, 4);
    if (content.size > 0)
        memcpy(out_value + KAD_ENTRY_STATE_HEADER, content.data, content.size);
    write_number(out_value + AT_STATE_CHECK, checksum(name, whole, AT_STATE_CHECK), 4);
}

int kad_entry_state_read(struct kad_bytes name, struct kad_bytes value, struct kad_bytes *out_content)
{
    if (value.size < KAD_ENTRY_STATE_HEADER ||
        read_number(value.data + AT_STATE_SIZE, 4) != value.size - KAD_ENTRY_STATE_HEADER ||
        checksum(name, value, AT_STATE_CHECK) != read_number(value.data + AT_STATE_CHECK, 4))
        return KAD_E_CORRUPT;
    *out_content =
        (struct kad_bytes){value.data + KAD_ENTRY_STATE_HEADER, value.size - KAD_ENTRY_STATE_HEADER};
    return KAD_OK;
}
