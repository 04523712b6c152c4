/* json - see json.h: results of requests. What a node is and knows stands in json_node.c. */
#include "http/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/endpoint.h"
#include "base/text.h"
#include "http/target.h"
#include "kad/identity.h"
#include "wire/krpc/bencode.h"

json_t *kad_json_id(const struct kad_id *id)
{
    char text[KAD_ID_TEXT];

    return json_string(kad_id_format(id, text));
}

json_t *kad_json_identity(const uint8_t public_key[32])
{
    static const uint8_t none[32];
    char text[KAD_IDENTITY_TEXT];

    if (memcmp(public_key, none, sizeof none) == 0)
        return json_null();
    return json_string(kad_identity_format(public_key, text));
}

json_t *kad_json_endpoint(const struct kad_endpoint *endpoint)
{
    char text[KAD_ENDPOINT_TEXT];

    if (endpoint->family == KAD_FAMILY_NONE)
        return json_null();
    return json_string(kad_endpoint_format(endpoint, text));
}

json_t *kad_json_instant(kad_ms unix_ms)
{
    const time_t seconds = (time_t)(unix_ms / KAD_SECOND);
    char day[40], text[48];
    struct tm parts;

    if (unix_ms < 0 || !gmtime_r(&seconds, &parts) ||
        strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
        return json_null();
    snprintf(text, sizeof text, "%s.%03dZ", day, (int)(unix_ms % KAD_SECOND));
    return json_string(text);
}

json_t *kad_json_hex(struct kad_bytes bytes)
{
    char text[2 * KAD_RECORD_VALUE_MOST + 1];

    if (bytes.size > KAD_RECORD_VALUE_MOST)
        return json_null();
    return json_string(kad_hex(bytes.data, bytes.size, text));
}

/* Not negative, or null. */
static json_t *known(int64_t number)
{
    return number < 0 ? json_null() : json_integer(number);
}

static bool no_id(const struct kad_id *id)
{
    for (size_t i = 0; i < sizeof id->bytes; i++) {
        if (id->bytes[i] != 0)
            return false;
    }
    return true;
}

json_t *kad_json_hop(const struct kad_event *event)
{
    static const char *const what[] = {"asked", "answered", "late", "failed", "refused", "stored"};
    const struct kad_contact *contact = &event->contact;

    return json_pack(
        "{s:i, s:s, s:o, s:o, s:i, s:o, s:i, s:i, s:b, s:I}", "hop", (int)event->hop.hop, "what",
        what[event->hop.what], "id", no_id(&contact->id) ? json_null() : kad_json_id(&contact->id), "address",
        kad_json_endpoint(&contact->endpoint), "prefix", (int)event->hop.prefix, "rtt_ms",
        known(event->hop.rtt_ms), "contacts", (int)event->hop.n_contacts, "peers", (int)event->hop.n_peers,
        "value", event->hop.value ? 1 : 0, "at_ms", (json_int_t)event->hop.at_ms);
}

static json_t *found(const struct kad_found *found)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:i}", "id", kad_json_id(&found->contact.id), "identity",
                     kad_json_identity(found->public_key), "address",
                     kad_json_endpoint(&found->contact.endpoint), "rtt_ms", known(found->rtt_ms), "hop",
                     (int)found->hop);
}

/* A stored value three ways: as text or number if it is one, its bytes, and as it stands on the wire. */
static void set_value(json_t *object, struct kad_bytes bencoded)
{
    static const char *const types[] = {"integer", "integer", "string", "list", "dictionary"};
    struct kad_bencode_reader reader = kad_bencode_reader(bencoded);
    struct kad_bytes bytes = bencoded;
    struct kad_bencode_item item;
    json_t *value = NULL;

    if (kad_bencode_item(&reader, &item)) {
        json_object_set_new(object, "type", json_string(types[item.type]));
        if (item.type == KAD_BENCODE_STRING) {
            bytes = item.string;
            value = json_stringn((const char *)bytes.data, bytes.size); /* NULL: not UTF-8 */
        } else if (item.type == KAD_BENCODE_INTEGER) {
            value = json_integer(item.integer);
        }
    }
    json_object_set_new(object, "value", value ? value : json_null());
    json_object_set_new(object, "value_hex", kad_json_hex(bytes));
    json_object_set_new(object, "bencoded_hex", kad_json_hex(bencoded));
}

