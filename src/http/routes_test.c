/* Requests are read as docs/api.md says, without a node: what reaches the engine is what was asked. */
#include "http/routes.h"

#include <string.h>

#include "base/test.h"
#include "http/target.h"

#define KEY "0123456789abcdef0123456789abcdef01234567"

static struct kad_params params;
static struct kad_request request;

static bool reads(const char *path, const char *json)
{
    const struct kad_route *route = kad_route_find(path);

    EXPECT(route && route->read);
    memset(&request, 0, sizeof request);
    kad_params_clear(&params);
    kad_params_init(&params, json_loads(json, 0, NULL));
    route->read(&params, &request);
    return kad_params_finish(&params);
}

TEST(paths_are_exact)
{
    EXPECT(kad_route_find("/api/node"));
    EXPECT(!kad_route_find("/api/node/"));
    EXPECT(!kad_route_find("/API/node"));
    EXPECT(!kad_route_find(""));
    EXPECT(!kad_route_find("/api/dht/get/../put"));
}

/* What changes something must not be reachable by following a link. */
TEST(only_post_changes)
{
    static const char *const changing[] = {"/api/dht/put", "/api/dht/announce", "/api/dht/withdraw"};

    for (size_t i = 0; i < 3; i++) {
        EXPECT(!kad_route_allows(kad_route_find(changing[i]), "GET"));
        EXPECT(!kad_route_allows(kad_route_find(changing[i]), "HEAD"));
        EXPECT(kad_route_allows(kad_route_find(changing[i]), "POST"));
    }
    EXPECT(kad_route_allows(kad_route_find("/metrics"), "HEAD"));
    EXPECT(!kad_route_allows(kad_route_find("/metrics"), "POST"));
    EXPECT(!kad_route_allows(kad_route_find("/metrics"), "BREW"));
}

TEST(get_takes_key_salt_and_flags)
{
    char text[KAD_ID_TEXT];

    EXPECT(
        reads("/api/dht/get", "{\"key\": \"" KEY "\", \"salt\": \"s\", \"first\": true, \"trace\": \"\"}"));
    EXPECT_STR(kad_id_format(&request.target, text), KEY);
    EXPECT(request.first && request.trace && request.record.salt.size == 1);
    EXPECT(!reads("/api/dht/get", "{}"));
    EXPECT_STR(params.why, "key: wanted, and not given");
    EXPECT(!reads("/api/dht/get", "{\"key\": \"" KEY "\\u0000\"}"));
    EXPECT(!reads("/api/dht/get", "{\"key\": \"" KEY "\", \"timeout_ms\": 0}"));
}

/* The salt in a link is used as if it had been given. */
TEST(get_takes_the_salt_of_a_link)
{
    EXPECT(reads(
        "/api/dht/get",
        "{\"key\": \"magnet:?xs=urn:btpk:77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548"
        "&s=666f6f626172\"}"));
    EXPECT_EQ(request.record.salt.size, 6);
    EXPECT_MEM(request.record.salt.data, "foobar", 6);
}

TEST(put_wraps_text_and_checks_what_is_bencoded)
{
    char text[KAD_ID_TEXT];

    EXPECT(reads("/api/dht/put", "{\"value\": \"Hello World!\"}"));
    EXPECT_EQ(request.record.type, KAD_RECORD_IMMUTABLE);
    EXPECT_EQ(request.record.value.size, 15);
    EXPECT_MEM(request.record.value.data, "12:Hello World!", 15);
    EXPECT_STR(kad_id_format(&request.target, text), "e5f96f6f38320f0f33959cb4d3d656452117aadb"); /* BEP 44 */
    EXPECT(reads("/api/dht/put", "{\"value_hex\": \"ff\"}"));
    EXPECT(reads("/api/dht/put", "{\"value\": \"\"}"));
    EXPECT(reads("/api/dht/put", "{\"bencoded_hex\": \"693165\"}")); /* i1e */
    EXPECT(!reads("/api/dht/put", "{\"bencoded_hex\": \"69303165\"}"));
    EXPECT_STR(params.why, "bencoded_hex: not one bencoded item in its canonical form");
    EXPECT(!reads("/api/dht/put", "{\"value\": \"a\", \"bencoded_hex\": \"693165\"}"));
    EXPECT(!reads("/api/dht/put", "{}"));
}

/* 1000 bytes are stored at most, of which a long string's length takes four. */
TEST(put_refuses_what_is_too_long)
{
    char json[2048];
    json_t *object;

    for (int size = 996; size <= 997; size++) {
        memset(json, 'a', (size_t)size);
        json[size] = 0;
        object = json_pack("{s:s}", "value", json);
        kad_params_clear(&params);
        kad_params_init(&params, object);
        memset(&request, 0, sizeof request);
        kad_route_find("/api/dht/put")->read(&params, &request);
        EXPECT_EQ(kad_params_finish(&params), size == 996);
    }
    EXPECT_STR(params.why, "value: longer than 1000 bytes once bencoded");
    kad_params_clear(&params);
}

/* A mutable value comes signed: without signature or sequence number it is incomplete. */
TEST(put_mutable_wants_all_its_parts)
{
#define PUBLIC \
    "\"value\": \"v\", \"public_key\": \"77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548\""
#define SIGNATURE                                                                                            \
    "\"signature\": "                                                                                        \
    "\"305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff1260d3f39e4999684aa92eb73ffd136e6f4f" \
    "3ecbfda0ce53a1608ecd7ae21f01\""
    EXPECT(reads("/api/dht/put", "{" PUBLIC ", " SIGNATURE ", \"seq\": 1, \"cas\": 0}"));
    EXPECT_EQ(request.record.type, KAD_RECORD_MUTABLE);
    EXPECT(request.has_cas && request.cas == 0 && request.record.sequence == 1);
    EXPECT(!reads("/api/dht/put", "{" PUBLIC ", " SIGNATURE "}"));
    EXPECT(!reads("/api/dht/put", "{" PUBLIC ", \"seq\": 1}"));
    EXPECT(
        !reads("/api/dht/put", "{\"value\": \"v\", \"seq\": 1}")); /* of an immutable one it means nothing */
    kad_params_clear(&params);
}
