/* Parameters mean the same from a query string and from JSON, and what is not understood is said. */
#include "http/params.h"

#include <string.h>

#include "base/test.h"

static struct kad_params params;

static void given(const char *json)
{
    kad_params_init(&params, json_loads(json, 0, NULL));
}

static void done(void)
{
    kad_params_clear(&params);
}

TEST(numbers_as_numbers_and_as_text)
{
    int64_t port = 0;

    given("{\"port\": 6881}");
    EXPECT(kad_params_number(&params, "port", 1, 65535, &port) && port == 6881);
    EXPECT(kad_params_finish(&params));
    done();
    given("{\"port\": \"6882\"}");
    EXPECT(kad_params_number(&params, "port", 1, 65535, &port) && port == 6882);
    EXPECT(kad_params_finish(&params));
    done();
}

TEST(wrong_numbers_say_what_is_wanted)
{
    static const char *const wrong[] = {"{\"port\": 0}",      "{\"port\": 65536}", "{\"port\": \"\"}",
                                        "{\"port\": \"1x\"}", "{\"port\": 1.5}",   "{\"port\": null}",
                                        "{\"port\": []}"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int64_t port = 7;

        given(wrong[i]);
        EXPECT(!kad_params_number(&params, "port", 1, 65535, &port));
        EXPECT_EQ(port, 7);
        EXPECT(!kad_params_finish(&params));
        EXPECT_STR(params.why, "port: a number from 1 to 65535 is wanted");
        done();
    }
}

TEST(a_bare_flag_means_yes)
{
    bool flag = false;

    given("{\"trace\": \"\"}"); /* GET ...?trace */
    EXPECT(kad_params_flag(&params, "trace", &flag) && flag);
    done();
    given("{\"trace\": false}");
    EXPECT(kad_params_flag(&params, "trace", &flag) && !flag);
    done();
    given("{\"trace\": \"maybe\"}");
    EXPECT(!kad_params_flag(&params, "trace", &flag));
    EXPECT_STR(params.why, "trace: true or false is wanted");
    done();
}

TEST(unknown_parameters_are_refused)
{
    given("{\"tarce\": true}");
    EXPECT(!kad_params_finish(&params));
    EXPECT_STR(params.why, "tarce: unknown parameter");
    done();
}

TEST(byte_strings_are_bounded)
{
    struct kad_bytes bytes = {0};
    char text[2 * KAD_PARAMS_BYTES + 64];
    const size_t half = KAD_PARAMS_BYTES / 2;

    given("{\"key\": \"00ff\"}");
    EXPECT(kad_params_hex(&params, "key", 2, 2, &bytes) && bytes.size == 2 && bytes.data[1] == 0xff);
    done();
    given("{\"key\": \"00f\"}");
    EXPECT(!kad_params_hex(&params, "key", 1, 2, &bytes));
    done();
    given("{\"key\": \"00ff00\"}");
    EXPECT(!kad_params_hex(&params, "key", 1, 2, &bytes));
    EXPECT_STR(params.why, "key: 2 to 4 hexadecimal digits are wanted");
    done();

    /* Two that fit alone and not together. */
    memset(text, 'a', sizeof text);
    kad_params_init(&params, json_object());
    json_object_set_new(params.object, "a", json_stringn(text, half));
    json_object_set_new(params.object, "b", json_stringn(text, half));
    EXPECT(kad_params_text(&params, "a", &bytes));
    EXPECT(!kad_params_text(&params, "b", &bytes));
    EXPECT_STR(params.why, "b: too long");
    done();
}

TEST(addresses_need_a_port)
{
    struct kad_endpoint endpoint;

    given("{\"address\": \"[::1]:6881\"}");
    EXPECT(kad_params_endpoint(&params, "address", &endpoint) && endpoint.family == KAD_IPV6 &&
           endpoint.port == 6881);
    done();
    given("{\"address\": \"127.0.0.1\"}");
    EXPECT(!kad_params_endpoint(&params, "address", &endpoint));
    done();
    given("{\"address\": 6881}");
    EXPECT(!kad_params_endpoint(&params, "address", &endpoint));
    done();
}
