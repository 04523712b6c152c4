/* The handshake of RFC 6455's own example, and requests as methods. Frames: fuzz/websocket_fuzz.c, tests/http. */
#include "http/websocket.h"
#include "node/ws_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "http/json.h"
#include "http/websocket_request.h"

/* Section 1.3. */
TEST(the_answer_to_a_key)
{
    char accept[KAD_WS_ACCEPT];

    EXPECT(kad_ws_accept("dGhlIHNhbXBsZSBub25jZQ==", accept));
    EXPECT_STR(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(what_is_no_key)
{
    static const char *const keys[] = {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
                                       "dGhlIHNhbXBsZSBub25jZSEh", "dGhlIHNhbXBsZSBub25j!Q=="};
    char accept[KAD_WS_ACCEPT];

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        EXPECT_MSG(!kad_ws_accept(keys[i], accept), "%s", keys[i]);
}

/* A method is a path, asked with the verb that its parameters go with; strangers may what a GET may. */
TEST(methods_are_paths)
{
    static const struct {
        const char *text, *path, *verb;
        bool reads;
    } cases[] = {
        {"{\"id\": 1, \"method\": \"get\"}", "/api/dht/get", "POST", true},
        {"{\"id\": 1, \"method\": \"dht/get\"}", "/api/dht/get", "POST", true},
        {"{\"id\": 1, \"method\": \"put\"}", "/api/dht/put", "POST", false},
        {"{\"id\": 1, \"method\": \"peers\"}", "/api/dht/peers", "POST", true},
        {"{\"id\": 1, \"method\": \"network/peers\"}", "/api/network/peers", "GET", true},
        {"{\"id\": 1, \"method\": \"settings\"}", "/api/settings", "GET", true},
        {"{\"id\": 1, \"method\": \"settings\", \"params\": {\"alpha\": 4}}", "/api/settings", "PATCH",
         false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct kad_bytes text = {(const uint8_t *)cases[i].text, strlen(cases[i].text)};
        struct kad_websocket_request request;
        char why[256];

        EXPECT_MSG(kad_websocket_request_read(text, &request, why, sizeof why), "%s", why);
        EXPECT(request.route != NULL);
        EXPECT_STR(request.route->path, cases[i].path);
        EXPECT_STR(request.verb, cases[i].verb);
        EXPECT_EQ(request.reads, cases[i].reads);
        json_decref(request.id);
        json_decref(request.params);
    }
}

TEST(answers_and_failures)
{
    char *text = kad_websocket_answer(
        json_integer(7), (struct kad_api_answer){.status = 200, .json = json_pack("{s:i}", "a", 1)});

    EXPECT_STR(text, "{\"id\":7,\"result\":{\"a\":1}}");
    free(text);
    text = kad_websocket_answer(
        json_string("x"), (struct kad_api_answer){.status = 404, .json = kad_json_error("not found", "why")});
    EXPECT_STR(text, "{\"id\":\"x\",\"error\":{\"error\":\"not found\",\"reason\":\"why\",\"status\":404}}");
    free(text);
}

/* What was put into words before is the same JSON here as over HTTP, not a text of it. */
TEST(answers_that_are_text_already)
{
    char *text = kad_websocket_answer(json_string("a\"b"), (struct kad_api_answer){
                                                               .status = 200,
                                                               .text = strdup("{\"samples\":[1,2]}"),
                                                               .content_type = "application/json",
                                                           });

    EXPECT_STR(text, "{\"id\":\"a\\\"b\",\"result\":{\"samples\":[1,2]}}");
    free(text);
}