static void set_record(json_t *object, const struct kad_record *record)
{
    set_value(object, record->value);
    json_object_set_new(object, "mutable", json_boolean(record->type == KAD_RECORD_MUTABLE));
    json_object_set_new(object, "seq",
                        record->type == KAD_RECORD_MUTABLE ? json_integer(record->sequence) : json_null());
    if (record->type == KAD_RECORD_MUTABLE) {
        json_object_set_new(object, "public_key",
                            kad_json_hex((struct kad_bytes){record->public_key, sizeof record->public_key}));
        json_object_set_new(object, "signature",
                            kad_json_hex((struct kad_bytes){record->signature, sizeof record->signature}));
        json_object_set_new(object, "salt_hex", kad_json_hex(record->salt));
    }
}

static json_t *closest(const struct kad_event *event)
{
    json_t *list = json_array();

    for (size_t i = 0; i < event->done.n_closest; i++)
        json_array_append_new(list, found(&event->done.closest[i]));
    return list;
}

static json_t *peers(const struct kad_event *event)
{
    json_t *list = json_array();

    for (size_t i = 0; i < event->peers.n; i++)
        json_array_append_new(list, kad_json_endpoint(&event->peers.peers[i]));
    return list;
}

static json_t *samples(const struct kad_event *event)
{
    json_t *list = json_array();

    for (size_t i = 0; i < event->done.n_samples; i++)
        json_array_append_new(list, kad_json_id(&event->done.samples[i]));
    return list;
}

static void set_stored(json_t *object, const struct kad_event *event, const struct kad_request *request)
{
    json_object_set_new(object, "stored", json_integer(event->done.n_stored));
    json_object_set_new(object, "refused", json_integer(event->done.n_refused));
    json_object_set_new(object, "refusal",
                        event->done.refusal == KAD_REFUSAL_NONE
                            ? json_null()
                            : json_string(kad_refusal_text(event->done.refusal)));
    if (request->keep_until)
        json_object_set_new(object, "keep_until", kad_json_instant(request->keep_until));
}

/* The one node that was asked. */
static void set_node(json_t *object, const struct kad_event *event, const struct kad_request *request)
{
    const struct kad_found *node = event->done.n_closest > 0 ? &event->done.closest[0] : NULL;

    json_object_set_new(object, "id", node ? kad_json_id(&node->contact.id) : json_null());
    json_object_set_new(object, "identity", node ? kad_json_identity(node->public_key) : json_null());
    json_object_set_new(object, "address",
                        kad_json_endpoint(node ? &node->contact.endpoint : &request->endpoint));
    json_object_set_new(object, "rtt_ms", node ? known(node->rtt_ms) : json_null());
}

/* What was looked for is listed by its distance; the node itself, if it was found, is the nearest. */
static void set_found(json_t *object, const struct kad_event *event, const struct kad_request *request)
{
    json_object_set_new(object, "target", kad_json_id(&request->target));
    if (event->done.error == KAD_OK)
        set_node(object, event, request);
    json_object_set_new(object, "closest", closest(event));
}

