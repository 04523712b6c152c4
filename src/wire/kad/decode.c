/* decode - a session's plaintext becomes a message. */
#include <string.h>

#include "base/endpoint.h"
#include "crypto/crypto.h"
#include "wire/kad/fields.h"
#include "kad/engine.h"
#include "wire/kad/kad.h"
#include "wire/kad/methods.h"
#include "wire/kad/wire.h"

/* False: bits that mean nothing, numbers out of range. */
static bool get_record(struct kad_bytes bytes, struct kad_record *out_record)
{
    const uint8_t *const at = bytes.data;
    struct kad_record record = {
        .type = at[0], .many = at[1] & KAD_WIRE_MANY, .withdrawn = at[1] & KAD_WIRE_WITHDRAWN};

    if (record.type == KAD_RECORD_NONE || at[1] & ~(KAD_WIRE_MANY | KAD_WIRE_WITHDRAWN) ||
        !kad_wire_get_number(at + 66, &record.sequence) || !kad_wire_get_number(at + 74, &record.made_at) ||
        !kad_wire_get_until(at + 82, &record.valid_until))
        return false;
    memcpy(record.key.bytes, at + 2, 32);
    memcpy(record.public_key, at + 34, 32);
    record.value = (struct kad_bytes){at + 90, bytes.size - KAD_WIRE_RECORD};
    memcpy(record.signature, at + bytes.size - 64, 64);
    *out_record = record;
    return true;
}

/* The first is `record`, the others follow in `records`. */
static bool get_records(const struct kad_fields *fields, struct kad_message *message)
{
    for (unsigned i = 0; i < fields->n_records; i++) {
        if (!get_record(fields->records[i], i ? &message->records[i - 1] : &message->record))
            return false;
    }
    message->n_records = fields->n_records ? (uint16_t)(fields->n_records - 1) : 0;
    return true;
}

static bool get_ghost(struct kad_bytes bytes, struct kad_message *message)
{
    message->has_ghost = true;
    if (!get_record(bytes, &message->ghost))
        return false;
    message->ghost.hashed = true;
    return true;
}

static bool get_attest(struct kad_bytes bytes, struct kad_message *message)
{
    struct kad_attest *attest = &message->attest;

    message->has_attest = true;
    *attest = (struct kad_attest){.kind = bytes.data[0]};
    memcpy(attest->digest, bytes.data + 1, 32);
    memcpy(attest->signature, bytes.data + 41, 64);
    return attest->kind >= KAD_ATTEST_STORED && attest->kind <= KAD_ATTEST_NOTHING &&
           kad_wire_get_until(bytes.data + 33, &attest->at);
}

static struct kad_endpoint get_endpoint(const uint8_t *at, size_t address_size)
{
    const uint16_t port = kad_wire_get_u16(at + address_size);

    return address_size == 4 ? kad_endpoint_v4(at, port) : kad_endpoint_v6(at, port);
}

static bool get_contacts(struct kad_bytes bytes, size_t address_size, struct kad_message *message)
{
    const size_t each = 32 + address_size + 2;

    for (size_t at = 0; at < bytes.size; at += each) {
        const unsigned i = message->n_contacts;

        if (i == KAD_MESSAGE_CONTACTS)
            return false;
        message->identities[i] = (struct kad_bytes){bytes.data + at, 32};
        kad_sha256(bytes.data + at, 32, message->contacts[i].id.bytes);
        message->contacts[i].endpoint = get_endpoint(bytes.data + at + 32, address_size);
        if (message->contacts[i].endpoint.family != (address_size == 4 ? KAD_IPV4 : KAD_IPV6))
            return false; /* IPv4 in IPv6's clothes */
        message->n_contacts++;
    }
    return true;
}

static bool get_flags(uint8_t flags, struct kad_message *message)
{
    message->read_only = flags & KAD_WIRE_READ_ONLY;
    message->want_ipv4 = flags & KAD_WIRE_WANT_V4;
    message->want_ipv6 = flags & KAD_WIRE_WANT_V6;
    message->wants_attest = flags & KAD_WIRE_WANTS_ATTEST;
    return flags && !(flags & ~KAD_WIRE_FLAGS);
}

