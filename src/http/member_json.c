/* member_json - see member_json.h. */
#include "http/member_json.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "crypto/identity.h"
#include "http/instant.h"
#include "wire/kad/kad.h"

static const struct command {
    const char *name;
    enum kad_method method;
    uint8_t class; /* it is about records of this one; 0: of any other */
} commands[] = {
    {"Kad.ping", KAD_PING, 0},
    {"Kad.findNode", KAD_FIND_NODE, 0},
    {"Kad.get", KAD_GET, 0},
    {"Kad.put", KAD_PUT, 0},
    {"Kad.take", KAD_TAKE, 0},
    {"Kad.findProviders", KAD_GET, KAD_CLASS_PROVIDER},
    {"Kad.provide", KAD_PUT, KAD_CLASS_PROVIDER},
};

/* -- typed values -------------------------------------------------------------------------------------------------- */

static json_t *typed(const char *type, const char *value)
{
    return json_pack("{s:s, s:s}", "__type", type, "value", value);
}

/* The text of a value of this type; NULL: it is none. */
static const char *text_of(const json_t *value, const char *type)
{
    const char *is = json_string_value(json_object_get(value, "__type"));
    const json_t *text = json_object_get(value, "value");

    if (!is || strcmp(is, type) != 0 || !json_is_string(text) || json_object_size(value) != 2 ||
        strlen(json_string_value(text)) != json_string_length(text))
        return NULL;
    return json_string_value(text);
}

json_t *kad_member_json_bytes(const void *data, size_t size)
{
    const size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room);
    json_t *value;

    if (!text)
        return NULL;
    sodium_bin2base64(text, room, data, size, sodium_base64_VARIANT_ORIGINAL);
    value = typed("Buffer64", text);
    free(text);
    return value;
}

bool kad_member_json_take_bytes(const json_t *value, uint8_t *out_bytes, size_t room, size_t *out_size)
{
    const char *text = text_of(value, "Buffer64");

    return text && sodium_base642bin(out_bytes, room, text, strlen(text), NULL, out_size, NULL,
                                     sodium_base64_VARIANT_ORIGINAL) == 0;
}

static json_t *big(int64_t number)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRId64, number);
    return typed("bigint", text);
}

static bool take_big(const json_t *value, int64_t *out_number)
{
    const char *text = text_of(value, "bigint");
    char again[32];

    if (!text || strlen(text) >= sizeof again)
        return false;
    *out_number = strtoll(text, NULL, 10);
    snprintf(again, sizeof again, "%" PRId64, *out_number);
    return strcmp(again, text) == 0; /* one form, and in range */
}

/* For good is null; what no calendar of four digits has is a number of milliseconds. */
static json_t *instant(kad_ms at)
{
    char text[KAD_INSTANT_TEXT];

    if (at == KAD_NEVER)
        return json_null();
    return kad_instant_format(at, text) ? typed("DateIso", text) : big(at);
}

static bool take_instant(const json_t *value, kad_ms *out_at)
{
    const char *text = text_of(value, "DateIso");

    if (json_is_null(value)) {
        *out_at = KAD_NEVER;
        return true;
    }
    return text ? kad_instant_parse(text, out_at) : take_big(value, out_at) && *out_at != KAD_NEVER;
}

/* -- writing ------------------------------------------------------------------------------------------------------- */

/* jansson passes failures on: what could not be made cannot be put in, and that is seen at last. */
static bool put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