static void set_result(json_t *object, const struct kad_event *event, const struct kad_request *request)
{
    switch (event->done.kind) {
    case KAD_REQUEST_PING:
        set_node(object, event, request);
        break;
    case KAD_REQUEST_FIND:
        set_found(object, event, request);
        break;
    case KAD_REQUEST_CLOSEST:
        json_object_set_new(object, "target", kad_json_id(&request->target));
        json_object_set_new(object, "closest", closest(event));
        break;
    case KAD_REQUEST_PEERS:
        json_object_set_new(object, "key", kad_json_id(&request->target));
        json_object_set_new(object, "peers", peers(event));
        if (request->scrape) {
            json_object_set_new(object, "seeds_estimate", json_real(event->done.seeds));
            json_object_set_new(object, "peers_estimate", json_real(event->done.peers));
        }
        break;
    case KAD_REQUEST_ANNOUNCE:
        json_object_set_new(object, "key", kad_json_id(&request->target));
        json_object_set_new(object, "port", json_integer(request->port));
        set_stored(object, event, request);
        break;
    case KAD_REQUEST_GET:
    case KAD_REQUEST_TAKE:
        json_object_set_new(object, "key", kad_json_id(&request->target));
        if (event->done.record)
            set_record(object, event->done.record);
        json_object_set_new(object, "copies", json_integer(event->done.n_copies));
        break;
    case KAD_REQUEST_PUT:
        json_object_set_new(object, "key", kad_json_id(&event->done.target));
        set_stored(object, event, request);
        break;
    case KAD_REQUEST_SAMPLE:
        json_object_set_new(object, "target", kad_json_id(&request->target));
        json_object_set_new(object, "samples", samples(event));
        break;
    }
}

static json_t *confidence_of(const struct kad_confidence *confidence)
{
    json_t *object = json_object();

    json_object_set_new(object, "all", json_integer(confidence->all));
    if (confidence->density >= 0)
        json_object_set_new(object, "density", json_integer(confidence->density));
    if (confidence->groups >= 0)
        json_object_set_new(object, "groups", json_integer(confidence->groups));
    if (confidence->agreement >= 0)
        json_object_set_new(object, "agreement", json_integer(confidence->agreement));
    json_object_set_new(object, "sparse", json_boolean(confidence->sparse));
    return object;
}

json_t *kad_json_done(const struct kad_event *event, const struct kad_request *request, json_t *trace)
{
    json_t *object = json_object();

    if (event->done.error != KAD_OK)
        json_object_set_new(object, "error", json_string(kad_json_error_text(event->done.error)));
    json_object_set_new(object, "reason",
                        json_string(event->done.error == KAD_E_SYSTEM /* a put or announce of ours */
                                        ? "what this node keeps of it is not on its disk: its log says why"
                                        : kad_reason_text(event->done.reason)));
    set_result(object, event, request);
    json_object_set_new(object, "hops", json_integer(event->done.hops));
    json_object_set_new(object, "first_ms", known(event->done.first_ms));
    json_object_set_new(object, "hops_to_first",
                        event->done.first_ms < 0 ? json_null() : json_integer(event->done.hops_to_first));
    json_object_set_new(object, "queries", json_integer(event->done.n_queries));
    json_object_set_new(object, "answers", json_integer(event->done.n_answers));
    json_object_set_new(object, "timeouts", json_integer(event->done.n_timeouts));
    json_object_set_new(object, "duration_ms", json_integer(event->done.duration_ms));
    if (event->done.confidence.all >= 0)
        json_object_set_new(object, "confidence", confidence_of(&event->done.confidence));
    if (trace)
        json_object_set_new(object, "trace", trace);
    return object;
}

unsigned kad_json_status(const struct kad_event *event)
{
    return kad_json_status_of(event->done.error);
}

unsigned kad_json_status_of(int error)
{
    switch (error) {
    case KAD_OK:
        return 200;
    case KAD_E_NOT_FOUND:
        return 404;
    case KAD_E_TIMEOUT:
        return 504;
    case KAD_E_REFUSED:
        return 409; /* what is stored, or its holder's rules, stand against it */
    case KAD_E_CLOSED:
    case KAD_E_DISABLED:
        return 503;
    default:
        return 500;
    }
}

json_t *kad_json_error(const char *error, const char *reason)
{
    return json_pack("{s:s, s:s?}", "error", error, "reason", reason);
}

const char *kad_json_error_text(int error)
{
    return error == KAD_E_TIMEOUT ? "DHT query timeout" : kad_error_text(error);
}
