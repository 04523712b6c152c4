#include "node/state.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "crypto/crypto.h"
#include "crypto/identity.h"

#define PLAIN      1 /* versions */
#define IDENTITIES 2
#define PEERS      3 /* the same, and what is remembered of peers */

static const uint8_t magic[8] = {'k', 'a', 'd', 's', 't', 'a', 't', 'e'};

enum { KIND_ANNOUNCE = 1, KIND_PUT = 2, KIND_UNTIL = 2 /* added to either: with a date */ };
enum { MANY = 1, WITHDRAWN = 2, RENEWS = 4 };
enum { IS_ADDRESS = 1, BY_OPERATOR = 2 };

void kad_state_init(struct kad_state *state, const struct kad_allocator *allocator)
{
    state->allocator = allocator;
    state->saved_at = 0;
    state->id = (struct kad_id){0};
    state->has_keys = false;
    state->n_peers = 0;
    state->n_contacts = 0; /* the places themselves are written before they count */
    kad_kept_list_init(&state->kept, allocator, UINT16_MAX);
}

void kad_state_clear(struct kad_state *state)
{
    kad_kept_list_clear(&state->kept);
    kad_state_init(state, state->allocator);
}

/* -- anchors ---------------------------------------------------------------------------------------------------- */

void kad_state_anchors_first(struct kad_state *state)
{
    if (state->has_keys && state->n_peers)
        (void)kad_anchors_first(state->contacts, state->keys, state->n_contacts, state->peers,
                                state->n_peers);
}

/* -- writing ---------------------------------------------------------------------------------------------------- */

struct writer {
    uint8_t *bytes;
    size_t room, n; /* n counts what did not fit, too */
};

static void write_bytes(struct writer *writer, const void *bytes, size_t size)
{
    if (size && writer->n + size <= writer->room)
        memcpy(writer->bytes + writer->n, bytes, size);
    writer->n += size;
}

static void write_number(struct writer *writer, uint64_t number, size_t size)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(number >> 8 * (size - 1 - i));
    write_bytes(writer, bytes, size);
}

static void write_contact(struct writer *writer, const struct kad_state *state, size_t i)
{
    const struct kad_contact *contact = &state->contacts[i];

    static_assert(sizeof(state->keys[i]) == sizeof(contact->id.bytes), "one stands in the other's place");
    write_number(writer, contact->endpoint.family, 1);
    write_bytes(writer, state->has_keys ? state->keys[i] : contact->id.bytes, sizeof(contact->id.bytes));
    write_bytes(writer, contact->endpoint.address, kad_endpoint_address_size(&contact->endpoint));
    write_number(writer, contact->endpoint.port, 2);
}

static void write_kept(struct writer *writer, const struct kad_request *request, bool has_classes)
{
    const struct kad_record *record = &request->record;
    const bool put = request->kind == KAD_REQUEST_PUT;
    const uint8_t kind = (uint8_t)((put ? KIND_PUT : KIND_ANNOUNCE) + (request->keep_until ? KIND_UNTIL : 0));

    write_number(writer, kind, 1);
    write_bytes(writer, request->target.bytes, sizeof(request->target.bytes));
    if (request->keep_until)
        write_number(writer, (uint64_t)request->keep_until, 8);
    if (!put) {
        write_number(writer, request->port, 2);
        write_number(writer, request->seed, 1);
        return;
    }
    write_number(writer, record->type, 1);
    write_bytes(writer, record->public_key, sizeof(record->public_key));
    write_bytes(writer, record->signature, sizeof(record->signature));
    write_number(writer, (uint64_t)record->sequence, 8);
    write_number(writer, record->salt.size, 1);
    write_bytes(writer, record->salt.data, record->salt.size);
    write_number(writer, record->value.size, 2);
    write_bytes(writer, record->value.data, record->value.size);
    if (!has_classes)
        return;
    write_number(
        writer,
        (record->many ? MANY : 0) | (record->withdrawn ? WITHDRAWN : 0) | (request->renews ? RENEWS : 0), 1);
    write_number(writer, (uint64_t)record->made_at, 8);
    write_number(writer, (uint64_t)record->valid_until, 8);
    if (request->renews)
        write_bytes(writer, request->signer, sizeof(request->signer));
}

static void write_peer(struct writer *writer, const struct kad_peer_row *peer)
{
    const struct kad_endpoint *at = &peer->contact.endpoint;

    write_number(writer, (peer->is_address ? IS_ADDRESS : 0) | (peer->by_operator ? BY_OPERATOR : 0), 1);
    write_bytes(writer, peer->contact.id.bytes, sizeof(peer->contact.id.bytes));
    write_number(writer, at->family, 1);
    write_bytes(writer, at->address, kad_endpoint_address_size(at));
    write_number(writer, at->port, 2);
    write_number(writer, (uint64_t)peer->first_at, 8);
    write_number(writer, (uint64_t)peer->heard_at, 8);
    write_number(writer, (uint64_t)peer->banned_until, 8);
    write_number(writer, (uint64_t)peer->banned_for, 8);
    write_number(writer, (uint32_t)peer->rtt_ms, 4);
    write_number(writer, peer->answers, 4);
    write_number(writer, peer->silences, 4);
    write_number(writer, peer->refusals, 4);
    write_number(writer, peer->held, 4);
}

