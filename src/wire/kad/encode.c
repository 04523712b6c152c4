/* encode - a message becomes a session's plaintext. Fields stand in the order of their tags, which is the order below. */
#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "wire/kad/fields.h"
#include "wire/kad/kad.h"
#include "wire/kad/methods.h"
#include "wire/kad/wire.h"

#define FIELD_HEAD 3 /* tag and length */
#define FROM_FIELD (FIELD_HEAD + 4)
#define CONTACTS_FIRST \
    8 /* so many contacts are worth more than a second value: without them a lookup stands still */

struct writer {
    uint8_t *at, *end;
    bool full;
    unsigned tag; /* the last one: they ascend */
};

/* Where a field's value goes, NULL: no room. */
static uint8_t *put_head(struct writer *writer, enum kad_wire_tag tag, size_t size)
{
    uint8_t *value;

    assert((tag > writer->tag || tag == KAD_TAG_RECORD) && "tags ascend");
    writer->tag = tag;
    if (writer->full || (size_t)(writer->end - writer->at) < FIELD_HEAD + size) {
        writer->full = true;
        return NULL;
    }
    *writer->at = (uint8_t)tag;
    value = kad_wire_put_u16(writer->at + 1, size);
    writer->at = value + size;
    return value;
}

static void put_bytes(struct writer *writer, enum kad_wire_tag tag, const void *data, size_t size)
{
    uint8_t *at = put_head(writer, tag, size);

    if (at)
        memcpy(at, data, size);
}

static void put_byte(struct writer *writer, enum kad_wire_tag tag, uint8_t byte)
{
    put_bytes(writer, tag, &byte, 1);
}

static void put_number(struct writer *writer, enum kad_wire_tag tag, int64_t number)
{
    uint8_t *at = put_head(writer, tag, 8);

    if (at)
        kad_wire_put_u64(at, (uint64_t)number);
}

static uint8_t *write_endpoint(uint8_t *at, const struct kad_endpoint *endpoint)
{
    const size_t size = kad_endpoint_address_size(endpoint);

    memcpy(at, endpoint->address, size);
    return kad_wire_put_u16(at + size, endpoint->port);
}

static void put_record(struct writer *writer, enum kad_wire_tag tag, const struct kad_record *record)
{
    uint8_t *at = put_head(writer, tag, KAD_WIRE_RECORD + record->value.size);

    assert(record->hashed == (tag == KAD_TAG_GHOST) && "what is left of a record is no record");
    if (!at)
        return;
    *at++ = record->type;
    *at++ = kad_wire_record_flags(record);
    memcpy(at, record->key.bytes, 32);
    memcpy(at + 32, record->public_key, 32);
    at = kad_wire_put_u64(at + 64, (uint64_t)record->sequence);
    at = kad_wire_put_u64(at, (uint64_t)record->made_at);
    at = kad_wire_put_until(at, record->valid_until);
    if (record->value.size)
        memcpy(at, record->value.data, record->value.size);
    memcpy(at + record->value.size, record->signature, 64);
}

static void put_attest(struct writer *writer, const struct kad_attest *attest)
{
    uint8_t *at = put_head(writer, KAD_TAG_ATTEST, KAD_WIRE_ATTEST);

    if (!at)
        return;
    *at++ = attest->kind;
    memcpy(at, attest->digest, 32);
    at = kad_wire_put_until(at + 32, attest->at);
    memcpy(at, attest->signature, 64);
}

/* -- contacts ----------------------------------------------------------------------------------------------------- */

static const struct kad_endpoint *endpoint_of(const struct kad_message *message, size_t i)
{
    return message->named ? &message->named[i]->endpoint : &message->contacts[i].endpoint;
}

static struct kad_bytes identity_of(const struct kad_message *message, size_t i)
{
    return message->named_identities ? message->named_identities[i] : message->identities[i];
}

/* Can this one be named, among those of `family`? Without its key nobody could speak to it. */
static bool nameable(const struct kad_message *message, size_t i, enum kad_family family)
{
    return endpoint_of(message, i)->family == family && identity_of(message, i).size == 32;
}

static void put_contacts_of(struct writer *writer, const struct kad_message *message, enum kad_family family,
                            size_t n)
{
    const bool v4 = family == KAD_IPV4;
    uint8_t *at;

    if (!n)
        return;
    at = put_head(writer, v4 ? KAD_TAG_CONTACTS_V4 : KAD_TAG_CONTACTS_V6,
                  n * (v4 ? KAD_WIRE_CONTACT_V4 : KAD_WIRE_CONTACT_V6));
    for (size_t i = 0; at && n > 0; i++) {
        if (!nameable(message, i, family))
            continue;
        memcpy(at, identity_of(message, i).data, 32);
        at = write_endpoint(at + 32, endpoint_of(message, i));
        n--;
    }
}