static json_t *write_record(const struct kad_record *record)
{
    json_t *object = json_object();
    bool good = put(object, "class", json_integer(record->type));

    if (record->many)
        good &= put(object, "many", json_true());
    if (record->withdrawn)
        good &= put(object, "withdrawn", json_true());
    good &= put(object, "key", kad_member_json_bytes(record->key.bytes, KAD_ID_SIZE));
    good &= put(object, "publicKey", kad_member_json_bytes(record->public_key, 32));
    good &= put(object, "sequence", big(record->sequence));
    good &= put(object, "madeAt", instant(record->made_at));
    good &= put(object, "validUntil", instant(record->valid_until));
    good &= put(object, "value", kad_member_json_bytes(record->value.data, record->value.size));
    good &= put(object, "signature", kad_member_json_bytes(record->signature, 64));
    if (!good) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *write_receipt(const struct kad_attest *attest)
{
    json_t *object = json_object();
    const bool good = put(object, "kind", json_integer(attest->kind)) &&
                      put(object, "digest", kad_member_json_bytes(attest->digest, 32)) &&
                      put(object, "at", instant(attest->at)) &&
                      put(object, "signature", kad_member_json_bytes(attest->signature, 64));

    if (!good) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* As a bootstrap is written: address and who has to be there. */
static json_t *write_contact(const struct kad_message *message, size_t i)
{
    char text[KAD_ENDPOINT_TEXT + 1 + KAD_IDENTITY_TEXT], identity[KAD_IDENTITY_TEXT];
    char address[KAD_ENDPOINT_TEXT];

    snprintf(text, sizeof text, "%s/%s", kad_endpoint_format(&message->contacts[i].endpoint, address),
             kad_identity_format(message->identities[i].data, identity));
    return json_string(text);
}

static bool add_all(json_t *array, json_t *(*write)(const struct kad_message *, size_t),
                    const struct kad_message *message, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(array, write(message, i)) != 0)
            return false;
    }
    return true;
}

static json_t *write_nth_record(const struct kad_message *message, size_t i)
{
    return write_record(i ? &message->records[i - 1] : &message->record);
}

static json_t *write_forgotten(const struct kad_message *message, size_t i)
{
    const struct kad_record *record = &message->records[i];

    return json_pack("{s:i, s:o, s:o}", "class", record->type, "publicKey",
                     kad_member_json_bytes(record->public_key, 32), "sequence", big(record->sequence));
}

static bool write_list(json_t *object, const char *name, json_t *(*write)(const struct kad_message *, size_t),
                       const struct kad_message *message, size_t n)
{
    json_t *array;

    if (n == 0)
        return true;
    array = json_array();
    if (array && add_all(array, write, message, n))
        return put(object, name, array);
    json_decref(array);
    return false;
}

static bool write_query(json_t *object, const struct kad_message *message, const struct command *command)
{
    bool good = true;

    if (message->want_ipv4)
        good &= put(object, "wantIPv4", json_true());
    if (message->want_ipv6)
        good &= put(object, "wantIPv6", json_true());
    if (message->wants_attest)
        good &= put(object, "wantsReceipt", json_true());
    if (message->method == KAD_PUT)
        good &= put(object, "record", write_record(&message->record));
    else if (message->method != KAD_PING)
        good &= put(object, "target", kad_member_json_bytes(message->target.bytes, KAD_ID_SIZE));
    if (message->record_type && !command->class)
        good &= put(object, "class", json_integer(message->record_type));
    if (message->prefix_bits)
        good &= put(object, "prefixBits", json_integer(message->prefix_bits));
    if (message->has_cas)
        good &= put(object, "cas", big(message->cas));
    if (message->method == KAD_TAKE)
        good &= write_list(object, "forget", write_forgotten, message, message->n_records);
    return good;
}

static bool write_reply(json_t *object, const struct kad_message *message)
{
    bool good = true;
    const size_t n = message->record.type ? 1 + (size_t)message->n_records : 0;

    if (message->has_attest)
        good &= put(object, "receipt", write_receipt(&message->attest));
    if (message->has_ghost)
        good &= put(object, "ghost", write_record(&message->ghost));
    good &= write_list(object, "records", write_nth_record, message, n);
    return good && write_list(object, "contacts", write_contact, message, message->n_contacts);
}

/* What queries and answers both may have. */
static bool write_common(json_t *object, const struct kad_message *message)
{
    char address[KAD_ENDPOINT_TEXT];
    bool good = true;

    if (message->has_sequence)
        good &= put(object, "sequence", big(message->sequence));
    if (message->token.size)
        good &= put(object, "token", kad_member_json_bytes(message->token.data, message->token.size));
    if (message->from)
        good &= put(object, "from", json_integer(message->from));
    if (message->your_address.family != KAD_FAMILY_NONE)
        good &= put(object, "yourAddress", json_string(kad_endpoint_format(&message->your_address, address)));
    return good;
}