static void write_state(struct writer *writer, const struct kad_state *state, size_t size)
{
    write_bytes(writer, magic, sizeof(magic));
    write_number(writer, state->has_keys ? PEERS : PLAIN, 4);
    write_number(writer, size, 4);
    write_number(writer, (uint64_t)state->saved_at, 8);
    write_bytes(writer, state->id.bytes, sizeof(state->id.bytes));
    write_number(writer, state->n_contacts, 2);
    for (size_t i = 0; i < state->n_contacts; i++)
        write_contact(writer, state, i);
    write_number(writer, state->kept.n, 2);
    for (size_t i = 0; i < state->kept.n; i++)
        write_kept(writer, &state->kept.list[i].request, state->has_keys);
    if (!state->has_keys)
        return;
    write_number(writer, state->n_peers, 2);
    for (size_t i = 0; i < state->n_peers; i++)
        write_peer(writer, &state->peers[i]);
}

size_t kad_state_encode(const struct kad_state *state, uint8_t *out_bytes, size_t room)
{
    struct writer measure = {0}, writer = {.bytes = out_bytes, .room = room};
    size_t size;

    write_state(&measure, state, 0);
    size = measure.n + 4;
    if (size > room)
        return size;
    write_state(&writer, state, size);
    write_number(&writer, kad_crc32c(out_bytes, writer.n), 4);
    return size;
}

/* -- reading ---------------------------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *at;
    size_t left;
    bool bad; /* it ended early, or says what cannot be; what is read from then on is zeros */
};

static void read_bytes(struct reader *reader, void *out_bytes, size_t size)
{
    if (reader->bad || size > reader->left) {
        reader->bad = true;
        memset(out_bytes, 0, size);
        return;
    }
    memcpy(out_bytes, reader->at, size);
    reader->at += size;
    reader->left -= size;
}