/* As many as fit, one of each family in turn, so that neither pushes the other out. */
static void put_contacts(struct writer *writer, const struct kad_message *message)
{
    size_t room = (size_t)(writer->end - writer->at);
    size_t have[2] = {0, 0}, take[2] = {0, 0};
    bool more = true;

    for (size_t i = 0; i < message->n_contacts; i++) {
        have[0] += nameable(message, i, KAD_IPV4);
        have[1] += nameable(message, i, KAD_IPV6);
    }
    while (more) {
        more = false;
        for (unsigned family = 0; family < 2; family++) {
            const size_t each = family ? KAD_WIRE_CONTACT_V6 : KAD_WIRE_CONTACT_V4;
            const size_t size = each + (take[family] ? 0 : FIELD_HEAD);

            if (take[family] < have[family] && size <= room) {
                take[family]++;
                room -= size;
                more = true;
            }
        }
    }
    put_contacts_of(writer, message, KAD_IPV4, take[0]);
    put_contacts_of(writer, message, KAD_IPV6, take[1]);
}

/* What the first contacts will take, at most. */
static size_t room_for_contacts(const struct kad_message *message)
{
    const size_t n = message->n_contacts < CONTACTS_FIRST ? message->n_contacts : CONTACTS_FIRST;
    size_t size = n ? 2 * FIELD_HEAD : 0;

    for (size_t i = 0; i < n; i++)
        size += 32 + kad_endpoint_address_size(endpoint_of(message, i)) + 2;
    return size;
}

/* -- records ------------------------------------------------------------------------------------------------------ */

static const struct kad_record *record_at(const struct kad_message *message, unsigned i)
{
    return i ? &message->records[i - 1] : &message->record;
}

/* The values of the key, and where the list goes on. */
static void put_records(struct writer *writer, const struct kad_message *message)
{
    const unsigned n = message->record.type == KAD_RECORD_NONE ? 0 : 1u + message->n_records;
    uint32_t from = message->from;

    for (unsigned i = 0; i < n; i++) {
        const size_t size = FIELD_HEAD + KAD_WIRE_RECORD + record_at(message, i)->value.size;
        const size_t kept = FROM_FIELD + room_for_contacts(message);

        if (i > 0 && message->has_places && (size_t)(writer->end - writer->at) < size + kept) {
            from = message->places[i - 1];
            break;
        }
        put_record(writer, KAD_TAG_RECORD, record_at(message, i));
    }
    if (from) {
        uint8_t *at = put_head(writer, KAD_TAG_FROM, 4);

        if (at)
            kad_wire_put_u32(at, from);
    }
}

/* -- the three kinds ---------------------------------------------------------------------------------------------- */

static void put_target(struct writer *writer, const struct kad_message *message)
{
    struct kad_id target = message->target;

    for (unsigned bit = message->prefix_bits; message->prefix_bits && bit < 8 * KAD_ID_SIZE; bit++)
        target.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    put_bytes(writer, KAD_TAG_TARGET, target.bytes, sizeof target.bytes);
}

static void put_query(struct writer *writer, const struct kad_message *message,
                      const struct kad_wire_form *form)
{
    const uint8_t flags =
        (uint8_t)((message->read_only ? KAD_WIRE_READ_ONLY : 0) |
                  (message->want_ipv4 ? KAD_WIRE_WANT_V4 : 0) | (message->want_ipv6 ? KAD_WIRE_WANT_V6 : 0) |
                  (message->wants_attest ? KAD_WIRE_WANTS_ATTEST : 0));

    if (form->query & KAD_TAG_BIT(KAD_TAG_TARGET))
        put_target(writer, message);
    if (flags)
        put_byte(writer, KAD_TAG_FLAGS, flags);
    if (form->query & KAD_TAG_BIT(KAD_TAG_CLASS) && message->record_type)
        put_byte(writer, KAD_TAG_CLASS, message->record_type);
    if (form->query & KAD_TAG_BIT(KAD_TAG_PREFIX) && message->prefix_bits)
        put_byte(writer, KAD_TAG_PREFIX, message->prefix_bits);
    if (form->query & KAD_TAG_BIT(KAD_TAG_SEQUENCE) && message->has_sequence)
        put_number(writer, KAD_TAG_SEQUENCE, message->sequence);
    if (form->query & KAD_TAG_BIT(KAD_TAG_CAS) && message->has_cas)
        put_number(writer, KAD_TAG_CAS, message->cas);
    if (form->query & KAD_TAG_BIT(KAD_TAG_TOKEN) && message->token.size)
        put_bytes(writer, KAD_TAG_TOKEN, message->token.data, message->token.size);
    if (message->method == KAD_TAKE && message->n_records) {
        uint8_t *at = put_head(writer, KAD_TAG_FORGET, message->n_records * (size_t)KAD_WIRE_FORGET);

        for (unsigned i = 0; at && i < message->n_records; i++) {
            *at++ = message->records[i].type;
            memcpy(at, message->records[i].public_key, 32);
            at = kad_wire_put_u64(at + 32, (uint64_t)message->records[i].sequence);
        }
    }
    if (message->method == KAD_PUT)
        put_records(writer, message);
    if (form->query & KAD_TAG_BIT(KAD_TAG_FROM) && message->from) {
        uint8_t *at = put_head(writer, KAD_TAG_FROM, 4);

        if (at)
            kad_wire_put_u32(at, message->from);
    }
}

