#include "base/test.h"
#include "net/resolve.h"

#include <string.h>

#include "base/endpoint.h"

struct outcome {
    int n_calls, error;
    struct kad_endpoint found[KAD_RESOLVE_MAX];
    size_t n;
};

static void done(void *context, int error, const char *why, const struct kad_endpoint *found, size_t n)
{
    struct outcome *outcome = context;

    EXPECT(why != NULL);
    outcome->n_calls++;
    outcome->error = error;
    outcome->n = n;
    if (n)
        memcpy(outcome->found, found, n * sizeof(*found));
}

/* Numeric text stands for every name: no test may ask a name server. */
TEST(a_name_becomes_endpoints_with_its_port)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};

    for (size_t i = 0; i < 2; i++) {
        struct outcome outcome = {0};
        struct kad_resolve *resolve;
        uv_loop_t loop;

        EXPECT_EQ(uv_loop_init(&loop), 0);
        EXPECT_EQ(kad_resolve_start(&loop, &kad_allocator_system, hosts[i], 6881, done, &outcome, &resolve),
                  0);
        uv_run(&loop, UV_RUN_DEFAULT);
        EXPECT_EQ(uv_loop_close(&loop), 0);
        EXPECT_EQ(outcome.n_calls, 1);
        EXPECT_EQ(outcome.error, 0);
        EXPECT_EQ(outcome.n, 1);
        EXPECT_EQ(outcome.found[0].port, 6881);
        EXPECT_EQ(outcome.found[0].family, i == 0 ? KAD_IPV4 : KAD_IPV6);
        EXPECT_EQ(kad_endpoint_scope(&outcome.found[0]), KAD_SCOPE_LOOPBACK);
    }
}

/* A name that is none fails without a question to anybody (the label is too long for DNS). */
TEST(a_name_that_cannot_be_is_reported)
{
    struct outcome outcome = {0};
    struct kad_resolve *resolve;
    char host[100];
    uv_loop_t loop;

    memset(host, 'x', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    EXPECT_EQ(uv_loop_init(&loop), 0);
    EXPECT_EQ(kad_resolve_start(&loop, &kad_allocator_system, host, 6881, done, &outcome, &resolve), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    EXPECT_EQ(outcome.n_calls, 1);
    EXPECT_EQ(outcome.error, KAD_E_NOT_FOUND);
}

/* A node that stops must not be called back later, and nothing may leak. */
TEST(a_forgotten_lookup_is_silent)
{
    struct outcome outcome = {0};
    struct kad_resolve *resolve;
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    EXPECT_EQ(kad_resolve_start(&loop, &kad_allocator_system, "127.0.0.1", 1, done, &outcome, &resolve), 0);
    kad_resolve_forget(resolve);
    uv_run(&loop, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    EXPECT_EQ(outcome.n_calls, 0);
}

TEST(host_and_port_are_told_apart)
{
    static const struct {
        const char *text;
        uint16_t default_port;
        int error;
        const char *host;
        uint16_t port;
    } cases[] = {
        {"router.example.org:6881", 0, 0, "router.example.org", 6881},
        {"router.example.org", 7, 0, "router.example.org", 7},
        {"[::1]:80", 0, 0, "::1", 80},
        {"[::1]", 9, 0, "::1", 9},
        {"router.example.org", 0, KAD_E_INVALID, "", 0},
        {"a:0", 1, KAD_E_INVALID, "", 0},
        {"a:65536", 1, KAD_E_INVALID, "", 0},
        {"a:x", 1, KAD_E_INVALID, "", 0},
        {"a:", 1, KAD_E_INVALID, "", 0},
        {":80", 1, KAD_E_INVALID, "", 0},
        {"", 1, KAD_E_INVALID, "", 0},
        {"[::1", 1, KAD_E_INVALID, "", 0},
        {"[::1]80", 1, KAD_E_INVALID, "", 0},
        {"a b:1", 1, KAD_E_INVALID, "", 0},
        {"http://a:1", 1, KAD_E_INVALID, "", 0},
    };

    for (size_t i = 0; i < KAD_COUNT_OF(cases); i++) {
        char host[KAD_RESOLVE_HOST] = "";
        uint16_t port = 0;
        const int error = kad_resolve_split(cases[i].text, cases[i].default_port, host, &port);

        EXPECT_MSG(error == cases[i].error, "\"%s\"", cases[i].text);
        EXPECT_STR(host, cases[i].host);
        EXPECT_EQ(port, cases[i].port);
    }
}