/* Nothing behind the prefix: it would tell which key is wanted. */
static bool prefix_fits(const struct kad_message *message)
{
    for (unsigned bit = message->prefix_bits; message->prefix_bits && bit < 8 * KAD_ID_SIZE; bit++) {
        if (message->target.bytes[bit / 8] >> (7 - bit % 8) & 1)
            return false;
    }
    return true;
}

static bool get_forget(struct kad_bytes bytes, struct kad_message *message)
{
    bool good = true;

    message->n_records = (uint16_t)(bytes.size / KAD_WIRE_FORGET);
    for (unsigned i = 0; i < message->n_records; i++) {
        const uint8_t *at = bytes.data + i * KAD_WIRE_FORGET;

        message->records[i] = (struct kad_record){.type = at[0], .many = true, .key = message->target};
        memcpy(message->records[i].public_key, at + 1, 32);
        good &= at[0] != KAD_RECORD_NONE && kad_wire_get_number(at + 33, &message->records[i].sequence);
    }
    return good;
}

/* Fields of one or a few bytes. */
static bool get_small(const struct kad_fields *fields, struct kad_message *message)
{
    bool good = true;

    if (kad_fields_have(fields, KAD_TAG_TARGET))
        memcpy(message->target.bytes, fields->of[KAD_TAG_TARGET].data, 32);
    if (kad_fields_have(fields, KAD_TAG_FLAGS))
        good &= get_flags(*fields->of[KAD_TAG_FLAGS].data, message);
    if (kad_fields_have(fields, KAD_TAG_CLASS))
        good &= (message->record_type = *fields->of[KAD_TAG_CLASS].data) != 0;
    if (kad_fields_have(fields, KAD_TAG_PREFIX))
        good &= (message->prefix_bits = *fields->of[KAD_TAG_PREFIX].data) != 0;
    if (kad_fields_have(fields, KAD_TAG_SEQUENCE)) {
        message->has_sequence = true;
        message->sequence = (int64_t)kad_wire_get_u64(fields->of[KAD_TAG_SEQUENCE].data);
    }
    if (kad_fields_have(fields, KAD_TAG_CAS)) {
        message->has_cas = true;
        message->cas = (int64_t)kad_wire_get_u64(fields->of[KAD_TAG_CAS].data);
    }
    if (kad_fields_have(fields, KAD_TAG_YOUR_ADDRESS)) {
        const struct kad_bytes address = fields->of[KAD_TAG_YOUR_ADDRESS];

        message->your_address = get_endpoint(address.data, address.size - 2);
        good &= message->your_address.family == (address.size == 6 ? KAD_IPV4 : KAD_IPV6);
    }
    if (kad_fields_have(fields, KAD_TAG_TOKEN))
        message->token = fields->of[KAD_TAG_TOKEN];
    if (kad_fields_have(fields, KAD_TAG_ROLE)) /* one that is not known yet is none */
        message->role = *fields->of[KAD_TAG_ROLE].data < KAD_N_ROLES ? *fields->of[KAD_TAG_ROLE].data : 0;
    if (kad_fields_have(fields, KAD_TAG_FROM))
        good &= (message->from = kad_wire_get_u32(fields->of[KAD_TAG_FROM].data)) != 0;
    return good;
}

static void get_results(struct kad_bytes bytes, struct kad_message *message)
{
    message->n_results = (uint16_t)bytes.size;
    for (unsigned i = 0; i < message->n_results; i++)
        message->results[i] = bytes.data[i] < KAD_N_REFUSALS ? bytes.data[i] : KAD_REFUSAL_GENERIC;
}