static bool write_error(json_t *object, const struct kad_message *message)
{
    json_t *text = json_stringn((const char *)message->refusal_text.data, message->refusal_text.size);

    if (message->refusal_text.size == 0 || !text) { /* bytes that are no UTF-8 are nothing for people */
        json_decref(text);
        text = json_string("refused");
    }
    return put(object, "code", json_integer(message->refusal_code)) && put(object, "message", text);
}

static const struct command *command_of(const struct kad_message *message)
{
    const uint8_t class = message->method == KAD_PUT ? message->record.type : message->record_type;
    const struct command *found = NULL;

    for (size_t i = 0; i < KAD_COUNT_OF(commands); i++) {
        const struct command *command = &commands[i];

        if (command->method == message->method &&
            (!command->class || (message->kind == KAD_QUERY && command->class == class)))
            found = command;
    }
    return found;
}

json_t *kad_member_json_write(struct kad_bytes wire)
{
    struct kad_message message; /* not cleared: large */
    const struct command *command;
    json_t *object, *inside;
    uint32_t number;
    bool good;

    if (kad_wire_decode(wire, KAD_IPV4, &message) != KAD_DECODED)
        return NULL;
    command = command_of(&message);
    number = (uint32_t)message.transaction.data[0] << 24 | (uint32_t)message.transaction.data[1] << 16 |
             (uint32_t)message.transaction.data[2] << 8 | message.transaction.data[3];
    object = json_object();
    inside = json_object();
    good = put(object, message.kind == KAD_QUERY ? "messageId" : "responseId", json_integer(number));
    if (command)
        good &= put(object, "command", json_string(command->name));
    good &= write_common(inside, &message);
    if (message.kind == KAD_QUERY)
        good &= write_query(inside, &message, command) && put(object, "args", json_pack("[O]", inside));
    else if (message.kind == KAD_REPLY)
        good &= write_reply(inside, &message) && put(object, "data", json_incref(inside));
    else
        good &= write_error(inside, &message) && put(object, "error", json_incref(inside));
    json_decref(inside);
    if (!good) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *kad_member_json_refuse(const json_t *message, const char *why)
{
    const json_t *id = json_object_get(message, "messageId");

    return json_pack("{s:O?, s:{s:i, s:s}}", "responseId", id, "error", "code", KAD_REFUSAL_PROTOCOL,
                     "message", why);
}

/* -- reading ------------------------------------------------------------------------------------------------------- */

/* One object that is read, and how many of its members were understood. */
struct object {
    const json_t *json;
    size_t n_taken;
};

struct reader {
    struct kad_message message;
    const char *wrong; /* the first member that is not what it should be */
    uint8_t transaction[4];
    uint8_t bytes[KAD_MEMBER_MESSAGE_MAX]; /* what the message points to */
    size_t n_bytes;
};

static const json_t *take(struct object *object, const char *name)
{
    const json_t *value = json_object_get(object->json, name);

    object->n_taken += value != NULL;
    return value;
}

static bool good(struct reader *reader, const char *name, bool is_good)
{
    if (!is_good && !reader->wrong)
        reader->wrong = name;
    return is_good;
}

static void check_all_taken(struct reader *reader, const struct object *object)
{
    good(reader, "a member that does not belong there",
         json_is_object(object->json) && object->n_taken == json_object_size(object->json));
}

static struct kad_bytes read_run(struct reader *reader, struct object *object, const char *name, size_t least,
                                 size_t most)
{
    const json_t *value = take(object, name);
    const size_t left = sizeof reader->bytes - reader->n_bytes;
    struct kad_bytes run = {reader->bytes + reader->n_bytes, 0};

    if (value || least > 0)
        good(reader, name,
             kad_member_json_take_bytes(value, reader->bytes + reader->n_bytes, most < left ? most : left,
                                        &run.size) &&
                 run.size >= least);
    reader->n_bytes += reader->wrong ? 0 : run.size;
    return run;
}

static void read_fixed(struct reader *reader, struct object *object, const char *name, uint8_t *out,
                       size_t size)
{
    size_t n;

    good(reader, name, kad_member_json_take_bytes(take(object, name), out, size, &n) && n == size);
}

/* Only `true` is said; what is false is left out. */
static bool read_true(struct reader *reader, struct object *object, const char *name)
{
    const json_t *value = take(object, name);

    return value && good(reader, name, json_is_true(value));
}

/* From 1 to `most`; 0: it is not there. */
static uint32_t read_count(struct reader *reader, struct object *object, const char *name, int64_t most)
{
    const json_t *value = take(object, name);
    const int64_t number = json_integer_value(value);

    if (!value || !good(reader, name, json_is_integer(value) && number > 0 && number <= most))
        return 0;
    return (uint32_t)number;
}

static bool read_big(struct reader *reader, struct object *object, const char *name, int64_t *out_number)
{
    const json_t *value = take(object, name);

    return value && good(reader, name, take_big(value, out_number));
}

static void read_record(struct reader *reader, const json_t *json, struct kad_record *out_record)
{
    struct object object = {json, 0};

    memset(out_record, 0, sizeof *out_record);
    out_record->type = (uint8_t)read_count(reader, &object, "class", UINT8_MAX);
    good(reader, "class", out_record->type != KAD_RECORD_NONE);
    out_record->many = read_true(reader, &object, "many");
    out_record->withdrawn = read_true(reader, &object, "withdrawn");
    read_fixed(reader, &object, "key", out_record->key.bytes, KAD_ID_SIZE);
    read_fixed(reader, &object, "publicKey", out_record->public_key, 32);
    good(reader, "sequence",
         read_big(reader, &object, "sequence", &out_record->sequence) && out_record->sequence >= 0 &&
             out_record->sequence != INT64_MAX);
    good(reader, "madeAt",
         take_instant(take(&object, "madeAt"), &out_record->made_at) && out_record->made_at >= 0 &&
             out_record->made_at != KAD_NEVER);
    good(reader, "validUntil",
         take_instant(take(&object, "validUntil"), &out_record->valid_until) && out_record->valid_until >= 0);
    out_record->value = read_run(reader, &object, "value", 0, KAD_MEMBER_MESSAGE_MAX);
    read_fixed(reader, &object, "signature", out_record->signature, 64);
    check_all_taken(reader, &object);
}

static void read_receipt(struct reader *reader, const json_t *json, struct kad_attest *out_attest)
{
    struct object object = {json, 0};

    memset(out_attest, 0, sizeof *out_attest);
    out_attest->kind = (uint8_t)read_count(reader, &object, "kind", KAD_ATTEST_NOTHING);
    read_fixed(reader, &object, "digest", out_attest->digest, 32);
    good(reader, "at", take_instant(take(&object, "at"), &out_attest->at) && out_attest->at >= 0);
    read_fixed(reader, &object, "signature", out_attest->signature, 64);
    check_all_taken(reader, &object);
}

static void read_endpoint(struct reader *reader, const char *name, const char *text,
                          struct kad_endpoint *out_endpoint)
{
    good(reader, name, text && kad_endpoint_parse(text, 0, out_endpoint) == KAD_OK);
}

static void read_contact(struct reader *reader, const char *text, size_t i)
{
    const char *slash = text ? strchr(text, '/') : NULL;
    uint8_t *key = reader->bytes + reader->n_bytes;
    char address[KAD_ENDPOINT_TEXT];

    if (!good(reader, "contacts",
              slash && (size_t)(slash - text) < sizeof address &&
                  sizeof reader->bytes - reader->n_bytes >= KAD_IDENTITY_SIZE &&
                  kad_identity_parse(slash + 1, key) == KAD_OK))
        return;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = 0;
    read_endpoint(reader, "contacts", address, &reader->message.contacts[i].endpoint);
    reader->message.contacts[i].id = kad_identity_id(key);
    reader->message.identities[i] = (struct kad_bytes){key, KAD_IDENTITY_SIZE};
    reader->n_bytes += KAD_IDENTITY_SIZE;
}

/* A list that is not empty, of at most `most`. */
static size_t read_list(struct reader *reader, struct object *object, const char *name, size_t most,
                        const json_t **out_list)
{
    const json_t *list = take(object, name);

    *out_list = list;
    if (!list || !good(reader, name,
                       json_is_array(list) && json_array_size(list) > 0 && json_array_size(list) <= most))
        return 0;
    return json_array_size(list);
}

static void read_forgotten(struct reader *reader, const json_t *json, struct kad_record *out_record)
{
    struct object object = {json, 0};

    memset(out_record, 0, sizeof *out_record);
    out_record->type = (uint8_t)read_count(reader, &object, "class", UINT8_MAX);
    good(reader, "class", out_record->type != KAD_RECORD_NONE);
    out_record->many = true;
    out_record->key = reader->message.target;
    read_fixed(reader, &object, "publicKey", out_record->public_key, 32);
    good(reader, "sequence", read_big(reader, &object, "sequence", &out_record->sequence));
    check_all_taken(reader, &object);
}

static void read_query(struct reader *reader, struct object *object, const struct command *command)
{
    struct kad_message *message = &reader->message;
    const json_t *list;

    message->read_only = true;
    message->want_ipv4 = read_true(reader, object, "wantIPv4");
    message->want_ipv6 = read_true(reader, object, "wantIPv6");
    message->wants_attest = read_true(reader, object, "wantsReceipt");
    if (message->method == KAD_PUT) {
        read_record(reader, take(object, "record"), &message->record);
        good(reader, "class", !command->class || message->record.type == command->class);
        message->target = message->record.key;
        message->has_cas = read_big(reader, object, "cas", &message->cas);
    } else if (message->method != KAD_PING) {
        read_fixed(reader, object, "target", message->target.bytes, KAD_ID_SIZE);
    }
    if (message->method == KAD_GET || message->method == KAD_TAKE) {
        message->record_type =
            command->class ? command->class : (uint8_t)read_count(reader, object, "class", UINT8_MAX);
        message->from = read_count(reader, object, "from", UINT32_MAX);
    }
    if (message->method == KAD_GET) {
        message->prefix_bits = (uint8_t)read_count(reader, object, "prefixBits", UINT8_MAX);
        message->has_sequence = read_big(reader, object, "sequence", &message->sequence);
    }
    if (message->method == KAD_TAKE) {
        message->n_records = (uint16_t)read_list(reader, object, "forget", KAD_MESSAGE_RECORDS, &list);
        for (size_t i = 0; i < message->n_records; i++)
            read_forgotten(reader, json_array_get(list, i), &message->records[i]);
    }
    if (message->method != KAD_PING && message->method != KAD_FIND_NODE)
        message->token = read_run(reader, object, "token", message->method == KAD_PUT, KAD_WIRE_TOKEN_MAX);
}

static void read_your_address(struct reader *reader, struct object *object)
{
    const json_t *value = take(object, "yourAddress");

    if (value)
        read_endpoint(reader, "yourAddress", json_string_value(value), &reader->message.your_address);
}

static void read_reply(struct reader *reader, struct object *object)
{
    struct kad_message *message = &reader->message;
    const json_t *list, *value;
    size_t n;

    read_your_address(reader, object);
    if (message->method == KAD_PING)
        return;
    if (message->method == KAD_GET || message->method == KAD_TAKE) {
        message->has_sequence = read_big(reader, object, "sequence", &message->sequence);
        message->token = read_run(reader, object, "token", 0, KAD_WIRE_TOKEN_MAX);
        message->from = read_count(reader, object, "from", UINT32_MAX);
        value = take(object, "ghost");
        message->has_ghost = value != NULL;
        if (value)
            read_record(reader, value, &message->ghost);
        message->ghost.hashed = true;
        n = read_list(reader, object, "records", 1 + KAD_MESSAGE_RECORDS, &list);
        for (size_t i = 0; i < n; i++)
            read_record(reader, json_array_get(list, i), i ? &message->records[i - 1] : &message->record);
        message->n_records = n ? (uint16_t)(n - 1) : 0;
    }
    if (message->method != KAD_FIND_NODE) {
        value = take(object, "receipt");
        message->has_attest = value != NULL;
        if (value)
            read_receipt(reader, value, &message->attest);
    }
    if (message->method != KAD_PUT) {
        n = read_list(reader, object, "contacts", KAD_MESSAGE_CONTACTS, &list);
        for (size_t i = 0; i < n; i++)
            read_contact(reader, json_string_value(json_array_get(list, i)), i);
        message->n_contacts = (uint16_t)n;
    }
}

static void read_error(struct reader *reader, struct object *object)
{
    struct kad_message *message = &reader->message;
    const json_t *text = take(object, "message");

    read_your_address(reader, object);
    message->has_sequence = read_big(reader, object, "sequence", &message->sequence);
    message->refusal_code = (int32_t)read_count(reader, object, "code", UINT8_MAX);
    good(reader, "code", message->refusal_code > 0);
    if (text && good(reader, "message", json_is_string(text)))
        message->refusal_text =
            (struct kad_bytes){(const uint8_t *)json_string_value(text), json_string_length(text)};
}

static const struct command *find_command(const json_t *name)
{
    for (size_t i = 0; json_is_string(name) && i < KAD_COUNT_OF(commands); i++) {
        if (strcmp(commands[i].name, json_string_value(name)) == 0)
            return &commands[i];
    }
    return NULL;
}

static void read_number(struct reader *reader, struct object *object, const char *name)
{
    const json_t *value = take(object, name);
    const int64_t number = json_integer_value(value);

    good(reader, name, json_is_integer(value) && number >= 0 && number <= UINT32_MAX);
    for (unsigned i = 0; i < 4; i++)
        reader->transaction[i] = (uint8_t)(number >> (24 - 8 * i));
    reader->message.transaction = (struct kad_bytes){reader->transaction, 4};
}

static void read_message(struct reader *reader, const json_t *json)
{
    struct object object = {json, 0}, inside = {NULL, 0};
    struct kad_message *message = &reader->message;
    const json_t *name = take(&object, "command"), *args;
    const struct command *command = find_command(name);

    kad_message_init(message);
    message->method = command ? command->method : KAD_UNKNOWN;
    if (json_object_get(json, "messageId")) {
        message->kind = KAD_QUERY;
        read_number(reader, &object, "messageId");
        args = take(&object, "args");
        if (!good(reader, "command", command) || !good(reader, "args", json_array_size(args) == 1))
            return;
        inside.json = json_array_get(args, 0);
        read_query(reader, &inside, command);
    } else {
        inside.json = take(&object, "error");
        message->kind = inside.json ? KAD_ERROR : KAD_REPLY;
        read_number(reader, &object, "responseId");
        good(reader, "command", (command && !command->class) || (!name && message->kind == KAD_ERROR));
        if (message->kind == KAD_REPLY)
            inside.json = take(&object, "data");
        if (reader->wrong)
            return;
        if (message->kind == KAD_REPLY)
            read_reply(reader, &inside);
        else
            read_error(reader, &inside);
    }
    check_all_taken(reader, &inside);
    check_all_taken(reader, &object);
}

size_t kad_member_json_read(const json_t *json, uint8_t *out_wire, size_t room, char *out_why,
                            size_t why_size)
{
    struct reader *reader = calloc(1, sizeof *reader);
    struct kad_message *message;
    size_t n = 0;

    if (!reader) {
        snprintf(out_why, why_size, "out of memory");
        return 0;
    }
    message = &reader->message;
    read_message(reader, json);
    if (!reader->wrong) {
        n = kad_wire_encode(message, out_wire, room);
        if (n == 0)
            reader->wrong = "it is too long";
        /* What the wire does not let pass; `message` again, which is not needed any more. */
        else if (kad_wire_decode((struct kad_bytes){out_wire, n}, KAD_IPV4, message) != KAD_DECODED)
            reader->wrong = "a value out of its range";
    }
    if (reader->wrong)
        snprintf(out_why, why_size, "not understood: %s", reader->wrong);
    n = reader->wrong ? 0 : n;
    free(reader);
    return n;
}
