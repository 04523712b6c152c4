/* The shapes of docs/api.md, from events as the engine gives them. */
#include "http/json.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"

static const struct kad_id target = {{0x01, 0x23}};

static struct kad_endpoint at(uint8_t last, uint16_t port)
{
    return kad_endpoint_v4((const uint8_t[4]){192, 0, 2, last}, port);
}

static struct kad_event done(enum kad_request_kind kind, int error)
{
    struct kad_event event = {.kind = KAD_EVENT_DONE};

    event.done.kind = kind;
    event.done.error = error;
    event.done.reason = error == KAD_OK ? KAD_REASON_CONVERGED : KAD_REASON_DEADLINE;
    event.done.target = target;
    event.done.first_ms = -1;
    return event;
}

static const char *text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static json_t *value_of(const char *bencoded, size_t size)
{
    struct kad_record record = {.type = KAD_RECORD_IMMUTABLE, .value = {(const uint8_t *)bencoded, size}};
    struct kad_request request = {.kind = KAD_REQUEST_GET, .target = target};
    struct kad_event event = done(KAD_REQUEST_GET, KAD_OK);

    event.done.record = &record;
    return kad_json_done(&event, &request, NULL);
}

TEST(ids_have_the_width_of_their_network)
{
    struct kad_id wide = {{0x01}};
    json_t *narrow_text = kad_json_id(&target), *wide_text;

    wide.bytes[31] = 1;
    wide_text = kad_json_id(&wide);
    EXPECT_STR(json_string_value(narrow_text), "0123000000000000000000000000000000000000");
    EXPECT_EQ(json_string_length(wide_text), 64);
    json_decref(narrow_text);
    json_decref(wide_text);
}

TEST(instants_are_rfc_3339)
{
    json_t *instant = kad_json_instant(1764000000123);

    EXPECT_STR(json_string_value(instant), "2025-11-24T16:00:00.123Z");
    json_decref(instant);
    instant = kad_json_instant(-1);
    EXPECT(json_is_null(instant));
    json_decref(instant);
}

/* A value is text if it is text, and its bytes are there in any case: JSON cannot carry what is not UTF-8. */
TEST(values_of_every_kind)
{
    json_t *answer = value_of("5:hello", 7);

    EXPECT_STR(text(answer, "type"), "string");
    EXPECT_STR(text(answer, "value"), "hello");
    EXPECT_STR(text(answer, "value_hex"), "68656c6c6f");
    EXPECT_STR(text(answer, "bencoded_hex"), "353a68656c6c6f");
    json_decref(answer);

    answer = value_of("2:\xff\x00", 4);
    EXPECT(json_is_null(json_object_get(answer, "value")));
    EXPECT_STR(text(answer, "value_hex"), "ff00");
    json_decref(answer);

    answer = value_of("i-7e", 4);
    EXPECT_EQ(json_integer_value(json_object_get(answer, "value")), -7);
    EXPECT_STR(text(answer, "value_hex"), "692d3765");
    json_decref(answer);

    answer = value_of("li1ee", 5);
    EXPECT_STR(text(answer, "type"), "list");
    EXPECT(json_is_null(json_object_get(answer, "value")));
    EXPECT_STR(text(answer, "value_hex"), "6c69316565");
    json_decref(answer);
}

/* Scripts look for these words. */
TEST(a_timeout_is_called_dht_query_timeout)
{
    struct kad_request request = {.kind = KAD_REQUEST_PING, .endpoint = at(1, 6881)};
    struct kad_event event = done(KAD_REQUEST_PING, KAD_E_TIMEOUT);
    json_t *answer = kad_json_done(&event, &request, NULL);

    EXPECT_EQ(kad_json_status(&event), 504);
    EXPECT_STR(text(answer, "error"), "DHT query timeout");
    EXPECT_STR(text(answer, "reason"), "deadline");
    EXPECT_STR(text(answer, "address"), "192.0.2.1:6881");
    EXPECT(json_is_null(json_object_get(answer, "rtt_ms")));
    json_decref(answer);
}

TEST(closest_lists_nodes_with_trace)
{
    const struct kad_found found[2] = {{.contact = {target, at(1, 1)}, .rtt_ms = 12, .hop = 2},
                                       {.contact = {target, at(2, 2)}, .rtt_ms = -1, .hop = 1}};
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .target = target};
    struct kad_event event = done(KAD_REQUEST_CLOSEST, KAD_OK);
    struct kad_event hop = {.kind = KAD_EVENT_HOP, .contact = found[0].contact};
    json_t *answer, *list, *trace = json_array();

    hop.hop.what = KAD_HOP_ANSWERED;
    hop.hop.prefix = 9;
    hop.hop.rtt_ms = 12;
    json_array_append_new(trace, kad_json_hop(&hop));
    event.done.closest = found;
    event.done.n_closest = 2;
    event.done.n_queries = 3;
    answer = kad_json_done(&event, &request, trace);
    list = json_object_get(answer, "closest");
    EXPECT_EQ(kad_json_status(&event), 200);
    EXPECT_EQ(json_array_size(list), 2);
    EXPECT_EQ(json_integer_value(json_object_get(json_array_get(list, 0), "rtt_ms")), 12);
    EXPECT(json_is_null(json_object_get(json_array_get(list, 1), "rtt_ms")));
    EXPECT_EQ(json_integer_value(json_object_get(answer, "queries")), 3);
    EXPECT_STR(text(json_array_get(json_object_get(answer, "trace"), 0), "what"), "answered");
    EXPECT(!json_object_get(answer, "error"));
    json_decref(answer);
}

/* A bootstrap's id is not known before it answers. */
TEST(an_unknown_id_is_null)
{
    struct kad_event hop = {.kind = KAD_EVENT_HOP};
    json_t *object;

    hop.contact.endpoint = at(1, 1);
    object = kad_json_hop(&hop);
    EXPECT(json_is_null(json_object_get(object, "id")));
    EXPECT_STR(text(object, "what"), "asked");
    json_decref(object);
}

TEST(a_refused_put_says_by_whom_and_why)
{
    struct kad_request request = {.kind = KAD_REQUEST_PUT};
    struct kad_event event = done(KAD_REQUEST_PUT, KAD_E_REFUSED);
    json_t *answer;

    event.done.n_refused = 8;
    event.done.refusal = KAD_REFUSAL_CAS;
    answer = kad_json_done(&event, &request, NULL);
    EXPECT_EQ(kad_json_status(&event), 409);
    EXPECT_EQ(json_integer_value(json_object_get(answer, "refused")), 8);
    EXPECT_STR(text(answer, "refusal"), "cas");
    EXPECT_STR(text(answer, "key"), "0123000000000000000000000000000000000000");
    json_decref(answer);
}

TEST(peers_are_addresses)
{
    const struct kad_endpoint peers[2] = {at(1, 51413), at(2, 6881)};
    struct kad_request request = {.kind = KAD_REQUEST_PEERS, .target = target};
    struct kad_event event = done(KAD_REQUEST_PEERS, KAD_OK);
    json_t *answer;

    event.peers.peers = peers;
    event.peers.n = 2;
    answer = kad_json_done(&event, &request, NULL);
    EXPECT_STR(json_string_value(json_array_get(json_object_get(answer, "peers"), 0)), "192.0.2.1:51413");
    EXPECT(!json_object_get(answer, "peers_estimate"));
    json_decref(answer);
}