static bool get_large(const struct kad_fields *fields, struct kad_message *message)
{
    bool good = get_records(fields, message);

    if (kad_fields_have(fields, KAD_TAG_FORGET))
        good &= get_forget(fields->of[KAD_TAG_FORGET], message);
    if (kad_fields_have(fields, KAD_TAG_ATTEST))
        good &= get_attest(fields->of[KAD_TAG_ATTEST], message);
    if (kad_fields_have(fields, KAD_TAG_GHOST))
        good &= get_ghost(fields->of[KAD_TAG_GHOST], message);
    if (kad_fields_have(fields, KAD_TAG_CONTACTS_V4))
        good = good && get_contacts(fields->of[KAD_TAG_CONTACTS_V4], 4, message);
    if (kad_fields_have(fields, KAD_TAG_CONTACTS_V6))
        good = good && get_contacts(fields->of[KAD_TAG_CONTACTS_V6], 16, message);
    if (kad_fields_have(fields, KAD_TAG_RESULTS))
        get_results(fields->of[KAD_TAG_RESULTS], message);
    return good;
}

static enum kad_decode refuse(struct kad_message *message, enum kad_refusal refusal)
{
    message->refusal = refusal;
    message->refusal_code = (int32_t)refusal;
    return KAD_DECODE_BAD_QUERY;
}

static bool get_refusal(const struct kad_fields *fields, struct kad_message *message)
{
    const uint8_t code = *fields->of[KAD_TAG_REFUSAL].data;

    message->refusal_code = code;
    message->refusal = code < KAD_N_REFUSALS ? (enum kad_refusal)code : KAD_REFUSAL_GENERIC;
    if (kad_fields_have(fields, KAD_TAG_TEXT))
        message->refusal_text = fields->of[KAD_TAG_TEXT];
    return code != KAD_REFUSAL_NONE;
}

static enum kad_decode decode_query(const struct kad_fields *fields, const struct kad_wire_form *form,
                                    struct kad_message *message)
{
    if (message->method == KAD_UNKNOWN)
        return refuse(message, KAD_REFUSAL_METHOD);
    if (fields->present & ~form->query || (fields->present & form->query_must) != form->query_must ||
        !get_small(fields, message) || !get_large(fields, message) || !prefix_fits(message))
        return refuse(message, KAD_REFUSAL_PROTOCOL);
    if (message->method == KAD_PUT) {
        if (message->n_records > 0 && (message->wants_attest || message->has_cas))
            return refuse(message, KAD_REFUSAL_PROTOCOL); /* for which of them? */
        message->target = message->record.key;
    }
    return KAD_DECODED;
}

enum kad_decode kad_wire_decode(struct kad_bytes bytes, enum kad_family family,
                                struct kad_message *out_message)
{
    const struct kad_wire_form *form;
    struct kad_fields fields;

    (void)family;
    if (bytes.size < KAD_WIRE_HEAD || bytes.data[0] >> 6 > KAD_ERROR)
        return KAD_DECODE_MALFORMED;
    if (!kad_fields_read((struct kad_bytes){bytes.data + KAD_WIRE_HEAD, bytes.size - KAD_WIRE_HEAD}, &fields))
        return KAD_DECODE_MALFORMED;
    form = kad_wire_form_of(bytes.data[0] & 63);
    kad_message_init(out_message);
    out_message->kind = (enum kad_message_kind)(bytes.data[0] >> 6);
    out_message->method = form->method;
    out_message->transaction = (struct kad_bytes){bytes.data + 1, KAD_WIRE_TRANSACTION};

    switch (out_message->kind) {
    case KAD_QUERY:
        return decode_query(&fields, form, out_message);
    case KAD_REPLY:
        if (form->method == KAD_UNKNOWN || fields.present & ~form->reply ||
            !get_small(&fields, out_message) || !get_large(&fields, out_message))
            return KAD_DECODE_MALFORMED;
        return KAD_DECODED;
    case KAD_ERROR:
        if (fields.present & ~KAD_WIRE_ERROR || !kad_fields_have(&fields, KAD_TAG_REFUSAL) ||
            !get_small(&fields, out_message) || !get_refusal(&fields, out_message))
            return KAD_DECODE_MALFORMED;
        return KAD_DECODED;
    }
    return KAD_DECODE_MALFORMED;
}