static uint64_t read_number(struct reader *reader, size_t size)
{
    uint8_t bytes[8];
    uint64_t number = 0;

    read_bytes(reader, bytes, size);
    for (size_t i = 0; i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

static struct kad_bytes borrow(struct reader *reader, size_t size)
{
    const struct kad_bytes bytes = {reader->at, size};

    if (reader->bad || size > reader->left) {
        reader->bad = true;
        return (struct kad_bytes){0};
    }
    reader->at += size;
    reader->left -= size;
    return bytes;
}

static void read_contact(struct reader *reader, struct kad_state *state, size_t i)
{
    struct kad_contact *out_contact = &state->contacts[i];
    const uint64_t family = read_number(reader, 1);
    uint8_t address[16];
    uint16_t port;

    if (family != KAD_IPV4 && family != KAD_IPV6)
        reader->bad = true;
    read_bytes(reader, state->has_keys ? state->keys[i] : out_contact->id.bytes,
               sizeof(out_contact->id.bytes));
    if (state->has_keys)
        out_contact->id = kad_identity_id(state->keys[i]);
    read_bytes(reader, address, family == KAD_IPV4 ? 4 : 16);
    port = (uint16_t)read_number(reader, 2);
    out_contact->endpoint =
        family == KAD_IPV4 ? kad_endpoint_v4(address, port) : kad_endpoint_v6(address, port);
}

static void read_put(struct reader *reader, struct kad_request *request, bool has_classes)
{
    struct kad_record *record = &request->record;
    uint64_t size, flags;

    record->key = request->target;
    record->type = (uint8_t)read_number(reader, 1);
    read_bytes(reader, record->public_key, sizeof(record->public_key));
    read_bytes(reader, record->signature, sizeof(record->signature));
    record->sequence = (int64_t)read_number(reader, 8);
    size = read_number(reader, 1);
    record->salt = borrow(reader, size);
    if (size > KAD_RECORD_SALT_MOST)
        reader->bad = true;
    size = read_number(reader, 2);
    record->value = borrow(reader, size);
    if (size > KAD_RECORD_VALUE_MOST)
        reader->bad = true;
    if (!has_classes)
        return;
    flags = read_number(reader, 1);
    reader->bad |= flags > (MANY | WITHDRAWN | RENEWS);
    record->many = flags & MANY;
    record->withdrawn = flags & WITHDRAWN;
    record->made_at = (kad_ms)read_number(reader, 8);
    record->valid_until = (kad_ms)read_number(reader, 8);
    request->renews = flags & RENEWS;
    if (request->renews)
        read_bytes(reader, request->signer, sizeof(request->signer));
}

/* The request borrows from what is read. */
static void read_kept(struct reader *reader, bool has_classes, struct kad_request *out_request)
{
    uint64_t kind = read_number(reader, 1), seed;

    *out_request = (struct kad_request){.keep = true};
    read_bytes(reader, out_request->target.bytes, sizeof(out_request->target.bytes));
    if (kind > KIND_UNTIL) {
        kind -= KIND_UNTIL;
        out_request->keep_until = (kad_ms)read_number(reader, 8);
        reader->bad |= out_request->keep_until <= 0;
    }
    switch (kind) {
    case KIND_ANNOUNCE:
        out_request->kind = KAD_REQUEST_ANNOUNCE;
        out_request->port = (uint16_t)read_number(reader, 2);
        seed = read_number(reader, 1);
        out_request->seed = seed == 1;
        reader->bad |= seed > 1;
        return;
    case KIND_PUT:
        out_request->kind = KAD_REQUEST_PUT;
        read_put(reader, out_request, has_classes);
        return;
    default:
        reader->bad = true;
        return;
    }
}

static void read_peer(struct reader *reader, struct kad_peer_row *out_peer)
{
    const uint64_t flags = read_number(reader, 1);
    uint8_t address[16];
    uint64_t family;
    uint16_t port;

    *out_peer =
        (struct kad_peer_row){.is_address = flags & IS_ADDRESS, .by_operator = (flags & BY_OPERATOR) != 0};
    read_bytes(reader, out_peer->contact.id.bytes, sizeof(out_peer->contact.id.bytes));
    family = read_number(reader, 1);
    if (flags > (IS_ADDRESS | BY_OPERATOR) ||
        (family != KAD_FAMILY_NONE && family != KAD_IPV4 && family != KAD_IPV6))
        reader->bad = true;
    if (family != KAD_FAMILY_NONE)
        read_bytes(reader, address, family == KAD_IPV4 ? 4 : 16);
    port = (uint16_t)read_number(reader, 2);
    if (family != KAD_FAMILY_NONE)
        out_peer->contact.endpoint =
            family == KAD_IPV4 ? kad_endpoint_v4(address, port) : kad_endpoint_v6(address, port);
    out_peer->first_at = (kad_ms)read_number(reader, 8);
    out_peer->heard_at = (kad_ms)read_number(reader, 8);
    out_peer->banned_until = (kad_ms)read_number(reader, 8);
    out_peer->banned_for = (kad_ms)read_number(reader, 8);
    out_peer->rtt_ms = (int32_t)(uint32_t)read_number(reader, 4);
    out_peer->answers = (uint32_t)read_number(reader, 4);
    out_peer->silences = (uint32_t)read_number(reader, 4);
    out_peer->refusals = (uint32_t)read_number(reader, 4);
    out_peer->held = (uint32_t)read_number(reader, 4);
}

static int read_state(struct reader *reader, struct kad_state *state, bool has_peers)
{
    uint64_t n;

    state->saved_at = (kad_ms)read_number(reader, 8);
    read_bytes(reader, state->id.bytes, sizeof(state->id.bytes));
    n = read_number(reader, 2);
    if (n > KAD_STATE_CONTACTS)
        reader->bad = true;
    for (uint64_t i = 0; i < n && !reader->bad; i++)
        read_contact(reader, state, state->n_contacts++);
    n = read_number(reader, 2);
    for (uint64_t i = 0; i < n && !reader->bad; i++) {
        struct kad_request request;
        struct kad_kept kept;
        int error;

        read_kept(reader, state->has_keys, &request);
        if (reader->bad)
            break;
        error = kad_kept_copy(state->allocator, &request, &kept);
        if (!error)
            error = kad_kept_add(&state->kept, &kept);
        if (error)
            return KAD_E_MEMORY;
    }
    n = has_peers ? read_number(reader, 2) : 0;
    if (n > KAD_STATE_PEERS)
        reader->bad = true;
    for (uint64_t i = 0; i < n && !reader->bad; i++)
        read_peer(reader, &state->peers[state->n_peers++]);
    return reader->bad || reader->left ? KAD_E_CORRUPT : KAD_OK;
}

int kad_state_decode(struct kad_state *state, struct kad_bytes bytes)
{
    struct reader reader = {.at = bytes.data, .left = bytes.size};
    struct reader checksum;
    uint8_t found[sizeof(magic)];
    uint64_t version;
    int error;

    read_bytes(&reader, found, sizeof(found));
    if (memcmp(found, magic, sizeof(magic)) != 0)
        return KAD_E_CORRUPT;
    version = read_number(&reader, 4);
    state->has_keys = version == IDENTITIES || version == PEERS;
    if ((version != PLAIN && !state->has_keys) || read_number(&reader, 4) != bytes.size || reader.left < 4)
        return KAD_E_CORRUPT;
    checksum = (struct reader){.at = bytes.data + bytes.size - 4, .left = 4};
    if (read_number(&checksum, 4) != kad_crc32c(bytes.data, bytes.size - 4))
        return KAD_E_CORRUPT;
    reader.left -= 4;
    error = read_state(&reader, state, version == PEERS);
    if (error)
        kad_state_clear(state);
    return error;
}