static void put_your_address(struct writer *writer, const struct kad_endpoint *address)
{
    uint8_t *at;

    if (address->family == KAD_FAMILY_NONE)
        return;
    at = put_head(writer, KAD_TAG_YOUR_ADDRESS, kad_endpoint_address_size(address) + 2);
    if (at)
        write_endpoint(at, address);
}

static void put_reply(struct writer *writer, const struct kad_message *message,
                      const struct kad_wire_form *form)
{
    size_t role = 0; /* kept free behind the contacts */

    if (form->reply & KAD_TAG_BIT(KAD_TAG_SEQUENCE) && message->has_sequence)
        put_number(writer, KAD_TAG_SEQUENCE, message->sequence);
    put_your_address(writer, &message->your_address);
    if (form->reply & KAD_TAG_BIT(KAD_TAG_TOKEN) && message->token.size)
        put_bytes(writer, KAD_TAG_TOKEN, message->token.data, message->token.size);
    if (form->reply & KAD_TAG_BIT(KAD_TAG_ATTEST) && message->has_attest)
        put_attest(writer, &message->attest);
    if (form->reply & KAD_TAG_BIT(KAD_TAG_GHOST) && message->has_ghost)
        put_record(writer, KAD_TAG_GHOST, &message->ghost);
    if (form->reply & KAD_TAG_BIT(KAD_TAG_RECORD))
        put_records(writer, message);
    if (form->reply & KAD_TAG_BIT(KAD_TAG_ROLE) && message->role)
        role = FIELD_HEAD + 1;
    writer->end -= role;
    if (form->reply & KAD_TAG_BIT(KAD_TAG_CONTACTS_V4))
        put_contacts(writer, message);
    writer->end += role;
    if (role)
        put_byte(writer, KAD_TAG_ROLE, message->role);
    if (form->reply & KAD_TAG_BIT(KAD_TAG_RESULTS) && message->n_results)
        put_bytes(writer, KAD_TAG_RESULTS, message->results, message->n_results);
}

static void put_error(struct writer *writer, const struct kad_message *message)
{
    const size_t n = message->refusal_text.size;
    const bool has_code = message->refusal_code > 0 && message->refusal_code <= UINT8_MAX;

    if (message->has_sequence)
        put_number(writer, KAD_TAG_SEQUENCE, message->sequence);
    put_your_address(writer, &message->your_address);
    put_byte(writer, KAD_TAG_REFUSAL, has_code ? (uint8_t)message->refusal_code : (uint8_t)message->refusal);
    if (n)
        put_bytes(writer, KAD_TAG_TEXT, message->refusal_text.data,
                  n < KAD_WIRE_TEXT_MAX ? n : KAD_WIRE_TEXT_MAX);
}

size_t kad_wire_encode(const struct kad_message *message, uint8_t *out_bytes, size_t room)
{
    const struct kad_wire_form *form = kad_wire_form_for(message->method);
    struct writer writer = {.at = out_bytes, .end = out_bytes + room};

    assert(message->transaction.size == KAD_WIRE_TRANSACTION && "ours are, and others' were decoded");
    if (room < KAD_WIRE_HEAD)
        return 0;
    if (!form && message->kind == KAD_ERROR)
        form = kad_wire_form_of(0);
    if (!form || (form->method == KAD_UNKNOWN && message->kind != KAD_ERROR))
        return 0;
    *writer.at++ = (uint8_t)(message->kind << 6 | form->code);
    memcpy(writer.at, message->transaction.data, KAD_WIRE_TRANSACTION);
    writer.at += KAD_WIRE_TRANSACTION;

    if (message->kind == KAD_QUERY)
        put_query(&writer, message, form);
    else if (message->kind == KAD_REPLY)
        put_reply(&writer, message, form);
    else
        put_error(&writer, message);
    return writer.full ? 0 : (size_t)(writer.at - out_bytes);
}
